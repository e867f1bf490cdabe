//! The sound answers that a session gave, for the invariants that compare
//! answers with answers instead of with the model.
//!
//! Invariant: only answers at or after the since are handed out, since others
//! need not be equal.

use uuid::Uuid;

use super::show;
use crate::model::{Model, Multiset, Peek};
use crate::protocol::v26_30::{ComputeResponse, PeekResponse};
use crate::script::trace::Event;

/// The rows of an answer that must be the same whenever it is asked for.
pub struct Answer<'a> {
    pub uuid: Uuid,
    pub peek: &'a Peek,
    pub rows: Multiset,
}

/// The answer in this event, if it is a first one, with rows, of a peek that
/// was valid.
pub fn sound<'a>(event: &Event, model: &'a Model) -> Option<Answer<'a>> {
    let Event::Response(response) = event else {
        return None;
    };
    let ComputeResponse::PeekResponse(uuid, answer, _) = response.as_ref() else {
        return None;
    };
    let PeekResponse::Rows(collections) = answer else {
        return None;
    };
    let peek = model.session().peeks.get(uuid)?;
    let valid = !peek.answered && !peek.disturbed && peek.since.less_equal(peek.spec.ts);
    if !valid {
        return None;
    }
    Some(Answer {
        uuid: *uuid,
        peek,
        rows: show::rows_of(collections).ok()?,
    })
}
