//! What a shard consists of and what is wrong with it, as data.
//!
//! Invariant: everything is taken from the state and the stores as they are;
//! nothing is judged here.

use crate::format::description::Description;
use crate::format::rows::decode_schemas;
use crate::format::seqno::SeqNo;
use crate::format::state::State;
use crate::format::trace::SpineId;
use crate::format::wire::state::{PartKind, ProtoHandleDebugState};
use repr::{Antichain, ShardId};

/// A hollow batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchReport {
    pub level: usize,
    pub spine_batch: SpineId,
    pub id: SpineId,
    pub desc: Description,
    pub updates: u64,
    pub runs: usize,
    pub inline_parts: usize,
    pub inline_bytes: usize,
    pub blob_parts: usize,
    /// Of its blobs, as the state says.
    pub blob_bytes: u64,
    /// The keys of its blobs, without the shard.
    pub keys: Vec<String>,
}

/// A rollup of the current state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupReport {
    pub seqno: SeqNo,
    pub key: String,
    /// `None`: the blob is missing.
    pub size: Option<u64>,
}

/// A handle: its id, what it holds, until when, its owner and purpose.
#[derive(Debug, Clone, PartialEq)]
pub struct HandleReport {
    pub kind: &'static str,
    pub id: String,
    pub holds: String,
    /// In ms since 1970; `None` for critical readers.
    pub expires_ms: Option<u64>,
    pub debug: String,
}

/// A registered schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaReport {
    pub id: u64,
    /// Its columns, or why they cannot be read.
    pub columns: String,
}

/// A merge of two batches of a level, or a batch that is being compacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeReport {
    pub id: SpineId,
    pub remaining_work: u64,
}

/// What a shard consists of and what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub shard: ShardId,
    pub earliest: SeqNo,
    pub seqno: SeqNo,
    pub version: String,
    /// Who committed last, and when (ms since 1970).
    pub hostname: String,
    pub walltime_ms: u64,
    pub since: Antichain,
    pub upper: Antichain,
    pub batches: Vec<BatchReport>,
    pub merges: Vec<MergeReport>,
    pub rollups: Vec<RollupReport>,
    pub handles: Vec<HandleReport>,
    pub schemas: Vec<SchemaReport>,
    /// What garbage collection was last asked to reach.
    pub last_gc_req: SeqNo,
    /// Blobs that no state in the log names, with their sizes.
    pub leftovers: Vec<(String, u64)>,
    /// Every broken rule that was found.
    pub broken: Vec<String>,
    /// Whether the rules were checked, or the shard only looked at.
    pub checked: bool,
}

fn debug(debug: Option<&ProtoHandleDebugState>) -> String {
    debug.map_or_else(String::new, |d| format!("{}: {}", d.hostname, d.purpose))
}

impl Report {
    pub(super) fn new(shard: ShardId, earliest: SeqNo, seqno: SeqNo, checked: bool) -> Self {
        Report {
            shard,
            earliest,
            seqno,
            version: String::new(),
            hostname: String::new(),
            walltime_ms: 0,
            since: Antichain::minimum(),
            upper: Antichain::minimum(),
            batches: Vec::new(),
            merges: Vec::new(),
            rollups: Vec::new(),
            handles: Vec::new(),
            schemas: Vec::new(),
            last_gc_req: SeqNo::MIN,
            leftovers: Vec::new(),
            broken: Vec::new(),
            checked,
        }
    }

    /// Whether no broken rule was found.
    pub fn is_sound(&self) -> bool {
        self.broken.is_empty()
    }

    /// The updates of all batches, before consolidation.
    pub fn updates(&self) -> u64 {
        self.batches
            .iter()
            .fold(0, |sum, b| sum.saturating_add(b.updates))
    }

    pub(super) fn describe(&mut self, state: &State) {
        self.version.clone_from(&state.version);
        self.hostname.clone_from(&state.hostname);
        self.walltime_ms = state.walltime_ms;
        self.last_gc_req = SeqNo(state.last_gc_req);
        self.since = state.since().clone();
        self.upper = state.upper().clone();
        self.schemas = state
            .schemas
            .iter()
            .map(|(id, schema)| SchemaReport {
                id: *id,
                columns: match decode_schemas(schema) {
                    Ok(desc) => desc
                        .columns()
                        .map(|(name, typ)| {
                            let null = if typ.nullable { "" } else { " not null" };
                            format!("{name} {:?}{null}", typ.scalar_type)
                        })
                        .collect::<Vec<_>>()
                        .join(", "),
                    Err(error) => error.to_string(),
                },
            })
            .collect();
        self.describe_trace(state);
        self.describe_handles(state);
    }

    fn describe_trace(&mut self, state: &State) {
        for (level, spine) in state.trace.spine_batches() {
            for part in &spine.parts {
                let batch = &part.batch;
                let inline = batch
                    .parts
                    .iter()
                    .filter(|p| matches!(p.kind, Some(PartKind::Inline(_))))
                    .count();
                self.batches.push(BatchReport {
                    level,
                    spine_batch: spine.id,
                    id: part.id,
                    desc: batch.desc.clone(),
                    updates: batch.len,
                    runs: batch.run_count(),
                    inline_parts: inline,
                    inline_bytes: batch.inline_bytes(),
                    blob_parts: batch.parts.len() - inline,
                    blob_bytes: batch
                        .parts
                        .iter()
                        .fold(0, |sum, p| sum.saturating_add(p.encoded_size_bytes)),
                    keys: batch.blob_keys().map(String::from).collect(),
                });
            }
        }
        let merges = state.trace.merges().map(|(id, merge)| MergeReport {
            id,
            remaining_work: merge.remaining_work,
        });
        self.merges = merges.collect();
    }

    fn describe_handles(&mut self, state: &State) {
        for (id, reader) in &state.leased_readers {
            self.handles.push(HandleReport {
                kind: "leased reader",
                id: id.clone(),
                holds: format!("since {} and v{}", reader.since, reader.seqno),
                expires_ms: Some(reader.heartbeat_ms.saturating_add(reader.lease_ms)),
                debug: debug(reader.debug.as_ref()),
            });
        }
        for (id, reader) in &state.critical_readers {
            self.handles.push(HandleReport {
                kind: "critical reader",
                id: id.clone(),
                holds: format!(
                    "since {}, {} {}",
                    reader.since, reader.opaque_codec, reader.opaque
                ),
                expires_ms: None,
                debug: debug(reader.debug.as_ref()),
            });
        }
        for (id, writer) in &state.writers {
            self.handles.push(HandleReport {
                kind: "writer",
                id: id.clone(),
                holds: format!("wrote up to {}", writer.upper),
                expires_ms: Some(writer.heartbeat_ms.saturating_add(writer.lease_ms)),
                debug: debug(writer.debug.as_ref()),
            });
        }
    }
}
