//! Whether a script is worth running: valid for its whole length, every command
//! accepted by the driver, and every wait in it sure to end on a replica that
//! works; and small: a table function that makes rows without end would take
//! all memory, so that only those are let pass that were there from the start; and
//! showing no known bug that is gone round. The shrinker asks before it spends time
//! on a candidate.
//!
//! Invariant: nothing is run; the model alone decides.

use std::collections::BTreeSet;
use std::fmt::Display;

use crate::known::{KnownBugs, Watch};
use crate::model::{Rehearsal, endless_calls};
use crate::script::Command;
use crate::script::event::Event;

/// Table functions that may make rows without end, as calls.
pub type Endless = BTreeSet<String>;

/// The table functions of a script that may make rows without end.
pub fn endless(commands: &[Command]) -> Endless {
    let mut rehearsal = Rehearsal::new();
    let events = commands
        .iter()
        .flat_map(|command| rehearsal.play(command).events);
    events.flat_map(|event| calls_without_end(&event)).collect()
}

/// The same of one event.
fn calls_without_end(event: &Event) -> Endless {
    match event {
        Event::DataflowCreated(spec) => {
            let plans = spec.builds.iter().map(|(_, plan)| plan);
            plans.flat_map(endless_calls).collect()
        }
        _ => Endless::new(),
    }
}

/// What a script must not have.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// Of table functions that might never end, only these may stand in it.
    pub allowed: Endless,
    /// Bugs that it must not show.
    pub known: KnownBugs,
}

/// Holds, or one line that says what is wrong with which command.
pub fn viable(commands: &[Command], limits: &Limits) -> Result<(), String> {
    let mut rehearsal = Rehearsal::new();
    let mut watch = Watch::default();
    for (step, command) in commands.iter().enumerate() {
        let bad = |why: &dyn Display| format!("command {step} ({}): {why}", command.verb());
        if let Some(bug) = limits.known.shown_by(command, &watch) {
            return Err(bad(&format!("it shows the known bug {}", bug.id)));
        }
        watch.note(command);
        let rehearsed = rehearsal.play_valid(command).map_err(|e| bad(&e))?;
        let calls: Endless = rehearsed
            .events
            .iter()
            .flat_map(calls_without_end)
            .collect();
        if !calls.is_subset(&limits.allowed) {
            return Err(bad(&"a table function might never end"));
        }
        rehearsal.end(&rehearsed.waits).map_err(|e| bad(&e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::case_script;
    use crate::generate::Profile;
    use crate::script::text;

    fn allowing(allowed: Endless) -> Limits {
        Limits {
            allowed,
            known: KnownBugs::default(),
        }
    }

    #[test]
    fn whatever_is_drawn_is_viable() {
        for case in 0..300 {
            let (commands, _) = case_script(7, case, &Profile::default());
            let limits = allowing(endless(&commands));
            assert_eq!(viable(&commands, &limits), Ok(()), "case {case}");
        }
    }

    #[test]
    fn a_series_to_wherever_a_column_says_is_not() {
        let script = |stop: &str| {
            let script = format!(
                "create-instance\n----\n\ncreate-dataflow as-of=0\n  \
                 import source=1000 shard=s upper=0\n  build id=1001\n    \
                 FlatMap generate_series(0, {stop}, 1)\n      Get u1000\n  \
                 export index=1002 on=1001 key=[0]\n----\n"
            );
            text::parse(&script).unwrap().commands()
        };
        let none = Limits::default();
        assert_eq!(viable(&script("(#0 % 4)"), &none), Ok(()));
        let refused = viable(&script("#0"), &none).unwrap_err();
        assert!(refused.contains("never end"), "{refused}");
        // Unless it was there from the start.
        let allowed = allowing(endless(&script("#0")));
        assert_eq!(viable(&script("#0"), &allowed), Ok(()));
        assert!(viable(&script("(#0 + 1)"), &allowed).is_err());
    }
}
