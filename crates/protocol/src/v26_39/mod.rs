//! The wire version 26.39, as what differs from 26.30. Source: `spec/v26_39.md`.
//!
//! About thirty of 180 types changed between the two versions, in two ways, and
//! each way has its tool:
//!
//! * Enums that gained or lost variants (eleven variants of seven enums, one of
//!   which has 335) keep their types; `numbers` is a table that `renumber` applies
//!   on the way to and from bytes. So do the scalars inside plans: LIR scalars are
//!   MIR scalars that cannot call an unmaterializable function, and the table says
//!   so. A second `UnaryFunc` would have cost 400 lines and as many to convert it;
//!   one that is generic over its scalars would have made every evaluator generic.
//! * Where the structure changed (five places), the types are in `parts`, and the
//!   trees that hold them are the generic ones of `shape`. A serde adapter that
//!   adds and drops fields would have been shorter, but without a type for them,
//!   what 26.30 cannot say could be neither decoded nor compared.
//!
//! `neutral` translates to and from the form that the program thinks in. A third
//! version is a table, its changed parts, and a translation.
//!
//! Invariants: what decodes encodes to the same bytes; a variant that only 26.39
//! has is an error that names it; responses are those of 26.30 (§5).

#[cfg(test)]
mod golden_tests;
mod neutral;
mod numbers;
mod parts;
mod temporal;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;

use serde::de::DeserializeSeed;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::renumber::Under;
use crate::shape;
pub use crate::v26_30::ComputeResponse;
use crate::v26_30::{Key, SafeMfpPlan};
use crate::wire::{self, DecodeError, EncodeError};
pub use neutral::{from_neutral, to_neutral};
use numbers::NUMBERS;
pub use parts::*;

/// The version that both ends of a connection announce (§1).
pub const VERSION: &str = "26.39.0-dev.0";

/// This version as the parameter of the shared shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum V26_39 {}

impl shape::Version for V26_39 {
    type InstanceConfig = InstanceConfig;
    type Mfp = MfpPlan;
    /// No temporal part any more, by type.
    type MfpAfterReduce = SafeMfpPlan;
    /// None reads the raw collection of the source relation.
    type DeltaSourceKey = Option<Key>;
    type MonotonicTop1 = MonotonicTop1Plan;

    fn write<T: Serialize, S: Serializer>(command: &T, serializer: S) -> Result<S::Ok, S::Error> {
        Under::new(command, &NUMBERS).serialize(serializer)
    }

    fn read<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        Under::new(PhantomData, &NUMBERS).deserialize(deserializer)
    }
}

pub type ComputeCommand = shape::ComputeCommand<V26_39>;
pub type DataflowDescription = shape::DataflowDescription<V26_39>;
pub type RenderPlan = shape::RenderPlan<V26_39>;
pub type Expr = shape::Expr<V26_39>;
pub type GetPlan = shape::GetPlan<V26_39>;

/// The command of a payload.
///
/// Errors: bytes that are no command, bytes left over, a variant that only this
/// version has, values that nest too deep.
pub fn decode_command(payload: &[u8]) -> Result<ComputeCommand, DecodeError> {
    wire::decode(payload)
}

/// The payload of a command.
///
/// Errors: a variant that this version lacks; inside plans, a call of an
/// unmaterializable function.
pub fn encode_command(command: &ComputeCommand) -> Result<Vec<u8>, EncodeError> {
    wire::try_encode(command)
}

/// The response of a payload.
///
/// Errors: bytes that are no response, bytes left over, values that nest too
/// deep.
pub fn decode_response(payload: &[u8]) -> Result<ComputeResponse, DecodeError> {
    wire::decode_seed(Under::new(PhantomData, &NUMBERS), payload)
}

/// The payload of a response.
pub fn encode_response(response: &ComputeResponse) -> Vec<u8> {
    wire::encode(response)
}
