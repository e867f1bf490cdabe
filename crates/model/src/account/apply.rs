//! What each event changes: sessions that begin, dataflows and peeks that are asked
//! for, shards that grow, what the replica has said.
//!
//! Invariant: an event that is no part of a valid sequence is taken note of once, and
//! applied all the same.

use std::sync::Arc;

use super::Model;
use super::dataflow::{self, Dataflow};
use super::reconcile::Baseline;
use super::session::{Collection, Peek, Permission, Session};
use super::size::ResultSizes;
use super::stash::Stash;
use super::unread::Unread;
use super::view::{View, asserted};
use crate::answer::Expected;
use protocol::v26_30::{ComputeResponse, PeekResponse};
use repr::{Antichain, GlobalId};
use script::event::{DataflowSpec, Event, ExportSpec, FrontierKind, Wait};

impl Model {
    /// Takes note of one event.
    pub fn apply(&mut self, event: &Event) {
        if self.invalid.is_none()
            && let Err(invalid) = self.check(event)
        {
            self.invalid = Some((self.step, invalid));
        }
        if event.is_compute_command() {
            self.session.sent += 1;
        }
        match event {
            Event::Command { step } => self.step = *step,
            Event::SessionStarted { session } => self.start_session(*session),
            Event::InstanceCreated { stash } => {
                self.session.instance_created = true;
                if self.release.configures_instances() {
                    self.stash.set_perhaps(stash);
                }
            }
            Event::InitializationComplete => self.complete_initialization(),
            Event::ConfigurationUpdated {
                max_result_size,
                stash,
            } => {
                if let Some(bytes) = max_result_size {
                    self.sizes.set(*bytes);
                    self.session.limit_results(&self.sizes.now());
                }
                self.stash.set(stash);
                self.session.use_stash(self.stash.now());
            }
            Event::DataflowCreated(spec) => self.create(spec),
            Event::Scheduled { id } => {
                if let Some(collection) = self.session.collections.get_mut(id) {
                    collection.scheduled = Permission::Given(self.session.sent);
                }
            }
            Event::AllowedCompaction { id, frontier } => {
                self.session.allow_compaction(*id, frontier);
                self.spoil_views();
            }
            Event::AllowedWrites { id } => {
                if let Some(collection) = self.session.collections.get_mut(id) {
                    collection.writes = Permission::Given(self.session.sent);
                    if let ExportSpec::MaterializedView { shard, .. } = &collection.export {
                        self.views.entry(shard.clone()).or_default().allow();
                    }
                }
            }
            Event::PeekSent(spec) => {
                let collection = self.session.collections.get(&spec.id);
                let is_index = collection.is_some_and(Collection::is_index);
                let streams = is_index && spec.finish.order_by.is_empty();
                let peek = Peek {
                    spec: spec.clone(),
                    sent: self.session.sent,
                    since: collection.map(|c| c.since.clone()).unwrap_or_default(),
                    compacted: collection.and_then(|c| c.compacted.clone()),
                    sizes: self.sizes.now(),
                    stash: streams.then(|| self.stash.now()),
                    canceled: false,
                    answered: false,
                    disturbed: collection.is_some_and(|c| c.disturbed),
                };
                self.session.peeks.insert(spec.uuid, peek);
            }
            Event::PeekCanceled { uuid } => {
                if let Some(peek) = self.session.peeks.get_mut(uuid) {
                    peek.canceled = true;
                }
            }
            Event::ShardWritten {
                shard,
                updates,
                upper,
                desc,
            } => {
                self.shards
                    .entry(shard.clone())
                    .or_default()
                    .append(desc, updates, *upper);
            }
            Event::SinceDowngraded { shard, since } => {
                self.shards
                    .entry(shard.clone())
                    .or_default()
                    .downgrade_since(*since);
            }
            Event::ShardInDoubt { .. } => self.in_doubt = true,
            Event::Response(response) => self.hear(response),
            Event::ConnectionLost { .. } | Event::TargetDied { .. } => self.lost = true,
            Event::TargetRestarted => self.forget_process(),
            Event::Killed => self.killed = true,
            Event::Replaced { release } => self.release = *release,
            // What it read it holds until its leases end.
            Event::PeerKilled => self.leased.extend(self.read.iter().cloned()),
            Event::ShardRead(_)
            | Event::ShardReleased { .. }
            | Event::StashUnread { .. }
            | Event::WaitTimedOut { .. }
            | Event::TargetLogged { .. }
            | Event::Finished => {}
        }
    }

