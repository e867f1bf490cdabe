//! The command vocabulary: everything a script can say, as one enum. The text
//! form (`text`), the JSON form (`json`), the runner, the generator and the
//! shrinker all speak in these values. As serde sees a command is its JSON form.
//! Source: `spec/script.md` §2, §5.
//!
//! Invariant: a command is plain data; what it refers to by name (shards,
//! schemas, peeks) is resolved when it runs. Commands beyond the upstream
//! vocabulary are marked *extension*; a script without them runs under
//! upstream's own driver.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cell::{Cell, RowLine};
use super::json_forms::{bare, rows};
use super::replica::Replica;
use plan::Relation;
use repr::{GlobalId, Timestamp};

/// How long a wait lasts unless the script says otherwise (`spec/script.md` §2.9).
pub const DEFAULT_TIMEOUT_SECS: u64 = 600;

/// The width of synthetic texts unless the script says otherwise.
pub const DEFAULT_ROW_BYTES: usize = 64;

/// The first id of the dataflows that `count` makes (`spec/script.md` §2.9).
pub const EPHEMERAL_BASE: u64 = u64::MAX / 2;

/// One step of a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "cmd", rename_all = "snake_case")]
pub enum Command {
    CreateInstance {
        /// A humantime duration, as written.
        #[serde(skip_serializing_if = "Option::is_none")]
        expiration_offset: Option<String>,
        #[serde(default, skip_serializing_if = "is_false")]
        arrangement_dictionary_compression: bool,
        /// The configuration that the instance begins with; releases before 26.39
        /// are not told of it (`spec/script.md` §6).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        settings: Vec<Setting>,
    },
    UpdateConfiguration {
        #[serde(rename = "updates", default)]
        settings: Vec<Setting>,
    },
    InitializationComplete,
    Reconnect,
    DefineSchema {
        name: String,
        columns: Vec<ColumnDef>,
    },
    /// `count` synthetic rows, all at `ts`.
    WriteSingleTs {
        shard: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        schema: Option<String>,
        ts: Timestamp,
        #[serde(alias = "rows")]
        count: u64,
        #[serde(default)]
        start: u64,
        #[serde(default = "default_row_bytes")]
        row_bytes: usize,
    },
    /// `count` synthetic rows, the k-th at `k mod n_ts`, into a fresh shard.
    WriteSpread {
        shard: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        schema: Option<String>,
        #[serde(alias = "rows")]
        count: u64,
        n_ts: u64,
        #[serde(default)]
        start: u64,
        #[serde(default = "default_row_bytes")]
        row_bytes: usize,
    },
    /// Explicit rows at `ts`; no rows only advance the upper.
    WriteRows {
        shard: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        schema: Option<String>,
        ts: Timestamp,
        /// *Extension*: the parts of the batch go to blob, however small, and one is
        /// cut when it has reached so many bytes (`spec/persist.md` §5.6). Without it
        /// they are as upstream's writers make them: small ones go into the state,
        /// which have no statistics.
        #[serde(skip_serializing_if = "Option::is_none")]
        part_bytes: Option<u64>,
        #[serde(flatten, with = "rows")]
        rows: Vec<RowLine>,
    },
    DefineIndex {
        #[serde(rename = "source_id", with = "bare")]
        source: GlobalId,
        #[serde(rename = "index_id", with = "bare")]
        index: GlobalId,
        shard: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        schema: Option<String>,
        key: Vec<usize>,
        as_of: Timestamp,
        upper: Timestamp,
    },
    CreateDataflow(CreateDataflow),
    Schedule {
        #[serde(with = "bare")]
        id: GlobalId,
    },
    /// `None` is the empty frontier, which drops the collection (*extension*:
    /// upstream's text cannot express it).
    AllowCompaction {
        #[serde(with = "bare")]
        id: GlobalId,
        /// Naming the function makes the field mandatory in JSON, where null is
        /// the empty frontier: leaving it out must not drop a collection.
        #[serde(deserialize_with = "Option::deserialize")]
        frontier: Option<Timestamp>,
    },
    AllowWrites {
        #[serde(with = "bare")]
        id: GlobalId,
    },
    AwaitFrontier {
        #[serde(with = "bare")]
        id: GlobalId,
        ts: Timestamp,
        #[serde(
            default = "default_timeout",
            skip_serializing_if = "is_default_timeout"
        )]
        timeout_secs: u64,
        #[serde(default, skip_serializing_if = "is_false")]
        allow_timeout: bool,
    },
    /// Counts the rows of an index on the replica, by a dataflow of its own.
    Count {
        #[serde(with = "bare")]
        id: GlobalId,
        ts: Timestamp,
    },
    Peek {
        #[serde(with = "bare")]
        id: GlobalId,
        #[serde(skip_serializing_if = "Option::is_none")]
        schema: Option<String>,
        ts: Timestamp,
        /// *Extension* unless it is everything.
        #[serde(flatten)]
        selection: Selection,
    },
    /// A peek counted in the driver (JSON `peek_count`).
    PeekCount {
        #[serde(with = "bare")]
        id: GlobalId,
        #[serde(skip_serializing_if = "Option::is_none")]
        schema: Option<String>,
        ts: Timestamp,
    },
    /// A peek counted in the driver that must give `count` (JSON `expect_count`).
    ExpectCount {
        #[serde(with = "bare")]
        id: GlobalId,
        #[serde(skip_serializing_if = "Option::is_none")]
        schema: Option<String>,
        ts: Timestamp,
        count: u64,
    },
    /// The inner command must fail (JSON `expect_error`).
    ExpectError {
        command: Box<Command>,
    },
    AwaitSubscribe {
        #[serde(with = "bare")]
        id: GlobalId,
        up_to: Timestamp,
        #[serde(
            default = "default_timeout",
            skip_serializing_if = "is_default_timeout"
        )]
        timeout_secs: u64,
    },
    /// *Extension*: sends a peek and does not wait for its answer.
    StartPeek {
        peek: String,
        #[serde(with = "bare")]
        id: GlobalId,
        #[serde(skip_serializing_if = "Option::is_none")]
        schema: Option<String>,
        ts: Timestamp,
        #[serde(flatten)]
        selection: Selection,
    },
    /// *Extension*: waits for the answer of a started peek.
    AwaitPeek {
        peek: String,
        #[serde(
            default = "default_timeout",
            skip_serializing_if = "is_default_timeout"
        )]
        timeout_secs: u64,
    },
    /// *Extension*: cancels a started peek.
    CancelPeek {
        peek: String,
    },
    /// *Extension*: moves the driver's critical since of a shard.
    DowngradeSince {
        shard: String,
        since: Timestamp,
    },
    /// *Extension*: kills the target and starts it anew, then connects to it.
    Restart,
    /// *Extension*: kills one of two replicas, and starts it anew. The next session
    /// is opened with both; until then the other one serves alone.
    Kill {
        replica: Replica,
        /// What is started is of the kind of the other one: an upgrade, or a step back.
        #[serde(default, skip_serializing_if = "is_false")]
        replaced: bool,
    },
}

