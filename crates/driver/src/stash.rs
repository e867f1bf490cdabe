//! Answers whose rows lie in the stash: reads them, and deletes what was read, as
//! the client that gets such an answer has to. Source: `spec/replica.md` §5.6,
//! `spec/ctp.md` §3.4.
//!
//! Invariant: an answer that was read has no batches, and what they held is the last
//! of its collections; it still says how many rows the replica counted in them.

use persist::{PersistClient, Update, consolidate};
use protocol::v26_30::{RowCollection, StashedPeekResponse, stash as sent};

use persist::wire::state as stored;

/// Reads the batches of an answer and puts their rows behind those that it came
/// with; deletes the batches.
///
/// Errors: what is wrong with the answer, or could not be read.
pub fn unstash(client: &PersistClient, answer: &mut StashedPeekResponse) -> Result<(), String> {
    let mut updates: Vec<Update> = Vec::new();
    let mut bytes = 0;
    for batch in &answer.batches {
        let batch = client
            .receive_staged(answer.shard_id, stored_form(batch.clone()))
            .map_err(|error| error.to_string())?;
        let read = batch.updates(&answer.relation_desc);
        updates.extend(read.map_err(|error| error.to_string())?);
        bytes += batch.encoded_size_bytes();
        batch.delete().map_err(|error| error.to_string())?;
    }
    if bytes != answer.encoded_size_bytes as u64 {
        return Err(format!(
            "its batches have {bytes} bytes: it says {}",
            answer.encoded_size_bytes
        ));
    }
    consolidate(&mut updates);
    let mut rows = Vec::with_capacity(updates.len());
    for (datum, _, diff) in updates {
        let row = datum.map_err(|_| "an error stands among its rows".to_string())?;
        let copies = usize::try_from(diff).ok().and_then(|n| n.try_into().ok());
        let copies = copies.ok_or_else(|| format!("the row {row:?} stands in it {diff} times"))?;
        rows.push((row, copies));
    }
    answer.inline_rows.push(RowCollection::from_rows(&rows));
    answer.batches.clear();
    Ok(())
}

/// A batch of an answer as persist stores it.
fn stored_form(batch: sent::ProtoBatch) -> stored::ProtoBatch {
    stored::ProtoBatch {
        shard_id: batch.shard_id,
        version: batch.version,
        batch: batch.batch.map(|batch| stored::ProtoHollowBatch {
            desc: batch.desc.map(|desc| stored::ProtoU64Description {
                lower: desc.lower.map(frontier),
                upper: desc.upper.map(frontier),
                since: desc.since.map(frontier),
            }),
            deprecated_keys: batch.deprecated_keys,
            len: batch.len,
            parts: batch.parts.into_iter().map(part).collect(),
            runs: batch.runs,
            run_meta: batch.run_meta.into_iter().map(run).collect(),
        }),
        key_schema: batch.key_schema,
        val_schema: batch.val_schema,
    }
}

fn frontier(frontier: sent::ProtoU64Antichain) -> stored::ProtoU64Antichain {
    stored::ProtoU64Antichain {
        elements: frontier.elements,
    }
}

fn part(part: sent::ProtoHollowBatchPart) -> stored::ProtoHollowBatchPart {
    let metadata = part.metadata.into_iter();
    stored::ProtoHollowBatchPart {
        kind: part.kind.map(|kind| match kind {
            sent::Kind::Key(key) => stored::PartKind::Key(key),
            sent::Kind::Inline(bytes) => stored::PartKind::Inline(bytes),
            sent::Kind::RunRef(run) => stored::PartKind::RunRef(stored::ProtoHollowRunRef {
                key: run.key,
                max_part_bytes: run.max_part_bytes,
            }),
        }),
        encoded_size_bytes: part.encoded_size_bytes,
        key_lower: part.key_lower,
        ts_rewrite: part.ts_rewrite.map(frontier),
        diffs_sum: part.diffs_sum,
        format: part.format.map(|format| match format {
            sent::Format::Row(()) => stored::PartFormat::Row(stored::Empty {}),
            sent::Format::RowAndColumnar(n) => stored::PartFormat::RowAndColumnar(n),
            sent::Format::Structured(()) => stored::PartFormat::Structured(stored::Empty {}),
        }),
        deprecated_schema_id: part.deprecated_schema_id,
        structured_key_lower: part.structured_key_lower,
        schema_id: part.schema_id,
        metadata: metadata.map(|(k, v)| (k, v.to_vec())).collect(),
        key_stats: part.key_stats,
    }
}

fn run(run: sent::ProtoRunMeta) -> stored::ProtoRunMeta {
    let meta = run.meta.into_iter();
    stored::ProtoRunMeta {
        order: run.order,
        deprecated_schema_id: run.deprecated_schema_id,
        schema_id: run.schema_id,
        id: run.id,
        len: run.len,
        meta: meta.map(|(k, v)| (k, v.to_vec())).collect(),
    }
}
