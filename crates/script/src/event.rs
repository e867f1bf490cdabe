//! What happened, in the order in which the driver learned of it: the one
//! stream that feeds the model and the invariants. Events carry logical
//! content (plans, rows, frontiers), not wire bytes, so that a checker reads
//! like the property that it checks.
//!
//! Invariants: an event about something the driver did (a write, a compute
//! command) precedes every response that it can have caused; responses keep
//! the order of their session.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use super::command::Refresh;
use super::config::StashUpdate;
use super::selection::Finish;
use plan::Relation;
use plan::lower::JoinKind;
use protocol::Release;
use protocol::v26_30::ComputeResponse;
use repr::{Antichain, Diff, GlobalId, RelationDesc, Row, Timestamp};

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The runner is about to execute the command at this position (from 0).
    Command {
        step: usize,
    },
    /// A connection was made and `Hello` sent; sessions count from 1.
    SessionStarted {
        session: u64,
    },
    /// What the configuration that it begins with says counts where there was no
    /// instance, and the release has one.
    InstanceCreated {
        stash: StashUpdate,
    },
    InitializationComplete,
    /// The most bytes that a result may take from now on, and when answers go into
    /// the stash, where these change.
    ConfigurationUpdated {
        max_result_size: Option<u64>,
        stash: StashUpdate,
    },
    /// A `CreateDataflow` was sent.
    DataflowCreated(Arc<DataflowSpec>),
    Scheduled {
        id: GlobalId,
    },
    /// `[]` drops the collection.
    AllowedCompaction {
        id: GlobalId,
        frontier: Antichain,
    },
    AllowedWrites {
        id: GlobalId,
    },
    PeekSent(PeekSpec),
    PeekCanceled {
        uuid: Uuid,
    },
    /// The driver appended to a shard; everything below `upper` is sealed.
    ShardWritten {
        shard: String,
        desc: RelationDesc,
        updates: Vec<(Row, Timestamp, Diff)>,
        upper: Timestamp,
    },
    /// The driver moved the since that it holds on a shard.
    SinceDowngraded {
        shard: String,
        since: Timestamp,
    },
    /// The driver read a shard, whole.
    ShardRead(ShardContents),
    /// The driver looked at a shard, and no reader held it back more than the driver.
    ShardReleased {
        shard: String,
    },
    /// The driver changed a shard and lost the answer: it may or may not have
    /// happened, so that nothing can be judged from here on.
    ShardInDoubt {
        shard: String,
        why: String,
    },
    /// The replica said something (merged over its processes).
    Response(Arc<ComputeResponse>),
    /// The rows of an answer lie in the stash, and the driver could not read them.
    StashUnread {
        uuid: Uuid,
        why: String,
    },
    /// A wait ended without what it waited for.
    WaitTimedOut {
        wait: Wait,
        waited_ms: u64,
    },
    /// The session ended without the driver's doing.
    ConnectionLost {
        reason: String,
    },
    /// The target's process is gone without the driver's doing.
    TargetDied {
        status: String,
    },
    /// The target lives, and its log says that something is wrong.
    TargetLogged {
        line: String,
    },
    /// The driver killed the target and started it anew.
    TargetRestarted,
    /// The driver killed this one of two replicas: what is sent until the next session
    /// goes to the other one alone.
    Killed,
    /// The driver killed the other one of two replicas.
    PeerKilled,
    /// What the driver started in the place of what it killed is of this release.
    Replaced {
        release: Release,
    },
    /// The run is over: nothing was said for a while and nothing is awaited.
    Finished,
}

impl Event {
    /// Whether this is a command that was sent to the replica.
    pub fn is_compute_command(&self) -> bool {
        match self {
            Event::InstanceCreated { .. }
            | Event::InitializationComplete
            | Event::ConfigurationUpdated { .. }
            | Event::DataflowCreated(_)
            | Event::Scheduled { .. }
            | Event::AllowedCompaction { .. }
            | Event::AllowedWrites { .. }
            | Event::PeekSent(_)
            | Event::PeekCanceled { .. } => true,
            Event::Command { .. }
            | Event::SessionStarted { .. }
            | Event::ShardWritten { .. }
            | Event::SinceDowngraded { .. }
            | Event::ShardInDoubt { .. }
            | Event::TargetRestarted
            | Event::Killed
            | Event::PeerKilled
            | Event::Replaced { .. }
            | Event::ShardRead(_)
            | Event::ShardReleased { .. }
            | Event::Response(_)
            | Event::StashUnread { .. }
            | Event::WaitTimedOut { .. }
            | Event::ConnectionLost { .. }
            | Event::TargetDied { .. }
            | Event::TargetLogged { .. }
            | Event::Finished => false,
        }
    }