/// A column of a schema, as written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnDef {
    pub name: String,
    /// The type's name, as written; resolved when the command runs.
    #[serde(rename = "type")]
    pub ty: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub nullable: bool,
}

/// Which rows a peek asks for, and of those which it keeps: SELECT's fast path.
/// By default everything.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Selection {
    /// Values of the index's key to look up, each once; none looks at all rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub literals: Vec<Vec<Cell>>,
    /// Columns of the answer, most significant first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order_by: Vec<OrderBy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: u64,
    /// Map, Filter and Project over the peeked collection: what is answered of each
    /// row. It reads the columns as they are arranged, which the schema names; what
    /// it gives is what is ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Box<Plan>>,
}

/// A column to order by: `#1`, `#1:desc`, `#1:desc:nulls-last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderBy {
    pub column: usize,
    #[serde(default)]
    pub desc: bool,
    #[serde(default)]
    pub nulls_last: bool,
}

impl Selection {
    pub fn is_everything(&self) -> bool {
        *self == Selection::default()
    }
}

/// One `name type value` line of `update-configuration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    pub name: String,
    #[serde(rename = "type")]
    pub ty: String,
    pub value: String,
}

/// The body of `create-dataflow`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateDataflow {
    #[serde(default = "default_dataflow_name")]
    pub name: String,
    pub as_of: Timestamp,
    /// *Extension*: times at or beyond it are dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub optimize: bool,
    /// *Extension*: how joins without an implementation are planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join: Option<JoinChoice>,
    #[serde(default)]
    pub imports: Vec<Import>,
    #[serde(default)]
    pub builds: Vec<Build>,
    #[serde(default)]
    pub exports: Vec<Export>,
}

