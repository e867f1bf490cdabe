//! The style of the house, as a test: what ARCHITECTURE.md promises about the
//! rooms is checked here against the source text. What this file alone can
//! catch: a room that reaches into a room below it, a file without a header, a
//! file or a function that has grown past its idea, a catch-all arm over an enum
//! whose variants are to be listed.

#[path = "tidy/syntax.rs"]
mod syntax;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of the fuzzer in order: a room may use the rooms before it.
const ROOMS: [&str; 8] = [
    "known",
    "invariants",
    "generate",
    "schedule",
    "shrink",
    "explore",
    "campaign",
    "cli",
];

/// Crates that a room may not name, though the package depends on them.
const FORBIDDEN: [(&str, &[&str]); 6] = [
    ("known", &["driver", "persist", "replica"]),
    ("invariants", &["driver", "persist", "replica"]),
    ("generate", &["driver", "persist", "replica"]),
    (
        "schedule",
        &["driver", "persist", "replica", "model", "script"],
    ),
    ("shrink", &["driver", "persist", "replica"]),
    ("campaign", &["replica"]),
];

/// The crates, and which of the others each may depend on. The compiler holds the
/// code to it; this table holds the manifests to ARCHITECTURE.md.
const CRATES: [(&str, &[&str]); 8] = [
    ("repr", &[]),
    ("protocol", &["repr"]),
    ("persist", &["repr"]),
    ("plan", &["protocol", "repr"]),
    ("script", &["plan", "protocol", "repr"]),
    ("model", &["plan", "protocol", "repr", "script"]),
    ("driver", &["persist", "plan", "protocol", "repr", "script"]),
    ("miniclusterd", &["persist", "protocol", "repr"]),
];

const MAX_LINES: usize = 1_000;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(under: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut pending = vec![under.to_path_buf()];
    while let Some(directory) = pending.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().is_none_or(|name| name != "target") {
                    pending.push(path);
                }
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn all_files() -> Vec<PathBuf> {
    ["src", "crates", "tests", "benches", "fuzz"]
        .iter()
        .flat_map(|dir| rust_files(&root().join(dir)))
        .collect()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// The same for any path above a file; empty outside of the house.
fn shown_below_root(path: &Path) -> String {
    let below = path.strip_prefix(root());
    below.map_or_else(|_| String::new(), |path| path.display().to_string())
}

fn assert_none(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// The room that a file under `src/` belongs to, if any.
fn room_of(path: &Path) -> Option<String> {
    let relative = path.strip_prefix(root().join("src")).ok()?;
    let room = relative.components().next()?.as_os_str().to_str()?;
    let room = room.trim_end_matches(".rs");
    ROOMS.contains(&room).then(|| room.to_string())
}

/// The rooms and crates that a source text names as `crate::name`, with line
/// numbers.
fn uses(text: &str) -> Vec<(usize, String)> {
    let mut uses = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        for piece in line.split("crate::").skip(1) {
            let names: Vec<&str> = match piece.strip_prefix('{') {
                Some(list) => list
                    .split([',', '}'])
                    .map(|item| item.trim().split("::").next().unwrap_or(""))
                    .collect(),
                None => vec![
                    piece
                        .split(|c: char| !c.is_alphanumeric() && c != '_')
                        .next()
                        .unwrap_or(""),
                ],
            };
            for name in names {
                let named = FORBIDDEN.iter().any(|(_, crates)| crates.contains(&name));
                if ROOMS.contains(&name) || named {
                    uses.push((at + 1, name.to_string()));
                }
            }
        }
    }
    uses
}

#[test]
fn a_room_uses_only_the_rooms_and_crates_that_architecture_allows() {
    let position = |room: &str| ROOMS.iter().position(|r| *r == room);
    let forbidden: BTreeMap<_, _> = FORBIDDEN.into_iter().collect();
    let mut problems = Vec::new();
    for path in rust_files(&root().join("src")) {
        let Some(room) = room_of(&path) else { continue };
        for (line, used) in uses(&fs::read_to_string(&path).unwrap()) {
            let named = forbidden.get(room.as_str());
            let fine = position(&used) <= position(&room)
                && !named.is_some_and(|crates| crates.contains(&used.as_str()));
            if !fine {
                problems.push(format!(
                    "{}:{line}: `{room}` may not use `{used}`",
                    shown(&path)
                ));
            }
        }
    }
    assert_none(problems);
}

#[test]
fn a_crate_depends_only_on_the_crates_that_architecture_allows() {
    let mut problems = Vec::new();
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        let manifest = fs::read_to_string(path.join("Cargo.toml")).unwrap();
        let (_, dependencies) = manifest.split_once("[dependencies]").unwrap();
        let known = |line: &str| {
            let dependency = line.split([' ', '.', '=']).next().unwrap_or("");
            let known = CRATES.iter().find(|(name, _)| *name == dependency);
            known.map(|(name, _)| *name)
        };
        let mut named: Vec<&str> = dependencies.lines().filter_map(known).collect();
        named.sort_unstable();
        match CRATES.iter().find(|(known, _)| *known == name) {
            Some((_, allowed)) if named == *allowed => {}
            Some((_, allowed)) => {
                problems.push(format!("{name} depends on {named:?}, not on {allowed:?}"));
            }
            None => problems.push(format!("the crate {name} is not in the table")),
        }
        found.push(name);
    }
    assert_eq!(found.len(), CRATES.len(), "{found:?}");
    assert_none(problems);
}

/// Folders within a crate, and words that their code never has: what is pure knows
/// nothing of what stands around it.
const PURE: [(&str, &[&str]); 3] = [
    ("crates/persist/src/format", &["service", "tokio", "async "]),
    ("crates/model/src/eval", &["account", "script::"]),
    (
        "crates/miniclusterd/src/eval",
        &[
            "compute::",
            "render",
            "sink",
            "source::",
            "process::",
            "timely",
            "differential",
            "persist::",
        ],
    ),
];

#[test]
fn what_is_pure_never_names_what_stands_around_it() {
    let mut problems = Vec::new();
    for (folder, words) in PURE {
        let files = rust_files(&root().join(folder));
        assert!(!files.is_empty(), "{folder} is empty");
        for path in files {
            let text = fs::read_to_string(&path).unwrap();
            for (at, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or("");
                if words.iter().any(|word| code.contains(word)) {
                    problems.push(format!("{}:{}: {}", shown(&path), at + 1, line.trim()));
                }
            }
        }
    }
    assert_none(problems);
}

#[test]
fn generation_never_calls_a_random_number_generator() {
    let mut problems = Vec::new();
    for path in rust_files(&root().join("src/generate")) {
        // The one file that turns a seed into choices.
        if path.file_name().is_some_and(|name| name == "seeded.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for (at, line) in text.lines().enumerate() {
            let code = !line.trim_start().starts_with("//");
            if code && (line.contains("rand::") || line.contains("Uuid::new_v4")) {
                problems.push(format!("{}:{}: {}", shown(&path), at + 1, line.trim()));
            }
        }
    }
    assert_none(problems);
}

#[test]
fn every_file_says_what_it_is_for() {
    let problems = all_files()
        .into_iter()
        .filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            let first = text.lines().find(|line| !line.starts_with("#!["));
            !first.is_some_and(|line| line.starts_with("//! "))
        })
        .map(|path| format!("{}: starts without a `//!` header", shown(&path)))
        .collect();
    assert_none(problems);
}

