//! The answers of a session as checkers look at them: the first one of each
//! peek, and the sound ones, which are compared with each other.
//!
//! Invariant: a sound answer is at or after the since, since others need not be
//! equal.

use uuid::Uuid;

use super::show;
use crate::model::{Model, Multiset, Peek};
use crate::protocol::v26_30::{ComputeResponse, PeekResponse};
use crate::script::event::Event;

/// The rows of an answer that must be the same whenever it is asked for.
pub struct Answer<'a> {
    pub uuid: Uuid,
    pub peek: &'a Peek,
    pub rows: Multiset,
}

/// A first answer: of which peek, what, and the peek as the model knows it.
pub fn first<'e, 'm>(
    event: &'e Event,
    model: &'m Model,
) -> Option<(Uuid, &'e PeekResponse, &'m Peek)> {
    let Event::Response(response) = event else {
        return None;
    };
    let ComputeResponse::PeekResponse(uuid, answer, _) = response.as_ref() else {
        return None;
    };
    let peek = model.session().peeks.get(uuid)?;
    (!peek.answered).then_some((*uuid, answer, peek))
}

/// The answer in this event, if it is a first one, with rows, of a peek that
/// was valid and asked for everything.
pub fn sound<'a>(event: &Event, model: &'a Model) -> Option<Answer<'a>> {
    let (uuid, answer, peek) = first(event, model)?;
    let collections = answer.collections()?;
    let whole = peek.spec.finish.is_everything();
    let valid = whole && !peek.disturbed && peek.since.less_equal(peek.spec.ts);
    if !valid {
        return None;
    }
    Some(Answer {
        uuid,
        peek,
        rows: show::rows_of(collections).ok()?,
    })
}
