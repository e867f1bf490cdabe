//! Peeks of indexes. Source: `spec/replica.md` §5.
//!
//! Invariants: a peek holds its own handle of the trace from the moment it is
//! received; it is answered when rows and errors are complete at its time, and
//! exactly once.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use differential_dataflow::trace::cursor::cursor_list;
use differential_dataflow::trace::{Cursor, TraceReader};

use super::finishing::{Collector, Full};
use super::stash::{Stash, StashSettings};
use super::traces::{TraceBundle, timely_frontier, upper};
use crate::eval::{Arena, eval_safe};
use crate::mutants::PeekSeams;
use protocol::v26_30::{Peek, PeekResponse};
use repr::{Antichain, Datum, Diff, Row, Timestamp};

/// What decides by their size how rows are answered.
pub struct AnswerSizes<'a> {
    pub max_result_size: u64,
    pub stash_settings: StashSettings,
    pub stash: Stash<'a>,
}

/// A peek of an index that is not answered yet.
pub struct IndexPeek {
    pub peek: Box<Peek>,
    trace: TraceBundle,
    /// The since of the index when the peek was received.
    since: Antichain,
}

impl IndexPeek {
    pub fn new(peek: Box<Peek>, index: &mut TraceBundle) -> Self {
        let since = index.since();
        let mut trace = index.clone();
        trace.allow_compaction(&Antichain::from_elem(peek.timestamp));
        let release = timely_frontier(&Antichain::empty());
        trace.oks.set_physical_compaction(release.borrow());
        trace.errs.set_physical_compaction(release.borrow());
        IndexPeek { peek, trace, since }
    }

    /// The answer, if the index is complete at the peek's time.
    pub fn try_answer(
        &mut self,
        sizes: &AnswerSizes<'_>,
        seams: PeekSeams,
    ) -> Option<PeekResponse> {
        let time = self.peek.timestamp;
        let complete = [upper(&mut self.trace.oks), upper(&mut self.trace.errs)];
        if !complete.iter().all(|upper| seams.ready_at(time, upper)) {
            return None;
        }
        let since = &self.since;
        if !seams.readable_at(time, since) {
            return Some(seams.below_since(format!(
                "Arrangement compaction frontier ({since}) is beyond the time of the attempted read ({time})"
            )));
        }
        let reads = seams.index_read_at(time);
        if let Some(text) = seams.error(self.error(reads)) {
            return Some(PeekResponse::Error(text));
        }
        let answer = self.rows(reads, sizes, seams);
        Some(answer.unwrap_or_else(PeekResponse::Error))
    }

    /// The text of the first error at a time.
    fn error(&self, reads: Timestamp) -> Option<String> {
        let mut batches = Vec::new();
        self.trace
            .errs
            .map_spans(|span| batches.extend(span.inner.clone()));
        let (mut cursor, batches) = cursor_list(batches);
        while let Some(error) = cursor.get_key(&batches) {
            let mut count: Diff = 0;
            while cursor.val_valid(&batches) {
                cursor.map_times(&batches, |at, diff| {
                    if self.trace.seams.time_of_update(*at) <= reads {
                        count += *diff;
                    }
                });
                cursor.step_val(&batches);
            }
            if count > 0 {
                return Some(error.to_string());
            }
            if count < 0 {
                return Some(format!(
                    "Invalid data in source errors, saw retractions ({}) for row that does not exist: {error}",
                    -count
                ));
            }
            cursor.step_key(&batches);
        }
        None
    }

