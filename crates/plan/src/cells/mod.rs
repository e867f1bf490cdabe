//! Surface cells: what a lowered dataflow makes a replica render, as operator ×
//! variant × how the input is read × what is arranged. Campaigns count them.
//! Source: the plans of `spec/plan.md` §1, which of them lowering can make
//! `spec/lowering.md` §2.
//!
//! Invariants: every node has one cell; every cell that lowering can make
//! stands in the [`catalogue`], with what it takes to reach it.

mod catalogue;
mod cell;
mod node;

use std::collections::{BTreeMap, BTreeSet};

pub use catalogue::{Needs, catalogue};
pub use cell::PlanCell;

use cell::cell;
use node::{is_temporal, of_node};
use protocol::neutral::{BuildDesc, DataflowDescription, Expr, GetPlan, LetFreePlan, RenderPlan};
use protocol::v26_30::ComputeSinkConnection;
use repr::GlobalId;

/// How many nodes of each cell there are.
pub type Counts = BTreeMap<PlanCell, usize>;

/// The cells of a whole dataflow, imports and exports included.
pub fn of_dataflow(dataflow: &DataflowDescription) -> Counts {
    let mut counts = Counts::new();
    let mut add = |cell: PlanCell| *counts.entry(cell).or_default() += 1;
    for source in dataflow.source_imports.values() {
        let variant = match &source.desc.arguments.operators {
            None => "whole",
            Some(m) if is_temporal(m) => "temporal filter",
            Some(_) => "mfp",
        };
        add(cell("Source", variant, "-", "-"));
    }
    dataflow
        .index_imports
        .values()
        .for_each(|_| add(cell("Index", "import", "-", "-")));
    let mut raw: BTreeMap<GlobalId, bool> = BTreeMap::new();
    for index in dataflow.index_imports.values() {
        raw.insert(index.desc.on_id, false);
    }
    for BuildDesc { id, plan } in &dataflow.objects_to_build {
        raw.insert(*id, offers_raw(&plan.body));
    }
    for index in dataflow.index_exports.keys() {
        let mut objects = dataflow.objects_to_build.iter();
        let object = objects.find(|object| object.id == *index);
        let alias = object.is_some_and(|object| is_read(&object.plan.body));
        let variant = if alias { "alias" } else { "arranged here" };
        add(cell("Index", variant, "-", "-"));
    }
    for sink in dataflow.sink_exports.values() {
        let operator = match &sink.connection {
            ComputeSinkConnection::Subscribe(_) => "Subscribe",
            ComputeSinkConnection::MaterializedView(_) => "MaterializedView",
            ComputeSinkConnection::CopyToS3Oneshot(_) => "CopyTo",
        };
        let from_raw = raw.get(&sink.from).copied().unwrap_or(true);
        let read = if from_raw { "raw" } else { "arrangement" };
        add(cell(operator, "sink", read, "-"));
    }
    for BuildDesc { plan, .. } in &dataflow.objects_to_build {
        count(plan, &mut counts);
    }
    counts
}

/// The cells of one object's plan.
pub fn of_plan(plan: &RenderPlan) -> Counts {
    let mut counts = Counts::new();
    count(plan, &mut counts);
    counts
}

fn count(plan: &RenderPlan, counts: &mut Counts) {
    for stage in &plan.binds {
        for binding in &stage.lets {
            *counts.entry(cell("Let", "binding", "-", "-")).or_default() += 1;
            count_nodes(&binding.value, counts);
        }
        for binding in &stage.recs {
            let variant = match &binding.limit {
                None => "unlimited",
                Some(limit) if limit.return_at_limit => "limit returns",
                Some(_) => "limit fails",
            };
            *counts.entry(cell("LetRec", variant, "-", "-")).or_default() += 1;
            count(&binding.value, counts);
        }
    }
    count_nodes(&plan.body, counts);
}

fn count_nodes(plan: &LetFreePlan, counts: &mut Counts) {
    for node in plan.nodes.values() {
        *counts.entry(of_node(node, plan)).or_default() += 1;
    }
}

fn root(plan: &LetFreePlan) -> Option<&Expr> {
    plan.nodes.get(&plan.root).map(|node| &node.expr)
}

fn is_read(plan: &LetFreePlan) -> bool {
    matches!(root(plan), Some(Expr::Get { .. }))
}

/// Whether the rows exist apart from arrangements.
fn offers_raw(plan: &LetFreePlan) -> bool {
    match root(plan) {
        Some(Expr::Get {
            keys,
            plan: GetPlan::PassArrangements,
            ..
        }) => keys.raw,
        Some(Expr::ArrangeBy { forms, .. }) => forms.raw,
        Some(Expr::Reduce { .. } | Expr::Threshold { .. }) => false,
        Some(_) | None => true,
    }
}

/// Adds counts to others.
pub fn add(all: &mut Counts, more: &Counts) {
    for (cell, count) in more {
        *all.entry(*cell).or_default() += count;
    }
}

/// The catalogue's cells that are not among these.
pub fn missing(reached: &Counts) -> BTreeSet<PlanCell> {
    let all = catalogue().into_keys();
    all.filter(|cell| !reached.contains_key(cell)).collect()
}
