//! Properties of drawn plans over many seeds: every operator occurs, most of
//! them have answers with rows, and their text says what was drawn.

use std::collections::{BTreeMap, BTreeSet};

use super::tests::{rehearse_and, script};
use super::*;
use crate::known::KnownBugs;
use crate::model::eval::Evaluated;
use crate::model::{Expected, Rehearsal};
use crate::plan::{Globals, Relation, parse, print};
use crate::repr::ReprRelationType;
use crate::script::event::{DataflowSpec, Event, PeekSpec};

const SEEDS: u64 = 2_000;

fn operators() -> Profile {
    Profile::default().with_operators(50)
}

/// The dataflows that a script creates, as the model sees them.
fn dataflows(commands: &[Command]) -> Vec<std::sync::Arc<DataflowSpec>> {
    let mut rehearsal = Rehearsal::new();
    let events = commands
        .iter()
        .flat_map(|command| rehearsal.play(command).events);
    let specs = events.filter_map(|event| match event {
        Event::DataflowCreated(spec) if spec.name != "headless-count" => Some(spec),
        _ => None,
    });
    specs.collect()
}

#[test]
fn plans_are_valid_use_every_operator_and_mostly_have_answers() {
    let mut by_operator: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut created, mut drawn, mut over_indexes) = (0, 0, 0);
    let mut answers: BTreeMap<&str, u64> = BTreeMap::new();
    let mut undefined: BTreeSet<String> = BTreeSet::new();
    for seed in 0..SEEDS {
        let (commands, _) = script(seed, &operators());
        for command in &commands {
            created += u64::from(matches!(command, Command::CreateDataflow(_)));
        }
        let mut exports = BTreeSet::new();
        for spec in dataflows(&commands) {
            let mut of_operators = false;
            for (_, plan) in &spec.builds {
                plan.visit(&mut |r| {
                    *by_operator.entry(r.name()).or_default() += 1;
                    of_operators |= !matches!(
                        r,
                        Relation::Get { .. } | Relation::Filter { .. } | Relation::Project { .. }
                    );
                });
            }
            if of_operators {
                drawn += 1;
                over_indexes += u64::from(
                    spec.imports
                        .iter()
                        .any(|i| matches!(i, crate::script::event::ImportSpec::Index { .. })),
                );
                exports.extend(spec.exports.iter().map(|e| e.id()));
            }
        }
        let mut look = |model: &crate::model::Model, peek: &PeekSpec| {
            if !exports.contains(&peek.id) {
                return;
            }
            let kind = match model.peek_answer(peek.id, peek.ts) {
                Expected::Rows(rows) if rows.is_empty() => "no rows",
                Expected::Rows(_) => "rows",
                Expected::Errors(_) => "errors",
                Expected::Either(..) => "either",
                Expected::Undefined(crate::model::Undefined::NotSealed { .. }) => "not sealed",
                Expected::Undefined(why) => {
                    undefined.insert(format!("{why}"));
                    "undefined"
                }
            };
            *answers.entry(kind).or_default() += 1;
        };
        if let Err(problem) = rehearse_and(&commands, &mut look) {
            let script = crate::script::Script::from_commands(commands);
            panic!("seed {seed}: {problem}\n{script}");
        }
    }
    let wanted = [
        "ArrangeBy",
        "Constant",
        "Distinct",
        "Filter",
        "FlatMap",
        "Get",
        "Join",
        "Map",
        "Negate",
        "Project",
        "Reduce",
        "Threshold",
        "TopK",
        "Union",
        "With",
        "With Mutually Recursive",
    ];
    for operator in wanted {
        let count = by_operator.get(operator).copied().unwrap_or(0);
        assert!(count >= 20, "{operator} occurs {count} times");
    }
    assert!(drawn * 5 > created * 2, "{drawn} of {created}");
    assert!(over_indexes * 4 > drawn, "{over_indexes} of {drawn}");
    let of = |kinds: &[&str]| -> u64 { kinds.iter().filter_map(|k| answers.get(k)).sum() };
    let all = of(&["rows", "no rows", "errors", "either", "undefined"]);
    assert!(of(&["undefined"]) * 100 <= all, "{undefined:?}");
    assert!(
        of(&["rows", "no rows", "either"]) * 10 > all * 8,
        "{answers:?}"
    );
    assert!(of(&["rows"]) * 5 > all * 2, "{answers:?}");
}

