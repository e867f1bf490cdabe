//! What a command makes and what it needs: ids, shards, schemas, peeks. What the
//! shrinker removes takes with it what then names nothing.
//!
//! Invariant: what an expected error wraps is told as if it stood alone.

use super::cell::RowLine;
use super::command::{ColumnDef, Command, CreateDataflow, Export, Import, Selection};
use repr::GlobalId;

impl Command {
    /// The command itself, or the one that must fail.
    fn innermost(&self) -> &Command {
        if let Command::ExpectError { command } = self {
            return command.innermost();
        }
        self
    }

    /// The same, to change it.
    fn innermost_mut(&mut self) -> &mut Command {
        if let Command::ExpectError { command } = self {
            return command.innermost_mut();
        }
        self
    }

    /// The dataflow that the command describes, if it does.
    pub fn dataflow(&self) -> Option<&CreateDataflow> {
        let Command::CreateDataflow(dataflow) = self.innermost() else {
            return None;
        };
        Some(dataflow)
    }

    /// The same, to change it.
    pub fn dataflow_mut(&mut self) -> Option<&mut CreateDataflow> {
        let Command::CreateDataflow(dataflow) = self.innermost_mut() else {
            return None;
        };
        Some(dataflow)
    }

    /// What the command asks for of the rows that it peeks, if it is a peek, waited for
    /// or not.
    pub fn selection(&self) -> Option<&Selection> {
        let (Command::Peek { selection, .. } | Command::StartPeek { selection, .. }) =
            self.innermost()
        else {
            return None;
        };
        Some(selection)
    }

    /// The same, to change it.
    pub fn selection_mut(&mut self) -> Option<&mut Selection> {
        let (Command::Peek { selection, .. } | Command::StartPeek { selection, .. }) =
            self.innermost_mut()
        else {
            return None;
        };
        Some(selection)
    }

    /// The name of the peek that the command starts, awaits or cancels, to change
    /// it.
    pub fn peek_name(&mut self) -> Option<&mut String> {
        let (Command::StartPeek { peek, .. }
        | Command::AwaitPeek { peek, .. }
        | Command::CancelPeek { peek }) = self.innermost_mut()
        else {
            return None;
        };
        Some(peek)
    }

    /// The rows of an explicit write; none for any other command.
    pub fn rows(&self) -> &[RowLine] {
        let Command::WriteRows { rows, .. } = self.innermost() else {
            return &[];
        };
        rows
    }

    /// The same, to change them.
    pub fn rows_mut(&mut self) -> Option<&mut Vec<RowLine>> {
        let Command::WriteRows { rows, .. } = self.innermost_mut() else {
            return None;
        };
        Some(rows)
    }

    /// How many rows a synthetic write makes.
    pub fn synthetic_rows(&self) -> Option<u64> {
        let (Command::WriteSingleTs { count, .. } | Command::WriteSpread { count, .. }) =
            self.innermost()
        else {
            return None;
        };
        Some(*count)
    }

    /// The ids that the command makes usable.
    pub fn exports(&self) -> Vec<GlobalId> {
        match self.innermost() {
            Command::DefineIndex { index, .. } => vec![*index],
            Command::CreateDataflow(dataflow) => dataflow.exports.iter().map(Export::id).collect(),
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::Restart
            | Command::Kill { .. }
            | Command::DefineSchema { .. }
            | Command::WriteSingleTs { .. }
            | Command::WriteSpread { .. }
            | Command::WriteRows { .. }
            | Command::Schedule { .. }
            | Command::AllowCompaction { .. }
            | Command::AllowWrites { .. }
            | Command::AwaitFrontier { .. }
            | Command::Count { .. }
            | Command::Peek { .. }
            | Command::PeekCount { .. }
            | Command::ExpectCount { .. }
            | Command::ExpectError { .. }
            | Command::AwaitSubscribe { .. }
            | Command::StartPeek { .. }
            | Command::AwaitPeek { .. }
            | Command::CancelPeek { .. }
            | Command::DowngradeSince { .. } => Vec::new(),
        }
    }

