//! The facts of a command: one place for itself, one for each operator of the
//! plans in it. What `when` in `known-bugs.toml` may ask for is [`FACTS`].

use std::collections::{BTreeMap, BTreeSet};

use super::condition::{Condition, Fact, FactKind};
use super::watch::{Exported, Watch};
use crate::model::Length;
use crate::plan::functions::{self, snake_name};
use crate::plan::{Relation, scalar};
use crate::protocol::v26_30::{AggregateExpr, Id, MirScalarExpr};
use crate::repr::{Datum, LocalId};
use crate::script::{Command, CreateDataflow, JoinChoice, Plan};

/// What is so at one place.
pub(super) type Place = BTreeMap<&'static str, Fact>;

/// Every fact, what kind it is, and what it says.
const FACTS: [(&str, FactKind, &str); 18] = [
    ("command", FactKind::Words, "the verb of the command"),
    (
        "of",
        FactKind::Words,
        "what is peeked or compacted: index, materialized-view, subscribe",
    ),
    (
        "drops",
        FactKind::Flag,
        "the compaction is to the empty frontier",
    ),
    (
        "siblings",
        FactKind::Number,
        "other live exports of the same dataflow",
    ),
    ("ordered", FactKind::Flag, "the peek has an order"),
    ("limit", FactKind::Number, "of a peek or a TopK"),
    (
        "limit-plus-offset",
        FactKind::Number,
        "the same and its offset",
    ),
    ("optimize", FactKind::Flag, "the dataflow is optimized"),
    (
        "join",
        FactKind::Words,
        "how joins are planned: linear, delta",
    ),
    (
        "exports",
        FactKind::Words,
        "of the dataflow: index, materialized-view, subscribe",
    ),
    (
        "paths",
        FactKind::Number,
        "ways on which one leaf is read through bindings, at most",
    ),
    (
        "length",
        FactKind::Words,
        "of table functions: short, unknown, endless",
    ),
    (
        "operator",
        FactKind::Words,
        "as in the text of plans: TopK, ArrangeBy",
    ),
    ("over", FactKind::Words, "the operators of its inputs"),
    (
        "functions",
        FactKind::Words,
        "of its scalars, or the table function, as add_int64",
    ),
    ("aggregates", FactKind::Words, "as sum_int64"),
    ("distinct", FactKind::Flag, "one of the aggregates is"),
    ("monotonic", FactKind::Flag, "the operator is marked so"),
];

/// Whether a condition says something about the fact of this name.
///
/// Errors: what it may say, in one line.
pub(super) fn check(name: &str, condition: &Condition) -> Result<(), String> {
    let Some((_, kind, says)) = FACTS.iter().find(|(known, ..)| *known == name) else {
        let names = FACTS.map(|(name, ..)| name).join(", ");
        return Err(format!("unknown fact `{name}`; expected one of {names}"));
    };
    if condition.fits(*kind) {
        return Ok(());
    }
    let expected = match kind {
        FactKind::Flag => "true or false",
        FactKind::Number => "a number: an integer, \">= N\" or \"<= N\"",
        FactKind::Words => "a word or a list of words",
    };
    Err(format!("`{name}` is {expected} ({says})"))
}

/// The places of a command.
pub(super) fn places(command: &Command, watch: &Watch) -> Vec<Place> {
    let mut own = Place::new();
    own.insert("command", word(command.verb()));
    let mut places = Vec::new();
    match command {
        Command::Peek { id, selection, .. } | Command::StartPeek { id, selection, .. } => {
            of(&mut own, watch.exported(*id));
            own.insert("ordered", Fact::Flag(!selection.order_by.is_empty()));
            let plan = selection.plan.as_deref().and_then(Plan::operators);
            if let Some(plan) = plan {
                plan.visit(&mut |operator| places.push(of_operator(operator)));
            }
            if let Some(limit) = selection.limit {
                limits(&mut own, limit.into(), selection.offset.into());
            }
        }
        Command::AllowCompaction { id, frontier } => {
            of(&mut own, watch.exported(*id));
            own.insert("drops", Fact::Flag(frontier.is_none()));
        }
        Command::CreateDataflow(dataflow) => {
            own.extend(of_dataflow(dataflow));
            for plan in plans(dataflow) {
                plan.visit(&mut |operator| {
                    let mut place = of_operator(operator);
                    place.insert("optimize", Fact::Flag(dataflow.optimize));
                    places.push(place);
                });
            }
        }
        Command::ExpectError { command } => return self::places(command, watch),
        Command::CreateInstance { .. }
        | Command::UpdateConfiguration { .. }
        | Command::InitializationComplete
        | Command::Reconnect
        | Command::DefineSchema { .. }
        | Command::WriteSingleTs { .. }
        | Command::WriteSpread { .. }
        | Command::WriteRows { .. }
        | Command::DefineIndex { .. }
        | Command::Schedule { .. }
        | Command::AllowWrites { .. }
        | Command::AwaitFrontier { .. }
        | Command::Count { .. }
        | Command::PeekCount { .. }
        | Command::ExpectCount { .. }
        | Command::AwaitSubscribe { .. }
        | Command::AwaitPeek { .. }
        | Command::CancelPeek { .. }
        | Command::DowngradeSince { .. }
        | Command::Restart
        | Command::Kill { .. } => {}
    }
    places.push(own);
    places
}

