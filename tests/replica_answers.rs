//! The replica's operators against the answers of a real clusterd to random
//! plans. What this file alone can catch: an operator that is rendered
//! consistently and wrongly. Plans are lowered, rendered in one worker and read
//! as collections, so nothing of peeks, traces or shards is in the way. Data:
//! `tests/golden/answers`, described in `spec/replica.md` §16.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::rc::Rc;

use clusterd_fuzz::driver::{DataflowBuilder, IndexInfo};
use clusterd_fuzz::plan::lower::JoinKind;
use clusterd_fuzz::protocol::v26_30::{
    AvailableCollections, CollectionMetadata, DataflowDescription, Expr, Id, LetFreePlan,
    MapFilterProject, PersistLocation, RenderPlan,
};
use clusterd_fuzz::replica::errors::DataflowError;
use clusterd_fuzz::replica::mutants::Mutants;
use clusterd_fuzz::replica::render::{
    Bundle, Context, RecursiveTime, RenderError, RenderTimestamp, Settings, arrange_by, linear,
};
use clusterd_fuzz::repr::{Diff, GlobalId, Row, ShardId, Timestamp};
use clusterd_fuzz::script::data::{self, Schemas};
use clusterd_fuzz::script::{self, Command, CreateDataflow, Export, Import, JoinChoice, output};
use differential_dataflow::AsCollection;
use timely::dataflow::Scope;
use timely::dataflow::operators::vec::ToStream;

