//! Dates, timestamps, intervals. Source: `spec/plan.md` §5.4, §5.5.

use super::{Result, Value};
use crate::protocol::v26_30::{BinaryFunc, UnaryFunc, VariadicFunc};
