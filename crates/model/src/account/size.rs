//! How large results may be: the limit that was sent last, or, where that is not
//! certain, the limits that may hold. Source: `spec/replica.md` §2.4, §2.5.4, §5.4,
//! §6.3.
//!
//! Invariant: sizes are measured in several ways, so that what is near a limit may
//! be refused or not; what is far below is answered, and what is beyond is not.

use std::collections::BTreeSet;

use crate::answer::{ErrorTexts, Expected};
use crate::multiset::Multiset;
use protocol::merge::ByteSize;
use repr::Row;

/// How the error of a result that is too large goes on, up to the limit.
const REFUSAL: &str = "result exceeds max size of ";

/// What a row counts at most beside its encoding, wherever it is measured.
const ROW_HEAD: u64 = 64;

/// A limit of as many times the size refuses nothing: what is thinned was twice as
/// large on the way.
const MARGIN: u64 = 4;

/// The limits of the current session, as far as they are known.
#[derive(Debug, Clone)]
pub(super) struct ResultSizes {
    /// Workers keep theirs over connections.
    workers: BTreeSet<u64>,
    /// What they may have instead if the session ends here.
    before: BTreeSet<u64>,
    /// Each connection begins with none.
    connection: u64,
}

impl Default for ResultSizes {
    fn default() -> Self {
        ResultSizes {
            workers: [u64::MAX].into(),
            before: BTreeSet::new(),
            connection: u64::MAX,
        }
    }
}

impl ResultSizes {
    /// A limit was sent.
    pub fn set(&mut self, bytes: u64) {
        self.before.append(&mut self.workers);
        self.workers.insert(bytes);
        self.connection = bytes;
    }

    /// A session begins; the one before may have ended before workers heard all.
    pub fn reconnect(&mut self) {
        self.workers.append(&mut self.before);
        self.connection = u64::MAX;
    }

    /// What may limit a result now.
    pub fn now(&self) -> SizeLimits {
        let of_worker = |limit: &u64| *limit.min(&self.connection);
        let least = self.workers.iter().map(of_worker).min();
        let most = self.workers.iter().map(of_worker).max();
        let all = self.workers.iter().copied().chain([self.connection]);
        SizeLimits {
            least: least.unwrap_or(u64::MAX),
            most: most.unwrap_or(u64::MAX),
            told: all.filter(|limit| *limit != u64::MAX).collect(),
        }
    }
}

/// The limits that a result may meet, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeLimits {
    least: u64,
    most: u64,
    /// Those that an error may name.
    told: BTreeSet<u64>,
}

impl Default for SizeLimits {
    /// No limit.
    fn default() -> Self {
        SizeLimits {
            least: u64::MAX,
            most: u64::MAX,
            told: BTreeSet::new(),
        }
    }
}

impl SizeLimits {
    /// The same, or `other`: the result may be measured under either.
    pub fn widen(&mut self, other: &SizeLimits) {
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        self.told.extend(&other.told);
    }

    /// Whether no result is refused for its size.
    pub fn is_none(&self) -> bool {
        self.least == u64::MAX
    }

    /// Whether a result of so many encoded bytes is refused whatever else it counts.
    pub fn refuse(&self, encoded: u64) -> bool {
        encoded > self.most
    }

    /// Whether a result that counts no more than this may be refused.
    pub fn may_refuse(&self, generous: u64) -> bool {
        generous.saturating_mul(MARGIN) > self.least
    }

    /// The errors of results that are too large.
    pub fn errors(&self) -> ErrorTexts {
        let mut texts = ErrorTexts::default();
        for limit in self.told.iter().map(|bytes| ByteSize(*bytes)) {
            let text = format!("{REFUSAL}{limit}");
            texts.extend(ErrorTexts::exact(format!("total {text}")));
            texts.extend(ErrorTexts::exact(text));
        }
        texts
    }

