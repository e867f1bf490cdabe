//! I-31: what means the same contains the same: an index, a materialized view
//! and a subscribe of one plan, a dataflow that was created late and one that
//! was maintained since the beginning, an importer of an index and the same
//! plan over the shards. Source: `spec/replica.md` §10 I-30, I-31, I-44.
//!
//! The model is not asked for contents, so this holds where it does not
//! evaluate a plan. Does not apply to errors, to dataflows with an `until`, and
//! to what was dropped or disturbed.

use std::collections::BTreeMap;

use super::batches::{self, Sum, Sums};
use super::{Breach, Invariant, Place, Verdicts, answers, described, show};
use crate::model::{Collection, Model, Multiset};
use crate::repr::{Antichain, GlobalId, Row, Timestamp};
use crate::script::event::{Event, ExportSpec};

/// What a collection contains, as a response said it.
#[derive(Debug, Clone)]
struct Told {
    by: String,
    rows: Multiset,
}

#[derive(Default)]
pub struct SameMeaning {
    sums: Sums,
    told: BTreeMap<(String, Timestamp), Told>,
}

impl SameMeaning {
    fn tell(
        &mut self,
        meaning: &str,
        ts: Timestamp,
        by: &str,
        rows: Multiset,
        verdicts: &mut Verdicts,
    ) {
        use std::collections::btree_map::Entry;
        match self.told.entry((meaning.to_string(), ts)) {
            Entry::Vacant(slot) => {
                let by = by.to_string();
                slot.insert(Told { by, rows });
            }
            // The same one again is for I-22 to compare.
            Entry::Occupied(known) if known.get().by == by => {}
            Entry::Occupied(known) => {
                let known = known.get();
                verdicts.check(known.rows == rows, || Breach {
                    kind: "disagree",
                    place: Place::nowhere().time(ts),
                    expected: format!("{by} as {}: {}", known.by, show::rows(&known.rows)),
                    observed: show::difference(&rows, &known.rows),
                });
            }
        }
    }
}

impl Invariant for SameMeaning {
    described!("I-31", "what means the same contains the same");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let session = model.session().number;
        if let Some((id, batch, sum)) = self.sums.hear(event) {
            let Some((collection, meaning)) = meaning(id, model) else {
                return;
            };
            let first = batch.lower.join(&Antichain::from_elem(collection.as_of()));
            if !collection.tells_snapshot() {
                return;
            }
            let up_to = collection.up_to().unwrap_or(Timestamp::MAX);
            let by = format!("subscribe {id} of session {session}");
            let sums: Vec<(Timestamp, Multiset)> = batches::times(&first, &batch.upper, sum.last())
                .take_while(|ts| *ts < up_to)
                .map(|ts| (ts, sum.at(ts)))
                .collect();
            for (ts, rows) in sums {
                self.tell(&meaning, ts, &by, rows, verdicts);
            }
        } else if let Some(answer) = answers::sound(event, model) {
            let spec = &answer.peek.spec;
            let Some((collection, meaning)) = meaning(spec.id, model) else {
                return;
            };
            let what = match &collection.export {
                ExportSpec::Index { .. } => "index",
                ExportSpec::MaterializedView { .. } | ExportSpec::Subscribe { .. } => "view",
            };
            let by = format!("{what} {} of session {session}", spec.id);
            if let Some(rows) = logical(collection, &answer.rows) {
                self.tell(&meaning, spec.ts, &by, rows, verdicts);
            }
        } else if let Event::ShardRead(contents) = event {
            let views = model.session().live_collections().filter(|c| {
                matches!(&c.export, ExportSpec::MaterializedView { shard, .. } if *shard == contents.shard)
            });
            let mut views = views.filter_map(|c| meaning(c.id, model));
            let (Some((collection, meaning)), None) = (views.next(), views.next()) else {
                return;
            };
            // What a view of an earlier session left need not be this one's.
            let written = model.means_one_thing(&contents.shard);
            if !contents.errors.is_empty() || !written {
                return;
            }
            let sum = Sum::of(contents.rows.iter().cloned());
            let first = contents
                .since
                .join(&Antichain::from_elem(collection.as_of()));
            let by = format!("shard `{}`", contents.shard);
            for ts in batches::times(&first, &contents.upper, sum.last()) {
                self.tell(&meaning, ts, &by, sum.at(ts), verdicts);
            }
        }
    }
}

/// What a live collection means, if that says what it contains.
fn meaning(id: GlobalId, model: &Model) -> Option<(&Collection, String)> {
    let collection = model.session().live(id).filter(|c| !c.disturbed)?;
    let mut meaning = collection.dataflow.meaning(collection.export.on())?;
    // What is shown at the times of a schedule is something else.
    if let ExportSpec::MaterializedView {
        refresh: Some(refresh),
        ..
    } = &collection.export
    {
        meaning += &format!(" {refresh:?}");
    }
    Some((collection, meaning))
}

/// Rows in the layout of an index, in the order of the relation's columns.
fn logical(collection: &Collection, rows: &Multiset) -> Option<Multiset> {
    let Some(key) = collection.index_key() else {
        return Some(rows.clone());
    };
    rows.iter()
        .map(|(row, diff)| {
            let physical = row.unpack();
            let rest = (0..physical.len()).filter(|column| !key.contains(column));
            let columns: Vec<usize> = key.iter().copied().chain(rest).collect();
            let at = |column: usize| columns.iter().position(|c| *c == column);
            let datums: Option<Vec<_>> = (0..physical.len())
                .map(|column| at(column).and_then(|position| physical.get(position).copied()))
                .collect();
            Some((Row::pack(datums?), diff))
        })
        .collect()
}
