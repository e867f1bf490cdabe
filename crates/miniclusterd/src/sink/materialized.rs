//! Materialized views: a dataflow's results kept in a shard. Source:
//! `spec/replica.md` §7.
//!
//! One worker of the replica writes the shard (which one follows from the id of
//! the sink); the rows of the others come to it. It reads the shard back, and
//! writes the difference between what should be there and what is.
//!
//! Invariants: nothing is written before writes are allowed; a write happens at
//! the upper up to which the shard was read back, or not at all; the upper goes
//! no further than the results are complete.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use differential_dataflow::Hashable;
use parking_lot::Mutex;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::probe::Handle as ProbeHandle;
use timely::progress::frontier::MutableAntichain;

use super::Desired;
use super::correction::Correction;
use super::refresh::round_frontier;
use crate::compute::PersistSettings;
use crate::compute::frontier_of;
use crate::errors::DataflowError;
use crate::mutants::{Seams, ViewSeams};
use crate::source::{Event, SourceReader};
use persist::{PersistClient, PersistError, SourceDatum, Update, WriteHandle};
use protocol::v26_30::{MaterializedViewSinkConnection, RefreshSchedule};
use repr::{Antichain, Diff, GlobalId, Row, Timestamp};

/// How long the thread of a view waits for news before it looks at the shard.
const PATIENCE: Duration = Duration::from_millis(5);

/// A message of the dataflow to the writer.
enum News {
    Updates(Vec<Update>),
    Frontier(Antichain),
}

/// The state that the writer and the worker share.
#[derive(Debug)]
struct Shared {
    writable: AtomicBool,
    /// The upper of the shard, as last seen.
    upper: Mutex<Antichain>,
    failure: Mutex<Option<String>>,
    seams: ViewSeams,
}

impl Shared {
    fn new(upper: Antichain, seams: ViewSeams) -> Self {
        Shared {
            writable: AtomicBool::new(false),
            upper: Mutex::new(upper),
            failure: Mutex::new(None),
            seams,
        }
    }
}

/// Writes the shard of a view.
struct Writer {
    as_of: Timestamp,
    writer: WriteHandle,
    reader: SourceReader,
    /// Up to where the shard was read back; None before the first word.
    persisted: Option<Antichain>,
    /// The upper up to which the shard is known to hold nothing.
    blank: Option<Antichain>,
    desired: Antichain,
    correction: Correction,
    refresh: Option<RefreshSchedule>,
    settings: Arc<PersistSettings>,
    shared: Arc<Shared>,
}

