//! What rendering one dataflow on one worker needs to know, and the bindings
//! in scope.
//!
//! Invariant: the bindings of a plan shadow nothing; objects see the objects
//! before them.

use std::collections::BTreeMap;

use timely::dataflow::Scope;

use super::{Bundle, RenderError, RenderTimestamp};
use crate::halt::Fate;
use crate::meter::Meter;
use crate::mutants::Seams;
use protocol::Release;
use protocol::neutral::{LetFreePlan, RenderPlan};
use protocol::v26_30::Id;
use repr::Timestamp;

/// The settings of a whole dataflow.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The first time whose contents are wanted.
    pub as_of: Timestamp,
    /// The first time whose contents are not wanted any more, if there is one.
    pub until: Option<Timestamp>,
    /// The worker's index among all of the replica.
    pub worker: usize,
    /// How many workers the replica has.
    pub peers: usize,
    pub seams: Seams,
    /// The release that the replica is one of.
    pub release: Release,
    /// Where an operator says that the replica ends.
    pub fate: Fate,
    /// How much an operator may make of one row.
    pub meter: Meter,
    /// The dataflow, as its exports name it.
    pub name: String,
}

/// The scope in which plans are rendered.
pub struct Context<'s, T: RenderTimestamp> {
    pub scope: Scope<'s, T>,
    pub settings: Settings,
    pub bindings: BTreeMap<Id, Bundle<'s, T>>,
    /// How many recursive bindings are around the plan that is being rendered.
    pub level: usize,
}

impl<'s, T: RenderTimestamp> Context<'s, T> {
    pub fn new(scope: Scope<'s, T>, settings: Settings) -> Self {
        Context {
            scope,
            settings,
            bindings: BTreeMap::new(),
            level: 0,
        }
    }

    /// Whether updates at this time are still wanted.
    pub fn wanted(&self, time: Timestamp) -> bool {
        self.settings.until.is_none_or(|until| time < until)
    }

    /// Renders bindings and body; the bindings stay in scope.
    pub fn render_plan(&mut self, plan: &RenderPlan) -> Result<Bundle<'s, T>, RenderError> {
        for stage in &plan.binds {
            for bind in &stage.lets {
                let bundle = self.render_let_free(&bind.value)?;
                let bundle = bundle.with_few_errors(&self.settings);
                self.bindings.insert(Id::Local(bind.id), bundle);
            }
            self.render_recs(&stage.recs)?;
        }
        self.render_let_free(&plan.body)
    }

    /// Renders a tree of nodes, inputs before users.
    pub fn render_let_free(&self, plan: &LetFreePlan) -> Result<Bundle<'s, T>, RenderError> {
        let mut done = BTreeMap::new();
        for id in &plan.topological_order {
            let node = plan
                .nodes
                .get(id)
                .ok_or_else(|| RenderError::Invalid(format!("node {} is not in its plan", id.0)))?;
            let bundle = self.render_expr(&node.expr, &mut done)?;
            done.insert(*id, bundle);
        }
        done.remove(&plan.root)
            .ok_or_else(|| RenderError::Invalid(format!("root {} is not in its plan", plan.root.0)))
    }
}
