//! The list of situations.

macro_rules! situations {
    ($($variant:ident, $text:literal;)*) => {
        /// A situation that must occur in a campaign.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Situation { $(#[doc = $text] $variant,)* }

        impl Situation {
            /// Every situation, in the order of the list.
            pub const ALL: &'static [Situation] = &[$(Situation::$variant,)*];

            /// What occurs, in a few words.
            pub fn text(self) -> &'static str {
                match self { $(Situation::$variant => $text,)* }
            }
        }
    };
}

situations! {
    // Peeks.
    PeekAhead, "a peek at a time that is not sealed yet";
    PeekAtCompacted, "a peek at exactly the time to which its index was compacted";
    PeekBelowSince, "a peek below what its index was compacted to";
    PeekWhileHydrating, "a peek of an index that is still hydrating";
    PeeksTogether, "three peeks in flight at a time";
    PeekTwice, "two peeks of one collection at one time";
    PeekOfView, "a peek of a materialized view's shard";
    PeekOfLiterals, "a peek that looks up several keys";
    PeekComputes, "a peek computes something of the rows that it looks up";
    PeekComputesAhead, "a peek that computes something waits for its time";
    PeekSorted, "a peek with an order, a limit and an offset";
    PeekFails, "a peek is answered by an error of its collection";
    PeekFailsOfNegative, "a peek is refused because of a negative count";
    PeekStashed, "an answer lies in the stash";
    PeekPartlyStashed, "a part of an answer lies in the stash, and the rest was sent";
    PeekTooLarge, "a peek is refused because its answer is too large";
    PeekViewBelowSince, "a peek of a view's shard below the since of the shard";
    PeekHeals, "a collection with an error at one time is read without one at another";
    PeekEmpty, "a peek is answered by no rows";
    CancelAhead, "a peek is cancelled while its time is not sealed";
    CancelReady, "a peek is cancelled whose answer may be under way";
    CancelAnswered, "a peek is cancelled after it was answered";
    CompactUnderPeek, "a peek is in flight while its index is compacted beyond it";
    DropAfterCancel, "a collection is dropped of which a peek was cancelled";

    // Compaction.
    CompactAhead, "an index is compacted beyond what is sealed";
    CompactUnderReader, "an index is compacted while a reader of it is behind";
    CompactUnscheduled, "an index is compacted before it is scheduled";
    CompactHydrating, "an index is compacted while it is hydrating";
    SinceUnderReader, "the since of a shard moves while a dataflow reads it";

    // Dataflows.
    AsOfAhead, "a dataflow begins at a time that its shards have not reached";
    AsOfBehind, "a dataflow begins at a time before the last writes";
    ImportHydrating, "a dataflow imports an index that is still hydrating";
    ImportCompacted, "a dataflow imports an index that was compacted";
    ImportChain, "a dataflow imports an index that reads an imported index";
    ImportDiamond, "a dataflow imports two indexes over one shard";
    SourceTwice, "two live dataflows read one shard";
    SourceOfView, "a dataflow reads the shard that a live view writes";
    Alias, "an index is another name of an imported one";
    ViewRefreshes, "a view is brought up to date at the times of a schedule";
    ViewWithoutNulls, "a view asserts that a column is never null";
    TwoExports, "a dataflow exports an index and a sink";
    UntilOneTime, "a dataflow is for one time only";
    UntilLater, "a dataflow ends after several times";
    SameTwice, "the same dataflow is there twice";
    ScheduleLate, "a dataflow is scheduled after a write that it reads";
    DropUnscheduled, "a dataflow is dropped before it is scheduled";
    DropHydrating, "a dataflow is dropped while it is hydrating";
    DropSibling, "one export is dropped while another one of its dataflow lives";
    DropAfterReader, "an index is dropped after a dataflow that imported it";

    // Sinks.
    SubscribeOverDrop, "a view is dropped while a subscribe reads its shard";
    SubscribeUnderPeek, "a peek of what a live subscribe reads";
    SubscribeChanges, "a subscribe tells only what changes";
    SubscribeEnds, "a subscribe comes to its end";
    SubscribeRetracts, "a subscribe tells a retraction";
    SubscribeFails, "a subscribe tells an error";
    SubscribeDropped, "a subscribe is dropped before its end";
    ViewReadOnly, "a view is read-only while its input is written";
    ViewAllowedLate, "a view may write only after its input went on";
    ViewRestarts, "a view is made anew over a shard, with a write between";
    ViewFails, "an error stands in the shard of a view";

    // Sessions.
    ReconnectHydrating, "a reconnect while a dataflow is hydrating";
    ReconnectPeeking, "a reconnect while a peek is in flight";
    ReconnectSubscribed, "a reconnect while a subscribe is live";
    ReconnectReadOnly, "a reconnect while a view is read-only";
    ReconnectAgain, "a second reconnect";
    ReconcileKeeps, "a reconnect keeps a dataflow";
    ReconcileCompacts, "a reconnect keeps a dataflow, with a later as_of";
    ReconcileReplaces, "a reconnect replaces a dataflow by another one of the same id";
    ReconcileDrops, "a reconnect leaves a live dataflow out";
    RestartHydrating, "a restart while a dataflow is hydrating";
    RestartPeeking, "a restart while a peek is in flight";
    RestartView, "a restart while a view is live";
    Reconfigured, "a setting changes while a dataflow lives";

    // Writes.
    WriteRetracts, "a write retracts a row";
    WriteNegates, "a write makes a count negative";
    WriteSeveral, "a write of several times";
    WriteNothing, "a write that only seals";
    WriteUnderPeek, "a write while a peek is in flight";
    WriteHydrating, "a write while a dataflow is hydrating";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_situations_say_the_same() {
        let mut texts: Vec<&str> = Situation::ALL.iter().map(|s| s.text()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Situation::ALL.len());
        assert!(texts.len() >= 40);
    }
}
