//! I-34: an answer lies in the stash where the replica was told so, and its rows
//! can be read from there, as many rows and bytes of parts as it says. Source:
//! `spec/replica.md` §5.6.
//!
//! Whether they are the right rows is for I-01 to see, which looks at them wherever
//! they were. That rows which are sent should have gone into the stash is certain
//! on one worker alone: each measures its own.

use super::{Breach, Invariant, Place, Verdicts, answers, described};
use crate::model::{Model, Peek, size};
use crate::protocol::v26_30::{PeekResponse, RowCollection, StashedPeekResponse};
use crate::script::event::Event;

pub struct Stash {
    pub one_worker: bool,
}

impl Invariant for Stash {
    described!(
        "I-34",
        "an answer lies in the stash where it was told to, whole"
    );

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        if let Event::StashUnread { uuid, why } = event
            && let Some(peek) = model.session().peeks.get(uuid)
        {
            return verdicts.violated(Breach {
                kind: "unreadable",
                place: Place::peek(peek.spec.id, peek.spec.ts, *uuid),
                expected: "a batch in the stash".to_string(),
                observed: why.clone(),
            });
        }
        let Some((uuid, answer, peek)) = answers::first(event, model) else {
            return;
        };
        let place = Place::peek(peek.spec.id, peek.spec.ts, uuid);
        match answer {
            PeekResponse::Stashed(stashed) => judge_stashed(stashed, peek, place, verdicts),
            PeekResponse::Rows(rows) if self.one_worker => judge_sent(rows, peek, place, verdicts),
            PeekResponse::Rows(_) | PeekResponse::Error(_) | PeekResponse::Canceled => {}
        }
    }
}

/// Judges an answer that lies in the stash.
fn judge_stashed(
    stashed: &StashedPeekResponse,
    peek: &Peek,
    place: Place,
    verdicts: &mut Verdicts,
) {
    verdicts.check(peek.may_be_stashed(), || Breach {
        kind: "stashed-unasked",
        place,
        expected: "the rows themselves".to_string(),
        observed: "a stashed answer".to_string(),
    });
    if !stashed.batches.is_empty() {
        // The driver could not read them, and said so.
        return;
    }
    // What the batches held is the last of the collections.
    let Some(Ok(read)) = stashed.inline_rows.last().map(RowCollection::rows) else {
        return;
    };
    let read: u64 = read.iter().map(|(_, count)| *count as u64).sum();
    let says = stashed.num_rows_batches;
    verdicts.check(read == says, || Breach {
        kind: "wrong-count",
        place,
        expected: format!("a stashed answer that says that it has {read} rows in batches"),
        observed: format!("that it has {says}"),
    });
}

/// Judges rows that were sent: they are no more than the threshold, if the stash is
/// used beyond one.
fn judge_sent(rows: &[RowCollection], peek: &Peek, place: Place, verdicts: &mut Verdicts) {
    let Some(beyond) = peek.stash.and_then(|stash| stash.must_beyond) else {
        return;
    };
    let decoded: Result<Vec<_>, _> = rows.iter().map(RowCollection::rows).collect();
    let Ok(decoded) = decoded else {
        return;
    };
    let bytes = size::encoded(decoded.iter().flatten().map(|(row, _)| row));
    verdicts.check(bytes <= beyond, || Breach {
        kind: "not-stashed",
        place,
        expected: format!("a stashed answer, of more than {beyond} bytes"),
        observed: format!("rows of {bytes} bytes"),
    });
}
