//! From one version's form to another's: the walk over commands and plans, which
//! asks a `Translate` about the parts that differ and moves all others.
//!
//! Invariant: the tree stays as it is, node by node. What versions plan
//! differently (`spec/v26_39.md` §3.7) is lowering's business.

use std::collections::BTreeMap;
use std::error::Error;

use thiserror::Error;

use super::{
    BindStage, BuildDesc, ComputeCommand, DataflowDescription, DeltaJoinPlan, DeltaPathPlan, Expr,
    GetPlan, JoinPlan, LetBind, LetFreePlan, Node, RecBind, RenderPlan, TopKPlan, Version,
};
use crate::v26_30::LirId;

/// How the types by which two versions differ turn into each other.
pub trait Translate {
    type From: Version;
    type To: Version;
    /// Why a part has no form in the other version.
    type Obstacle: Error + 'static;

    fn instance_config(
        config: <Self::From as Version>::InstanceConfig,
    ) -> Result<<Self::To as Version>::InstanceConfig, Self::Obstacle>;

    fn mfp(mfp: <Self::From as Version>::Mfp)
    -> Result<<Self::To as Version>::Mfp, Self::Obstacle>;

    fn mfp_after_reduce(
        mfp: <Self::From as Version>::MfpAfterReduce,
    ) -> Result<<Self::To as Version>::MfpAfterReduce, Self::Obstacle>;

    fn delta_source_key(
        key: <Self::From as Version>::DeltaSourceKey,
    ) -> Result<<Self::To as Version>::DeltaSourceKey, Self::Obstacle>;

    fn monotonic_top_1(
        plan: <Self::From as Version>::MonotonicTop1,
    ) -> Result<<Self::To as Version>::MonotonicTop1, Self::Obstacle>;
}

/// A command that the other version cannot express.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("{}{obstacle}", node.map_or_else(String::new, |id| format!("node {}: ", id.0)))]
pub struct Untranslatable<O: Error + 'static> {
    /// Where in the plan; None outside of plans.
    pub node: Option<LirId>,
    #[source]
    pub obstacle: O,
}

type Translated<A, T> = Result<A, Untranslatable<<T as Translate>::Obstacle>>;

/// Rebuilds a value of one version as one of another. The fields before the
/// semicolon are moved, each field after it is translated by its function.
macro_rules! rebuild {
    ($value:expr,
     $($($name:ident)::+ { $($same:ident),*; $($turned:ident: $by:expr),* })*) => {
        match $value {
            $($($name)::+ { $($same,)* $($turned),* } => $($name)::+ {
                $($same,)*
                $($turned: $by($turned)?),*
            },)*
        }
    };
}

impl<V: Version> ComputeCommand<V> {
    /// The command in the form of another version.
    ///
    /// Errors: the first part, in the order of the wire, that has none.
    pub fn translate<T: Translate<From = V>>(self) -> Translated<ComputeCommand<T::To>, T> {
        Ok(match self {
            ComputeCommand::Hello { nonce } => ComputeCommand::Hello { nonce },
            ComputeCommand::CreateInstance(config) => {
                let config = at(None, T::instance_config(*config))?;
                ComputeCommand::CreateInstance(Box::new(config))
            }
            ComputeCommand::InitializationComplete => ComputeCommand::InitializationComplete,
            ComputeCommand::UpdateConfiguration(parameters) => {
                ComputeCommand::UpdateConfiguration(parameters)
            }
            ComputeCommand::CreateDataflow(description) => {
                ComputeCommand::CreateDataflow(Box::new(dataflow::<T>(*description)?))
            }
            ComputeCommand::Schedule(id) => ComputeCommand::Schedule(id),
            ComputeCommand::AllowWrites(id) => ComputeCommand::AllowWrites(id),
            ComputeCommand::AllowCompaction { id, frontier } => {
                ComputeCommand::AllowCompaction { id, frontier }
            }
            ComputeCommand::Peek(peek) => ComputeCommand::Peek(peek),
            ComputeCommand::CancelPeek { uuid } => ComputeCommand::CancelPeek { uuid },
        })
    }
}

fn dataflow<T: Translate>(
    description: DataflowDescription<T::From>,
) -> Translated<DataflowDescription<T::To>, T> {
    let every_object = |objects| every(objects, object::<T>);
    Ok(rebuild!(description,
        DataflowDescription {
            source_imports, index_imports, index_exports, sink_exports, as_of, until,
            initial_storage_as_of, refresh_schedule, debug_name, time_dependence;
            objects_to_build: every_object
        }
    ))
}

fn object<T: Translate>(object: BuildDesc<T::From>) -> Translated<BuildDesc<T::To>, T> {
    Ok(rebuild!(object, BuildDesc { id; plan: RenderPlan::translate::<T> }))
}

