//! Building the dataflow of one description on one worker. Source:
//! `spec/replica.md` §3.
//!
//! Invariants: all workers build the same operators in the same order; what a
//! description says wrongly ends the replica before anything is answered.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use differential_dataflow::Hashable;
use differential_dataflow::operators::arrange::Arranged;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::probe::Handle as ProbeHandle;
use timely::dataflow::operators::{Operator, Probe};
use timely::dataflow::{Scope, Stream};
use timely::worker::Worker as TimelyWorker;

use super::collection::CollectionKind;
use super::environment::{Environment, Host};
use super::holds::{Hold, Holds, ImportProbe};
use super::persist_settings::PersistSettings;
use super::start::StartSignal;
use super::traces::{TraceBundle, timely_frontier};
use crate::eval::{Arena, MfpPlan};
use crate::halt::End;
use crate::mutants::LinearSeams;
use crate::render::{
    Arrangement, Bundle, Context, ErrAgent, RecursiveTime, RenderError, RenderTimestamp, RowAgent,
    Settings, Split, fallible, linear,
};
use crate::sink::{Desired, ViewConfig, desired, materialized_view, subscribe};
use crate::source::{Feed, Inline, PartFilter, SourceReader, SourceStream, persist_source};
use protocol::neutral::{DataflowDescription, RenderPlan};
use protocol::v26_30::{
    ComputeSinkConnection, ComputeSinkDesc, Id, IndexDesc, IndexImport, SourceImport,
};
use repr::{Antichain, GlobalId, Row, Timestamp};

/// A built dataflow.
pub struct Built {
    /// Timely's number of the dataflow.
    pub index: usize,
    pub indexes: Vec<(GlobalId, TraceBundle)>,
    pub sinks: Vec<(GlobalId, CollectionKind)>,
    /// Two for every imported index, one for every other import.
    pub probes: Vec<ImportProbe>,
    /// The holds on imports that each export has.
    pub holds: BTreeMap<GlobalId, Vec<Hold>>,
    /// The sources that the owner of the worker must poll.
    pub polled: Vec<Rc<RefCell<Inline>>>,
}

impl From<RenderError> for End {
    fn from(error: RenderError) -> Self {
        End::abort(error.to_string())
    }
}

/// A dataflow in the making.
struct Builder<'a> {
    env: &'a Environment,
    traces: &'a mut BTreeMap<GlobalId, TraceBundle>,
    desc: &'a DataflowDescription,
    start: StartSignal,
    as_of: Timestamp,
    settings: Settings,
    imports: Holds,
    probes: Vec<ImportProbe>,
    holds: BTreeMap<GlobalId, Vec<Hold>>,
    polled: Vec<Rc<RefCell<Inline>>>,
    sinks: Vec<(GlobalId, CollectionKind)>,
    max_result_size: Rc<Cell<u64>>,
    persist: Arc<PersistSettings>,
}

/// Builds a dataflow; its inputs wait for `start`.
///
/// Errors: how the replica ends.
pub fn build(
    worker: &mut TimelyWorker,
    env: &Environment,
    traces: &mut BTreeMap<GlobalId, TraceBundle>,
    desc: &DataflowDescription,
    start: StartSignal,
    max_result_size: Rc<Cell<u64>>,
    persist: Arc<PersistSettings>,
) -> Result<Built, End> {
    let as_of = desc.as_of.as_ref().and_then(Antichain::as_option);
    let as_of = as_of.ok_or_else(|| {
        End::abort(format!(
            "dataflow {} has no as_of: expected one time",
            desc.debug_name
        ))
    })?;
    let settings = Settings {
        as_of,
        until: desc.until.as_option(),
        worker: worker.index(),
        peers: worker.peers(),
        seams: env.seams,
        release: env.release,
        fate: env.fate.clone(),
        meter: env.meter.clone(),
        name: export_names(desc),
    };
    let mut builder = Builder {
        env,
        traces,
        desc,
        start,
        as_of,
        settings,
        imports: Holds::new(desc),
        probes: Vec::new(),
        holds: BTreeMap::new(),
        polled: Vec::new(),
        sinks: Vec::new(),
        max_result_size,
        persist,
    };
    let index = worker.next_dataflow_index();
    let name = desc.debug_name.clone();
    let recursive = desc.objects_to_build.iter().any(|o| is_recursive(&o.plan));
    let indexes = worker.dataflow_named(&name, |scope| {
        if recursive {
            builder.build::<RecursiveTime>(scope)
        } else {
            builder.build::<Timestamp>(scope)
        }
    })?;
    Ok(Built {
        index,
        indexes,
        sinks: builder.sinks,
        probes: builder.probes,
        holds: builder.holds,
        polled: builder.polled,
    })
}

