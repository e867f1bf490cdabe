//! A staged batch as it stands in an answer: persist's messages in their serde
//! form. Source: `spec/ctp.md` §3.4.
//!
//! Invariant: nothing is left out; the two forms have the same fields.

use persist::wire::state as stored;
use protocol::v26_30::stash as sent;

/// A batch in its serde form.
pub fn on_the_wire(batch: stored::ProtoBatch) -> sent::ProtoBatch {
    let stored::ProtoBatch {
        shard_id,
        version,
        batch,
        key_schema,
        val_schema,
    } = batch;
    sent::ProtoBatch {
        shard_id,
        version,
        key_schema,
        val_schema,
        batch: batch.map(hollow_batch),
    }
}

fn hollow_batch(batch: stored::ProtoHollowBatch) -> sent::ProtoHollowBatch {
    let stored::ProtoHollowBatch {
        desc,
        deprecated_keys,
        len,
        parts,
        runs,
        run_meta,
    } = batch;
    sent::ProtoHollowBatch {
        desc: desc.map(description),
        parts: parts.into_iter().map(part).collect(),
        len,
        runs,
        run_meta: run_meta.into_iter().map(run).collect(),
        deprecated_keys,
    }
}

fn description(desc: stored::ProtoU64Description) -> sent::ProtoU64Description {
    let stored::ProtoU64Description {
        lower,
        upper,
        since,
    } = desc;
    sent::ProtoU64Description {
        lower: lower.map(antichain),
        upper: upper.map(antichain),
        since: since.map(antichain),
    }
}

fn antichain(frontier: stored::ProtoU64Antichain) -> sent::ProtoU64Antichain {
    let stored::ProtoU64Antichain { elements } = frontier;
    sent::ProtoU64Antichain { elements }
}

fn part(part: stored::ProtoHollowBatchPart) -> sent::ProtoHollowBatchPart {
    let stored::ProtoHollowBatchPart {
        kind,
        encoded_size_bytes,
        key_lower,
        ts_rewrite,
        diffs_sum,
        format,
        deprecated_schema_id,
        structured_key_lower,
        schema_id,
        metadata,
        key_stats,
    } = part;
    let metadata = metadata.into_iter();
    sent::ProtoHollowBatchPart {
        ts_rewrite: ts_rewrite.map(antichain),
        encoded_size_bytes,
        key_lower,
        structured_key_lower,
        diffs_sum,
        schema_id,
        metadata: metadata.map(|(k, v)| (k, v.into())).collect(),
        key_stats,
        deprecated_schema_id,
        kind: kind.map(|kind| match kind {
            stored::PartKind::Key(key) => sent::Kind::Key(key),
            stored::PartKind::Inline(bytes) => sent::Kind::Inline(bytes),
            stored::PartKind::RunRef(run) => {
                let stored::ProtoHollowRunRef {
                    key,
                    max_part_bytes,
                } = run;
                sent::Kind::RunRef(sent::ProtoHollowRunRef {
                    key,
                    max_part_bytes,
                })
            }
        }),
        format: format.map(|format| match format {
            stored::PartFormat::Row(stored::Empty {}) => sent::Format::Row(()),
            stored::PartFormat::RowAndColumnar(n) => sent::Format::RowAndColumnar(n),
            stored::PartFormat::Structured(stored::Empty {}) => sent::Format::Structured(()),
        }),
    }
}

fn run(run: stored::ProtoRunMeta) -> sent::ProtoRunMeta {
    let stored::ProtoRunMeta {
        order,
        deprecated_schema_id,
        schema_id,
        id,
        len,
        meta,
    } = run;
    let meta = meta.into_iter();
    sent::ProtoRunMeta {
        order,
        schema_id,
        deprecated_schema_id,
        id,
        len,
        meta: meta.map(|(k, v)| (k, v.into())).collect(),
    }
}