impl<V: Version> RenderPlan<V> {
    /// The plan in the form of another version.
    ///
    /// Errors: the first node, in the order of the wire, that has none.
    pub fn translate<T: Translate<From = V>>(self) -> Translated<RenderPlan<T::To>, T> {
        let every_stage = |stages| every(stages, stage::<T>);
        Ok(rebuild!(self, RenderPlan { ; binds: every_stage, body: let_free::<T> }))
    }
}

fn stage<T: Translate>(stage: BindStage<T::From>) -> Translated<BindStage<T::To>, T> {
    let let_bind =
        |bind| -> Translated<_, T> { Ok(rebuild!(bind, LetBind { id; value: let_free::<T> })) };
    let rec_bind = |bind| -> Translated<_, T> {
        Ok(rebuild!(bind, RecBind { id, limit; value: RenderPlan::translate::<T> }))
    };
    Ok(BindStage {
        lets: every(stage.lets, let_bind)?,
        recs: every(stage.recs, rec_bind)?,
    })
}

fn let_free<T: Translate>(plan: LetFreePlan<T::From>) -> Translated<LetFreePlan<T::To>, T> {
    let node = |(id, node)| Ok((id, at(Some(id), lir_node::<T>(node))?));
    let every_node = |nodes| every(nodes, node).map(BTreeMap::from_iter);
    Ok(rebuild!(plan, LetFreePlan { root, topological_order; nodes: every_node }))
}

fn lir_node<T: Translate>(node: Node<T::From>) -> Result<Node<T::To>, T::Obstacle> {
    Ok(rebuild!(node, Node { parent, nesting; expr: operator::<T> }))
}

fn operator<T: Translate>(expr: Expr<T::From>) -> Result<Expr<T::To>, T::Obstacle> {
    Ok(rebuild!(expr,
        Expr::Constant { rows; }
        Expr::Get { id, keys; plan: get_plan::<T> }
        Expr::Mfp { input, input_key_val; mfp: T::mfp }
        Expr::FlatMap { input_key, input, exprs, func; mfp_after: T::mfp }
        Expr::Join { inputs; plan: JoinPlan::translate::<T> }
        Expr::Reduce {
            input_key, input, key_val_plan, plan, temporal_bucketing_strategy;
            mfp_after: T::mfp_after_reduce
        }
        Expr::TopK { input, temporal_bucketing_strategy; top_k_plan: top_k::<T> }
        Expr::Negate { input; }
        Expr::Threshold { input, threshold_plan; }
        Expr::Union { inputs, consolidate_output, temporal_bucketing_strategies; }
        Expr::ArrangeBy { input_key, input, forms, strategy; input_mfp: T::mfp }
    ))
}

fn get_plan<T: Translate>(plan: GetPlan<T::From>) -> Result<GetPlan<T::To>, T::Obstacle> {
    Ok(match plan {
        GetPlan::PassArrangements => GetPlan::PassArrangements,
        GetPlan::Arrangement(key, value, mfp) => GetPlan::Arrangement(key, value, T::mfp(mfp)?),
        GetPlan::Collection(mfp) => GetPlan::Collection(T::mfp(mfp)?),
    })
}

impl<V: Version> JoinPlan<V> {
    /// The plan in the form of another version.
    ///
    /// Errors: the first path that has none.
    pub fn translate<T: Translate<From = V>>(self) -> Result<JoinPlan<T::To>, T::Obstacle> {
        Ok(match self {
            JoinPlan::Linear(plan) => JoinPlan::Linear(plan),
            JoinPlan::Delta(plan) => JoinPlan::Delta(DeltaJoinPlan {
                path_plans: every(plan.path_plans, delta_path::<T>)?,
            }),
        })
    }
}

fn delta_path<T: Translate>(
    path: DeltaPathPlan<T::From>,
) -> Result<DeltaPathPlan<T::To>, T::Obstacle> {
    Ok(rebuild!(path,
        DeltaPathPlan {
            source_relation, initial_closure, stage_plans, final_closure;
            source_key: T::delta_source_key
        }
    ))
}

fn top_k<T: Translate>(plan: TopKPlan<T::From>) -> Result<TopKPlan<T::To>, T::Obstacle> {
    Ok(match plan {
        TopKPlan::MonotonicTop1(plan) => TopKPlan::MonotonicTop1(T::monotonic_top_1(plan)?),
        TopKPlan::MonotonicTopK(plan) => TopKPlan::MonotonicTopK(plan),
        TopKPlan::Basic(plan) => TopKPlan::Basic(plan),
    })
}

/// Adds to an obstacle the node that has it.
fn at<A, O: Error>(node: Option<LirId>, result: Result<A, O>) -> Result<A, Untranslatable<O>> {
    result.map_err(|obstacle| Untranslatable { node, obstacle })
}

fn every<A, B, E>(
    items: impl IntoIterator<Item = A>,
    translate: impl Fn(A) -> Result<B, E>,
) -> Result<Vec<B>, E> {
    items.into_iter().map(translate).collect()
}
