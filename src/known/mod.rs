//! Bugs of clusterd that are known, as data: in which versions each is, the script
//! that shows it, and when a command shows it. The generator goes round them on a
//! target that has them, the shrinker strays into none, and a finding that one of
//! them explains says so.
//!
//! Invariants: whether a command shows a bug depends on it and the commands before
//! it alone; a file of bugs is checked as a whole when it is read, down to the
//! names of facts.

mod condition;
mod facts;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use condition::Condition;
use facts::Place;
pub use watch::Watch;

use crate::protocol::Release;
use crate::script::Command;

/// The file that the program was built with.
const BUILT_IN: &str = include_str!("../../known-bugs.toml");

macro_rules! scripts {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../", $path)))),*]
    };
}

/// The scripts that the built-in file names.
const SCRIPTS: [(&str, &str); 8] = scripts![
    "tests/cases/view-dropped-beside-a-living-export.spec",
    "tests/cases/limit-plus-offset-overflows.spec",
    "tests/cases/errors-multiply-through-sharing.spec",
    "tests/cases/peek-with-a-huge-limit.spec",
    "tests/cases/project-over-an-arrangement.spec",
    "tests/cases/all-beside-distinct.spec",
    "tests/cases/pushdown-trusts-the-ends.spec",
    "regressions/table-function-never-yields.spec",
];

/// One bug.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownBug {
    /// What it is called; kebab-case.
    pub id: String,
    /// What goes wrong, in one line.
    pub title: String,
    /// The versions of clusterd that have it, as `26.30`.
    pub versions: Vec<String>,
    /// The script that shows it: a path from the folder of the file.
    pub script: String,
    /// The mutant of miniclusterd that has it; None where there is none.
    pub mutant: Option<String>,
    /// Where more is said.
    pub link: Option<String>,
    /// The model computes what clusterd does: there is nothing to go round.
    #[serde(default)]
    pub is_modelled: bool,
    /// A command shows it at a place of which all of one entry holds.
    #[serde(default)]
    when: Vec<BTreeMap<String, Condition>>,
    /// Settings with which clusterd is right, as the text of their values.
    #[serde(default)]
    pub unless: BTreeMap<String, String>,
}

impl KnownBug {
    /// Whether a command shows it at one of these places, which are the command's.
    fn shows_at(&self, places: &[Place], watch: &Watch) -> bool {
        let holds = |entry: &BTreeMap<String, Condition>| {
            let all_hold = |place: &Place| {
                entry
                    .iter()
                    .all(|(name, c)| c.holds(place.get(name.as_str())))
            };
            places.iter().any(all_hold)
        };
        self.when.iter().any(holds) && !watch.has_always_had(&self.unless)
    }
}

/// A file of known bugs, or a part of one.
#[derive(Debug, Clone, Default)]
pub struct KnownBugs {
    bugs: Arc<[KnownBug]>,
    /// Where the scripts are looked for; None is in the program.
    folder: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    bug: Vec<KnownBug>,
}

impl KnownBugs {
    /// Those that this program knows.
    ///
    /// Errors: none, if the tests pass.
    pub fn built_in() -> Result<KnownBugs, String> {
        KnownBugs::parse(BUILT_IN).map_err(|e| format!("the built-in known-bugs.toml: {e}"))
    }

    /// Reads a file of bugs.
    ///
    /// Errors: the path, and what is wrong, in one line.
    pub fn read(path: &Path) -> Result<KnownBugs, String> {
        let text = std::fs::read_to_string(path).map_err(|e| e.to_string());
        let bugs = text.and_then(|text| KnownBugs::parse(&text));
        let bugs = bugs.map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(KnownBugs {
            folder: Some(path.parent().unwrap_or(Path::new("")).to_path_buf()),
            ..bugs
        })
    }

