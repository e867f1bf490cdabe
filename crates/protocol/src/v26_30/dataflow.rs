//! What dataflow descriptions hold; the description itself is of `shape::command`.
//! Source: `spec/ctp.md`
//! §2.5, §2.6, §2.7.
//!
//! Invariants: serde order is wire order; sources and sinks carry SQL types,
//! indexes carry representation types.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ColumnOrder, MapFilterProject, MirScalarExpr};
use repr::{
    Antichain, CatalogItemId, GlobalId, RelationDesc, ReprRelationType, ShardId, SqlRelationType,
    Timestamp,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceImport {
    pub desc: SourceInstanceDesc,
    pub monotonic: bool,
    pub with_snapshot: bool,
    pub upper: Antichain,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceInstanceDesc {
    pub arguments: SourceInstanceArguments,
    pub storage_metadata: CollectionMetadata,
    pub typ: SqlRelationType,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceInstanceArguments {
    pub operators: Option<MapFilterProject>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexImport {
    pub desc: IndexDesc,
    pub typ: ReprRelationType,
    pub monotonic: bool,
    pub with_snapshot: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexDesc {
    pub on_id: GlobalId,
    pub key: Vec<MirScalarExpr>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefreshSchedule {
    pub everies: Vec<RefreshEvery>,
    pub ats: Vec<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefreshEvery {
    pub interval: Duration,
    pub aligned_to: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeDependence {
    pub schedule: Option<RefreshSchedule>,
    pub dependence: Vec<TimeDependence>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComputeSinkDesc {
    pub from: GlobalId,
    pub from_desc: RelationDesc,
    pub connection: ComputeSinkConnection,
    pub with_snapshot: bool,
    pub up_to: Antichain,
    pub non_null_assertions: Vec<usize>,
    pub refresh_schedule: Option<RefreshSchedule>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ComputeSinkConnection {
    Subscribe(SubscribeSinkConnection),
    MaterializedView(Box<MaterializedViewSinkConnection>),
    CopyToS3Oneshot(Box<CopyToS3OneshotSinkConnection>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubscribeSinkConnection {
    pub output: Vec<ColumnOrder>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaterializedViewSinkConnection {
    pub value_desc: RelationDesc,
    pub storage_metadata: CollectionMetadata,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CopyToS3OneshotSinkConnection {
    pub upload_info: S3UploadInfo,
    pub aws_connection: AwsConnection,
    pub connection_id: CatalogItemId,
    pub output_batch_count: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct S3UploadInfo {
    pub uri: String,
    pub max_file_size: u64,
    pub desc: RelationDesc,
    pub format: S3SinkFormat,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum S3SinkFormat {
    PgCopy(CopyFormatParams),
    Parquet,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CopyFormatParams {
    Text(CopyTextFormatParams),
    Csv(CopyCsvFormatParams),
    Binary,
    Parquet,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CopyTextFormatParams {
    pub null: String,
    pub delimiter: u8,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CopyCsvFormatParams {
    pub delimiter: u8,
    pub quote: u8,
    pub escape: u8,
    pub header: bool,
    pub null: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AwsConnection {
    pub auth: AwsAuth,
    pub region: Option<String>,
    pub endpoint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum AwsAuth {
    Credentials(AwsCredentials),
    AssumeRole(AwsAssumeRole),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AwsCredentials {
    pub access_key_id: StringOrSecret,
    pub secret_access_key: CatalogItemId,
    pub session_token: Option<StringOrSecret>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AwsAssumeRole {
    pub arn: String,
    pub session_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StringOrSecret {
    String(String),
    Secret(CatalogItemId),
}

/// Where a collection lies in persist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CollectionMetadata {
    pub persist_location: PersistLocation,
    pub data_shard: ShardId,
    pub relation_desc: RelationDesc,
    pub txns_shard: Option<ShardId>,
}

/// Two URLs, normalised, passwords included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersistLocation {
    pub blob_uri: String,
    pub consensus_uri: String,
}