    /// What a peek must be answered under these limits; `is_whole` if it asks for all
    /// of the rows. What is computed of rows comes in so many `entries` at most.
    pub(super) fn answer(
        &self,
        answer: Expected,
        is_whole: bool,
        entries: Option<u64>,
    ) -> Expected {
        if self.is_none() {
            return answer;
        }
        let rows = match &answer {
            Expected::Rows(rows) | Expected::Either(rows, _) => rows,
            // Which of the errors is told depends on which one a worker meets first.
            Expected::Errors(_) | Expected::Undefined(_) => {
                return answer.or_error(self.errors());
            }
        };
        let size = match entries {
            None => generous(rows),
            Some(entries) => entries.saturating_mul(longest(rows)),
        };
        if !self.may_refuse(size) {
            return answer;
        }
        let is_refused = is_whole && self.refuse(encoded(rows.iter().map(|(row, _)| row)));
        match (answer, is_refused) {
            (Expected::Rows(_), true) => Expected::Errors(self.errors()),
            (Expected::Either(_, errors), true) => Expected::Errors(errors).or_error(self.errors()),
            (answer, _) => answer.or_error(self.errors()),
        }
    }
}

/// Whether an error is about the size of a result.
pub fn is_refusal(text: &str) -> bool {
    text.contains(REFUSAL)
}

/// The bytes of these rows as they are sent, and nothing beside them.
pub fn encoded<'r>(rows: impl IntoIterator<Item = &'r Row>) -> u64 {
    rows.into_iter().map(|row| row.bytes().len() as u64).sum()
}

/// More than these rows count, however they are measured.
pub fn generous(rows: &Multiset) -> u64 {
    rows.iter()
        .map(|(row, _)| row.bytes().len() as u64 + ROW_HEAD)
        .sum()
}

/// More than one entry of these rows counts.
fn longest(rows: &Multiset) -> u64 {
    let lengths = rows.iter().map(|(row, _)| row.bytes().len() as u64);
    lengths.max().unwrap_or(0) + ROW_HEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use repr::Datum;

    fn rows(count: i64) -> Multiset {
        let row = |n| (Row::pack([Datum::Int64(n), Datum::String("0123456789")]), 1);
        (0..count).map(row).collect()
    }

    fn limited(bytes: u64) -> SizeLimits {
        let mut sizes = ResultSizes::default();
        sizes.set(bytes);
        sizes.now()
    }

    #[test]
    fn a_result_far_below_the_limit_is_answered_and_one_beyond_is_not() {
        let ten = Expected::Rows(rows(10));
        let size = encoded(rows(10).iter().map(|(row, _)| row));
        assert_eq!(limited(u64::MAX).answer(ten.clone(), true, None), ten);
        assert_eq!(limited(100 * size).answer(ten.clone(), true, None), ten);
        let refused = limited(size - 1).answer(ten.clone(), true, None);
        assert_eq!(refused, Expected::Errors(limited(size - 1).errors()));
        // Near the limit, and where some rows are enough, both are right.
        let either = Expected::Either(rows(10), limited(size).errors());
        assert_eq!(limited(size).answer(ten.clone(), true, None), either);
        let either = Expected::Either(rows(10), limited(size - 1).errors());
        assert_eq!(limited(size - 1).answer(ten, false, None), either);
    }

    #[test]
    fn a_limit_outlives_its_session_on_the_workers_if_it_was_heard() {
        let mut sizes = ResultSizes::default();
        sizes.set(100);
        assert!(sizes.now().refuse(101) && sizes.now().may_refuse(100));
        sizes.reconnect();
        assert!(!sizes.now().refuse(101) && sizes.now().may_refuse(100));
        sizes.set(1_000);
        assert!(!sizes.now().refuse(101) && !sizes.now().may_refuse(100));
        let texts = sizes.now().errors();
        assert!(
            texts.matches("total result exceeds max size of 1000 B"),
            "{texts}"
        );
        assert!(
            !texts.matches("result exceeds max size of 100 B"),
            "{texts}"
        );
    }
}
