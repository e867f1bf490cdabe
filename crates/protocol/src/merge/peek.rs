//! The answers of the parts to one peek. Source: `spec/replica.md` §2.4.
//!
//! Invariant: canceled before error before rows; of several errors the first.

use super::size::{ByteSize, row_collection};
use crate::v26_30::{PeekResponse, RowCollection, StashedPeekResponse};

#[derive(Debug)]
pub(super) struct PendingPeek {
    answered: Vec<bool>,
    answer: PeekResponse,
}

/// What an answer led to.
pub(super) enum Absorbed {
    Waiting,
    /// The part has answered before.
    Twice(PeekResponse),
    Complete(PeekResponse),
}

impl PendingPeek {
    pub(super) fn new(parts: usize) -> Self {
        PendingPeek {
            answered: vec![false; parts],
            answer: PeekResponse::Rows(vec![RowCollection::default()]),
        }
    }

    pub(super) fn absorb(
        &mut self,
        part: usize,
        response: PeekResponse,
        max_result_size: u64,
    ) -> Absorbed {
        if std::mem::replace(&mut self.answered[part], true) {
            return Absorbed::Twice(response);
        }
        let before = std::mem::replace(&mut self.answer, PeekResponse::Canceled);
        self.answer = combine(before, response, max_result_size);
        if self.answered.iter().all(|answered| *answered) {
            let empty = PeekResponse::Rows(Vec::new());
            Absorbed::Complete(std::mem::replace(&mut self.answer, empty))
        } else {
            Absorbed::Waiting
        }
    }
}

fn combine(a: PeekResponse, b: PeekResponse, max_result_size: u64) -> PeekResponse {
    let combined = match (a, b) {
        (PeekResponse::Canceled, _) | (_, PeekResponse::Canceled) => return PeekResponse::Canceled,
        (PeekResponse::Error(text), _) | (_, PeekResponse::Error(text)) => {
            return PeekResponse::Error(text);
        }
        (PeekResponse::Rows(mut a), PeekResponse::Rows(b)) => {
            a.extend(b);
            PeekResponse::Rows(a)
        }
        (PeekResponse::Rows(rows), PeekResponse::Stashed(mut stashed)) => {
            stashed.inline_rows.splice(0..0, rows);
            PeekResponse::Stashed(stashed)
        }
        (PeekResponse::Stashed(mut stashed), PeekResponse::Rows(rows)) => {
            stashed.inline_rows.extend(rows);
            PeekResponse::Stashed(stashed)
        }
        (PeekResponse::Stashed(a), PeekResponse::Stashed(b)) => combine_stashed(a, *b),
    };
    let inline = match &combined {
        PeekResponse::Rows(rows) => rows,
        PeekResponse::Stashed(stashed) => &stashed.inline_rows,
        PeekResponse::Error(_) | PeekResponse::Canceled => return combined,
    };
    let bytes: u64 = inline.iter().map(row_collection).sum();
    if bytes > max_result_size {
        let limit = ByteSize(max_result_size);
        return PeekResponse::Error(format!("total result exceeds max size of {limit}"));
    }
    combined
}

fn combine_stashed(mut a: Box<StashedPeekResponse>, b: StashedPeekResponse) -> PeekResponse {
    if a.shard_id != b.shard_id || a.relation_desc != b.relation_desc {
        return PeekResponse::Error("internal error".into());
    }
    a.num_rows_batches = a.num_rows_batches.saturating_add(b.num_rows_batches);
    a.encoded_size_bytes = a.encoded_size_bytes.saturating_add(b.encoded_size_bytes);
    a.batches.extend(b.batches);
    a.inline_rows.extend(b.inline_rows);
    PeekResponse::Stashed(a)
}
