//! Whether a script is worth running: valid for its whole length, every command
//! accepted by the driver, and every wait in it sure to end on a replica that
//! works. The shrinker asks before it spends time on a candidate.
//!
//! Invariant: nothing is run; the model alone decides.

use super::blocks::upper_mismatch;
use crate::generate::dry::Dry;
use crate::model::Model;
use crate::script::Command;
use crate::script::trace::{Event, Wait};

/// Holds, or one line that says what is wrong with which command.
pub fn viable(commands: &[Command]) -> Result<(), String> {
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
            model.apply(event);
            if let Some((_, invalid)) = model.invalid() {
                return Err(bad(invalid.to_string()));
            }
        }
        if !ends(command, &events, &dry, &model) {
            return Err(bad("it might wait for ever".to_string()));
        }
    }
    Ok(())
}

fn ends(command: &Command, events: &[Event], dry: &Dry, model: &Model) -> bool {
    match command {
        Command::AwaitFrontier {
            id,
            ts,
            allow_timeout,
            ..
        } => *allow_timeout || model.must_end(&Wait::Frontier { id: *id, ts: *ts }),
        Command::AwaitPeek { peek, .. } => {
            dry.peek(peek).is_some_and(|uuid| model.must_answer(uuid))
        }
        Command::AwaitSubscribe { id, up_to, .. } => model.must_end(&Wait::Subscribe {
            id: *id,
            up_to: *up_to,
        }),
        Command::Peek { .. }
        | Command::PeekCount { .. }
        | Command::ExpectCount { .. }
        | Command::Count { .. } => events.iter().all(|event| match event {
            Event::PeekSent(peek) => model.must_answer(peek.uuid),
            _ => true,
        }),
        Command::ExpectError { command } => ends(command, events, dry, model),
        Command::CreateInstance { .. }
        | Command::UpdateConfiguration { .. }
        | Command::InitializationComplete
        | Command::Reconnect
        | Command::Restart
        | Command::DefineSchema { .. }
        | Command::WriteSingleTs { .. }
        | Command::WriteSpread { .. }
        | Command::WriteRows { .. }
        | Command::DefineIndex { .. }
        | Command::CreateDataflow(_)
        | Command::Schedule { .. }
        | Command::AllowCompaction { .. }
        | Command::AllowWrites { .. }
        | Command::StartPeek { .. }
        | Command::CancelPeek { .. }
        | Command::DowngradeSince { .. } => true,
    }
}
