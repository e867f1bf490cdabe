//! Plans of reductions: which class the aggregates belong to, the buckets of
//! hierarchical ones, and what of an MFP above may run inside. Source:
//! `spec/lowering.md` §2.8, §2.9.
//!
//! Invariant: aggregates of different classes are refused; they are split
//! before lowering.

use super::error::LowerError;
use crate::Mfp;
use crate::reduction::{ReductionClass, reduction_class};
use protocol::v26_30::{
    AccumulablePlan, AggregateExpr, BasicPlan, BucketedPlan, HierarchicalPlan, MonotonicPlan,
    ReducePlan, SingleBasicPlan,
};

pub(super) fn reduce_plan(
    aggregates: &[AggregateExpr],
    monotonic: bool,
    expected_group_size: Option<u64>,
) -> Result<ReducePlan, LowerError> {
    let mut classes = aggregates.iter().map(|a| reduction_class(&a.func));
    let Some(class) = classes.next() else {
        return Ok(ReducePlan::Distinct);
    };
    if classes.any(|other| other != class) {
        return Err(LowerError::MixedReduction);
    }
    Ok(match class {
        ReductionClass::Accumulable => {
            let indexed = |distinct: bool| {
                let all = aggregates.iter().cloned().enumerate();
                all.filter(|(_, a)| a.distinct == distinct).collect()
            };
            ReducePlan::Accumulable(AccumulablePlan {
                full_aggrs: aggregates.to_vec(),
                simple_aggrs: indexed(false),
                distinct_aggrs: indexed(true),
            })
        }
        ReductionClass::Hierarchical => {
            let aggr_funcs = aggregates.iter().map(|a| a.func.clone()).collect();
            ReducePlan::Hierarchical(if monotonic {
                HierarchicalPlan::Monotonic(MonotonicPlan {
                    aggr_funcs,
                    must_consolidate: false,
                })
            } else {
                HierarchicalPlan::Bucketed(BucketedPlan {
                    aggr_funcs,
                    buckets: buckets(expected_group_size),
                })
            })
        }
        ReductionClass::Basic => ReducePlan::Basic(match aggregates {
            [only] => BasicPlan::Single(SingleBasicPlan {
                expr: only.clone(),
                fused_unnest_list: false,
            }),
            all => BasicPlan::Multiple(all.to_vec()),
        }),
    })
}

/// Descending powers of 16 below the expected size of a group.
pub(super) fn buckets(expected_group_size: Option<u64>) -> Vec<u64> {
    let limit = expected_group_size.unwrap_or(4_000_000_000);
    let mut buckets = Vec::new();
    let mut current = 16_u64;
    while current < limit {
        buckets.push(current);
        let next = current.saturating_mul(16);
        if next == current {
            break;
        }
        current = next;
    }
    buckets.reverse();
    buckets
}

/// Splits the MFP above a reduce whose key has `key_arity` columns into what
/// runs inside, the arity of the reduce's output then, and what stays above.
pub(super) fn mfp_after(mut above: Mfp, key_arity: usize) -> (Mfp, usize, Mfp) {
    let temporal = above.extract_temporal();
    let arity = above.input_arity;
    let fits = above.projection.len() <= arity
        && above.projection.iter().all(|c| *c < arity)
        && above.projection.len() >= key_arity
        && (0..key_arity).all(|c| above.projection[c] == c);
    let (mut inside, output, mut rest) = if fits {
        let output = above.projection.len();
        (above, output, temporal)
    } else {
        let Mfp {
            expressions,
            predicates,
            projection,
            ..
        } = above;
        let inside = Mfp::new(arity)
            .map(expressions.clone())
            .filter(predicates.into_iter().map(|(_, p)| p))
            .project(0..arity);
        let rest = Mfp::new(arity)
            .map(expressions)
            .project(projection)
            .compose(temporal);
        (inside, arity, rest)
    };
    inside.optimize();
    rest.optimize();
    (inside, output, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_powers_of_sixteen_below_the_group_size() {
        assert_eq!(
            buckets(None),
            [268435456, 16777216, 1048576, 65536, 4096, 256, 16]
        );
        assert_eq!(buckets(Some(16)), [] as [u64; 0]);
        assert_eq!(buckets(Some(17)), [16]);
        assert_eq!(buckets(Some(300)), [256, 16]);
        assert_eq!(buckets(Some(u64::MAX)).len(), 15);
    }
}
