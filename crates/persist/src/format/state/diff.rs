//! One transition of a shard: the value in consensus (`spec/persist.md` §3.2,
//! §3.3).
//!
//! Invariant: fields are written in upstream's order, within a field by
//! ascending key, so that equal transitions have equal bytes.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

use super::fields::Slice;
use super::{CriticalReader, LeasedReader, Writer};
use crate::format::corrupt::Corrupt;
use crate::format::trace::{HollowBatch, SpineId, ThinBatch, ThinMerge};
use crate::format::wire::state::{
    ProtoActive, ProtoEncodedSchemas, ProtoHollowRollup, ProtoStateDiff, ProtoStateFieldDiffs,
};
use repr::Antichain;

/// What happened to a key.
#[derive(Debug, Clone, PartialEq)]
pub enum DiffValue<V> {
    Insert(V),
    Update(V, V),
    Delete(V),
}

/// What happened to one key of a field.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDiff<K, V> {
    pub key: K,
    pub value: DiffValue<V>,
}

/// The changes of one field, in order.
pub type Changes<K, V> = Vec<FieldDiff<K, V>>;

/// A transition from one seqno to the next.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StateDiff {
    pub version: String,
    pub seqno_from: u64,
    pub seqno_to: u64,
    pub latest_rollup_key: String,
    pub walltime_ms: u64,
    pub hostname: Changes<(), String>,
    pub last_gc_req: Changes<(), u64>,
    pub rollups: Changes<u64, ProtoHollowRollup>,
    pub active_rollup: Changes<(), ProtoActive>,
    pub active_gc: Changes<(), ProtoActive>,
    pub leased_readers: Changes<String, LeasedReader>,
    pub critical_readers: Changes<String, CriticalReader>,
    pub writers: Changes<String, Writer>,
    pub schemas: Changes<u64, Arc<ProtoEncodedSchemas>>,
    pub since: Changes<(), Antichain>,
    pub legacy_batches: Changes<Arc<HollowBatch>, ()>,
    pub hollow_batches: Changes<SpineId, Arc<HollowBatch>>,
    pub spine_batches: Changes<SpineId, ThinBatch>,
    pub spine_merges: Changes<SpineId, ThinMerge>,
}

/// The field numbers of `ProtoStateField`.
mod field {
    pub const DEPRECATED_ROLLUPS: i32 = 0;
    pub const LAST_GC_REQ: i32 = 1;
    pub const LEASED_READERS: i32 = 2;
    pub const WRITERS: i32 = 3;
    pub const SINCE: i32 = 4;
    pub const LEGACY_BATCHES: i32 = 5;
    pub const CRITICAL_READERS: i32 = 6;
    pub const HOSTNAME: i32 = 7;
    pub const ROLLUPS: i32 = 8;
    pub const HOLLOW_BATCHES: i32 = 9;
    pub const SPINE_BATCHES: i32 = 10;
    pub const SPINE_MERGES: i32 = 11;
    pub const SCHEMAS: i32 = 12;
    pub const ACTIVE_ROLLUP: i32 = 13;
    pub const ACTIVE_GC: i32 = 14;
}

const INSERT: i32 = 0;
const UPDATE: i32 = 1;
const DELETE: i32 = 2;

fn bad(why: impl Into<String>) -> Corrupt {
    Corrupt::new("state diff", why)
}

/// Fills the packed columns.
#[derive(Default)]
struct Packer {
    fields: Vec<i32>,
    diff_types: Vec<i32>,
    data_lens: Vec<u64>,
    data: Vec<u8>,
}

impl Packer {
    fn slice(&mut self, slice: &impl Slice) {
        let before = self.data.len();
        slice.encode(&mut self.data);
        self.data_lens.push((self.data.len() - before) as u64);
    }

    fn put<K: Slice, V: Slice>(&mut self, field: i32, changes: &[FieldDiff<K, V>]) {
        for change in changes {
            self.fields.push(field);
            let (kind, old, new) = match &change.value {
                DiffValue::Insert(new) => (INSERT, None, Some(new)),
                DiffValue::Update(old, new) => (UPDATE, Some(old), Some(new)),
                DiffValue::Delete(old) => (DELETE, Some(old), None),
            };
            self.diff_types.push(kind);
            self.slice(&change.key);
            for value in old.into_iter().chain(new) {
                self.slice(value);
            }
        }
    }
}

/// Cuts the packed columns.
struct Unpacker<'a> {
    lens: std::slice::Iter<'a, u64>,
    data: &'a [u8],
}

impl<'a> Unpacker<'a> {
    fn slice(&mut self) -> Result<&'a [u8], Corrupt> {
        let len = self.lens.next().ok_or_else(|| bad("a length is missing"))?;
        let len = usize::try_from(*len).unwrap_or(usize::MAX);
        let (slice, rest) = self
            .data
            .split_at_checked(len)
            .ok_or_else(|| bad("the lengths exceed the data"))?;
        self.data = rest;
        Ok(slice)
    }

    fn read<K: Slice, V: Slice>(
        &mut self,
        kind: i32,
        into: &mut Changes<K, V>,
    ) -> Result<(), Corrupt> {
        let key = K::decode(self.slice()?)?;
        let value = match kind {
            INSERT => DiffValue::Insert(V::decode(self.slice()?)?),
            UPDATE => DiffValue::Update(V::decode(self.slice()?)?, V::decode(self.slice()?)?),
            DELETE => DiffValue::Delete(V::decode(self.slice()?)?),
            other => return Err(bad(format!("unknown kind of change {other}"))),
        };
        into.push(FieldDiff { key, value });
        Ok(())
    }
}