/// The debug name of a `create-dataflow` that names none.
pub const DEFAULT_DATAFLOW_NAME: &str = "headless-create-dataflow";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinChoice {
    Linear,
    Delta,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Import {
    Source {
        #[serde(with = "bare")]
        id: GlobalId,
        shard: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        schema: Option<String>,
        upper: Timestamp,
    },
    Index {
        #[serde(rename = "index_id", with = "bare")]
        index: GlobalId,
    },
}

/// An object to build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Build {
    #[serde(with = "bare")]
    pub id: GlobalId,
    #[serde(rename = "expr")]
    pub plan: Plan,
}

/// What an object computes: a plan in the MIR text language (`spec/script.md`
/// §3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Plan {
    /// What is read has no types: they are those of the place where it stands.
    Operators(Relation),
    /// A text that is no plan, kept as it was written.
    Text(String),
}

impl From<Relation> for Plan {
    fn from(mut relation: Relation) -> Self {
        relation.forget_types();
        Plan::Operators(relation)
    }
}

impl From<String> for Plan {
    fn from(text: String) -> Self {
        plan::read(&text).map_or_else(|_| Plan::Text(text), Plan::Operators)
    }
}

impl From<Plan> for String {
    fn from(plan: Plan) -> Self {
        plan.to_string()
    }
}

impl Plan {
    /// The operators, if it is a plan.
    pub fn operators(&self) -> Option<&Relation> {
        match self {
            Plan::Operators(relation) => Some(relation),
            Plan::Text(_) => None,
        }
    }

    /// The collections that it reads, in order, each as often as it does.
    pub fn reads(&self) -> Vec<GlobalId> {
        let mut reads = Vec::new();
        if let Plan::Operators(relation) = self {
            relation.visit_globals(&mut |id| reads.push(id));
        }
        reads
    }

    /// Calls `f` on the id of everything that it reads.
    pub fn visit_ids(&mut self, f: &mut dyn FnMut(&mut GlobalId)) {
        if let Plan::Operators(relation) = self {
            relation.visit_globals_mut(&mut |id| f(id));
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Export {
    Index {
        #[serde(rename = "index_id", with = "bare")]
        index: GlobalId,
        #[serde(rename = "on_id", with = "bare")]
        on: GlobalId,
        key: Vec<usize>,
    },
    MaterializedView {
        #[serde(rename = "sink_id", with = "bare")]
        sink: GlobalId,
        #[serde(rename = "on_id", with = "bare")]
        on: GlobalId,
        shard: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        schema: Option<String>,
        /// *Extension*: columns that are not null in the shard, though they may be in the
        /// view; a row with a NULL there is an error.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        not_null: Vec<usize>,
        /// *Extension*: the shard changes at the times of a schedule alone.
        #[serde(skip_serializing_if = "Option::is_none")]
        refresh: Option<Refresh>,
    },
    Subscribe {
        #[serde(rename = "sink_id", with = "bare")]
        sink: GlobalId,
        #[serde(rename = "on_id", with = "bare")]
        on: GlobalId,
        #[serde(skip_serializing_if = "Option::is_none")]
        schema: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        up_to: Option<Timestamp>,
        /// *Extension* if not: only changes after the as_of are told.
        #[serde(default = "yes", skip_serializing_if = "is_true")]
        snapshot: bool,
    },
}

/// The times at which a materialized view is brought up to date; there is at least
/// one. Source: `spec/replica.md` §7.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RefreshParts")]
pub struct Refresh {
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<Every>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    at: Vec<Timestamp>,
}

/// Times that come again and again: `aligned_to`, and as many intervals before and
/// after it as there are times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Every {
    /// In the unit of times; 1 or more.
    pub interval: u64,
    #[serde(default)]
    pub aligned_to: Timestamp,
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.aligned_to {
            0 => write!(f, "{}", self.interval),
            aligned_to => write!(f, "{}@{aligned_to}", self.interval),
        }
    }
}

#[derive(Deserialize)]
struct RefreshParts {
    every: Option<Every>,
    #[serde(default)]
    at: Vec<Timestamp>,
}

impl TryFrom<RefreshParts> for Refresh {
    type Error = String;

