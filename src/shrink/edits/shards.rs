//! Edits of shards: one that does what two did.
//!
//! Invariant: whatever read the shard that goes reads the other one, with as many
//! columns as before; what nothing reads is not written either.

use std::collections::{BTreeMap, BTreeSet};

use super::schemas::{SAMPLE, reread, without_unused_schemas};
use super::{Commands, without};
use crate::repr::GlobalId;
use crate::script::{Command, Import, Plan};

/// How a dataflow reads a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Source<'a> {
    id: GlobalId,
    schema: Option<&'a str>,
    columns: usize,
}

/// The shards that dataflows import, each as the first of them does.
fn sources(commands: &[Command]) -> BTreeMap<&str, Source<'_>> {
    let schemas: BTreeMap<&str, usize> = commands
        .iter()
        .filter_map(Command::defined_schema)
        .map(|(name, columns)| (name, columns.len()))
        .collect();
    let mut sources = BTreeMap::new();
    let dataflows = commands.iter().filter_map(Command::dataflow);
    for import in dataflows.flat_map(|dataflow| &dataflow.imports) {
        if let Import::Source {
            id, shard, schema, ..
        } = import
        {
            let schema = schema.as_deref();
            let columns = schema.map_or(Some(SAMPLE.len()), |name| schemas.get(name).copied());
            if let Some(columns) = columns {
                let source = Source {
                    id: *id,
                    schema,
                    columns,
                };
                sources.entry(shard.as_str()).or_insert(source);
            }
        }
    }
    sources
}

/// One candidate for every two shards that a dataflow imports, with the second gone.
pub fn unified(commands: &[Command]) -> Vec<Commands> {
    let sources = sources(commands);
    let mut pairs: BTreeSet<(&str, &str)> = BTreeSet::new();
    for command in commands {
        let shards = command.read_shards();
        for (at, to) in shards.iter().enumerate() {
            let others = shards.iter().enumerate().filter(|(other, _)| *other != at);
            pairs.extend(others.map(|(_, from)| (*to, *from)));
        }
    }
    let mut out = Vec::new();
    for (to, from) in pairs.into_iter().filter(|(to, from)| to != from) {
        if let (Some(kept), Some(gone)) = (sources.get(to), sources.get(from)) {
            out.push(reading(commands, (to, *kept), (from, *gone)));
        }
    }
    out
}

/// The script in which `to` is read wherever `from` was.
fn reading(commands: &[Command], to: (&str, Source<'_>), from: (&str, Source<'_>)) -> Commands {
    let ((to, kept), (from, gone)) = (to, from);
    let mut out = commands.to_vec();
    for dataflow in out.iter_mut().filter_map(Command::dataflow_mut) {
        let is = |import: &Import, id| matches!(import, Import::Source { id: i, .. } if *i == id);
        let is_kept = dataflow.imports.iter().any(|import| is(import, kept.id));
        if is_kept {
            dataflow.imports.retain(|import| !is(import, gone.id));
        }
        for import in &mut dataflow.imports {
            if let Import::Source {
                id, shard, schema, ..
            } = import
                && *id == gone.id
            {
                *id = kept.id;
                *shard = to.to_string();
                *schema = kept.schema.map(str::to_string);
            }
        }
        for build in &mut dataflow.builds {
            if let Plan::Operators(plan) = &mut build.plan {
                reread(plan, (gone.id, gone.columns), (kept.id, kept.columns));
            }
        }
    }
    let is_gone = |command: &Command| {
        command.written_shard() == Some(from)
            || command.read_shards().contains(&from)
            || command.view_shards().contains(&from)
    };
    let places = out.iter().enumerate();
    let places = places.filter_map(|(at, command)| is_gone(command).then_some(at));
    let places: BTreeSet<usize> = places.collect();
    without_unused_schemas(&without(&out, &places))
}

#[cfg(test)]
mod tests {
    use super::super::script;
    use super::*;

    #[test]
    fn what_read_either_shard_reads_the_one_that_is_left() {
        let commands = script(
            "define-schema name=t\n  a int\n  b int\n  c int\n----\n\n\
             write-rows shard=s ts=0\n  0 a\n----\n\n\
             write-rows shard=r ts=0 schema=t\n  1 2 3\n----\n\n\
             create-dataflow as-of=0\n  import source=1 shard=s upper=1\n  \
             import source=2 shard=r schema=t upper=1\n  build id=3\n    \
             Join on=(#0 = #2)\n      Get u1\n      Get u2\n  \
             export index=4 on=3 key=[]\n----\n",
        );
        let unified = unified(&commands);
        let shown: Vec<Vec<String>> = unified
            .iter()
            .map(|commands| commands.iter().map(Command::to_string).collect())
            .collect();
        let without_s = [
            "define-schema name=t\n  a int\n  b int\n  c int",
            "write-rows shard=r ts=0 schema=t\n  1 2 3",
            "create-dataflow as-of=0\n  import source=2 shard=r schema=t upper=1\n  \
             build id=3\n    Join on=(#0 = #2)\n      Project (#0, #1)\n        \
             Get u2\n      Get u2\n  export index=4 on=3 key=[]",
        ];
        let without_r = [
            "write-rows shard=s ts=0\n  0 a",
            "create-dataflow as-of=0\n  import source=1 shard=s upper=1\n  \
             build id=3\n    Join on=(#0 = #2)\n      Get u1\n      \
             Project (#0, #1, #0)\n        Get u1\n  export index=4 on=3 key=[]",
        ];
        assert_eq!(shown, [without_s.to_vec(), without_r.to_vec()]);
    }
}
