//! Reads: peeks that wait, peeks in flight, counts, waits for frontiers.
//! Source: `spec/script.md` §2.6, `spec/replica.md` §5.
//!
//! Invariant: a command that waits is written only if the model says that the
//! wait ends without another command.

use super::plans;
use super::tally::Worth;
use super::values::{self, Column};
use super::world::{OpenPeek, World};
use crate::model::Expected;
use crate::plan::{Globals, Relation, RelationType, typed};
use crate::repr::{GlobalId, ReprColumnType, Timestamp};
use crate::script::{Command, DEFAULT_TIMEOUT_SECS, OrderBy, Plan, Selection};

/// Why a read shows little.
const EMPTY: &str = "an empty answer";

impl World<'_> {
    /// A peek of an index at a time that is sealed.
    pub fn peek(&mut self) -> bool {
        if self.choices.chance("below the since", 1, 6) && self.peek_below_since() {
            return true;
        }
        let mut readable = self.live_peekable();
        readable.retain(|id| self.readable(*id).is_some());
        if readable.is_empty() {
            return false;
        }
        // What is empty says less; it is peeked if nothing better was drawn soon.
        for _ in 0..2 {
            let (id, ts) = self.some_peek(&readable);
            if !self.is_empty(id, ts) {
                return self.peek_at(id, ts);
            }
        }
        let (id, ts) = self.some_peek(&readable);
        self.peek_at(id, ts)
    }

    /// One of the collections, and a time at which it can be read.
    fn some_peek(&mut self, readable: &[GlobalId]) -> (GlobalId, Timestamp) {
        let id = readable[self.choices.index("peeked collection", readable.len())];
        let (first, last) = self.readable(id).unwrap_or_default();
        (id, self.time_between(first, last))
    }

    /// Whether a collection has no rows and no errors at a time.
    pub fn is_empty(&self, id: GlobalId, ts: Timestamp) -> bool {
        matches!(self.model().contents(id, ts), Expected::Rows(rows) if rows.is_empty())
    }

    fn readable_indexes(&self) -> Vec<GlobalId> {
        let mut indexes = self.live_indexes();
        indexes.retain(|id| self.readable(*id).is_some());
        indexes
    }

    fn time_between(&mut self, first: Timestamp, last: Timestamp) -> Timestamp {
        match self.choices.weighted("time of read", &[4, 2, 3]) {
            Some(1) => first,
            Some(2) => self.choices.between("time of read", first, last),
            _ => last,
        }
    }

    /// A peek of an index at a time; written only if it must be answered.
    pub fn peek_at(&mut self, id: GlobalId, ts: Timestamp) -> bool {
        let readable = self.readable(id);
        if !readable.is_some_and(|(first, last)| (first..=last).contains(&ts)) {
            return false;
        }
        let worth = match self.model().contents(id, ts) {
            Expected::Rows(rows) => Worth::if_so(!rows.is_empty(), EMPTY),
            Expected::Errors(_) | Expected::Either(..) => Worth::Shows,
            Expected::Undefined(_) => Worth::Idle("an answer that the model does not know"),
        };
        self.write_peek(id, ts, worth)
    }

    /// A peek below what some index was compacted to, an error; or of a view's shard
    /// below its since, which may be one.
    fn peek_below_since(&mut self) -> bool {
        let mut refused: Vec<(GlobalId, Timestamp)> = Vec::new();
        for id in self.live_peekable() {
            let last = match self.model().peeked_shard(id) {
                Some(shard) => self.last_below_since(shard),
                None => self.last_refused(id),
            };
            refused.extend(last.map(|ts| (id, ts)));
        }
        if refused.is_empty() {
            return false;
        }
        let (id, last) = refused[self.choices.index("compacted index", refused.len())];
        let ts = match self.choices.chance("just below", 3, 4) {
            true => last,
            false => self.choices.between("time below the since", 0, last),
        };
        self.write_peek(id, ts, Worth::Shows)
    }

    /// The last time at which a peek of the index is refused, if that can be
    /// told by now: what was compacted, and is sealed.
    fn last_refused(&self, id: GlobalId) -> Option<Timestamp> {
        let collection = self.model().collection(id)?;
        let compacted = collection.compacted.as_ref()?.as_option()?;
        let sealed = self.model().must_reach(id)?.as_option()?;
        (compacted > collection.as_of() && sealed >= compacted).then(|| compacted - 1)
    }

    /// The last time before the since of a shard, if it is sealed.
    fn last_below_since(&self, shard: &str) -> Option<Timestamp> {
        let below = self.model().shard(shard)?.since().checked_sub(1)?;
        let sealed = self.model().shard_must_seal(shard);
        (!sealed.less_equal(below)).then_some(below)
    }

    /// A peek of a view's shard just below its since, which may be refused.
    pub fn peek_view_below_since(&mut self, id: GlobalId) -> bool {
        let shard = self.model().peeked_shard(id);
        let last = shard.and_then(|shard| self.last_below_since(shard));
        last.is_some_and(|ts| self.write_peek(id, ts, Worth::Shows))
    }

    fn write_peek(&mut self, id: GlobalId, ts: Timestamp, worth: Worth) -> bool {
        let selection = self.drawn_selection(id);
        let Some(schema) = self.peek_schema(id, &selection) else {
            return false;
        };
        let command = Command::Peek {
            id,
            schema: Some(schema),
            ts,
            selection,
        };
        let written = self.emit(command, worth);
        if written && !matches!(worth, Worth::Idle(reason) if reason != EMPTY) {
            self.tally.answers += 1;
            self.tally.empty += u64::from(worth == Worth::Idle(EMPTY));
        }
        written
    }

    /// The columns of an index as they are arranged, the key's first; those of a view
    /// in order.
    fn physical_columns(&self, id: GlobalId) -> Option<Vec<ReprColumnType>> {
        let export = self.export_of(id)?;
        let (key, columns) = (export.key().unwrap_or_default(), export.columns());
        let rest = (0..columns.len()).filter(|c| !key.contains(c));
        let physical = key.iter().copied().chain(rest);
        Some(physical.map(|c| columns[c].clone()).collect())
    }

    /// The schema that reads an index back and types its columns.
    fn physical_schema(&mut self, id: GlobalId) -> Option<String> {
        let physical = self.physical_columns(id)?;
        let physical: Vec<Column> = physical.iter().map(Column::nearest).collect();
        let known = self.schemas.iter().find(|s| s.columns == physical);
        match known {
            Some(schema) => Some(schema.name.clone()),
            None => self.define_schema(physical),
        }
    }

    /// Mostly everything; sometimes an order, a limit, keys to look up.
    fn drawn_selection(&mut self, id: GlobalId) -> Selection {
        let mut selection = Selection::default();
        if !self.choices.chance("selection", 1, 4) {
            return selection;
        }
        let Some(export) = self.export_of(id).cloned() else {
            return selection;
        };
        let key = export.key().map(<[usize]>::to_vec);
        if self.choices.chance("computing peek", 1, 3) {
            let computed = self.drawn_computation(id).map(Plan::from);
            selection.plan = computed.map(Box::new);
        }
        let computed = selection.plan.as_deref().and_then(Plan::operators);
        let arity = computed.map_or(export.typ.arity(), Relation::arity);
        let ordered = self.choices.chance("ordered", 1, 2);
        // What a view's shard answers is cut before it is ordered
        // (`spec/replica.md` §5.5).
        if ordered && key.is_some() {
            for column in 0..arity {
                if self.choices.chance("order by the column", 1, 2) {
                    selection.order_by.push(OrderBy {
                        column,
                        desc: self.choices.chance("descending", 1, 2),
                        nulls_last: self.choices.chance("nulls last", 1, 2),
                    });
                }
            }
        }
        if self.choices.chance("limit", 2, 3) {
            let huge = self.choices.chance("huge limit", 1, 8);
            selection.limit = Some(match huge {
                true => i64::MAX as u64,
                false => self.choices.between("rows wanted", 0, 3),
            });
            selection.offset = self.choices.draw("rows skipped", 2);
        }
        let columns: Option<Vec<Column>> = key
            .unwrap_or_default()
            .iter()
            .map(|c| Column::exact(&export.columns()[*c]))
            .collect();
        if let Some(columns) = columns.filter(|columns| !columns.is_empty())
            && self.choices.chance("literals", 1, 2)
        {
            let count = self.choices.between("literals", 1, 3);
            for _ in 0..count {
                let literal = values::row(self.choices, &columns, 3);
                if !selection.literals.contains(&literal) {
                    selection.literals.push(literal);
                }
            }
        }
        selection
    }

    /// What a peek of a collection computes, if scripts can name all of its columns.
    fn drawn_computation(&mut self, id: GlobalId) -> Option<Relation> {
        let columns = self.physical_columns(id)?;
        if columns.is_empty() || columns.iter().any(|column| Column::exact(column).is_none()) {
            return None;
        }
        let typ = RelationType {
            column_types: columns,
            keys: Vec::new(),
        };
        let plan = plans::of_peek(self.choices, id, &typ);
        // What the type checker refuses is not asked.
        let globals = Globals::from([(id, typ)]);
        let (_, typ) = typed(&plan, &globals).ok()?;
        (typ.arity() > 0).then_some(plan)
    }

    /// The schema that reads an index back. Where the replica reads columns by their
    /// place, it names them as they are arranged.
    fn peek_schema(&mut self, id: GlobalId, selection: &Selection) -> Option<String> {
        let reads_columns = !selection.literals.is_empty() || selection.plan.is_some();
        if reads_columns || self.model().may_stash() {
            return self.physical_schema(id);
        }
        let columns = self.export_of(id)?.columns().to_vec();
        self.schema_of(&columns)
    }

    /// A count on the replica.
    pub fn count(&mut self) -> bool {
        let readable = self.readable_indexes();
        // A count that is refused for its size is an error of the script.
        if readable.is_empty() || !self.model().result_sizes().is_none() {
            return false;
        }
        let id = readable[self.choices.index("counted index", readable.len())];
        let until = self.known_until(id);
        let Some((first, last)) = self.readable(id).filter(|_| until.is_none()) else {
            return false;
        };
        let ts = self.time_between(first, last);
        self.emit(Command::Count { id, ts }, Worth::Shows)
    }

    /// A peek that is not waited for yet, at a time that may not be sealed.
    pub fn start_peek(&mut self) -> bool {
        let peekable = self.live_peekable();
        if peekable.is_empty() {
            return false;
        }
        let id = peekable[self.choices.index("peeked collection", peekable.len())];
        let since = self.since(id);
        let last = match self.known_until(id) {
            Some(until) => until.saturating_sub(1),
            None => {
                let upper = self
                    .model()
                    .may_reach(id)
                    .and_then(|frontier| frontier.as_option());
                upper.unwrap_or(since + 1) + 1
            }
        };
        if since > last {
            return false;
        }
        let ts = match self.choices.chance("not sealed yet", 1, 2) {
            true => last
                .saturating_sub(self.choices.draw("how far ahead", 2))
                .max(since),
            false => self.choices.between("time of read", since, last),
        };
        let selection = self.drawn_selection(id);
        let Some(schema) = self.peek_schema(id, &selection) else {
            return false;
        };
        let name = self.next_peek_name();
        let command = Command::StartPeek {
            peek: name.clone(),
            id,
            schema: Some(schema),
            ts,
            selection,
        };
        if !self.emit(command, Worth::Shows) {
            return false;
        }
        if let Some(uuid) = self.started(&name) {
            self.open_peeks.push(OpenPeek { name, uuid, id });
        }
        true
    }

    /// Awaits a started peek that must be answered.
    pub fn await_peek(&mut self) -> bool {
        let due: Vec<usize> = (0..self.open_peeks.len())
            .filter(|index| self.model().must_answer(self.open_peeks[*index].uuid))
            .collect();
        match due.is_empty() {
            true => false,
            false => {
                let index = due[self.choices.index("awaited peek", due.len())];
                self.await_open_peek(index)
            }
        }
    }

    pub fn await_open_peek(&mut self, index: usize) -> bool {
        let open = self.open_peeks.remove(index);
        let command = Command::AwaitPeek {
            peek: open.name,
            timeout_secs: DEFAULT_TIMEOUT_SECS,
        };
        self.emit(command, Worth::Shows)
    }

    /// Cancels a started peek.
    pub fn cancel_peek(&mut self) -> bool {
        let open: Vec<usize> = (0..self.open_peeks.len())
            .filter(|index| {
                let peek = self
                    .model()
                    .session()
                    .peeks
                    .get(&self.open_peeks[*index].uuid);
                peek.is_some_and(|peek| !peek.canceled)
            })
            .collect();
        match open.is_empty() {
            true => false,
            false => {
                let index = open[self.choices.index("cancelled peek", open.len())];
                let OpenPeek { name, id, .. } = self.open_peeks[index].clone();
                let written = self.emit(Command::CancelPeek { peek: name }, Worth::Shows);
                let drop = written && self.choices.chance("drop what was peeked", 1, 2);
                if drop && self.is_live(id) && self.model().check_drop(id).is_ok() {
                    self.drop_id(id);
                }
                written
            }
        }
    }

    /// Waits for a frontier that must come.
    pub fn await_some_frontier(&mut self) -> bool {
        let due: Vec<(GlobalId, Timestamp)> = self
            .live_peekable()
            .into_iter()
            .filter_map(|id| {
                let must = self.model().must_reach(id)?;
                let ts = must.as_option().unwrap_or(self.since(id) + 1);
                (ts > 0).then_some((id, ts))
            })
            .collect();
        match due.is_empty() {
            true => false,
            false => {
                let (id, ts) = due[self.choices.index("awaited collection", due.len())];
                self.await_frontier(id, ts)
            }
        }
    }
}