impl StateDiff {
    /// The bytes of consensus.
    pub fn encode(&self) -> Bytes {
        let mut p = Packer::default();
        p.put(field::HOSTNAME, &self.hostname);
        p.put(field::LAST_GC_REQ, &self.last_gc_req);
        p.put(field::ROLLUPS, &self.rollups);
        p.put(field::ACTIVE_ROLLUP, &self.active_rollup);
        p.put(field::ACTIVE_GC, &self.active_gc);
        p.put(field::LEASED_READERS, &self.leased_readers);
        p.put(field::CRITICAL_READERS, &self.critical_readers);
        p.put(field::WRITERS, &self.writers);
        p.put(field::SCHEMAS, &self.schemas);
        p.put(field::SINCE, &self.since);
        p.put(field::LEGACY_BATCHES, &self.legacy_batches);
        p.put(field::HOLLOW_BATCHES, &self.hollow_batches);
        p.put(field::SPINE_BATCHES, &self.spine_batches);
        p.put(field::SPINE_MERGES, &self.spine_merges);
        let proto = ProtoStateDiff {
            applier_version: self.version.clone(),
            seqno_from: self.seqno_from,
            seqno_to: self.seqno_to,
            latest_rollup_key: self.latest_rollup_key.clone(),
            field_diffs: Some(ProtoStateFieldDiffs {
                fields: p.fields,
                diff_types: p.diff_types,
                data_lens: p.data_lens,
                data_bytes: Bytes::from(p.data),
            }),
            walltime_ms: self.walltime_ms,
        };
        proto.encode_to_vec().into()
    }

    /// Decodes a value of consensus. The version is not judged.
    pub fn decode(bytes: &Bytes) -> Result<Self, Corrupt> {
        let proto = ProtoStateDiff::decode(bytes.clone()).map_err(|e| bad(e.to_string()))?;
        let mut diff = StateDiff {
            version: proto.applier_version,
            seqno_from: proto.seqno_from,
            seqno_to: proto.seqno_to,
            latest_rollup_key: proto.latest_rollup_key,
            walltime_ms: proto.walltime_ms,
            ..StateDiff::default()
        };
        let fields = proto.field_diffs.unwrap_or_default();
        if fields.fields.len() != fields.diff_types.len() {
            return Err(bad(format!(
                "{} fields with {} kinds",
                fields.fields.len(),
                fields.diff_types.len()
            )));
        }
        let mut u = Unpacker {
            lens: fields.data_lens.iter(),
            data: &fields.data_bytes,
        };
        for (number, kind) in fields.fields.iter().zip(&fields.diff_types) {
            let kind = *kind;
            match *number {
                field::DEPRECATED_ROLLUPS => {
                    let mut old: Changes<u64, String> = Vec::new();
                    u.read(kind, &mut old)?;
                    diff.rollups.extend(old.into_iter().map(undeprecate));
                }
                field::LAST_GC_REQ => u.read(kind, &mut diff.last_gc_req)?,
                field::LEASED_READERS => u.read(kind, &mut diff.leased_readers)?,
                field::WRITERS => u.read(kind, &mut diff.writers)?,
                field::SINCE => u.read(kind, &mut diff.since)?,
                field::LEGACY_BATCHES => u.read(kind, &mut diff.legacy_batches)?,
                field::CRITICAL_READERS => u.read(kind, &mut diff.critical_readers)?,
                field::HOSTNAME => u.read(kind, &mut diff.hostname)?,
                field::ROLLUPS => u.read(kind, &mut diff.rollups)?,
                field::HOLLOW_BATCHES => u.read(kind, &mut diff.hollow_batches)?,
                field::SPINE_BATCHES => u.read(kind, &mut diff.spine_batches)?,
                field::SPINE_MERGES => u.read(kind, &mut diff.spine_merges)?,
                field::SCHEMAS => u.read(kind, &mut diff.schemas)?,
                field::ACTIVE_ROLLUP => u.read(kind, &mut diff.active_rollup)?,
                field::ACTIVE_GC => u.read(kind, &mut diff.active_gc)?,
                other => return Err(bad(format!("unknown field {other}"))),
            }
        }
        if u.lens.next().is_some() || !u.data.is_empty() {
            return Err(bad("lengths or data are left over"));
        }
        Ok(diff)
    }
}

fn undeprecate(old: FieldDiff<u64, String>) -> FieldDiff<u64, ProtoHollowRollup> {
    let rollup = |key| ProtoHollowRollup {
        key,
        encoded_size_bytes: None,
    };
    FieldDiff {
        key: old.key,
        value: match old.value {
            DiffValue::Insert(new) => DiffValue::Insert(rollup(new)),
            DiffValue::Update(old, new) => DiffValue::Update(rollup(old), rollup(new)),
            DiffValue::Delete(old) => DiffValue::Delete(rollup(old)),
        },
    }
}