/// The ids of the exports of a dataflow, as one text.
fn export_names(desc: &DataflowDescription) -> String {
    let ids = desc.index_exports.keys().chain(desc.sink_exports.keys());
    let ids: Vec<String> = ids.map(ToString::to_string).collect();
    ids.join(", ")
}

/// Whether a plan has recursive bindings.
fn is_recursive(plan: &RenderPlan) -> bool {
    plan.binds.iter().any(|stage| !stage.recs.is_empty())
}

impl Builder<'_> {
    fn build<T: RenderTimestamp>(
        &mut self,
        scope: Scope<'_, Timestamp>,
    ) -> Result<Vec<(GlobalId, TraceBundle)>, End> {
        let desc = self.desc;
        let mut imports: BTreeMap<Id, Bundle<'_, Timestamp>> = BTreeMap::new();
        for (id, import) in &desc.source_imports {
            let bundle = self.import_source(scope, *id, import)?;
            imports.insert(Id::Global(*id), bundle);
        }
        let mut indexes = Vec::new();
        for (id, import) in &desc.index_imports {
            indexes.push(self.import_index(scope, *id, import)?);
        }
        let settings = self.settings.clone();
        let traces = &*self.traces;
        let (sinks, holds, imported) = (&mut self.sinks, &mut self.holds, &self.imports);
        let seams = self.env.seams.lifecycle();
        let env = self.env;
        let sinking = Sinking {
            env,
            as_of: self.as_of,
            max_result_size: Rc::clone(&self.max_result_size),
            persist: Arc::clone(&self.persist),
        };
        scope.scoped::<T, _, _>("build", |inner| {
            let mut ctx = Context::new(inner, settings);
            bind_imports(&mut ctx, imports, indexes);
            for object in &desc.objects_to_build {
                let bundle = ctx.render_plan(&object.plan)?;
                ctx.bindings.insert(Id::Global(object.id), bundle);
            }
            let mut exports = Vec::new();
            for (id, (index, _)) in &desc.index_exports {
                let bundle = ctx.bindings.get(&Id::Global(*id)).ok_or_else(|| {
                    End::abort(format!("Arrangement alarmingly absent! id: {id}"))
                })?;
                let arrangement = bundle.arrangement(&index.key)?;
                let (made_here, trace) = match arrangement {
                    Arrangement::Local { oks, errs } => {
                        let (oks, errs) = T::export(scope, oks, errs);
                        (true, TraceBundle::new(oks, errs, env.seams.compaction()))
                    }
                    // The same trace under another name.
                    Arrangement::Imported { id: aliased, .. } => {
                        let trace = traces.get(aliased).cloned();
                        (false, trace.ok_or_else(|| missing(desc, *aliased))?)
                    }
                };
                if seams.holds_imports(made_here) {
                    holds.insert(*id, imported.of(index.on_id));
                }
                exports.push((*id, trace));
            }
            for (id, sink) in &desc.sink_exports {
                let bundle = ctx.bindings.get(&Id::Global(sink.from)).ok_or_else(|| {
                    End::abort(format!(
                        "sink {id} is on {}, which nothing builds",
                        sink.from
                    ))
                })?;
                let desired = desired(&ctx, scope, bundle, sink)?;
                holds.insert(*id, imported.of(sink.from));
                sinks.push((*id, sinking.sink(*id, sink, desired)?));
            }
            Ok(exports)
        })
    }

    fn import_source<'s>(
        &mut self,
        scope: Scope<'s, Timestamp>,
        id: GlobalId,
        import: &SourceImport,
    ) -> Result<Bundle<'s, Timestamp>, End> {
        let plan = match &import.desc.arguments.operators {
            None => None,
            Some(mfp) => Some(linear::plan_mfp(self.env.seams, mfp)?),
        };
        let reads = id.hashed() % scope.peers() as u64 == scope.index() as u64;
        let reader = reads.then(|| self.open_source(id, import, plan.as_ref()));
        let reader = reader.transpose()?;
        let threaded = match self.env.host {
            Host::InProcess(_) => false,
            Host::Process(_) => true,
        };
        let start = self.start.clone();
        let feed = reader.map(|reader| {
            move |activator, address: Rc<[usize]>| {
                if threaded {
                    let sync = scope.worker().sync_activator_for(address.to_vec());
                    Feed::threaded(reader, start, activator, sync)
                } else {
                    Feed::inline(reader, start, activator)
                }
            }
        });
        let fate = self.env.fate.clone();
        let held = self.imports.watch(id);
        let (stream, polled) = persist_source(scope, id, self.as_of, fate, held, feed);
        self.polled.extend(polled);
        let stream = stream.probe_with(&self.probe(id));
        let seams = self.env.seams.linear();
        let until = seams.wanted_until(self.settings.until);
        let (oks, errs) = apply_source_mfp(stream, plan, until, seams);
        Ok(Bundle::from_raw(oks, errs))
    }

    /// Opens the shard of a source; of its parts those are read for whose rows its
    /// operators may give something.
    fn open_source(
        &self,
        id: GlobalId,
        import: &SourceImport,
        plan: Option<&MfpPlan>,
    ) -> Result<SourceReader, End> {
        let metadata = &import.desc.storage_metadata;
        let client = self.env.host.client(&metadata.persist_location);
        let opened = client.and_then(|client| {
            let purpose = format!("compute import {id}");
            client.open_leased_reader(metadata.data_shard, &metadata.relation_desc, &purpose)
        });
        let handle = opened
            .map_err(|e| End::halt(format!("unhandled error in compute_import: {id}: {e}")))?;
        Ok(SourceReader::new(
            handle,
            self.as_of,
            self.settings.until,
            import.with_snapshot,
            plan.map(|plan| PartFilter {
                plan: plan.clone(),
                until: self.settings.until,
                settings: Arc::clone(&self.persist),
                seams: self.env.seams.pushdown(),
            }),
            self.env.seams.source(),
        ))
    }

    /// Brings another dataflow's traces into the outer scope.
    fn import_index<'s>(
        &mut self,
        scope: Scope<'s, Timestamp>,
        id: GlobalId,
        import: &IndexImport,
    ) -> Result<ImportedIndex<'s>, End> {
        let bundle = self
            .traces
            .get_mut(&id)
            .ok_or_else(|| missing(self.desc, id))?;
        let as_of = Antichain::from_elem(self.as_of);
        if as_of < bundle.since() {
            return Err(End::abort(format!(
                "Index {id} has been allowed to compact beyond the dataflow as_of"
            )));
        }
        let name = format!("Index({}, {id})", import.desc.on_id);
        let since = timely_frontier(&as_of);
        let until = timely_frontier(&self.desc.until);
        let (mut oks, _) =
            bundle
                .oks
                .import_frontier_core(scope, &name, since.clone(), until.clone());
        let (mut errs, _) = bundle.errs.import_frontier_core(scope, &name, since, until);
        let on = import.desc.on_id;
        oks.stream = hold_until(oks.stream.probe_with(&self.probe(on)), self.start.clone());
        errs.stream = hold_until(errs.stream.probe_with(&self.probe(on)), self.start.clone());
        let errs = self.env.seams.arrangement().imported_errors(errs);
        Ok(ImportedIndex {
            id,
            desc: import.desc.clone(),
            oks,
            errs,
        })
    }

    /// A probe of an import, by the id under which plans read it.
    fn probe(&mut self, import: GlobalId) -> ProbeHandle<Timestamp> {
        let probe = ProbeHandle::new();
        self.probes.push(ImportProbe {
            probe: probe.clone(),
            held: self.imports.watch(import),
        });
        probe
    }
}

