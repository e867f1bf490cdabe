//! The answers of the parts of one copy-to. Source: `spec/replica.md` §2.4.
//!
//! Invariant: dropped before error before the sum of counts.

use crate::v26_30::CopyToResponse;

#[derive(Debug)]
pub(super) struct CopyTo {
    answered: Vec<bool>,
    answer: CopyToResponse,
}

/// What an answer led to.
pub(super) enum Absorbed {
    Waiting,
    /// The part has answered before.
    Twice(CopyToResponse),
    Complete(CopyToResponse),
}

impl CopyTo {
    pub(super) fn new(parts: usize) -> Self {
        CopyTo {
            answered: vec![false; parts],
            answer: CopyToResponse::RowCount(0),
        }
    }

    pub(super) fn absorb(&mut self, part: usize, response: CopyToResponse) -> Absorbed {
        if std::mem::replace(&mut self.answered[part], true) {
            return Absorbed::Twice(response);
        }
        let before = std::mem::replace(&mut self.answer, CopyToResponse::Dropped);
        self.answer = match (before, response) {
            (CopyToResponse::Dropped, _) | (_, CopyToResponse::Dropped) => CopyToResponse::Dropped,
            (CopyToResponse::Error(text), _) | (_, CopyToResponse::Error(text)) => {
                CopyToResponse::Error(text)
            }
            (CopyToResponse::RowCount(a), CopyToResponse::RowCount(b)) => {
                CopyToResponse::RowCount(a.saturating_add(b))
            }
        };
        if self.answered.iter().all(|answered| *answered) {
            Absorbed::Complete(self.answer.clone())
        } else {
            Absorbed::Waiting
        }
    }
}
