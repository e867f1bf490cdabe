//! Scripts run in the laboratory: what they write, build and peek, without a
//! replica's protocol.

use std::collections::BTreeMap;

use clusterd_fuzz::repr::{Diff, GlobalId, Row, Timestamp};
use clusterd_fuzz::script::dataflow::Assembled;
use clusterd_fuzz::script::event::ImportSpec;
use clusterd_fuzz::script::interpret::{Effect, Interpreter, Uuids};
use clusterd_fuzz::script::{self, Command};

use super::{Contents, Mode, Sources, answer, run};

/// What a script has made so far.
struct World {
    script: Interpreter,
    shards: BTreeMap<String, Vec<(Row, Timestamp, Diff)>>,
    /// Where each source comes from.
    sources: BTreeMap<GlobalId, String>,
    /// What exported indexes contain.
    exported: BTreeMap<GlobalId, Contents>,
}

impl World {
    /// Executes a command; gives its output where it has one to compare.
    fn execute(&mut self, command: &Command, mode: Mode) -> Result<Option<String>, String> {
        let mut command = command.clone();
        if let Command::CreateDataflow(dataflow) = &mut command {
            dataflow.join = mode.join.or(dataflow.join);
        }
        let meaning = self.script.take(&command).map_err(|e| e.to_string())?;
        let mut output = None;
        for effect in meaning.effects() {
            match effect {
                Effect::Append { shard, append, .. } => {
                    let shard = self.shards.entry(shard.clone()).or_default();
                    shard.extend(append.updates.iter().cloned());
                }
                Effect::CreateDataflow(dataflow) => self.create(dataflow, mode)?,
                Effect::SendPeek { spec, .. } => match self.exported.get(&spec.id) {
                    Some(contents) => output = Some(answer(contents, spec.ts)),
                    None => return Err(format!("peek of unknown {}", spec.id)),
                },
                _ => {}
            }
        }
        Ok(output)
    }

    fn create(&mut self, dataflow: &Assembled, mode: Mode) -> Result<(), String> {
        for import in &dataflow.spec.imports {
            if let ImportSpec::Source { id, shard, .. } = import {
                self.sources.insert(*id, shard.clone());
                self.shards.entry(shard.clone()).or_default();
            }
        }
        // An index of a source is only there to be imported.
        if dataflow.spec.builds.is_empty() {
            return Ok(());
        }
        let contents = |shard: &String| self.shards[shard].clone();
        let sources = self.sources.iter();
        let sources: Sources = sources.map(|(id, shard)| (*id, contents(shard))).collect();
        self.exported
            .extend(run(&dataflow.description, &sources, mode)?);
        Ok(())
    }
}

/// Runs a script; gives the first disagreement.
pub fn disagreement(spec: &str, mode: Mode) -> Result<(), String> {
    let script = script::text::parse(spec).map_err(|e| e.to_string())?;
    let mut world = World {
        script: Interpreter::new(Uuids::Seeded(0)).for_release(mode.release),
        shards: BTreeMap::new(),
        sources: BTreeMap::new(),
        exported: BTreeMap::new(),
    };
    for stanza in script.stanzas() {
        match world.execute(&stanza.command, mode) {
            Ok(None) => {}
            Ok(Some(got)) => {
                // A row without columns is a blank line, which blocks do not keep.
                let expected = stanza.expected.trim();
                let fine = if expected.starts_with("error: peek error: Invalid data in source, saw")
                {
                    got.starts_with("error: peek error: Invalid data in source, saw")
                } else if expected.starts_with("error:") {
                    got.lines().any(|line| line == expected)
                } else {
                    got.trim() == expected
                };
                if !fine {
                    return Err(format!(
                        "{}\nexpected:\n{expected}\ngot:\n{got}",
                        stanza.input
                    ));
                }
            }
            Err(reason) => return Err(format!("{}\n{reason}", stanza.input)),
        }
    }
    Ok(())
}
