//! Recursive bindings: iterated until nothing changes, or up to a limit.
//! Source: `spec/plan.md` §2.7.
//!
//! Invariants: a binding sees the new values of those before it and the last
//! iteration's of itself and those after it; what is fed back is consolidated,
//! errors once each, so that a fixed point is reached.

use differential_dataflow::operators::iterate::Variable;

use super::{Bundle, Context, Errs, Oks, RenderError, RenderTimestamp, fallible};
use crate::errors::DataflowError;
use protocol::neutral::RecBind;
use protocol::v26_30::{EvalError, Id};
use repr::{Diff, Row};

impl<'s, T: RenderTimestamp> Context<'s, T> {
    /// Renders the recursive bindings of one stage and leaves them in scope.
    pub fn render_recs(&mut self, recs: &[RecBind]) -> Result<(), RenderError> {
        if recs.is_empty() {
            return Ok(());
        }
        self.level += 1;
        let level = self.level;
        let step = || {
            T::feedback(level).ok_or_else(|| {
                RenderError::Invalid("recursive bindings outside of a recursive scope".into())
            })
        };
        let mut variables = Vec::new();
        for rec in recs {
            let (oks_variable, oks) = Variable::new(self.scope, step()?);
            let (errs_variable, errs) = Variable::new(self.scope, step()?);
            self.bindings
                .insert(Id::Local(rec.id), Bundle::from_raw(oks, errs));
            variables.push((oks_variable, errs_variable));
        }
        let seams = self.settings.seams.recursion();
        let mut values = Vec::new();
        for (rec, (oks_variable, errs_variable)) in recs.iter().zip(variables) {
            let value = self.render_plan(&rec.value)?;
            let (oks, errs) = value.raw()?;
            self.bindings.insert(Id::Local(rec.id), value);
            values.push((rec.id, oks.clone(), errs.clone()));
            let mut oks = oks.consolidate();
            let mut errs = errs;
            if let Some((max, quiet)) = seams.limit(rec.limit.as_ref()) {
                let (within, over) = limited(oks, level, max, quiet);
                oks = within;
                errs = errs.concat(over);
            }
            oks_variable.set(oks);
            errs_variable.set(seams.fed_back(errs).threshold(|_, _| 1));
        }
        self.level -= 1;
        for (id, oks, errs) in values {
            let bundle = Bundle::from_raw(T::leave(oks, level), T::leave(errs, level));
            self.bindings.insert(Id::Local(id), bundle);
        }
        Ok(())
    }
}

/// Holds back what iteration `max` would feed to the next, and complains about
/// it unless `quiet`.
fn limited<'s, T: RenderTimestamp>(
    oks: Oks<'s, T>,
    level: usize,
    max: u64,
    quiet: bool,
) -> (Oks<'s, T>, Errs<'s, T>) {
    let error = DataflowError::from(EvalError::LetRecLimitExceeded(max.to_string()));
    fallible(
        oks.inner,
        "LetRecLimit",
        move |data: &mut Vec<(Row, T, Diff)>, oks, errs| {
            for (row, time, diff) in data.drain(..) {
                // Iterations are counted from one, their times from zero.
                if time.iteration(level) + 1 < max {
                    oks.push((row, time, diff));
                } else if !quiet {
                    errs.push((error.clone(), time, diff));
                }
            }
        },
    )
}
