//! What a plan contains at one time, as it passes from operator to operator: rows,
//! the errors beside them, and what is not known of these. Source:
//! `spec/replica.md` §6.1, §9, §16.
//!
//! Invariant: errors never suppress rows; a reader looks at the errors first.

use std::collections::{BTreeMap, BTreeSet};

use super::horizon::Horizon;
use crate::answer::ErrorTexts;
use crate::multiset::Multiset;
use plan::lower::JoinKind;
use protocol::v26_30::EvalError;
use repr::{Diff, Row, Timestamp};

/// How every error of an evaluation begins, and every complaint of an operator.
pub(super) const ANY_ERROR: &str = "Evaluation error: ";
pub(super) const ANY_COMPLAINT: &str = "Evaluation error: internal error: ";

/// What an object contains at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evaluated {
    pub rows: Multiset,
    /// Errors with their counts; only their presence is meaningful.
    pub errors: BTreeMap<Fault, Diff>,
    /// Errors that the replica may raise or not: the contract leaves the order
    /// of evaluation to it (`spec/replica.md` §16.2).
    pub possible: BTreeSet<Fault>,
    /// Errors that may also have been raised with a negative count, which takes
    /// away an equal one: none of these is certain (`spec/replica.md` §16.3).
    pub negative: BTreeSet<Fault>,
    /// Every error that some row raises, also where others take it back: several
    /// workers do not tell each other (`spec/replica.md` §6.1).
    pub raised: BTreeSet<Fault>,
    /// Those of them that some row of negative count raises.
    pub raised_negatively: BTreeSet<Fault>,
    /// Rows of a constant that cancel, and that several workers hold apart from each
    /// other (`spec/replica.md` §2.1).
    pub apart: BTreeSet<Row>,
    /// The errors that they raise, each on one of several workers.
    pub raised_apart: BTreeSet<Fault>,
    /// A row of negative count raised an error, or may have: what is shown of the
    /// errors may be their count.
    pub takes_back: bool,
    /// Rows mean nothing: an operator met negative counts that it does not expect.
    pub meaningless: bool,
    /// How long all this stays as it is.
    pub horizon: Horizon,
}

/// When a plan is evaluated, and what its dataflow says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub ts: Timestamp,
    /// The first time of the dataflow.
    pub as_of: Timestamp,
    /// How joins are computed; `None` leaves it to a planner.
    pub join: Option<JoinKind>,
    pub error_counts: ErrorCounts,
}

/// How often errors count (`spec/v26_39.md` §8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCounts {
    /// As often as they are raised.
    AsRaised,
    /// Those of a binding once.
    OncePerBinding {
        /// A planner makes bindings of its own.
        planned: bool,
    },
}

impl Moment {
    /// The as_of of a dataflow.
    pub fn snapshot(as_of: Timestamp) -> Moment {
        Moment {
            ts: as_of,
            as_of,
            join: None,
            error_counts: ErrorCounts::AsRaised,
        }
    }
}

/// An error in a collection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// An evaluation error.
    Eval(EvalError),
    /// An internal error of which only the beginning of the text is known.
    Begins(String),
}

impl Fault {
    /// The internal error with this core (`spec/replica.md` §9).
    pub fn internal(core: impl Into<String>) -> Self {
        Fault::Eval(EvalError::Internal(core.into()))
    }

    /// How a peek tells it that raises it itself.
    pub fn peek_texts(&self) -> ErrorTexts {
        match self {
            Fault::Eval(error) => ErrorTexts::exact(error.to_string()),
            Fault::Begins(text) => ErrorTexts::prefix(text.clone()),
        }
    }

    /// How a reader of the collection sees it.
    pub fn texts(&self) -> ErrorTexts {
        match self {
            Fault::Eval(error @ EvalError::IfNullError(_)) => ErrorTexts::exact(error.to_string()),
            Fault::Eval(error) => ErrorTexts::exact(format!("Evaluation error: {error}")),
            Fault::Begins(text) => ErrorTexts::prefix(text.clone()),
        }
    }
}

