//! What a replica says to a client. Source: `spec/ctp.md` §3.
//!
//! Invariant: serde order is wire order.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{OpenTelemetryContext, RowCollection, StashedPeekResponse, UpdateCollection};
use repr::{Antichain, GlobalId};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ComputeResponse {
    Frontiers(GlobalId, FrontiersResponse),
    PeekResponse(Uuid, PeekResponse, OpenTelemetryContext),
    SubscribeResponse(GlobalId, SubscribeResponse),
    CopyToResponse(GlobalId, CopyToResponse),
    Status(StatusResponse),
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FrontiersResponse {
    pub write_frontier: Option<Antichain>,
    pub input_frontier: Option<Antichain>,
    pub output_frontier: Option<Antichain>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PeekResponse {
    Rows(Vec<RowCollection>),
    Stashed(Box<StashedPeekResponse>),
    Error(String),
    Canceled,
}

impl PeekResponse {
    /// The rows that the answer came with, if it has rows: those of a stashed one
    /// once its batches were read.
    pub fn collections(&self) -> Option<&[RowCollection]> {
        match self {
            PeekResponse::Rows(rows) => Some(rows),
            PeekResponse::Stashed(stashed) if stashed.batches.is_empty() => {
                Some(&stashed.inline_rows)
            }
            PeekResponse::Stashed(_) | PeekResponse::Error(_) | PeekResponse::Canceled => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SubscribeResponse {
    Batch(SubscribeBatch),
    DroppedAt(Antichain),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubscribeBatch {
    pub lower: Antichain,
    pub upper: Antichain,
    pub updates: Result<Vec<UpdateCollection>, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CopyToResponse {
    RowCount(u64),
    Error(String),
    Dropped,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StatusResponse {
    Placeholder,
}
