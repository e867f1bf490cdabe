//! Surface cells: what a lowered dataflow makes a replica render, as operator ×
//! variant × how the input is read × what is arranged. Campaigns count them.
//! Source: the plans of `spec/plan.md` §1, which of them lowering can make
//! `spec/lowering.md` §2.
//!
//! Invariants: every node has one cell; every cell that lowering can make
//! stands in the [`catalogue`], with what it takes to reach it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Mfp;
use protocol::v26_30::{
    ArrangementStrategy, AvailableCollections, BasicPlan, BuildDesc, ComputeSinkConnection,
    DataflowDescription, Expr, GetPlan, HierarchicalPlan, JoinPlan, JoinStagePlan, LetFreePlan,
    LirId, MapFilterProject, Node, ReducePlan, RenderPlan, TopKPlan,
};
use repr::GlobalId;

/// One kind of thing that a replica renders. The order is the catalogue's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    pub operator: &'static str,
    pub variant: &'static str,
    /// `raw`, `arrangement`, `lookup`; `-` if nothing is read.
    pub read: &'static str,
    /// What is arranged, and `bucketed` if updates of the future wait in
    /// temporal buckets before; `-` if nothing is arranged.
    pub arranges: &'static str,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cell {
            operator,
            variant,
            read,
            arranges,
        } = self;
        write!(f, "{operator}/{variant}/{read}/{arranges}")
    }
}

const fn cell(
    operator: &'static str,
    variant: &'static str,
    read: &'static str,
    arranges: &'static str,
) -> Cell {
    Cell {
        operator,
        variant,
        read,
        arranges,
    }
}

/// How many nodes of each cell there are.
pub type Counts = BTreeMap<Cell, usize>;

/// The cells of a whole dataflow, imports and exports included.
pub fn of_dataflow(dataflow: &DataflowDescription) -> Counts {
    let mut counts = Counts::new();
    let mut add = |cell: Cell| *counts.entry(cell).or_default() += 1;
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

fn is_temporal(m: &MapFilterProject) -> bool {
    Mfp::from(m.clone()).has_temporal_predicate()
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

fn by_key<K>(input_key: &Option<K>) -> &'static str {
    match input_key {
        None => "raw",
        Some(_) => "arrangement",
    }
}

fn of_node(node: &Node, plan: &LetFreePlan) -> Cell {
    let input_of = |id: &LirId| plan.nodes.get(id).map(|node| &node.expr);
    match &node.expr {
        Expr::Constant { rows } => {
            let variant = match rows {
                Err(_) => "error",
                Ok(rows) if rows.is_empty() => "empty",
                Ok(_) => "rows",
            };
            cell("Constant", variant, "-", "-")
        }
        Expr::Get { keys, plan, .. } => {
            let with = |m: &MapFilterProject| if is_temporal(m) { "temporal" } else { "mfp" };
            match plan {
                GetPlan::PassArrangements => cell("Get", "pass", passed(keys), "-"),
                GetPlan::Collection(m) => cell("Get", with(m), "raw", "-"),
                GetPlan::Arrangement(_, None, m) => cell("Get", with(m), "arrangement", "-"),
                GetPlan::Arrangement(_, Some(_), m) => cell("Get", with(m), "lookup", "-"),
            }
        }
        Expr::Mfp {
            mfp, input_key_val, ..
        } => {
            let variant = if is_temporal(mfp) {
                "temporal"
            } else {
                "plain"
            };
            let read = match input_key_val {
                None => "raw",
                Some((_, None)) => "arrangement",
                Some((_, Some(_))) => "lookup",
            };
            cell("Mfp", variant, read, "-")
        }
        Expr::FlatMap {
            input_key,
            input,
            mfp_after,
            ..
        } => {
            let read = match (input_key, input_of(input)) {
                (Some(_), _) => "arrangement",
                (None, Some(input)) if is_lookup(input) => "lookup",
                (None, _) => "raw",
            };
            let variant = if is_temporal(mfp_after) {
                "temporal"
            } else {
                "plain"
            };
            cell("FlatMap", variant, read, "-")
        }
        Expr::Join { inputs, plan } => {
            let built = |id: &LirId| matches!(input_of(id), Some(Expr::ArrangeBy { .. }));
            let read = if inputs.iter().all(built) {
                "own arrangements"
            } else {
                "shared arrangements"
            };
            cell("Join", join_variant(plan), read, "-")
        }
        Expr::Reduce {
            input_key,
            plan,
            mfp_after,
            temporal_bucketing_strategy,
            ..
        } => {
            let fused = !Mfp::from(mfp_after.clone()).is_identity();
            let variant = reduce_variant(plan, fused);
            let arranges = arranged_once(temporal_bucketing_strategy);
            cell("Reduce", variant, by_key(input_key), arranges)
        }
        Expr::TopK {
            top_k_plan,
            temporal_bucketing_strategy,
            ..
        } => {
            let arranges = arranged_once(temporal_bucketing_strategy);
            cell("TopK", top_k_variant(top_k_plan), "raw", arranges)
        }
        Expr::Negate { .. } => cell("Negate", "plain", "raw", "-"),
        Expr::Threshold { input, .. } => {
            let built = matches!(input_of(input), Some(Expr::ArrangeBy { .. }));
            let read = if built {
                "own arrangement"
            } else {
                "shared arrangement"
            };
            cell("Threshold", "plain", read, "one")
        }
        Expr::Union {
            consolidate_output,
            temporal_bucketing_strategies,
            ..
        } => {
            let bucketed =
                temporal_bucketing_strategies.contains(&ArrangementStrategy::TemporalBucketing);
            match (consolidate_output, bucketed) {
                (false, _) => cell("Union", "plain", "raw", "-"),
                (true, false) => cell("Union", "consolidating", "raw", "-"),
                (true, true) => cell("Union", "consolidating", "raw", "bucketed"),
            }
        }
        Expr::ArrangeBy {
            input_key,
            forms,
            strategy,
            ..
        } => {
            let bucketed = *strategy == ArrangementStrategy::TemporalBucketing;
            let arranges = match (forms.arranged.len(), bucketed) {
                (0, false) => "none",
                (0, true) => "none, bucketed",
                (1, false) => "one",
                (1, true) => "one, bucketed",
                (_, false) => "several",
                (_, true) => "several, bucketed",
            };
            cell("ArrangeBy", "plain", by_key(input_key), arranges)
        }
    }
}

fn passed(keys: &AvailableCollections) -> &'static str {
    match (keys.raw, keys.arranged.len()) {
        (true, 0) => "raw",
        (true, _) => "raw and arrangements",
        (false, 0 | 1) => "arrangement",
        (false, _) => "several arrangements",
    }
}

