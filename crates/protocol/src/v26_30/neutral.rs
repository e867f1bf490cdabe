//! Between 26.30 and the neutral form. Source: `spec/v26_39.md` §2.1, §3.6, §3.7.
//!
//! Invariant: to the neutral form and back gives the same command.

use std::convert::Infallible;

use super::{
    ComputeCommand, ConfigUpdates, InstanceConfig, Key, MapFilterProject, MonotonicTop1Plan, V26_30,
};
use crate::neutral::{self, Neutral, Obstacle, Top1Form, Untranslatable};
use crate::shape::Translate;

/// A neutral command as 26.30 says it.
///
/// Errors: the first part without a form in 26.30.
pub fn from_neutral(command: neutral::ComputeCommand) -> Result<ComputeCommand, Untranslatable> {
    command.translate::<FromNeutral>()
}

/// A command of 26.30 in neutral form.
pub fn to_neutral(command: ComputeCommand) -> neutral::ComputeCommand {
    let Ok(command) = command.translate::<ToNeutral>();
    command
}

/// From the neutral form, part by part.
pub enum FromNeutral {}

impl Translate for FromNeutral {
    type From = Neutral;
    type To = V26_30;
    type Obstacle = Obstacle;

    fn instance_config(config: neutral::InstanceConfig) -> Result<InstanceConfig, Obstacle> {
        if config.initial_config.updates.is_empty() {
            Ok(config.common)
        } else {
            Err(Obstacle::InitialConfig)
        }
    }

    fn mfp(mfp: MapFilterProject) -> Result<MapFilterProject, Obstacle> {
        Ok(mfp)
    }

    fn mfp_after_reduce(mfp: MapFilterProject) -> Result<MapFilterProject, Obstacle> {
        Ok(mfp)
    }

    fn delta_source_key(key: Option<Key>) -> Result<Key, Obstacle> {
        key.ok_or(Obstacle::RawDeltaSource)
    }

    fn monotonic_top_1(plan: neutral::MonotonicTop1Plan) -> Result<MonotonicTop1Plan, Obstacle> {
        let neutral::MonotonicTop1Plan {
            group_key,
            order_key,
            must_consolidate,
            offers,
        } = plan;
        match offers {
            Top1Form::Raw => Ok(MonotonicTop1Plan {
                group_key,
                order_key,
                must_consolidate,
            }),
            Top1Form::Arranged { arity: _ } => Err(Obstacle::ArrangedTop1),
        }
    }
}

/// To the neutral form, part by part.
pub enum ToNeutral {}

impl Translate for ToNeutral {
    type From = V26_30;
    type To = Neutral;
    type Obstacle = Infallible;

    fn instance_config(common: InstanceConfig) -> Result<neutral::InstanceConfig, Infallible> {
        Ok(neutral::InstanceConfig {
            common,
            initial_config: ConfigUpdates::default(),
        })
    }

    fn mfp(mfp: MapFilterProject) -> Result<MapFilterProject, Infallible> {
        Ok(mfp)
    }

    fn mfp_after_reduce(mfp: MapFilterProject) -> Result<MapFilterProject, Infallible> {
        Ok(mfp)
    }

    fn delta_source_key(key: Key) -> Result<Option<Key>, Infallible> {
        Ok(Some(key))
    }

    fn monotonic_top_1(plan: MonotonicTop1Plan) -> Result<neutral::MonotonicTop1Plan, Infallible> {
        Ok(neutral::MonotonicTop1Plan {
            group_key: plan.group_key,
            order_key: plan.order_key,
            must_consolidate: plan.must_consolidate,
            offers: Top1Form::Raw,
        })
    }
}
