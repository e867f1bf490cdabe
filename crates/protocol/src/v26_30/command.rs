//! What a client says to a replica. Source: `spec/ctp.md` §2.
//!
//! Invariant: serde order is wire order.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    CollectionMetadata, ColumnOrder, MapFilterProject, PersistLocation, SafeMfpPlan, V26_30,
};
use crate::shape;
use repr::{GlobalId, RelationDesc, Row, Timestamp};

pub type ComputeCommand = shape::ComputeCommand<V26_30>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceConfig {
    pub logging: LoggingConfig,
    pub expiration_offset: Option<Duration>,
    pub peek_stash_persist_location: PersistLocation,
    pub arrangement_dictionary_compression: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LoggingConfig {
    pub interval: Duration,
    pub enable_logging: bool,
    pub log_logging: bool,
    pub index_logs: BTreeMap<LogVariant, GlobalId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LogVariant {
    Timely(TimelyLog),
    Differential(DifferentialLog),
    Compute(ComputeLog),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TimelyLog {
    Operates,
    Channels,
    Elapsed,
    Histogram,
    Addresses,
    Parks,
    MessagesSent,
    MessagesReceived,
    Reachability,
    BatchesSent,
    BatchesReceived,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DifferentialLog {
    ArrangementBatches,
    ArrangementRecords,
    Sharing,
    BatcherRecords,
    BatcherSize,
    BatcherCapacity,
    BatcherAllocations,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ComputeLog {
    DataflowCurrent,
    FrontierCurrent,
    PeekCurrent,
    PeekDuration,
    ImportFrontierCurrent,
    ArrangementHeapSize,
    ArrangementHeapCapacity,
    ArrangementHeapAllocations,
    ErrorCount,
    HydrationTime,
    OperatorHydrationStatus,
    LirMapping,
    DataflowGlobal,
    PrometheusMetrics,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ComputeParameters {
    pub workload_class: Option<Option<String>>,
    pub max_result_size: Option<u64>,
    pub tracing: TracingParameters,
    pub grpc_client: GrpcClientParameters,
    pub dyncfg_updates: ConfigUpdates,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TracingParameters {
    pub log_filter: Option<String>,
    pub opentelemetry_filter: Option<String>,
    pub log_filter_defaults: Vec<String>,
    pub opentelemetry_filter_defaults: Vec<String>,
    pub sentry_filters: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GrpcClientParameters {
    pub connect_timeout: Option<Duration>,
    pub http2_keep_alive_interval: Option<Duration>,
    pub http2_keep_alive_timeout: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ConfigUpdates {
    pub updates: BTreeMap<String, ConfigVal>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ConfigVal {
    Bool(bool),
    U32(u32),
    Usize(usize),
    OptUsize(Option<usize>),
    F64(f64),
    String(String),
    OptString(Option<String>),
    Duration(Duration),
    /// Compact JSON text.
    Json(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peek {
    pub target: PeekTarget,
    /// The rows after the MFP and before the finishing.
    pub result_desc: RelationDesc,
    /// Never Some of nothing.
    pub literal_constraints: Option<Vec<Row>>,
    pub uuid: Uuid,
    pub timestamp: Timestamp,
    pub finishing: RowSetFinishing,
    pub map_filter_project: SafeMfpPlan,
    pub otel_ctx: OpenTelemetryContext,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PeekTarget {
    Index {
        id: GlobalId,
    },
    Persist {
        id: GlobalId,
        metadata: Box<CollectionMetadata>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowSetFinishing {
    pub order_by: Vec<ColumnOrder>,
    /// Never negative between well-behaved peers.
    pub limit: Option<i64>,
    pub offset: usize,
    pub project: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OpenTelemetryContext {
    pub inner: BTreeMap<String, String>,
}

impl Peek {
    /// A peek of everything: identity MFP, no literals, trivial finishing.
    pub fn identity(
        target: PeekTarget,
        result_desc: RelationDesc,
        uuid: Uuid,
        timestamp: Timestamp,
    ) -> Self {
        let arity = result_desc.arity();
        Peek {
            target,
            result_desc,
            literal_constraints: None,
            uuid,
            timestamp,
            finishing: RowSetFinishing {
                order_by: Vec::new(),
                limit: None,
                offset: 0,
                project: (0..arity).collect(),
            },
            map_filter_project: SafeMfpPlan {
                mfp: MapFilterProject::identity(arity),
            },
            otel_ctx: OpenTelemetryContext::default(),
        }
    }
}
