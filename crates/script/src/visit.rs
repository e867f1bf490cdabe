//! Walking over what commands name: ids, times, shards, schemas, peeks, cells. The
//! shrinker renames and renumbers through these, so that values which occur in
//! several places move together.
//!
//! Invariant: every place that can hold such a value is visited exactly once,
//! plans included.

use super::cell::Cell;
use super::command::{Command, Export, Import};
use repr::{GlobalId, Timestamp};

/// What a time in a command stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeRole {
    /// A time at which something is written or read.
    At,
    /// A bound: what lies before it is settled, compacted or dropped.
    Bound,
}

impl Command {
    /// Visits every id, those that plans read included.
    pub fn visit_ids(&mut self, f: &mut dyn FnMut(&mut GlobalId)) {
        match self {
            Command::DefineIndex { source, index, .. } => {
                f(source);
                f(index);
            }
            Command::CreateDataflow(dataflow) => {
                for import in &mut dataflow.imports {
                    match import {
                        Import::Source { id, .. } => f(id),
                        Import::Index { index } => f(index),
                    }
                }
                for build in &mut dataflow.builds {
                    f(&mut build.id);
                    build.plan.visit_ids(f);
                }
                for export in &mut dataflow.exports {
                    match export {
                        Export::Index { index, on, .. } => {
                            f(index);
                            f(on);
                        }
                        Export::MaterializedView { sink, on, .. }
                        | Export::Subscribe { sink, on, .. } => {
                            f(sink);
                            f(on);
                        }
                    }
                }
            }
            Command::Peek { id, selection, .. } | Command::StartPeek { id, selection, .. } => {
                f(id);
                if let Some(plan) = &mut selection.plan {
                    plan.visit_ids(f);
                }
            }
            Command::Schedule { id }
            | Command::AllowCompaction { id, .. }
            | Command::AllowWrites { id }
            | Command::AwaitFrontier { id, .. }
            | Command::Count { id, .. }
            | Command::PeekCount { id, .. }
            | Command::ExpectCount { id, .. }
            | Command::AwaitSubscribe { id, .. } => f(id),
            Command::ExpectError { command } => command.visit_ids(f),
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::DefineSchema { .. }
            | Command::WriteSingleTs { .. }
            | Command::WriteSpread { .. }
            | Command::WriteRows { .. }
            | Command::AwaitPeek { .. }
            | Command::CancelPeek { .. }
            | Command::DowngradeSince { .. }
            | Command::Restart
            | Command::Kill { .. } => {}
        }
    }

    /// Visits every time, with what it stands for.
    pub fn visit_times(&mut self, f: &mut dyn FnMut(TimeRole, &mut Timestamp)) {
        match self {
            Command::WriteSingleTs { ts, .. }
            | Command::WriteRows { ts, .. }
            | Command::Count { ts, .. }
            | Command::Peek { ts, .. }
            | Command::PeekCount { ts, .. }
            | Command::ExpectCount { ts, .. }
            | Command::StartPeek { ts, .. } => f(TimeRole::At, ts),
            Command::WriteSpread { n_ts, .. } => f(TimeRole::Bound, n_ts),
            Command::DefineIndex { as_of, upper, .. } => {
                f(TimeRole::At, as_of);
                f(TimeRole::Bound, upper);
            }
            Command::CreateDataflow(dataflow) => {
                f(TimeRole::At, &mut dataflow.as_of);
                if let Some(until) = &mut dataflow.until {
                    f(TimeRole::Bound, until);
                }
                for import in &mut dataflow.imports {
                    match import {
                        Import::Source { upper, .. } => f(TimeRole::Bound, upper),
                        Import::Index { .. } => {}
                    }
                }
                for export in &mut dataflow.exports {
                    match export {
                        Export::Subscribe {
                            up_to: Some(up_to), ..
                        } => f(TimeRole::Bound, up_to),
                        Export::Subscribe { up_to: None, .. }
                        | Export::Index { .. }
                        | Export::MaterializedView { .. } => {}
                    }
                }
            }
            Command::AllowCompaction {
                frontier: Some(ts), ..
            } => f(TimeRole::At, ts),
            Command::DowngradeSince { since, .. } => f(TimeRole::At, since),
            Command::AwaitFrontier { ts, .. } => f(TimeRole::Bound, ts),
            Command::AwaitSubscribe { up_to, .. } => f(TimeRole::Bound, up_to),
            Command::ExpectError { command } => command.visit_times(f),
            Command::AllowCompaction { frontier: None, .. }
            | Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::DefineSchema { .. }
            | Command::Schedule { .. }
            | Command::AllowWrites { .. }
            | Command::AwaitPeek { .. }
            | Command::CancelPeek { .. }
            | Command::Restart
            | Command::Kill { .. } => {}
        }
    }

