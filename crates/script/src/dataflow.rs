//! The dataflows that `define-index`, `create-dataflow` and `count` ask for, put
//! together for whoever sends them or only wants to know what they would be.
//! Source: `spec/script.md` §2.5, §2.6, §4.
//!
//! Invariant: everything that can be wrong is found here, before anything is
//! sent.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use uuid::Uuid;

use super::command::*;
use super::data::Schemas;
use super::trace::{DataflowSpec, ExportSpec, ImportSpec};
use plan::lower::{self, JoinKind};
use plan::{self, Globals};
use plan::{BuiltDataflow, DataflowBuilder, IndexInfo};
use protocol::v26_30::{CollectionMetadata, DataflowDescription, PersistLocation};
use protocol::wire;
use repr::{GlobalId, RelationDesc, ShardId, Timestamp};

/// What a script has named so far that a dataflow may refer to.
pub struct Named<'a> {
    pub schemas: &'a Schemas,
    pub indexes: &'a BTreeMap<GlobalId, IndexInfo>,
    pub locate: &'a mut Locate<'a>,
}

/// Finds the shard behind an alias, readable from now on, for contents of this
/// description.
pub type Locate<'a> = dyn FnMut(&str, &RelationDesc) -> Result<CollectionMetadata, String> + 'a;

/// A shard for a dataflow that nobody sends.
pub fn nowhere(_alias: &str, desc: &RelationDesc) -> Result<CollectionMetadata, String> {
    Ok(CollectionMetadata {
        persist_location: PersistLocation {
            blob_uri: String::new(),
            consensus_uri: String::new(),
        },
        data_shard: ShardId(Uuid::nil()),
        relation_desc: desc.clone(),
        txns_shard: None,
    })
}

/// A dataflow that can be sent.
#[derive(Debug)]
pub struct Assembled {
    pub description: DataflowDescription,
    /// The same for a trace.
    pub spec: DataflowSpec,
    /// What its indexes arrange.
    pub indexes: BTreeMap<GlobalId, IndexInfo>,
    /// The shards of its materialized views.
    pub views: BTreeMap<GlobalId, CollectionMetadata>,
}

/// What a count makes.
#[derive(Debug)]
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
pub fn assemble(command: &Command, named: Named<'_>) -> Result<Assembled, String> {
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
            for Build { id, expr } in &dataflow.builds {
                pending.builder.build(*id, expr).map_err(text)?;
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
        other => Err(format!("`{}` makes no dataflow", other.verb())),
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
) -> Result<AssembledCount, String> {
    let reduce = GlobalId::User(ephemeral);
    let output = GlobalId::User(ephemeral + 1);
    let info = known_index(named.indexes, index, "define it with define_index first")?;
    let end = ts
        .checked_add(1)
        .ok_or_else(|| format!("cannot count at {ts}: there is no later time to wait for"))?;
    let mut pending = Pending::new("headless-count", named);
    pending.import_index(index, &info)?;
    let plan = format!("Reduce aggregates=[count(true)]\n  Get {}", info.on);
    pending.builder.build(reduce, &plan).map_err(text)?;
    pending.export_index(output, reduce, &[0])?;
    let mut dataflow = pending.finish("headless-count", ts, None)?;
    // Nobody else may import it.
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
pub fn readable(
    dataflow: &CreateDataflow,
    schemas: &Schemas,
    indexes: &BTreeMap<GlobalId, IndexInfo>,
) -> Result<Globals, String> {
    let mut types = Globals::new();
    for import in &dataflow.imports {
        match import {
            Import::Source { id, schema, .. } => {
                let desc = schemas.get(schema.as_deref())?;
                types.insert(*id, desc.typ.to_repr());
            }
            Import::Index { index } => {
                let info = known_index(indexes, *index, IMPORTED)?;
                types.insert(info.on, info.typ);
            }
        }
    }
    for build in &dataflow.builds {
        let (_, typ) = plan::parse(&build.expr, &types).map_err(text)?;
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
    hint: &str,
) -> Result<IndexInfo, String> {
    let number = match index {
        GlobalId::User(n) => n.to_string(),
        other => other.to_string(),
    };
    let info = indexes.get(&index).cloned();
    info.ok_or_else(|| format!("unknown index {number}; {hint}"))
}

/// A dataflow in the making: the builder, and what the builder does not keep.
struct Pending<'a> {
    named: Named<'a>,
    builder: DataflowBuilder,
    imports: Vec<ImportSpec>,
    exports: Vec<ExportSpec>,
    views: BTreeMap<GlobalId, CollectionMetadata>,
}

impl<'a> Pending<'a> {
    fn new(name: &str, named: Named<'a>) -> Self {
        Pending {
            named,
            builder: DataflowBuilder::new(name),
            imports: Vec::new(),
            exports: Vec::new(),
            views: BTreeMap::new(),
        }
    }

    fn import(&mut self, import: &Import) -> Result<(), String> {
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
    ) -> Result<(), String> {
        let metadata = (self.named.locate)(shard, &desc)?;
        let imported = self.builder.import_persist(id, metadata, upper);
        imported.map_err(text)?;
        self.imports.push(ImportSpec::Source {
            id,
            shard: shard.to_string(),
            desc,
        });
        Ok(())
    }

    fn import_index(&mut self, index: GlobalId, info: &IndexInfo) -> Result<(), String> {
        self.builder.import_index(index, info).map_err(text)?;
        let on = info.on;
        self.imports.push(ImportSpec::Index { index, on });
        Ok(())
    }

    fn export_index(&mut self, id: GlobalId, on: GlobalId, key: &[usize]) -> Result<(), String> {
        self.builder.export_index(id, on, key).map_err(text)?;
        self.exports.push(ExportSpec::Index {
            id,
            on,
            key: key.to_vec(),
        });
        Ok(())
    }

    fn export(&mut self, export: &Export) -> Result<(), String> {
        match export {
            Export::Index { index, on, key } => self.export_index(*index, *on, key),
            Export::MaterializedView {
                sink,
                on,
                shard,
                schema,
            } => {
                let desc = self.named.schemas.get(schema.as_deref())?;
                let target = (self.named.locate)(shard, &desc)?;
                let builder = &mut self.builder;
                let exported = builder.export_materialized_view(*sink, *on, target.clone());
                exported.map_err(text)?;
                self.views.insert(*sink, target);
                self.exports.push(ExportSpec::MaterializedView {
                    id: *sink,
                    on: *on,
                    shard: shard.clone(),
                    desc,
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
                let exported = builder.export_subscribe(*sink, *on, desc, *up_to, *snapshot);
                exported.map_err(text)?;
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
    ) -> Result<Assembled, String> {
        self.builder.as_of(as_of).until(until);
        let BuiltDataflow {
            description,
            builds,
            join,
            means_otherwise,
            indexes,
        } = self.builder.finish().map_err(text)?;
        let spec = DataflowSpec {
            name: name.to_string(),
            as_of,
            until,
            join,
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
            views: self.views,
        })
    }
}

/// Equal for what is lowered to the same plans.
fn fingerprint(description: &DataflowDescription) -> u64 {
    let mut hasher = DefaultHasher::new();
    wire::encode(&description.objects_to_build).hash(&mut hasher);
    for (id, import) in &description.source_imports {
        (id, wire::encode(&import.desc.arguments)).hash(&mut hasher);
    }
    hasher.finish()
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
