//! A column less in a schema, and in all that is made of it.
//!
//! Invariant: rows, keys, plans and peeks follow in the same candidate; what is
//! computed of the column alone goes with it.

use std::collections::BTreeMap;

use super::edits::Commands;
use super::edits::schemas::with_peeks_of;
use super::prune::{Moved, Sources, pruned};
use crate::plan::resolve_types;
use crate::repr::GlobalId;
use crate::script::interpret::{Interpreter, Uuids};
use crate::script::{Command, CreateDataflow, Export, Import, Plan};

/// Column `column` of schema `name` removed, with the cells of its rows and its
/// place in keys and plans. None if something needs the column.
pub fn without_column(commands: &[Command], name: &str, column: usize) -> Option<Commands> {
    let mut columns = None;
    let mut interpreter = Interpreter::new(Uuids::Seeded(0));
    let mut sources = Sources::new();
    let mut peeked: BTreeMap<usize, Vec<GlobalId>> = BTreeMap::new();
    let mut out = commands.to_vec();
    for command in &mut out {
        let original = command.clone();
        if let Command::DefineSchema {
            name: n,
            columns: defined,
        } = command
            && n == name
        {
            if column >= defined.len() || defined.len() == 1 {
                return None;
            }
            columns = Some(defined.len());
            defined.remove(column);
        }
        command.visit_cells(&mut |schema, cells| {
            if schema == Some(name) && column < cells.len() {
                cells.remove(column);
            }
        });
        let has_schema = |schema: &Option<String>| schema.as_deref() == Some(name);
        let gone = columns.map(|columns| without(columns, column));
        if let Command::DefineIndex {
            schema,
            source,
            key,
            ..
        } = command
            && has_schema(schema)
        {
            let moved = gone.clone()?;
            *key = moved_key(key, &moved)?;
            sources.insert(*source, moved);
        }
        if let Some(dataflow) = command.dataflow_mut() {
            for import in &dataflow.imports {
                if let Import::Source { id, schema, .. } = import
                    && has_schema(schema)
                {
                    sources.insert(*id, gone.clone()?);
                }
            }
            for (index, columns) in prune(dataflow, &interpreter, &mut sources)? {
                peeked.entry(columns).or_default().push(index);
            }
        }
        // What cannot be put together makes nothing that could be read.
        let _ = interpreter.take(&original);
    }
    for (columns, indexes) in peeked {
        out = with_peeks_of(&out, &indexes, columns);
    }
    Some(out)
}

/// The places of so many columns, one of which is gone.
fn without(columns: usize, gone: usize) -> Moved {
    let kept = (0..columns).filter(|column| *column != gone);
    kept.enumerate().map(|(to, from)| (from, to)).collect()
}

fn moved_key(key: &[usize], moved: &Moved) -> Option<Vec<usize>> {
    key.iter()
        .map(|column| moved.get(column).copied())
        .collect()
}

/// Plans and keys of a dataflow without what is gone from its sources. The indexes
/// of what lost columns, and how many there are left.
fn prune(
    dataflow: &mut CreateDataflow,
    interpreter: &Interpreter,
    sources: &mut Sources,
) -> Option<Vec<(GlobalId, usize)>> {
    let types = interpreter.readable(dataflow).ok()?;
    for build in &mut dataflow.builds {
        let Plan::Operators(plan) = &build.plan else {
            return None;
        };
        let mut typed = plan.clone();
        resolve_types(&mut typed, &types).ok()?;
        let arity = typed.arity();
        let (plan, moved) = pruned(&typed, sources)?;
        if moved.len() < arity {
            sources.insert(build.id, moved);
        }
        build.plan = Plan::from(plan);
    }
    let mut indexes = Vec::new();
    for export in &mut dataflow.exports {
        if let Export::Index { index, on, key } = export
            && let Some(moved) = sources.get(on)
        {
            *key = moved_key(key, moved)?;
            let is_built = dataflow.builds.iter().any(|build| build.id == *on);
            indexes.extend(is_built.then_some((*index, moved.len())));
        }
    }
    Some(indexes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::text::parse;

    #[test]
    fn plans_keys_rows_and_peeks_follow_a_column_that_goes() {
        let script = |text: &str| {
            let stanzas = text.split("\n\n").map(|stanza| format!("{stanza}\n----\n"));
            let stanzas: Vec<String> = stanzas.collect();
            parse(&stanzas.join("\n")).unwrap().commands()
        };
        let before = script(
            "define-schema name=t\n  a bigint\n  b bigint\n  c bigint\n\n\
             define-schema name=u\n  a bigint\n  b bigint\n\n\
             write-rows shard=s ts=0 schema=t\n  1 2 3\n\n\
             create-dataflow as-of=0 optimize\n  \
             import source=1 shard=s schema=t upper=1\n  \
             build id=2\n    \
             Reduce group_by=[#0, #1] aggregates=[max(#2), max(#4)]\n      \
             Join on=(#1 = #2 = #5)\n        \
             Get u1\n        \
             TopK group_by=[#1] order_by=[#0 asc nulls_first] limit=1\n          Get u1\n  \
             export index=3 on=2 key=[0]\n\n\
             peek id=3 ts=0 schema=t",
        );
        let after = script(
            "define-schema name=t\n  a bigint\n  c bigint\n\n\
             define-schema name=u\n  a bigint\n  b bigint\n\n\
             write-rows shard=s ts=0 schema=t\n  1 3\n\n\
             create-dataflow as-of=0 optimize\n  \
             import source=1 shard=s schema=t upper=1\n  \
             build id=2\n    \
             Reduce group_by=[#0] aggregates=[max(#1)]\n      \
             Join on=(#1 = #3)\n        \
             Get u1\n        \
             TopK order_by=[#0 asc nulls_first] limit=1\n          Get u1\n  \
             export index=3 on=2 key=[0]\n\n\
             peek id=3 ts=0 schema=t",
        );
        let shown = |commands: &[Command]| -> Vec<String> {
            commands.iter().map(Command::to_string).collect()
        };
        let found = without_column(&before, "t", 1).unwrap();
        assert_eq!(shown(&found), shown(&after));
        // The key is gone with its column.
        assert_eq!(without_column(&before, "t", 0), None);
    }
}
