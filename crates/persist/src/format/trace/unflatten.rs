//! Rebuilding the trace from its flat form, and the rules that a flat form
//! must satisfy (`spec/persist.md` §3.8, "Rebuilding").
//!
//! Invariant: what breaks a rule is an error here, as it is a panic upstream.

use std::collections::VecDeque;
use std::sync::Arc;

use super::batch::{HollowBatch, SpineId};
use super::flat::{FlatTrace, ThinBatch};
use super::spine::{FuelMerge, IdBatch, Level, SpineBatch, Trace};
use crate::format::corrupt::Corrupt;
use crate::format::description::Description;
use repr::Antichain;

fn bad(why: String) -> Corrupt {
    Corrupt::new("trace", why)
}

impl Trace {
    /// Rebuilds a trace; what is wrong with the flat form if it cannot.
    pub fn unflatten(mut flat: FlatTrace) -> Result<Self, Corrupt> {
        let mut trace = Trace {
            since: flat.since.clone(),
            ..Trace::default()
        };
        let mut legacy: VecDeque<Arc<HollowBatch>> = flat.legacy_batches.iter().cloned().collect();
        if flat.spine_batches.is_empty() && !legacy.is_empty() {
            // A state of old, without structure: it is what inserting gives.
            for batch in legacy {
                if batch.desc.lower != trace.upper {
                    return Err(bad(format!("a gap before batch {}", batch.desc)));
                }
                trace.push(batch).map_err(|e| bad(e.into()))?;
            }
            return Ok(trace);
        }
        let thin = std::mem::take(&mut flat.spine_batches);
        for (id, thin) in thin {
            let batch = spine_batch(id, &thin, &mut flat, &mut legacy)?;
            trace.place(thin.level, batch)?;
        }
        for level in &mut trace.levels {
            let [first, second] = &level.batches[..] else {
                continue;
            };
            let id = SpineId {
                lo: first.id.lo,
                hi: second.id.hi,
            };
            let merge = flat
                .merges
                .remove(&id)
                .ok_or_else(|| bad(format!("level without its merge {id}")))?;
            level.merge = Some(FuelMerge {
                since: merge.since,
                remaining_work: merge.remaining_work,
            });
        }
        if let Some(batch) = legacy.front() {
            return Err(bad(format!("batch {} is in no spine batch", batch.desc)));
        }
        if let Some(id) = flat.hollow_batches.keys().next() {
            return Err(bad(format!("hollow batch {id} is in no spine batch")));
        }
        if let Some(id) = flat.merges.keys().next() {
            return Err(bad(format!("merge {id} belongs to no batch")));
        }
        Ok(trace)
    }

    /// Adds the next younger spine batch.
    fn place(&mut self, level: usize, batch: SpineBatch) -> Result<(), Corrupt> {
        let lowest = self.levels.iter().position(|l| !l.batches.is_empty());
        if let Some(lowest) = lowest {
            if level > lowest {
                return Err(bad(format!(
                    "spine batch {} lies above an older one",
                    batch.id
                )));
            }
        } else {
            self.levels.resize_with(level + 1, Level::default);
        }
        if batch.id.lo != self.next_id || batch.id.hi <= batch.id.lo {
            return Err(bad(format!(
                "spine batch {} does not start at {}",
                batch.id, self.next_id
            )));
        }
        if batch.desc.lower != self.upper || batch.desc.upper < batch.desc.lower {
            return Err(bad(format!(
                "spine batch {} covers {}, expected lower {}",
                batch.id, batch.desc, self.upper
            )));
        }
        self.next_id = batch.id.hi;
        self.upper = batch.desc.upper.clone();
        let level = &mut self.levels[level];
        if level.batches.len() == 2 {
            return Err(bad(format!("a third batch {} at one level", batch.id)));
        }
        level.batches.push(Arc::new(batch));
        Ok(())
    }
}

fn spine_batch(
    id: SpineId,
    thin: &ThinBatch,
    flat: &mut FlatTrace,
    legacy: &mut VecDeque<Arc<HollowBatch>>,
) -> Result<SpineBatch, Corrupt> {
    let mut parts = Vec::with_capacity(thin.parts.len());
    for (i, part) in thin.parts.iter().enumerate() {
        let batch = match flat.hollow_batches.remove(part) {
            Some(batch) => batch,
            None => next_legacy(*part, thin.descs.get(i), legacy)?,
        };
        parts.push(IdBatch { id: *part, batch });
    }
    let mut upper = &thin.desc.lower;
    for part in &parts {
        if part.batch.desc.lower != *upper {
            return Err(bad(format!("a gap before part {} of {id}", part.id)));
        }
        upper = &part.batch.desc.upper;
    }
    if *upper != thin.desc.upper {
        return Err(bad(format!(
            "the parts of spine batch {id} end at {upper}, not at {}",
            thin.desc.upper
        )));
    }
    let claimed = flat
        .merges
        .get(&id)
        .is_some_and(|m| m.active_compaction.is_some());
    let claim = if claimed {
        flat.merges.remove(&id)
    } else {
        None
    };
    Ok(SpineBatch {
        id,
        desc: thin.desc.clone(),
        parts,
        active_compaction: claim.and_then(|m| m.active_compaction),
    })
}

fn next_legacy(
    id: SpineId,
    expected: Option<&Description>,
    legacy: &mut VecDeque<Arc<HollowBatch>>,
) -> Result<Arc<HollowBatch>, Corrupt> {
    let batch = legacy
        .pop_front()
        .ok_or_else(|| bad(format!("no batch is left for part {id}")))?;
    let Some(expected) = expected else {
        return Ok(batch);
    };
    if batch.desc.lower != expected.lower {
        return Err(bad(format!(
            "part {id} starts at {}, the next batch at {}",
            expected.lower, batch.desc.lower
        )));
    }
    if batch.desc.upper == expected.upper {
        return Ok(batch);
    }
    // Only empty batches may have been cut differently.
    let piece = |lower: &Antichain, upper: &Antichain, since: &Antichain| {
        Arc::new(HollowBatch::empty(Description {
            lower: lower.clone(),
            upper: upper.clone(),
            since: since.clone(),
        }))
    };
    let mut upper = batch.desc.upper.clone();
    let mut all_empty = batch.is_empty();
    while all_empty && upper < expected.upper {
        match legacy.pop_front() {
            Some(next) => {
                all_empty = next.is_empty() && next.desc.lower == upper;
                upper = next.desc.upper.clone();
            }
            None => all_empty = false,
        }
    }
    if !all_empty {
        return Err(bad(format!(
            "part {id} ends at {}, the next batch at {upper}",
            expected.upper
        )));
    }
    if expected.upper < upper {
        legacy.push_front(piece(&expected.upper, &upper, &batch.desc.since));
    }
    Ok(piece(&expected.lower, &expected.upper, &batch.desc.since))
}
