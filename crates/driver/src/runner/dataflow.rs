//! The commands that make dataflows: `define-index`, `create-dataflow`,
//! `count`. Source: `spec/script.md` §2.5, §2.6.
//!
//! Invariant: a dataflow that cannot be put together registers nothing but the
//! shards that it names.

use std::sync::Arc;
use std::time::Duration;

use super::Runner;
use plan::cells;
use protocol::v26_30::{CollectionMetadata, ComputeCommand};
use repr::{GlobalId, RelationDesc, SqlScalarType, Timestamp};
use script::dataflow::{Assembled, AssembledCount, Named, assemble, assemble_count};
use script::output::Output;
use script::selection::Finish;
use script::trace::{Event, ExportSpec};
use script::*;

impl Runner<'_> {
    /// Executes `define-index` or `create-dataflow`.
    pub(super) fn create(&mut self, command: &Command) -> Result<Output, String> {
        let assembled = self.with_named(|named| assemble(command, named))?;
        self.ship(assembled)
    }

    fn with_named<T>(&mut self, body: impl FnOnce(Named<'_>) -> T) -> T {
        // Finding a shard needs the rest of the runner.
        let (schemas, indexes) = (self.schemas.clone(), self.indexes.clone());
        body(Named {
            schemas: &schemas,
            indexes: &indexes,
            locate: &mut |alias, desc| self.held_shard(alias, desc),
        })
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

    /// Sends a dataflow, and registers what it exports.
    fn ship(&mut self, assembled: Assembled) -> Result<Output, String> {
        let Assembled {
            description,
            spec,
            indexes,
            views,
        } = assembled;
        let sent = cells::of_dataflow(&description);
        self.send(ComputeCommand::CreateDataflow(Box::new(description)))?;
        cells::add(&mut self.cells, &sent);
        for export in &spec.exports {
            match export {
                ExportSpec::MaterializedView { shard, desc, .. } => {
                    self.targets.insert(shard.clone(), desc.clone());
                }
                ExportSpec::Index { .. } | ExportSpec::Subscribe { .. } => {}
            }
        }
        self.emit(Event::DataflowCreated(Arc::new(spec)));
        self.indexes.extend(indexes);
        self.views.extend(views);
        Ok(Output::Ok)
    }

    /// Counts the rows of an index on the replica, by a dataflow of its own.
    pub(super) fn count(&mut self, index: GlobalId, ts: Timestamp) -> Result<Output, String> {
        let ephemeral = self.next_ephemeral;
        let assembled = self.with_named(|named| assemble_count(index, ts, ephemeral, named))?;
        let AssembledCount {
            dataflow,
            output,
            end,
        } = assembled;
        self.next_ephemeral += 2;
        self.ship(dataflow)?;
        self.announce(
            Event::Scheduled { id: output },
            ComputeCommand::Schedule(output),
        )?;
        if !self.await_frontier(
            output,
            end,
            Duration::from_secs(DEFAULT_TIMEOUT_SECS),
            false,
        ) {
            return Err(format!("frontier for {output} did not reach {end} in time"));
        }
        let desc = RelationDesc::from_columns([("count", SqlScalarType::Int64, false)]);
        let rows = self.peek(output, ts, &desc, &Finish::default())?;
        let copies: usize = rows.iter().map(|(_, count)| *count).sum();
        match rows.as_slice() {
            [] => Ok(Output::Count { count: 0 }),
            [(row, 1)] => {
                let count = row.iter().next().map(|datum| datum.to_string());
                let count = count.unwrap_or_default().parse::<i64>();
                let count = count.map_err(|e| format!("the count is no integer: {e}"))?;
                let count = u64::try_from(count).map_err(|e| e.to_string())?;
                Ok(Output::Count { count })
            }
            _ => Err(format!(
                "count reduce returned {copies} rows, expected 0 or 1"
            )),
        }
    }
}
