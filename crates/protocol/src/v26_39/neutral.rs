//! Between 26.39 and the neutral form. Source: `spec/v26_39.md` §2.1, §3.4, §3.6,
//! §3.7.
//!
//! Invariant: to the neutral form and back gives the same command.

use std::convert::Infallible;

use super::temporal::{is_temporal, planned, unplanned};
use super::{ComputeCommand, InstanceConfig, MfpPlan, MonotonicTop1Plan, V26_39};
use crate::neutral::{self, Neutral, Obstacle, Top1Form, Untranslatable};
use crate::shape::Translate;
use crate::v26_30::{Key, MapFilterProject, SafeMfpPlan};
use crate::wire;

/// A neutral command as 26.39 says it.
///
/// Errors: the first part without a form in 26.39. What this gives can be encoded.
pub fn from_neutral(command: neutral::ComputeCommand) -> Result<ComputeCommand, Untranslatable> {
    let command = command.translate::<FromNeutral>()?;
    match wire::encoded_size(&command) {
        Ok(_) => Ok(command),
        Err(error) => Err(Untranslatable {
            node: None,
            obstacle: Obstacle::Variant(error.to_string()),
        }),
    }
}

/// A command of 26.39 in neutral form.
pub fn to_neutral(command: ComputeCommand) -> neutral::ComputeCommand {
    let Ok(command) = command.translate::<ToNeutral>();
    command
}

enum FromNeutral {}

impl Translate for FromNeutral {
    type From = Neutral;
    type To = V26_39;
    type Obstacle = Obstacle;

    fn instance_config(config: InstanceConfig) -> Result<InstanceConfig, Obstacle> {
        Ok(config)
    }

    fn mfp(mfp: MapFilterProject) -> Result<MfpPlan, Obstacle> {
        planned(mfp)
    }

    fn mfp_after_reduce(mfp: MapFilterProject) -> Result<SafeMfpPlan, Obstacle> {
        let predicates = mfp.predicates.iter().map(|(_, predicate)| predicate);
        if mfp.expressions.iter().chain(predicates).any(is_temporal) {
            return Err(Obstacle::TemporalReduce);
        }
        Ok(SafeMfpPlan { mfp })
    }

    fn delta_source_key(key: Option<Key>) -> Result<Option<Key>, Obstacle> {
        Ok(key)
    }

    fn monotonic_top_1(plan: neutral::MonotonicTop1Plan) -> Result<MonotonicTop1Plan, Obstacle> {
        let neutral::MonotonicTop1Plan {
            group_key,
            order_key,
            must_consolidate,
            offers,
        } = plan;
        match offers {
            Top1Form::Raw => Err(Obstacle::RawTop1),
            Top1Form::Arranged { arity } => Ok(MonotonicTop1Plan {
                group_key,
                order_key,
                arity,
                must_consolidate,
            }),
        }
    }
}

enum ToNeutral {}

impl Translate for ToNeutral {
    type From = V26_39;
    type To = Neutral;
    type Obstacle = Infallible;

    fn instance_config(config: InstanceConfig) -> Result<InstanceConfig, Infallible> {
        Ok(config)
    }

    fn mfp(plan: MfpPlan) -> Result<MapFilterProject, Infallible> {
        Ok(unplanned(plan))
    }

    fn mfp_after_reduce(plan: SafeMfpPlan) -> Result<MapFilterProject, Infallible> {
        Ok(plan.mfp)
    }

    fn delta_source_key(key: Option<Key>) -> Result<Option<Key>, Infallible> {
        Ok(key)
    }

    fn monotonic_top_1(plan: MonotonicTop1Plan) -> Result<neutral::MonotonicTop1Plan, Infallible> {
        Ok(neutral::MonotonicTop1Plan {
            group_key: plan.group_key,
            order_key: plan.order_key,
            must_consolidate: plan.must_consolidate,
            offers: Top1Form::Arranged { arity: plan.arity },
        })
    }
}
