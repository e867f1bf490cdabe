//! The wire version 26.30: mirror types of everything that a client and a
//! replica say to each other. Source: `spec/ctp.md` §2 to §4, `spec/plan.md` §1,
//! §3, §4.
//!
//! Most of these types are those of every version, which the rest of the program
//! uses by these names; the few that are not have their own form in `neutral`.
//!
//! Invariants: serde order is wire order, variants stand at their wire number;
//! what decodes encodes to the same bytes.

mod command;
mod dataflow;
mod error;
mod error_bytes;
mod func;
mod lir;
mod neutral;
mod response;
mod rows;
mod scalar;
pub mod stash;

pub use command::*;
pub use dataflow::*;
pub use error::*;
pub use error_bytes::{dataflow_error_text, encode_eval_error};
pub use func::*;
pub use lir::*;
pub use neutral::{FromNeutral, ToNeutral, from_neutral, to_neutral};
pub use response::*;
pub use rows::*;
pub use scalar::*;
pub use stash::*;

use std::marker::PhantomData;

use serde::de::DeserializeSeed;
use serde::{Deserialize, Deserializer};

use crate::renumber::{Numbering, Under};
use crate::shape::Version;
use crate::wire::{self, DecodeError, EncodeError};

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

/// The command of a payload.
///
/// Errors: bytes that are no command, bytes left over, values that nest too deep.
pub fn decode_command(payload: &[u8]) -> Result<ComputeCommand, DecodeError> {
    wire::decode(payload)
}

/// The payload of a command.
///
/// Errors: none, as long as all variants of the types are this version's.
pub fn encode_command(command: &ComputeCommand) -> Result<Vec<u8>, EncodeError> {
    wire::try_encode(command)
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