fn is_lookup(input: &Expr) -> bool {
    matches!(
        input,
        Expr::Get {
            plan: GetPlan::Arrangement(_, Some(_), _),
            ..
        } | Expr::Mfp {
            input_key_val: Some((_, Some(_))),
            ..
        }
    )
}

fn arranged_once(strategy: &ArrangementStrategy) -> &'static str {
    match strategy {
        ArrangementStrategy::Direct => "one",
        ArrangementStrategy::TemporalBucketing => "one, bucketed",
    }
}

fn join_variant(plan: &JoinPlan) -> &'static str {
    let crosses = |stages: &[JoinStagePlan]| stages.iter().any(|s| s.lookup_key.is_empty());
    match plan {
        JoinPlan::Linear(plan) => match plan.stage_plans.as_slice() {
            [] => "linear, no stage",
            stages if crosses(stages) => "linear, cross",
            [_] => "linear, one stage",
            _ => "linear, stages",
        },
        JoinPlan::Delta(plan) => {
            if plan.path_plans.iter().any(|p| crosses(&p.stage_plans)) {
                "delta, cross"
            } else if plan.path_plans.len() <= 2 {
                "delta, two paths"
            } else {
                "delta, paths"
            }
        }
    }
}

fn reduce_variant(plan: &ReducePlan, fused: bool) -> &'static str {
    if fused {
        return "mfp inside";
    }
    match plan {
        ReducePlan::Distinct => "distinct",
        ReducePlan::Accumulable(plan) if plan.distinct_aggrs.is_empty() => "accumulable",
        ReducePlan::Accumulable(plan) if plan.simple_aggrs.is_empty() => "accumulable, distinct",
        ReducePlan::Accumulable(_) => "accumulable, both",
        ReducePlan::Hierarchical(HierarchicalPlan::Monotonic(plan)) => {
            if plan.must_consolidate {
                "monotonic, consolidating"
            } else {
                "monotonic"
            }
        }
        ReducePlan::Hierarchical(HierarchicalPlan::Bucketed(plan)) => {
            if plan.buckets.is_empty() {
                "bucketed, no bucket"
            } else {
                "bucketed"
            }
        }
        ReducePlan::Basic(BasicPlan::Single(plan)) if plan.fused_unnest_list => "basic, fused",
        ReducePlan::Basic(BasicPlan::Single(_)) => "basic single",
        ReducePlan::Basic(BasicPlan::Multiple(_)) => "basic multiple",
    }
}

fn top_k_variant(plan: &TopKPlan) -> &'static str {
    match plan {
        TopKPlan::MonotonicTop1(plan) if plan.must_consolidate => "top 1, consolidating",
        TopKPlan::MonotonicTop1(_) => "top 1",
        TopKPlan::MonotonicTopK(plan) => match (plan.limit.is_some(), plan.must_consolidate) {
            (true, false) => "monotonic",
            (true, true) => "monotonic, consolidating",
            (false, false) => "monotonic, unlimited",
            (false, true) => "monotonic, unlimited, consolidating",
        },
        TopKPlan::Basic(plan) => match (plan.limit.is_some(), plan.offset > 0) {
            (true, false) => "basic",
            (true, true) => "basic, offset",
            (false, true) => "basic, offset, unlimited",
            (false, false) => "basic, unlimited",
        },
    }
}

