//! What the generator may draw, and how often: bounds, switches and weights.
//!
//! Invariant: a profile with every switch off generates scripts that upstream's
//! own driver can run, but for retractions.

use crate::known::KnownBugs;
use crate::protocol::Release;

/// The kinds of steps that a script is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Rows, inserted and retracted.
    Write,
    /// No rows: only the upper moves.
    Advance,
    DefineIndex,
    CreateDataflow,
    Schedule,
    Compact,
    Drop,
    Count,
    Peek,
    StartPeek,
    AwaitPeek,
    CancelPeek,
    AwaitFrontier,
    Reconnect,
    Configure,
    DowngradeSince,
    Restart,
    AllowWrites,
    AwaitSubscribe,
    /// A dataflow that is there once more, under other ids.
    Duplicate,
    /// One of two replicas ends; the next session finds it anew.
    Kill,
}

impl Action {
    pub const ALL: [Action; 21] = [
        Action::Write,
        Action::Advance,
        Action::DefineIndex,
        Action::CreateDataflow,
        Action::Schedule,
        Action::Compact,
        Action::Drop,
        Action::Count,
        Action::Peek,
        Action::StartPeek,
        Action::AwaitPeek,
        Action::CancelPeek,
        Action::AwaitFrontier,
        Action::Reconnect,
        Action::Configure,
        Action::DowngradeSince,
        Action::Restart,
        Action::AllowWrites,
        Action::AwaitSubscribe,
        Action::Duplicate,
        Action::Kill,
    ];

    /// How often it is drawn among the others.
    fn weight(self) -> u64 {
        match self {
            Action::Write => 10,
            Action::Advance => 2,
            Action::DefineIndex => 5,
            Action::CreateDataflow => 10,
            Action::Schedule => 3,
            Action::Compact => 4,
            Action::Drop => 2,
            Action::Count => 2,
            Action::Peek => 6,
            Action::StartPeek => 4,
            Action::AwaitPeek => 3,
            Action::CancelPeek => 1,
            Action::AwaitFrontier => 2,
            Action::Reconnect => 2,
            Action::Configure => 1,
            Action::DowngradeSince => 1,
            Action::Restart => 1,
            Action::AllowWrites => 1,
            Action::AwaitSubscribe => 2,
            Action::Duplicate => 2,
            // There is mostly one replica.
            Action::Kill => 0,
        }
    }

    /// Whether a case may do without it: the others are its substance.
    pub(super) fn is_optional(self) -> bool {
        match self {
            Action::Write | Action::DefineIndex | Action::Peek => false,
            Action::Advance
            | Action::CreateDataflow
            | Action::Schedule
            | Action::Compact
            | Action::Drop
            | Action::Count
            | Action::StartPeek
            | Action::AwaitPeek
            | Action::CancelPeek
            | Action::AwaitFrontier
            | Action::Reconnect
            | Action::Configure
            | Action::DowngradeSince
            | Action::Restart
            | Action::AllowWrites
            | Action::AwaitSubscribe
            | Action::Duplicate
            | Action::Kill => true,
        }
    }
}

/// What a generator draws from.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Steps after the handshake, at least and at most. A step is one command
    /// or a few that belong together.
    pub steps: (u64, u64),
    /// One weight per action, in the order of [`Action::ALL`].
    pub weights: Vec<u64>,
    /// Each case switches some kinds of steps off.
    pub swarm: bool,
    pub shards: usize,
    pub schemas: usize,
    /// Rows of one write, at most.
    pub rows: u64,
    /// In some cases, retract rows that are not there, so that counts become
    /// negative.
    pub negative: bool,
    /// Dataflows with an `until`.
    pub until: bool,
    /// Dataflows with two exports.
    pub two_exports: bool,
    /// Materialized views and subscribes.
    pub sinks: bool,
    /// Move the since that the driver holds.
    pub downgrade: bool,
    /// How many live collections a session may have.
    pub collections: usize,
    /// How many of a hundred dataflows have plans of operators; the others
    /// have a filter and a projection.
    pub operators: u64,
    /// Operators on top of each other, at most.
    pub depth: u64,
    /// Shards into which rows only come, so that plans may say `monotonic`.
    pub append_only: bool,
    /// Columns of types that only our scripts have a name for.
    pub more_types: bool,
    /// Writes whose parts are small and in blob, with statistics.
    pub small_parts: bool,
    /// Orders that leave ties; they are broken by whole rows.
    pub ties: bool,
    /// Reduces that mix classes of aggregates, where the dataflow is planned.
    pub mixed_reduces: bool,
    /// `monotonic` where the input retracts: the answer is unspecified
    /// (`spec/replica.md` §16.4).
    pub monotonic_retractions: bool,
    /// Now and then a series without an end.
    pub endless: bool,
    /// Instances are created with an initial configuration, which some releases are
    /// not told of.
    pub configures_instances: bool,
    /// Bugs of the target: what shows one of them is not drawn.
    pub known: KnownBugs,
}

impl Default for Profile {
    fn default() -> Self {
        Profile {
            steps: (6, 14),
            weights: Action::ALL.iter().map(|action| action.weight()).collect(),
            swarm: true,
            shards: 3,
            schemas: 3,
            rows: 4,
            negative: true,
            until: true,
            two_exports: true,
            sinks: true,
            downgrade: true,
            collections: 6,
            operators: 0,
            depth: 4,
            append_only: false,
            more_types: true,
            small_parts: true,
            ties: true,
            mixed_reduces: true,
            monotonic_retractions: false,
            endless: true,
            configures_instances: false,
            known: KnownBugs::default(),
        }
    }
}

impl Profile {
    /// The same profile with plans of operators in this many of a hundred
    /// dataflows, over shards of which some are append-only.
    pub fn with_operators(mut self, percent: u64) -> Self {
        self.operators = percent;
        self.append_only = percent > 0;
        self
    }

    /// The same profile for a clusterd that is not ours: without negative counts,
    /// about which a clusterd with soft assertions panics.
    pub fn for_clusterd(mut self) -> Self {
        self.negative = false;
        self
    }

    /// The same profile for what upstream's own driver can be told, as far as that is
    /// drawn rather than cut away: no way to kill a replica, no types of ours.
    pub fn for_upstreams_driver(mut self) -> Self {
        self.more_types = false;
        self.for_clusterd()
            .with_weight(Action::Restart, 0)
            .with_weight(Action::Kill, 0)
    }

    /// The same profile for a target of this release.
    pub fn for_release(mut self, release: Release) -> Self {
        self.configures_instances = release.configures_instances();
        self
    }

    /// The same profile for a cluster of two replicas, of which now and then one is
    /// killed.
    pub fn for_two_replicas(self) -> Self {
        self.with_weight(Action::Kill, 3)
            .with_weight(Action::Reconnect, 3)
    }

    /// The same profile, going round these bugs.
    pub fn round(mut self, known: KnownBugs) -> Self {
        self.known = known;
        self
    }

    /// The weight of an action.
    pub fn weight(&self, action: Action) -> u64 {
        let index = Action::ALL.iter().position(|a| *a == action);
        index
            .and_then(|index| self.weights.get(index))
            .copied()
            .unwrap_or(0)
    }

    /// The same profile with another weight for an action.
    pub fn with_weight(mut self, action: Action, weight: u64) -> Self {
        if let Some(index) = Action::ALL.iter().position(|a| *a == action)
            && let Some(slot) = self.weights.get_mut(index)
        {
            *slot = weight;
        }
        self
    }
}
