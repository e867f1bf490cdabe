//! One batch of the trace: its bounds and where its updates are
//! (`spec/persist.md` §3.5, §3.6).
//!
//! Invariant: a decoded batch has a non-empty lower, legal run splits, one
//! run metadata per run, and inline parts without what only blobs have.

use std::cmp::Ordering;
use std::fmt;

use bytes::Bytes;

use crate::format::corrupt::Corrupt;
use crate::format::description::{Description, frontier_from_proto};
use crate::format::part::inline_diffs_sum;
use crate::format::wire::state::{
    PartKind, ProtoHollowBatch, ProtoHollowBatchPart, ProtoRunMeta, ProtoSpineId,
};
use repr::Antichain;

/// A half-open range of batch numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpineId {
    pub lo: u64,
    pub hi: u64,
}

impl SpineId {
    /// Whether `other` lies within.
    pub fn covers(self, other: SpineId) -> bool {
        self.lo <= other.lo && other.hi <= self.hi
    }
}

impl fmt::Display for SpineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}-{}]", self.lo, self.hi)
    }
}

impl From<ProtoSpineId> for SpineId {
    fn from(id: ProtoSpineId) -> Self {
        SpineId {
            lo: id.lo,
            hi: id.hi,
        }
    }
}

impl From<SpineId> for ProtoSpineId {
    fn from(id: SpineId) -> Self {
        ProtoSpineId {
            lo: id.lo,
            hi: id.hi,
        }
    }
}

/// A batch: bounds, and its parts grouped into runs.
#[derive(Debug, Clone, PartialEq)]
pub struct HollowBatch {
    pub desc: Description,
    /// How many physical updates its parts hold.
    pub len: u64,
    pub parts: Vec<ProtoHollowBatchPart>,
    /// Where in `parts` each run but the first begins.
    pub runs: Vec<u64>,
    /// One for each run.
    pub run_meta: Vec<ProtoRunMeta>,
}

impl Eq for HollowBatch {}

/// The level of the spine at which a batch of `len` updates belongs.
pub fn level_of(len: u64) -> usize {
    match len {
        0 | 1 => 0,
        n => (u64::BITS - (n - 1).leading_zeros()) as usize,
    }
}

impl HollowBatch {
    /// A batch without updates.
    pub fn empty(desc: Description) -> Self {
        HollowBatch {
            desc,
            len: 0,
            parts: Vec::new(),
            runs: Vec::new(),
            run_meta: Vec::new(),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.runs.is_empty() && self.len == 0
    }

    /// The number of runs.
    pub fn run_count(&self) -> usize {
        if self.parts.is_empty() {
            0
        } else {
            self.runs.len() + 1
        }
    }

    /// Each run: its metadata, its parts.
    pub fn run_parts(&self) -> impl Iterator<Item = (&ProtoRunMeta, &[ProtoHollowBatchPart])> {
        (0..self.run_count()).map(|i| {
            let at = |split: u64| usize::try_from(split).unwrap_or(usize::MAX);
            let start = if i == 0 { 0 } else { at(self.runs[i - 1]) };
            let end = self.runs.get(i).map_or(self.parts.len(), |s| at(*s));
            (&self.run_meta[i], &self.parts[start..end])
        })
    }

    /// The bytes of its parts that live in the state.
    pub fn inline_bytes(&self) -> usize {
        self.parts
            .iter()
            .map(|part| match &part.kind {
                Some(PartKind::Inline(bytes)) => bytes.len(),
                Some(PartKind::Key(_) | PartKind::RunRef(_)) | None => 0,
            })
            .sum()
    }

    /// The sum of the diffs of its physical updates, where it is known.
    pub fn diffs_sum(&self) -> Option<i64> {
        self.parts.iter().try_fold(0i64, |sum, part| {
            let part = match &part.kind {
                Some(PartKind::Inline(bytes)) => inline_diffs_sum(bytes).ok()?,
                Some(PartKind::Key(_) | PartKind::RunRef(_)) => part.diffs_sum?,
                None => return None,
            };
            Some(sum.wrapping_add(part))
        })
    }

    /// The keys of its blobs, as they are stored (without the shard).
    pub fn blob_keys(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match &part.kind {
            Some(PartKind::Key(key)) => Some(key.as_str()),
            Some(PartKind::RunRef(run)) => Some(run.key.as_str()),
            Some(PartKind::Inline(_)) | None => None,
        })
    }

