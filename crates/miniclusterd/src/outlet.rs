//! Where the responses of the workers of one process become the stream of one
//! connection. Source: `spec/replica.md` §2.4.
//!
//! Invariant: a connection's stream starts fresh.

use super::compute::Outgoing;
use super::mutants::{Mutant, Mutants};
use protocol::merge::Merger;
use protocol::v26_30::{ComputeCommand, ComputeResponse};

/// The stream of one connection.
#[derive(Debug)]
pub struct Outlet {
    merger: Merger,
    mutants: Mutants,
    reconnected: bool,
}

impl Outlet {
    /// Over `workers` workers; `reconnected` says whether there was a
    /// connection before.
    pub fn new(workers: usize, mutants: Mutants, reconnected: bool) -> Self {
        Outlet {
            merger: Merger::new(workers),
            mutants,
            reconnected,
        }
    }

    /// Takes note of a command that goes to the workers.
    pub fn observe(&mut self, command: &ComputeCommand) {
        self.merger.observe(command);
    }

    /// What goes out because of a response of a worker of this process.
    pub fn absorb(&mut self, worker: usize, response: Outgoing) -> Vec<ComputeResponse> {
        let mut out = match response {
            Outgoing::Merged(response) => self.merger.absorb(worker, response),
            Outgoing::Direct(response) => vec![response],
        };
        // Mutant: what is answered after a reconnect is answered twice.
        if self.reconnected && self.mutants.is(Mutant::PeekAnsweredTwice) {
            let peeks = out.clone().into_iter().filter(is_peek);
            out.extend(peeks.collect::<Vec<_>>());
        }
        out
    }
}

fn is_peek(response: &ComputeResponse) -> bool {
    match response {
        ComputeResponse::PeekResponse(..) => true,
        ComputeResponse::Frontiers(..)
        | ComputeResponse::SubscribeResponse(..)
        | ComputeResponse::CopyToResponse(..)
        | ComputeResponse::Status(_) => false,
    }
}
