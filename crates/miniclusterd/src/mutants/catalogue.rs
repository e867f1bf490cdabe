//! The catalogue: name, family and description of every mutant.
//!
//! Invariant: names are kebab-case, unique, and never reused for another bug
//! (`spec/replica.md` §11 lists their models).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use protocol::Release;

/// What kind of promise a mutant breaks; for grouping in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Contents of an index: sources, arrangements, operators.
    Maintenance,
    /// What operators compute.
    Operators,
    /// Peeks: readiness, contents, exactly one answer.
    Peek,
    /// Frontier reports.
    Frontier,
    /// Logical or physical compaction.
    Compaction,
    /// Batches told to the client.
    Subscribe,
    /// Shards written by materialized views.
    View,
    /// What happens on a new connection.
    Reconciliation,
    /// Scheduling, dropping, life and death of the process.
    Lifecycle,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::Maintenance => "maintenance",
            Family::Operators => "operators",
            Family::Peek => "peek",
            Family::Frontier => "frontier",
            Family::Compaction => "compaction",
            Family::Subscribe => "subscribe",
            Family::View => "view",
            Family::Reconciliation => "reconciliation",
            Family::Lifecycle => "lifecycle",
        })
    }
}

macro_rules! mutants {
    ($($variant:ident, $family:ident, $name:literal, $description:literal;)*) => {
        /// One named bug.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutant { $(#[doc = $description] $variant,)* }

        impl Mutant {
            /// Every mutant, in the order of `--list-mutants`.
            pub const ALL: &'static [Mutant] = &[$(Mutant::$variant,)*];

            /// The name that `--mutant` takes.
            pub fn name(self) -> &'static str {
                match self { $(Mutant::$variant => $name,)* }
            }

            /// One line: what the replica does wrong, and when.
            pub fn description(self) -> &'static str {
                match self { $(Mutant::$variant => $description,)* }
            }

            /// The kind of promise that is broken.
            pub fn family(self) -> Family {
                match self { $(Mutant::$variant => Family::$family,)* }
            }
        }
    };
}