    /// The ids that the command, which creates nothing, needs to exist.
    pub fn used_ids(&self) -> Vec<GlobalId> {
        match self.innermost() {
            Command::Schedule { id }
            | Command::AllowCompaction { id, .. }
            | Command::AllowWrites { id }
            | Command::AwaitFrontier { id, .. }
            | Command::Count { id, .. }
            | Command::Peek { id, .. }
            | Command::PeekCount { id, .. }
            | Command::ExpectCount { id, .. }
            | Command::AwaitSubscribe { id, .. }
            | Command::StartPeek { id, .. } => vec![*id],
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::Restart
            | Command::Kill { .. }
            | Command::DefineSchema { .. }
            | Command::WriteSingleTs { .. }
            | Command::WriteSpread { .. }
            | Command::WriteRows { .. }
            | Command::DefineIndex { .. }
            | Command::CreateDataflow(_)
            | Command::ExpectError { .. }
            | Command::AwaitPeek { .. }
            | Command::CancelPeek { .. }
            | Command::DowngradeSince { .. } => Vec::new(),
        }
    }

    /// The indexes that the command's dataflow imports.
    pub fn imported_indexes(&self) -> Vec<GlobalId> {
        let imports = self.dataflow().map(|dataflow| &dataflow.imports);
        let index = |import: &Import| match import {
            Import::Index { index } => Some(*index),
            Import::Source { .. } => None,
        };
        imports.into_iter().flatten().filter_map(index).collect()
    }

    /// The shard that the command itself changes.
    pub fn written_shard(&self) -> Option<&str> {
        match self.innermost() {
            Command::WriteSingleTs { shard, .. }
            | Command::WriteSpread { shard, .. }
            | Command::WriteRows { shard, .. }
            | Command::DowngradeSince { shard, .. } => Some(shard),
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::Restart
            | Command::Kill { .. }
            | Command::DefineSchema { .. }
            | Command::DefineIndex { .. }
            | Command::CreateDataflow(_)
            | Command::Schedule { .. }
            | Command::AllowCompaction { .. }
            | Command::AllowWrites { .. }
            | Command::AwaitFrontier { .. }
            | Command::Count { .. }
            | Command::Peek { .. }
            | Command::PeekCount { .. }
            | Command::ExpectCount { .. }
            | Command::ExpectError { .. }
            | Command::AwaitSubscribe { .. }
            | Command::StartPeek { .. }
            | Command::AwaitPeek { .. }
            | Command::CancelPeek { .. } => None,
        }
    }

    /// The shards that the command's dataflow reads.
    pub fn read_shards(&self) -> Vec<&str> {
        match self.innermost() {
            Command::DefineIndex { shard, .. } => vec![shard],
            Command::CreateDataflow(CreateDataflow { imports, .. }) => {
                imports.iter().filter_map(Import::shard).collect()
            }
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::Restart
            | Command::Kill { .. }
            | Command::DefineSchema { .. }
            | Command::WriteSingleTs { .. }
            | Command::WriteSpread { .. }
            | Command::WriteRows { .. }
            | Command::Schedule { .. }
            | Command::AllowCompaction { .. }
            | Command::AllowWrites { .. }
            | Command::AwaitFrontier { .. }
            | Command::Count { .. }
            | Command::Peek { .. }
            | Command::PeekCount { .. }
            | Command::ExpectCount { .. }
            | Command::ExpectError { .. }
            | Command::AwaitSubscribe { .. }
            | Command::StartPeek { .. }
            | Command::AwaitPeek { .. }
            | Command::CancelPeek { .. }
            | Command::DowngradeSince { .. } => Vec::new(),
        }
    }

    /// The shards that the views of the command's dataflow write.
    pub fn view_shards(&self) -> Vec<&str> {
        let exports = self.dataflow().map(|dataflow| &dataflow.exports);
        let exports = exports.into_iter().flatten();
        exports.filter_map(Export::view_shard).collect()
    }

    /// The schema that the command defines.
    pub fn defined_schema(&self) -> Option<(&str, &[ColumnDef])> {
        let Command::DefineSchema { name, columns } = self.innermost() else {
            return None;
        };
        Some((name, columns))
    }

    /// The peek that the command starts.
    pub fn started_peek(&self) -> Option<&str> {
        let Command::StartPeek { peek, .. } = self.innermost() else {
            return None;
        };
        Some(peek)
    }

    /// The started peek that the command waits for or cancels.
    pub fn used_peek(&self) -> Option<&str> {
        let (Command::AwaitPeek { peek, .. } | Command::CancelPeek { peek }) = self.innermost()
        else {
            return None;
        };
        Some(peek)
    }
}
