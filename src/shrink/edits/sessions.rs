//! Edits of sessions: one less, with what it asked of the replica merged into the
//! one that follows.
//!
//! Invariant: writes and schemas are no session's, and stay.

use std::collections::BTreeSet;

use super::{Commands, without};
use crate::repr::GlobalId;
use crate::script::Command;

/// Candidates with the session that ends at the reconnect `at` merged into the
/// one that follows: without the second handshake, without the first, or with
/// nothing of the first but what it allowed.
pub fn merged_sessions(commands: &[Command], at: usize) -> Vec<Commands> {
    let start = (0..at)
        .rev()
        .find(|i| ends_session(&commands[*i]))
        .map_or(0, |i| i + 1);
    let end = (at + 1..commands.len())
        .find(|i| ends_session(&commands[*i]))
        .unwrap_or(commands.len());
    let session = |from: usize, to: usize| {
        (from..to)
            .filter(|i| speaks_to_replica(&commands[*i]))
            .collect::<BTreeSet<usize>>()
    };
    let repeats = |from: usize, to: usize, of: &[Command]| {
        (from..to)
            .filter(|i| is_repeated(&commands[*i], of))
            .collect::<BTreeSet<usize>>()
    };
    let mut candidates = Vec::new();
    for mut removed in [
        // The second handshake, as far as it repeats the first.
        repeats(at + 1, end, &commands[start..at]),
        // The first one, as far as the second repeats it.
        repeats(start, at, &commands[at + 1..end]),
        // Everything that the first session asked of the replica.
        session(start, at),
    ] {
        removed.insert(at);
        candidates.push(without(commands, &removed));
        // Schedules carry over a reconnect: what needs one keeps it.
        removed.retain(|i| !matches!(commands[*i], Command::Schedule { .. }));
        candidates.push(without_raw(commands, &removed));
    }
    // Nothing of the first session, but what it allowed is allowed in the second.
    let completes = |command: &Command| matches!(command, Command::InitializationComplete);
    if let Some(complete) = (at + 1..end).find(|i| completes(&commands[*i])) {
        let allowed = (start..at).filter(|i| {
            let repeated = commands[at + 1..end].contains(&commands[*i]);
            is_permission(&commands[*i]) && !repeated
        });
        let allowed: Vec<Command> = allowed.map(|i| commands[i].clone()).collect();
        let mut moved = commands.to_vec();
        moved.splice(complete + 1..complete + 1, allowed);
        candidates.push(without_raw(&moved, &session(start, at)));
    }
    candidates
}

/// Whether some of these commands say the same, or make what the command makes,
/// be it with another key or at another time.
fn is_repeated(command: &Command, of: &[Command]) -> bool {
    let made: Vec<GlobalId> = of.iter().flat_map(Command::exports).collect();
    let exports = command.exports();
    of.contains(command) || !exports.is_empty() && exports.iter().all(|id| made.contains(id))
}

/// Whether a command lets a collection do something for the rest of its life.
fn is_permission(command: &Command) -> bool {
    matches!(
        command,
        Command::Schedule { .. } | Command::AllowWrites { .. }
    )
}

fn without_raw(commands: &[Command], removed: &BTreeSet<usize>) -> Commands {
    let kept = commands
        .iter()
        .enumerate()
        .filter(|(i, _)| !removed.contains(i));
    kept.map(|(_, command)| command.clone()).collect()
}

/// Whether the next command stands in another session.
pub fn ends_session(command: &Command) -> bool {
    matches!(command, Command::Reconnect | Command::Restart)
}

/// Whether a command means something to the replica, and not only to the driver
/// or to a shard.
fn speaks_to_replica(command: &Command) -> bool {
    match command {
        Command::DefineSchema { .. }
        | Command::WriteSingleTs { .. }
        | Command::WriteSpread { .. }
        | Command::WriteRows { .. }
        | Command::DowngradeSince { .. } => false,
        Command::ExpectError { command } => speaks_to_replica(command),
        Command::CreateInstance { .. }
        | Command::UpdateConfiguration { .. }
        | Command::InitializationComplete
        | Command::Reconnect
        | Command::Restart
        | Command::Kill { .. }
        | Command::DefineIndex { .. }
        | Command::CreateDataflow(_)
        | Command::Schedule { .. }
        | Command::AllowCompaction { .. }
        | Command::AllowWrites { .. }
        | Command::AwaitFrontier { .. }
        | Command::Count { .. }
        | Command::Peek { .. }
        | Command::PeekCount { .. }
        | Command::ExpectCount { .. }
        | Command::AwaitSubscribe { .. }
        | Command::StartPeek { .. }
        | Command::AwaitPeek { .. }
        | Command::CancelPeek { .. } => true,
    }
}
