//! How events get from a reader to its operator: by a thread that waits for
//! the shard (as a process), or by polls of the owner of the worker (in-process,
//! where nothing may depend on a clock).
//!
//! Invariant: the queue of a thread is short, so that a snapshot is not held
//! in memory twice.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TrySendError, sync_channel};
use std::time::Duration;

use timely::scheduling::{Activator, SyncActivator};

use super::{Event, SourceReader};
use crate::compute::StartSignal;

/// Why a source ends the replica, as text without the name of the source.
pub type Failure = String;

/// How long a waiting thread takes at most to notice that its events are not wanted any more.
const PATIENCE: Duration = Duration::from_millis(200);

/// How many events wait for the operator.
const QUEUE: usize = 16;

/// A reader that the owner of the worker polls.
pub struct Inline {
    reader: SourceReader,
    start: StartSignal,
    activator: Activator,
    queue: VecDeque<Result<Event, Failure>>,
    failed: bool,
}

impl Inline {
    /// Looks at the shard; whether anything was new.
    pub fn poll(&mut self) -> bool {
        if !self.start.started() || self.failed {
            return false;
        }
        let mut any = false;
        loop {
            match self.reader.poll() {
                Ok(Some(event)) => self.queue.push_back(Ok(event)),
                Ok(None) => break,
                Err(error) => {
                    self.failed = true;
                    self.queue.push_back(Err(error.to_string()));
                    any = true;
                    break;
                }
            }
            any = true;
        }
        if any {
            self.activator.activate();
        }
        any
    }
}

/// Where an operator takes its events from.
pub enum Feed {
    Inline(Rc<RefCell<Inline>>),
    /// Not started yet.
    Waiting {
        reader: Option<Box<SourceReader>>,
        start: StartSignal,
        activator: Option<SyncActivator>,
    },
    Thread {
        events: Receiver<Result<Event, Failure>>,
        unwanted: Arc<AtomicBool>,
    },
}

impl Feed {
    /// A feed that the owner of the worker polls.
    pub fn inline(reader: SourceReader, start: StartSignal, activator: Activator) -> Feed {
        Feed::Inline(Rc::new(RefCell::new(Inline {
            reader,
            start,
            activator,
            queue: VecDeque::new(),
            failed: false,
        })))
    }

    /// A feed with a thread of its own, from the start on.
    pub fn threaded(
        reader: SourceReader,
        start: StartSignal,
        wake: Activator,
        activator: SyncActivator,
    ) -> Feed {
        start.wake(wake);
        Feed::Waiting {
            reader: Some(Box::new(reader)),
            start,
            activator: Some(activator),
        }
    }

    /// The next event that is there.
    pub fn next(&mut self) -> Option<Result<Event, Failure>> {
        if let Feed::Waiting {
            reader,
            start,
            activator,
        } = self
        {
            if !start.started() {
                return None;
            }
            let (reader, activator) = (reader.take()?, activator.take()?);
            *self = spawn(*reader, activator);
        }
        match self {
            Feed::Inline(inline) => inline.borrow_mut().queue.pop_front(),
            Feed::Waiting { .. } => None,
            Feed::Thread { events, .. } => events.try_recv().ok(),
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Feed::Thread { unwanted, .. } = self {
            unwanted.store(true, Ordering::Relaxed);
        }
    }
}

fn spawn(mut reader: SourceReader, activator: SyncActivator) -> Feed {
    let (send, events) = sync_channel(QUEUE);
    let unwanted = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&unwanted);
    let body = move || {
        // The worker is woken for each event; it may be gone.
        let give = |item| -> bool {
            match send.try_send(item) {
                Ok(()) => activator.activate().is_ok(),
                Err(TrySendError::Full(item)) => {
                    let woken = activator.activate().is_ok();
                    woken && send.send(item).is_ok() && activator.activate().is_ok()
                }
                Err(TrySendError::Disconnected(_)) => false,
            }
        };
        while !stop.load(Ordering::Relaxed) {
            let next = match reader.poll() {
                Ok(Some(event)) => Ok(event),
                Ok(None) if reader.is_done() => return,
                Ok(None) => match reader.wait(PATIENCE) {
                    Ok(()) => continue,
                    Err(error) => Err(error.to_string()),
                },
                Err(error) => Err(error.to_string()),
            };
            let last = next.is_err();
            if !give(next) || last {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("source".into())
        .spawn(body)
        .expect("the operating system gives a thread");
    Feed::Thread { events, unwanted }
}