/// What all sinks of a dataflow have in common.
struct Sinking<'a> {
    env: &'a Environment,
    as_of: Timestamp,
    max_result_size: Rc<Cell<u64>>,
    persist: Arc<PersistSettings>,
}

impl Sinking<'_> {
    fn sink(
        &self,
        id: GlobalId,
        sink: &ComputeSinkDesc,
        desired: Desired<'_>,
    ) -> Result<CollectionKind, End> {
        match &sink.connection {
            ComputeSinkConnection::Subscribe(subscribed) => {
                Ok(CollectionKind::Subscribe(subscribe(
                    id,
                    desired,
                    sink,
                    &subscribed.output,
                    self.as_of,
                    Rc::clone(&self.max_result_size),
                    self.env.seams.subscribe(),
                )))
            }
            ComputeSinkConnection::MaterializedView(view) => {
                let config = ViewConfig {
                    as_of: self.as_of,
                    refresh: sink.refresh_schedule.clone(),
                    seams: self.env.seams,
                    persist: Arc::clone(&self.persist),
                    threaded: match self.env.host {
                        Host::InProcess(_) => false,
                        Host::Process(_) => true,
                    },
                };
                let location = &view.storage_metadata.persist_location;
                let client = || self.env.host.client(location);
                let once = self.env.seams.writes_errors_once(self.env.release);
                let desired = match once {
                    true => desired.with_errors_once(),
                    false => desired,
                };
                materialized_view(id, desired, view, config, client)
                    .map(CollectionKind::View)
                    .map_err(|error| {
                        let text =
                            format!("unhandled error in compute persist sink: {id}: {error}");
                        End::halt(text)
                    })
            }
            ComputeSinkConnection::CopyToS3Oneshot(_) => {
                Err(RenderError::Unsupported(format!("the copy to S3 {id}")).into())
            }
        }
    }
}

