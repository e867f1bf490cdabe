//! The three writes of a script. Source: `spec/script.md` §2.4.
//!
//! Invariant: nothing is written on any error, unless the event that the shard
//! is in doubt says otherwise.

use super::Runner;
use crate::ChangeError;
use repr::Antichain;
use script::Command;
use script::append::Append;
use script::output::Output;
use script::trace::Event;

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
        let appended = self.driver.host_mut().append(
            id,
            &desc,
            &updates,
            Antichain::from_elem(lower),
            Antichain::from_elem(upper),
        );
        appended.map_err(|error| self.not_changed(shard, error))?;
        self.emit(Event::ShardWritten {
            shard: shard.to_string(),
            desc,
            updates,
            upper,
        });
        Ok(Output::Wrote { rows })
    }

    /// Takes note of a change of a shard that failed, or may have.
    pub(super) fn not_changed(&mut self, shard: &str, error: ChangeError) -> String {
        let text = error.to_string();
        if let ChangeError::Indeterminate(why) = error {
            self.doubt.get_or_insert_with(|| why.clone());
            self.emit(Event::ShardInDoubt {
                shard: shard.to_string(),
                why,
            });
        }
        text
    }
}
