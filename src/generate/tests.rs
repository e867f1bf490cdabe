//! Properties of the generator over many seeds: what is drawn is valid, every
//! wait in it ends, everything occurs, and a seed means the same script always.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::model::{Model, Rehearsal};
use crate::script::event::{Event, PeekSpec};
use crate::script::{Script, json, json_print, text};

const SEEDS: u64 = 1_000;

pub(super) fn script(seed: u64, profile: &Profile) -> (Vec<Command>, Tally) {
    generate_counted(&mut SeededChoices::new(seed), profile)
}

/// Rehearses a script, as if every wait ended at once.
///
/// Errors: where the sequence is invalid, or a wait would not end.
pub(super) fn rehearse(commands: &[Command]) -> Result<Rehearsal, String> {
    rehearse_and(commands, &mut |_, _| {})
}

/// The same, and shows every peek to `looks`.
pub(super) fn rehearse_and(
    commands: &[Command],
    looks: &mut dyn FnMut(&Model, &PeekSpec),
) -> Result<Rehearsal, String> {
    let mut rehearsal = Rehearsal::new();
    for (step, command) in commands.iter().enumerate() {
        let fail = |what: String| format!("command {step}, `{command}`: {what}");
        let rehearsed = rehearsal.play_valid(command);
        let rehearsed = rehearsed.map_err(|e| fail(e.to_string()))?;
        for event in &rehearsed.events {
            if let Event::PeekSent(peek) = event {
                looks(rehearsal.model(), peek);
            }
        }
        if let Command::AwaitFrontier {
            allow_timeout: true,
            ..
        } = command
        {
            return Err(fail("a wait that may run out".to_string()));
        }
        let ended = rehearsal.end(&rehearsed.waits);
        ended.map_err(|e| fail(e.to_string()))?;
    }
    Ok(rehearsal)
}

#[test]
fn every_script_is_valid_and_every_wait_in_it_ends() {
    for seed in 0..SEEDS {
        let (commands, _) = script(seed, &Profile::default());
        if let Err(problem) = rehearse(&commands) {
            panic!(
                "seed {seed}: {problem}\n{}",
                Script::from_commands(commands)
            );
        }
    }
}

#[test]
fn with_every_switch_on_scripts_are_valid_too() {
    let profile = Profile {
        negative: true,
        until: true,
        swarm: false,
        ..Profile::default()
    }
    .with_weight(Action::Restart, 2);
    for seed in 0..SEEDS / 2 {
        let (commands, _) = script(seed, &profile);
        if let Err(problem) = rehearse(&commands) {
            panic!(
                "seed {seed}: {problem}\n{}",
                Script::from_commands(commands)
            );
        }
    }
}

#[test]
fn every_kind_of_command_occurs() {
    let mut verbs: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..SEEDS {
        let (_, tally) = script(seed, &Profile::default());
        for (verb, uses) in tally.by_verb {
            *verbs.entry(verb).or_default() += uses.commands;
        }
    }
    let occurring: BTreeSet<&str> = verbs.keys().copied().collect();
    let wanted = [
        "allow-compaction",
        "allow-writes",
        "await-frontier",
        "await-peek",
        "await-subscribe",
        "cancel-peek",
        "count",
        "create-dataflow",
        "create-instance",
        "define-index",
        "define-schema",
        "downgrade-since",
        "initialization-complete",
        "peek",
        "reconnect",
        "restart",
        "schedule",
        "start-peek",
        "update-configuration",
        "write-rows",
        "write-single-ts",
        "write-spread",
    ];
    assert_eq!(occurring, wanted.into_iter().collect::<BTreeSet<_>>());
    let length = verbs.values().sum::<u64>() as f64 / SEEDS as f64;
    assert!(
        (14.0..40.0).contains(&length),
        "{length:.1} commands a case"
    );
}

#[test]
fn almost_every_command_shows_something_and_few_answers_are_empty() {
    let mut all = Tally::default();
    for seed in 0..3_000 {
        all.add(&script(seed, &Profile::default().with_operators(50)).1);
    }
    let share = |part: u64, whole: u64| part as f64 / whole as f64;
    let meaningful = share(all.meaningful(), all.content());
    let idle: Vec<_> = all.idle().collect();
    assert!(meaningful >= 0.95, "{meaningful:.3}: {idle:?}");
    let empty = share(all.empty, all.answers);
    assert!(empty <= 0.10, "{empty:.3}");
}

#[test]
fn rows_are_retracted_and_never_below_zero() {
    let mut retractions = 0;
    let profile = Profile {
        negative: false,
        ..Profile::default()
    };
    for seed in 0..SEEDS {
        let (commands, _) = script(seed, &profile);
        let Ok(rehearsal) = rehearse(&commands) else {
            continue;
        };
        for shard in rehearsal.model().shards().values() {
            assert!(shard.times().all(|ts| !shard.contents(ts).has_negative()));
        }
        retractions += commands
            .iter()
            .filter_map(|command| match command {
                Command::WriteRows { rows, .. } => Some(rows),
                _ => None,
            })
            .flatten()
            .filter(|row| row.diff < 0)
            .count();
    }
    assert!(retractions > SEEDS as usize / 2, "{retractions}");
}

#[test]
fn a_seed_means_the_same_script_always() {
    for seed in 0..100 {
        let profile = Profile::default();
        assert_eq!(
            script(seed, &profile),
            script(seed, &profile),
            "seed {seed}"
        );
    }
}

#[test]
fn scripts_parse_back_from_their_text() {
    for seed in 0..200 {
        let (commands, _) = script(seed, &Profile::default());
        let printed = Script::from_commands(commands.clone()).to_string();
        let parsed =
            text::parse(&printed).unwrap_or_else(|e| panic!("seed {seed}: {e:?}\n{printed}"));
        assert_eq!(parsed.commands(), commands, "seed {seed}");
    }
}

#[test]
fn scripts_read_back_from_their_json() {
    for seed in 0..200 {
        let (commands, _) = script(seed, &Profile::default());
        let lines = commands
            .iter()
            .map(|command| json_print::print(command).to_string());
        let lines: Vec<String> = lines.collect();
        let read = json::parse(&lines.join("\n")).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let read: Vec<Command> = read.into_iter().map(|(_, command)| command).collect();
        assert_eq!(read, commands, "seed {seed}");
    }
}

#[test]
fn no_bytes_at_all_still_give_a_short_script() {
    let commands = generate(&mut ByteChoices::new(&[]), &Profile::default());
    rehearse(&commands).unwrap();
    assert!(commands.len() < 60, "{}", commands.len());
}

#[test]
fn any_bytes_give_a_valid_script() {
    for seed in 0..200_u64 {
        let mut source = SeededChoices::new(seed);
        let bytes: Vec<u8> = (0..seed * 3)
            .map(|_| source.draw("byte", 256) as u8)
            .collect();
        let commands = generate(&mut ByteChoices::new(&bytes), &Profile::default());
        rehearse(&commands).unwrap_or_else(|problem| panic!("{bytes:?}: {problem}"));
    }
}

#[test]
fn recorded_choices_give_the_same_script_again() {
    let profile = Profile::default();
    for seed in 0..50 {
        let mut seeded = SeededChoices::new(seed);
        let mut recording = Recording::new(&mut seeded);
        let first = generate(&mut recording, &profile);
        let numbers = recording.into_choices().iter().map(|c| c.chosen).collect();
        assert_eq!(generate(&mut Replayed::new(numbers), &profile), first);
    }
}