    /// A new process remembers nothing, and nothing of the old one can become the
    /// baseline of the session that follows.
    fn forget_process(&mut self) {
        self.leased.append(&mut self.read);
        self.sizes = ResultSizes::default();
        self.stash = Stash::default();
        self.session = Session::default();
        self.baseline = Baseline::default();
        self.unread = Unread::default();
        self.lost = false;
        self.killed = false;
    }

    fn start_session(&mut self, number: u64) {
        if self.killed {
            self.forget_process();
        }
        if self.session.initialized {
            self.baseline = Baseline::of(&self.session);
        }
        self.sizes.reconnect();
        self.stash.reconnect();
        self.session = Session::new(number);
        self.lost = false;
    }

    fn complete_initialization(&mut self) {
        if self.session.initialized {
            return;
        }
        self.session.initialized = true;
        for (old, kept) in self.baseline.reconcile(&mut self.session) {
            self.unread.forget(&kept);
            let began = self.rendered.get(&old.uid).copied();
            let began = began.unwrap_or(old.spec.as_of);
            self.rendered.insert(kept.uid, began);
            self.cache
                .borrow_mut()
                .retain(|(uid, _, _), _| *uid != kept.uid);
        }
        let unreadable = self.session.dataflows.iter().find_map(|dataflow| {
            let kept = (dataflow.spec.exports.iter()).all(|e| {
                self.session
                    .collections
                    .get(&e.id())
                    .is_some_and(|c| c.retained)
            });
            let mut shards = dataflow.inputs.values().filter_map(|input| match input {
                dataflow::Input::Source { shard } if !kept => Some(shard),
                dataflow::Input::Source { .. } | dataflow::Input::Index { .. } => None,
            });
            shards.find_map(|shard| self.check_shard(shard, dataflow.spec.as_of).err())
        });
        if let (None, Some(invalid)) = (&self.invalid, unreadable) {
            self.invalid = Some((self.step, invalid));
        }
    }

    fn create(&mut self, spec: &Arc<DataflowSpec>) {
        self.dataflows += 1;
        let session = &self.session;
        let resolved = Dataflow::resolve(self.dataflows, Arc::clone(spec), |index| {
            let collection = session.live(index)?;
            Some((Arc::clone(&collection.dataflow), collection.export.on()))
        });
        // What does not resolve is invalid, and was noted as such.
        let Ok(dataflow) = resolved else { return };
        let dataflow = Arc::new(dataflow);
        for export in &spec.exports {
            match export {
                ExportSpec::MaterializedView {
                    id,
                    on,
                    shard,
                    desc,
                    not_null,
                    refresh,
                } => {
                    let views = self.views.entry(shard.clone()).or_default();
                    views.add(View {
                        id: *id,
                        dataflow: Arc::clone(&dataflow),
                        on: *on,
                        not_null: asserted(desc, not_null),
                        refresh: refresh.clone(),
                    });
                    self.targets.insert(*id, shard.clone());
                }
                ExportSpec::Index { .. } | ExportSpec::Subscribe { .. } => {}
            }
        }
        self.unread.add(&dataflow);
        self.read.extend(dataflow.sources().map(str::to_string));
        self.session.create(dataflow, &self.sizes.now());
    }

