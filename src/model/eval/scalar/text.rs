//! Functions over text. Source: `spec/plan.md` §5.6.

use super::{Result, Value};
use crate::protocol::v26_30::{BinaryFunc, UnaryFunc, VariadicFunc};
