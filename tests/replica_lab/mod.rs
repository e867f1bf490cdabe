//! Operators in a laboratory: plans rendered in one process and read as
//! collections, so that nothing of peeks, traces or shards is in the way.

#![allow(dead_code, reason = "each test uses its part")]

pub mod script;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use clusterd_fuzz::protocol::Release;
use clusterd_fuzz::protocol::neutral::{DataflowDescription, Expr, LetFreePlan, RenderPlan};
use clusterd_fuzz::protocol::v26_30::{AvailableCollections, Id, MapFilterProject, MirScalarExpr};
use clusterd_fuzz::replica::errors::DataflowError;
use clusterd_fuzz::replica::meter::Meter;
use clusterd_fuzz::replica::mutants::Mutants;
use clusterd_fuzz::replica::render::{
    Bundle, Context, RecursiveTime, RenderError, RenderTimestamp, Settings, arrange_by, linear,
};
use clusterd_fuzz::repr::{Diff, GlobalId, Row, Timestamp};
use clusterd_fuzz::script::{JoinChoice, output};
use differential_dataflow::AsCollection;
use timely::dataflow::Scope;
use timely::dataflow::operators::vec::ToStream;

/// Updates of rows and errors.
pub type Contents = Vec<(Result<Row, DataflowError>, Timestamp, Diff)>;
/// What each source holds.
pub type Sources = BTreeMap<GlobalId, Vec<(Row, Timestamp, Diff)>>;

/// How a script is run.
#[derive(Clone, Copy)]
pub struct Mode {
    pub mutants: Mutants,
    pub workers: usize,
    /// Whether times have iteration counters though nothing recurs.
    pub nested: bool,
    /// Forces how joins are planned.
    pub join: Option<JoinChoice>,
    pub release: Release,
}

pub const PLAIN: Mode = Mode {
    mutants: Mutants::none(),
    workers: 1,
    nested: false,
    join: None,
    release: Release::V26_30,
};

/// Whether a description needs times that iterate.
fn is_recursive(desc: &DataflowDescription) -> bool {
    let mut stages = desc.objects_to_build.iter().flat_map(|o| &o.plan.binds);
    stages.any(|stage| !stage.recs.is_empty())
}

/// Renders a description over these sources and runs it to its end; gives what
/// each exported index contains.
pub fn run(
    desc: &DataflowDescription,
    sources: &Sources,
    mode: Mode,
) -> Result<BTreeMap<GlobalId, Contents>, String> {
    if mode.nested || is_recursive(desc) {
        run_in::<RecursiveTime>(desc, sources, mode)
    } else {
        run_in::<Timestamp>(desc, sources, mode)
    }
}

fn run_in<T: RenderTimestamp>(
    desc: &DataflowDescription,
    sources: &Sources,
    mode: Mode,
) -> Result<BTreeMap<GlobalId, Contents>, String> {
    let as_of = desc.as_of.as_ref().and_then(|a| a.as_option()).unwrap_or(0);
    let sources = sources.clone();
    let desc = desc.clone();
    let config = match mode.workers {
        1 => timely::Config::thread(),
        n => timely::Config::process(n),
    };
    let guards = timely::execute(config, move |worker| {
        let results: Rc<RefCell<BTreeMap<GlobalId, Contents>>> = Rc::default();
        let built = worker.dataflow::<Timestamp, _, _>(|scope| {
            scope.scoped::<T, _, _>("build", |inner| {
                let settings = Settings {
                    fate: Default::default(),
                    as_of,
                    until: desc.until.as_option(),
                    worker: scope.index(),
                    peers: scope.peers(),
                    seams: mode.mutants.into(),
                    release: mode.release,
                    meter: Meter::default(),
                    name: String::new(),
                };
                build(
                    Context::new(inner, settings),
                    scope,
                    &desc,
                    &sources,
                    &results,
                )
            })
        });
        built?;
        while worker.step() {}
        Ok::<_, String>(results.take())
    })
    .map_err(|e| e.to_string())?;
    let mut all: BTreeMap<GlobalId, Contents> = BTreeMap::new();
    for results in guards.join() {
        for (id, contents) in results?? {
            all.entry(id).or_default().extend(contents);
        }
    }
    Ok(all)
}

