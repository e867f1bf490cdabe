//! Between 26.39 and the neutral form, which is 26.30's. Source:
//! `spec/v26_39.md` §2.1, §3.4, §3.6, §3.7.
//!
//! Invariants: a command is translated without loss or not at all; to the neutral
//! form and back gives the same command.

use thiserror::Error;

use super::temporal::{is_temporal, planned, unplanned};
use super::{ComputeCommand, InstanceConfig, MfpPlan, MonotonicTop1Plan, Untranslatable, V26_39};
use crate::shape::Translate;
use crate::v26_30::{self, ConfigUpdates, Key, MapFilterProject, SafeMfpPlan, V26_30};
use crate::wire;

/// Why a part of a command has no form in the other version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Obstacle {
    #[error("26.30 creates an instance without an initial configuration")]
    InitialConfig,
    #[error(
        "a temporal predicate must compare the whole of mz_now() with an expression free of it"
    )]
    TemporalPredicate,
    #[error("mz_now() is called outside of a predicate, which 26.39 has no form for")]
    TemporalExpression,
    #[error("the MFP after a Reduce filters by time, which 26.39 has no form for")]
    TemporalReduce,
    /// §3.7: no arity, and another collection is offered, so that what reads it
    /// must be lowered otherwise.
    #[error("a MonotonicTop1 offers a collection in 26.30 and an arrangement in 26.39")]
    MonotonicTop1,
    #[error("26.30 reads the source of a delta path by an arrangement only")]
    RawDeltaSource,
    /// A variant of an enum that 26.39 lacks; the text names it.
    #[error("{0}")]
    Variant(String),
}

/// A neutral command as 26.39 says it; an instance gets an empty initial
/// configuration.
///
/// Errors: the first part without a form in 26.39. What this gives can be encoded.
pub fn from_neutral(command: v26_30::ComputeCommand) -> Result<ComputeCommand, Untranslatable> {
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
///
/// Errors: the first part without a form in 26.30. A caller that needs the initial
/// configuration of an instance takes it out of the command first.
pub fn to_neutral(command: ComputeCommand) -> Result<v26_30::ComputeCommand, Untranslatable> {
    command.translate::<ToNeutral>()
}

enum FromNeutral {}

impl Translate for FromNeutral {
    type From = V26_30;
    type To = V26_39;
    type Obstacle = Obstacle;

    fn instance_config(common: v26_30::InstanceConfig) -> Result<InstanceConfig, Obstacle> {
        Ok(InstanceConfig {
            common,
            initial_config: ConfigUpdates::default(),
        })
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

    fn delta_source_key(key: Key) -> Result<Option<Key>, Obstacle> {
        Ok(Some(key))
    }

    fn monotonic_top_1(_: v26_30::MonotonicTop1Plan) -> Result<MonotonicTop1Plan, Obstacle> {
        Err(Obstacle::MonotonicTop1)
    }
}

enum ToNeutral {}

impl Translate for ToNeutral {
    type From = V26_39;
    type To = V26_30;
    type Obstacle = Obstacle;

    fn instance_config(config: InstanceConfig) -> Result<v26_30::InstanceConfig, Obstacle> {
        if config.initial_config.updates.is_empty() {
            Ok(config.common)
        } else {
            Err(Obstacle::InitialConfig)
        }
    }

    fn mfp(plan: MfpPlan) -> Result<MapFilterProject, Obstacle> {
        Ok(unplanned(plan))
    }

    fn mfp_after_reduce(plan: SafeMfpPlan) -> Result<MapFilterProject, Obstacle> {
        Ok(plan.mfp)
    }

    fn delta_source_key(key: Option<Key>) -> Result<Key, Obstacle> {
        key.ok_or(Obstacle::RawDeltaSource)
    }

    fn monotonic_top_1(_: MonotonicTop1Plan) -> Result<v26_30::MonotonicTop1Plan, Obstacle> {
        Err(Obstacle::MonotonicTop1)
    }
}
