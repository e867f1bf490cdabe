//! The rules of batch parts (`spec/persist.md` §5).
//!
//! Invariant: every part of the current state is fetched and decoded once.

use prost::Message;

use super::hints::hints_hold;
use super::validator::Validator;
use crate::format::corrupt::Corrupt;
use crate::format::description::Description;
use crate::format::part::{Columns, Keys, PartDesc, decode_inline, decode_parquet, key_order};
use crate::format::state::State;
use crate::format::trace::HollowBatch;
use crate::format::wire::state::{
    PartKind, ProtoHollowBatchPart, ProtoHollowRun, STRUCTURED_ORDER,
};
use crate::service::error::StoreError;
use repr::Antichain;

/// A part that a spilled run names may name a spilled run again, up to here.
const MAX_DEPTH: usize = 16;

/// Which run a part belongs to.
#[derive(Clone, Copy)]
struct Run<'a> {
    state: &'a State,
    batch: &'a HollowBatch,
    /// How its updates are sorted.
    order: i32,
    /// How many spilled runs lie around it.
    depth: usize,
}

impl Validator<'_> {
    /// Checks every part of a batch.
    pub(super) fn parts(&mut self, state: &State, batch: &HollowBatch) -> Result<(), StoreError> {
        let mut updates = 0;
        for (meta, parts) in batch.run_parts() {
            if let Some(id) = meta.schema_id
                && !state.schemas.contains_key(&id)
            {
                self.broken(format!("batch {}: no schema h{id}", batch.desc));
            }
            let run = Run {
                state,
                batch,
                order: meta.order,
                depth: 0,
            };
            for part in parts {
                updates += self.part(run, part)?;
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

    /// Checks a part; how many updates it holds.
    fn part(&mut self, run: Run<'_>, part: &ProtoHollowBatchPart) -> Result<u64, StoreError> {
        match &part.kind {
            None => Ok(0),
            Some(PartKind::Inline(bytes)) => {
                self.metadata(run, part, "<inline>", 0);
                Ok(self.updates(run, part, "<inline>", decode_inline(bytes)))
            }
            Some(PartKind::Key(key)) => {
                let Some(bytes) = self.blob.get(&format!("{}/{key}", self.shard))? else {
                    self.broken(format!("part {key} is not there"));
                    return Ok(0);
                };
                self.metadata(run, part, key, bytes.len() as u64);
                Ok(self.updates(run, part, key, decode_parquet(&bytes)))
            }
            Some(PartKind::RunRef(spilled)) => self.spilled(run, &spilled.key),
        }
    }

    /// Checks the parts of a run whose list is a blob of its own.
    fn spilled(&mut self, run: Run<'_>, key: &str) -> Result<u64, StoreError> {
        let bytes = self.blob.get(&format!("{}/{key}", self.shard))?;
        let mut updates = 0;
        match bytes.map(ProtoHollowRun::decode) {
            Some(Ok(list)) if run.depth < MAX_DEPTH => {
                let inner = Run {
                    depth: run.depth + 1,
                    ..run
                };
                for part in &list.parts {
                    updates += self.part(inner, part)?;
                }
            }
            Some(Ok(_)) => self.broken(format!("run {key} is nested too deep")),
            Some(Err(error)) => self.broken(format!("run {key}: {error}")),
            None => self.broken(format!("run {key} is not there")),
        }
        Ok(updates)
    }

    /// What the state says of a part of `size` bytes.
    fn metadata(&mut self, run: Run<'_>, part: &ProtoHollowBatchPart, name: &str, size: u64) {
        if let Some(id) = part.schema_id
            && !run.state.schemas.contains_key(&id)
        {
            self.broken(format!("part {name}: no schema h{id}"));
        }
        if part.encoded_size_bytes != size {
            self.broken(format!(
                "part {name}: {size} bytes, {} registered",
                part.encoded_size_bytes
            ));
        }
    }

    /// What a part holds; how many updates that are.
    fn updates(
        &mut self,
        run: Run<'_>,
        part: &ProtoHollowBatchPart,
        name: &str,
        decoded: Result<(PartDesc, Columns), Corrupt>,
    ) -> u64 {
        let (desc, columns) = match decoded {
            Ok(decoded) => decoded,
            Err(error) => {
                self.broken(format!("part {name}: {error}"));
                return 0;
            }
        };
        self.bounds(&run.batch.desc, part, name, &desc);
        let sum = columns.diffs.iter().fold(0, |s: i64, d| s.wrapping_add(*d));
        if part.diffs_sum.is_some_and(|known| known != sum) {
            self.broken(format!("part {name}: its diffs sum to {sum}"));
        }
        if run.order == STRUCTURED_ORDER {
            self.sorted(name, &columns);
        }
        if let Err(why) = hints_hold(run.state, part, &columns) {
            self.broken(format!("part {name}: {why}"));
        }
        columns.len() as u64
    }

    /// A part lies within its batch.
    fn bounds(
        &mut self,
        registered: &Description,
        part: &ProtoHollowBatchPart,
        name: &str,
        desc: &PartDesc,
    ) {
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

    /// A structured run is sorted and consolidated.
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