impl Writer {
    fn open(
        id: GlobalId,
        connection: &MaterializedViewSinkConnection,
        config: ViewConfig,
        client: &Arc<PersistClient>,
    ) -> Result<Writer, PersistError> {
        let metadata = &connection.storage_metadata;
        let purpose = format!("compute persist sink {id}");
        let (shard, desc) = (metadata.data_shard, &metadata.relation_desc);
        let reader = client.open_leased_reader(shard, desc, &purpose)?;
        let since = reader.since().as_option().unwrap_or(0);
        let upper = reader.recent_upper()?;
        let held = !upper.less_equal(since);
        let shared = Shared::new(Antichain::minimum(), config.seams.view(held));
        Ok(Writer {
            as_of: config.as_of,
            writer: client.open_writer(shard, desc, &purpose)?,
            // Reading back is no import of a dataflow, and no mutant distorts it.
            reader: SourceReader::new(reader, since, None, true, None, Seams::healthy().source()),
            persisted: None,
            blank: Some(upper).filter(|upper| *upper == Antichain::minimum()),
            desired: Antichain::minimum(),
            correction: Correction::default(),
            refresh: config.refresh,
            settings: config.persist,
            shared: Arc::new(shared),
        })
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Updates(mut updates) => {
                if let Some(schedule) = &self.refresh {
                    let seams = &self.shared.seams;
                    updates.retain_mut(|(_, time, _)| match seams.refreshed_at(schedule, *time) {
                        Some(rounded) => {
                            *time = rounded;
                            true
                        }
                        None => false,
                    });
                }
                let desired = self.shared.seams.desired(updates, self.as_of);
                self.correction.desire(desired);
            }
            News::Frontier(frontier) => {
                self.desired = match &self.refresh {
                    Some(schedule) => round_frontier(schedule, &frontier),
                    None => frontier,
                };
            }
        }
    }

    /// Reads back and writes, as far as possible now; whether anything
    /// happened.
    fn work(&mut self) -> Result<bool, PersistError> {
        let mut any = self.read_back()?;
        let allowed = self.shared.writable.load(Ordering::Relaxed);
        if self.shared.seams.may_write(allowed) {
            any |= self.write()?;
        }
        Ok(any)
    }

    fn read_back(&mut self) -> Result<bool, PersistError> {
        let mut any = false;
        while let Some(event) = self.reader.poll()? {
            any = true;
            match event {
                Event::Updates(updates) => {
                    let first = self.persisted.is_none();
                    let persisted = self.shared.seams.persisted(updates, first);
                    self.correction.persisted(persisted);
                }
                // Reading back passes over no part.
                Event::Violation(_) => {}
                Event::Frontier(frontier) => self.persisted = Some(frontier),
            }
        }
        let seen = self.writer.recent_upper()?;
        let mut upper = self.shared.upper.lock();
        if *upper < seen {
            *upper = seen;
            any = true;
        }
        Ok(any)
    }

    fn write(&mut self) -> Result<bool, PersistError> {
        let upper = self.writer.recent_upper()?;
        let as_of = Antichain::from_elem(self.as_of);
        let lower = upper.join(&as_of);
        if lower >= self.desired {
            return Ok(false);
        }
        if upper < as_of {
            let known = self.blank.take().filter(|blank| *blank == upper);
            if let Ok(()) = self.writer.compare_and_append(&[], upper, as_of.clone())? {
                self.blank = known.map(|_| as_of);
            }
            return Ok(true);
        }
        // A shard that holds nothing need not be read back first, which at a since
        // beyond its upper would wait for ever.
        let fresh = self.persisted.is_none() && self.blank.as_ref() == Some(&upper);
        let read_back = self.persisted.as_ref().is_some_and(|p| lower <= *p);
        let Some(from) = lower.as_option() else {
            return Ok(false);
        };
        let seams = &self.shared.seams;
        if !seams.may_append(fresh || read_back) {
            return Ok(false);
        }
        self.correction.advance(from);
        let updates = seams.batch(self.correction.before(&self.desired));
        let to = seams.sealed_to(&self.desired);
        self.writer.set_part_sizes(self.settings.part_sizes());
        match self.writer.compare_and_append(&updates, lower, to)? {
            Ok(()) => {
                let held = self
                    .shared
                    .seams
                    .appended(updates, self.persisted.is_none());
                self.correction.persisted(held);
            }
            Err(lost) => tracing::debug!(%lost, "the view's shard was written by another writer"),
        }
        Ok(true)
    }

    fn fail(&self, id: GlobalId, error: &PersistError) {
        let text = format!("unhandled error in compute persist sink: {id}: {error}");
        let mut failure = self.shared.failure.lock();
        failure.get_or_insert(text);
    }
}

/// How the writer comes to work.
enum Drive {
    /// Another worker writes.
    Elsewhere,
    Polled {
        writer: Box<Writer>,
        news: Receiver<News>,
    },
    /// A thread, which ends when the dataflow does.
    Thread,
}

/// A materialized view on one worker.
pub struct MaterializedView {
    id: GlobalId,
    shared: Arc<Shared>,
    drive: RefCell<Drive>,
    /// How far the results are complete.
    pub probe: ProbeHandle<Timestamp>,
}

impl MaterializedView {
    /// From now on the shard may be written.
    pub fn allow_writes(&self) {
        self.shared.writable.store(true, Ordering::Relaxed);
    }

    pub fn seams(&self) -> &ViewSeams {
        &self.shared.seams
    }

    /// Whether the shard may be written.
    pub fn writable(&self) -> bool {
        self.shared.writable.load(Ordering::Relaxed)
    }

    /// The shard's upper as last seen; empty where another worker writes.
    pub fn write_frontier(&self) -> Antichain {
        self.shared.upper.lock().clone()
    }

    /// Why the view ends the replica, if it does.
    pub fn failure(&self) -> Option<String> {
        self.shared.failure.lock().clone()
    }

    /// Reads back and writes, unless a thread or another worker does; whether
    /// anything happened.
    pub fn poll(&self) -> bool {
        let Drive::Polled { writer, news } = &mut *self.drive.borrow_mut() else {
            return false;
        };
        if self.failure().is_some() {
            return false;
        }
        let mut any = false;
        while let Ok(heard) = news.try_recv() {
            any = true;
            writer.hear(heard);
        }
        match writer.work() {
            Ok(worked) => any || worked,
            Err(error) => {
                writer.fail(self.id, &error);
                true
            }
        }
    }
}

