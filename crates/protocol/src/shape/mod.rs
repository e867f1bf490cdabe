//! The commands and plans of the wire as far as all versions agree on them: each
//! type has its layout here once, over a `Version` that says which types stand
//! in the few places where versions differ by type. A version's module names its
//! own forms by aliases (`v26_39::Expr` is `shape::Expr<V26_39>`). Source:
//! `spec/ctp.md` §2, `spec/plan.md` §1, `spec/v26_39.md` §2, §3.
//!
//! Invariants: a type whose layout no version changed is not generic; an enum
//! whose variants are only numbered differently is one type, which `renumber`
//! adapts.

mod command;
mod plan;
mod translate;

use std::fmt::Debug;
use std::hash::Hash;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use command::*;
pub use plan::*;
pub use translate::{Translate, Untranslatable};

/// The types by which wire versions differ.
pub trait Version: Debug + Clone + Eq + Ord + Hash + 'static {
    /// What `CreateInstance` carries. Source: `spec/v26_39.md` §2.1.
    type InstanceConfig: Debug + Clone + PartialEq + Serialize + DeserializeOwned;
    /// A map-filter-project that may filter by time: in Get, Mfp, FlatMap and
    /// ArrangeBy. Source: `spec/v26_39.md` §3.4.
    type Mfp: PlanPart;
    /// The map-filter-project after a Reduce. Source: `spec/v26_39.md` §3.4.
    type MfpAfterReduce: PlanPart;
    /// How a delta path reads its source. Source: `spec/v26_39.md` §3.6.
    type DeltaSourceKey: PlanPart;
    /// Source: `spec/v26_39.md` §3.6.
    type MonotonicTop1: PlanPart;

    /// Writes a command; a version that numbers variants in its own way does it
    /// here.
    fn write<T: Serialize, S: Serializer>(command: &T, serializer: S) -> Result<S::Ok, S::Error> {
        command.serialize(serializer)
    }

    /// Reads what `write` writes.
    fn read<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        T::deserialize(deserializer)
    }
}

/// What every part of a plan can do.
pub trait PlanPart: Debug + Clone + Eq + Ord + Hash + Serialize + DeserializeOwned {}

impl<T: Debug + Clone + Eq + Ord + Hash + Serialize + DeserializeOwned> PlanPart for T {}