    fn try_from(parts: RefreshParts) -> Result<Refresh, String> {
        Refresh::new(parts.every, parts.at)
    }
}

impl Refresh {
    /// A schedule of these times.
    ///
    /// Errors: there are none, or an interval is 0.
    pub fn new(every: Option<Every>, at: Vec<Timestamp>) -> Result<Refresh, String> {
        match &every {
            Some(Every { interval: 0, .. }) => {
                Err("expected an interval of 1 or more in `refresh-every`, got 0".to_string())
            }
            None if at.is_empty() => {
                Err("expected `refresh-every`, or a time in `refresh-at`".to_string())
            }
            Some(_) | None => Ok(Refresh { every, at }),
        }
    }

    pub fn every(&self) -> Option<Every> {
        self.every
    }

    pub fn at(&self) -> &[Timestamp] {
        &self.at
    }
}

impl Import {
    /// The shard that it reads, if it is a source.
    pub fn shard(&self) -> Option<&str> {
        match self {
            Import::Source { shard, .. } => Some(shard),
            Import::Index { .. } => None,
        }
    }
}

impl Export {
    /// The shard that it writes, if it is a view.
    pub fn view_shard(&self) -> Option<&str> {
        match self {
            Export::MaterializedView { shard, .. } => Some(shard),
            Export::Index { .. } | Export::Subscribe { .. } => None,
        }
    }

    /// The id of what is exported.
    pub fn id(&self) -> GlobalId {
        match self {
            Export::Index { index, .. } => *index,
            Export::MaterializedView { sink, .. } | Export::Subscribe { sink, .. } => *sink,
        }
    }
}

impl Command {
    /// The verb of the text form.
    pub fn verb(&self) -> &'static str {
        match self {
            Command::CreateInstance { .. } => "create-instance",
            Command::UpdateConfiguration { .. } => "update-configuration",
            Command::InitializationComplete => "initialization-complete",
            Command::Reconnect => "reconnect",
            Command::DefineSchema { .. } => "define-schema",
            Command::WriteSingleTs { .. } => "write-single-ts",
            Command::WriteSpread { .. } => "write-spread",
            Command::WriteRows { .. } => "write-rows",
            Command::DefineIndex { .. } => "define-index",
            Command::CreateDataflow(_) => "create-dataflow",
            Command::Schedule { .. } => "schedule",
            Command::AllowCompaction { .. } => "allow-compaction",
            Command::AllowWrites { .. } => "allow-writes",
            Command::AwaitFrontier { .. } => "await-frontier",
            Command::Count { .. } => "count",
            Command::Peek { .. } => "peek",
            Command::PeekCount { .. } => "peek-count",
            Command::ExpectCount { .. } => "expect-count",
            Command::ExpectError { .. } => "expect-error",
            Command::AwaitSubscribe { .. } => "await-subscribe",
            Command::StartPeek { .. } => "start-peek",
            Command::AwaitPeek { .. } => "await-peek",
            Command::CancelPeek { .. } => "cancel-peek",
            Command::DowngradeSince { .. } => "downgrade-since",
            Command::Restart => "restart",
            Command::Kill { .. } => "kill",
        }
    }
}

fn default_timeout() -> u64 {
    DEFAULT_TIMEOUT_SECS
}

fn is_default_timeout(secs: &u64) -> bool {
    *secs == DEFAULT_TIMEOUT_SECS
}

fn default_row_bytes() -> usize {
    DEFAULT_ROW_BYTES
}

fn default_dataflow_name() -> String {
    DEFAULT_DATAFLOW_NAME.to_string()
}

fn yes() -> bool {
    true
}

fn is_true(flag: &bool) -> bool {
    *flag
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A duration in whole seconds, as scripts write timeouts.
pub fn timeout(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
