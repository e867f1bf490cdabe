//! The skeleton of a script: what remains when its values, ids and times are
//! taken away, and whatever every script needs to show anything. The skeletons of
//! minimal scripts tell one bug from another behind the same invariant.
//!
//! Invariant: a skeleton depends on the commands alone, and on no order or number
//! of them, so that two minimal scripts of one bug mostly have the same.

use std::collections::BTreeSet;
use std::fmt;

use crate::plan::{Relation, cells, functions};
use crate::script::interpret::{Effect, Interpreter, Uuids};
use crate::script::{
    Build, Cell, Command, CreateDataflow, Export, Plan, Selection, Setting, Value,
};

/// Operators of which the rest of a script tells more, or that stand in each.
const PLUMBING: [&str; 7] = [
    "ArrangeBy",
    "Get",
    "Index",
    "Let",
    "MaterializedView",
    "Source",
    "Subscribe",
];

/// What a script is made of, each once; see the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Skeleton {
    parts: BTreeSet<String>,
    /// What nearly every script has some of. It tells apart what has no parts, or the
    /// same.
    details: BTreeSet<&'static str>,
    /// Where a process panicked, if the script makes one panic.
    panics_at: Option<String>,
}

/// How two skeletons of minimal scripts that break the same in the same way stand to
/// each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// One bug.
    Same,
    /// All of the other one is in it, and more, or other rows, which no edit took away:
    /// another bug, or the same in a form that is no simpler for the edits that there
    /// are.
    Larger,
    Other,
}

impl Skeleton {
    /// The skeleton of these commands. What the driver refuses has no dataflow in
    /// it.
    pub fn of(commands: &[Command]) -> Skeleton {
        let mut of_all = Skeleton::default();
        for skeleton in Skeleton::by_command(commands) {
            of_all.parts.extend(skeleton.parts);
            of_all.details.extend(skeleton.details);
        }
        let written = commands.iter().filter_map(|command| {
            let (Command::WriteRows { ts, .. } | Command::WriteSingleTs { ts, .. }) = command
            else {
                return None;
            };
            Some(ts)
        });
        let times: BTreeSet<_> = written.collect();
        of_all.detail_if(times.len() > 1, "several times");
        of_all
    }

    /// What each of the commands adds to the skeleton of all.
    pub fn by_command(commands: &[Command]) -> Vec<Skeleton> {
        let mut script = Interpreter::new(Uuids::Seeded(0));
        let of = |command: &Command| {
            let mut skeleton = Skeleton::default();
            skeleton.add_command(command);
            if let Ok(meaning) = script.take(command) {
                for effect in meaning.effects() {
                    skeleton.add_effect(effect);
                }
            }
            skeleton
        };
        commands.iter().map(of).collect()
    }

