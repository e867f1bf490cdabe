//! A dataflow as the generator keeps it, so that a reconnect can create it
//! again: what it reads, builds and exports. Source: `spec/script.md` §2.5.
//!
//! Invariant: what an export says of its collection (columns, retractions) is
//! true of every later dataflow that imports it.

use super::tally::Worth;
use super::values::Column;
use super::world::World;
use crate::model::Shard;
use crate::plan::{Relation, RelationType};
use crate::repr::{GlobalId, ReprColumnType, Timestamp};
use crate::script::{
    Build, Command, CreateDataflow, DEFAULT_DATAFLOW_NAME, Export, Import, JoinChoice, Refresh,
};

/// A dataflow that a reconnect can create again.
#[derive(Debug, Clone)]
pub struct Flow {
    pub imports: Vec<FlowSource>,
    /// In dependency order; without any, an index of an import.
    pub builds: Vec<(GlobalId, Relation)>,
    pub exports: Vec<FlowExport>,
    pub planning: Planning,
    pub as_of: Timestamp,
    pub until: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowSource {
    /// One of the shards.
    Shard(usize),
    /// The collection `on`, through an index.
    Index { index: GlobalId, on: GlobalId },
}

/// What decides how a plan is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planning {
    /// The plan itself.
    AsWritten,
    /// `optimize`.
    Optimize,
    /// `join=`.
    Join(JoinChoice),
}

/// What a dataflow exports.
#[derive(Debug, Clone)]
pub struct FlowExport {
    pub id: GlobalId,
    pub on: GlobalId,
    pub form: Form,
    pub typ: RelationType,
    /// The collection never retracts.
    pub monotonic: bool,
    /// A guess at its rows.
    pub size: u64,
}

/// How a collection is exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    Index {
        key: Vec<usize>,
    },
    /// Written to one of the shards.
    View {
        shard: usize,
        /// Where a NULL is an error.
        not_null: Vec<usize>,
        refresh: Option<Refresh>,
    },
    /// To the as_of and so many times more, if it ends; `schema` is one of the
    /// schemas.
    Subscribe {
        schema: usize,
        lasts: Option<u64>,
        snapshot: bool,
    },
}

impl FlowExport {
    pub fn columns(&self) -> &[ReprColumnType] {
        &self.typ.column_types
    }

    /// The key of an index.
    pub fn key(&self) -> Option<&[usize]> {
        match &self.form {
            Form::Index { key } => Some(key),
            Form::View { .. } | Form::Subscribe { .. } => None,
        }
    }

    pub fn is_view(&self) -> bool {
        match self.form {
            Form::View { .. } => true,
            Form::Index { .. } | Form::Subscribe { .. } => false,
        }
    }

    /// Whether the two are one arrangement: the same twice is one too many.
    pub fn same_as(&self, other: &FlowExport) -> bool {
        self.key().is_some() && self.on == other.on && self.form == other.form
    }
}
impl World<'_> {
    /// What is exported under this id.
    pub fn export_of(&self, id: GlobalId) -> Option<&FlowExport> {
        let exports = self.flows.iter().flat_map(|flow| &flow.exports);
        exports.into_iter().find(|export| export.id == id)
    }

    /// The type of a shard's rows.
    pub fn shard_type(&self, shard: usize) -> RelationType {
        let columns = &self.schemas[self.shards[shard].schema].columns;
        RelationType {
            column_types: columns.iter().map(|column| column.repr()).collect(),
            keys: Vec::new(),
        }
    }

    /// The command that creates a flow, with the uppers of now.
    pub fn creation(&self, flow: &Flow) -> Command {
        if let (true, [FlowSource::Shard(index)], [only], None) = (
            flow.builds.is_empty(),
            &flow.imports[..],
            &flow.exports[..],
            flow.until,
        ) && let Some(key) = only.key()
        {
            let shard = &self.shards[*index];
            return Command::DefineIndex {
                source: shard.source,
                index: only.id,
                shard: shard.alias.clone(),
                schema: Some(self.schemas[shard.schema].name.clone()),
                key: key.to_vec(),
                as_of: flow.as_of,
                upper: self.upper(*index),
            };
        }
        let build = |(id, plan): &(GlobalId, Relation)| Build {
            id: *id,
            plan: plan.clone().into(),
        };
        Command::CreateDataflow(CreateDataflow {
            name: DEFAULT_DATAFLOW_NAME.to_string(),
            as_of: flow.as_of,
            until: flow.until,
            optimize: flow.planning == Planning::Optimize,
            join: match flow.planning {
                Planning::AsWritten | Planning::Optimize => None,
                Planning::Join(choice) => Some(choice),
            },
            imports: flow.imports.iter().map(|i| self.import(i)).collect(),
            builds: flow.builds.iter().map(build).collect(),
            exports: (flow.exports.iter())
                .map(|e| self.export(e, flow.as_of))
                .collect(),
        })
    }

    fn import(&self, source: &FlowSource) -> Import {
        match source {
            FlowSource::Shard(index) => {
                let shard = &self.shards[*index];
                Import::Source {
                    id: shard.source,
                    shard: shard.alias.clone(),
                    schema: Some(self.schemas[shard.schema].name.clone()),
                    upper: self.upper(*index),
                }
            }
            FlowSource::Index { index, on: _ } => Import::Index { index: *index },
        }
    }

    fn export(&self, export: &FlowExport, as_of: Timestamp) -> Export {
        let (id, on) = (export.id, export.on);
        match &export.form {
            Form::Index { key } => Export::Index {
                index: id,
                on,
                key: key.clone(),
            },
            Form::View {
                shard,
                not_null,
                refresh,
            } => Export::MaterializedView {
                not_null: not_null.clone(),
                refresh: refresh.clone(),
                sink: id,
                on,
                shard: self.shards[*shard].alias.clone(),
                schema: Some(self.schemas[self.shards[*shard].schema].name.clone()),
            },
            Form::Subscribe {
                schema,
                lasts,
                snapshot,
            } => Export::Subscribe {
                snapshot: *snapshot,
                sink: id,
                on,
                schema: Some(self.schemas[*schema].name.clone()),
                up_to: lasts.map(|lasts| as_of + lasts),
            },
        }
    }

    /// Creates a flow. True if that was possible.
    pub fn create(&mut self, flow: Flow) -> bool {
        let command = self.creation(&flow);
        // An empty collection shows little.
        let meaningful = flow.imports.iter().any(|source| match source {
            FlowSource::Shard(index) => {
                let alias = &self.shards[*index].alias;
                let written = |shard: &Shard| shard.times().next().is_some();
                self.model().shard(alias).is_some_and(written) || self.model().may_be_written(alias)
            }
            FlowSource::Index { .. } => true,
        });
        let meaningful = meaningful || flow.imports.is_empty();
        let worth = Worth::if_so(meaningful, "what it reads was never written");
        let written = self.emit(command, worth);
        if written {
            self.flows.push(flow);
        }
        written
    }

    /// A schema that reads these columns back, as far as scripts can say.
    pub fn schema_of(&mut self, columns: &[ReprColumnType]) -> Option<String> {
        let columns: Vec<Column> = columns.iter().map(Column::nearest).collect();
        self.schema_for(&columns)
    }
}