#[test]
fn the_text_of_a_plan_reads_back_as_the_plan() {
    let mut builds = 0;
    for seed in 0..300 {
        let (commands, _) = script(seed, &operators());
        let mut texts = commands.iter().filter_map(|command| match command {
            Command::CreateDataflow(dataflow) => Some(dataflow.builds.clone()),
            _ => None,
        });
        for spec in dataflows(&commands) {
            if spec.builds.is_empty() {
                continue;
            }
            let Some(written) = texts.find(|builds| !builds.is_empty()) else {
                panic!("seed {seed}: more dataflows than commands");
            };
            for ((_, plan), build) in spec.builds.iter().zip(written) {
                builds += 1;
                let mut globals = Globals::new();
                plan.visit(&mut |r| {
                    if let Relation::Get {
                        id: crate::protocol::v26_30::Id::Global(id),
                        typ,
                    } = r
                    {
                        globals.insert(*id, ReprRelationType::clone(typ));
                    }
                });
                let printed = print(plan);
                let (again, _) = parse(&printed, &globals)
                    .unwrap_or_else(|e| panic!("seed {seed}: {e}\n{printed}"));
                assert_eq!(again, *plan, "seed {seed}");
                let (mut drawn, _) = parse(&build.plan.to_string(), &globals).unwrap();
                if spec.until == Some(spec.as_of + 1) {
                    drawn.replace_now(spec.as_of);
                }
                assert_eq!(drawn, *plan, "seed {seed}");
            }
        }
    }
    assert!(builds > 200, "{builds}");
}

/// What the model says of a collection may be skipped up to its horizon: evaluated
/// there by itself, every time before that is like the one that set it.
#[test]
fn contents_stay_the_same_up_to_their_horizon() {
    let (mut skipped, mut told) = (0, 0);
    for seed in 0..SEEDS {
        let (commands, _) = script(seed, &operators());
        let mut rehearsal = Rehearsal::new();
        for command in &commands {
            rehearsal.play(command);
        }
        let model = rehearsal.model();
        for collection in model.session().live_collections() {
            let mut before: Option<std::sync::Arc<Evaluated>> = None;
            for ts in collection.as_of()..collection.as_of() + 12 {
                let Ok(now) = model.object_of(collection.id, ts) else {
                    break;
                };
                let kept = before.filter(|b| b.horizon.next().is_none_or(|next| ts < next));
                if let Some(kept) = kept {
                    let id = collection.id;
                    assert_eq!(kept.as_ref(), now.as_ref(), "seed {seed}: {id} at {ts}");
                    skipped += 1;
                }
                told += 1;
                before = Some(now);
            }
        }
    }
    assert!(skipped > 1_000 && told > 2 * skipped, "{skipped} of {told}");
}

#[test]
fn without_operators_plans_are_the_simple_ones() {
    let profile = Profile::default().with_operators(0);
    for seed in 0..200 {
        for spec in dataflows(&script(seed, &profile).0) {
            for (_, plan) in &spec.builds {
                plan.visit(&mut |r| {
                    let simple = matches!(
                        r,
                        Relation::Get { .. } | Relation::Filter { .. } | Relation::Project { .. }
                    );
                    assert!(simple, "seed {seed}: {}", print(plan));
                });
            }
        }
    }
}

/// How many operators of 2,000 scripts are such.
fn count(profile: &Profile, such: impl Fn(&Relation) -> bool) -> usize {
    let mut found = 0;
    for seed in 0..2_000 {
        for spec in dataflows(&script(seed, profile).0) {
            for (_, plan) in &spec.builds {
                plan.visit(&mut |r| found += usize::from(such(r)));
            }
        }
    }
    found
}

#[test]
fn all_and_any_stand_beside_distinct_aggregates() {
    use crate::protocol::v26_30::AggregateFunc;
    let beside = |r: &Relation| {
        let Relation::Reduce { aggregates, .. } = r else {
            return false;
        };
        let test = |f: &AggregateFunc| matches!(f, AggregateFunc::All | AggregateFunc::Any);
        aggregates.iter().any(|a| test(&a.func)) && aggregates.iter().any(|a| a.distinct)
    };
    assert!(count(&operators(), beside) > 0);
}

#[test]
fn a_profile_that_goes_round_known_bugs_draws_none_of_them_and_counts_them() {
    let all = KnownBugs::built_in().unwrap();
    let round = all.of_release(crate::protocol::Release::V26_30);
    let going = operators().round(round.clone());
    // They are drawn, each at its own rate.
    let bugs = [
        "huge-limit",
        "top-k-limit-overflows",
        "view-seals-after-drop",
    ];
    let mut gone_round: BTreeMap<String, u64> = BTreeMap::new();
    let mut shown = BTreeSet::new();
    for seed in 0..3_000 {
        let met = |bug: &&str| shown.contains(*bug) && gone_round.contains_key(*bug);
        if seed >= 300 && bugs.iter().all(met) {
            break;
        }
        let (commands, tally) = script(seed, &going);
        assert_eq!(round.shown_in(&commands), None, "seed {seed}");
        for (bug, count) in tally.gone_round {
            *gone_round.entry(bug).or_default() += count;
        }
        let (commands, _) = script(seed, &operators());
        shown.extend(round.shown_in(&commands).map(|bug| bug.id.clone()));
    }
    // What is drawn otherwise, and only that, was gone round.
    for bug in bugs {
        assert!(
            shown.contains(bug) && gone_round.get(bug).is_some_and(|count| *count > 0),
            "{bug}: {gone_round:?}"
        );
    }
}