    /// Its parts.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(String::as_str)
    }

    /// Whether this is one of its parts.
    pub fn has(&self, part: &str) -> bool {
        self.parts.contains(part)
    }

    /// The same, of a script that makes a process panic at this place.
    pub fn at(mut self, place: Option<String>) -> Skeleton {
        self.panics_at = place;
        self
    }

    /// What a minimal script with this skeleton says of the bug of another one.
    pub fn likeness(&self, known: &Skeleton) -> Likeness {
        match (&self.panics_at, &known.panics_at) {
            (Some(place), Some(known)) if place == known => Likeness::Same,
            // Another place is another bug, whatever else the script does.
            (Some(_), Some(_)) => Likeness::Other,
            (Some(_), None) | (None, Some(_)) | (None, None) => {
                if self.parts == known.parts && self.details == known.details {
                    Likeness::Same
                } else if self.contains(known) {
                    Likeness::Larger
                } else {
                    Likeness::Other
                }
            }
        }
    }

    /// Whether all of `other` is in it: a script that may show what `other` shows.
    /// What has no parts is in nothing else, but for what has the same details: it
    /// would tell nothing from anything.
    pub fn contains(&self, other: &Skeleton) -> bool {
        match other.parts.is_empty() {
            true => self.parts.is_empty() && self.details == other.details,
            false => other.parts.is_subset(&self.parts),
        }
    }

    fn detail_if(&mut self, holds: bool, detail: &'static str) {
        if holds {
            self.details.insert(detail);
        }
    }

    fn add(&mut self, part: impl Into<String>) {
        self.parts.insert(part.into());
    }

    fn add_if(&mut self, holds: bool, part: &str) {
        if holds {
            self.add(part);
        }
    }

    fn add_settings(&mut self, settings: &[Setting]) {
        for setting in settings {
            self.add(format!("setting {}", setting.name));
        }
    }

    /// What a command is beside its dataflow: the verb, unless every script has
    /// it, and its options.
    fn add_command(&mut self, command: &Command) {
        match command {
            // What every script needs to show anything at all.
            Command::CreateInstance {
                expiration_offset: None,
                arrangement_dictionary_compression: false,
                settings,
            } if settings.is_empty() => {}
            Command::InitializationComplete
            | Command::DefineSchema { .. }
            | Command::DefineIndex { .. }
            | Command::Schedule { .. }
            | Command::AllowWrites { .. }
            | Command::PeekCount { .. }
            | Command::ExpectCount { .. }
            | Command::WriteSingleTs { .. }
            | Command::WriteSpread { .. } => {}
            Command::WriteRows {
                rows, part_bytes, ..
            } => {
                self.add_if(part_bytes.is_some(), "small parts");
                self.add_if(rows.iter().any(|row| row.diff < 0), "retraction");
                self.add_if(rows.iter().any(|row| row.diff > 1), "multiplicity");
                let mut cells = rows.iter().flat_map(|row| &row.cells);
                self.detail_if(cells.any(|cell| *cell == Cell::Value(Value::Null)), "null");
                self.detail_if(rows.len() > 1, "several rows");
            }
            Command::CreateInstance { settings, .. } => {
                self.add("create-instance with options");
                self.add_settings(settings);
            }
            Command::UpdateConfiguration { settings } => self.add_settings(settings),
            Command::CreateDataflow(dataflow) => self.add_dataflow(dataflow),
            Command::AllowCompaction { frontier: None, .. } => self.add("drop"),
            Command::Peek { selection, .. } => self.add_selection(selection),
            Command::StartPeek { selection, .. } => {
                self.add(command.verb());
                self.add_selection(selection);
            }
            Command::ExpectError { command } => self.add_command(command),
            Command::Kill { replaced, .. } => {
                self.add(command.verb());
                self.add_if(*replaced, "replaced");
            }
            Command::Reconnect
            | Command::Restart
            | Command::AllowCompaction { .. }
            | Command::AwaitFrontier { .. }
            | Command::Count { .. }
            | Command::AwaitSubscribe { .. }
            | Command::AwaitPeek { .. }
            | Command::CancelPeek { .. }
            | Command::DowngradeSince { .. } => self.add(command.verb()),
        }
    }

    fn add_selection(&mut self, selection: &Selection) {
        let Selection {
            literals,
            order_by,
            limit,
            offset,
            plan,
        } = selection;
        if let Some(plan) = plan {
            self.add("computing peek");
            if let Some(relation) = plan.operators() {
                self.add_functions(relation);
            }
        }
        self.add_if(!literals.is_empty(), "peek of literals");
        self.add_if(!order_by.is_empty(), "ordered peek");
        self.add_if(limit.is_some(), "limited peek");
        self.add_if(*offset > 0, "peek with an offset");
    }

    fn add_dataflow(&mut self, dataflow: &CreateDataflow) {
        let CreateDataflow {
            name: _,
            as_of: _,
            until,
            optimize,
            join,
            imports: _,
            builds,
            exports,
        } = dataflow;
        self.add_if(until.is_some(), "until");
        self.add_if(*optimize, "optimize");
        self.add_if(join.is_some(), "join strategy");
        self.add_if(exports.len() > 1, "two exports");
        for Build { id: _, plan } in builds {
            if let Plan::Operators(relation) = plan {
                self.add_functions(relation);
            }
        }
        for export in exports {
            match export {
                Export::Index { .. } => {}
                Export::MaterializedView {
                    not_null, refresh, ..
                } => {
                    self.add("view");
                    self.add_if(refresh.is_some(), "view with refreshes");
                    self.add_if(!not_null.is_empty(), "view without nulls");
                }
                Export::Subscribe {
                    up_to, snapshot, ..
                } => {
                    self.add("subscribe");
                    self.add_if(up_to.is_some(), "subscribe with an end");
                    self.add_if(!snapshot, "subscribe without snapshot");
                }
            }
        }
    }

    /// The functions of the scalars of a plan.
    fn add_functions(&mut self, plan: &Relation) {
        plan.visit(&mut |operator| {
            let scalars = operator.scalars().into_iter();
            self.parts.extend(scalars.flat_map(functions::names_in));
        });
    }

    /// What a replica renders of a dataflow.
    fn add_effect(&mut self, effect: &Effect) {
        if let Effect::CreateDataflow(dataflow) = effect {
            for cell in cells::of_dataflow(&dataflow.description).keys() {
                // Every dataflow reads, names and arranges something.
                if PLUMBING.contains(&cell.operator) {
                    continue;
                }
                for variant in cell.variant.split(", ") {
                    self.add(format!("{}/{variant}", cell.operator));
                }
            }
        }
    }
}

