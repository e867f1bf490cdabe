//! Performs effects: each is sent to the replica or done to a shard, and then
//! told as its event.
//!
//! Invariant: an effect that fails has changed nothing, unless the event that a
//! shard is in doubt says otherwise.

use super::Runner;
use crate::ChangeError;
use plan::cells;
use protocol::neutral::{ComputeCommand, InstanceConfig};
use protocol::v26_30::{
    self, CollectionMetadata, ComputeParameters, ConfigUpdates, Peek, PeekTarget,
};
use repr::RelationDesc;
use script::interpret::{Effect, PeekOf, Target};
use script::trace::{Event, PeekSpec};

impl Runner<'_> {
    /// Performs one effect.
    ///
    /// Errors: one line of what went wrong; the effect is not told then.
    pub(super) fn perform(&mut self, mut effect: Effect) -> Result<(), String> {
        match &mut effect {
            Effect::Connect { session: _ } => self.open_session()?,
            Effect::Restart => self.restart()?,
            Effect::CreateInstance {
                expiration_offset,
                arrangement_dictionary_compression,
                initial,
            } => {
                let common = v26_30::InstanceConfig {
                    logging: Default::default(),
                    expiration_offset: *expiration_offset,
                    peek_stash_persist_location: self.driver.persist_location(),
                    arrangement_dictionary_compression: *arrangement_dictionary_compression,
                };
                let mut initial_config = ConfigUpdates::default();
                if self.driver.release().configures_instances() {
                    initial_config.updates.clone_from(initial);
                }
                let config = InstanceConfig {
                    common,
                    initial_config,
                };
                self.send(ComputeCommand::CreateInstance(Box::new(config)))?;
            }
            Effect::Configure(configuration) => {
                let is_first = std::mem::take(&mut self.config.takes_back_limits);
                let limit = configuration.max_result_size;
                let mut parameters = ComputeParameters {
                    max_result_size: limit.or(is_first.then_some(u64::MAX)),
                    ..ComputeParameters::default()
                };
                let updates = &mut parameters.dyncfg_updates.updates;
                updates.clone_from(&configuration.updates);
                self.send(ComputeCommand::UpdateConfiguration(Box::new(parameters)))?;
            }
            Effect::CompleteInitialization => self.send(ComputeCommand::InitializationComplete)?,
            Effect::CreateDataflow(assembled) => {
                assembled.locate(|alias, desc| self.held_shard(alias, desc))?;
                let description = assembled.description.clone();
                let sent = cells::of_dataflow(&description);
                self.send(ComputeCommand::CreateDataflow(Box::new(description)))?;
                cells::add(&mut self.cells, &sent);
            }
            Effect::Schedule { id } => self.send(ComputeCommand::Schedule(*id))?,
            Effect::AllowCompaction { id, frontier } => {
                let (id, frontier) = (*id, frontier.clone());
                self.send(ComputeCommand::AllowCompaction { id, frontier })?;
            }
            Effect::AllowWrites { id } => self.send(ComputeCommand::AllowWrites(*id))?,
            Effect::SendPeek { spec, desc, of } => self.send_peek(spec, desc, of)?,
            Effect::CancelPeek { uuid } => self.send(ComputeCommand::CancelPeek { uuid: *uuid })?,
            Effect::Append {
                shard,
                desc,
                append,
            } => {
                let id = self.shard(shard);
                let appended = self.driver.host_mut().append(id, desc, append);
                appended.map_err(|error| self.not_changed(shard, error))?;
            }
            Effect::DowngradeSince { shard, since } => {
                let id = self.shard(shard);
                let moved = self.driver.host_mut().downgrade_since(id, *since);
                moved.map_err(|error| self.not_changed(shard, error))?;
            }
        }
        self.emit(effect.into_event());
        Ok(())
    }

    fn send_peek(
        &mut self,
        spec: &PeekSpec,
        desc: &RelationDesc,
        of: &PeekOf,
    ) -> Result<(), String> {
        let id = spec.id;
        let target = match of {
            PeekOf::Index => PeekTarget::Index { id },
            PeekOf::Shard(Target { shard, desc }) => PeekTarget::Persist {
                id,
                metadata: Box::new(self.held_shard(shard, desc)?),
            },
        };
        let mut peek = Peek::identity(target, desc.clone(), spec.uuid, spec.ts);
        if !spec.finish.is_everything() {
            spec.finish.ask(&mut peek, spec.arity);
        }
        self.send(ComputeCommand::Peek(Box::new(peek)))
    }

    fn open_session(&mut self) -> Result<(), String> {
        let nonce = self.fresh_uuid();
        self.driver.connect(nonce).map_err(|e| e.to_string())?;
        self.lost = false;
        Ok(())
    }

    /// Kills the target and starts it anew.
    fn restart(&mut self) -> Result<(), String> {
        // What it did on its own until now is not our doing.
        self.look_at_target();
        self.driver.restart().map_err(|e| e.to_string())
    }

    fn send(&mut self, command: ComputeCommand) -> Result<(), String> {
        let sent = self.driver.send(&command);
        sent.map_err(|_| "pump task gone".to_string())
    }

    /// The shard behind an alias, held readable from now on.
    fn held_shard(
        &mut self,
        alias: &str,
        desc: &RelationDesc,
    ) -> Result<CollectionMetadata, String> {
        let shard = self.shard(alias);
        let host = self.driver.host_mut();
        host.hold(shard).map_err(|e| e.to_string())?;
        Ok(host.metadata(shard, desc))
    }

    /// Takes note of a change of a shard that failed, or may have.
    fn not_changed(&mut self, shard: &str, error: ChangeError) -> String {
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
