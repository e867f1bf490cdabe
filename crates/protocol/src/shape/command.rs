//! Compute commands, and the dataflow that `CreateDataflow` carries. Source:
//! `spec/ctp.md` §2, §2.5 to §2.7.
//!
//! Invariants: serde order is wire order; sources and sinks carry SQL types,
//! indexes carry representation types.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::{RenderPlan, Version};
use crate::v26_30::{
    ComputeParameters, ComputeSinkDesc, IndexDesc, IndexImport, Peek, RefreshSchedule,
    SourceImport, TimeDependence,
};
use repr::{Antichain, GlobalId, ReprRelationType};

/// A compute command; 10 variants. Its serde form is that of its version, numbers
/// included, so that encoding one needs to know no more than its type.
// `remote` makes the derived forms functions of the type instead of its traits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "", remote = "Self")]
pub enum ComputeCommand<V: Version> {
    Hello { nonce: Uuid },
    CreateInstance(Box<V::InstanceConfig>),
    InitializationComplete,
    UpdateConfiguration(Box<ComputeParameters>),
    CreateDataflow(Box<DataflowDescription<V>>),
    Schedule(GlobalId),
    AllowWrites(GlobalId),
    AllowCompaction { id: GlobalId, frontier: Antichain },
    Peek(Box<Peek>),
    CancelPeek { uuid: Uuid },
}

impl<V: Version> Serialize for ComputeCommand<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        V::write(&Derived(self), serializer)
    }
}

impl<'de, V: Version> Deserialize<'de> for ComputeCommand<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        V::read::<Derived<Self>, D>(deserializer).map(|derived| derived.0)
    }
}

/// A command in the derived form, which numbers variants as they are declared.
struct Derived<T>(T);

impl<V: Version> Serialize for Derived<&ComputeCommand<V>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ComputeCommand::serialize(self.0, serializer)
    }
}

impl<'de, V: Version> Deserialize<'de> for Derived<ComputeCommand<V>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ComputeCommand::deserialize(deserializer).map(Derived)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct DataflowDescription<V: Version> {
    pub source_imports: BTreeMap<GlobalId, SourceImport>,
    /// By the id of the imported index.
    pub index_imports: BTreeMap<GlobalId, IndexImport>,
    /// In dependency order.
    pub objects_to_build: Vec<BuildDesc<V>>,
    /// By the id of the new index; the type is the indexed collection's.
    pub index_exports: BTreeMap<GlobalId, (IndexDesc, ReprRelationType)>,
    pub sink_exports: BTreeMap<GlobalId, ComputeSinkDesc>,
    pub as_of: Option<Antichain>,
    /// Empty means no limit.
    pub until: Antichain,
    pub initial_storage_as_of: Option<Antichain>,
    pub refresh_schedule: Option<RefreshSchedule>,
    pub debug_name: String,
    pub time_dependence: Option<TimeDependence>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct BuildDesc<V: Version> {
    pub id: GlobalId,
    pub plan: RenderPlan<V>,
}