/// The configuration of a view.
pub struct ViewConfig {
    pub as_of: Timestamp,
    pub refresh: Option<RefreshSchedule>,
    pub seams: Seams,
    /// How large the parts are that it writes.
    pub persist: Arc<PersistSettings>,
    /// Whether the writer has a thread of its own.
    pub threaded: bool,
}

/// Renders a view on one worker. `client` is called where the shard is written.
pub fn materialized_view(
    id: GlobalId,
    desired: Desired<'_>,
    connection: &MaterializedViewSinkConnection,
    config: ViewConfig,
    client: impl FnOnce() -> Result<Arc<PersistClient>, PersistError>,
) -> Result<Rc<MaterializedView>, PersistError> {
    let scope = desired.oks.inner.scope();
    let active = id.hashed() % scope.peers() as u64;
    let here = active == scope.index() as u64;
    let (tell, news) = channel();
    let (shared, drive) = if here {
        let threaded = config.threaded;
        let writer = Writer::open(id, connection, config, &client()?)?;
        let shared = Arc::clone(&writer.shared);
        let drive = if threaded {
            spawn(id, writer, news);
            Drive::Thread
        } else {
            Drive::Polled {
                writer: Box::new(writer),
                news,
            }
        };
        (shared, drive)
    } else {
        let seams = config.seams.view(false);
        let shared = Shared::new(Antichain::empty(), seams);
        (Arc::new(shared), Drive::Elsewhere)
    };
    let tell = here.then_some(tell);
    let probe = render_telling(id, desired, active, tell);
    Ok(Rc::new(MaterializedView {
        id,
        shared,
        drive: RefCell::new(drive),
        probe,
    }))
}

/// Renders the operator that tells the writer, on the worker `active`, of the
/// results; gives the probe of how far they are complete.
fn render_telling(
    id: GlobalId,
    desired: Desired<'_>,
    active: u64,
    mut tell: Option<Sender<News>>,
) -> ProbeHandle<Timestamp> {
    let scope = desired.oks.inner.scope();
    let probe = ProbeHandle::new();
    let oks = desired.oks.inner.probe_with(&probe);
    let mut builder = OperatorBuilder::new(format!("materialized view {id}"), scope);
    let mut oks = builder.new_input(oks, Exchange::new(move |_: &(Row, Timestamp, Diff)| active));
    let mut errs = builder.new_input(
        desired.errs.inner,
        Exchange::new(move |_: &(DataflowError, Timestamp, Diff)| active),
    );
    builder.build(move |_| {
        let mut told = Antichain::minimum();
        move |frontiers: &[MutableAntichain<Timestamp>]| {
            let mut updates: Vec<Update> = Vec::new();
            oks.for_each(|_, data| {
                let rows = data
                    .drain(..)
                    .map(|(row, t, d)| (SourceDatum::Ok(row), t, d));
                updates.extend(rows);
            });
            errs.for_each(|_, data| {
                let errors = data.drain(..).map(|(e, t, d)| (Err(e.to_persist()), t, d));
                updates.extend(errors);
            });
            let Some(sender) = &tell else { return };
            let frontier = frontiers
                .iter()
                .map(|f| frontier_of(&f.frontier()))
                .min()
                .unwrap_or_default();
            // The writer is gone only after a failure, which ends the replica.
            if !updates.is_empty() {
                let _ = sender.send(News::Updates(updates));
            }
            if frontier > told {
                told.clone_from(&frontier);
                let done = frontier.is_empty();
                let _ = sender.send(News::Frontier(frontier));
                if done {
                    // The thread goes on without it until it has written all.
                    tell = None;
                }
            }
        }
    });
    probe
}

fn spawn(id: GlobalId, mut writer: Writer, news: Receiver<News>) {
    // The worker's handle is the other owner.
    let body = move || {
        loop {
            match news.recv_timeout(PATIENCE) {
                Ok(heard) => {
                    writer.hear(heard);
                    while let Ok(heard) = news.try_recv() {
                        writer.hear(heard);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(PATIENCE),
            }
            if Arc::strong_count(&writer.shared) == 1 {
                return;
            }
            if let Err(error) = writer.work() {
                writer.fail(id, &error);
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("view".into())
        .spawn(body)
        .expect("the operating system gives a thread");
}
