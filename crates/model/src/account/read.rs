//! Reading the model: contents of a collection at a time, and the answer of a
//! peek in the physical layout of an arrangement. Source: `spec/replica.md`
//! §5.2, §5.3, §7.
//!
//! Invariant: what is cached is sealed, so it never becomes wrong.

use std::sync::Arc;

use super::Model;
use super::dataflow::{Dataflow, Input};
use super::session::{Collection, Life, Peek};
use crate::answer::{ErrorTexts, Expected, NEGATIVE_ERROR, NEGATIVE_ROW, Undefined};
use crate::eval::{self, ErrorCounts, Evaluated, Moment};
use crate::multiset::Multiset;
use repr::{Antichain, Datum, GlobalId, Row, Timestamp};
use script::event::{ExportSpec, PeekSpec};
use script::selection::{Computed, Finish};

/// An index that changed more often is not followed.
const LONGEST: usize = 64;

impl Model {
    /// What a collection of the current session contains at `ts`, in the
    /// column order of its relation.
    pub fn contents(&self, id: GlobalId, ts: Timestamp) -> Expected {
        match self.readable(id) {
            Ok(collection) => self.contents_since(collection, ts, &collection.since),
            Err(undefined) => Expected::Undefined(undefined),
        }
    }

    /// What a peek of an index at `ts` must be answered, if it were sent now:
    /// key columns first, then the others in order.
    pub fn peek_answer(&self, id: GlobalId, ts: Timestamp) -> Expected {
        if let Some(shard) = self.peeked_shard(id) {
            let contents = self.shard_contents(shard, ts);
            return self.sizes.now().answer(contents, true, None);
        }
        match self.readable(id) {
            Ok(collection) => {
                let compacted = collection
                    .compacted
                    .as_ref()
                    .filter(|_| collection.is_index());
                if let Some(error) = refusal(compacted, ts) {
                    return Expected::Errors(error);
                }
                let contents = self.contents_since(collection, ts, &collection.since);
                let contents = physical(collection, contents, None);
                self.sizes.now().answer(contents, true, None)
            }
            Err(undefined) => Expected::Undefined(undefined),
        }
    }

    /// What a peek that was sent must be answered, once its time is sealed: all
    /// the rows that it asks for, of which a replica may leave out those that
    /// its limit makes useless.
    pub fn answer_of(&self, peek: &Peek) -> Expected {
        let finish = &peek.spec.finish;
        let shard = self.peeked_shard(peek.spec.id);
        let collection = self.session.collections.get(&peek.spec.id);
        let answer = match (shard, collection) {
            // Nothing is read of a shard, no error either (`spec/replica.md` §5.5).
            (Some(shard), _) if finish.needed() == Some(0) => {
                self.or_refused(shard, peek.spec.ts, Expected::Rows(Multiset::new()))
            }
            (Some(shard), _) => self.shard_contents(shard, peek.spec.ts),
            (None, None) => Expected::Undefined(Undefined::Unknown(peek.spec.id)),
            (None, Some(collection)) if peek.disturbed || collection.disturbed => {
                Expected::Undefined(Undefined::Dropped(peek.spec.id))
            }
            (None, Some(collection)) => {
                let contents = self.contents_since(collection, peek.spec.ts, &peek.since);
                physical(collection, contents, Some(peek.spec.arity))
            }
        };
        let partial =
            finish.literals.is_some() || finish.limit.is_some() || finish.computed.is_some();
        match &answer {
            // A row with a negative count is seen only if it is looked at: not
            // behind other keys, nor after enough rows, nor where it is filtered out
            // (`spec/replica.md` §5.4).
            Expected::Errors(errors) if partial && errors.is_negative_row() => {
                let text = "a negative row in a part of a collection".to_string();
                return Expected::Undefined(Undefined::Unsupported(text));
            }
            _ => {}
        }
        let looked_up = |answer| match (&finish.literals, collection) {
            (Some(literals), Some(collection)) => looked_up(collection, answer, literals),
            (None, _) | (_, None) => answer,
        };
        let answer = looked_up(answer);
        let entries = finish.computed.as_ref().map(|_| entries(&answer));
        let answer = match &finish.computed {
            None => answer,
            Some(computed) => {
                let ever = match (shard, collection) {
                    (None, Some(collection)) => self.ever_in(collection, peek.spec.arity),
                    // Of a shard only what counts is looked at (§5.5).
                    (Some(_), _) | (None, None) => Ok(Multiset::new()),
                };
                let ever = ever.map(Expected::Rows).map(looked_up);
                compute(computed, finish, peek.spec.ts, answer, ever)
            }
        };
        // What lies in the stash is not measured.
        let is_whole = finish.is_everything() && !peek.may_be_stashed();
        peek.sizes.answer(answer, is_whole, entries)
    }

