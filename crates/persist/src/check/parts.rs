//! The rules of batch parts (`spec/persist.md` §5).
//!
//! Invariant: every part of the current state is fetched and decoded once.

use prost::Message;

use super::Checker;
use crate::chores::key_order;
use crate::error::StoreError;
use crate::part::{Columns, Keys, PartDesc, decode_inline, decode_parquet};
use crate::state::State;
use crate::trace::HollowBatch;
use crate::wire::state::{PartKind, ProtoHollowBatchPart, ProtoHollowRun};
use repr::Antichain;

/// The order of a run that is sorted and consolidated.
const STRUCTURED: i32 = 3;

impl Checker<'_> {
    pub(super) fn parts(&mut self, state: &State, batch: &HollowBatch) -> Result<(), StoreError> {
        let mut updates = 0;
        for (meta, run) in batch.run_parts() {
            if let Some(id) = meta.schema_id
                && !state.schemas.contains_key(&id)
            {
                self.broken(format!("batch {}: no schema h{id}", batch.desc));
            }
            for part in run {
                updates += self.part(state, batch, part, meta.order, 0)?;
            }
        }
        if updates != batch.len {
            self.broken(format!(
                "batch {}: {updates} updates, {} registered",
                batch.desc, batch.len
            ));
        }
        Ok(())
    }

    fn part(
        &mut self,
        state: &State,
        batch: &HollowBatch,
        part: &ProtoHollowBatchPart,
        order: i32,
        depth: usize,
    ) -> Result<u64, StoreError> {
        let (name, decoded, size) = match &part.kind {
            None => return Ok(0),
            Some(PartKind::Inline(bytes)) => ("<inline>", decode_inline(bytes), 0),
            Some(PartKind::Key(key)) => {
                let Some(bytes) = self.blob.get(&format!("{}/{key}", self.shard))? else {
                    self.broken(format!("part {key} is not there"));
                    return Ok(0);
                };
                (key.as_str(), decode_parquet(&bytes), bytes.len() as u64)
            }
            Some(PartKind::RunRef(run)) => {
                let key = &run.key;
                let bytes = self.blob.get(&format!("{}/{key}", self.shard))?;
                let run = bytes.map(ProtoHollowRun::decode);
                let mut updates = 0;
                match run {
                    Some(Ok(run)) if depth < 16 => {
                        for part in &run.parts {
                            updates += self.part(state, batch, part, order, depth + 1)?;
                        }
                    }
                    Some(Ok(_)) => self.broken(format!("run {key} is nested too deep")),
                    Some(Err(error)) => self.broken(format!("run {key}: {error}")),
                    None => self.broken(format!("run {key} is not there")),
                }
                return Ok(updates);
            }
        };
        if let Some(id) = part.schema_id
            && !state.schemas.contains_key(&id)
        {
            self.broken(format!("part {name}: no schema h{id}"));
        }
        if part.encoded_size_bytes != size {
            self.broken(format!(
                "part {name}: {size} bytes, {} registered",
                part.encoded_size_bytes
            ));
        }
        let (desc, columns) = match decoded {
            Ok(decoded) => decoded,
            Err(error) => {
                self.broken(format!("part {name}: {error}"));
                return Ok(0);
            }
        };
        self.bounds(batch, part, name, &desc);
        let sum = columns.diffs.iter().fold(0, |s: i64, d| s.wrapping_add(*d));
        if part.diffs_sum.is_some_and(|known| known != sum) {
            self.broken(format!("part {name}: its diffs sum to {sum}"));
        }
        if order == STRUCTURED {
            self.sorted(name, &columns);
        }
        Ok(columns.len() as u64)
    }

    fn bounds(
        &mut self,
        batch: &HollowBatch,
        part: &ProtoHollowBatchPart,
        name: &str,
        desc: &PartDesc,
    ) {
        let registered = &batch.desc;
        let same = desc.lower == registered.lower && desc.upper == registered.upper;
        let sound = if same {
            desc.since <= registered.since
        } else {
            desc.since == Antichain::minimum()
                && (part.ts_rewrite.is_some()
                    || desc.lower <= registered.lower && registered.upper <= desc.upper)
        };
        if !sound {
            self.broken(format!("part {name}: it is of {desc} in {registered}"));
        }
    }

    fn sorted(&mut self, name: &str, columns: &Columns) {
        let Keys::Structured(keys) = &columns.keys else {
            return self.broken(format!("part {name}: a structured run of encoded keys"));
        };
        let Ok(compare) = key_order(keys) else {
            return self.broken(format!("part {name}: keys of this type have no order"));
        };
        let ascending = (1..columns.len()).all(|i| {
            compare(i - 1, i)
                .then_with(|| columns.times[i - 1].cmp(&columns.times[i]))
                .is_lt()
        });
        if !ascending {
            self.broken(format!("part {name}: not sorted and consolidated"));
        }
    }
}
