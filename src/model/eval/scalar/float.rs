//! Floating-point arithmetic. Source: `spec/plan.md` §5.4.

use super::{Result, Value};
use crate::protocol::v26_30::{BinaryFunc, UnaryFunc, VariadicFunc};