    /// The errors that a peek of an index may be answered for what it computes of rows of
    /// any time; None for one that computes nothing.
    ///
    /// Errors: as of [`Model::contents`].
    pub fn faults_of_peek(&self, peek: &Peek) -> Option<Result<ErrorTexts, Undefined>> {
        let PeekSpec {
            id,
            ts,
            arity,
            finish,
            ..
        } = &peek.spec;
        let computed = finish.computed.as_ref()?;
        let collection = self.session.collections.get(id)?;
        let ever = self.ever_in(collection, *arity);
        Some(
            ever.and_then(|ever| computed_of(computed, *ts, ever))
                .map(|ever| peek_texts(&ever)),
        )
    }

    /// Every row that the arrangement of an index ever held, once each: a peek looks at
    /// rows of other times too (`spec/replica.md` §5.3).
    ///
    /// Errors: it cannot be evaluated at some time, or changed too often.
    fn ever_in(&self, collection: &Collection, arity: usize) -> Result<Multiset, Undefined> {
        let (dataflow, object) = arranging(collection);
        let sealed = self.sealed(dataflow, object);
        let mut ever = Multiset::new();
        let mut next = Some(self.rendered_at(dataflow));
        let mut times = 0;
        let is_over = |ts: &Timestamp| dataflow.until().is_some_and(|until| *ts >= until);
        while let Some(ts) = next.filter(|ts| !sealed.less_equal(*ts) && !is_over(ts)) {
            if let Some(until) = dataflow.known_until(object).filter(|until| ts >= *until) {
                return Err(Undefined::BeyondUntil { ts, until });
            }
            times += 1;
            if times > LONGEST {
                let text = format!("an index that changed more than {LONGEST} times");
                return Err(Undefined::Unsupported(text));
            }
            let contents = self.object_at(dataflow, object, ts)?;
            let rows = Expected::Rows(contents.rows.clone());
            match physical(collection, rows, Some(arity)) {
                Expected::Rows(rows) => {
                    for (row, _) in rows.iter() {
                        if ever.count(row) == 0 {
                            ever.add(row.clone(), 1);
                        }
                    }
                }
                Expected::Undefined(undefined) => return Err(undefined),
                Expected::Errors(_) | Expected::Either(..) => {}
            }
            next = contents.horizon.next();
        }
        Ok(ever)
    }

    /// What a peek of a shard that views write must be answered. Below the since that
    /// the driver holds that is the contents still, or a refusal: the shard's own
    /// since follows the earliest of all readers, of which the replica is one.
    fn shard_contents(&self, shard: &str, ts: Timestamp) -> Expected {
        let sealed = self.check_sealed(&self.shard_sealed(shard), ts);
        let contents = match sealed.and_then(|()| self.shard_at(shard, ts)) {
            Ok(evaluated) => expected(&shown_by_shard(evaluated)),
            Err(undefined) => Expected::Undefined(undefined),
        };
        self.or_refused(shard, ts, contents)
    }

    /// This answer, or a refusal where the driver has moved the since of the shard
    /// beyond `ts`.
    fn or_refused(&self, shard: &str, ts: Timestamp, answer: Expected) -> Expected {
        match ts < self.shard_since(shard) {
            true => answer.or_error(ErrorTexts::prefix(shard_refusal(ts))),
            false => answer,
        }
    }

    /// What an object of a dataflow contains at `ts`, whatever became of the
    /// session that created it.
    pub fn object_at(
        &self,
        dataflow: &Dataflow,
        object: GlobalId,
        ts: Timestamp,
    ) -> Result<Arc<Evaluated>, Undefined> {
        let sealed = self.sealed(dataflow, object);
        let key = (dataflow.uid, object, ts);
        if !sealed.less_equal(ts)
            && let Some(known) = self.cache.borrow().get(&key)
        {
            return Ok(Arc::clone(known));
        }
        let evaluated = match (dataflow.plan(object), dataflow.inputs.get(&object)) {
            (Some(plan), _) => {
                let mut get = |id, ts| self.object_at(dataflow, id, ts);
                let moment = Moment {
                    ts,
                    as_of: self.rendered_at(dataflow),
                    join: dataflow.spec.join,
                    error_counts: match self.release.makes_errors_distinct() {
                        true => ErrorCounts::OncePerBinding {
                            planned: dataflow.spec.planned,
                        },
                        false => ErrorCounts::AsRaised,
                    },
                };
                Arc::new(within(eval::evaluate(plan, moment, &mut get)?, &sealed))
            }
            (None, Some(Input::Source { shard })) => {
                Arc::new(within(self.shard_at(shard, ts)?, &sealed))
            }
            (None, Some(Input::Index { of, on, .. })) => self.object_at(of, *on, ts)?,
            (None, None) => return Err(Undefined::Unknown(object)),
        };
        if !sealed.less_equal(ts) {
            self.cache.borrow_mut().insert(key, Arc::clone(&evaluated));
        }
        Ok(evaluated)
    }

