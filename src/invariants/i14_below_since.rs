//! I-14: a peek of an index at a time that was compacted before it was sent is
//! answered with an error that says to where and for which time, never with rows;
//! before an as_of that was not compacted, by no rows or by such an error, or by the
//! error of what a peek computes of a row of another time. Source: `spec/replica.md`
//! §5.2, §5.3, §5.5, §10 I-12. A peek of a shard that is refused names a
//! since that is beyond its time, and not beyond what the driver allowed.
//!
//! Does not apply before the as_of of what reconciliation kept: its arrangement may
//! hold what was there before.

use super::{Breach, Invariant, Leniency, Place, Verdicts, answers, described, show};
use crate::model::{Model, Peek, REFUSAL, shard_refusal};
use crate::protocol::v26_30::PeekResponse;
use crate::repr::Timestamp;
use crate::script::event::Event;

pub struct BelowSince;

impl Invariant for BelowSince {
    described!("I-14", "a peek below the since is an error");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        let Some((uuid, answer, peek)) = answers::first(event, model) else {
            return;
        };
        let ts = peek.spec.ts;
        if let Some(shard) = model.peeked_shard(peek.spec.id) {
            let since = model.shard_since(shard);
            return check_shard(
                answer,
                Place::peek(peek.spec.id, ts, uuid),
                (ts, since),
                verdicts,
            );
        }
        let index = model.collection(peek.spec.id).filter(|c| c.is_index());
        let Some(index) = index.filter(|_| !peek.disturbed) else {
            return;
        };
        let place = Place::peek(peek.spec.id, ts, uuid);
        if let Some(refusal) = peek.refusal() {
            let right = match answer {
                PeekResponse::Canceled => return,
                PeekResponse::Error(text) => refusal.matches(text),
                PeekResponse::Rows(_) | PeekResponse::Stashed(_) => false,
            };
            return verdicts.check(right, || Breach {
                kind: "read-below-since",
                place,
                expected: format!("the error {refusal}"),
                observed: show::answer(answer),
            });
        }
        if ts >= index.as_of() || index.retained {
            return;
        }
        let right = match answer {
            PeekResponse::Canceled => return,
            PeekResponse::Error(text) => {
                text.starts_with(REFUSAL) || is_fault_of_peek(text, peek, model)
            }
            PeekResponse::Rows(rows) => show::rows_of(rows).is_ok_and(|rows| rows.is_empty()),
            PeekResponse::Stashed(_) => false,
        };
        verdicts.granted(Leniency::BeforeAsOf);
        verdicts.check(right, || Breach {
            kind: "read-before-as-of",
            place,
            expected: format!("no rows, or an error that begins `{REFUSAL}`"),
            observed: show::answer(answer),
        });
    }
}

/// Whether a peek computes something that may fail so for a row of some time
/// (`spec/replica.md` §5.3).
fn is_fault_of_peek(text: &str, peek: &Peek, model: &Model) -> bool {
    match model.faults_of_peek(peek) {
        Some(Ok(faults)) => faults.matches(text),
        Some(Err(_)) => true,
        None => false,
    }
}

/// Judges the answer of a peek of a shard at `ts`, of which the driver holds `since`:
/// where it may be refused, the refusal says where the shard stands.
fn check_shard(
    answer: &PeekResponse,
    place: Place,
    (ts, since): (Timestamp, Timestamp),
    verdicts: &mut Verdicts,
) {
    if ts >= since {
        return;
    }
    let begins = shard_refusal(ts);
    let right = match answer {
        PeekResponse::Canceled | PeekResponse::Stashed(_) => return,
        // The contents are for I-01 to compare.
        PeekResponse::Rows(_) => true,
        PeekResponse::Error(text) => text.strip_prefix(&begins).is_none_or(|rest| {
            let told = rest.strip_suffix("] }").and_then(|told| told.parse().ok());
            told.is_some_and(|told: Timestamp| ts < told && told <= since)
        }),
    };
    verdicts.granted(Leniency::BelowSince);
    verdicts.check(right, || Breach {
        kind: "wrong-since",
        place,
        expected: format!("rows, or the error `{begins}…` with a since in ({ts}, {since}]"),
        observed: show::answer(answer),
    });
}