    /// Whether the driver did this, and not the replica. What a shard holds is
    /// the replica's doing where it is not the driver's own.
    pub fn is_drivers(&self) -> bool {
        match self {
            Event::Command { .. }
            | Event::SessionStarted { .. }
            | Event::InstanceCreated { .. }
            | Event::InitializationComplete
            | Event::ConfigurationUpdated { .. }
            | Event::DataflowCreated(_)
            | Event::Scheduled { .. }
            | Event::AllowedCompaction { .. }
            | Event::AllowedWrites { .. }
            | Event::PeekSent(_)
            | Event::PeekCanceled { .. }
            | Event::ShardWritten { .. }
            | Event::SinceDowngraded { .. }
            | Event::ShardInDoubt { .. }
            | Event::TargetRestarted
            | Event::Killed
            | Event::PeerKilled
            | Event::Replaced { .. } => true,
            Event::ShardRead(_)
            | Event::ShardReleased { .. }
            | Event::Response(_)
            | Event::StashUnread { .. }
            | Event::WaitTimedOut { .. }
            | Event::ConnectionLost { .. }
            | Event::TargetDied { .. }
            | Event::TargetLogged { .. }
            | Event::Finished => false,
        }
    }
}

/// What a wait waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// A frontier of `id` to reach `to`.
    Frontier {
        id: GlobalId,
        kind: FrontierKind,
        to: Antichain,
    },
    /// The answer of a peek.
    Peek {
        uuid: Uuid,
        id: GlobalId,
        ts: Timestamp,
    },
    /// The upper of a subscribe to reach `[up_to]`.
    Subscribe { id: GlobalId, up_to: Timestamp },
    /// The last word of a subscribe that was dropped.
    SubscribeEnd { id: GlobalId },
    /// No reader of a shard to hold more than the driver does.
    Released { shard: String },
}

impl Wait {
    /// The output frontier of `id` to reach `[ts]`.
    pub fn output(id: GlobalId, ts: Timestamp) -> Wait {
        Wait::Frontier {
            id,
            kind: FrontierKind::Output,
            to: Antichain::from_elem(ts),
        }
    }

    /// The answer of this peek.
    pub fn answer_of(spec: &PeekSpec) -> Wait {
        Wait::Peek {
            uuid: spec.uuid,
            id: spec.id,
            ts: spec.ts,
        }
    }

    /// What golden blocks say when it ran out.
    pub fn ran_out(&self) -> String {
        match self {
            Wait::Frontier { id, to, .. } => {
                let to = to
                    .as_option()
                    .map_or_else(|| to.to_string(), |ts| ts.to_string());
                format!("frontier for {id} did not reach {to} in time")
            }
            Wait::Peek { id, ts, .. } => {
                format!("the peek of {id} at {ts} was not answered in time")
            }
            Wait::Subscribe { id, up_to } => {
                format!("subscribe {id} did not reach {up_to} in time")
            }
            Wait::SubscribeEnd { id } => format!("subscribe {id} did not end in time"),
            Wait::Released { shard } => format!("shard `{shard}` was not released in time"),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wait::Frontier { id, kind, to } => {
                write!(f, "the {kind} frontier of {id} to reach {to}")
            }
            Wait::Peek { id, ts, .. } => write!(f, "the answer of a peek of {id} at {ts}"),
            Wait::Subscribe { id, up_to } => write!(f, "subscribe {id} to reach [{up_to}]"),
            Wait::SubscribeEnd { id } => write!(f, "the end of subscribe {id}"),
            Wait::Released { shard } => write!(f, "the release of shard `{shard}`"),
        }
    }
}

/// A kind of frontier that a collection reports (`spec/replica.md` §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FrontierKind {
    Write,
    Input,
    Output,
}

impl FrontierKind {
    pub const ALL: [FrontierKind; 3] = [
        FrontierKind::Write,
        FrontierKind::Input,
        FrontierKind::Output,
    ];
}

impl fmt::Display for FrontierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FrontierKind::Write => "write",
            FrontierKind::Input => "input",
            FrontierKind::Output => "output",
        })
    }
}

