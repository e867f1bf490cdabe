//! A dataflow as logical plans: what it imports, builds and exports.
//!
//! Invariant: objects stand in dependency order.

use super::mfp::Mfp;
use super::relation::Relation;
use super::types::RelationType;
use protocol::v26_30::MirScalarExpr;
use repr::{Antichain, GlobalId};

/// What a dataflow reads, builds and exports, before lowering. How to fill it:
/// see [`lower`](crate::lower).
#[derive(Debug, Clone, Default)]
pub struct DataflowPlan {
    /// Sources (persist shards), any order.
    pub sources: Vec<SourceImport>,
    /// Arrangements of other dataflows, any order.
    pub indexes: Vec<IndexImport>,
    /// In dependency order; index exports append theirs (see
    /// [`DataflowPlan::export_index`]).
    pub objects: Vec<(GlobalId, Relation)>,
    /// Exported arrangements: (index, collection, key).
    pub index_exports: Vec<IndexExport>,
    /// The collections that sinks export.
    pub sink_from: Vec<GlobalId>,
    pub as_of: Antichain,
    pub until: Antichain,
}

#[derive(Debug, Clone)]
pub struct SourceImport {
    pub id: GlobalId,
    pub typ: RelationType,
    /// The source never retracts.
    pub monotonic: bool,
    /// What an optimizer already moved into the source.
    pub operators: Option<Mfp>,
}

#[derive(Debug, Clone)]
pub struct IndexImport {
    pub index: GlobalId,
    /// The collection that the index arranges; what plans read.
    pub on: GlobalId,
    pub key: Vec<MirScalarExpr>,
    pub typ: RelationType,
    pub monotonic: bool,
}

#[derive(Debug, Clone)]
pub struct IndexExport {
    pub index: GlobalId,
    pub on: GlobalId,
    pub key: Vec<MirScalarExpr>,
    pub typ: RelationType,
}

impl DataflowPlan {
    /// Exports an arrangement of `on`: the object that builds it, and the entry.
    pub fn export_index(
        &mut self,
        index: GlobalId,
        on: GlobalId,
        key: Vec<MirScalarExpr>,
        typ: RelationType,
    ) {
        let arrange = Relation::get_global(on, typ.clone()).arrange_by(vec![key.clone()]);
        self.objects.push((index, arrange));
        self.index_exports.push(IndexExport {
            index,
            on,
            key,
            typ,
        });
    }
}
