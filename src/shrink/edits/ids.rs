//! Edits of ids: one collection instead of two, an index instead of a sink, the
//! canonical names.
//!
//! Invariant: an id is renamed wherever it stands, plans included.

use std::collections::BTreeMap;

use super::{Commands, without};
use crate::repr::GlobalId;
use crate::script::{Command, CreateDataflow, Export, Import};

/// Every id that some command makes usable, in order.
pub fn exported(commands: &[Command]) -> Vec<GlobalId> {
    let mut ids: Vec<GlobalId> = commands.iter().flat_map(Command::exports).collect();
    ids.dedup();
    ids
}

/// Every id that some command makes usable or uses, in order.
pub fn named(commands: &[Command]) -> Vec<GlobalId> {
    let mut ids = exported(commands);
    for id in commands.iter().flat_map(Command::used_ids) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// `from` is called `to` everywhere, its own definitions are gone, and so are
/// commands that now say the same twice in a row of equals.
pub fn unified(commands: &[Command], from: GlobalId, to: GlobalId) -> Commands {
    let mut out: Commands = Vec::new();
    for command in commands {
        let exports = command.exports();
        let defines = !exports.is_empty() && exports.iter().all(|id| *id == from);
        if defines {
            continue;
        }
        let mut command = command.clone();
        command.visit_ids(&mut |id| {
            if *id == from {
                *id = to;
            }
        });
        let repeated = matches!(
            command,
            Command::Schedule { .. } | Command::AllowCompaction { .. } | Command::Peek { .. }
        ) && out.contains(&command);
        if !repeated {
            out.push(command);
        }
    }
    out
}

/// Objects that dataflows build, each replaced everywhere by one of those that
/// it reads: one candidate an object and a read.
pub fn without_builds(commands: &[Command]) -> Vec<Commands> {
    let mut out = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        let builds = command.dataflow().map(|dataflow| &dataflow.builds);
        for (place, build) in builds.into_iter().flatten().enumerate() {
            for read in build.plan.reads() {
                let mut candidate = commands.to_vec();
                if let Some(dataflow) = candidate[at].dataflow_mut() {
                    dataflow.builds.remove(place);
                }
                for command in &mut candidate {
                    command.visit_ids(&mut |id| {
                        if *id == build.id {
                            *id = read;
                        }
                    });
                }
                out.push(candidate);
            }
        }
    }
    out
}

/// Indexes of sources, each gone, with what imported it reading the source itself:
/// one candidate an index.
pub fn without_indexes(commands: &[Command]) -> Vec<Commands> {
    let mut out = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        let Command::DefineIndex {
            source,
            index,
            shard,
            schema,
            upper,
            ..
        } = command
        else {
            continue;
        };
        let mut candidate = commands.to_vec();
        let dataflows = candidate.iter_mut().filter_map(Command::dataflow_mut);
        for import in dataflows.flat_map(|dataflow| &mut dataflow.imports) {
            if matches!(import, Import::Index { index: imported } if imported == index) {
                *import = Import::Source {
                    id: *source,
                    shard: shard.clone(),
                    schema: schema.clone(),
                    upper: *upper,
                };
            }
        }
        out.push(without(&candidate, &[at].into()));
    }
    out
}

/// Sinks, each replaced by an index of the same collection, without what only
/// sinks understand: one candidate a sink.
pub fn plainer_exports(commands: &[Command]) -> Vec<Commands> {
    let is_sink = |export: &Export| match export {
        Export::Index { .. } => false,
        Export::MaterializedView { .. } | Export::Subscribe { .. } => true,
    };
    let dataflows = commands.iter().filter_map(Command::dataflow);
    let exports = dataflows.flat_map(|dataflow| &dataflow.exports);
    let sinks = exports.filter(|export| is_sink(export)).map(Export::id);
    let mut sinks: Vec<GlobalId> = sinks.collect();
    sinks.sort_unstable();
    sinks.dedup();
    let plain = |sink: GlobalId| -> Commands {
        let mut out = commands.to_vec();
        let is_for_sinks = |command: &Command| matches!(command, Command::AllowWrites { id } | Command::AwaitSubscribe { id, .. } if *id == sink);
        out.retain(|command| !is_for_sinks(command));
        for command in &mut out {
            if let Some(dataflow) = command.dataflow_mut() {
                for export in dataflow.exports.iter_mut().filter(|e| e.id() == sink) {
                    *export = match export {
                        Export::Index { index, on, .. }
                        | Export::MaterializedView {
                            sink: index, on, ..
                        }
                        | Export::Subscribe {
                            sink: index, on, ..
                        } => Export::Index {
                            index: *index,
                            on: *on,
                            key: Vec::new(),
                        },
                    };
                }
            }
        }
        out
    };
    sinks.into_iter().map(plain).collect()
}

/// A dataflow that only indexes a source, as the command made for that.
pub fn plain_index(command: &Command) -> Option<Command> {
    let Command::CreateDataflow(CreateDataflow {
        as_of,
        until: None,
        imports,
        builds,
        exports,
        ..
    }) = command
    else {
        return None;
    };
    let source = imports.iter().find_map(|import| match import {
        Import::Source {
            id,
            shard,
            schema,
            upper,
        } => Some((*id, shard.clone(), schema.clone(), *upper)),
        Import::Index { .. } => None,
    });
    let (source, shard, schema, upper) = source?;
    match exports.as_slice() {
        [Export::Index { index, on, key }] if *on == source || builds.len() == 1 => {
            Some(Command::DefineIndex {
                source,
                index: *index,
                shard,
                schema,
                key: key.clone(),
                as_of: *as_of,
                upper,
            })
        }
        _ => None,
    }
}

/// Ids, shards, schemas and peeks by their canonical names, in order of first
/// occurrence.
pub fn renamed(commands: &[Command]) -> Commands {
    let mut out = commands.to_vec();
    let mut ids: BTreeMap<GlobalId, GlobalId> = BTreeMap::new();
    let mut shards: BTreeMap<String, String> = BTreeMap::new();
    let mut schemas: BTreeMap<String, String> = BTreeMap::new();
    let mut peeks: BTreeMap<String, String> = BTreeMap::new();
    let numbered = |stem: &str, n: usize| match n {
        0 => stem.to_string(),
        n => format!("{stem}{}", n + 1),
    };
    for command in &mut out {
        command.visit_ids(&mut |id| {
            let next = GlobalId::User(1000 + ids.len() as u64);
            *id = *ids.entry(*id).or_insert(next);
        });
        command.visit_shards(&mut |shard| {
            let next = numbered("s", shards.len());
            *shard = shards.entry(shard.clone()).or_insert(next).clone();
        });
        let mut rename = |name: &mut String| {
            let next = numbered("t", schemas.len());
            *name = schemas.entry(name.clone()).or_insert(next).clone();
        };
        if let Command::DefineSchema { name, .. } = command {
            rename(name);
        }
        command.visit_schema_uses(&mut |schema| {
            if let Some(name) = schema {
                rename(name);
            }
        });
        if let Some(peek) = command.peek_name() {
            let next = numbered("p", peeks.len());
            *peek = peeks.entry(peek.clone()).or_insert(next).clone();
        }
    }
    out
}
