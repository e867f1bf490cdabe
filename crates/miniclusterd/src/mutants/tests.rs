//! What the catalogue promises, and that the rest of the crate does without it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

#[test]
fn names_are_unique_kebab_case_and_parse_back() {
    let mut seen = BTreeSet::new();
    for m in Mutant::ALL {
        let name = m.name();
        assert!(seen.insert(name), "{name} twice");
        assert!(
            name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
            "{name}"
        );
        assert_eq!(name.parse(), Ok(*m));
        assert!(!m.description().contains(['\n', '\t']));
    }
    assert!("no-such".parse::<Mutant>().is_err());
}

/// Every source file of the crate with its text, this one left out.
fn sources() -> Vec<(PathBuf, String)> {
    fn read(folder: &Path, into: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, into);
            } else if !path.ends_with("mutants/tests.rs") {
                let text = fs::read_to_string(&path).unwrap();
                into.push((path, text));
            }
        }
    }
    let mut sources = Vec::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut sources,
    );
    sources
}

fn is_seam(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "mutants")
}

#[test]
fn every_mutant_is_wired_to_a_seam() {
    let seams: String = sources()
        .into_iter()
        .filter(|(path, _)| is_seam(path))
        .map(|(_, text)| text)
        .collect();
    for m in Mutant::ALL {
        let wired = format!("Mutant::{m:?})");
        assert!(seams.contains(&wired), "{m} is listed and does nothing");
    }
}

#[test]
fn no_file_outside_of_this_folder_names_a_mutant() {
    // `Mutant:` is the beginning of a comment or of a path to a variant.
    let naming: Vec<String> = sources()
        .into_iter()
        .filter(|(path, text)| !is_seam(path) && text.contains("Mutant:"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(naming.is_empty(), "{naming:?}");
}

#[test]
fn a_set_holds_what_was_put_in_and_nothing_else() {
    let set = Mutants::from(Mutant::PeekEarly);
    for m in Mutant::ALL {
        assert_eq!(set.is(*m), *m == Mutant::PeekEarly);
        assert!(!Mutants::none().is(*m));
    }
}