fn word(word: &str) -> Fact {
    Fact::Words([word.to_string()].into())
}

fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Fact {
    Fact::Words(words.into_iter().map(String::from).collect())
}

fn of(place: &mut Place, exported: Option<(Exported, usize)>) {
    if let Some((exported, siblings)) = exported {
        place.insert("of", word(exported.name()));
        place.insert("siblings", Fact::Number(siblings as i128));
    }
}

fn limits(place: &mut Place, limit: i128, offset: i128) {
    place.insert("limit", Fact::Number(limit));
    place.insert("limit-plus-offset", Fact::Number(limit + offset));
}

fn plans(dataflow: &CreateDataflow) -> impl Iterator<Item = &Relation> {
    let plans = dataflow.builds.iter().map(|build| &build.plan);
    plans.filter_map(|plan| match plan {
        Plan::Operators(relation) => Some(relation),
        Plan::Text(_) => None,
    })
}

fn of_dataflow(dataflow: &CreateDataflow) -> Place {
    let mut place = Place::new();
    place.insert("optimize", Fact::Flag(dataflow.optimize));
    if let Some(join) = dataflow.join {
        let name = match join {
            JoinChoice::Linear => "linear",
            JoinChoice::Delta => "delta",
        };
        place.insert("join", word(name));
    }
    let exports = dataflow.exports.iter().map(|e| Exported::of(e).1.name());
    place.insert("exports", words(exports));
    let ways = plans(dataflow).map(|plan| paths(plan, &mut BTreeMap::new()));
    place.insert("paths", Fact::Number(ways.max().unwrap_or(0)));
    let length = match plans(dataflow).map(Length::of).max() {
        None | Some(Length::Short) => "short",
        Some(Length::Unknown) => "unknown",
        Some(Length::Endless) => "endless",
    };
    place.insert("length", word(length));
    place
}

/// On how many ways through bindings that are used more than once a plan reads
/// what it reads; of all that it reads, the most.
fn paths(plan: &Relation, bindings: &mut BTreeMap<LocalId, i128>) -> i128 {
    match plan {
        Relation::Get {
            id: Id::Local(id), ..
        } => bindings.get(id).copied().unwrap_or(1),
        Relation::Let { id, value, body } => {
            let ways = paths(value, bindings);
            bindings.insert(*id, ways);
            paths(body, bindings)
        }
        // What is read in each round counts once.
        Relation::LetRec {
            bindings: recursive,
            body,
        } => {
            let ways = recursive
                .iter()
                .map(|binding| paths(&binding.value, bindings));
            let most = ways.max().unwrap_or(1);
            most.max(paths(body, bindings))
        }
        Relation::Constant { .. }
        | Relation::Get { .. }
        | Relation::Project { .. }
        | Relation::Map { .. }
        | Relation::FlatMap { .. }
        | Relation::Filter { .. }
        | Relation::Join { .. }
        | Relation::Reduce { .. }
        | Relation::TopK { .. }
        | Relation::Negate { .. }
        | Relation::Threshold { .. }
        | Relation::Union { .. }
        | Relation::ArrangeBy { .. } => {
            let inputs = plan.children().into_iter();
            let ways = inputs.map(|input| paths(input, bindings));
            ways.fold(0, i128::saturating_add).max(1)
        }
    }
}

fn of_operator(operator: &Relation) -> Place {
    let mut place = Place::new();
    place.insert("operator", word(operator.name()));
    place.insert(
        "over",
        words(operator.children().into_iter().map(Relation::name)),
    );
    let scalars = operator.scalars().into_iter();
    let mut functions: BTreeSet<String> = scalars.flat_map(functions::names_in).collect();
    match operator {
        Relation::FlatMap { func, .. } => {
            functions.insert(snake_name(func));
        }
        Relation::Reduce {
            aggregates,
            monotonic,
            ..
        } => {
            let names = aggregates
                .iter()
                .map(|AggregateExpr { func, .. }| snake_name(func));
            place.insert("aggregates", Fact::Words(names.collect()));
            let distinct = aggregates.iter().any(|aggregate| aggregate.distinct);
            place.insert("distinct", Fact::Flag(distinct));
            place.insert("monotonic", Fact::Flag(*monotonic));
        }
        Relation::TopK {
            limit,
            offset,
            monotonic,
            ..
        } => {
            place.insert("monotonic", Fact::Flag(*monotonic));
            if let Some(limit) = limit.as_ref().and_then(number) {
                limits(&mut place, limit, *offset as i128);
            }
        }
        Relation::Constant { .. }
        | Relation::Get { .. }
        | Relation::Let { .. }
        | Relation::LetRec { .. }
        | Relation::Project { .. }
        | Relation::Map { .. }
        | Relation::Filter { .. }
        | Relation::Join { .. }
        | Relation::Negate { .. }
        | Relation::Threshold { .. }
        | Relation::Union { .. }
        | Relation::ArrangeBy { .. } => {}
    }
    place.insert("functions", Fact::Words(functions.into_iter().collect()));
    place
}

fn number(limit: &MirScalarExpr) -> Option<i128> {
    match scalar::as_literal(limit)?.iter().next()? {
        Datum::Int64(n) => Some(n.into()),
        Datum::UInt64(n) => Some(n.into()),
        // No other type is a limit.
        _ => None,
    }
}