    /// What a disturbed view writes is not specified.
    fn spoil_views(&mut self) {
        for collection in self.session.live_collections().filter(|c| c.disturbed) {
            match &collection.export {
                ExportSpec::MaterializedView { shard, .. } => {
                    self.views.entry(shard.clone()).or_default().spoil();
                }
                ExportSpec::Index { .. } | ExportSpec::Subscribe { .. } => {}
            }
        }
    }

    fn hear(&mut self, response: &ComputeResponse) {
        match response {
            ComputeResponse::PeekResponse(uuid, answer, _) => match answer {
                PeekResponse::Rows(_) | PeekResponse::Stashed(_) => self.rows_answered(*uuid),
                PeekResponse::Error(_) | PeekResponse::Canceled => self.peek_answered(*uuid),
            },
            ComputeResponse::Frontiers(id, report) => {
                // A view that may not write yet has only its output frontier to tell
                // what it has read.
                let told = [&report.write_frontier, &report.output_frontier];
                for frontier in told.into_iter().flatten() {
                    self.frontier_reached(*id, frontier);
                }
            }
            ComputeResponse::SubscribeResponse(..)
            | ComputeResponse::CopyToResponse(..)
            | ComputeResponse::Status(..) => {}
        }
    }

    /// Takes note that a wait ended with what it waited for.
    pub fn ended(&mut self, wait: &Wait) {
        match wait {
            Wait::Frontier { id, kind, to } => match kind {
                FrontierKind::Write | FrontierKind::Output => self.frontier_reached(*id, to),
                FrontierKind::Input => {}
            },
            Wait::Peek { uuid, .. } => self.answered(*uuid),
            Wait::Subscribe { .. } | Wait::SubscribeEnd { .. } | Wait::Released { .. } => {}
        }
    }

    /// Takes note of a write or output frontier that was reported. That of what was
    /// dropped is empty, and tells nothing of what was read before.
    fn frontier_reached(&mut self, id: GlobalId, frontier: &Antichain) {
        let Some(collection) = self.session.live(id) else {
            return;
        };
        let (created, scheduled) = (collection.created, collection.scheduled);
        let beyond = !frontier.less_equal(collection.as_of());
        self.session.prove(created);
        if beyond {
            self.unread.read(id);
            // What reads no shard gets there without having been scheduled.
            if let Permission::Given(command) = scheduled
                && !self.starts_unscheduled(id)
            {
                self.session.prove(command);
            }
        }
    }

    /// Takes note that a peek was answered as it must be.
    fn answered(&mut self, uuid: uuid::Uuid) {
        let rows = self.session.peeks.get(&uuid).is_some_and(|peek| {
            !peek.canceled && matches!(self.answer_of(peek), Expected::Rows(_))
        });
        match rows {
            true => self.rows_answered(uuid),
            false => self.peek_answered(uuid),
        }
    }

    /// Rows of an index are sealed: its frontier is beyond their time, reported
    /// or not. (Those of a view may be older than its dataflow.)
    fn rows_answered(&mut self, uuid: uuid::Uuid) {
        self.peek_answered(uuid);
        let Some(peek) = self.session.peeks.get(&uuid) else {
            return;
        };
        let (id, ts) = (peek.spec.id, peek.spec.ts);
        let is_index = self.collection(id).is_some_and(Collection::is_index);
        if let Some(beyond) = ts.checked_add(1).filter(|_| is_index) {
            self.frontier_reached(id, &Antichain::from_elem(beyond));
        }
    }

    /// Takes note that a peek was answered.
    fn peek_answered(&mut self, uuid: uuid::Uuid) {
        if let Some(peek) = self.session.peeks.get_mut(&uuid) {
            peek.answered = true;
            let sent = peek.sent;
            self.session.prove(sent);
        }
    }

    /// Whether a collection may go on without a `Schedule`.
    fn starts_unscheduled(&self, id: GlobalId) -> bool {
        self.collection(id).is_none_or(|collection| {
            let on = collection.export.on();
            !collection.is_index() || !collection.dataflow.reads_source_directly(on)
        })
    }
}
