//! Builds the dataflows that `CreateDataflow` carries: imports, plans, exports,
//! times; then types, checks and lowers them. Source: `spec/script.md` §4,
//! `spec/lowering.md` §5, §6.
//!
//! Invariants: nothing here panics on input, and nothing that is ill-typed
//! leaves it; without `optimize` the result equals upstream's byte for byte.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::lower::{
    self, DataflowPlan, JoinKind, LowerError, LowerOptions, LoweredDataflow, Quirks,
};
use crate::{Globals, PlanError, Relation, parse, print, scalar, typed};
use protocol::neutral::{BuildDesc, DataflowDescription, Expr, LetFreePlan, RenderPlan, TopKPlan};
use protocol::v26_30::{
    ArrangementStrategy, CollectionMetadata, ComputeSinkConnection, ComputeSinkDesc, IndexDesc,
    IndexImport, MapFilterProject, MaterializedViewSinkConnection, MirScalarExpr, RefreshSchedule,
    SourceImport, SourceInstanceArguments, SourceInstanceDesc, SubscribeSinkConnection,
};
use protocol::{Release, Unspeakable};
use repr::{Antichain, GlobalId, RelationDesc, ReprColumnType, ReprRelationType, Timestamp};

/// What an index arranges: enough to import it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexInfo {
    /// The collection that is arranged.
    pub on: GlobalId,
    /// The columns of the key.
    pub key: Vec<usize>,
    /// The type of `on`.
    pub typ: ReprRelationType,
}

impl IndexInfo {
    /// The columns as they are arranged: those of the key, then the others.
    pub fn arranged(&self) -> Vec<ReprColumnType> {
        let columns = &self.typ.column_types;
        let rest = (0..columns.len()).filter(|column| !self.key.contains(column));
        let places = self.key.iter().copied().chain(rest);
        places
            .filter_map(|column| columns.get(column).cloned())
            .collect()
    }
}

