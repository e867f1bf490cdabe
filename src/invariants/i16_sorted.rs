//! I-16: each collection of rows in an answer is in the order that was asked for,
//! then in Row order, and every row in it counts at least once. Source: `spec/replica.md` §10 I-15.

use super::{Breach, Invariant, Place, Verdicts, described};
use crate::model::Model;
use crate::protocol::v26_30::ComputeResponse;
use crate::repr::Row;
use crate::script::event::Event;

pub struct Sorted;

impl Invariant for Sorted {
    described!("I-16", "the rows of an answer are sorted and count");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let Event::Response(response) = event else {
            return;
        };
        let ComputeResponse::PeekResponse(uuid, answer, _) = response.as_ref() else {
            return;
        };
        let Some(collections) = answer.collections() else {
            return;
        };
        let Some(peek) = model.session().peeks.get(uuid) else {
            return;
        };
        let broken = |kind: &'static str, expected: &str, observed: String| Breach {
            kind,
            place: Place::peek(peek.spec.id, peek.spec.ts, *uuid),
            expected: expected.to_string(),
            observed,
        };
        for collection in collections {
            // What does not decode is for I-01 to say.
            let Ok(rows) = collection.rows() else {
                continue;
            };
            if rows.is_empty() {
                continue;
            }
            if let Some((row, _)) = rows.iter().find(|(_, count)| *count == 0) {
                let observed = format!("0 times {}", super::show::row(row));
                verdicts.violated(broken("no-count", "rows that count", observed));
                continue;
            }
            let order =
                |pair: &&[(Row, usize)]| peek.spec.finish.compare(&pair[0].0, &pair[1].0).is_gt();
            let unsorted = rows.windows(2).find(order);
            match unsorted {
                None => verdicts.holds(),
                Some(pair) => {
                    let [first, second] = [0, 1].map(|at| super::show::row(&pair[at].0));
                    let observed = format!("{first} before {second}");
                    verdicts.violated(broken(
                        "unsorted",
                        "rows in the order that was asked for, then in Row order",
                        observed,
                    ));
                }
            }
        }
    }
}
