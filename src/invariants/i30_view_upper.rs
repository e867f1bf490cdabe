//! I-30: the upper of a materialized view's shard never passes what the inputs'
//! uppers allow, does not move before a view was allowed to write, and is never
//! behind a write frontier that was reported. Source: `spec/replica.md` §3.8,
//! §7, §10 I-23, I-24.

use std::collections::BTreeMap;

use super::kinds::{self, FrontierKind};
use super::{Breach, Invariant, Place, Verdicts, described};
use crate::model::Model;
use crate::repr::{Antichain, GlobalId};
use crate::script::event::{Event, ExportSpec};

#[derive(Default)]
pub struct ViewUpper {
    /// The furthest write frontier that was reported, by shard.
    reported: BTreeMap<String, (GlobalId, Antichain)>,
}

impl Invariant for ViewUpper {
    described!("I-30", "a view seals its shard as far as its inputs allow");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        if let Some((id, report)) = kinds::report(event) {
            let Some(collection) = model.collection(id) else {
                return;
            };
            // A dropped one says `[]`, which is not its shard's upper.
            let shard = match &collection.export {
                ExportSpec::MaterializedView { shard, .. } if collection.is_live() => shard,
                ExportSpec::MaterializedView { .. }
                | ExportSpec::Index { .. }
                | ExportSpec::Subscribe { .. } => return,
            };
            if let Some(write) = kinds::of(report, FrontierKind::Write) {
                let entry = self.reported.entry(shard.clone());
                let (by, furthest) = entry.or_insert_with(|| (id, write.clone()));
                if furthest.is_le(write) {
                    (*by, *furthest) = (id, write.clone());
                }
            }
            return;
        }
        let Event::ShardRead(contents) = event else {
            return;
        };
        let (shard, upper) = (&contents.shard, &contents.upper);
        let broken = |kind: &'static str, expected: String| Breach {
            kind,
            place: Place::nowhere(),
            expected: format!("shard `{shard}`: {expected}"),
            observed: format!("an upper of {upper}"),
        };
        if !model.may_be_written(shard) {
            return verdicts.check(*upper == Antichain::minimum(), || {
                broken("read-only", "nothing written before allow-writes".into())
            });
        }
        let may = model.shard_sealed(shard);
        if !upper.is_le(&may) {
            return verdicts.violated(broken(
                "beyond-inputs",
                format!("an upper of at most {may}"),
            ));
        }
        match self.reported.get(shard) {
            Some((id, reported)) if !reported.is_le(upper) => verdicts.violated(broken(
                "reported-ahead",
                format!("an upper at the write frontier {reported} that {id} reported"),
            )),
            Some(_) | None => verdicts.holds(),
        }
    }
}