/// Input from which no dataflow can be built. The texts are the ones that
/// golden blocks show, where upstream has one.
#[derive(Debug, Error)]
pub enum BuildError {
    #[error("registering {0} in catalog: Object {0} already exists in catalog")]
    Duplicate(GlobalId),
    #[error("parsing MIR for object {}: {error}", number(*id))]
    Plan { id: GlobalId, error: PlanError },
    #[error("get of unknown id {0}; import or build it first")]
    Unknown(GlobalId),
    #[error(
        "sink output schema does not match object {}: declared {declared:?}, object is {actual:?}",
        number(*on)
    )]
    SinkSchema {
        on: GlobalId,
        declared: Vec<ReprColumnType>,
        actual: Vec<ReprColumnType>,
    },
    #[error("key column {column} out of range for a {arity}-column schema")]
    KeyColumn { column: usize, arity: usize },
    #[error("not-null column {column} out of range for a {arity}-column view")]
    NotNullColumn { column: usize, arity: usize },
    #[error("exporting {0} twice")]
    ExportedTwice(GlobalId),
    #[error(
        "object {}: a TopK marked monotonic above a filter on mz_now(): a clusterd aborts; \
         expected one without `monotonic`",
        number(*.0)
    )]
    FutureMonotonic(GlobalId),
    #[error(transparent)]
    Unspeakable(#[from] Unspeakable),
    #[error(transparent)]
    Lower(#[from] LowerError),
}

/// The number of a user id, as upstream's messages show it.
fn number(id: GlobalId) -> String {
    match id {
        GlobalId::User(n) => n.to_string(),
        other => other.to_string(),
    }
}

/// A dataflow, ready to be sent.
#[derive(Debug, Clone)]
pub struct BuiltDataflow {
    pub description: DataflowDescription,
    /// The logical plans, in dependency order, without the arrangements that
    /// index exports add.
    pub builds: Vec<(GlobalId, Relation)>,
    /// The lowered plans mean something else than the logical ones, as upstream's
    /// would (`spec/lowering.md` §7.26).
    pub means_otherwise: bool,
    /// Plans were changed before they were lowered.
    pub planned: bool,
    /// How joins without an implementation were planned, if that was forced.
    pub join: Option<JoinKind>,
    /// What each index export arranges.
    pub indexes: BTreeMap<GlobalId, IndexInfo>,
}

/// Collects what a dataflow imports, builds and exports; see the module.
#[derive(Debug, Default)]
pub struct DataflowBuilder {
    name: String,
    globals: Globals,
    sources: BTreeMap<GlobalId, (CollectionMetadata, Timestamp)>,
    imported: BTreeMap<GlobalId, IndexInfo>,
    builds: Vec<(GlobalId, Relation)>,
    plan: DataflowPlan,
    options: LowerOptions,
    indexes: BTreeMap<GlobalId, IndexInfo>,
    sinks: BTreeMap<GlobalId, ComputeSinkDesc>,
}

impl DataflowBuilder {
    /// A dataflow with this debug name and the as_of `[0]`.
    pub fn new(name: &str) -> Self {
        let mut builder = DataflowBuilder {
            name: name.to_string(),
            ..DataflowBuilder::default()
        };
        builder.plan.as_of = Antichain::minimum();
        builder.plan.until = Antichain::empty();
        builder
    }

    /// The first time at which the dataflow can be read.
    pub fn as_of(&mut self, as_of: Timestamp) -> &mut Self {
        self.plan.as_of = Antichain::from_elem(as_of);
        self
    }

    /// Updates at `until` and later are dropped; None is no limit.
    pub fn until(&mut self, until: Option<Timestamp>) -> &mut Self {
        self.plan.until = Antichain::from_option(until);
        self
    }

    /// Plans joins, mixed reduces and bindings before lowering.
    pub fn optimize(&mut self, optimize: bool) -> &mut Self {
        self.options.optimize = optimize;
        self
    }

    /// Forces how joins without an implementation are planned.
    pub fn join(&mut self, kind: Option<JoinKind>) -> &mut Self {
        self.options.join = kind;
        self
    }

    /// The release that the dataflow is lowered for.
    pub fn release(&mut self, release: Release) -> &mut Self {
        self.options.release = release;
        self
    }

    fn register(&mut self, id: GlobalId, typ: ReprRelationType) -> Result<(), BuildError> {
        match self.globals.insert(id, typ) {
            None => Ok(()),
            Some(_) => Err(BuildError::Duplicate(id)),
        }
    }

    /// Makes a shard readable as `id`. `upper` is what the replica is told that
    /// the shard's upper was.
    pub fn import_persist(
        &mut self,
        id: GlobalId,
        metadata: CollectionMetadata,
        upper: Timestamp,
    ) -> Result<&mut Self, BuildError> {
        let typ = metadata.relation_desc.typ.to_repr();
        self.register(id, typ.clone())?;
        self.plan.sources.push(lower::SourceImport {
            id,
            typ,
            monotonic: false,
            operators: None,
        });
        self.sources.insert(id, (metadata, upper));
        Ok(self)
    }

    /// Makes the collection behind an index readable, under the collection's id.
    pub fn import_index(
        &mut self,
        index: GlobalId,
        info: &IndexInfo,
    ) -> Result<&mut Self, BuildError> {
        self.register(info.on, info.typ.clone())?;
        self.plan.indexes.push(lower::IndexImport {
            index,
            on: info.on,
            key: columns(&info.key),
            typ: info.typ.clone(),
            monotonic: false,
        });
        self.imported.insert(index, info.clone());
        Ok(self)
    }

    /// Builds an object from a plan in the text language (`spec/script.md` §3).
    pub fn build(&mut self, id: GlobalId, text: &str) -> Result<&mut Self, BuildError> {
        let (relation, typ) =
            parse(text, &self.globals).map_err(|error| BuildError::Plan { id, error })?;
        self.add(id, relation, typ)
    }

    /// Builds an object from a plan, typed for what can be read here.
    ///
    /// Errors: those of the plan's text.
    pub fn build_plan(&mut self, id: GlobalId, plan: &Relation) -> Result<&mut Self, BuildError> {
        match typed(plan, &self.globals) {
            Ok((plan, typ)) => self.add(id, plan, typ),
            // The text says where in it the error is.
            Err(_) => self.build(id, &print(plan)),
        }
    }

    fn add(
        &mut self,
        id: GlobalId,
        relation: Relation,
        typ: ReprRelationType,
    ) -> Result<&mut Self, BuildError> {
        self.register(id, typ)?;
        self.builds.push((id, relation.clone()));
        self.plan.objects.push((id, relation));
        Ok(self)
    }

    fn type_of(&self, id: GlobalId) -> Result<&ReprRelationType, BuildError> {
        self.globals.get(&id).ok_or(BuildError::Unknown(id))
    }

    fn exports(&self, id: GlobalId) -> bool {
        self.indexes.contains_key(&id) || self.sinks.contains_key(&id)
    }

    /// Exports an arrangement of `on` by these columns.
    pub fn export_index(
        &mut self,
        index: GlobalId,
        on: GlobalId,
        key: &[usize],
    ) -> Result<&mut Self, BuildError> {
        let typ = self.type_of(on)?.clone();
        let arity = typ.column_types.len();
        if let Some(&column) = key.iter().find(|c| **c >= arity) {
            return Err(BuildError::KeyColumn { column, arity });
        }
        if self.exports(index) {
            return Err(BuildError::ExportedTwice(index));
        }
        self.plan.export_index(index, on, columns(key), typ.clone());
        self.indexes.insert(
            index,
            IndexInfo {
                on,
                key: key.to_vec(),
                typ,
            },
        );
        Ok(self)
    }

    /// Exports `on` into the shard of `target`, at the times of a schedule if one is
    /// given.
    pub fn export_materialized_view(
        &mut self,
        sink: GlobalId,
        on: GlobalId,
        target: CollectionMetadata,
        not_null: &[usize],
        refresh: Option<RefreshSchedule>,
    ) -> Result<&mut Self, BuildError> {
        let desc = target.relation_desc.clone();
        let connection = MaterializedViewSinkConnection {
            value_desc: desc.clone(),
            storage_metadata: target,
        };
        let connection = ComputeSinkConnection::MaterializedView(Box::new(connection));
        self.sink(sink, on, desc, connection, Antichain::empty(), not_null)?;
        if let Some(sink) = self.sinks.get_mut(&sink) {
            sink.refresh_schedule = refresh;
        }
        Ok(self)
    }

    /// Exports the changes of `on`, up to a time if one is given; with the
    /// contents at the as_of, or without.
    pub fn export_subscribe(
        &mut self,
        sink: GlobalId,
        on: GlobalId,
        desc: RelationDesc,
        up_to: Option<Timestamp>,
        snapshot: bool,
    ) -> Result<&mut Self, BuildError> {
        let connection =
            ComputeSinkConnection::Subscribe(SubscribeSinkConnection { output: Vec::new() });
        let up_to = Antichain::from_option(up_to);
        self.sink(sink, on, desc, connection, up_to, &[])?;
        if let Some(sink) = self.sinks.get_mut(&sink) {
            sink.with_snapshot = snapshot;
        }
        Ok(self)
    }

    fn sink(
        &mut self,
        sink: GlobalId,
        on: GlobalId,
        desc: RelationDesc,
        connection: ComputeSinkConnection,
        up_to: Antichain,
        not_null: &[usize],
    ) -> Result<&mut Self, BuildError> {
        let mut actual = self.type_of(on)?.column_types.clone();
        for column in not_null {
            let arity = actual.len();
            let asserted = actual.get_mut(*column);
            let out_of_range = BuildError::NotNullColumn {
                column: *column,
                arity,
            };
            asserted.ok_or(out_of_range)?.nullable = false;
        }
        let declared = desc.typ.to_repr().column_types;
        if declared != actual {
            return Err(BuildError::SinkSchema {
                on,
                declared,
                actual,
            });
        }
        if self.exports(sink) {
            return Err(BuildError::ExportedTwice(sink));
        }
        self.plan.sink_from.push(on);
        self.sinks.insert(
            sink,
            ComputeSinkDesc {
                from: on,
                from_desc: desc,
                connection,
                with_snapshot: true,
                up_to,
                non_null_assertions: BTreeSet::from_iter(not_null.iter().copied())
                    .into_iter()
                    .collect(),
                refresh_schedule: None,
            },
        );
        Ok(self)
    }

    /// Whether upstream's lowering, which ours repeats, changes what a plan means.
    /// Only arrangements and joins that stand in a plan as written can do that.
    fn meets_quirk(&self, lowered: &LoweredDataflow) -> bool {
        let mut suspicious = false;
        for (_, relation) in &self.builds {
            relation.visit(&mut |operator| {
                suspicious |=
                    matches!(operator, Relation::ArrangeBy { .. } | Relation::Join { .. });
            });
        }
        let straight = LowerOptions {
            quirks: Quirks::NONE,
            ..self.options
        };
        suspicious
            && lower::lower_dataflow(&self.plan, &straight)
                .is_ok_and(|straight| straight.objects != lowered.objects)
    }

    /// A dataflow for one time knows what `mz_now()` is.
    fn replace_now(&mut self) {
        if lower::is_single_time(&self.plan.as_of, &self.plan.until)
            && let Some(now) = self.plan.as_of.as_option()
        {
            let builds = self.builds.iter_mut();
            for (_, relation) in builds.chain(&mut self.plan.objects) {
                relation.replace_now(now);
            }
        }
    }

    /// Lowers everything and assembles the description.
    pub fn finish(mut self) -> Result<BuiltDataflow, BuildError> {
        self.replace_now();
        let lowered = lower::lower_dataflow(&self.plan, &self.options)?;
        let mut plans = lowered.objects.iter();
        if let Some((id, _)) = plans.find(|(_, plan)| marks_future_monotonic(plan)) {
            return Err(BuildError::FutureMonotonic(*id));
        }
        let means_otherwise = self.meets_quirk(&lowered);
        let mut operators = lowered.operators;
        let source_imports = self
            .sources
            .into_iter()
            .map(|(id, (metadata, upper))| {
                let operators = operators.remove(&id).flatten();
                (id, source_import(metadata, upper, operators))
            })
            .collect();
        let index_imports = self
            .imported
            .into_iter()
            .map(|(index, info)| (index, index_import(info)))
            .collect();
        let description = DataflowDescription {
            source_imports,
            index_imports,
            objects_to_build: lowered
                .objects
                .into_iter()
                .map(|(id, plan)| BuildDesc { id, plan })
                .collect(),
            index_exports: self
                .indexes
                .iter()
                .map(|(index, info)| (*index, (index_desc(info), info.typ.clone())))
                .collect(),
            sink_exports: self.sinks,
            as_of: Some(self.plan.as_of),
            until: self.plan.until,
            initial_storage_as_of: None,
            refresh_schedule: None,
            debug_name: self.name,
            time_dependence: None,
        };
        self.options.release.check_dataflow(&description)?;
        Ok(BuiltDataflow {
            description,
            builds: self.builds,
            means_otherwise,
            planned: self.options.is_planning(),
            join: self.options.join,
            indexes: self.indexes,
        })
    }
}

/// Whether a TopK relies on an input that never retracts and is not there yet, at
/// which a clusterd aborts (`spec/lowering.md` §1.3).
fn marks_future_monotonic(plan: &RenderPlan) -> bool {
    let future = |plan: &LetFreePlan| {
        plan.nodes.values().any(|node| {
            let Expr::TopK {
                top_k_plan,
                temporal_bucketing_strategy: ArrangementStrategy::TemporalBucketing,
                ..
            } = &node.expr
            else {
                return false;
            };
            match top_k_plan {
                TopKPlan::MonotonicTop1(plan) => !plan.must_consolidate,
                TopKPlan::MonotonicTopK(plan) => !plan.must_consolidate,
                TopKPlan::Basic(_) => false,
            }
        })
    };
    let mut stages = plan.binds.iter();
    future(&plan.body)
        || stages.any(|stage| {
            stage.lets.iter().any(|bind| future(&bind.value))
                || (stage.recs.iter()).any(|rec| marks_future_monotonic(&rec.value))
        })
}

fn source_import(
    metadata: CollectionMetadata,
    upper: Timestamp,
    operators: Option<MapFilterProject>,
) -> SourceImport {
    SourceImport {
        desc: SourceInstanceDesc {
            arguments: SourceInstanceArguments { operators },
            typ: metadata.relation_desc.typ.clone(),
            storage_metadata: metadata,
        },
        monotonic: false,
        with_snapshot: true,
        upper: Antichain::from_elem(upper),
    }
}

fn index_import(info: IndexInfo) -> IndexImport {
    IndexImport {
        desc: index_desc(&info),
        typ: info.typ,
        monotonic: false,
        with_snapshot: true,
    }
}

fn index_desc(info: &IndexInfo) -> IndexDesc {
    IndexDesc {
        on_id: info.on,
        key: columns(&info.key),
    }
}

fn columns(key: &[usize]) -> Vec<MirScalarExpr> {
    key.iter().copied().map(scalar::column).collect()
}