    /// The rows of the answer, or where they are.
    ///
    /// Errors: the text of an error in their place.
    fn rows(
        &self,
        reads: Timestamp,
        sizes: &AnswerSizes<'_>,
        seams: PeekSeams,
    ) -> Result<PeekResponse, String> {
        let beyond = sizes.stash_settings.threshold_of(&self.peek, seams);
        let collector = Collector::new(&self.peek.finishing, sizes.max_result_size, seams);
        let mut collector = collector.stashing(beyond);
        let walked = self.walk(reads, seams, |row, copies| collector.push(row, copies))?;
        match walked {
            ControlFlow::Continue(()) => Ok(collector.answer()),
            ControlFlow::Break(Full::Answer(answer)) => Ok(answer),
            ControlFlow::Break(Full::Stash) => {
                let mut upload = sizes.stash.upload(&self.peek, seams)?;
                let walked = self.walk(reads, seams, |row, copies| upload.push(row, copies));
                match walked {
                    Ok(ControlFlow::Continue(()) | ControlFlow::Break(Ok(()))) => {
                        upload.answer(&self.peek)
                    }
                    Err(why) | Ok(ControlFlow::Break(Err(why))) => {
                        upload.abandon();
                        Err(why)
                    }
                }
            }
        }
    }

    /// Gives the rows of the answer to `take`, until that breaks.
    ///
    /// Errors: the text of an error in their place.
    fn walk<B>(
        &self,
        reads: Timestamp,
        seams: PeekSeams,
        mut take: impl FnMut(Row, NonZeroUsize) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, String> {
        let peek = &*self.peek;
        let mut batches = Vec::new();
        self.trace
            .oks
            .map_spans(|span| batches.extend(span.inner.clone()));
        let (mut cursor, batches) = cursor_list(batches);
        let literals = peek.literal_constraints.as_ref().map(|literals| {
            let mut literals = literals.clone();
            literals.sort();
            literals
        });
        let mut literals = literals.map(Vec::into_iter);
        let mut looked = 0;
        loop {
            let literal = match &mut literals {
                None => None,
                Some(literals) => {
                    let Some(literal) = literals.next() else {
                        break;
                    };
                    cursor.seek_key(&batches, &literal);
                    if cursor.get_key(&batches) != Some(&literal) {
                        if seams.goes_on_after_a_miss() {
                            continue;
                        }
                        break;
                    }
                    cursor.rewind_vals(&batches);
                    Some(literal)
                }
            };
            let Some(key) = cursor.get_key(&batches) else {
                break;
            };
            while let Some(value) = cursor.get_val(&batches) {
                looked += 1;
                if seams.has_looked_enough(looked, &peek.finishing) {
                    return Ok(ControlFlow::Continue(()));
                }
                let row = key.iter().chain(value.iter());
                let columns = seams.columns_of(row, literal.iter().flat_map(Row::iter));
                let count = || {
                    let mut count: Diff = 0;
                    cursor.map_times(&batches, |at, diff| {
                        if self.trace.seams.time_of_update(*at) <= reads {
                            count += *diff;
                        }
                    });
                    count
                };
                if let Some((row, copies)) = self.entry(columns, count, seams)?
                    && let ControlFlow::Break(broken) = take(row, copies)
                {
                    return Ok(ControlFlow::Break(broken));
                }
                cursor.step_val(&batches);
            }
            if literals.is_none() {
                cursor.step_key(&batches);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The row that the answer has for an entry with these columns, and how often.
    ///
    /// Errors: the error of the row, or that of its count (`spec/replica.md` §5.3
    /// has them in this order).
    fn entry(
        &self,
        columns: Vec<Datum<'_>>,
        count: impl FnOnce() -> Diff,
        seams: PeekSeams,
    ) -> Result<Option<(Row, NonZeroUsize)>, String> {
        let arena = Arena::new();
        let mut datums = columns.clone();
        let row = eval_safe(&self.peek.map_filter_project, &mut datums, &arena);
        let row = seams.computed(row);
        let Some(row) = row.map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        let count = count();
        if count < 0 {
            return Err(format!(
                "Invalid data in source, saw retractions ({}) for row that does not exist: {columns:?}",
                -count
            ));
        }
        let copies = usize::try_from(seams.copies(count)).ok();
        Ok(copies
            .and_then(NonZeroUsize::new)
            .map(|copies| (row, copies)))
    }
}
