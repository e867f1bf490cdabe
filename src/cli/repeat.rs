//! The command line that repeats a campaign, or one case of it.
//!
//! Invariants: it is one line that a shell reads back as it is meant; whatever
//! decides what is drawn, and on what it runs, is in it; a password is not.

use super::args::{
    DEFAULT_PATIENCE, DEFAULT_PUBSUB, DEFAULT_SCHEDULES, Fuzz, KnownArgs, SecondArgs, TargetArgs,
};
use crate::driver::ALARMS;
use crate::schedule::Search;

/// The part that every case of the campaign has in common.
pub fn command(args: &Fuzz, seed: u64) -> String {
    let mut words: Vec<String> = ["clusterd-fuzz", "fuzz"].map(String::from).to_vec();
    let mut flag = |name: &str, value: String| {
        words.push(format!("--{name}"));
        words.push(quoted(&value));
    };
    flag("seed", seed.to_string());
    flag("operators", args.operators.to_string());
    if args.schedules != DEFAULT_SCHEDULES {
        flag("schedules", args.schedules.to_string());
    }
    target(&args.target, &mut flag);
    let KnownArgs {
        known_bugs,
        recheck_known,
    } = &args.known;
    if let Some(file) = known_bugs {
        flag("known-bugs", file.display().to_string());
    }
    if *recheck_known {
        words.push("--recheck-known".to_string());
    }
    words.join(" ")
}

/// What the campaign has beside it.
pub fn rest(args: &Fuzz, cases: Option<u64>) -> String {
    let mut words = match args.case {
        Some(case) => vec![format!("--case {case}")],
        None => Vec::from_iter(cases.map(|cases| format!("--cases {cases}"))),
    };
    words.extend(args.seconds.map(|seconds| format!("--seconds {seconds}")));
    words.extend(args.stop_after.map(|stop| format!("--stop-after {stop}")));
    words.join(" ")
}

fn target(args: &TargetArgs, flag: &mut dyn FnMut(&str, String)) {
    let TargetArgs {
        target,
        target_arg,
        mutant,
        workers,
        processes,
        scheduler,
        cases_per_start,
        consensus,
        blob,
        pubsub,
        protocol,
        patience,
        alarm,
        second,
        logs: _,
    } = args;
    flag("target", target.to_string());
    for mutant in mutant {
        flag("mutant", mutant.to_string());
    }
    for argument in target_arg {
        flag("target-arg", argument.clone());
    }
    let numbers = [
        ("workers", workers.map(u64::from)),
        ("processes", processes.map(u64::from)),
        ("cases-per-start", cases_per_start.map(|n| n as u64)),
        (
            "patience",
            (*patience != DEFAULT_PATIENCE).then_some(*patience),
        ),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            flag(name, number.to_string());
        }
    }
    for (name, url) in [("consensus", consensus), ("blob", blob)] {
        if let Some(url) = url {
            flag(name, without_password(url));
        }
    }
    if *scheduler != Search::default() {
        flag("scheduler", scheduler.to_string());
    }
    if pubsub.to_string() != DEFAULT_PUBSUB {
        flag("pubsub", pubsub.to_string());
    }
    if !protocol.is_default() {
        flag("protocol", protocol.to_string());
    }
    second_replica(second, flag);
    if alarm.iter().ne(ALARMS) {
        for text in alarm {
            flag("alarm", text.clone());
        }
    }
}

fn second_replica(args: &SecondArgs, flag: &mut dyn FnMut(&str, String)) {
    let SecondArgs {
        second_target,
        second_target_arg,
        second_mutant,
        second_protocol,
    } = args;
    if let Some(target) = second_target {
        flag("second-target", target.to_string());
    }
    for argument in second_target_arg {
        flag("second-target-arg", argument.clone());
    }
    for mutant in second_mutant {
        flag("second-mutant", mutant.to_string());
    }
    if let Some(protocol) = second_protocol {
        flag("second-protocol", protocol.to_string());
    }
}

/// A URL without what must not lie in a file.
fn without_password(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            // Fails only for a URL that cannot have one.
            let _ = parsed.set_password(None);
            parsed.to_string()
        }
        Ok(_) | Err(_) => url.to_string(),
    }
}

/// A word of a command line, as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    if !word.contains(char::is_control) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut text = "$'".to_string();
    for c in word.chars() {
        match c {
            '\'' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    text.push_str(&format!("\\x{byte:02x}"));
                }
            }
            c => text.push(c),
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Cli, Command};

    fn fuzz(line: &[&str]) -> Fuzz {
        let words = ["clusterd-fuzz", "fuzz"].iter().chain(line);
        match Cli::parse_from(words).command {
            Command::Fuzz(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_line_has_what_decides_a_case_and_no_password() {
        assert_eq!(
            command(&fuzz(&["--jobs", "3"]), 7),
            "clusterd-fuzz fuzz --seed 7 --operators 50 --target mini"
        );
        let args = fuzz(&[
            "--target=spawn:/a b/clusterd",
            "--target-arg=--flag",
            "--target-arg=it's\nso",
            "--workers=2",
            "--processes=3",
            "--operators=20",
            "--consensus=postgres://me:secret@127.0.0.1/db?options=--search_path=c",
            "--blob=file:///b",
            "--patience=60",
            "--alarm=two words",
            "--cases=9",
            "--known-bugs=my bugs.toml",
            "--recheck-known",
        ]);
        assert_eq!(
            command(&args, 7),
            "clusterd-fuzz fuzz --seed 7 --operators 20 --target 'spawn:/a b/clusterd' \
             --target-arg --flag --target-arg $'it\\'s\\x0aso' --workers 2 --processes 3 \
             --patience 60 --consensus 'postgres://me@127.0.0.1/db?options=--search_path=c' \
             --blob file:///b --alarm 'two words' --known-bugs 'my bugs.toml' --recheck-known"
        );
        assert_eq!(rest(&args, args.cases), "--cases 9");
        assert_eq!(rest(&fuzz(&["--case", "4"]), Some(1)), "--case 4");
    }

    #[test]
    fn a_shell_reads_every_word_as_it_is_meant() {
        for word in [
            "",
            "a",
            "a b",
            "it's",
            "$HOME `x` \"y\"",
            "\u{e9} *",
            "a\\b",
        ] {
            let script = format!("printf %s {}", quoted(word));
            let mut shell = std::process::Command::new("/bin/sh");
            let said = shell.args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), word);
        }
    }
}
