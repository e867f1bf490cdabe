//! What the validator found, as data and as text.
//!
//! Invariant: the text has one fact a line and ends with the verdict.

use std::fmt;

use crate::persist::consensus::SeqNo;
use crate::persist::state::State;
use crate::persist::trace::{Description, SpineId};
use crate::persist::wire::state::{PartKind, ProtoHandleDebugState};
use crate::repr::{Antichain, ShardId};

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
    pub blob_parts: usize,
    /// Of its blobs, as the state says.
    pub blob_bytes: u64,
}

/// A rollup of the current state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupReport {
    pub seqno: SeqNo,
    pub key: String,
    /// `None`: the blob is missing.
    pub size: Option<u64>,
}

/// A handle: its id, what it holds, until when, who and what for.
#[derive(Debug, Clone, PartialEq)]
pub struct HandleReport {
    pub kind: &'static str,
    pub id: String,
    pub holds: String,
    /// In ms since 1970; `None` for critical readers.
    pub expires_ms: Option<u64>,
    pub debug: String,
}

/// What a shard consists of and what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub shard: ShardId,
    pub earliest: SeqNo,
    pub seqno: SeqNo,
    pub version: String,
    pub since: Antichain,
    pub upper: Antichain,
    pub batches: Vec<BatchReport>,
    pub rollups: Vec<RollupReport>,
    pub handles: Vec<HandleReport>,
    pub schemas: Vec<u64>,
    /// Blobs that no state in the log names, with their sizes.
    pub leftovers: Vec<(String, u64)>,
    /// Every broken rule; empty if the shard is sound.
    pub broken: Vec<String>,
}

fn debug(debug: Option<&ProtoHandleDebugState>) -> String {
    debug.map_or_else(String::new, |d| format!("{}: {}", d.hostname, d.purpose))
}

impl Report {
    pub(super) fn new(shard: ShardId, earliest: SeqNo, seqno: SeqNo) -> Self {
        Report {
            shard,
            earliest,
            seqno,
            version: String::new(),
            since: Antichain::minimum(),
            upper: Antichain::minimum(),
            batches: Vec::new(),
            rollups: Vec::new(),
            handles: Vec::new(),
            schemas: Vec::new(),
            leftovers: Vec::new(),
            broken: Vec::new(),
        }
    }

    /// Whether no rule is broken.
    pub fn is_sound(&self) -> bool {
        self.broken.is_empty()
    }

    pub(super) fn describe(&mut self, state: &State) {
        self.version.clone_from(&state.version);
        self.since = state.since().clone();
        self.upper = state.upper().clone();
        self.schemas = state.schemas.keys().copied().collect();
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
                    blob_parts: batch.parts.len() - inline,
                    blob_bytes: batch.parts.iter().map(|p| p.encoded_size_bytes).sum(),
                });
            }
        }
        for (id, reader) in &state.leased_readers {
            self.handles.push(HandleReport {
                kind: "leased reader",
                id: id.clone(),
                holds: format!("since {} v{}", reader.since, reader.seqno),
                expires_ms: Some(reader.heartbeat_ms.saturating_add(reader.lease_ms)),
                debug: debug(reader.debug.as_ref()),
            });
        }
        for (id, reader) in &state.critical_readers {
            self.handles.push(HandleReport {
                kind: "critical reader",
                id: id.clone(),
                holds: format!(
                    "since {} {} {}",
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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "shard {}", self.shard)?;
        writeln!(f, "since {} upper {}", self.since, self.upper)?;
        writeln!(
            f,
            "log {}..={} version {} schemas {:?}",
            self.earliest, self.seqno, self.version, self.schemas
        )?;
        for b in &self.batches {
            writeln!(
                f,
                "batch {} in {} level {} {} updates {} runs {} inline {} blobs {} ({} bytes)",
                b.id,
                b.spine_batch,
                b.level,
                b.desc,
                b.updates,
                b.runs,
                b.inline_parts,
                b.blob_parts,
                b.blob_bytes
            )?;
        }
        for r in &self.rollups {
            match r.size {
                Some(size) => writeln!(f, "rollup {} ({size} bytes)", r.key)?,
                None => writeln!(f, "rollup {} (missing)", r.key)?,
            }
        }
        for h in &self.handles {
            write!(f, "{} {} {}", h.kind, h.id, h.holds)?;
            if let Some(ms) = h.expires_ms {
                write!(f, " expires {ms}")?;
            }
            writeln!(f, " ({})", h.debug)?;
        }
        for (key, size) in &self.leftovers {
            writeln!(f, "leftover {key} ({size} bytes)")?;
        }
        for broken in &self.broken {
            writeln!(f, "broken: {broken}")?;
        }
        match self.broken.len() {
            0 => write!(f, "sound"),
            n => write!(f, "{n} rules broken"),
        }
    }
}
