//! I-32: no result is larger than the limit that was sent: neither the rows of an
//! answer nor the updates of a batch, measured by their encoding alone; an error
//! about a size names a limit that held. Source: `spec/replica.md` §5.4, §6.3, §10
//! I-37.
//!
//! Where the limit changed while a peek was out, or since a subscribe was created,
//! the largest one counts. What is not refused although it is small is for I-01 and
//! I-27 to see.

use super::answers;
use super::batches;
use super::{Breach, Invariant, Place, Verdicts, described};
use crate::model::{Model, SizeLimits, size};
use crate::protocol::v26_30::{PeekResponse, SubscribeResponse};
use crate::script::event::Event;

pub struct ResultSize;

impl Invariant for ResultSize {
    described!("I-32", "no result is larger than the limit");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        if let Some((uuid, answer, peek)) = answers::first(event, model) {
            let place = Place::peek(peek.spec.id, peek.spec.ts, uuid);
            match answer {
                PeekResponse::Rows(collections) => {
                    let bytes = collections.iter().map(|rows| rows.rows.bytes.len() as u64);
                    judge(Ok(bytes.sum()), &peek.sizes, place, verdicts);
                }
                PeekResponse::Error(text) => judge(Err(text), &peek.sizes, place, verdicts),
                PeekResponse::Stashed(_) | PeekResponse::Canceled => {}
            }
            return;
        }
        let Some((id, SubscribeResponse::Batch(batch))) = batches::heard(event) else {
            return;
        };
        let result = match &batch.updates {
            Ok(collections) => {
                let bytes = collections.iter().map(|told| told.rows.bytes.len() as u64);
                Ok(bytes.sum())
            }
            Err(text) => Err(text),
        };
        if let Some(collection) = model.collection(id) {
            judge(result, &collection.sizes, Place::at(id), verdicts);
        }
    }
}

/// Judges a result of so many bytes, or an error, under limits that held.
fn judge(result: Result<u64, &String>, limits: &SizeLimits, place: Place, verdicts: &mut Verdicts) {
    match result {
        Ok(_) if limits.is_none() => {}
        Ok(bytes) => verdicts.check(!limits.refuse(bytes), || Breach {
            kind: "too-large",
            place,
            expected: format!("the error {}", limits.errors()),
            observed: format!("a result of {bytes} bytes"),
        }),
        Err(text) if size::is_refusal(text) => {
            verdicts.check(limits.errors().matches(text), || Breach {
                kind: "wrong-limit",
                place,
                expected: match limits.is_none() {
                    true => "no limit of the size of results".to_string(),
                    false => format!("the error {}", limits.errors()),
                },
                observed: format!("the error `{text}`"),
            });
        }
        Err(_) => {}
    }
}
