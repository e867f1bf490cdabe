//! Peeks of shards. Source: `spec/replica.md` §5.5.
//!
//! Invariant: the shard is read when the peek's time is complete in it; errors
//! go before rows.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use super::environment::Host;
use super::finishing::{Collector, Full};
use super::peek::{AnswerSizes, IndexPeek};
use crate::errors::DataflowError;
use crate::eval::{Arena, eval_safe};
use crate::halt::End;
use crate::mutants::PeekSeams;
use persist::{PersistError, ReadHandle};
use protocol::v26_30::{Peek, PeekResponse, PeekTarget};
use repr::{Datum, Row};

/// A peek that is not answered yet.
pub enum Pending {
    Index(Box<IndexPeek>),
    Persist(PersistPeek),
}

impl Pending {
    pub fn peek(&self) -> &Peek {
        match self {
            Pending::Index(pending) => &pending.peek,
            Pending::Persist(pending) => &pending.peek,
        }
    }

    /// The answer, if there is one already.
    pub fn try_answer(
        &mut self,
        sizes: &AnswerSizes<'_>,
        seams: PeekSeams,
    ) -> Option<PeekResponse> {
        match self {
            Pending::Index(pending) => pending.try_answer(sizes, seams),
            Pending::Persist(pending) => pending.try_answer(sizes.max_result_size, seams),
        }
    }
}

/// A peek of a shard.
pub struct PersistPeek {
    pub peek: Box<Peek>,
    reader: Result<ReadHandle, String>,
}

impl PersistPeek {
    /// Errors: how the replica ends for a peek that no controller sends.
    pub fn new(peek: Box<Peek>, host: &Host) -> Result<Self, End> {
        if peek
            .literal_constraints
            .as_ref()
            .is_some_and(|l| l.len() > 1)
        {
            return Err(End::abort(
                "a persist peek has several literal constraints: expected one at most",
            ));
        }
        let reader = match &peek.target {
            PeekTarget::Persist { id, metadata } => host
                .client(&metadata.persist_location)
                .and_then(|client| {
                    let purpose = format!("persist::peek({id})");
                    client.open_leased_reader(
                        metadata.data_shard,
                        &metadata.relation_desc,
                        &purpose,
                    )
                })
                .map_err(|error| error.to_string()),
            PeekTarget::Index { id } => Err(format!("{id} is an index")),
        };
        Ok(PersistPeek { peek, reader })
    }

    fn try_answer(&mut self, max_result_size: u64, seams: PeekSeams) -> Option<PeekResponse> {
        match self.read(max_result_size, seams) {
            Ok(answer) => answer,
            Err(text) => Some(PeekResponse::Error(text)),
        }
    }

    fn read(&self, max_result_size: u64, seams: PeekSeams) -> Result<Option<PeekResponse>, String> {
        let reader = self.reader.as_ref().map_err(Clone::clone)?;
        let time = self.peek.timestamp;
        let since = reader.since();
        if !since.less_equal(time) {
            let since = seams.refusing_since(since, time);
            return Err(format!(
                "attempted to peek at {time}, but the since has advanced to {since:?}"
            ));
        }
        let text = |error: PersistError| error.to_string();
        let upper = reader.recent_upper().map_err(text)?;
        let time = seams.shard_read_at(time, &upper);
        if upper.less_equal(time) || !since.less_equal(time) {
            return Ok(None);
        }
        let finishing = &self.peek.finishing;
        let nothing = finishing.limit == Some(0) && finishing.offset == 0;
        if nothing {
            return Ok(Some(PeekResponse::Rows(vec![Default::default()])));
        }
        let updates = reader.snapshot(time).map_err(text)?;
        let mut collector = Collector::new(finishing, max_result_size, seams);
        for (datum, _, _) in &updates {
            if let Err(bytes) = datum {
                return Err(DataflowError::from_bytes(bytes.0.clone()).to_string());
            }
        }
        let literal = self
            .peek
            .literal_constraints
            .as_ref()
            .and_then(|l| l.first());
        for (row, _, diff) in updates
            .iter()
            .filter_map(|(d, t, n)| Some((d.as_ref().ok()?, t, *n)))
        {
            if !literal.is_none_or(|literal| starts_with(row, literal)) {
                continue;
            }
            if diff < 0 {
                return Err(format!(
                    "Invalid data in source, saw retractions ({}) for row that does not exist: {row:?}",
                    -diff
                ));
            }
            let arena = Arena::new();
            let mut datums = row.unpack();
            let answer = eval_safe(&self.peek.map_filter_project, &mut datums, &arena);
            let answer = seams.computed(answer).map_err(|error| error.to_string())?;
            let copies = usize::try_from(diff).ok().and_then(NonZeroUsize::new);
            if let (Some(answer), Some(copies)) = (answer, copies) {
                match collector.push(answer, copies) {
                    ControlFlow::Continue(()) => {}
                    ControlFlow::Break(Full::Answer(answer)) => return Ok(Some(answer)),
                    ControlFlow::Break(Full::Stash) => {
                        return Err("rows of a shard go into no stash".to_string());
                    }
                }
            }
        }
        Ok(Some(collector.answer()))
    }
}

/// Whether the first columns of a row are those of another.
fn starts_with(row: &Row, prefix: &Row) -> bool {
    let mut columns = row.iter();
    prefix
        .iter()
        .all(|wanted: Datum<'_>| columns.next() == Some(wanted))
}
