//! Whether a script is worth running: valid for its whole length, every command
//! accepted by the driver, and every wait in it sure to end on a replica that
//! works; and small: a table function that makes rows without end would take
//! the memory of whoever runs it, so that only those are let pass that were
//! there from the start. The shrinker asks before it spends time on a candidate.
//!
//! Invariant: nothing is run; the model alone decides.

use std::collections::BTreeSet;

use super::blocks::upper_mismatch;
use crate::generate::dry::Dry;
use crate::model::{Model, endless_calls};
use crate::script::Command;
use crate::script::trace::Event;

/// Table functions that may make rows without end, as calls.
pub type Endless = BTreeSet<String>;

/// The table functions of a script that may make rows without end.
pub fn endless(commands: &[Command]) -> Endless {
    let mut dry = Dry::new();
    let mut found = Endless::new();
    for command in commands {
        // What the driver refuses makes nothing.
        for event in dry.events(command).unwrap_or_default() {
            if let Event::DataflowCreated(spec) = event {
                for (_, plan) in &spec.builds {
                    found.extend(endless_calls(plan));
                }
            }
        }
    }
    found
}

/// Holds, or one line that says what is wrong with which command. Of table
/// functions that might never end, only those in `allowed` may stand in it.
pub fn viable(commands: &[Command], allowed: &Endless) -> Result<(), String> {
    let mut dry = Dry::new();
    let mut model = Model::new();
    model.apply(&Dry::connected());
    for (step, command) in commands.iter().enumerate() {
        model.apply(&Event::Command { step });
        let bad = |why: String| format!("command {step} ({}): {why}", command.verb());
        let events = dry.events(command).map_err(bad)?;
        if let Some(mismatch) = upper_mismatch(command, &model) {
            return Err(bad(mismatch));
        }
        for event in &events {
            if let Event::DataflowCreated(spec) = event
                && let plans = spec.builds.iter().map(|(_, plan)| plan)
                && plans
                    .flat_map(endless_calls)
                    .any(|call| !allowed.contains(&call))
            {
                return Err(bad("a table function might never end".to_string()));
            }
            model.apply(event);
            if let Some((_, invalid)) = model.invalid() {
                return Err(bad(invalid.to_string()));
            }
        }
        for wait in dry.waits(command, &events).map_err(bad)? {
            if !model.must_end(&wait) {
                return Err(bad("it might wait for ever".to_string()));
            }
            model.ended(&wait);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::case_script;
    use crate::generate::Profile;
    use crate::script::text;

    #[test]
    fn whatever_is_drawn_is_viable() {
        for case in 0..300 {
            let (commands, _) = case_script(7, case, &Profile::default());
            let drawn = endless(&commands);
            assert_eq!(viable(&commands, &drawn), Ok(()), "case {case}");
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
        let none = Endless::new();
        assert_eq!(viable(&script("(#0 % 4)"), &none), Ok(()));
        let refused = viable(&script("#0"), &none).unwrap_err();
        assert!(refused.contains("never end"), "{refused}");
        // Unless it was there from the start.
        let allowed = endless(&script("#0"));
        assert_eq!(viable(&script("#0"), &allowed), Ok(()));
        assert!(viable(&script("(#0 + 1)"), &allowed).is_err());
    }
}