/// A trace as the outer scope sees it.
type OuterTrace<Tr> = differential_dataflow::trace::wrappers::frontier::TraceFrontier<Tr>;

/// An index of another dataflow in the outer scope.
struct ImportedIndex<'s> {
    id: GlobalId,
    desc: IndexDesc,
    oks: Arranged<'s, OuterTrace<RowAgent<Timestamp>>>,
    errs: Arranged<'s, OuterTrace<ErrAgent<Timestamp>>>,
}

/// Brings the imports into the scope of the plans.
fn bind_imports<'s, T: RenderTimestamp>(
    ctx: &mut Context<'s, T>,
    sources: BTreeMap<Id, Bundle<'_, Timestamp>>,
    indexes: Vec<ImportedIndex<'_>>,
) {
    let inner = ctx.scope;
    for (id, bundle) in sources {
        let raw = bundle.raw;
        let bundle = Bundle {
            raw: raw.map(|(oks, errs)| (oks.enter(inner), errs.enter(inner))),
            arranged: BTreeMap::new(),
        };
        ctx.bindings.insert(id, bundle);
    }
    for index in indexes {
        let arrangement = Arrangement::Imported {
            id: index.id,
            oks: index.oks.enter(inner),
            errs: index.errs.enter(inner),
        };
        let bundle = ctx
            .bindings
            .entry(Id::Global(index.desc.on_id))
            .or_insert_with(|| Bundle {
                raw: None,
                arranged: BTreeMap::new(),
            });
        bundle.arranged.insert(index.desc.key, arrangement);
    }
}

/// Applies the operators of a source import, if it has some, to its rows.
fn apply_source_mfp<'s>(
    stream: SourceStream<'s>,
    plan: Option<MfpPlan>,
    until: Option<Timestamp>,
    seams: LinearSeams,
) -> Split<'s, Timestamp, Row> {
    fallible(stream, "source mfp", move |data: &mut Vec<_>, oks, errs| {
        for (datum, time, diff) in data.drain(..) {
            let (row, plan) = match (datum, &plan) {
                (Err(error), _) => {
                    errs.push((error, time, diff));
                    continue;
                }
                (Ok(row), None) => {
                    oks.push((row, time, diff));
                    continue;
                }
                (Ok(row), Some(plan)) => (row, plan),
            };
            let arena = Arena::new();
            let mut datums = row.unpack();
            plan.evaluate(
                &mut datums,
                &arena,
                (time, diff),
                until,
                |result, at, diff| match result {
                    Ok(row) => oks.push((row, at, diff)),
                    Err(error) => {
                        let error = seams.row_error(error);
                        errs.extend(error.map(|error| (error.into(), at, diff)));
                    }
                },
            );
        }
    })
}

fn missing(desc: &DataflowDescription, id: GlobalId) -> End {
    End::abort(format!(
        "import of index {id} failed while building dataflow {}",
        desc.debug_name
    ))
}

/// Holds messages back until the start; frontiers without messages pass.
fn hold_until<'s, D: Clone + 'static>(
    stream: Stream<'s, Timestamp, Vec<D>>,
    start: StartSignal,
) -> Stream<'s, Timestamp, Vec<D>> {
    let scope = stream.scope();
    stream.unary(Pipeline, "start signal", move |_, info| {
        start.wake(scope.activator_for(info.address));
        let mut held = Vec::new();
        move |input, output| {
            if start.started() {
                for (capabilities, mut data) in held.drain(..) {
                    output.session(&capabilities).give_container(&mut data);
                }
            }
            input.for_each(|capability, data| {
                if start.started() {
                    output.session(&capability).give_container(data);
                } else {
                    held.push((capability.retain_stamp(0), std::mem::take(data)));
                }
            });
        }
    })
}
