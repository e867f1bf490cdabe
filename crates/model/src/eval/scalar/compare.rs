//! Comparisons: the order of datums. Source: `spec/plan.md` §5.3, §6.3.

use std::cmp::Ordering;

use super::{Result, Value};
use protocol::v26_30::BinaryFunc;

/// The comparisons. `None`: another family's.
pub(super) fn binary(func: &BinaryFunc, a: &Value, b: &Value) -> Option<Result> {
    let (a, b) = (a.datum(), b.datum());
    let order = a.cmp(&b);
    let holds = match func {
        // Equality of arrays sees their bounds, the order does not.
        BinaryFunc::Eq => a == b,
        BinaryFunc::NotEq => a != b,
        BinaryFunc::Lt => order == Ordering::Less,
        BinaryFunc::Lte => order != Ordering::Greater,
        BinaryFunc::Gt => order == Ordering::Greater,
        BinaryFunc::Gte => order != Ordering::Less,
        _ => return None,
    };
    Some(Ok(Value::bool(holds)))
}
