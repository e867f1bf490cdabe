//! The instance of one worker: collections, and what commands do to them.
//! Source: `spec/replica.md` §2.6, §3.
//!
//! Invariant: a command that no controller sends ends the replica as the real
//! one ends; it is never answered with something else.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use differential_dataflow::Hashable;
use timely::worker::Worker as TimelyWorker;
use uuid::Uuid;

use super::collection::{Collection, CollectionKind, DataflowHandle, ReportedFrontiers};
use super::dataflow::build;
use super::environment::Environment;
use super::history::{History, exports};
use super::peek::{AnswerSizes, IndexPeek};
use super::persist_peek::{Pending, PersistPeek};
use super::persist_settings::PersistSettings;
use super::start::StartSignal;
use super::stash::{Stash, StashSettings};
use super::traces::{TraceBundle, upper};
use crate::halt::End;
use crate::mutants::DroppedViews;
use crate::sink::SubscribeState;
use crate::source::Inline;
use protocol::neutral::{ComputeCommand, DataflowDescription, InstanceConfig};
use protocol::v26_30::{
    ComputeParameters, ComputeResponse, ConfigUpdates, Peek, PeekResponse, PeekTarget,
    SubscribeResponse,
};
use repr::{Antichain, GlobalId};

/// A response on its way to the client.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// To be merged with the responses of the other workers.
    Merged(ComputeResponse),
    /// Goes out as it is, not merged.
    Direct(ComputeResponse),
}

/// The instance of one worker.
pub struct Instance {
    pub(super) env: Environment,
    pub(super) worker: usize,
    pub(super) config: InstanceConfig,
    pub(super) max_result_size: Rc<Cell<u64>>,
    pub(super) maintenance_interval: Duration,
    persist: Arc<PersistSettings>,
    stash: StashSettings,
    pub(super) collections: BTreeMap<GlobalId, Collection>,
    pub(super) traces: BTreeMap<GlobalId, TraceBundle>,
    pub(super) peeks: BTreeMap<Uuid, Pending>,
    pub(super) history: History,
    pub(super) out: Vec<Outgoing>,
    polled: Vec<Weak<RefCell<Inline>>>,
    dropped_views: DroppedViews,
}

impl Instance {
    /// An instance under the configuration that it begins with.
    ///
    /// Errors: how the replica ends.
    pub fn new(env: Environment, worker: usize, config: InstanceConfig) -> Result<Self, End> {
        let initial = config.initial_config.clone();
        let mut instance = Instance {
            dropped_views: env.seams.dropped_views(),
            env,
            worker,
            max_result_size: Rc::new(Cell::new(u64::MAX)),
            maintenance_interval: Duration::from_millis(10),
            persist: Arc::default(),
            stash: StashSettings::default(),
            collections: BTreeMap::new(),
            traces: BTreeMap::new(),
            peeks: BTreeMap::new(),
            history: History::of(vec![ComputeCommand::CreateInstance(Box::new(
                config.clone(),
            ))]),
            config,
            out: Vec::new(),
            polled: Vec::new(),
        };
        instance.update(&initial)?;
        Ok(instance)
    }