impl From<EvalError> for Fault {
    fn from(error: EvalError) -> Self {
        Fault::Eval(error)
    }
}

impl Evaluated {
    pub fn from_rows(rows: Multiset) -> Self {
        Evaluated {
            rows,
            ..Evaluated::default()
        }
    }

    /// Adds an error, `count` times.
    pub fn fail(&mut self, fault: impl Into<Fault>, count: Diff) {
        let fault = fault.into();
        if count < 0 {
            self.takes_back = true;
            self.raised_negatively.insert(fault.clone());
        }
        self.raised.insert(fault.clone());
        let sum = self
            .errors
            .get(&fault)
            .copied()
            .unwrap_or(0)
            .saturating_add(count);
        if sum == 0 {
            self.errors.remove(&fault);
        } else {
            self.errors.insert(fault, sum);
        }
    }

    /// Adds an error that a row of this count may raise.
    pub(super) fn may_raise(&mut self, fault: Fault, count: Diff) {
        if count < 0 {
            self.takes_back = true;
            self.negative.insert(fault.clone());
        }
        self.possible.insert(fault);
    }

    /// Takes note of counts that are negative where an operator does not expect it:
    /// it complains, in words that depend on what it was given together, and what
    /// it makes of the group means nothing.
    pub(super) fn lose_meaning(&mut self) {
        self.meaningless = true;
        self.possible
            .insert(Fault::Begins(ANY_COMPLAINT.to_string()));
    }

    /// How often errors count, and with which sign, is not known any more: those that
    /// were raised negatively may take back an equal one or not.
    pub(super) fn lose_counts(&mut self) {
        self.possible.extend(self.raised_negatively.iter().cloned());
        self.negative.extend(self.raised_negatively.iter().cloned());
    }

    /// What is computed of rows that mean nothing may fail in any way, as often as
    /// they count: negatively too.
    pub(super) fn computed(mut self) -> Self {
        if self.meaningless {
            self.takes_back = true;
            self.possible.insert(Fault::Begins(ANY_ERROR.to_string()));
        }
        self
    }

    /// What is grouped of rows that mean nothing: an operator may complain again.
    pub(super) fn grouped(mut self) -> Self {
        if self.meaningless {
            self.lose_meaning();
        }
        self
    }

    /// Takes over the errors of an input.
    pub(super) fn inherit(&mut self, input: &Evaluated) {
        for (fault, count) in &input.errors {
            self.fail(fault.clone(), *count);
        }
        self.possible.extend(input.possible.iter().cloned());
        self.negative.extend(input.negative.iter().cloned());
        self.raised.extend(input.raised.iter().cloned());
        let negatively = input.raised_negatively.iter();
        self.raised_negatively.extend(negatively.cloned());
        self.raised_apart.extend(input.raised_apart.iter().cloned());
        self.takes_back |= input.takes_back;
        self.meaningless |= input.meaningless;
        self.horizon.meet(input.horizon);
    }

    /// The errors that are there for sure: none that others may take back.
    pub fn certain(&self) -> impl Iterator<Item = &Fault> {
        let taken_back = |fault: &Fault, count: Diff| match count < 0 {
            true => self.possible.contains(fault),
            false => self.negative.contains(fault),
        };
        let faults = self.errors.iter();
        faults.filter_map(move |(fault, count)| (!taken_back(fault, *count)).then_some(fault))
    }

    /// The errors that are there, or may be.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.errors.keys().chain(&self.possible)
    }

    /// Whether an error is there, or may be.
    pub fn may_fail(&self) -> bool {
        !self.errors.is_empty() || !self.possible.is_empty()
    }

    /// Whether the error with this text is there, or may be.
    pub fn may_have(&self, text: &str) -> bool {
        self.faults().any(|fault| fault.texts().matches(text))
    }

    /// The same errors over other rows.
    pub(super) fn with_rows(self, rows: Multiset) -> Self {
        Evaluated {
            rows,
            apart: BTreeSet::new(),
            ..self
        }
    }
}
