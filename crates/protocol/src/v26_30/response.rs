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
