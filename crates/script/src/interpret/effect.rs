//! What a command does to the outside, as data.
//!
//! Invariant: one effect is one message to the replica, or one change of a
//! shard, or one change of the connection; it is told as exactly one event.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::Target;
use crate::append::Append;
use crate::config::{Configuration, StashUpdate};
use crate::dataflow::Assembled;
use crate::event::{Event, PeekSpec};
use protocol::v26_30::ConfigVal;
use repr::{Antichain, GlobalId, RelationDesc, Timestamp};

/// One effect; see the module.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Opens a session: connects and says `Hello`.
    Connect {
        session: u64,
    },
    /// Kills the target and starts it anew. A connect follows.
    Restart,
    /// Kills a replica, which is the one that is spoken to or its peer; it hears
    /// nothing until the next connect. It may be replaced by one of its peer's kind.
    Kill {
        whose: Whose,
        replaced: bool,
    },
    CreateInstance {
        expiration_offset: Option<Duration>,
        arrangement_dictionary_compression: bool,
        /// The values of the configuration that it begins with, by name.
        initial: BTreeMap<String, ConfigVal>,
    },
    Configure(Configuration),
    CompleteInitialization,
    /// The shards that it names are held readable before it is sent.
    CreateDataflow(Box<Assembled>),
    Schedule {
        id: GlobalId,
    },
    /// `[]` drops the collection.
    AllowCompaction {
        id: GlobalId,
        frontier: Antichain,
    },
    AllowWrites {
        id: GlobalId,
    },
    SendPeek {
        spec: PeekSpec,
        /// The columns that the driver expects to read back.
        desc: RelationDesc,
        of: PeekOf,
    },
    CancelPeek {
        uuid: Uuid,
    },
    /// Appends to a shard, which is created if need be.
    Append {
        shard: String,
        desc: RelationDesc,
        append: Append,
    },
    /// Moves the since that the driver holds on a shard.
    DowngradeSince {
        shard: String,
        since: Timestamp,
    },
}

/// One of two replicas, as seen from one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Own,
    Peer,
}

/// What a peek reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeekOf {
    Index,
    /// The shard of a materialized view.
    Shard(Target),
}

impl Effect {
    /// The event that tells of it.
    pub fn event(&self) -> Event {
        self.clone().into_event()
    }

    /// The same of an effect that is over.
    pub fn into_event(self) -> Event {
        match self {
            Effect::Connect { session } => Event::SessionStarted { session },
            Effect::Restart => Event::TargetRestarted,
            Effect::Kill {
                whose: Whose::Own, ..
            } => Event::Killed,
            Effect::Kill {
                whose: Whose::Peer, ..
            } => Event::PeerKilled,
            Effect::CreateInstance { initial, .. } => Event::InstanceCreated {
                stash: StashUpdate::of(&initial),
            },
            Effect::Configure(configuration) => Event::ConfigurationUpdated {
                max_result_size: configuration.max_result_size,
                stash: StashUpdate::of(&configuration.updates),
            },
            Effect::CompleteInitialization => Event::InitializationComplete,
            Effect::CreateDataflow(assembled) => Event::DataflowCreated(Arc::new(assembled.spec)),
            Effect::Schedule { id } => Event::Scheduled { id },
            Effect::AllowCompaction { id, frontier } => Event::AllowedCompaction { id, frontier },
            Effect::AllowWrites { id } => Event::AllowedWrites { id },
            Effect::SendPeek { spec, .. } => Event::PeekSent(spec),
            Effect::CancelPeek { uuid } => Event::PeekCanceled { uuid },
            Effect::Append {
                shard,
                desc,
                append,
            } => Event::ShardWritten {
                shard,
                desc,
                updates: append.updates,
                upper: append.upper,
            },
            Effect::DowngradeSince { shard, since } => Event::SinceDowngraded { shard, since },
        }
    }
}
