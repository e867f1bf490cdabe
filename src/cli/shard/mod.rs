//! `shard inspect` and `shard check`.

#[cfg(test)]
mod tests;
mod text;

pub use text::render_report;

use super::args::{ShardCommand, ShardTool};
use super::{CliError, Done, out};
use crate::persist::clock::{Clock, SystemClock};
use crate::persist::{Examine, examine};
use crate::repr::ShardId;

/// Looks into shards; true if what was looked at is sound.
pub fn shard(args: &ShardTool) -> Done {
    let (how, args) = match &args.command {
        ShardCommand::Inspect(args) => (Examine::Inspect, args),
        ShardCommand::Check(args) => (Examine::Check, args),
    };
    let shard = args.shard.as_deref().map(str::parse::<ShardId>).transpose();
    let shard = shard.map_err(|e| CliError::Input(e.to_string()))?;
    let examined = examine(how, &args.consensus, &args.blob, shard)
        .map_err(|e| CliError::Input(e.to_string()))?;
    out::print(text::render(&examined, SystemClock.now_ms()))?;
    Ok(examined.is_sound())
}
