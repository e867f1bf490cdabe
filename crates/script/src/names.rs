//! What a command makes and what it needs: ids, shards, schemas, peeks. What the
//! shrinker removes takes with it what then names nothing.
//!
//! Invariant: what an expected error wraps is told as if it stood alone.

use super::command::{ColumnDef, Command, CreateDataflow, Export, Import, RowLine};
use repr::GlobalId;

impl Command {
    /// The command itself, or the one that must fail.
    fn innermost(&self) -> &Command {
        match self {
            Command::ExpectError { command } => command.innermost(),
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::Restart
            | Command::DefineSchema { .. }
            | Command::WriteSingleTs { .. }
            | Command::WriteSpread { .. }
            | Command::WriteRows { .. }
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
            | Command::AwaitSubscribe { .. }
            | Command::StartPeek { .. }
            | Command::AwaitPeek { .. }
            | Command::CancelPeek { .. }
            | Command::DowngradeSince { .. } => self,
        }
    }

    /// The dataflow that the command describes, if it does.
    pub fn dataflow(&self) -> Option<&CreateDataflow> {
        match self.innermost() {
            Command::CreateDataflow(dataflow) => Some(dataflow),
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::Restart
            | Command::DefineSchema { .. }
            | Command::WriteSingleTs { .. }
            | Command::WriteSpread { .. }
            | Command::WriteRows { .. }
            | Command::DefineIndex { .. }
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
            | Command::DowngradeSince { .. } => None,
        }
    }

    /// The same, to change it.
    pub fn dataflow_mut(&mut self) -> Option<&mut CreateDataflow> {
        match self {
            Command::CreateDataflow(dataflow) => Some(dataflow),
            Command::ExpectError { command } => command.dataflow_mut(),
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::Restart
            | Command::DefineSchema { .. }
            | Command::WriteSingleTs { .. }
            | Command::WriteSpread { .. }
            | Command::WriteRows { .. }
            | Command::DefineIndex { .. }
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
            | Command::DowngradeSince { .. } => None,
        }
    }

    /// The rows of an explicit write; none for any other command.
    pub fn rows(&self) -> &[RowLine] {
        match self.innermost() {
            Command::WriteRows { rows, .. } => rows,
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::Restart
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
            | Command::Peek { .. }
            | Command::PeekCount { .. }
            | Command::ExpectCount { .. }
            | Command::ExpectError { .. }
            | Command::AwaitSubscribe { .. }
            | Command::StartPeek { .. }
            | Command::AwaitPeek { .. }
            | Command::CancelPeek { .. }
            | Command::DowngradeSince { .. } => &[],
        }
    }

    /// The same, to change them.
    pub fn rows_mut(&mut self) -> Option<&mut Vec<RowLine>> {
        match self {
            Command::WriteRows { rows, .. } => Some(rows),
            Command::ExpectError { command } => command.rows_mut(),
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::Restart
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
            | Command::Peek { .. }
            | Command::PeekCount { .. }
            | Command::ExpectCount { .. }
            | Command::AwaitSubscribe { .. }
            | Command::StartPeek { .. }
            | Command::AwaitPeek { .. }
            | Command::CancelPeek { .. }
            | Command::DowngradeSince { .. } => None,
        }
    }

    /// How many rows a synthetic write makes.
    pub fn synthetic_rows(&self) -> Option<u64> {
        match self.innermost() {
            Command::WriteSingleTs { count, .. } | Command::WriteSpread { count, .. } => {
                Some(*count)
            }
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::Restart
            | Command::DefineSchema { .. }
            | Command::WriteRows { .. }
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
            | Command::CancelPeek { .. }
            | Command::DowngradeSince { .. } => None,
        }
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
        match self.innermost() {
            Command::DefineSchema { name, columns } => Some((name, columns)),
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::Restart
            | Command::WriteSingleTs { .. }
            | Command::WriteSpread { .. }
            | Command::WriteRows { .. }
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
            | Command::CancelPeek { .. }
            | Command::DowngradeSince { .. } => None,
        }
    }

    /// The peek that the command starts.
    pub fn started_peek(&self) -> Option<&str> {
        match self.innermost() {
            Command::StartPeek { peek, .. } => Some(peek),
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::Restart
            | Command::DefineSchema { .. }
            | Command::WriteSingleTs { .. }
            | Command::WriteSpread { .. }
            | Command::WriteRows { .. }
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
            | Command::AwaitPeek { .. }
            | Command::CancelPeek { .. }
            | Command::DowngradeSince { .. } => None,
        }
    }

    /// The started peek that the command waits for or cancels.
    pub fn used_peek(&self) -> Option<&str> {
        match self.innermost() {
            Command::AwaitPeek { peek, .. } | Command::CancelPeek { peek } => Some(peek),
            Command::CreateInstance { .. }
            | Command::UpdateConfiguration { .. }
            | Command::InitializationComplete
            | Command::Reconnect
            | Command::Restart
            | Command::DefineSchema { .. }
            | Command::WriteSingleTs { .. }
            | Command::WriteSpread { .. }
            | Command::WriteRows { .. }
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
            | Command::DowngradeSince { .. } => None,
        }
    }
}
