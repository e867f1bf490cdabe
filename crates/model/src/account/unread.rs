//! Snapshots that the replica may still have to read: as long as one is out,
//! its shard's since must not pass its as_of. Source: `spec/replica.md` §2.5.3,
//! §3.3.
//!
//! Invariant: a snapshot counts as read only when a frontier beyond its as_of
//! was seen, or the process is gone. A dataflow that was dropped, or that a
//! later session replaced or omitted, may have a reader on its way.

use super::dataflow::{Dataflow, Input};
use repr::{GlobalId, Timestamp};

#[derive(Debug, Clone, Default)]
pub struct Unread(Vec<Snapshot>);

#[derive(Debug, Clone)]
struct Snapshot {
    shard: String,
    as_of: Timestamp,
    /// Whose frontier tells that it was read.
    export: GlobalId,
    /// The dataflow that reads it.
    dataflow: u64,
}

impl Unread {
    /// A dataflow was sent.
    pub fn add(&mut self, dataflow: &Dataflow) {
        for input in dataflow.inputs.values() {
            let Input::Source { shard } = input else {
                continue;
            };
            self.0
                .extend(dataflow.spec.exports.iter().map(|export| Snapshot {
                    shard: shard.clone(),
                    as_of: dataflow.spec.as_of,
                    export: export.id(),
                    dataflow: dataflow.uid,
                }));
        }
    }

    /// An export has come past its as_of.
    pub fn read(&mut self, export: GlobalId) {
        self.0.retain(|snapshot| snapshot.export != export);
    }

    /// A dataflow was not made after all, because an older one was kept.
    pub fn forget(&mut self, dataflow: &Dataflow) {
        self.0.retain(|snapshot| snapshot.dataflow != dataflow.uid);
    }

    /// The earliest as_of that is still to be read from a shard.
    pub fn earliest(&self, shard: &str) -> Option<Timestamp> {
        let of_shard = self.0.iter().filter(|snapshot| snapshot.shard == shard);
        of_shard.map(|snapshot| snapshot.as_of).min()
    }
}