/// What a shard held when it was read: every update in `[since, upper)`, those
/// before the since at the since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardContents {
    pub shard: String,
    pub since: Antichain,
    pub upper: Antichain,
    /// Rows.
    pub rows: Vec<(Row, Timestamp, Diff)>,
    /// Errors, as the shard has them encoded: each is itself, and nothing more.
    pub errors: Vec<(Vec<u8>, Timestamp, Diff)>,
}

/// An index or persist peek, as sent: identity MFP.
#[derive(Debug, Clone)]
pub struct PeekSpec {
    pub uuid: Uuid,
    pub id: GlobalId,
    pub ts: Timestamp,
    /// The columns that the driver expects to read back.
    pub arity: usize,
    /// They are of the types that the collection has, as it is arranged.
    pub fits: bool,
    /// Which rows it wants of the collection.
    pub finish: Finish,
}

/// A dataflow as its script means it: what the model evaluates.
#[derive(Debug, Clone)]
pub struct DataflowSpec {
    pub name: String,
    pub as_of: Timestamp,
    pub until: Option<Timestamp>,
    /// How joins are computed; `None` leaves it to the planner.
    pub join: Option<JoinKind>,
    /// Plans were changed before they were lowered: joins planned, bindings made.
    pub planned: bool,
    /// The lowered plans mean something else than these, as upstream's lowering
    /// has it (`spec/lowering.md` §7.26).
    pub means_otherwise: bool,
    pub imports: Vec<ImportSpec>,
    /// In dependency order.
    pub builds: Vec<(GlobalId, Relation)>,
    pub exports: Vec<ExportSpec>,
    /// The exported indexes that are other names of imported ones.
    pub aliases: BTreeSet<GlobalId>,
    /// A fingerprint of the lowered plans: the same logical plans may be lowered
    /// otherwise, because of an `until`, a setting or an imported arrangement,
    /// and are another dataflow to a replica then.
    pub rendering: u64,
}

impl DataflowSpec {
    /// The materialized views, with the shard that each writes.
    pub fn views(&self) -> impl Iterator<Item = (GlobalId, &str, &RelationDesc)> {
        self.exports.iter().filter_map(|export| match export {
            ExportSpec::MaterializedView {
                id, shard, desc, ..
            } => Some((*id, shard.as_str(), desc)),
            ExportSpec::Index { .. } | ExportSpec::Subscribe { .. } => None,
        })
    }

    /// The shards that it reads and writes, by alias.
    pub fn shards(&self) -> impl Iterator<Item = &str> {
        let read = self.imports.iter().filter_map(|import| match import {
            ImportSpec::Source { shard, .. } => Some(shard.as_str()),
            ImportSpec::Index { .. } => None,
        });
        read.chain(self.views().map(|(_, shard, _)| shard))
    }
}

#[derive(Debug, Clone)]
pub enum ImportSpec {
    /// `id` reads the shard with this alias.
    Source {
        id: GlobalId,
        shard: String,
        desc: RelationDesc,
    },
    /// The collection `on` is readable through the arrangement of `index`.
    Index { index: GlobalId, on: GlobalId },
}

#[derive(Debug, Clone)]
pub enum ExportSpec {
    Index {
        id: GlobalId,
        on: GlobalId,
        key: Vec<usize>,
    },
    MaterializedView {
        id: GlobalId,
        on: GlobalId,
        shard: String,
        desc: RelationDesc,
        /// Where a NULL is an error in the place of its row.
        not_null: Vec<usize>,
        /// When the shard changes, if not always.
        refresh: Option<Refresh>,
    },
    Subscribe {
        id: GlobalId,
        on: GlobalId,
        up_to: Option<Timestamp>,
        /// The contents at the as_of are told, and not only what changes.
        snapshot: bool,
    },
}

impl ExportSpec {
    /// The id of what is exported.
    pub fn id(&self) -> GlobalId {
        match self {
            ExportSpec::Index { id, .. }
            | ExportSpec::MaterializedView { id, .. }
            | ExportSpec::Subscribe { id, .. } => *id,
        }
    }

    /// The collection that it exports.
    pub fn on(&self) -> GlobalId {
        match self {
            ExportSpec::Index { on, .. }
            | ExportSpec::MaterializedView { on, .. }
            | ExportSpec::Subscribe { on, .. } => *on,
        }
    }
}
