//! What the driver remembers of one session: merged frontiers, answers of
//! peeks, contents of subscribes. Source: `spec/script.md` §2.6, §2.7, §6a.
//!
//! Invariant: everything that arrives is kept, whether a command waits for it
//! or not; nothing survives into the next session.

use std::collections::BTreeMap;

use uuid::Uuid;

use protocol::v26_30::{
    ComputeResponse, FrontiersResponse, PeekResponse, SubscribeBatch, SubscribeResponse,
    UpdateCollection,
};
use repr::{Antichain, GlobalId};

/// The last reported frontiers of one collection; absent kinds were never
/// reported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontiers {
    pub write: Option<Antichain>,
    pub input: Option<Antichain>,
    pub output: Option<Antichain>,
}

/// What a subscribe has sent so far and no command has taken yet.
#[derive(Debug, Clone)]
pub struct Subscribe {
    pub upper: Antichain,
    pub updates: Vec<UpdateCollection>,
    /// The first error; it poisons the subscribe for good.
    pub error: Option<String>,
    /// Its last word was said: an empty upper, or where it was dropped.
    pub ended: bool,
}

impl Default for Subscribe {
    fn default() -> Self {
        Subscribe {
            upper: Antichain::minimum(),
            updates: Vec::new(),
            error: None,
            ended: false,
        }
    }
}

/// The state of one session.
#[derive(Debug, Default)]
pub struct Session {
    frontiers: BTreeMap<GlobalId, Frontiers>,
    /// None once the answer was taken.
    answers: BTreeMap<Uuid, Option<PeekResponse>>,
    subscribes: BTreeMap<GlobalId, Subscribe>,
}

impl Session {
    /// Takes note of a response.
    pub fn absorb(&mut self, response: &ComputeResponse) {
        match response {
            ComputeResponse::Frontiers(id, reported) => {
                let FrontiersResponse {
                    write_frontier,
                    input_frontier,
                    output_frontier,
                } = reported;
                let known = self.frontiers.entry(*id).or_default();
                for (known, reported) in [
                    (&mut known.write, write_frontier),
                    (&mut known.input, input_frontier),
                    (&mut known.output, output_frontier),
                ] {
                    if let Some(frontier) = reported {
                        *known = Some(frontier.clone());
                    }
                }
            }
            ComputeResponse::PeekResponse(uuid, answer, _context) => {
                // A second answer is a finding of the invariants; what a waiting
                // command sees is the first one.
                (self.answers.entry(*uuid)).or_insert_with(|| Some(answer.clone()));
            }
            ComputeResponse::SubscribeResponse(id, response) => {
                let subscribe = self.subscribes.entry(*id).or_default();
                match response {
                    SubscribeResponse::Batch(SubscribeBatch {
                        lower: _,
                        upper,
                        updates,
                    }) => {
                        subscribe.upper = upper.clone();
                        subscribe.ended |= upper.is_empty();
                        match updates {
                            Ok(updates) => subscribe.updates.extend(updates.iter().cloned()),
                            Err(text) => {
                                subscribe.error.get_or_insert_with(|| text.clone());
                            }
                        }
                    }
                    SubscribeResponse::DroppedAt(frontier) => {
                        subscribe.upper = frontier.clone();
                        subscribe.ended = true;
                    }
                }
            }
            ComputeResponse::CopyToResponse(_, _) | ComputeResponse::Status(_) => {}
        }
    }

    /// The last reported frontiers of a collection.
    pub fn frontiers(&self, id: GlobalId) -> Frontiers {
        self.frontiers.get(&id).cloned().unwrap_or_default()
    }

    /// Whether a peek was answered, even if the answer was taken.
    pub fn answered(&self, uuid: Uuid) -> bool {
        self.answers.contains_key(&uuid)
    }

    /// The answer of a peek, once.
    pub fn take_answer(&mut self, uuid: Uuid) -> Option<PeekResponse> {
        self.answers.get_mut(&uuid)?.take()
    }

    /// The upper of a subscribe; `[0]` before its first batch.
    pub fn subscribe_upper(&self, id: GlobalId) -> Antichain {
        self.subscribes
            .get(&id)
            .map_or_else(Antichain::minimum, |subscribe| subscribe.upper.clone())
    }

    /// Whether a subscribe has said its last word.
    pub fn subscribe_ended(&self, id: GlobalId) -> bool {
        self.subscribes.get(&id).is_some_and(|s| s.ended)
    }

    /// Takes what a subscribe has sent since the last time.
    ///
    /// Errors: the error that poisoned it.
    pub fn drain_subscribe(&mut self, id: GlobalId) -> Result<Vec<UpdateCollection>, String> {
        let subscribe = self.subscribes.entry(id).or_default();
        match &subscribe.error {
            Some(text) => Err(text.clone()),
            None => Ok(std::mem::take(&mut subscribe.updates)),
        }
    }
}
