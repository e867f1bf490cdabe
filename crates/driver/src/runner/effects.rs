//! Performs effects: each is sent to the replica or done to a shard, and then
//! told as its event.
//!
//! Invariant: an effect that fails has changed nothing, unless the event that a
//! shard is in doubt says otherwise.

use super::{Runner, Standing};
use crate::ChangeError;
use plan::cells;
use protocol::neutral::{ComputeCommand, InstanceConfig};
use protocol::v26_30::{
    self, CollectionMetadata, ComputeParameters, ConfigUpdates, ConfigVal, Peek, PeekTarget,
};
use repr::RelationDesc;
use script::Replica;
use script::config::{Configuration, PEEK_STASH_THRESHOLD, STASH_THRESHOLD_BYTES};
use script::event::{Event, PeekSpec};
use script::interpret::{Effect, PeekOf, Target, Whose};

impl Runner<'_> {
    /// Performs one effect as far as it is about this replica. What is done to a shard
    /// is done once, and told to each; one that was killed is told nothing.
    ///
    /// Errors: one line of what went wrong; the effect is not told then.
    pub(super) fn perform(&mut self, replica: Replica, mut effect: Effect) -> Result<(), String> {
        let is_first = replica == Replica::First;
        let serves = self.desk(replica).standing != Standing::Killed;
        match &mut effect {
            Effect::Connect { session: _ } => self.open_session(replica)?,
            Effect::Restart => self.restart(replica)?,
            Effect::Kill {
                whose: Whose::Own,
                replaced,
            } => return self.kill(replica, *replaced),
            Effect::Append {
                shard,
                desc,
                append,
            } if is_first => {
                let id = self.shard(shard);
                let appended = self.driver.host_mut().append(id, desc, append);
                appended.map_err(|error| self.not_changed(shard, error))?;
            }
            Effect::DowngradeSince { shard, since } if is_first => {
                let id = self.shard(shard);
                let moved = self.driver.host_mut().downgrade_since(id, *since);
                moved.map_err(|error| self.not_changed(shard, error))?;
            }
            Effect::CreateDataflow(assembled) if serves => {
                assembled.locate(|alias, desc| self.held_shard(alias, desc))?;
                let description = assembled.description.clone();
                let sent = cells::of_dataflow(&description);
                self.send(
                    replica,
                    ComputeCommand::CreateDataflow(Box::new(description)),
                )?;
                cells::add(&mut self.cells, &sent);
            }
            Effect::SendPeek { spec, desc, of } if serves => {
                self.send_peek(replica, spec, desc, of)?;
            }
            Effect::Configure(configuration) if serves => {
                let parameters = Box::new(self.parameters(replica, configuration));
                self.send(replica, ComputeCommand::UpdateConfiguration(parameters))?;
            }
            effect => {
                if let Some(command) = self.command(replica, effect).filter(|_| serves) {
                    self.send(replica, command)?;
                }
            }
        }
        self.emit_of(replica, &effect.into_event());
        Ok(())
    }

    /// The command of an effect that is one as it stands.
    fn command(&self, replica: Replica, effect: &Effect) -> Option<ComputeCommand> {
        Some(match effect {
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
                if self.driver.release(replica).configures_instances() {
                    initial_config.updates.clone_from(initial);
                }
                ComputeCommand::CreateInstance(Box::new(InstanceConfig {
                    common,
                    initial_config,
                }))
            }
            Effect::CompleteInitialization => ComputeCommand::InitializationComplete,
            Effect::Schedule { id } => ComputeCommand::Schedule(*id),
            Effect::AllowCompaction { id, frontier } => ComputeCommand::AllowCompaction {
                id: *id,
                frontier: frontier.clone(),
            },
            Effect::AllowWrites { id } => ComputeCommand::AllowWrites(*id),
            Effect::CancelPeek { uuid } => ComputeCommand::CancelPeek { uuid: *uuid },
            Effect::Connect { .. }
            | Effect::Restart
            | Effect::Kill { .. }
            | Effect::Configure(_)
            | Effect::CreateDataflow(_)
            | Effect::SendPeek { .. }
            | Effect::Append { .. }
            | Effect::DowngradeSince { .. } => return None,
        })
    }

    /// The parameters of a configuration; the first one of a script takes back what
    /// an earlier one may have limited.
    fn parameters(&mut self, replica: Replica, configuration: &Configuration) -> ComputeParameters {
        let limit = configuration.max_result_size;
        let is_first = std::mem::take(&mut self.desk_mut(replica).may_be_limited);
        let mut parameters = ComputeParameters {
            max_result_size: limit.or(is_first.then_some(u64::MAX)),
            ..ComputeParameters::default()
        };
        let updates = &mut parameters.dyncfg_updates.updates;
        updates.clone_from(&configuration.updates);
        if is_first {
            let threshold = ConfigVal::Usize(STASH_THRESHOLD_BYTES);
            let name = PEEK_STASH_THRESHOLD.to_string();
            updates.entry(name).or_insert(threshold);
        }
        parameters
    }

    fn send_peek(
        &mut self,
        replica: Replica,
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
        self.send(replica, ComputeCommand::Peek(Box::new(peek)))
    }

    fn open_session(&mut self, replica: Replica) -> Result<(), String> {
        let nonce = self.fresh_uuid();
        let connected = self.driver.connect(replica, nonce);
        connected.map_err(|e| e.to_string())?;
        self.desk_mut(replica).standing = Standing::Open;
        Ok(())
    }

    /// Kills a replica and starts it anew.
    fn restart(&mut self, replica: Replica) -> Result<(), String> {
        // What it did on its own until now is not our doing.
        self.look_at(replica);
        self.driver.restart(replica).map_err(|e| e.to_string())
    }

    /// Kills a replica, and says nothing to what comes after it in this session.
    fn kill(&mut self, replica: Replica, replaced: bool) -> Result<(), String> {
        self.look_at(replica);
        let started = match replaced {
            true => self.driver.replace(replica),
            false => self.driver.restart(replica),
        };
        started.map_err(|e| e.to_string())?;
        let release = self.driver.release(replica);
        let desk = self.desk_mut(replica);
        if desk.standing == Standing::Open {
            desk.standing = Standing::Killed;
        }
        desk.script.speak_to(release);
        self.emit_of(replica, &Event::Killed);
        if replaced {
            self.emit_of(replica, &Event::Replaced { release });
        }
        Ok(())
    }

    fn send(&mut self, replica: Replica, command: ComputeCommand) -> Result<(), String> {
        let sent = self.driver.send(replica, &command);
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
            self.emit(&Event::ShardInDoubt {
                shard: shard.to_string(),
                why,
            });
        }
        text
    }
}
