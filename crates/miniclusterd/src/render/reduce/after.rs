//! What every kind of reduction gives, and the map-filter-project that follows
//! its results. Source: `spec/plan.md` §2.5.
//!
//! Invariant: no results, no value row and no error.

use crate::errors::DataflowError;
use crate::eval::{Arena, MfpPlan};
use crate::render::{Errs, LocalOks, RenderError};
use protocol::v26_30::{EvalError, MapFilterProject};
use repr::{Datum, Row};

/// The output of a reduction: value rows by key, and complaints.
pub type Reduced<'s, T> = (LocalOks<'s, T>, Errs<'s, T>);

/// The map-filter-project that follows a reduction, over key and results.
#[derive(Clone)]
pub struct After {
    plan: Option<MfpPlan>,
    key_width: usize,
}

impl After {
    pub fn new(mfp: &MapFilterProject, key_width: usize) -> Result<After, RenderError> {
        let plan = MfpPlan::create(mfp).map_err(RenderError::Unsupported)?;
        if plan.is_temporal() {
            return Err(RenderError::Invalid("a temporal filter in a Reduce".into()));
        }
        Ok(After {
            plan: (!plan.is_identity()).then_some(plan),
            key_width,
        })
    }

    /// The value row of a key with these results, if it has one.
    pub fn apply(&self, key: &Row, results: Row) -> Result<Option<Row>, EvalError> {
        let Some(plan) = &self.plan else {
            return Ok(Some(results));
        };
        let arena = Arena::new();
        let mut datums: Vec<Datum<'_>> = key.iter().chain(results.iter()).collect();
        let mut outcome = Ok(None);
        plan.evaluate(&mut datums, &arena, (0, 1), None, |result, _, _| {
            outcome = result.map(|row| Some(Row::pack(row.iter().skip(self.key_width))));
        });
        outcome
    }

    /// Whether it leaves results as they are: no error comes of it then.
    pub fn is_identity(&self) -> bool {
        self.plan.is_none()
    }
}

/// The error that follows a reduction's results, if it has one.
pub fn after_error(
    after: &After,
    key: &Row,
    results: impl FnOnce() -> Row,
) -> Result<(), DataflowError> {
    if after.is_identity() {
        return Ok(());
    }
    after.apply(key, results()).map(|_| ()).map_err(Into::into)
}
