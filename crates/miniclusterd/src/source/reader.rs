//! The part of a source that needs no dataflow: a snapshot, then a listen, as
//! a machine that is polled. Source: `spec/replica.md` §3.2.
//!
//! Invariant: a frontier comes after every update before it.

use std::collections::VecDeque;
use std::time::Duration;

use super::pushdown::{PartFilter, Verdict};
use crate::mutants::SourceSeams;
use persist::{LeasedPart, Listen, PersistError, ReadHandle, Update};
use repr::{Antichain, Timestamp};

/// News of a shard.
#[derive(Debug)]
pub enum Event {
    Updates(Vec<Update>),
    /// Nothing before it comes any more.
    Frontier(Antichain),
    /// A part that was to be passed over holds something that is wanted.
    Violation(String),
}

#[derive(Debug)]
enum Phase {
    /// Until the as-of is complete.
    Waiting(ReadHandle),
    Snapshot {
        reader: ReadHandle,
        parts: VecDeque<LeasedPart>,
    },
    Listening(Listen),
    Done,
}

/// Reads a shard from an as-of on.
#[derive(Debug)]
pub struct SourceReader {
    phase: Phase,
    as_of: Timestamp,
    until: Option<Timestamp>,
    with_snapshot: bool,
    ready: VecDeque<Event>,
    /// Without one every part is read.
    filter: Option<PartFilter>,
    seams: SourceSeams,
    /// The shard's upper when reading began.
    first_upper: Antichain,
}

impl SourceReader {
    pub fn new(
        reader: ReadHandle,
        as_of: Timestamp,
        until: Option<Timestamp>,
        with_snapshot: bool,
        filter: Option<PartFilter>,
        seams: SourceSeams,
    ) -> Self {
        SourceReader {
            phase: Phase::Waiting(reader),
            as_of,
            until,
            with_snapshot,
            ready: VecDeque::new(),
            filter,
            seams,
            first_upper: Antichain::minimum(),
        }
    }

    /// The next event, if there is one already.
    ///
    /// Errors: why the replica ends.
    pub fn poll(&mut self) -> Result<Option<Event>, PersistError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if !self.advance()? {
                return Ok(None);
            }
        }
    }

    /// Waits for at most `patience` until there may be something to poll.
    pub fn wait(&self, patience: Duration) -> Result<(), PersistError> {
        match &self.phase {
            Phase::Waiting(reader) => {
                reader.wait_for_upper_past(self.as_of, patience)?;
            }
            Phase::Listening(listen) => {
                if let Some(time) = listen.frontier().as_option() {
                    listen.wait_for_upper_past(time, patience)?;
                }
            }
            Phase::Snapshot { .. } | Phase::Done => {}
        }
        Ok(())
    }

    /// Whether nothing comes any more.
    pub fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done) && self.ready.is_empty()
    }

    /// One step; whether anything happened.
    fn advance(&mut self) -> Result<bool, PersistError> {
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Waiting(reader) => self.begin(reader),
            Phase::Snapshot { reader, mut parts } => {
                let Some(part) = parts.pop_front() else {
                    self.phase = Phase::Listening(reader.listen(self.as_of)?);
                    return Ok(true);
                };
                let mut updates = self.fetch(&part, self.as_of)?;
                for (_, time, _) in &mut updates {
                    *time = self.as_of;
                }
                self.give(updates);
                self.phase = Phase::Snapshot { reader, parts };
                Ok(true)
            }
            Phase::Listening(mut listen) => {
                let Some(event) = self.seams.next_batch(&mut listen)? else {
                    let done = listen.frontier().is_empty();
                    self.phase = if done {
                        Phase::Done
                    } else {
                        Phase::Listening(listen)
                    };
                    return Ok(false);
                };
                let mut updates = Vec::new();
                for part in &event.parts {
                    updates.append(&mut self.fetch(part, part.first_time())?);
                }
                let updates = self.seams.batch(updates);
                self.give(updates);
                let finished = match (self.until, event.frontier.as_option()) {
                    (Some(until), Some(frontier)) => frontier >= until,
                    (_, None) => true,
                    (None, Some(_)) => false,
                };
                if finished {
                    self.ready.push_back(Event::Frontier(Antichain::empty()));
                } else {
                    // What the shard held when reading began arrives as one, so
                    // that no frontier between the as-of and that upper shows.
                    if self.first_upper <= event.frontier {
                        self.ready.push_back(Event::Frontier(event.frontier));
                    }
                    self.phase = Phase::Listening(listen);
                }
                Ok(true)
            }
            Phase::Done => Ok(false),
        }
    }

    /// The updates of a part; none of one that is passed over.
    fn fetch(&mut self, part: &LeasedPart, from: Timestamp) -> Result<Vec<Update>, PersistError> {
        let Some(filter) = &self.filter else {
            return part.fetch();
        };
        match filter.verdict(part, from) {
            Verdict::Read => part.fetch(),
            Verdict::PassOver => {
                tracing::debug!(part = part.name(), from, "passing over a part");
                Ok(Vec::new())
            }
            Verdict::Audit => {
                let updates = part.fetch()?;
                if let Some(why) = filter.audit(part, &updates) {
                    self.ready.push_back(Event::Violation(why));
                }
                Ok(updates)
            }
        }
    }

    fn begin(&mut self, reader: ReadHandle) -> Result<bool, PersistError> {
        let as_of = Antichain::from_elem(self.as_of);
        if as_of < reader.since() {
            return Err(PersistError::Since {
                shard: reader.shard(),
                as_of,
                since: reader.since(),
            });
        }
        if self.until.is_some_and(|until| until <= self.as_of) {
            self.ready.push_back(Event::Frontier(Antichain::empty()));
            return Ok(true);
        }
        self.first_upper = reader.recent_upper()?;
        if self.first_upper.less_equal(self.as_of) {
            self.phase = Phase::Waiting(reader);
            return Ok(false);
        }
        let parts = if self.with_snapshot {
            self.snapshot(&reader)?
        } else {
            Vec::new()
        };
        self.phase = Phase::Snapshot {
            reader,
            parts: parts.into(),
        };
        Ok(true)
    }

    fn snapshot(&self, reader: &ReadHandle) -> Result<Vec<LeasedPart>, PersistError> {
        match self.seams.snapshot_time(self.as_of, &reader.since()) {
            Some(time) => reader.snapshot_parts(time),
            None => Ok(Vec::new()),
        }
    }

    fn give(&mut self, mut updates: Vec<Update>) {
        if let Some(until) = self.until {
            updates.retain(|(_, time, _)| *time < until);
        }
        if !updates.is_empty() {
            self.ready.push_back(Event::Updates(updates));
        }
    }
}
