//! The dataflows that `define-index`, `create-dataflow` and `count` ask for, put
//! together. Source: `spec/script.md` §2.5, §2.6, §4.
//!
//! Invariants: everything that can be wrong is found here, before anything is
//! sent; the shards are known by their aliases until [`Assembled::locate`].

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use uuid::Uuid;

use super::command::*;
use super::data::Schemas;
use super::error::CommandError;
use super::event::{DataflowSpec, ExportSpec, ImportSpec};
use plan::lower::{self, JoinKind};
use plan::{self, Globals, PlanError};
use plan::{BuiltDataflow, DataflowBuilder, IndexInfo};
use protocol::Release;
use protocol::neutral::DataflowDescription;
use protocol::v26_30::{
    CollectionMetadata, ComputeSinkConnection, PersistLocation, RefreshEvery, RefreshSchedule,
};
use protocol::wire;
use repr::{GlobalId, RelationDesc, ShardId, Timestamp};

/// What a script has named so far that a dataflow may refer to.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    pub schemas: &'a Schemas,
    pub indexes: &'a BTreeMap<GlobalId, IndexInfo>,
    /// What dataflows are lowered for.
    pub release: Release,
}

/// A schedule as the wire has it: times are milliseconds there.
fn refresh_schedule(refresh: &Refresh) -> RefreshSchedule {
    let every = refresh.every().map(|every| RefreshEvery {
        interval: Duration::from_millis(every.interval),
        aligned_to: every.aligned_to,
    });
    RefreshSchedule {
        everies: every.into_iter().collect(),
        ats: refresh.at().to_vec(),
    }
}

/// The shard behind an alias, before it is located.
fn unlocated(desc: &RelationDesc) -> CollectionMetadata {
    CollectionMetadata {
        persist_location: PersistLocation {
            blob_uri: String::new(),
            consensus_uri: String::new(),
        },
        data_shard: ShardId(Uuid::nil()),
        relation_desc: desc.clone(),
        txns_shard: None,
    }
}

/// A dataflow that can be sent once its shards are located.
#[derive(Debug, Clone)]
pub struct Assembled {
    pub description: DataflowDescription,
    /// The same as its event tells it.
    pub spec: DataflowSpec,
    /// What its indexes arrange.
    pub indexes: BTreeMap<GlobalId, IndexInfo>,
}

impl Assembled {
    /// Puts the shards behind the aliases into the description.
    ///
    /// Errors: the first of `find`.
    pub fn locate<E>(
        &mut self,
        mut find: impl FnMut(&str, &RelationDesc) -> Result<CollectionMetadata, E>,
    ) -> Result<(), E> {
        for import in &self.spec.imports {
            match import {
                ImportSpec::Source { id, shard, desc } => {
                    if let Some(import) = self.description.source_imports.get_mut(id) {
                        import.desc.storage_metadata = find(shard, desc)?;
                    }
                }
                ImportSpec::Index { .. } => {}
            }
        }
        for (id, shard, desc) in self.spec.views() {
            let sink = self.description.sink_exports.get_mut(&id);
            if let Some(ComputeSinkConnection::MaterializedView(view)) =
                sink.map(|sink| &mut sink.connection)
            {
                view.storage_metadata = find(shard, desc)?;
            }
        }
        Ok(())
    }
}

/// What a count makes.
#[derive(Debug, Clone)]
pub struct AssembledCount {
    pub dataflow: Assembled,
    /// The index that holds the count.
    pub output: GlobalId,
    /// The frontier at which the index is complete at the time of the count.
    pub end: Timestamp,
}