    /// Errors: what is wrong, in one line.
    fn parse(text: &str) -> Result<KnownBugs, String> {
        let file: File = toml::from_str(text).map_err(|e| {
            let line = e
                .span()
                .map(|span| text[..span.start].matches('\n').count() + 1);
            let place = line.map_or(String::new(), |line| format!("line {line}: "));
            format!("{place}{}", e.message().replace('\n', " "))
        })?;
        for (at, bug) in file.bug.iter().enumerate() {
            if file.bug[..at].iter().any(|other| other.id == bug.id) {
                return Err(format!("the id `{}` stands twice", bug.id));
            }
            for (name, condition) in bug.when.iter().flatten() {
                facts::check(name, condition).map_err(|e| format!("bug `{}`: {e}", bug.id))?;
            }
        }
        Ok(KnownBugs {
            bugs: file.bug.into(),
            folder: None,
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &KnownBug> {
        self.bugs.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.bugs.is_empty()
    }

    /// Those for which this holds.
    pub fn only(&self, wanted: impl Fn(&KnownBug) -> bool) -> KnownBugs {
        let bugs = self.bugs.iter().filter(|bug| wanted(bug)).cloned();
        KnownBugs {
            bugs: bugs.collect(),
            folder: self.folder.clone(),
        }
    }

    /// Those that a campaign on a clusterd of this release goes round.
    pub fn of_release(&self, release: Release) -> KnownBugs {
        let version = release.to_string();
        self.only(|bug| !bug.is_modelled && bug.versions.contains(&version))
    }

    /// The text of a bug's script.
    ///
    /// Errors: the path, and why there is none.
    pub fn script_of(&self, bug: &KnownBug) -> Result<String, String> {
        let Some(folder) = &self.folder else {
            let built_in = SCRIPTS.iter().find(|(path, _)| *path == bug.script);
            let text = built_in.map(|(_, text)| text.to_string());
            return text.ok_or_else(|| format!("{}: not built into the program", bug.script));
        };
        let path = folder.join(&bug.script);
        std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// The first that the command shows after what the watch has seen.
    pub fn shown_by(&self, command: &Command, watch: &Watch) -> Option<&KnownBug> {
        if self.bugs.is_empty() {
            return None;
        }
        let places = facts::places(command, watch);
        self.bugs.iter().find(|bug| bug.shows_at(&places, watch))
    }

    /// The first that a script shows.
    pub fn shown_in(&self, commands: &[Command]) -> Option<&KnownBug> {
        let mut watch = Watch::default();
        commands.iter().find_map(|command| {
            let shown = self.shown_by(command, &watch);
            watch.note(command);
            shown
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::text;

    fn shown(bugs: &str, script: &str) -> Option<String> {
        let bugs = KnownBugs::parse(bugs).unwrap();
        let commands = text::parse(script).unwrap().commands();
        bugs.shown_in(&commands).map(|bug| bug.id.clone())
    }

    fn bug(rest: &str) -> String {
        format!(
            "[[bug]]\nid = \"b\"\ntitle = \"t\"\nversions = [\"26.30\"]\nscript = \"s\"\n{rest}\n"
        )
    }

    fn dataflow(plan: &str) -> String {
        format!(
            "create-dataflow as-of=0\n  import source=1000 shard=s upper=0\n  build id=1001\n{plan}\n  \
             export index=1002 on=1001 key=[0]\n----\n"
        )
    }

    #[test]
    fn the_built_in_file_is_whole_and_has_all_its_scripts() {
        let bugs = KnownBugs::built_in().unwrap();
        for bug in bugs.iter() {
            assert_eq!(bugs.script_of(bug).err(), None);
            assert_eq!(bug.is_modelled, bug.when.is_empty(), "{}", bug.id);
        }
    }

    #[test]
    fn every_built_in_script_shows_its_bug_to_the_predicate() {
        let bugs = KnownBugs::built_in().unwrap();
        for bug in bugs.iter() {
            let script = bugs.script_of(bug).unwrap();
            let commands = text::parse(&script).unwrap().commands();
            let this = bugs.only(|b| b.id == bug.id);
            let shown = this.shown_in(&commands).is_some();
            assert_eq!(shown, !bug.is_modelled, "{}", bug.id);
        }
    }

    #[test]
    fn all_of_an_entry_must_hold_at_one_place_and_one_entry_is_enough() {
        let two = bug(
            "when = [{ operator = \"TopK\", limit-plus-offset = \">= 9\" }, { operator = \"Threshold\" }]",
        );
        let top_k = |limit, offset| {
            let top = format!("    TopK group_by=[#0] order_by=[#1] limit={limit} offset={offset}");
            dataflow(&format!("{top}\n      Get u1000"))
        };
        assert_eq!(shown(&two, &top_k(4, 5)), Some("b".to_string()));
        assert_eq!(shown(&two, &top_k(4, 4)), None);
        let threshold = dataflow("    Threshold\n      Get u1000");
        assert_eq!(shown(&two, &threshold), Some("b".to_string()));
        let peek = "peek id=1002 ts=0 limit=9\n----\n";
        assert_eq!(shown(&two, peek), None);
    }

    #[test]
    fn a_setting_makes_it_go_away_only_if_every_dataflow_was_made_under_it() {
        let bug = bug("when = [{ command = \"peek\" }]\nunless = { a = \"false\" }");
        let peek = "peek id=1002 ts=0\n----\n\n";
        let set = |value| format!("update-configuration\n  a bool {value}\n----\n\n");
        let define = "define-index source=1 index=2 shard=s key=[0] as-of=0 upper=0\n----\n\n";
        let script = |parts: &[&str]| parts.concat();
        assert_eq!(shown(&bug, &script(&[peek])), Some("b".to_string()));
        let off = set("false");
        assert_eq!(shown(&bug, &script(&[&off, define, peek])), None);
        let late = script(&[define, &off, peek]);
        assert_eq!(shown(&bug, &late), Some("b".to_string()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_in_one_line() {
        let error = |text: &str| KnownBugs::parse(text).unwrap_err();
        assert_eq!(error(&(bug("") + &bug(""))), "the id `b` stands twice");
        let unknown = error(&bug("when = [{ operater = \"TopK\" }]"));
        assert!(unknown.starts_with("bug `b`: unknown fact `operater`; expected one of"));
        let number = error(&bug("when = [{ limit = \"five\" }]"));
        assert!(
            number.starts_with("bug `b`: `limit` is a number"),
            "{number}"
        );
        let flag = error(&bug("when = [{ drops = 3 }]"));
        assert!(
            flag.starts_with("bug `b`: `drops` is true or false"),
            "{flag}"
        );
        let field = error(&bug("wen = []"));
        assert!(field.starts_with("line 6: unknown field `wen`"), "{field}");
    }
}
