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

#[cfg(test)]
mod tests {
    use crate::lower::{DataflowPlan, LowerOptions, SourceImport, lower_dataflow};
    use crate::{Globals, RelationType, parse};
    use protocol::neutral::{Expr, LetFreePlan};
    use protocol::v26_30::{BasicPlan, ReducePlan};
    use repr::{Antichain, GlobalId, ReprColumnType, ReprScalarType};

    /// The nodes of the lowered plan of a text over u1(bigint, bigint).
    fn lowered(text: &str) -> LetFreePlan {
        let source = GlobalId::User(1);
        let column = ReprColumnType {
            scalar_type: ReprScalarType::Int64,
            nullable: false,
        };
        let typ = RelationType {
            column_types: vec![column; 2],
            keys: vec![],
        };
        let globals = Globals::from([(source, typ.clone())]);
        let (relation, _) = parse(text, &globals).unwrap();
        let dataflow = DataflowPlan {
            sources: vec![SourceImport {
                id: source,
                typ,
                monotonic: false,
                operators: None,
            }],
            objects: vec![(GlobalId::User(2), relation)],
            as_of: Antichain::from_elem(0),
            ..DataflowPlan::default()
        };
        let mut lowered = lower_dataflow(&dataflow, &LowerOptions::default()).unwrap();
        lowered.objects.remove(0).1.body
    }

    /// Whether the reduce is fused, and whether a table function is left.
    fn forms(plan: &LetFreePlan) -> (bool, bool) {
        let exprs = || plan.nodes.values().map(|node| &node.expr);
        let fused = exprs().any(|expr| match expr {
            Expr::Reduce {
                plan: ReducePlan::Basic(BasicPlan::Single(single)),
                ..
            } => single.fused_unnest_list,
            _ => false,
        });
        let unnests = exprs().any(|expr| matches!(expr, Expr::FlatMap { .. }));
        (fused, unnests)
    }

    const RANK: &str =
        "rank[order_by=[#0 asc nulls_last]](record_create[\"l\", \"k\"](list[#1], #1))";
    const UNNEST: &str = "FlatMap unnest_list[record(bigint, bigint)]";

    #[test]
    fn a_list_that_nothing_else_reads_is_taken_apart_by_its_reduce() {
        let grouped = format!("Reduce group_by=[#0] aggregates=[{RANK}]\n");
        let whole = format!("Reduce aggregates=[{RANK}]\n");
        for (text, fused) in [
            (
                format!(
                    "Map (record_get[0](#1))\n  Project (#0, #1)\n    {UNNEST}(#0)\n      {whole}        Get u1\n"
                ),
                false,
            ),
            (
                format!(
                    "Project (#2)\n  Map (record_get[0](#1))\n    {UNNEST}(#0)\n      {whole}        Get u1\n"
                ),
                true,
            ),
            (
                format!(
                    "Project (#1)\n  {UNNEST}(#0)\n    Project (#1)\n      {grouped}        Get u1\n"
                ),
                true,
            ),
            // The key stays beside the list.
            (
                format!("Project (#2)\n  {UNNEST}(#1)\n    {grouped}      Get u1\n"),
                false,
            ),
            (
                format!(
                    "Project (#1)\n  {UNNEST}(#0)\n    Project (#1)\n      Reduce group_by=[#0] aggregates=[{RANK}, {RANK}]\n        Get u1\n"
                ),
                false,
            ),
        ] {
            assert_eq!(forms(&lowered(&text)), (fused, !fused), "{text}");
        }
    }

    #[test]
    fn what_stands_above_the_table_function_reads_the_elements() {
        let text = format!(
            "Project (#2)\n  Map (record_get[0](#1))\n    {UNNEST}(#0)\n      Project (#1)\n        Reduce group_by=[#0] aggregates=[{RANK}]\n          Get u1\n"
        );
        let plan = lowered(&text);
        let Some(Expr::Mfp { mfp, .. }) = plan.nodes.get(&plan.root).map(|node| &node.expr) else {
            panic!("{plan:?}");
        };
        // The key, then the element.
        assert_eq!((mfp.input_arity, &mfp.projection[..]), (2, &[2][..]));
        assert_eq!(
            crate::text::scalar_text(&mfp.expressions[0]),
            "record_get[0](#1)"
        );
    }
}
