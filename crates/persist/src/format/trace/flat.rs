//! The flat form of a trace, which rollups and diffs carry
//! (`spec/persist.md` §3.8).
//!
//! Invariant: flattening a trace and rebuilding it gives the same trace.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::batch::{HollowBatch, SpineId};
use super::spine::Trace;
use crate::format::corrupt::Corrupt;
use crate::format::description::{Description, frontier_from_proto, frontier_to_proto};
use crate::format::wire::state::{
    ProtoCompaction, ProtoIdHollowBatch, ProtoIdMerge, ProtoIdSpineBatch, ProtoMerge,
    ProtoSpineBatch, ProtoTrace,
};
use repr::Antichain;

/// A spine batch without its contents.
#[derive(Debug, Clone)]
pub struct ThinBatch {
    pub level: usize,
    pub desc: Description,
    pub parts: Vec<SpineId>,
    /// The descriptions of the parts, for finding the legacy batches; fewer
    /// than parts in states of old.
    pub descs: Vec<Description>,
}

/// `descs` do not count (§3.3).
impl PartialEq for ThinBatch {
    fn eq(&self, other: &Self) -> bool {
        self.level == other.level && self.desc == other.desc && self.parts == other.parts
    }
}

/// A running merge, or the claim of a compaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThinMerge {
    pub since: Antichain,
    pub remaining_work: u64,
    /// Since when, in ms since 1970: only in claims.
    pub active_compaction: Option<u64>,
}

/// The flat form.
#[derive(Debug, Clone, PartialEq)]
pub struct FlatTrace {
    pub since: Antichain,
    pub legacy_batches: BTreeSet<Arc<HollowBatch>>,
    pub hollow_batches: BTreeMap<SpineId, Arc<HollowBatch>>,
    pub spine_batches: BTreeMap<SpineId, ThinBatch>,
    pub merges: BTreeMap<SpineId, ThinMerge>,
}

/// The largest level that a batch can belong to.
const MAX_LEVEL: u64 = 65;

impl ThinBatch {
    /// Decodes.
    pub fn from_proto(proto: &ProtoSpineBatch) -> Result<Self, Corrupt> {
        const WHAT: &str = "spine batch";
        if proto.level > MAX_LEVEL {
            return Err(Corrupt::new(WHAT, format!("level {}", proto.level)));
        }
        let desc = Description::from_proto(proto.desc.as_ref(), WHAT)?;
        let descs = proto.descs.iter();
        Ok(ThinBatch {
            level: proto.level as usize,
            desc,
            parts: proto.parts.iter().map(|id| SpineId::from(*id)).collect(),
            descs: descs
                .map(|d| Description::from_proto(Some(d), WHAT))
                .collect::<Result<_, _>>()?,
        })
    }

    /// The message.
    pub fn to_proto(&self) -> ProtoSpineBatch {
        ProtoSpineBatch {
            level: self.level as u64,
            desc: Some(self.desc.to_proto()),
            parts: self.parts.iter().map(|id| (*id).into()).collect(),
            descs: self.descs.iter().map(Description::to_proto).collect(),
        }
    }
}

impl ThinMerge {
    /// Decodes.
    pub fn from_proto(proto: &ProtoMerge) -> Result<Self, Corrupt> {
        Ok(ThinMerge {
            since: frontier_from_proto(proto.since.as_ref(), "merge")?,
            remaining_work: proto.remaining_work,
            active_compaction: proto.active_compaction.map(|c| c.start_ms),
        })
    }

    /// The message.
    pub fn to_proto(&self) -> ProtoMerge {
        ProtoMerge {
            since: Some(frontier_to_proto(&self.since)),
            remaining_work: self.remaining_work,
            active_compaction: self
                .active_compaction
                .map(|start_ms| ProtoCompaction { start_ms }),
        }
    }
}