    /// The as_of with which the replica began a dataflow: reconciliation may have
    /// kept it from a session that asked for less.
    fn rendered_at(&self, dataflow: &Dataflow) -> Timestamp {
        let kept = self.rendered.get(&dataflow.uid).copied();
        kept.unwrap_or(dataflow.spec.as_of)
    }

    fn shard_at(&self, shard: &str, ts: Timestamp) -> Result<Evaluated, Undefined> {
        match self.views.get(shard) {
            None => Ok(match self.shards.get(shard) {
                None => Evaluated::default(),
                Some(shard) => {
                    let mut contents = Evaluated::from_rows(shard.contents(ts));
                    let later = shard.changes_after(ts);
                    later.into_iter().for_each(|ts| contents.horizon.end_at(ts));
                    contents
                }
            }),
            Some(views) => views.contents(self, shard, ts),
        }
    }

    /// What a shard that views write contains at `ts`.
    ///
    /// Errors: it is compacted there, or not sealed, or not specified.
    pub fn view_at(&self, shard: &str, ts: Timestamp) -> Result<Evaluated, Undefined> {
        let since = Antichain::from_elem(self.shard_since(shard));
        if !since.less_equal(ts) {
            return Err(Undefined::BeforeSince { ts, since });
        }
        self.check_sealed(&self.shard_sealed(shard), ts)?;
        self.shard_at(shard, ts)
    }

    /// What a collection contains at `ts`, from its as_of on, whatever it was
    /// compacted to.
    ///
    /// Errors: it is gone, or `ts` is before the as_of or not sealed, or not
    /// specified.
    pub fn object_of(&self, id: GlobalId, ts: Timestamp) -> Result<Arc<Evaluated>, Undefined> {
        let collection = self.readable(id)?;
        let dataflow = &collection.dataflow;
        let since = Antichain::from_elem(collection.as_of());
        if !since.less_equal(ts) {
            return Err(Undefined::BeforeSince { ts, since });
        }
        let object = collection.export.on();
        if let Some(until) = dataflow.known_until(object).filter(|until| ts >= *until) {
            return Err(Undefined::BeyondUntil { ts, until });
        }
        self.check_sealed(&self.sealed(dataflow, object), ts)?;
        self.object_at(dataflow, object, ts)
    }

    fn check_sealed(&self, sealed: &Antichain, ts: Timestamp) -> Result<(), Undefined> {
        match sealed.as_option().filter(|upper| *upper <= ts) {
            Some(upper) => Err(Undefined::NotSealed { ts, upper }),
            None => Ok(()),
        }
    }

    fn readable(&self, id: GlobalId) -> Result<&Collection, Undefined> {
        let collection = self
            .session
            .collections
            .get(&id)
            .ok_or(Undefined::Unknown(id))?;
        match (collection.life, collection.disturbed) {
            (Life::Live, false) => Ok(collection),
            (Life::Dropped, _) | (Life::Live, true) => Err(Undefined::Dropped(id)),
        }
    }

    fn contents_since(
        &self,
        collection: &Collection,
        ts: Timestamp,
        since: &Antichain,
    ) -> Expected {
        let dataflow = &collection.dataflow;
        let object = collection.export.on();
        match &collection.export {
            ExportSpec::MaterializedView { shard, .. } => return self.shard_contents(shard, ts),
            ExportSpec::Index { .. } | ExportSpec::Subscribe { .. } => {}
        }
        if !since.less_equal(ts) {
            let since = since.clone();
            return Expected::Undefined(Undefined::BeforeSince { ts, since });
        }
        if let Some(until) = dataflow.known_until(object).filter(|until| ts >= *until) {
            return Expected::Undefined(Undefined::BeyondUntil { ts, until });
        }
        let sealed = self.sealed(dataflow, object);
        if let Err(undefined) = self.check_sealed(&sealed, ts) {
            return Expected::Undefined(undefined);
        }
        match self.object_at(dataflow, object, ts) {
            Ok(evaluated) => expected(&evaluated),
            Err(undefined) => Expected::Undefined(undefined),
        }
    }
}