/// Builds a description's dataflow.
fn build<'s, T: RenderTimestamp>(
    mut ctx: Context<'s, T>,
    scope: Scope<'_, Timestamp>,
    desc: &DataflowDescription,
    sources: &Sources,
    results: &Rc<RefCell<BTreeMap<GlobalId, Contents>>>,
) -> Result<(), String> {
    let text = |e: RenderError| e.to_string();
    let inner = ctx.scope;
    let Settings {
        as_of,
        worker,
        peers,
        ..
    } = ctx.settings.clone();
    let raw = |id: &GlobalId| {
        let rows: Vec<(Row, Timestamp, Diff)> = sources[id]
            .iter()
            .enumerate()
            .filter(|(at, _)| at % peers == worker)
            .map(|(_, (row, time, diff))| (row.clone(), (*time).max(as_of), *diff))
            .collect();
        let oks = rows.to_stream(scope).as_collection().enter(inner);
        let none: Vec<(DataflowError, Timestamp, Diff)> = Vec::new();
        let errs = none.to_stream(scope).as_collection().enter(inner);
        Bundle::from_raw(oks, errs)
    };
    for (id, import) in &desc.source_imports {
        let mut bundle = raw(id);
        if let Some(mfp) = &import.desc.arguments.operators {
            bundle = linear::apply_mfp(&ctx, &bundle, None, mfp).map_err(text)?;
        }
        ctx.bindings.insert(Id::Global(*id), bundle);
    }
    for import in desc.index_imports.values() {
        let arity = import.typ.column_types.len();
        let key = import.desc.key.clone();
        let thinning = thinning(&key, arity);
        let forms = AvailableCollections {
            raw: false,
            arranged: vec![(key, Vec::new(), thinning)],
        };
        let identity = MapFilterProject::identity(arity);
        let input = raw(&import.desc.on_id);
        let arranged = arrange_by::render_arrange_by(&ctx, None, input, &identity, &forms);
        let mut bundle = arranged.map_err(text)?;
        bundle.raw = None;
        let on = Id::Global(import.desc.on_id);
        if let Some(bound) = ctx.bindings.get_mut(&on) {
            bound.arranged.append(&mut bundle.arranged);
        } else {
            ctx.bindings.insert(on, bundle);
        }
    }
    for object in &desc.objects_to_build {
        let mut plan = object.plan.clone();
        if worker != 0 {
            clear_constants(&mut plan);
        }
        let bundle = ctx.render_plan(&plan).map_err(text)?;
        ctx.bindings.insert(Id::Global(object.id), bundle);
    }
    for (id, (index, typ)) in &desc.index_exports {
        let bundle = &ctx.bindings[&Id::Global(*id)];
        let arrangement = bundle.arrangement(&index.key).map_err(text)?;
        let places = places(&index.key, typ.column_types.len());
        let (oks, _) = arrangement.flat_map("export", None, move |rows, time, diff, oks, _| {
            let datums: Vec<_> = rows.iter().flat_map(|row| row.iter()).collect();
            let row = Row::pack(places.iter().map(|at| datums[*at]));
            oks.push((Ok(row), time.clone(), diff));
        });
        let errs = arrangement.errs().map(Err::<Row, DataflowError>);
        let (id, results) = (*id, results.clone());
        results.borrow_mut().entry(id).or_default();
        let all = oks.concat(errs).consolidate().leave(scope);
        all.inspect(move |update| {
            let mut results = results.borrow_mut();
            results.entry(id).or_default().push(update.clone());
        });
    }
    Ok(())
}

/// Constants belong to the first worker alone.
fn clear_constants(plan: &mut RenderPlan) {
    let clear = |plan: &mut LetFreePlan| {
        for node in plan.nodes.values_mut() {
            if let Expr::Constant { rows } = &mut node.expr {
                *rows = Ok(Vec::new());
            }
        }
    };
    for stage in &mut plan.binds {
        stage
            .lets
            .iter_mut()
            .for_each(|bind| clear(&mut bind.value));
        stage
            .recs
            .iter_mut()
            .for_each(|bind| clear_constants(&mut bind.value));
    }
    clear(&mut plan.body);
}

/// The columns that an index by bare columns keeps as values.
fn thinning(key: &[MirScalarExpr], arity: usize) -> Vec<usize> {
    use MirScalarExpr::Column;
    let named = |c: usize| key.iter().any(|e| matches!(e, Column(k, _) if *k == c));
    (0..arity).filter(|c| !named(*c)).collect()
}

/// Where each column is found in key ++ value.
fn places(key: &[MirScalarExpr], arity: usize) -> Vec<usize> {
    use MirScalarExpr::Column;
    let thinning = thinning(key, arity);
    (0..arity)
        .map(|c| {
            let in_key = key
                .iter()
                .rposition(|e| matches!(e, Column(k, _) if *k == c));
            in_key.unwrap_or_else(|| {
                let at = thinning.iter().position(|k| *k == c);
                key.len() + at.expect("a column is in the key or in the value")
            })
        })
        .collect()
}

/// What a peek answers.
pub fn answer(contents: &Contents, ts: Timestamp) -> String {
    let mut rows: BTreeMap<Row, Diff> = BTreeMap::new();
    let mut errors: BTreeMap<String, Diff> = BTreeMap::new();
    for (datum, time, diff) in contents {
        if *time <= ts {
            match datum {
                Ok(row) => *rows.entry(row.clone()).or_default() += diff,
                Err(error) => *errors.entry(error.to_string()).or_default() += diff,
            }
        }
    }
    let errors: BTreeSet<String> = errors
        .into_iter()
        .filter(|(_, diff)| *diff != 0)
        .map(|(text, diff)| {
            let retracted = "Invalid data in source errors, saw retractions";
            match diff {
                1.. => format!("error: peek error: {text}"),
                _ => format!("error: peek error: {retracted} ({}): {text}", -diff),
            }
        })
        .collect();
    if !errors.is_empty() {
        return errors.into_iter().collect::<Vec<_>>().join("\n");
    }
    if let Some((_, n)) = rows.iter().find(|(_, diff)| **diff < 0) {
        return format!(
            "error: peek error: Invalid data in source, saw retractions ({})",
            -n
        );
    }
    let rows = rows.into_iter().map(|(row, n)| (row, n as usize));
    output::row_lines(rows).join("\n")
}
