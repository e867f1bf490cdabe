//! Functions over text. Source: `spec/plan.md` §5.6.

use super::{Result, Value};
use crate::protocol::v26_30::UnaryFunc;

/// Functions of one argument. `None`: another family's.
pub(super) fn unary(_func: &UnaryFunc, _a: &Value) -> Option<Result> {
    None
}