mutants! {
    // Contents.
    LostRetraction, Maintenance, "lost-retraction-at-batch-boundary",
        "a source import loses retractions at the first time of each batch that follows the snapshot";
    SnapshotOmitsAsOf, Maintenance, "snapshot-omits-as-of",
        "the snapshot of a source leaves out the updates whose time is exactly the as-of";
    SourceStalls, Maintenance, "source-stalls",
        "a source import stops following its shard after the third advance of its upper";
    PushdownTrustsEnds, Maintenance, "pushdown-trusts-the-ends",
        "a source passes over a part whose rows its operators drop at both ends of their ranges, though they may fail between them";
    PushdownForgetsErrors, Maintenance, "pushdown-forgets-errors",
        "a source passes over a part whose rows its operators drop, though errors are among them";
    KeyIgnoredOnOneWorker, Maintenance, "key-ignored-on-one-worker",
        "worker 1 files every row of its arrangements under a key of NULLs (visible with two workers or more)";
    NullKeyDropped, Maintenance, "null-key-dropped",
        "an arrangement loses rows whose key holds a NULL";
    ImportLosesErrors, Maintenance, "import-loses-errors",
        "a dataflow that imports an index does not see its errors";
    CountsIgnoreRetractions, Maintenance, "counts-ignore-retractions",
        "accumulating aggregates count a retraction as if it were an insertion";
    ErrorsLost, Maintenance, "errors-lost",
        "an error of a filter or mapped expression drops its row without a trace";

    // Peeks.
    PeekEarly, Peek, "peek-early",
        "a peek is answered one timestamp early, before its time is sealed";
    PeekSeesNextTime, Peek, "peek-sees-next-time",
        "a peek counts the updates of the timestamp after its own as well";
    UnscheduledKeepsShard, Lifecycle, "unscheduled-keeps-shard",
        "a dataflow that is dropped before it was scheduled goes on holding its shards";
    ResultSizeIgnored, Peek, "result-size-ignored",
        "results of any size are answered, whatever the limit";
    ResultSizeTooStrict, Peek, "result-size-too-strict",
        "results are refused that are larger than a sixteenth of the limit";
    PeekClampsMultiplicity, Peek, "peek-clamps-multiplicity",
        "a peek answers every row once, whatever its multiplicity";
    PeekMissesErrors, Peek, "peek-misses-errors",
        "a peek answers rows although the collection is an error at its time";
    LimitBeforeSort, Peek, "limit-before-sort",
        "a peek cuts to its limit before it sorts by the order of the finishing";
    LiteralStopsAtMiss, Peek, "literal-stops-at-miss",
        "a peek with literal constraints stops at the first literal that matches no key";
    PeekHidesFailures, Peek, "peek-hides-failures",
        "a peek that computes something leaves out the rows for which that fails";
    LimitCountsFiltered, Peek, "limit-counts-filtered",
        "a peek with a limit and no order counts the rows that its own filter drops";
    LiteralBeforeRow, Peek, "literal-before-row",
        "a peek that looks up keys computes with the literal's columns before the row's, not behind";
    CancelHitsAll, Peek, "cancel-hits-all",
        "cancelling one peek cancels every pending peek";
    CancelIgnored, Peek, "cancel-ignored",
        "cancelling a pending peek does nothing";
    PeekAnsweredTwice, Peek, "peek-answered-twice-after-reconnect",
        "after a reconnect every peek is answered twice";
    AnswersReversed, Peek, "answers-reversed",
        "the rows of an answer come in the opposite order";
    HandshakeWaits, Lifecycle, "handshake-configuration-waits",
        "what is configured before initialization is complete counts from the next update on";
    StashesUnasked, Peek, "stashes-unasked",
        "a large answer goes into the stash although the replica was told to use none";
    StashForgetsOffset, Peek, "stash-forgets-offset",
        "the stash gets no more rows than the limit, whatever the offset skips of them";
    StashCountsEntries, Peek, "stash-counts-entries",
        "a stashed answer counts a row once, however often it stands in the batch";
    PanicOnHugeLimit, Peek, "panic-on-huge-limit",
        "an ordered peek whose doubled limit overflows ends the process";

    // Frontiers.
    FrontierTooFar, Frontier, "frontier-too-far",
        "the write and output frontiers are reported one further than they are";
    FrontierRegresses, Frontier, "frontier-regresses-after-compaction",
        "after a compaction the write frontier is reported again, at the compaction's frontier";
    FirstFrontierBelowAsOf, Frontier, "first-frontier-below-as-of",
        "a dataflow first reports a frontier just before its as-of (with an as-of of 2 or more)";
    FrontiersNotReset, Frontier, "frontiers-not-reset-on-reconnect",
        "after a reconnect kept collections report only what is new, not where they are";
    AliasHoldsImport, Frontier, "alias-holds-import",
        "an index that is another name of an imported one holds back the input frontier";
    OutputAhead, Frontier, "output-ahead-of-write",
        "the output frontier of an index runs one ahead of its write frontier";
    OutputBehind, Frontier, "output-behind-write",
        "the output frontier of an index stays one behind its write frontier";
    FrontiersRepeated, Frontier, "frontiers-repeated",
        "every report of frontiers that are not empty is made twice";
    FrontiersEmpty, Frontier, "frontiers-without-kind",
        "a report of frontiers that are not empty is followed by one of no kind";
    InputBelowAsOf, Frontier, "input-frontier-below-as-of",
        "the first input frontier is just before the as-of (with an as-of of 2 or more)";
    WriteAtAsOf, Frontier, "first-frontier-at-as-of",
        "the first write frontier is the as-of, as if its snapshot were still to come";
    WriteAfterAsOf, Frontier, "first-frontier-just-after-as-of",
        "the first write frontier is the one after the as-of, also of what was kept and is further";
    StatusTooEarly, Reconciliation, "status-before-initialization",
        "a new connection is told a status before its initialization is complete";

    // Compaction.
    CompactionPastSince, Compaction, "compaction-past-since",
        "a compaction merges every sealed time into since, not only those before it";
    CompactionOffByOne, Compaction, "compaction-off-by-one",
        "a compaction merges the time just after since into since";
    PeekBelowSinceEmpty, Compaction, "peek-below-since-empty",
        "a peek below since is answered with no rows instead of an error";
    ShardPeekMisstatesSince, Compaction, "shard-peek-misstates-since",
        "a peek of a shard below its since says that the since is at the peek's time";
    PeekAtSinceRefused, Compaction, "peek-at-since-refused",
        "a peek exactly at a compacted since is refused as if it were below";

    // Reconciliation.
    KeepsIncompatible, Reconciliation, "reconcile-keeps-incompatible",
        "a reconnect keeps a dataflow although the new description builds something else";
    KeepsLowerAsOf, Reconciliation, "reconcile-keeps-lower-as-of",
        "a reconnect keeps a dataflow although the new as-of is before the old one";
    ForgetsDrop, Reconciliation, "reconcile-forgets-drop",
        "a reconnect leaves dataflows running that the new commands do not mention";
    OverCompacts, Reconciliation, "reconcile-over-compacts",
        "a reconnect compacts kept dataflows to their write frontier instead of the new as-of";
    LeaksOldPeeks, Reconciliation, "reconcile-leaks-old-peeks",
        "peeks that were pending at a reconnect are answered on the new connection";

    // Life of dataflows and of the process.
    StartsUnscheduled, Lifecycle, "starts-unscheduled",
        "a dataflow starts when it is created, without being scheduled";
    DropSilent, Lifecycle, "drop-silent",
        "dropping a collection reports no empty frontiers";
    DropTwice, Lifecycle, "drop-reported-twice",
        "the empty frontiers of a dropped collection are reported twice";
    ErrorsMultiply, Lifecycle, "errors-multiply",
        "errors of a binding count once for each of its readers; counts that overflow end the process";
    PanicOnSecondSchedule, Lifecycle, "panic-on-second-schedule",
        "scheduling a collection that is already running ends the process";
    ReportsTooEarly, Lifecycle, "reports-before-initialization",
        "after a reconnect frontiers are reported before the initialization is complete";

    TableFunctionNeverYields, Lifecycle, "table-function-never-yields",
        "a table function makes all of its rows, however many, before anything else goes on";

    // Subscribes.
    SubscribeSnapshotAlways, Subscribe, "subscribe-snapshot-always",
        "a subscribe without snapshot tells the updates at its as-of as well";
    SubscribeUpToInclusive, Subscribe, "subscribe-up-to-inclusive",
        "a subscribe tells the updates at its up-to as well";
    SubscribeNotConsolidated, Subscribe, "subscribe-not-consolidated",
        "the updates of a subscribe's batch are not consolidated";
    SubscribeUnsorted, Subscribe, "subscribe-unsorted",
        "the updates of a subscribe's batch are not sorted by the order that was asked for";
    SubscribeDropsErrors, Subscribe, "subscribe-drops-errors",
        "a subscribe tells rows although its collection is an error";
    SubscribeLowerStays, Subscribe, "subscribe-lower-stays",
        "every batch is said to begin at time 0, where the first one began";
    SubscribeGap, Subscribe, "subscribe-gap",
        "every batch of a subscribe but the first leaves out the updates of its first time";
    SubscribeDropSilent, Subscribe, "subscribe-drop-silent",
        "dropping a subscribe tells nothing";
    SubscribeDropForgets, Subscribe, "subscribe-drop-forgets",
        "dropping a subscribe forgets the batches that it was about to tell";
    KeepsSubscribe, Reconciliation, "reconcile-keeps-subscribe",
        "a reconnect keeps a subscribe, which then does not start over";

    // Materialized views.
    ViewWritesReadOnly, View, "view-writes-read-only",
        "a materialized view writes before writes are allowed";
    ViewLosesRetractions, View, "view-loses-retractions",
        "a materialized view does not write the retractions after its as-of";
    ViewDropsErrors, View, "view-drops-errors",
        "a materialized view does not write errors";
    ViewGarblesErrors, View, "view-garbles-errors",
        "a materialized view writes another error than it has";
    ViewRepeatsErrors, View, "view-repeats-errors",
        "a materialized view writes an error as often as it was raised (from 26.39 on; before, that is right)";
    ViewDropsNulls, View, "view-drops-nulls",
        "a materialized view leaves out a row with a NULL where none may be, without an error";
    ViewIgnoresContents, View, "view-ignores-contents",
        "a materialized view does not take into account what its shard holds at the start";
    ViewTrustsOnlyItself, View, "view-trusts-only-itself",
        "a materialized view counts on what it wrote itself, whatever another replica writes";
    ViewRefreshesAtOnce, View, "view-refreshes-at-once",
        "a materialized view with a refresh schedule writes what changed in between at once";
    ViewMissesLastRefresh, View, "view-misses-last-refresh",
        "a materialized view is not brought up to date at a refresh whose time is that of a change";
    ViewClampsMultiplicity, View, "view-clamps-multiplicity",
        "a materialized view writes every change once, whatever its multiplicity";
    ViewSealsTooFar, View, "view-seals-too-far",
        "a materialized view seals one time more than its results are complete";
    ViewSealsAfterDrop, View, "view-seals-after-drop",
        "a view that is dropped beside a living export goes on sealing its shard, without its rows";
    ViewFrontierAhead, View, "view-frontier-ahead",
        "a materialized view reports its write frontier one further than its shard's upper";

    // What operators compute.
    FilterSkipsLast, Operators, "filter-skips-last",
        "of several predicates in a block the last one is not checked";
    TemporalNeverEnds, Operators, "temporal-never-ends",
        "a temporal filter keeps rows beyond their upper bound";
    TemporalStartsLate, Operators, "temporal-starts-late",
        "a temporal filter lets rows appear one time late";
    TemporalForgetsFarEnds, Maintenance, "temporal-forgets-far-ends",
        "what a temporal filter is to change at time 100 or later does not happen";
    UnionLosesErrors, Operators, "union-loses-errors",
        "a union keeps the errors of its first input only";
    FlatMapMisplacesKey, Operators, "flat-map-misplaces-key",
        "a table function over an arrangement reads the key columns behind the value columns";
    FlatMapIgnoresMultiplicity, Operators, "flat-map-ignores-multiplicity",
        "a table function takes an input row once, whatever its multiplicity";
    FlatMapDropsLastRow, Operators, "flat-map-drops-last-row",
        "a table function that gives several rows loses the last one";
    JoinSkipsEqualities, Operators, "join-skips-equalities",
        "a join does not check the equalities that became ready at a stage";
    JoinDropsNullKeys, Operators, "join-drops-null-keys",
        "a linear join drops matches whose key holds a NULL";
    JoinPassesOverCancelled, Compaction, "join-passes-over-cancelled",
        "a linear join passes over changes that cancel by the time that its other input has reached";
    JoinRepeatsColumn, Operators, "join-repeats-column",
        "a linear join puts the next to last column of a match in place of the last";
    DeltaJoinCountsTwice, Operators, "delta-join-counts-twice",
        "changes of two relations at one time meet twice in a delta join";
    DeltaJoinMissesSimultaneous, Operators, "delta-join-misses-simultaneous",
        "changes of two relations at one time do not meet in a delta join";
    DeltaJoinOmitsLastPath, Operators, "delta-join-omits-last-path",
        "changes of the last relation of a delta join find nothing";
    DeltaJoinFailsEarly, Operators, "delta-join-fails-early",
        "every path of a delta join computes what it can of the rows at the as-of, joined or not";
    DistinctKeepsMultiplicity, Operators, "distinct-keeps-multiplicity",
        "a distinct row counts as often as it was there before";
    DistinctNeverRetracts, Operators, "distinct-never-retracts",
        "a distinct row stays when its last copy goes";
    SumIgnoresMultiplicity, Operators, "sum-ignores-multiplicity",
        "sums take an update once, whatever its multiplicity";
    SumWraps, Operators, "sum-wraps",
        "sums of small integers wrap at 16 bits";
    CountCountsNulls, Operators, "count-counts-nulls",
        "a count of an argument counts NULLs as well";
    AllTakesNullForTrue, Operators, "all-takes-null-for-true",
        "the aggregate all takes NULL for true";
    FloatSumSaturates, Operators, "float-sum-saturates",
        "sums of floats cut what is beyond a thousand";
    AggregateIgnoresDistinct, Operators, "aggregate-ignores-distinct",
        "accumulating aggregates pass over DISTINCT";
    MinMaxIgnoresRetractions, Operators, "min-max-ignores-retractions",
        "a least or greatest value stays when its rows go";
    MinMaxTakesNull, Operators, "min-max-takes-null",
        "a NULL beats every value in min and max";
    MinMaxComparesBytes, Operators, "min-max-compares-bytes",
        "min and max compare values as their encoded bytes do";
    MinMaxNegatesError, Operators, "min-max-negates-error",
        "the complaint of min and max about a negative row has the wrong sign";
    MonotonicNotConsolidated, Operators, "monotonic-not-consolidated",
        "monotonic operators do not cancel their input first";
    AggregateIgnoresOrder, Operators, "aggregate-ignores-order",
        "aggregates with an ORDER BY take their values in any order";
    BasicIgnoresMultiplicity, Operators, "basic-ignores-multiplicity",
        "concatenating aggregates take a value once, whatever its multiplicity";
    BasicReadsFirstArgument, Operators, "basic-reads-first-argument",
        "of several concatenating aggregates all read the first one's argument";
    RankCountsPeersOnce, Operators, "rank-counts-peers-once",
        "the rank behind rows that tie goes on by one, whatever their number";
    WindowFrameIncludesNext, Operators, "window-frame-includes-next",
        "a frame that ends a number of rows from the current one ends a row later";
    TopKZeroIsUnlimited, Operators, "top-k-zero-is-unlimited",
        "a TopK with limit 0 has no limit";
    TopKLimitOffByOne, Operators, "top-k-limit-off-by-one",
        "a TopK with a limit above 1 keeps one row more";
    TopKIgnoresOffset, Operators, "top-k-ignores-offset",
        "a TopK passes over its offset";
    TopKLimitOverflows, Operators, "top-k-limit-overflows",
        "the first stage of a TopK keeps nothing when limit and offset together overflow";
    TopKBucketForgetsOffset, Operators, "top-k-bucket-forgets-offset",
        "the first stage of a TopK keeps as many rows as the limit, forgetting the offset";
    TopKTiesByBytes, Operators, "top-k-ties-by-bytes",
        "a TopK breaks ties by the bytes of rows";
    TopKTurnsNulls, Operators, "top-k-turns-nulls",
        "a TopK puts NULLs at the wrong end";
    TopKIgnoresLaterDesc, Operators, "top-k-ignores-later-desc",
        "a TopK sorts its second and later order columns ascending always";
    TopKCountsRowsOnce, Operators, "top-k-counts-rows-once",
        "in a TopK a row takes one place, however often it is there";
    ThresholdPassesNegatives, Operators, "threshold-passes-negatives",
        "a threshold lets negative rows pass";
    ThresholdForgetsMultiplicity, Operators, "threshold-forgets-multiplicity",
        "a threshold gives every row once";
    RecursionStopsEarly, Operators, "recursion-stops-early",
        "recursive bindings stop after three rounds without a word";
    RecursionLimitOffByOne, Operators, "recursion-limit-off-by-one",
        "a recursion limit allows one round more";
    RecursionLimitQuiet, Operators, "recursion-limit-quiet",
        "a recursion limit that is reached is no error";
    RecursionDropsErrors, Operators, "recursion-drops-errors",
        "errors inside recursive bindings are not fed back";
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A `--mutant` that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown mutant `{0}`: expected one of the names that `clusterd-fuzz list-mutants` prints")]
pub struct UnknownMutant(pub String);

impl FromStr for Mutant {
    type Err = UnknownMutant;

    fn from_str(s: &str) -> Result<Self, UnknownMutant> {
        Mutant::ALL
            .iter()
            .copied()
            .find(|m| m.name() == s)
            .ok_or_else(|| UnknownMutant(s.to_string()))
    }
}

impl Mutant {
    /// The first release in which it is a bug.
    pub fn since(self) -> Release {
        match self {
            Mutant::ViewRepeatsErrors => Release::V26_39,
            _ => Release::V26_30,
        }
    }

    /// Whether it takes a second replica of the same cluster to show it.
    pub fn takes_two(self) -> bool {
        matches!(self, Mutant::ViewTrustsOnlyItself)
    }
}

/// What `--list-mutants` prints: name, tab, one line.
pub fn list() -> String {
    Mutant::ALL
        .iter()
        .map(|m| format!("{}\t{}\n", m.name(), m.description()))
        .collect()
}
