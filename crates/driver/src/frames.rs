//! What crosses the connections of a driver, kept for a record of a run.
//!
//! Invariant: frames stand in the order in which the driver sent and heard them; those
//! of several processes of a replica as the driver means them: a command once, responses
//! merged.

use std::sync::Arc;

use protocol::neutral::ComputeCommand;
use protocol::v26_30::ComputeResponse;
use protocol::{Release, wire};
use script::Replica;

/// One message on a connection.
#[derive(Debug, Clone)]
pub struct Frame {
    pub replica: Replica,
    /// The connections with this replica, from 1.
    pub connection: u64,
    pub said: Said,
}

/// A message.
#[derive(Debug, Clone)]
pub enum Said {
    ByDriver(Box<ComputeCommand>),
    ByReplica(Arc<ComputeResponse>),
}

impl Said {
    /// The payload on the wire of a release.
    ///
    /// Errors: a command that the release has no form for.
    pub fn payload(&self, release: Release) -> Result<Vec<u8>, String> {
        match self {
            Said::ByDriver(command) => {
                let payload = release.encode_command(command.as_ref().clone());
                payload.map_err(|error| error.to_string())
            }
            // Responses are the same in every release.
            Said::ByReplica(response) => Ok(wire::encode(response.as_ref())),
        }
    }
}