    /// Visits every shard alias.
    pub fn visit_shards(&mut self, f: &mut dyn FnMut(&mut String)) {
        match self {
            Command::WriteSingleTs { shard, .. }
            | Command::WriteSpread { shard, .. }
            | Command::WriteRows { shard, .. }
            | Command::DefineIndex { shard, .. }
            | Command::DowngradeSince { shard, .. } => f(shard),
            Command::CreateDataflow(dataflow) => {
                for import in &mut dataflow.imports {
                    match import {
                        Import::Source { shard, .. } => f(shard),
                        Import::Index { .. } => {}
                    }
                }
                for export in &mut dataflow.exports {
                    match export {
                        Export::MaterializedView { shard, .. } => f(shard),
                        Export::Index { .. } | Export::Subscribe { .. } => {}
                    }
                }
            }
            Command::ExpectError { command } => command.visit_shards(f),
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::DefineSchema { .. }
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
            | Command::CancelPeek { .. }
            | Command::Restart
            | Command::Kill { .. } => {}
        }
    }

    /// Visits every *use* of a schema's name; `None` is the sample schema.
    pub fn visit_schema_uses(&mut self, f: &mut dyn FnMut(&mut Option<String>)) {
        match self {
            Command::WriteSingleTs { schema, .. }
            | Command::WriteSpread { schema, .. }
            | Command::WriteRows { schema, .. }
            | Command::DefineIndex { schema, .. }
            | Command::Peek { schema, .. }
            | Command::PeekCount { schema, .. }
            | Command::ExpectCount { schema, .. }
            | Command::StartPeek { schema, .. } => f(schema),
            Command::CreateDataflow(dataflow) => {
                for import in &mut dataflow.imports {
                    match import {
                        Import::Source { schema, .. } => f(schema),
                        Import::Index { .. } => {}
                    }
                }
                for export in &mut dataflow.exports {
                    match export {
                        Export::MaterializedView { schema, .. }
                        | Export::Subscribe { schema, .. } => f(schema),
                        Export::Index { .. } => {}
                    }
                }
            }
            Command::ExpectError { command } => command.visit_schema_uses(f),
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::DefineSchema { .. }
            | Command::Schedule { .. }
            | Command::AllowCompaction { .. }
            | Command::AllowWrites { .. }
            | Command::AwaitFrontier { .. }
            | Command::Count { .. }
            | Command::AwaitSubscribe { .. }
            | Command::AwaitPeek { .. }
            | Command::CancelPeek { .. }
            | Command::DowngradeSince { .. }
            | Command::Restart
            | Command::Kill { .. } => {}
        }
    }

    /// Visits every list of cells, the rows of a write and the literals of a peek,
    /// with the schema that says what types they have.
    pub fn visit_cells(&mut self, f: &mut dyn FnMut(Option<&str>, &mut Vec<Cell>)) {
        match self {
            Command::WriteRows { schema, rows, .. } => {
                for row in rows {
                    f(schema.as_deref(), &mut row.cells);
                }
            }
            Command::Peek {
                schema, selection, ..
            }
            | Command::StartPeek {
                schema, selection, ..
            } => {
                for literal in &mut selection.literals {
                    f(schema.as_deref(), literal);
                }
            }
            Command::ExpectError { command } => command.visit_cells(f),
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::Restart
            | Command::Kill { .. }
            | Command::DefineSchema { .. }
            | Command::WriteSingleTs { .. }
            | Command::WriteSpread { .. }
            | Command::DefineIndex { .. }
            | Command::CreateDataflow(_)
            | Command::Schedule { .. }
            | Command::AllowCompaction { .. }
            | Command::AllowWrites { .. }
            | Command::AwaitFrontier { .. }
            | Command::Count { .. }
            | Command::PeekCount { .. }
            | Command::ExpectCount { .. }
            | Command::AwaitSubscribe { .. }
            | Command::AwaitPeek { .. }
            | Command::CancelPeek { .. }
            | Command::DowngradeSince { .. } => {}
        }
    }
}
