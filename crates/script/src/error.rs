//! What can be wrong with a script and with a command. The texts of commands are
//! the ones that golden blocks show; where upstream has one, it is upstream's
//! (`spec/script.md` §2).

use thiserror::Error;

use super::replica::Replica;
use plan::{BuildError, PlanError};
use repr::{GlobalId, ReprColumnType, SqlScalarType, Timestamp};

/// A script that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {message}")]
pub struct ScriptError {
    /// The line at which the stanza (or JSON command) starts, from 1.
    pub line: usize,
    pub message: String,
}

/// A command that means nothing where it stands.
#[derive(Debug, Error)]
pub enum CommandError {
    #[error("unknown schema {0:?}; declare it with define_schema first")]
    UnknownSchema(String),
    #[error("unsupported column type {0:?}")]
    UnknownColumnType(String),
    #[error("unknown shard `{0}`; write or import it first")]
    UnknownShard(String),
    #[error("unknown peek `{0}`; start it with start-peek first")]
    UnknownPeek(String),
    #[error("peek `{0}` was started already")]
    PeekStarted(String),
    #[error("cannot kill replica {replica}: replica {killed} was killed in this session already")]
    Killed { replica: Replica, killed: Replica },
    #[error("unknown index {}; {hint}", number(*.index))]
    UnknownIndex { index: GlobalId, hint: &'static str },
    #[error("literals are looked up in an index; {0} is none")]
    LiteralsWithoutIndex(GlobalId),
    #[error("a literal of {values} values, but the key of {id} has {columns} columns")]
    LiteralWidth {
        id: GlobalId,
        values: usize,
        columns: usize,
    },
    #[error("a peek of {0} computes with Map, Filter and Project over `Get {0}` only")]
    PeekPlan(GlobalId),
    #[error("a peek cannot answer a column of type {}", plan::text::type_name(&.0.scalar_type))]
    PeekColumn(ReprColumnType),
    #[error(
        "a plan over {id} reads the columns ({}), key first, but the schema says ({})",
        types(columns),
        types(said)
    )]
    PeekSchema {
        id: GlobalId,
        said: Vec<ReprColumnType>,
        columns: Vec<ReprColumnType>,
    },
    #[error("order-by column {column} out of range for a {arity}-column schema")]
    OrderColumn { column: usize, arity: usize },
    #[error("limit {0} is beyond {max}", max = i64::MAX)]
    Limit(u64),
    #[error("`{0}` is not a write")]
    NotAWrite(&'static str),
    #[error("`{0}` makes no dataflow")]
    NoDataflow(&'static str),
    #[error("n_ts must be positive")]
    NoTimes,
    #[error("cannot write at {0}: there is no later time to seal it with")]
    NoLaterTime(Timestamp),
    #[error("cannot count at {0}: there is no later time to wait for")]
    NoTimeToAwait(Timestamp),
    #[error("row numbers {start} + {count} are too large")]
    RowNumbers { start: u64, count: u64 },
    #[error("row {row} has {values} values but schema has {columns} columns")]
    RowWidth {
        row: usize,
        values: usize,
        columns: usize,
    },
    #[error("literal has {values} values but schema has {columns} columns")]
    KeyWidth { values: usize, columns: usize },
    #[error(transparent)]
    Value(#[from] ValueError),
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// A value that its column cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValueError {
    #[error("null value in non-nullable column")]
    Null,
    #[error("parsing {token:?} as {kind}: invalid input syntax for type {postgres}: {cause}: {}", quoted(.token))]
    Integer {
        token: String,
        kind: &'static str,
        postgres: &'static str,
        cause: std::num::ParseIntError,
    },
    #[error("parsing {token:?} as bool: invalid input syntax for type boolean: {}", quoted(.token))]
    Bool { token: String },
    #[error("expected {expected}, got {json}")]
    Json {
        expected: &'static str,
        json: serde_json::Value,
    },
    #[error("out of range integral type conversion attempted")]
    OutOfRange,
    #[error("row number {0} does not fit into a bigint")]
    RowNumber(u64),
    #[error("parsing {text:?} as {typ}: expected a value as {example:?}")]
    Literal {
        text: String,
        typ: String,
        /// The text of a value of the type.
        example: String,
    },
    #[error("scripts have no values of type {0:?}")]
    Type(SqlScalarType),
}

/// A value of a setting that is none of its type.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingError {
    #[error("config value {value:?} is not a valid {ty}: {cause}")]
    Value {
        value: String,
        ty: String,
        cause: String,
    },
    #[error("unsupported config type {0:?}; use bool/u32/usize/f64/duration/string")]
    Type(String),
    #[error("expiration-offset {text:?} is not a duration: {cause}")]
    ExpirationOffset { text: String, cause: String },
}

/// The number of a user id, as upstream's messages show it.
fn number(id: GlobalId) -> String {
    match id {
        GlobalId::User(n) => n.to_string(),
        other => other.to_string(),
    }
}

/// The types of columns, as plans write them.
fn types(columns: &[ReprColumnType]) -> String {
    let names = columns.iter();
    let names = names.map(|column| plan::text::type_name(&column.scalar_type));
    names.collect::<Vec<_>>().join(", ")
}

/// The token in double quotes, as the field's error texts show input.
fn quoted(token: &str) -> String {
    format!("\"{}\"", token.replace('"', "\\\""))
}
