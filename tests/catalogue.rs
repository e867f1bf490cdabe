//! Documents that must say what the program does: the catalogue of invariants,
//! and the flags and mutants that README.md or `--help` promise. What this file
//! alone can catch: a checker without documentation, or a documented one that
//! does not exist.

use std::collections::BTreeSet;
use std::path::Path;

use clusterd_fuzz::invariants;

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("reading {name}: {e}"))
}

#[test]
fn the_catalogue_of_invariants_names_every_checker_and_no_other() {
    let text = document("invariants.md");
    let headings: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("## ")).collect();
    let expected: Vec<String> = invariants::all()
        .iter()
        .map(|i| format!("{}: {}", i.id(), i.title()))
        .collect();
    assert_eq!(headings, expected);
    let files: BTreeSet<&str> = text
        .lines()
        .filter_map(|l| l.strip_prefix("Checker: `")?.strip_suffix('`'))
        .collect();
    let expected: Vec<_> = invariants::all().iter().map(|i| i.file()).collect();
    let expected: BTreeSet<&str> = expected.into_iter().collect();
    assert_eq!(files, expected);
}

#[test]
fn every_invariant_says_where_it_comes_from() {
    let text = document("invariants.md");
    for entry in text.split("\n## ").skip(1) {
        assert!(entry.contains("Source:"), "no source in {entry}");
    }
}

#[test]
fn every_leniency_has_its_reason_in_the_catalogue() {
    let text = document("invariants.md");
    let listed = text.lines().filter_map(|line| line.strip_prefix("* **L-"));
    let listed: Vec<String> = listed
        .map(|line| {
            let (code, rest) = line.split_once("** ").unwrap();
            assert!(
                rest.contains(": ") || rest.contains(" ("),
                "L-{code} gives no reason"
            );
            format!("L-{code}")
        })
        .collect();
    let known: Vec<&str> = invariants::Leniency::ALL.iter().map(|l| l.code()).collect();
    assert_eq!(listed, known);
}

#[test]
fn every_flag_of_the_fuzzer_is_in_the_readme() {
    use clap::CommandFactory;
    let readme = document("README.md");
    let mut pending = vec![clusterd_fuzz::cli::Cli::command()];
    let mut missing = BTreeSet::new();
    while let Some(command) = pending.pop() {
        // Miniclusterd takes clusterd's flags, which `--help` explains.
        if command.get_name() == "miniclusterd" {
            continue;
        }
        for argument in command.get_arguments() {
            let flag = argument.get_long().map(|long| format!("`--{long}`"));
            if let Some(flag) = flag.filter(|flag| !readme.contains(flag.as_str())) {
                missing.insert(flag);
            }
            assert!(
                argument.get_help().is_some() || argument.is_positional(),
                "{} has no help",
                argument.get_id()
            );
        }
        pending.extend(command.get_subcommands().cloned());
    }
    assert_eq!(missing, BTreeSet::new());
}