impl fmt::Display for Skeleton {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<&str> = self.parts().collect();
        f.write_str(&parts.join(", "))?;
        match &self.panics_at {
            Some(place) => write!(f, "; panics at {place}"),
            None => Ok(()),
        }
    }
}

/// Where a process panicked, if a text tells: `FILE:LINE:COLUMN`.
pub fn panic_place(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("panicked at ")?;
    let place = rest.split([',', '\n', ' ']).next()?;
    let place = place.trim_end_matches(':').trim_matches('\'');
    (!place.is_empty()).then(|| place.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::text;

    fn of(script: &str) -> Skeleton {
        Skeleton::of(&text::parse(script).unwrap().commands())
    }

    const MAXIMUM: &str = "create-instance\n----\n\nwrite-rows shard=s ts=0\n  1 a\n----\n\n\
        create-dataflow as-of=0\n  import source=1000 shard=s upper=0\n  build id=1001\n    \
        Reduce aggregates=[max(#0)]\n      Get u1000\n  export index=1002 on=1001 key=[0]\n----\n\n\
        peek id=1002 ts=0\n----\n";

    #[test]
    fn values_ids_and_times_are_no_part_of_a_skeleton() {
        let other = MAXIMUM.replace("100", "700").replace("1 a", "9 b");
        let other = other.replace("ts=0", "ts=3").replace("as-of=0", "as-of=3");
        assert_eq!(of(&other).likeness(&of(MAXIMUM)), Likeness::Same);
    }

    #[test]
    fn operators_and_their_variants_are() {
        let several = of(&MAXIMUM.replace("1 a", "9 b\n  5 c"));
        assert_eq!(several.likeness(&of(MAXIMUM)), Likeness::Larger);
        let counted = of(&MAXIMUM.replace("max", "count"));
        assert_eq!(counted.likeness(&of(MAXIMUM)), Likeness::Other);
        let ordered = of(&MAXIMUM.replace("peek id=1002 ts=0", "peek id=1002 ts=0 order-by=#0"));
        assert!(ordered.contains(&of(MAXIMUM)) && !of(MAXIMUM).contains(&ordered));
    }

    #[test]
    fn what_has_no_parts_is_in_nothing_else() {
        let bare = Skeleton::default();
        assert!(bare.contains(&bare) && !of(MAXIMUM).contains(&bare));
    }

    #[test]
    fn what_has_no_parts_is_told_apart_by_what_its_rows_are() {
        let script = |writes: &str| {
            of(&format!(
                "create-instance\n----\n\n{writes}\ndefine-index source=1 index=2 shard=s key=[0] \
                 as-of=0 upper=1\n----\n\npeek id=2 ts=0\n----\n"
            ))
        };
        let bare = script("write-rows shard=s ts=0\n  1 a\n----\n");
        assert_eq!(bare.parts().count(), 0);
        let renamed = script("write-rows shard=s ts=7\n  2 b\n----\n");
        assert_eq!(renamed.likeness(&bare), Likeness::Same);
        for other in [
            "write-rows shard=s ts=0\n  null a\n----\n",
            "write-rows shard=s ts=0\n  1 a\n  2 a\n----\n",
            "write-rows shard=s ts=0\n  1 a\n----\n\nwrite-rows shard=s ts=1\n  1 a\n----\n",
        ] {
            assert_eq!(script(other).likeness(&bare), Likeness::Other, "{other}");
        }
        assert_eq!(of(MAXIMUM).likeness(&bare), Likeness::Other);
    }

    #[test]
    fn a_panic_is_known_by_its_place() {
        let log = "thread 'timely:work-0' (17) panicked at src/compute/peek.rs:12:5:\noverflow";
        let place = panic_place(log);
        assert_eq!(place.as_deref(), Some("src/compute/peek.rs:12:5"));
        assert_eq!(panic_place("exit status: 1"), None);
        let at = |place: &str, script: &str| of(script).at(Some(place.to_string()));
        let other = MAXIMUM.replace("max", "count");
        let known = at("a.rs:1:1", MAXIMUM);
        assert_eq!(at("a.rs:1:1", &other).likeness(&known), Likeness::Same);
        assert_eq!(at("a.rs:2:1", MAXIMUM).likeness(&known), Likeness::Other);
        // A script that may panic there is one that the known bug is avoided in.
        assert!(of(MAXIMUM).contains(&at("a.rs:1:1", MAXIMUM)));
    }
}