/// Puts together what `define-index` or `create-dataflow` asks for.
///
/// Errors: the command's own, without `error: `.
pub fn assemble(command: &Command, named: Named<'_>) -> Result<Assembled, CommandError> {
    match command {
        Command::DefineIndex {
            source,
            index,
            shard,
            schema,
            key,
            as_of,
            upper,
        } => {
            let desc = named.schemas.get(schema.as_deref())?;
            let mut pending = Pending::new("headless-index", named);
            pending.import_source(*source, shard, desc, *upper)?;
            pending.export_index(*index, *source, key)?;
            pending.finish("headless-index", *as_of, None)
        }
        Command::CreateDataflow(dataflow) => {
            let mut pending = Pending::new(&dataflow.name, named);
            for import in &dataflow.imports {
                pending.import(import)?;
            }
            for Build { id, plan } in &dataflow.builds {
                match plan {
                    Plan::Operators(relation) => pending.builder.build_plan(*id, relation)?,
                    Plan::Text(text) => pending.builder.build(*id, text)?,
                };
            }
            for export in &dataflow.exports {
                pending.export(export)?;
            }
            let kind = dataflow.join.map(|choice| match choice {
                JoinChoice::Linear => JoinKind::Linear,
                JoinChoice::Delta => JoinKind::Delta,
            });
            pending.builder.optimize(dataflow.optimize).join(kind);
            pending.finish(&dataflow.name, dataflow.as_of, dataflow.until)
        }
        other => Err(CommandError::NoDataflow(other.verb())),
    }
}

/// Puts together the dataflow that counts the rows of an index at a time. It
/// takes two ids, from `ephemeral` on.
///
/// Errors: the command's own, without `error: `.
pub fn assemble_count(
    index: GlobalId,
    ts: Timestamp,
    ephemeral: u64,
    named: Named<'_>,
) -> Result<AssembledCount, CommandError> {
    let reduce = GlobalId::User(ephemeral);
    let output = GlobalId::User(ephemeral + 1);
    let info = known_index(named.indexes, index, "define it with define_index first")?;
    let end = ts.checked_add(1).ok_or(CommandError::NoTimeToAwait(ts))?;
    let mut pending = Pending::new("headless-count", named);
    pending.import_index(index, &info)?;
    let plan = format!("Reduce aggregates=[count(true)]\n  Get {}", info.on);
    pending.builder.build(reduce, &plan)?;
    pending.export_index(output, reduce, &[0])?;
    let mut dataflow = pending.finish("headless-count", ts, None)?;
    // Nothing else may import it.
    dataflow.indexes.clear();
    Ok(AssembledCount {
        dataflow,
        output,
        end,
    })
}

/// The types of everything that the plans of a dataflow may read: what it
/// imports, and what it builds itself.
///
/// Errors: the command's own.
pub fn readable(dataflow: &CreateDataflow, named: Named<'_>) -> Result<Globals, CommandError> {
    let mut types = Globals::new();
    for import in &dataflow.imports {
        match import {
            Import::Source { id, schema, .. } => {
                let desc = named.schemas.get(schema.as_deref())?;
                types.insert(*id, desc.typ.to_repr());
            }
            Import::Index { index } => {
                let info = known_index(named.indexes, *index, IMPORTED)?;
                types.insert(info.on, info.typ);
            }
        }
    }
    for build in &dataflow.builds {
        let typ = match &build.plan {
            Plan::Operators(relation) => {
                let typed = plan::typed(relation, &types);
                typed.map_err(PlanError::from)?.1
            }
            Plan::Text(text) => plan::parse(text, &types)?.1,
        };
        types.insert(build.id, typ);
    }
    Ok(types)
}

/// What to do before an index is imported.
const IMPORTED: &str = "define it before importing it";

/// What an index arranges; `hint` says what to do about one that is unknown.
fn known_index(
    indexes: &BTreeMap<GlobalId, IndexInfo>,
    index: GlobalId,
    hint: &'static str,
) -> Result<IndexInfo, CommandError> {
    let info = indexes.get(&index).cloned();
    info.ok_or(CommandError::UnknownIndex { index, hint })
}

/// A dataflow in the making: the builder, and what the builder does not keep.
struct Pending<'a> {
    named: Named<'a>,
    builder: DataflowBuilder,
    imports: Vec<ImportSpec>,
    exports: Vec<ExportSpec>,
}

impl<'a> Pending<'a> {
    fn new(name: &str, named: Named<'a>) -> Self {
        let mut builder = DataflowBuilder::new(name);
        builder.release(named.release);
        Pending {
            named,
            builder,
            imports: Vec::new(),
            exports: Vec::new(),
        }
    }

