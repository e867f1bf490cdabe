//! How aggregates are maintained: one reduce of a replica holds aggregates of one
//! class. Source: `spec/lowering.md` §2.8.

use protocol::v26_30::{AggregateFunc, ColumnOrder};

/// How an aggregate is maintained. The order is upstream's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReductionClass {
    Accumulable,
    Hierarchical,
    Basic,
}

/// The class of an aggregate function.
pub fn reduction_class(func: &AggregateFunc) -> ReductionClass {
    classed(func).0
}

/// The order of a window function: one that gives a list of records, each of a result
/// and of the row that it is the result for. A table function that takes such a list
/// apart is rendered with the reduce (`spec/lowering.md` §2.5). None for every other
/// aggregate.
pub fn window_order(func: &AggregateFunc) -> Option<&[ColumnOrder]> {
    classed(func).1
}

/// The class of a function, and of a window function its order.
fn classed(func: &AggregateFunc) -> (ReductionClass, Option<&[ColumnOrder]>) {
    match func {
        AggregateFunc::SumInt16
        | AggregateFunc::SumInt32
        | AggregateFunc::SumInt64
        | AggregateFunc::SumUInt16
        | AggregateFunc::SumUInt32
        | AggregateFunc::SumUInt64
        | AggregateFunc::SumFloat32
        | AggregateFunc::SumFloat64
        | AggregateFunc::SumNumeric
        | AggregateFunc::Count
        | AggregateFunc::Any
        | AggregateFunc::All
        | AggregateFunc::Dummy => (ReductionClass::Accumulable, None),
        AggregateFunc::MaxNumeric
        | AggregateFunc::MaxInt16
        | AggregateFunc::MaxInt32
        | AggregateFunc::MaxInt64
        | AggregateFunc::MaxUInt16
        | AggregateFunc::MaxUInt32
        | AggregateFunc::MaxUInt64
        | AggregateFunc::MaxMzTimestamp
        | AggregateFunc::MaxFloat32
        | AggregateFunc::MaxFloat64
        | AggregateFunc::MaxBool
        | AggregateFunc::MaxString
        | AggregateFunc::MaxDate
        | AggregateFunc::MaxTimestamp
        | AggregateFunc::MaxTimestampTz
        | AggregateFunc::MaxInterval
        | AggregateFunc::MaxTime
        | AggregateFunc::MinNumeric
        | AggregateFunc::MinInt16
        | AggregateFunc::MinInt32
        | AggregateFunc::MinInt64
        | AggregateFunc::MinUInt16
        | AggregateFunc::MinUInt32
        | AggregateFunc::MinUInt64
        | AggregateFunc::MinMzTimestamp
        | AggregateFunc::MinFloat32
        | AggregateFunc::MinFloat64
        | AggregateFunc::MinBool
        | AggregateFunc::MinString
        | AggregateFunc::MinDate
        | AggregateFunc::MinTimestamp
        | AggregateFunc::MinTimestampTz
        | AggregateFunc::MinInterval
        | AggregateFunc::MinTime => (ReductionClass::Hierarchical, None),
        AggregateFunc::JsonbAgg { .. }
        | AggregateFunc::JsonbObjectAgg { .. }
        | AggregateFunc::MapAgg { .. }
        | AggregateFunc::ArrayConcat { .. }
        | AggregateFunc::ListConcat { .. }
        | AggregateFunc::StringAgg { .. } => (ReductionClass::Basic, None),
        AggregateFunc::RowNumber { order_by }
        | AggregateFunc::Rank { order_by }
        | AggregateFunc::DenseRank { order_by }
        | AggregateFunc::LagLead { order_by, .. }
        | AggregateFunc::FirstValue { order_by, .. }
        | AggregateFunc::LastValue { order_by, .. }
        | AggregateFunc::FusedValueWindowFunc { order_by, .. }
        | AggregateFunc::WindowAggregate { order_by, .. }
        | AggregateFunc::FusedWindowAggregate { order_by, .. } => {
            (ReductionClass::Basic, Some(order_by))
        }
    }
}