/// How the error of a peek below what an index was compacted to begins.
pub const REFUSAL: &str = "Arrangement compaction frontier (";

/// The error of a peek at `ts` of an index that was compacted, if it was compacted
/// beyond that (`spec/replica.md` §5.2).
fn refusal(compacted: Option<&Antichain>, ts: Timestamp) -> Option<ErrorTexts> {
    let compacted = compacted.filter(|compacted| !compacted.less_equal(ts))?;
    Some(ErrorTexts::exact(format!(
        "{REFUSAL}{compacted}) is beyond the time of the attempted read ({ts})"
    )))
}

/// How the error of a peek of a shard below its since begins, up to the since
/// (`spec/replica.md` §5.5).
pub fn shard_refusal(ts: Timestamp) -> String {
    format!("attempted to peek at {ts}, but the since has advanced to Antichain {{ elements: [")
}

impl Peek {
    /// The error that it must be answered, of an index, because that was compacted
    /// before the peek was sent.
    pub fn refusal(&self) -> Option<ErrorTexts> {
        refusal(self.compacted.as_ref(), self.spec.ts)
    }
}

/// Contents with what is known of their horizon: what is not sealed may change.
fn within(mut evaluated: Evaluated, sealed: &Antichain) -> Evaluated {
    let open = sealed.as_option().into_iter();
    open.for_each(|ts| evaluated.horizon.end_at(ts));
    evaluated
}

/// Contents as a read of a shard tells them: an error is told whatever its count
/// (`spec/replica.md` §5.5).
fn shown_by_shard(mut evaluated: Evaluated) -> Evaluated {
    for count in evaluated.errors.values_mut() {
        *count = count.saturating_abs();
    }
    evaluated
}

/// What a read of these contents must give (`spec/replica.md` §5.2, §5.3).
fn expected(evaluated: &Evaluated) -> Expected {
    let mut errors = ErrorTexts::default();
    for (error, count) in &evaluated.errors {
        match count.signum() {
            0 => {}
            1 => errors.extend(error.texts()),
            _ => errors.extend(ErrorTexts::prefix(NEGATIVE_ERROR)),
        }
    }
    let certain = evaluated.rows.has_negative() || evaluated.certain().next().is_some();
    if evaluated.rows.has_negative() {
        errors.extend(ErrorTexts::prefix(NEGATIVE_ROW));
    }
    let mut all = errors;
    for error in &evaluated.possible {
        all.extend(error.texts());
    }
    if evaluated.takes_back && evaluated.may_fail() {
        all.extend(ErrorTexts::prefix(NEGATIVE_ERROR));
    }
    if evaluated.meaningless {
        all.extend(ErrorTexts::prefix(NEGATIVE_ROW));
    }
    match (certain, all.is_empty()) {
        (true, _) => Expected::Errors(all),
        (false, true) => Expected::Rows(evaluated.rows.clone()),
        (false, false) => Expected::Either(evaluated.rows.clone(), all),
    }
}

/// The dataflow, and its object, whose arrangement an index shows: its own, or those of
/// the index that it is another name of.
fn arranging(collection: &Collection) -> (&Dataflow, GlobalId) {
    let mut dataflow = &collection.dataflow;
    let (mut id, mut object) = (collection.id, collection.export.on());
    while dataflow.spec.aliases.contains(&id)
        && let Some(Input::Index { index, of, on }) = dataflow.inputs.get(&object)
    {
        (dataflow, id, object) = (of, *index, *on);
    }
    (dataflow, object)
}

/// What a peek answers that computes something of the rows of an answer. `ever` are
/// the rows that it may look at besides, which may fail though they do not count.
fn compute(
    computed: &Computed,
    finish: &Finish,
    ts: Timestamp,
    answer: Expected,
    ever: Result<Expected, Undefined>,
) -> Expected {
    let ever = match ever {
        Ok(Expected::Rows(ever)) => ever,
        Ok(Expected::Undefined(undefined)) | Err(undefined) => {
            return Expected::Undefined(undefined);
        }
        Ok(Expected::Errors(_) | Expected::Either(..)) => Multiset::new(),
    };
    let (rows, mut errors, mut certain) = match answer {
        Expected::Rows(rows) => (rows, ErrorTexts::default(), true),
        Expected::Either(rows, errors) => (rows, errors, false),
        // A worker that has no error of the collection tells that of a row.
        Expected::Errors(mut errors) => {
            return match computed_of(computed, ts, ever) {
                Ok(ever) => {
                    errors.extend(peek_texts(&ever));
                    Expected::Errors(errors)
                }
                Err(undefined) => Expected::Undefined(undefined),
            };
        }
        Expected::Undefined(_) => return answer,
    };
    let (now, ever) = match (
        computed_of(computed, ts, rows),
        computed_of(computed, ts, ever),
    ) {
        (Ok(now), Ok(ever)) => (now, ever),
        (Err(undefined), _) | (_, Err(undefined)) => return Expected::Undefined(undefined),
    };
    // A worker that has enough rows looks at no more.
    certain &= finish.needed().is_none() || !finish.order_by.is_empty();
    certain &= now.certain().next().is_some();
    errors.extend(peek_texts(&now));
    errors.extend(peek_texts(&ever));
    match (certain, errors.is_empty()) {
        (true, _) => Expected::Errors(errors),
        (false, true) => Expected::Rows(now.rows),
        (false, false) => Expected::Either(now.rows, errors),
    }
}

