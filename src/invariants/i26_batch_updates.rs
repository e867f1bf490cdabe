//! I-26: the updates of a subscribe's batch are of its time: in `[lower,
//! upper)`, at or after the as_of (without a snapshot: after it), before `up_to`; and each collection of them
//! is sorted by time and row, without a row twice at one time or a change of
//! nothing. Source: `spec/replica.md` §6.1, §10 I-17, I-18.
//!
//! Does not apply across collections, which come from different workers.

use super::{Breach, Invariant, Place, Verdicts, batches, described, show};
use crate::model::Model;
use crate::repr::{Diff, Row, Timestamp};
use crate::script::event::Event;

pub struct BatchUpdates;

fn update((row, time, diff): &(Row, Timestamp, Diff)) -> String {
    format!("{} at {time} x {diff}", show::row(row))
}

impl Invariant for BatchUpdates {
    described!("I-26", "the updates of a batch are of its time, and sorted");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let Some((id, batch)) = batches::batch(event) else {
            return;
        };
        let (Some(collection), Ok(collections)) = (model.collection(id), &batch.updates) else {
            return;
        };
        let broken = |kind: &'static str, expected: String, observed: String| Breach {
            kind,
            place: Place::at(id),
            expected,
            observed,
        };
        let (as_of, up_to) = (collection.tells_from(), collection.up_to());
        let (lower, upper) = (&batch.lower, &batch.upper);
        for part in collections {
            let updates = match part.updates() {
                Ok(updates) => updates,
                Err(e) => {
                    let expected = "updates that decode".to_string();
                    verdicts.violated(broken("undecodable", expected, e.to_string()));
                    continue;
                }
            };
            let in_time = |time: Timestamp| {
                lower.less_equal(time)
                    && !upper.less_equal(time)
                    && as_of <= time
                    && up_to.is_none_or(|up_to| time < up_to)
            };
            if let Some(stray) = updates.iter().find(|(_, time, _)| !in_time(*time)) {
                let end = up_to.map_or(String::new(), |up_to| format!(", before {up_to}"));
                let expected =
                    format!("updates from {lower} to before {upper}, not before {as_of}{end}");
                verdicts.violated(broken("out-of-time", expected, update(stray)));
                continue;
            }
            if let Some(nothing) = updates.iter().find(|(_, _, diff)| *diff == 0) {
                let expected = "updates that change something".to_string();
                verdicts.violated(broken("no-change", expected, update(nothing)));
                continue;
            }
            let key = |(row, time, _): &(Row, Timestamp, Diff)| (*time, row.clone());
            let wrong = updates
                .windows(2)
                .find(|pair| key(&pair[0]) >= key(&pair[1]));
            match wrong {
                None => verdicts.holds(),
                Some(pair) => {
                    let twice = key(&pair[0]) == key(&pair[1]);
                    let kind = if twice {
                        "not-consolidated"
                    } else {
                        "unsorted"
                    };
                    let expected = "updates by time and row, each once".to_string();
                    let observed = format!("{} before {}", update(&pair[0]), update(&pair[1]));
                    verdicts.violated(broken(kind, expected, observed));
                }
            }
        }
    }
}
