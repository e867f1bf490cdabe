//! The three writes of a script. Source: `spec/script.md` §2.4.
//!
//! Invariant: nothing is written on any error.

use super::Runner;
use crate::repr::Antichain;
use crate::script::append::Append;
use crate::script::command::Command;
use crate::script::output::Output;
use crate::script::trace::Event;

impl Runner<'_> {
    /// Executes a write of `shard`.
    pub(super) fn write(
        &mut self,
        command: &Command,
        shard: &str,
        schema: Option<&str>,
    ) -> Result<Output, String> {
        let desc = self.schemas.get(schema)?;
        let Append {
            updates,
            lower,
            upper,
        } = Append::of(command, &desc)?;
        // Only now: a write that means nothing leaves the alias unallocated.
        let id = self.shard(shard);
        let rows = updates.len() as u64;
        self.driver.host_mut().append(
            id,
            &desc,
            &updates,
            Antichain::from_elem(lower),
            Antichain::from_elem(upper),
        )?;
        self.emit(Event::ShardWritten {
            shard: shard.to_string(),
            desc,
            updates,
            upper,
        });
        Ok(Output::Wrote { rows })
    }
}
