//! Lists, arrays and records. Source: `spec/plan.md` §5.7.

use super::{Result, Value};
use crate::protocol::v26_30::{BinaryFunc, UnaryFunc, VariadicFunc};
