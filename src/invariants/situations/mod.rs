//! Situations that a campaign must get into: a green one says nothing of what never
//! occurred. Each is a coincidence in which replicas have gone wrong, or may. Source:
//! `spec/replica.md` §3, §5, §11; the idea of such assertions: "sometimes" in
//! Antithesis' documentation.
//!
//! Invariant: a situation is seen by what the driver did and the replica said, and
//! judges nothing; seeing more of them never changes a verdict.

mod catalogue;
mod collections;
mod peeks;
mod sessions;
mod sinks;
mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use catalogue::Situation;

use crate::model::dataflow::Dataflow;
use crate::model::{Collection, Model};
use crate::protocol::v26_30::ComputeResponse;
use crate::repr::{Antichain, GlobalId, Timestamp};
use crate::script::event::Event;

/// In how many cases each situation occurred.
pub type Occurrences = BTreeMap<Situation, u64>;

/// Watches one run for situations.
#[derive(Debug, Default)]
pub struct Situations {
    seen: BTreeSet<Situation>,
    /// The write frontiers that the session was told.
    told: BTreeMap<GlobalId, Antichain>,
    /// What the run has done before.
    past: Past,
}

/// What the model does not keep beyond a session, or not at all.
#[derive(Debug, Default)]
struct Past {
    sessions: u64,
    writes: u64,
    /// By id, how many writes there were when its dataflow was created.
    created_after: BTreeMap<GlobalId, u64>,
    /// By shard, how many writes there were when its last view was created.
    viewed_after: BTreeMap<String, u64>,
    /// Collections of which a peek was answered with an error.
    failed: BTreeSet<GlobalId>,
    /// The times at which each collection was asked for.
    peeked: BTreeSet<(GlobalId, Timestamp)>,
    /// The live collections of the session before, while one begins.
    before: Vec<(GlobalId, Arc<Dataflow>)>,
}

impl Situations {
    /// Sees an event before the model has taken note of it.
    pub fn before(&mut self, event: &Event, model: &Model) {
        match event {
            Event::SessionStarted { .. } => self.session_ends(model),
            Event::TargetRestarted | Event::Killed => self.target_restarts(model),
            Event::ConfigurationUpdated { .. } => self.configured(model),
            Event::DataflowCreated(spec) => self.created(spec, model),
            Event::Scheduled { id } => self.scheduled(*id, model),
            Event::AllowedCompaction { id, frontier } => self.compacted(*id, frontier, model),
            Event::AllowedWrites { id } => self.writes_allowed(*id),
            Event::PeekSent(spec) => self.peek_sent(spec, model),
            Event::PeekCanceled { uuid } => self.peek_canceled(*uuid, model),
            Event::ShardWritten { shard, updates, .. } => self.written(shard, updates, model),
            Event::SinceDowngraded { shard, .. } => self.since_moved(shard, model),
            Event::ShardRead(contents) => self.shard_read(contents),
            Event::Response(response) => self.heard(response, model),
            Event::Command { .. }
            | Event::InstanceCreated { .. }
            | Event::InitializationComplete
            | Event::PeerKilled
            | Event::Replaced { .. }
            | Event::ShardInDoubt { .. }
            | Event::ShardReleased { .. }
            | Event::StashUnread { .. }
            | Event::WaitTimedOut { .. }
            | Event::ConnectionLost { .. }
            | Event::TargetDied { .. }
            | Event::TargetLogged { .. }
            | Event::Finished => {}
        }
    }

    /// Sees an event after the model has taken note of it.
    pub fn after(&mut self, event: &Event, model: &Model) {
        if matches!(event, Event::InitializationComplete) {
            self.initialized(model);
        }
    }

    /// What occurred.
    pub fn seen(&self) -> &BTreeSet<Situation> {
        &self.seen
    }

    /// Whether it is worth a look that costs something.
    fn is_new(&self, situation: Situation) -> bool {
        !self.seen.contains(&situation)
    }

    fn see(&mut self, situation: Situation) {
        self.seen.insert(situation);
    }

    fn see_if(&mut self, holds: bool, situation: Situation) {
        if holds {
            self.see(situation);
        }
    }

    fn heard(&mut self, response: &ComputeResponse, model: &Model) {
        match response {
            ComputeResponse::Frontiers(id, report) => {
                if let Some(write) = &report.write_frontier {
                    self.told.insert(*id, write.clone());
                }
            }
            ComputeResponse::PeekResponse(uuid, answer, _) => {
                self.peek_answered(*uuid, answer, model);
            }
            ComputeResponse::SubscribeResponse(id, response) => {
                self.subscribe_told(*id, response, model);
            }
            ComputeResponse::CopyToResponse(..) | ComputeResponse::Status(..) => {}
        }
    }

    /// Whether the session was told that a collection is complete at its as_of.
    fn is_hydrated(&self, collection: &Collection) -> bool {
        let told = self.told.get(&collection.id);
        told.is_some_and(|told| !told.less_equal(collection.as_of()))
    }

    /// Whether a collection was told to start, and is not known to be complete.
    fn is_hydrating(&self, collection: &Collection) -> bool {
        collection.is_live() && collection.scheduled.may() && !self.is_hydrated(collection)
    }
}
