//! Casts between scalar types. Source: `spec/plan.md` §5.5.

use super::{Result, Value};
use crate::protocol::v26_30::{BinaryFunc, UnaryFunc, VariadicFunc};
