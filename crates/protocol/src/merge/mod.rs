//! One stream of responses out of several: of the workers of a process, and of
//! the processes of a replica. Source: `spec/replica.md` §2.4, §6.3.
//!
//! Invariants: what comes out depends on the order only where the source says
//! so (which error, which part was dropped first); a part that breaks the
//! protocol causes neither a panic nor silence: what it says too much is handed
//! out as it came, so that a check of the stream sees it.

mod copy_to;
mod frontiers;
mod peek;
mod size;
mod subscribe;

use std::collections::BTreeMap;

use uuid::Uuid;

use self::copy_to::CopyTo;
use self::frontiers::Frontiers;
use self::peek::PendingPeek;
use self::subscribe::Subscribe;
use crate::neutral::ComputeCommand;
use crate::v26_30::ComputeResponse;
use repr::GlobalId;

pub use size::ByteSize;

/// Merges the responses of the parts `0..parts` of one connection. Its state
/// starts fresh with each connection.
///
/// Not transparent even for one part: a frontier that does not advance is
/// swallowed, and answers gain an empty collection in front.
#[derive(Debug)]
pub struct Merger {
    parts: usize,
    /// Bytes; of the last configuration on this connection.
    max_result_size: u64,
    frontiers: BTreeMap<GlobalId, Frontiers>,
    peeks: BTreeMap<Uuid, PendingPeek>,
    subscribes: BTreeMap<GlobalId, Subscribe>,
    copies: BTreeMap<GlobalId, CopyTo>,
}

impl Merger {
    /// A fresh state over `parts` parts (1 or more).
    pub fn new(parts: usize) -> Self {
        Merger {
            parts,
            max_result_size: u64::MAX,
            frontiers: BTreeMap::new(),
            peeks: BTreeMap::new(),
            subscribes: BTreeMap::new(),
            copies: BTreeMap::new(),
        }
    }

    /// Takes note of a command that goes to the parts: a configuration bounds
    /// the size of merged results.
    pub fn observe(&mut self, command: &ComputeCommand) {
        if let ComputeCommand::UpdateConfiguration(parameters) = command
            && let Some(bytes) = parameters.max_result_size
        {
            self.max_result_size = bytes;
        }
    }

    /// Takes one response of part `part` and gives what the merged stream says
    /// because of it: usually nothing or one response.
    pub fn absorb(&mut self, part: usize, response: ComputeResponse) -> Vec<ComputeResponse> {
        if part >= self.parts {
            return vec![response];
        }
        match response {
            ComputeResponse::Frontiers(id, frontiers) => {
                let entry = self
                    .frontiers
                    .entry(id)
                    .or_insert_with(|| Frontiers::new(self.parts));
                let merged = entry.absorb(part, &frontiers);
                if entry.is_done() {
                    self.frontiers.remove(&id);
                }
                merged
                    .map(|merged| ComputeResponse::Frontiers(id, merged))
                    .into_iter()
                    .collect()
            }
            ComputeResponse::PeekResponse(uuid, response, otel_ctx) => {
                let entry = self
                    .peeks
                    .entry(uuid)
                    .or_insert_with(|| PendingPeek::new(self.parts));
                let merged = match entry.absorb(part, response, self.max_result_size) {
                    peek::Absorbed::Waiting => return Vec::new(),
                    peek::Absorbed::Twice(response) => response,
                    peek::Absorbed::Complete(response) => {
                        self.peeks.remove(&uuid);
                        response
                    }
                };
                vec![ComputeResponse::PeekResponse(uuid, merged, otel_ctx)]
            }
            ComputeResponse::SubscribeResponse(id, response) => {
                let entry = self
                    .subscribes
                    .entry(id)
                    .or_insert_with(|| Subscribe::new(self.parts));
                let merged = entry.absorb(part, response, self.max_result_size);
                if entry.is_done() {
                    self.subscribes.remove(&id);
                }
                merged
                    .map(|merged| ComputeResponse::SubscribeResponse(id, merged))
                    .into_iter()
                    .collect()
            }
            ComputeResponse::CopyToResponse(id, response) => {
                let entry = self
                    .copies
                    .entry(id)
                    .or_insert_with(|| CopyTo::new(self.parts));
                let merged = match entry.absorb(part, response) {
                    copy_to::Absorbed::Waiting => return Vec::new(),
                    copy_to::Absorbed::Twice(response) => response,
                    copy_to::Absorbed::Complete(response) => {
                        self.copies.remove(&id);
                        response
                    }
                };
                vec![ComputeResponse::CopyToResponse(id, merged)]
            }
            ComputeResponse::Status(status) => vec![ComputeResponse::Status(status)],
        }
    }
}

#[cfg(test)]
mod tests;