    /// Decodes and validates.
    pub fn from_proto(proto: ProtoHollowBatch) -> Result<Self, Corrupt> {
        const WHAT: &str = "batch";
        let desc = Description::from_proto(proto.desc.as_ref(), WHAT)?;
        let mut parts = proto.parts;
        for part in &parts {
            check_part(part)?;
        }
        parts.extend(
            proto
                .deprecated_keys
                .into_iter()
                .map(|key| ProtoHollowBatchPart {
                    kind: Some(PartKind::Key(key)),
                    ..Default::default()
                }),
        );
        let mut before = 0;
        for split in &proto.runs {
            if *split <= before || *split >= parts.len() as u64 {
                return Err(Corrupt::new(
                    WHAT,
                    format!("run splits {:?} of {} parts", proto.runs, parts.len()),
                ));
            }
            before = *split;
        }
        let runs = if parts.is_empty() {
            0
        } else {
            proto.runs.len() + 1
        };
        let mut run_meta = proto.run_meta;
        if run_meta.len() > runs {
            return Err(Corrupt::new(
                WHAT,
                format!("{} run descriptions for {runs} runs", run_meta.len()),
            ));
        }
        run_meta.resize(runs, ProtoRunMeta::default());
        Ok(HollowBatch {
            desc,
            len: proto.len,
            parts,
            runs: proto.runs,
            run_meta,
        })
    }

    /// The message; trailing default run metadata are left out.
    pub fn to_proto(&self) -> ProtoHollowBatch {
        let default = ProtoRunMeta::default();
        let used = self
            .run_meta
            .iter()
            .rposition(|m| *m != default)
            .map_or(0, |i| i + 1);
        ProtoHollowBatch {
            desc: Some(self.desc.to_proto()),
            deprecated_keys: Vec::new(),
            len: self.len,
            parts: self.parts.clone(),
            runs: self.runs.clone(),
            run_meta: self.run_meta[..used].to_vec(),
        }
    }
}

/// The rules for one part (`spec/persist.md` §3.6).
pub fn check_part(part: &ProtoHollowBatchPart) -> Result<(), Corrupt> {
    const WHAT: &str = "batch part";
    if let Some(frontier) = &part.ts_rewrite {
        frontier_from_proto(Some(frontier), WHAT)?;
    }
    match &part.kind {
        None => Err(Corrupt::new(WHAT, "it is neither a blob nor inline")),
        Some(PartKind::Key(key)) => check_blob_key(key),
        Some(PartKind::RunRef(run)) => check_blob_key(&run.key),
        Some(PartKind::Inline(_)) => {
            if part.encoded_size_bytes != 0
                || !part.key_lower.is_empty()
                || part.key_stats.is_some()
                || part.diffs_sum.is_some()
            {
                return Err(Corrupt::new(
                    WHAT,
                    "an inline part has a size, a lower, stats or a sum of diffs",
                ));
            }
            Ok(())
        }
    }
}

/// A key of a part: `n2603000/p…` or, of old, `w…/p…` (§2).
fn check_blob_key(key: &str) -> Result<(), Corrupt> {
    let ok = key.split_once('/').is_some_and(|(writer, part)| {
        (writer.starts_with('n') || writer.starts_with('w'))
            && part.starts_with('p')
            && !part.contains(['/', '.'])
            && !writer.contains('.')
    });
    if ok {
        Ok(())
    } else {
        Err(Corrupt::new(
            "batch part",
            format!("`{key}` is not a part key like n2603000/p…"),
        ))
    }
}

fn part_rank(part: &ProtoHollowBatchPart) -> (u8, &[u8]) {
    match &part.kind {
        Some(PartKind::RunRef(run)) => (0, run.key.as_bytes()),
        Some(PartKind::Key(key)) => (1, key.as_bytes()),
        Some(PartKind::Inline(bytes)) => (2, &bytes[..]),
        None => (3, &[]),
    }
}

impl HollowBatch {
    /// The order of flat traces and diffs. Frontiers compare as lists here,
    /// so that the empty one comes first.
    fn rank(&self) -> impl Ord + '_ {
        let key = |f: &Antichain| f.as_option();
        (
            key(&self.desc.lower),
            key(&self.desc.upper),
            key(&self.desc.since),
        )
    }
}

impl PartialOrd for HollowBatch {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for HollowBatch {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank()
            .cmp(&other.rank())
            .then_with(|| {
                let theirs = other.parts.iter().map(part_rank);
                self.parts.iter().map(part_rank).cmp(theirs)
            })
            .then_with(|| self.len.cmp(&other.len))
            .then_with(|| self.runs.cmp(&other.runs))
            .then_with(|| {
                if self == other {
                    return Ordering::Equal;
                }
                // What is left can only be told apart by its bytes.
                let bytes = |b: &Self| -> Bytes {
                    use prost::Message;
                    b.to_proto().encode_to_vec().into()
                };
                bytes(self).cmp(&bytes(other))
            })
    }
}