    /// The responses since the last call.
    pub fn take_responses(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.out)
    }

    /// Applies a command of the computation stage.
    ///
    /// Errors: how the replica ends.
    pub fn apply(&mut self, timely: &mut TimelyWorker, command: ComputeCommand) -> Result<(), End> {
        self.history.push(command.clone());
        match command {
            ComputeCommand::Hello { .. } => {
                Err(End::abort("a Hello reached a worker: expected none"))
            }
            ComputeCommand::CreateInstance(_) => Err(End::abort(
                "a second CreateInstance in one iteration: expected one",
            )),
            ComputeCommand::InitializationComplete => Ok(()),
            ComputeCommand::UpdateConfiguration(parameters) => self.configure(&parameters),
            ComputeCommand::CreateDataflow(desc) => self.create_dataflow(timely, &desc),
            ComputeCommand::Schedule(id) => self.schedule(id),
            ComputeCommand::AllowWrites(id) => self.allow_writes(id),
            ComputeCommand::AllowCompaction { id, frontier } => {
                if frontier.is_empty() {
                    self.drop_collection(timely, id)
                } else {
                    self.allow_compaction(id, &frontier);
                    Ok(())
                }
            }
            ComputeCommand::Peek(peek) => self.peek(peek, timely.peers()),
            ComputeCommand::CancelPeek { uuid } => {
                self.cancel_peek(uuid);
                Ok(())
            }
        }
    }

    fn configure(&mut self, parameters: &ComputeParameters) -> Result<(), End> {
        self.update(&parameters.dyncfg_updates)?;
        if let Some(bytes) = parameters.max_result_size {
            let bytes = self.env.seams.peek().limit_of_results(bytes);
            self.max_result_size.set(bytes);
        }
        Ok(())
    }

    fn update(&mut self, updates: &ConfigUpdates) -> Result<(), End> {
        super::dyncfg::check(updates, self.env.release)?;
        if let Some(interval) = super::dyncfg::maintenance_interval(updates) {
            self.maintenance_interval = interval;
        }
        self.persist.update(updates);
        self.stash.update(updates);
        Ok(())
    }

    fn create_dataflow(
        &mut self,
        timely: &mut TimelyWorker,
        desc: &DataflowDescription,
    ) -> Result<(), End> {
        let (signal, token) = StartSignal::new();
        let size = Rc::clone(&self.max_result_size);
        let persist = Arc::clone(&self.persist);
        let traces = &mut self.traces;
        let built = build(timely, &self.env, traces, desc, signal, size, persist)?;
        let as_of = desc.as_of.clone().unwrap_or_default();
        let handle = Rc::new(DataflowHandle { index: built.index });
        let probes = Rc::new(built.probes);
        let mut holds = built.holds;
        self.polled.retain(|polled| polled.strong_count() > 0);
        self.polled.extend(built.polled.iter().map(Rc::downgrade));
        for (id, trace) in built.indexes {
            if self.traces.insert(id, trace).is_some() {
                tracing::error!(%id, "an export id is in use already");
            }
        }
        let seams = self.env.seams.lifecycle();
        let mut sinks: BTreeMap<GlobalId, CollectionKind> = built.sinks.into_iter().collect();
        for id in exports(desc) {
            let collection = Collection {
                kind: sinks.remove(&id).unwrap_or(CollectionKind::Index),
                as_of: as_of.as_option().unwrap_or(0),
                dataflow: Rc::clone(&handle),
                start: seams.held_until_schedule(&token),
                probes: Rc::clone(&probes),
                holds: holds.remove(&id).unwrap_or_default(),
                reported: ReportedFrontiers::not_before(&as_of),
            };
            self.collections.insert(id, collection);
        }
        Ok(())
    }

    fn schedule(&mut self, id: GlobalId) -> Result<(), End> {
        if let Some(collection) = self.collections.get_mut(&id) {
            let running = collection.start.take().is_none();
            if running {
                return self.env.seams.lifecycle().scheduled_again(id);
            }
        }
        Ok(())
    }

    fn allow_writes(&mut self, id: GlobalId) -> Result<(), End> {
        match self.collections.get(&id) {
            Some(collection) => {
                if let CollectionKind::View(view) = &collection.kind {
                    view.allow_writes();
                }
                Ok(())
            }
            None => {
                let text = format!("AllowWrites for unknown collection {id}");
                Err(End::abort(text))
            }
        }
    }

    pub(super) fn allow_compaction(&mut self, id: GlobalId, to: &Antichain) {
        let Some(trace) = self.traces.get_mut(&id) else {
            return;
        };
        trace.allow_compaction(to);
        let (since, upper) = (trace.since(), upper(&mut trace.oks));
        trace.seams.compacted(&since, &upper);
        let seams = self.env.seams.frontier(self.worker);
        let said = seams.on_compaction(id, self.collections.get(&id), to);
        self.out.extend(said);
    }

    /// Drops a collection, and its dataflow with the last one.
    pub(super) fn drop_collection(
        &mut self,
        timely: &mut TimelyWorker,
        id: GlobalId,
    ) -> Result<(), End> {
        let Some(mut collection) = self.collections.remove(&id) else {
            return Err(End::abort(format!("dropped untracked collection {id}")));
        };
        self.traces.remove(&id);
        let is_last = Rc::strong_count(&collection.dataflow) == 1;
        let start = collection.start.take();
        let ends = is_last && self.env.seams.lifecycle().lets_go(start);
        if let CollectionKind::Subscribe(state) = &collection.kind {
            let seams = self.env.seams.subscribe();
            // The batches that are ready go out before the end.
            let mut said = seams.last_batches(take_ready(state));
            said.extend(seams.dropped_at(state.borrow().upper.clone()));
            self.out.extend(told(id, said));
            collection.reported = ReportedFrontiers::finished();
        }
        let done = Antichain::empty();
        let empty = collection.reported.advance(&done, &done, &done);
        let seams = self.env.seams.frontier(self.worker);
        self.out.extend(seams.on_drop(id, empty));
        if ends {
            timely.drop_dataflow(collection.dataflow.index);
            self.dropped_views.ended(&collection.dataflow);
        } else if let CollectionKind::View(view) = &collection.kind {
            self.dropped_views.dropped(view, &collection.dataflow);
        }
        Ok(())
    }

    fn peek(&mut self, peek: Box<Peek>, peers: usize) -> Result<(), End> {
        self.env.seams.peek().admits(&peek.finishing)?;
        match &peek.target {
            PeekTarget::Index { id } => {
                let Some(trace) = self.traces.get_mut(id) else {
                    return Err(End::abort(format!("peek of {id}, which is no index here")));
                };
                let uuid = peek.uuid;
                let pending = Pending::Index(Box::new(IndexPeek::new(peek, trace)));
                self.peeks.insert(uuid, pending);
                Ok(())
            }
            PeekTarget::Persist { .. } => {
                // One worker reads; the others have nothing to add.
                if peek.uuid.hashed() % peers as u64 != self.worker as u64 {
                    self.answer(&peek, PeekResponse::Rows(vec![Default::default()]));
                    return Ok(());
                }
                let pending = PersistPeek::new(peek, &self.env.host)?;
                let uuid = pending.peek.uuid;
                self.peeks.insert(uuid, Pending::Persist(pending));
                Ok(())
            }
        }
    }

    fn cancel_peek(&mut self, uuid: Uuid) {
        let pending = self.peeks.keys().copied();
        for uuid in self.env.seams.peek().canceled(uuid, pending) {
            if let Some(peek) = self.peeks.remove(&uuid) {
                self.answer(peek.peek(), PeekResponse::Canceled);
            }
        }
    }

    fn answer(&mut self, peek: &Peek, response: PeekResponse) {
        self.out
            .push(Outgoing::Merged(ComputeResponse::PeekResponse(
                peek.uuid,
                response,
                peek.otel_ctx.clone(),
            )));
    }

    /// Answers the peeks that can be answered.
    pub fn process_peeks(&mut self) {
        let seams = self.env.seams.peek();
        let sizes = AnswerSizes {
            max_result_size: self.max_result_size.get(),
            stash_settings: self.stash,
            stash: Stash {
                host: &self.env.host,
                location: &self.config.common.peek_stash_persist_location,
                part_sizes: self.persist.part_sizes(),
            },
        };
        let mut ready = Vec::new();
        for (uuid, peek) in &mut self.peeks {
            if let Some(response) = peek.try_answer(&sizes, seams) {
                ready.push((*uuid, response));
            }
        }
        for (uuid, response) in ready {
            if let Some(peek) = self.peeks.remove(&uuid) {
                self.answer(peek.peek(), response);
            }
        }
    }

    /// Polls the sources that have no threads; whether anything was new.
    pub fn poll(&mut self) -> bool {
        let mut any = false;
        for polled in &self.polled {
            if let Some(polled) = polled.upgrade() {
                any |= polled.borrow_mut().poll();
            }
        }
        for collection in self.collections.values() {
            if let CollectionKind::View(view) = &collection.kind {
                any |= view.poll();
            }
        }
        any | self.dropped_views.poll()
    }

    /// Sends the batches of the subscribes that are ready, and ends the replica if
    /// the writer of a view failed.
    pub fn process_sinks(&mut self) {
        for (id, collection) in &self.collections {
            match &collection.kind {
                CollectionKind::Index => {}
                CollectionKind::Subscribe(state) => self.out.extend(told(*id, take_ready(state))),
                CollectionKind::View(view) => {
                    if let Some(failure) = view.failure() {
                        self.env.fate.post(End::halt(failure));
                    }
                }
            }
        }
    }

    /// Lets batches merge, and reports the frontiers that advanced.
    pub fn maintain(&mut self) {
        for trace in self.traces.values_mut() {
            trace.maintain();
        }
        self.report_frontiers();
    }
}

/// The batches of a subscribe that are ready.
fn take_ready(state: &RefCell<SubscribeState>) -> Vec<SubscribeResponse> {
    std::mem::take(&mut state.borrow_mut().ready)
}

/// The responses of a subscribe on their way to the client.
fn told(id: GlobalId, said: Vec<SubscribeResponse>) -> impl Iterator<Item = Outgoing> {
    said.into_iter()
        .map(move |said| Outgoing::Merged(ComputeResponse::SubscribeResponse(id, said)))
}
