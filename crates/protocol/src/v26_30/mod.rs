//! The wire version 26.30: mirror types of everything that a client and a
//! replica say to each other. Source: `spec/ctp.md` §2 to §4, `spec/plan.md` §1,
//! §3, §4.
//!
//! This is also the neutral form: the one that the rest of the program thinks in,
//! into which and out of which other versions translate at the edge.
//!
//! Invariants: serde order is wire order, variants stand at their wire number;
//! what decodes encodes to the same bytes.

mod command;
mod dataflow;
mod error;
mod error_bytes;
mod func;
mod lir;
mod response;
mod rows;
mod scalar;
mod stash;

pub use command::*;
pub use dataflow::*;
pub use error::*;
pub use error_bytes::{dataflow_error_text, encode_eval_error};
pub use func::*;
pub use lir::*;
pub use response::*;
pub use rows::*;
pub use scalar::*;
pub use stash::*;

use std::marker::PhantomData;

use serde::de::DeserializeSeed;
use serde::{Deserialize, Deserializer};

use crate::renumber::{Numbering, Under};
use crate::shape::Version;

/// The version that both ends of a connection announce.
pub const VERSION: &str = "26.30.0-dev.0";

/// This version as the parameter of the shared shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum V26_30 {}

impl Version for V26_30 {
    type InstanceConfig = InstanceConfig;
    /// Temporal filters are predicates over `mz_now()`.
    type Mfp = MapFilterProject;
    type MfpAfterReduce = MapFilterProject;
    type DeltaSourceKey = Key;
    type MonotonicTop1 = MonotonicTop1Plan;

    /// Nothing is renumbered; what nests too deep for the stack is an error.
    fn read<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        static AS_IN_TYPES: Numbering = Numbering {
            enums: &[],
            inside: &[],
        };
        Under::new(PhantomData, &AS_IN_TYPES).deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::ComputeCommand;
    use crate::wire::decode;

    #[test]
    fn a_plan_that_nests_too_deep_gives_an_error() {
        // `CreateDataflow` without imports, and an object under an id.
        let mut payload = vec![4, 0, 0, 1, 1, 5];
        // A recursive binding in a recursive binding.
        payload.extend([1, 0, 1, 0].repeat(100_000));
        let error = decode::<ComputeCommand>(&payload).unwrap_err().to_string();
        assert!(error.contains("nest too deep"), "{error}");
    }
}