    fn import(&mut self, import: &Import) -> Result<(), CommandError> {
        match import {
            Import::Source {
                id,
                shard,
                schema,
                upper,
            } => {
                let desc = self.named.schemas.get(schema.as_deref())?;
                self.import_source(*id, shard, desc, *upper)
            }
            Import::Index { index } => {
                let info = known_index(self.named.indexes, *index, IMPORTED)?;
                self.import_index(*index, &info)
            }
        }
    }

    fn import_source(
        &mut self,
        id: GlobalId,
        shard: &str,
        desc: RelationDesc,
        upper: Timestamp,
    ) -> Result<(), CommandError> {
        self.builder.import_persist(id, unlocated(&desc), upper)?;
        self.imports.push(ImportSpec::Source {
            id,
            shard: shard.to_string(),
            desc,
        });
        Ok(())
    }

    fn import_index(&mut self, index: GlobalId, info: &IndexInfo) -> Result<(), CommandError> {
        self.builder.import_index(index, info)?;
        let on = info.on;
        self.imports.push(ImportSpec::Index { index, on });
        Ok(())
    }

    fn export_index(
        &mut self,
        id: GlobalId,
        on: GlobalId,
        key: &[usize],
    ) -> Result<(), CommandError> {
        self.builder.export_index(id, on, key)?;
        self.exports.push(ExportSpec::Index {
            id,
            on,
            key: key.to_vec(),
        });
        Ok(())
    }

    fn export(&mut self, export: &Export) -> Result<(), CommandError> {
        match export {
            Export::Index { index, on, key } => self.export_index(*index, *on, key),
            Export::MaterializedView {
                sink,
                on,
                shard,
                schema,
                not_null,
                refresh,
            } => {
                let desc = self.named.schemas.get(schema.as_deref())?;
                let target = unlocated(&desc);
                let builder = &mut self.builder;
                let schedule = refresh.as_ref().map(refresh_schedule);
                builder.export_materialized_view(*sink, *on, target, not_null, schedule)?;
                self.exports.push(ExportSpec::MaterializedView {
                    id: *sink,
                    on: *on,
                    shard: shard.clone(),
                    desc,
                    not_null: not_null.clone(),
                    refresh: refresh.clone(),
                });
                Ok(())
            }
            Export::Subscribe {
                sink,
                on,
                schema,
                up_to,
                snapshot,
            } => {
                let desc = self.named.schemas.get(schema.as_deref())?;
                let builder = &mut self.builder;
                builder.export_subscribe(*sink, *on, desc, *up_to, *snapshot)?;
                self.exports.push(ExportSpec::Subscribe {
                    id: *sink,
                    on: *on,
                    up_to: *up_to,
                    snapshot: *snapshot,
                });
                Ok(())
            }
        }
    }

    /// Lowers everything.
    fn finish(
        mut self,
        name: &str,
        as_of: Timestamp,
        until: Option<Timestamp>,
    ) -> Result<Assembled, CommandError> {
        self.builder.as_of(as_of).until(until);
        let BuiltDataflow {
            description,
            builds,
            join,
            planned,
            means_otherwise,
            indexes,
        } = self.builder.finish()?;
        let spec = DataflowSpec {
            name: name.to_string(),
            as_of,
            until,
            join,
            planned,
            means_otherwise,
            imports: self.imports,
            builds,
            exports: self.exports,
            aliases: lower::aliases(&description),
            rendering: fingerprint(&description),
        };
        Ok(Assembled {
            description,
            spec,
            indexes,
        })
    }
}

/// Equal for what a replica takes for the same, if it reads and writes the same
/// shards (`spec/replica.md` §2.5.1).
fn fingerprint(description: &DataflowDescription) -> u64 {
    let mut hasher = DefaultHasher::new();
    wire::encode(&description.objects_to_build).hash(&mut hasher);
    wire::encode(&description.index_imports).hash(&mut hasher);
    wire::encode(&description.index_exports).hash(&mut hasher);
    wire::encode(&description.sink_exports).hash(&mut hasher);
    for (id, import) in &description.source_imports {
        (id, wire::encode(&import.desc.arguments)).hash(&mut hasher);
    }
    hasher.finish()
}