/// What it takes to reach a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// A plan as scripts write it.
    Plan,
    /// A dataflow for one time (`until` just past the as-of).
    OneTime,
    /// A feature of lowering that scripts cannot turn on.
    Feature,
}

/// Every cell that lowering can make, in order, with what it takes.
pub fn catalogue() -> BTreeMap<Cell, Needs> {
    let mut all = BTreeMap::new();
    let mut plain = |operator, variants: &[&'static str], reads: &[&'static str], arranges| {
        for variant in variants {
            for read in reads {
                all.insert(cell(operator, variant, read, arranges), Needs::Plan);
            }
        }
    };
    plain("Constant", &["rows", "empty", "error"], &["-"], "-");
    let passes = [
        "raw",
        "arrangement",
        "several arrangements",
        "raw and arrangements",
    ];
    plain("Get", &["pass"], &passes, "-");
    let reads = ["raw", "arrangement", "lookup"];
    plain("Get", &["mfp", "temporal"], &reads, "-");
    plain("Mfp", &["plain", "temporal"], &reads, "-");
    plain("FlatMap", &["plain", "temporal"], &reads, "-");
    let joins = [
        "linear, no stage",
        "linear, one stage",
        "linear, stages",
        "linear, cross",
        "delta, two paths",
        "delta, paths",
        "delta, cross",
    ];
    let whose = ["own arrangements", "shared arrangements"];
    plain("Join", &joins, &whose, "-");
    let reduces = [
        "distinct",
        "accumulable",
        "accumulable, distinct",
        "accumulable, both",
        "monotonic",
        "bucketed",
        "bucketed, no bucket",
        "basic single",
        "basic multiple",
    ];
    plain("Reduce", &reduces, &["raw", "arrangement"], "one");
    plain("Reduce", &reduces, &["raw"], "one, bucketed");
    let tops = [
        "top 1",
        "monotonic",
        "monotonic, unlimited",
        "basic",
        "basic, offset",
        "basic, unlimited",
        "basic, offset, unlimited",
    ];
    plain("TopK", &tops, &["raw"], "one");
    plain("TopK", &tops, &["raw"], "one, bucketed");
    plain("Negate", &["plain"], &["raw"], "-");
    let whose = ["own arrangement", "shared arrangement"];
    plain("Threshold", &["plain"], &whose, "one");
    plain("Union", &["plain", "consolidating"], &["raw"], "-");
    plain("Union", &["consolidating"], &["raw"], "bucketed");
    plain("ArrangeBy", &["plain"], &["arrangement"], "none");
    plain("ArrangeBy", &["plain"], &["raw", "arrangement"], "one");
    plain("ArrangeBy", &["plain"], &["raw", "arrangement"], "several");
    plain("ArrangeBy", &["plain"], &["raw"], "one, bucketed");
    plain("ArrangeBy", &["plain"], &["raw"], "several, bucketed");
    plain("Let", &["binding"], &["-"], "-");
    let limits = ["unlimited", "limit returns", "limit fails"];
    plain("LetRec", &limits, &["-"], "-");
    let sources = ["whole", "mfp", "temporal filter"];
    plain("Source", &sources, &["-"], "-");
    let indexes = ["import", "alias", "arranged here"];
    plain("Index", &indexes, &["-"], "-");
    for sink in ["Subscribe", "MaterializedView"] {
        plain(sink, &["sink"], &["raw", "arrangement"], "-");
    }
    for variant in [
        "top 1, consolidating",
        "monotonic, consolidating",
        "monotonic, unlimited, consolidating",
    ] {
        for arranges in ["one", "one, bucketed"] {
            all.insert(cell("TopK", variant, "raw", arranges), Needs::OneTime);
        }
    }
    for (read, arranges) in [
        ("raw", "one"),
        ("arrangement", "one"),
        ("raw", "one, bucketed"),
    ] {
        let consolidating = cell("Reduce", "monotonic, consolidating", read, arranges);
        all.insert(consolidating, Needs::OneTime);
        let inside = cell("Reduce", "mfp inside", read, arranges);
        all.insert(inside, Needs::Feature);
    }
    all
}

/// Adds counts to others.
pub fn add(all: &mut Counts, more: &Counts) {
    for (cell, count) in more {
        *all.entry(*cell).or_default() += count;
    }
}

/// The catalogue's cells that are not among these.
pub fn missing(reached: &Counts) -> BTreeSet<Cell> {
    let all = catalogue().into_keys();
    all.filter(|cell| !reached.contains_key(cell)).collect()
}
