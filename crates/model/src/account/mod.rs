//! The account of a run: every shard, every session and everything that was asked
//! of the replica, fed by the events of a trace (`apply`). It answers what a
//! collection contains at a time (`read`), how far its frontiers may and must come
//! (`frontier`), and what a valid sequence may do next (`valid`).
//!
//! Invariant: it knows what was asked and what was said, never how a plan is
//! evaluated: for that it asks `eval`, one object and one time after the other.

mod apply;
pub mod dataflow;
mod frontier;
mod invalid;
mod read;
mod reconcile;
mod refresh;
mod session;
mod shard;
pub mod size;
mod stash;
mod unread;
mod valid;
mod view;
mod view_contents;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use invalid::{Invalid, Unwise};
pub use read::{REFUSAL, shard_refusal};
pub use session::{Collection, Life, Peek, Permission, Session};
pub use shard::Shard;
pub use size::SizeLimits;
pub use stash::StashUse;

use self::reconcile::Baseline;
use self::size::ResultSizes;
use self::stash::Stash;
use self::unread::Unread;
use self::view::Views;
use crate::eval::Evaluated;
use protocol::Release;
use repr::{GlobalId, Timestamp};

/// Evaluated objects by dataflow, object and time.
type Cache = BTreeMap<(u64, GlobalId, Timestamp), Arc<Evaluated>>;

/// The reference model of one run.
#[derive(Debug, Clone, Default)]
pub struct Model {
    shards: BTreeMap<String, Shard>,
    session: Session,
    /// Shards that materialized views write, by alias.
    views: BTreeMap<String, Views>,
    /// The shard of every view that was ever created: a peek of one needs no more
    /// than that (`spec/replica.md` §5.5).
    targets: BTreeMap<GlobalId, String>,
    /// What the replica kept when the current session began.
    baseline: Baseline,
    unread: Unread,
    /// Shards that dataflows of this process read.
    read: BTreeSet<String>,
    /// Those that dataflows of an earlier process read: it let go of nothing.
    leased: BTreeSet<String>,
    sizes: ResultSizes,
    stash: Stash,
    release: Release,
    step: usize,
    invalid: Option<(usize, Invalid)>,
    in_doubt: bool,
    lost: bool,
    /// The driver killed the replica in this session: it hears and says nothing more.
    killed: bool,
    dataflows: u64,
    /// The as_of with which the replica began the dataflows that it kept.
    rendered: BTreeMap<u64, Timestamp>,
    cache: RefCell<Cache>,
}

impl Model {
    pub fn new() -> Self {
        Model::default()
    }

    /// What is known of a replica of this release.
    pub fn for_release(release: Release) -> Self {
        Model {
            release,
            ..Model::default()
        }
    }

    /// How large the next result may be.
    pub fn result_sizes(&self) -> SizeLimits {
        self.sizes.now()
    }

    /// Whether answers may go into the stash now.
    pub fn may_stash(&self) -> bool {
        self.stash.now().may
    }

    /// The current session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// A collection of the current session, live or dropped.
    pub fn collection(&self, id: GlobalId) -> Option<&Collection> {
        self.session.collections.get(&id)
    }

    /// A shard that was written or moved, by alias.
    pub fn shard(&self, alias: &str) -> Option<&Shard> {
        self.shards.get(alias)
    }

    /// The since that the driver holds on a shard; 0 before it was moved.
    pub fn shard_since(&self, alias: &str) -> Timestamp {
        self.shard(alias).map_or(0, Shard::since)
    }

    /// The shards, by alias.
    pub fn shards(&self) -> &BTreeMap<String, Shard> {
        &self.shards
    }

    /// The shard that a peek of `id` reads; `None` if it reads no shard.
    pub fn peeked_shard(&self, id: GlobalId) -> Option<&str> {
        let live = self.session.live(id);
        let view = live.is_none_or(|c| !c.is_index() && !c.is_subscribe());
        let target = self.targets.get(&id).filter(|_| view);
        target.map(String::as_str)
    }

    /// Whether some view of a shard was allowed to write it, ever.
    pub fn may_be_written(&self, shard: &str) -> bool {
        self.views.get(shard).is_some_and(Views::were_allowed)
    }

    /// Whether a shard that views write means one thing at all its times.
    pub fn means_one_thing(&self, shard: &str) -> bool {
        self.views.get(shard).is_some_and(Views::mean_one_thing)
    }

    /// The command that is being executed, from 0.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Where the sequence stopped being valid, and why: from there on nothing
    /// that the replica does is a finding.
    pub fn invalid(&self) -> Option<&(usize, Invalid)> {
        self.invalid.as_ref()
    }

    /// Whether a shard may or may not hold what was written to it: from there on
    /// nothing can be decided.
    pub fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Whether the replica hears and says nothing more in this session: the script
    /// killed it, or the session ended without the script's doing.
    pub fn is_lost(&self) -> bool {
        self.lost || self.killed
    }

    /// Whether the script killed the replica in this session.
    pub fn is_killed(&self) -> bool {
        self.killed
    }
}