/// The JSON objects of a golden file.
fn golden(name: &str) -> Vec<serde_json::Value> {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

type Contents = Vec<(Result<Row, DataflowError>, Timestamp, Diff)>;

/// What a script has made so far.
#[derive(Default)]
struct World {
    schemas: Schemas,
    shards: BTreeMap<String, Vec<(Row, Timestamp, Diff)>>,
    /// Where each source comes from.
    sources: BTreeMap<GlobalId, String>,
    indexes: BTreeMap<GlobalId, IndexInfo>,
    /// What exported indexes contain.
    exported: BTreeMap<GlobalId, Contents>,
}

impl World {
    fn metadata(&self, schema: Option<&str>) -> Result<CollectionMetadata, String> {
        Ok(CollectionMetadata {
            persist_location: PersistLocation {
                blob_uri: String::new(),
                consensus_uri: String::new(),
            },
            data_shard: ShardId(Default::default()),
            relation_desc: self.schemas.get(schema)?,
            txns_shard: None,
        })
    }

    /// Executes a command; gives its output where it has one to compare.
    fn execute(&mut self, command: &Command, mode: Mode) -> Result<Option<String>, String> {
        match command {
            Command::DefineSchema { name, columns } => {
                self.schemas.define(name, columns)?;
            }
            Command::WriteRows {
                shard,
                schema,
                ts,
                rows,
            } => {
                let desc = self.schemas.get(schema.as_deref())?;
                let rows = data::rows(&desc, rows)?;
                let shard = self.shards.entry(shard.clone()).or_default();
                shard.extend(rows.into_iter().map(|(row, diff)| (row, *ts, diff)));
            }
            Command::DefineIndex {
                source,
                index,
                shard,
                schema,
                key,
                ..
            } => {
                let typ = self.schemas.get(schema.as_deref())?.typ.to_repr();
                self.sources.insert(*source, shard.clone());
                self.shards.entry(shard.clone()).or_default();
                let info = IndexInfo {
                    on: *source,
                    key: key.clone(),
                    typ,
                };
                self.indexes.insert(*index, info);
            }
            Command::CreateDataflow(dataflow) => self.create(dataflow, mode)?,
            Command::Peek { id, ts, .. } => {
                return match self.exported.get(id) {
                    Some(contents) => Ok(Some(answer(contents, *ts))),
                    None => Err(format!("peek of unknown {id}")),
                };
            }
            _ => {}
        }
        Ok(None)
    }

    fn create(&mut self, dataflow: &CreateDataflow, mode: Mode) -> Result<(), String> {
        let mut builder = DataflowBuilder::new(&dataflow.name);
        for import in &dataflow.imports {
            match import {
                Import::Source {
                    id,
                    shard,
                    schema,
                    upper,
                } => {
                    self.sources.insert(*id, shard.clone());
                    self.shards.entry(shard.clone()).or_default();
                    let metadata = self.metadata(schema.as_deref())?;
                    builder
                        .import_persist(*id, metadata, *upper)
                        .map_err(|e| e.to_string())?;
                }
                Import::Index { index } => {
                    let info = self.indexes.get(index).ok_or("unknown index")?;
                    builder
                        .import_index(*index, info)
                        .map_err(|e| e.to_string())?;
                }
            }
        }
        for build in &dataflow.builds {
            builder
                .build(build.id, &build.expr)
                .map_err(|e| e.to_string())?;
        }
        for export in &dataflow.exports {
            if let Export::Index { index, on, key } = export {
                builder
                    .export_index(*index, *on, key)
                    .map_err(|e| e.to_string())?;
            }
        }
        let kind = dataflow.join.map(|choice| match choice {
            JoinChoice::Linear => JoinKind::Linear,
            JoinChoice::Delta => JoinKind::Delta,
        });
        builder.optimize(dataflow.optimize).join(mode.join.or(kind));
        builder.as_of(dataflow.as_of).until(dataflow.until);
        let built = builder.finish().map_err(|e| e.to_string())?;
        let recursive = built.description.objects_to_build.iter().any(|object| {
            let stages = &object.plan.binds;
            stages.iter().any(|stage| !stage.recs.is_empty())
        });
        let exported = if recursive || mode.nested {
            run::<RecursiveTime>(self, &built.description, mode)
        } else {
            run::<Timestamp>(self, &built.description, mode)
        }?;
        self.indexes.extend(built.indexes);
        self.exported.extend(exported);
        Ok(())
    }
}

/// What a peek answers.
fn answer(contents: &Contents, ts: Timestamp) -> String {
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
        .map(|(text, _)| format!("error: peek error: {text}"))
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

/// How a script is run.
#[derive(Clone, Copy)]
struct Mode {
    mutants: Mutants,
    workers: usize,
    /// Whether times have iteration counters that nobody needs.
    nested: bool,
    /// Forces how joins are planned.
    join: Option<JoinKind>,
}

const PLAIN: Mode = Mode {
    mutants: Mutants::none(),
    workers: 1,
    nested: false,
    join: None,
};

/// Renders a description over the world's shards and runs it to its end.
fn run<T: RenderTimestamp>(
    world: &World,
    desc: &DataflowDescription,
    mode: Mode,
) -> Result<BTreeMap<GlobalId, Contents>, String> {
    let as_of = desc.as_of.as_ref().and_then(|a| a.as_option()).unwrap_or(0);
    let sources: BTreeMap<GlobalId, Vec<(Row, Timestamp, Diff)>> = world
        .sources
        .iter()
        .map(|(id, shard)| (*id, world.shards[shard].clone()))
        .collect();
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
                    as_of,
                    until: desc.until.as_option(),
                    worker: scope.index(),
                    peers: scope.peers(),
                    mutants: mode.mutants,
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
    sources: &BTreeMap<GlobalId, Vec<(Row, Timestamp, Diff)>>,
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
fn thinning(key: &[clusterd_fuzz::protocol::v26_30::MirScalarExpr], arity: usize) -> Vec<usize> {
    use clusterd_fuzz::protocol::v26_30::MirScalarExpr::Column;
    let named = |c: usize| key.iter().any(|e| matches!(e, Column(k, _) if *k == c));
    (0..arity).filter(|c| !named(*c)).collect()
}

/// Where each column is found in key ++ value.
fn places(key: &[clusterd_fuzz::protocol::v26_30::MirScalarExpr], arity: usize) -> Vec<usize> {
    use clusterd_fuzz::protocol::v26_30::MirScalarExpr::Column;
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

/// Runs a script; gives the first disagreement.
fn disagreement(spec: &str, mode: Mode) -> Result<(), String> {
    let script = script::text::parse(spec).map_err(|e| e.to_string())?;
    let mut world = World::default();
    for stanza in script.stanzas() {
        match world.execute(&stanza.command, mode) {
            Ok(None) => {}
            Ok(Some(got)) => {
                // A row without columns is a blank line, which blocks do not keep.
                let expected = stanza.expected.trim();
                let fine = if expected.starts_with("error: peek error: Invalid data in source, saw")
                {
                    got.starts_with("error: peek error: Invalid data in source, saw")
                } else if expected.starts_with("error:") {
                    got.lines().any(|line| line == expected)
                } else {
                    got.trim() == expected
                };
                if !fine {
                    return Err(format!(
                        "{}\nexpected:\n{expected}\ngot:\n{got}",
                        stanza.input
                    ));
                }
            }
            Err(reason) => return Err(format!("{}\n{reason}", stanza.input)),
        }
    }
    Ok(())
}

/// Plans in which upstream's optimizer folds, drops or merges what ours leaves
/// alone, so that an error or its text differs (`spec/replica.md` §16.5).
const OPTIMIZED: [u64; 5] = [226, 272, 1129, 1228, 1781];

/// Runs every plan that `wanted` selects by number and text.
fn assert_agreement(mode: Mode, wanted: impl Fn(u64, &str) -> bool) {
    let only: Option<u64> = std::env::var("PLAN").ok().and_then(|n| n.parse().ok());
    let mut failures = Vec::new();
    let mut run = 0;
    for case in golden("answers/plans.jsonl.gz") {
        let n = case["n"].as_u64().unwrap();
        let spec = case["spec"].as_str().unwrap();
        let selected = only.map_or_else(|| wanted(n, spec), |only| only == n);
        if !selected || OPTIMIZED.contains(&n) {
            continue;
        }
        run += 1;
        if let Err(reason) = disagreement(spec, mode) {
            failures.push((n, reason));
        }
    }
    let text: String = failures
        .iter()
        .take(12)
        .map(|(n, reason)| format!("--- plan {n}\n{reason}\n"))
        .collect();
    let which: Vec<u64> = failures.iter().map(|(n, _)| *n).collect();
    assert!(
        failures.is_empty(),
        "{} of {run} plans disagree: {which:?}\n{text}",
        failures.len(),
    );
}

#[test]
fn random_plans_get_the_answers_of_a_real_clusterd() {
    assert_agreement(PLAIN, |_, _| true);
}

#[test]
fn answers_do_not_depend_on_the_number_of_workers() {
    let mode = Mode {
        workers: 3,
        ..PLAIN
    };
    assert_agreement(mode, |n, _| n % 11 == 0);
}

#[test]
fn answers_do_not_depend_on_whether_times_can_iterate() {
    let mode = Mode {
        nested: true,
        ..PLAIN
    };
    assert_agreement(mode, |n, _| n % 9 == 0);
}

#[test]
fn answers_do_not_depend_on_how_joins_are_planned() {
    for kind in [JoinKind::Linear, JoinKind::Delta] {
        for workers in [1, 2] {
            let mode = Mode {
                join: Some(kind),
                workers,
                ..PLAIN
            };
            assert_agreement(mode, |n, spec| n % 4 == 0 && spec.contains(" Join on="));
        }
    }
}