/// What a peek computes of these rows.
fn computed_of(computed: &Computed, ts: Timestamp, rows: Multiset) -> Result<Evaluated, Undefined> {
    let rows = Arc::new(Evaluated::from_rows(rows));
    eval::evaluate(&computed.plan, Moment::snapshot(ts), &mut |_, _| {
        Ok(Arc::clone(&rows))
    })
}

/// The errors that a peek may be answered of a collection.
fn peek_texts(evaluated: &Evaluated) -> ErrorTexts {
    let mut errors = ErrorTexts::default();
    let faults = evaluated.faults();
    faults.for_each(|fault| errors.extend(fault.peek_texts()));
    errors
}

/// How many different rows are looked at: each is an entry of its own in the answer,
/// though what is computed of several may be the same (`spec/replica.md` §5.4).
fn entries(answer: &Expected) -> u64 {
    match answer {
        Expected::Rows(rows) | Expected::Either(rows, _) => rows.iter().count() as u64,
        Expected::Errors(_) | Expected::Undefined(_) => 0,
    }
}

/// The rows of an index whose key is one of these values. Errors are not looked
/// up: they beat rows whatever the literals (`spec/replica.md` §5.2).
fn looked_up(collection: &Collection, answer: Expected, literals: &[Row]) -> Expected {
    let width = collection.index_key().map_or(0, <[usize]>::len);
    if literals
        .iter()
        .any(|literal| literal.iter().count() != width)
    {
        let text = "literals that are no keys of an index".to_string();
        return Expected::Undefined(Undefined::Unsupported(text));
    }
    let wanted = |rows: Multiset| -> Multiset {
        // By bytes, as all that is arranged: 0 does not find -0 (`spec/plan.md` §6.4).
        let has_key = |row: &Row| literals.contains(&Row::pack(row.iter().take(width)));
        rows.iter()
            .filter(|(row, _)| has_key(row))
            .map(|(row, diff)| (row.clone(), diff))
            .collect()
    };
    match answer {
        Expected::Rows(rows) => Expected::Rows(wanted(rows)),
        Expected::Either(rows, errors) => Expected::Either(wanted(rows), errors),
        Expected::Errors(_) | Expected::Undefined(_) => answer,
    }
}

/// Brings rows into the layout of an arrangement: its key, then the columns
/// that are not in it. `arity` is what the peek reads back.
fn physical(collection: &Collection, contents: Expected, arity: Option<usize>) -> Expected {
    let Some(key) = collection.index_key() else {
        return contents;
    };
    let permute = |rows: Multiset| -> Result<Multiset, Undefined> {
        let mut permuted = Multiset::new();
        for (row, diff) in rows.iter() {
            let datums: Vec<Datum<'_>> = row.unpack();
            let rest = (0..datums.len()).filter(|column| !key.contains(column));
            let columns: Vec<usize> = key.iter().copied().chain(rest).collect();
            if let Some(peek) = arity.filter(|peek| *peek != columns.len()) {
                let collection = columns.len();
                return Err(Undefined::Arity { peek, collection });
            }
            if columns.iter().any(|column| *column >= datums.len()) {
                let text = format!("a key column beyond {} columns", datums.len());
                return Err(Undefined::Unsupported(text));
            }
            permuted.add(Row::pack(columns.iter().map(|c| datums[*c])), diff);
        }
        Ok(permuted)
    };
    match contents {
        Expected::Rows(rows) => match permute(rows) {
            Ok(rows) => Expected::Rows(rows),
            Err(undefined) => Expected::Undefined(undefined),
        },
        Expected::Either(rows, errors) => match permute(rows) {
            Ok(rows) => Expected::Either(rows, errors),
            Err(undefined) => Expected::Undefined(undefined),
        },
        Expected::Errors(errors) => Expected::Errors(errors),
        Expected::Undefined(undefined) => Expected::Undefined(undefined),
    }
}
