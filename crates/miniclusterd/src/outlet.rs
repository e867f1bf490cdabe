//! The responses of the workers of one process as the stream of one connection. Source: `spec/replica.md` §2.4.
//!
//! Invariant: a connection's stream starts fresh.

use super::compute::Outgoing;
use super::mutants::ConnectionSeams;
use protocol::merge::Merger;
use protocol::neutral::ComputeCommand;
use protocol::v26_30::ComputeResponse;

/// The stream of one connection.
#[derive(Debug)]
pub struct Outlet {
    merger: Merger,
    seams: ConnectionSeams,
}

impl Outlet {
    /// Over `workers` workers.
    pub fn new(workers: usize, seams: ConnectionSeams) -> Self {
        Outlet {
            merger: Merger::new(workers),
            seams,
        }
    }

    /// Takes note of a command that goes to the workers.
    pub fn observe(&mut self, command: &ComputeCommand) {
        self.merger.observe(&self.seams.observed(command));
    }

    /// The responses that go out because of one of a worker of this process.
    pub fn absorb(&mut self, worker: usize, response: Outgoing) -> Vec<ComputeResponse> {
        self.seams.responses(match response {
            Outgoing::Merged(response) => self.merger.absorb(worker, response),
            Outgoing::Direct(response) => vec![response],
        })
    }
}
