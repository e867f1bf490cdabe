//! Passing over parts: which parts of a shard a source need not read, since their
//! statistics say that its operators give nothing for their rows. Source:
//! `spec/persist.md` §6.6, settings `spec/replica.md` §8.2.
//!
//! Invariants: a part without statistics is read; so is one that may hold errors.
//! Some of the parts that are passed over are read all the same, and what they
//! hold is held against the verdict.

use std::sync::Arc;

use crate::compute::PersistSettings;
use crate::eval::{Arena, MfpPlan, PartRows, Possible, Values, may_give};
use crate::mutants::PushdownSeams;
use persist::{LeasedPart, PartStats, Update, ValueStats};
use repr::Timestamp;

/// What to do with a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Read,
    PassOver,
    /// It would be passed over, and is read to see whether that were right.
    Audit,
}

/// Decides about the parts of one source.
#[derive(Debug)]
pub struct PartFilter {
    pub plan: MfpPlan,
    /// The first time that is not wanted any more, if there is one.
    pub until: Option<Timestamp>,
    pub settings: Arc<PersistSettings>,
    pub seams: PushdownSeams,
}

impl PartFilter {
    /// What to do with a part none of whose updates has a time before `from`.
    pub fn verdict(&self, part: &LeasedPart, from: Timestamp) -> Verdict {
        if !self.settings.filters() {
            return Verdict::Read;
        }
        let Some(stats) = part.stats() else {
            return Verdict::Read;
        };
        if self.may_give(&stats, from) {
            return Verdict::Read;
        }
        match hash(&part.name()) % 100 < self.settings.audit_percent() {
            true => Verdict::Audit,
            false => Verdict::PassOver,
        }
    }

    /// Whether the operators may give a row or an error for a part.
    fn may_give(&self, stats: &PartStats, from: Timestamp) -> bool {
        if self.seams.may_hold_errors(stats.errors != Some(0)) {
            return true;
        }
        let columns = stats.columns.iter().map(|column| Possible {
            null: column.nullable,
            error: false,
            values: match &column.values {
                ValueStats::None => Values::None,
                ValueStats::Any => Values::Any,
                ValueStats::Between(ends) => {
                    let mut ends = ends.iter();
                    match (ends.next(), ends.next()) {
                        (Some(least), Some(most)) => Values::Between(least, most),
                        (Some(_) | None, _) => Values::Any,
                    }
                }
            },
        });
        let rows = PartRows {
            columns: columns.collect(),
            from,
        };
        may_give(&self.plan, rows, self.until, &Arena::new(), self.seams)
    }

    /// Holds the updates of a part against the verdict that nothing is wanted of
    /// them; what is wrong if something is, and the replica must end for it.
    pub fn audit(&self, part: &LeasedPart, updates: &[Update]) -> Option<String> {
        let gives = |(datum, time, diff): &Update| match datum {
            Err(_) => true,
            Ok(row) => {
                let arena = Arena::new();
                let mut datums = row.unpack();
                let mut any = false;
                let now = (*time, *diff);
                self.plan
                    .evaluate(&mut datums, &arena, now, self.until, |_, _, _| any = true);
                any
            }
        };
        let wrong = updates.iter().find(|update| gives(update))?;
        let text = format!(
            "persist filter pushdown correctness violation! {} {wrong:?}",
            part.shard()
        );
        match self.settings.audit_ends() {
            true => Some(text),
            false => {
                tracing::error!("{text}");
                None
            }
        }
    }
}

/// FNV-1a, so that the same parts are audited wherever a case runs.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