/// Whether a text in backticks is the name of a file or a folder.
fn names_a_path(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let ends = [".rs", ".toml", ".md", "/"];
    text.chars().all(plain) && (text.contains('/') || ends.iter().any(|end| text.ends_with(end)))
}

#[test]
fn every_file_that_architecture_names_exists() {
    let mut known: BTreeSet<String> = BTreeSet::new();
    let top = fs::read_dir(root()).unwrap();
    known.extend(top.map(|entry| entry.unwrap().file_name().into_string().unwrap()));
    for path in all_files() {
        known.extend(path.ancestors().map(shown_below_root));
    }
    let is_known = |name: &str| {
        let name = name.trim_end_matches('/');
        known.iter().any(|path| {
            let rest = path.strip_suffix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        })
    };
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let quoted: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    let paths: Vec<&str> = quoted
        .into_iter()
        .filter(|text| names_a_path(text))
        .collect();
    assert!(paths.len() > 30, "{paths:?}");
    let missing = paths.into_iter().filter(|path| !is_known(path));
    // Folders that hold no sources.
    let missing = missing.filter(|path| !root().join(path).exists());
    assert_none(missing.map(str::to_string).collect());
}

#[test]
fn no_file_outgrows_its_idea() {
    let problems = all_files()
        .into_iter()
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            (lines > MAX_LINES)
                .then(|| format!("{}: {lines} lines, at most {MAX_LINES}", shown(&path)))
        })
        .collect();
    assert_none(problems);
}

/// The source files whose syntax is checked, without their tests.
fn parsed_files() -> Vec<(String, syntax::Findings)> {
    let crates = rust_files(&root().join("crates"));
    let files = rust_files(&root().join("src")).into_iter().chain(crates);
    let is_test = |path: &Path| {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        stem.is_some_and(|stem| stem == "tests" || stem.ends_with("_tests"))
    };
    files
        .filter(|path| !is_test(path))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let findings =
                syntax::findings(&text).unwrap_or_else(|error| panic!("{}: {error}", shown(&path)));
            (shown(&path), findings)
        })
        .collect()
}

const MAX_FUNCTION_LINES: usize = 70;

#[test]
fn no_function_outgrows_its_idea() {
    let mut problems = Vec::new();
    for (file, findings) in parsed_files() {
        for function in findings.functions {
            if function.lines > MAX_FUNCTION_LINES {
                problems.push(format!(
                    "{file}: {}: {} lines, at most {MAX_FUNCTION_LINES}",
                    function.name, function.lines
                ));
            }
        }
    }
    assert_none(problems);
}

/// Enums whose variants a match lists, so that a new variant fails to compile
/// until it is thought about: the logical plan, the wire, and the functions that
/// are few. Unary, binary and variadic functions are asked family by family, where
/// `_` means another family's.
const LISTED_ENUMS: [&str; 20] = [
    "Relation",
    "JoinImplementation",
    "MirScalarExpr",
    "TableFunc",
    "AggregateFunc",
    "ComputeCommand",
    "ComputeResponse",
    "PeekResponse",
    "SubscribeResponse",
    "PeekTarget",
    "ComputeSinkConnection",
    "Expr",
    "GetPlan",
    "JoinPlan",
    "ReducePlan",
    "HierarchicalPlan",
    "BasicPlan",
    "TopKPlan",
    "ThresholdPlan",
    "ArrangementStrategy",
];

#[test]
fn a_match_over_plans_and_the_wire_names_every_variant() {
    let mut problems = Vec::new();
    for (file, findings) in parsed_files() {
        for found in findings.catch_alls {
            if LISTED_ENUMS.contains(&found.matched.as_str()) {
                problems.push(format!(
                    "{file}:{}: {}: `_ =>` over {}",
                    found.line, found.function, found.matched
                ));
            }
        }
    }
    assert_none(problems);
}
