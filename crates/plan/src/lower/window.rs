//! The list of a window function and the table function that takes it apart, as one
//! reduce. Source: `spec/lowering.md` §2.5.
//!
//! Invariant: what reads the list itself keeps it.

use super::context::{Context, Lowered};
use super::error::LowerError;
use super::reduce::reduce_plan;
use crate::Mfp;
use crate::reduction::window_order;
use crate::relation::Relation;
use crate::scalar::{as_column, support};
use protocol::v26_30::{BasicPlan, MirScalarExpr, ReducePlan, TableFunc};

/// The reduce below a table function, if nothing but its one list is left of it: over
/// no key, or where all of the key is projected away.
fn list_of(input: &Relation) -> Option<&Relation> {
    let (reduce, column) = match input {
        Relation::Project { input, outputs } => match outputs[..] {
            [only] => (&**input, only),
            _ => return None,
        },
        other => (other, 0),
    };
    let Relation::Reduce {
        group_key,
        aggregates,
        ..
    } = reduce
    else {
        return None;
    };
    let listed = match &aggregates[..] {
        [only] => window_order(&only.func).is_some(),
        _ => false,
    };
    (listed && group_key.len() == column).then_some(reduce)
}

impl Context {
    /// A reduce that gives the elements of its list as rows, if the operators are of
    /// this form; `m` is then what is left above it.
    pub(super) fn unnested_window(
        &mut self,
        input: &Relation,
        func: &TableFunc,
        exprs: &[MirScalarExpr],
        m: &mut Mfp,
    ) -> Result<Option<Lowered>, LowerError> {
        let unnests = matches!(func, TableFunc::UnnestList { .. });
        // Upstream does not look at the argument, which is the list in all plans of
        // its own.
        let takes_the_list = matches!(exprs, [only] if as_column(only) == Some(0));
        let Some(Relation::Reduce {
            input,
            group_key,
            aggregates,
            monotonic,
            expected_group_size,
        }) = list_of(input).filter(|_| unnests && takes_the_list)
        else {
            return Ok(None);
        };
        let of_the_list = |e: &MirScalarExpr| support(e).contains(&0);
        if m.demand().contains(&0) || m.expressions.iter().any(of_the_list) {
            return Ok(None);
        }
        let above = std::mem::replace(m, Mfp::new(0));
        let elements = above.permute(|c| c.saturating_sub(1), 1);
        let keys = group_key.len();
        *m = Mfp::new(keys + 1).project([keys]).compose(elements);
        let monotonic = *monotonic || self.runs_once();
        let mut plan = reduce_plan(aggregates, monotonic, *expected_group_size);
        if let Ok(ReducePlan::Basic(BasicPlan::Single(single))) = &mut plan {
            single.fused_unnest_list = true;
        }
        self.reduce(input, group_key, aggregates, plan, m).map(Some)
    }
}