impl Trace {
    /// The flat form.
    pub fn flatten(&self) -> FlatTrace {
        let mut flat = FlatTrace {
            since: self.since.clone(),
            legacy_batches: BTreeSet::new(),
            hollow_batches: BTreeMap::new(),
            spine_batches: BTreeMap::new(),
            merges: BTreeMap::new(),
        };
        for (level, batch) in self.spine_batches() {
            for part in &batch.parts {
                let desc = &part.batch.desc;
                if desc.lower == desc.upper {
                    flat.hollow_batches.insert(part.id, Arc::clone(&part.batch));
                } else {
                    flat.legacy_batches.insert(Arc::clone(&part.batch));
                }
            }
            let thin = ThinBatch {
                level,
                desc: batch.desc.clone(),
                parts: batch.parts.iter().map(|p| p.id).collect(),
                descs: batch.parts.iter().map(|p| p.batch.desc.clone()).collect(),
            };
            flat.spine_batches.insert(batch.id, thin);
            if let Some(start_ms) = batch.active_compaction {
                let claim = ThinMerge {
                    since: batch.desc.since.clone(),
                    remaining_work: 0,
                    active_compaction: Some(start_ms),
                };
                flat.merges.insert(batch.id, claim);
            }
        }
        for (id, merge) in self.merges() {
            let thin = ThinMerge {
                since: merge.since.clone(),
                remaining_work: merge.remaining_work,
                active_compaction: None,
            };
            flat.merges.insert(id, thin);
        }
        flat
    }
}

impl FlatTrace {
    /// The message of a rollup.
    pub fn to_proto(&self) -> ProtoTrace {
        let batches = self.legacy_batches.iter();
        ProtoTrace {
            since: Some(frontier_to_proto(&self.since)),
            legacy_batches: batches.map(|b| b.to_proto()).collect(),
            hollow_batches: self
                .hollow_batches
                .iter()
                .map(|(id, batch)| ProtoIdHollowBatch {
                    id: Some((*id).into()),
                    batch: Some(batch.to_proto()),
                })
                .collect(),
            spine_batches: self
                .spine_batches
                .iter()
                .map(|(id, batch)| ProtoIdSpineBatch {
                    id: Some((*id).into()),
                    batch: Some(batch.to_proto()),
                })
                .collect(),
            merges: self
                .merges
                .iter()
                .map(|(id, merge)| ProtoIdMerge {
                    id: Some((*id).into()),
                    merge: Some(merge.to_proto()),
                })
                .collect(),
        }
    }

    /// Decodes the message of a rollup.
    pub fn from_proto(proto: ProtoTrace) -> Result<Self, Corrupt> {
        const WHAT: &str = "trace";
        fn present<T>(value: Option<T>) -> Result<T, Corrupt> {
            value.ok_or_else(|| Corrupt::new(WHAT, "an entry has no id or no value"))
        }
        let mut flat = FlatTrace {
            since: frontier_from_proto(proto.since.as_ref(), WHAT)?,
            legacy_batches: BTreeSet::new(),
            hollow_batches: BTreeMap::new(),
            spine_batches: BTreeMap::new(),
            merges: BTreeMap::new(),
        };
        for batch in proto.legacy_batches {
            let batch = Arc::new(HollowBatch::from_proto(batch)?);
            if !flat.legacy_batches.insert(batch) {
                return Err(Corrupt::new(WHAT, "the same batch twice"));
            }
        }
        for entry in proto.hollow_batches {
            let batch = HollowBatch::from_proto(present(entry.batch)?)?;
            flat.hollow_batches
                .insert(present(entry.id)?.into(), Arc::new(batch));
        }
        for entry in proto.spine_batches {
            let batch = ThinBatch::from_proto(&present(entry.batch)?)?;
            flat.spine_batches.insert(present(entry.id)?.into(), batch);
        }
        for entry in proto.merges {
            let merge = ThinMerge::from_proto(&present(entry.merge)?)?;
            flat.merges.insert(present(entry.id)?.into(), merge);
        }
        Ok(flat)
    }
}
