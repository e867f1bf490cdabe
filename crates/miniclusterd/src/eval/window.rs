//! Window functions over all values of a key: records `(payload, keys…)` become the
//! elements `(result, row)` of a list. Source: `spec/plan.md` §4.7; payloads, results
//! and peers as in upstream's `src/expr/src/relation/func.rs`.
//!
//! Invariants: a value of another shape than its function takes is passed over;
//! nothing is computed twice while a frame only grows at its end.

use std::cmp::Ordering;
use std::ops::Range;

use super::Arena;
use super::accum::Accum;
use super::basic::{compare_columns, eval_basic, extreme, extreme_of, is_accumulable};
use super::pack::pack;
use super::variadic::push_all;
use protocol::v26_30::{
    AggregateFunc, ColumnOrder, LagLeadType, WindowFrame, WindowFrameBound, WindowFrameUnits,
};
use repr::{Datum, Row};

/// Aggregates of no values that are not NULL.
const OF_NOTHING: [(AggregateFunc, Datum<'static>); 3] = [
    (AggregateFunc::Count, Datum::Int64(0)),
    (AggregateFunc::Any, Datum::False),
    (AggregateFunc::All, Datum::True),
];

/// The rows of a key in their order, column by column.
struct Partition<'a> {
    /// What each result is given out with.
    rows: Vec<Datum<'a>>,
    /// What the function reads; nothing for those that only count.
    args: Vec<Datum<'a>>,
    /// From the first to behind the last of the rows with the same keys.
    peers: Vec<Range<usize>>,
}

/// Whether [`eval_window`] answers this window function.
///
/// Errors: the first thing that it has no answer for, by name.
pub(super) fn supported_window(func: &AggregateFunc) -> Result<(), String> {
    use AggregateFunc::*;
    match func {
        RowNumber { .. } | Rank { .. } | DenseRank { .. } | LagLead { .. } => Ok(()),
        FirstValue { window_frame, .. } | LastValue { window_frame, .. } => {
            supported_frame(window_frame)
        }
        FusedValueWindowFunc { funcs, .. } => funcs.iter().try_for_each(|func| match func {
            LagLead { .. } | FirstValue { .. } | LastValue { .. } => supported_window(func),
            other => Err(format!("unsupported aggregate {} in a window", name(other))),
        }),
        WindowAggregate {
            wrapped_aggregate,
            window_frame,
            ..
        } => supported_frame(window_frame).and_then(|()| supported_wrapped(wrapped_aggregate)),
        FusedWindowAggregate {
            wrapped_aggregates,
            window_frame,
            ..
        } => {
            supported_frame(window_frame)?;
            wrapped_aggregates.iter().try_for_each(supported_wrapped)
        }
        other => Err(format!("unsupported aggregate {}", name(other))),
    }
}

/// Upstream adds floats and decimals in two ways, by the frame; neither is here.
fn supported_wrapped(func: &AggregateFunc) -> Result<(), String> {
    use AggregateFunc::*;
    let inexact = matches!(func, SumFloat32 | SumFloat64 | SumNumeric);
    if !inexact && (is_accumulable(func) || extreme_of(func).is_some()) {
        return Ok(());
    }
    Err(format!("unsupported aggregate {} in a window", name(func)))
}

fn supported_frame(frame: &WindowFrame) -> Result<(), String> {
    match (&frame.units, &frame.start_bound, &frame.end_bound) {
        (WindowFrameUnits::Rows, _, _)
        | (
            WindowFrameUnits::Range,
            WindowFrameBound::UnboundedPreceding,
            WindowFrameBound::CurrentRow,
        ) => Ok(()),
        (WindowFrameUnits::Range | WindowFrameUnits::Groups, _, _) => {
            Err(format!("unsupported window frame {frame:?}"))
        }
    }
}

fn name(func: &AggregateFunc) -> String {
    let text = format!("{func:?}");
    text.split([' ', '{']).next().unwrap_or("").to_string()
}

/// The list of a window function over the values of a key, each as often as it
/// counts.
pub(super) fn eval_window<'a>(
    func: &AggregateFunc,
    order: &[ColumnOrder],
    values: &[Datum<'a>],
    arena: &'a Arena,
) -> Datum<'a> {
    let partition = Partition::sorted(func, order, values);
    let results = partition.results(func, &partition.args, arena);
    let elements: Vec<Datum<'a>> = results
        .into_iter()
        .zip(&partition.rows)
        .map(|(result, row)| record(&[result, *row], arena))
        .collect();
    record(&elements, arena)
}

/// Records and lists are the same in a row.
fn record<'a>(fields: &[Datum<'a>], arena: &'a Arena) -> Datum<'a> {
    arena.datum(|packer| packer.push_list(|packer| push_all(packer, fields)))
}

fn fields(datum: Datum<'_>) -> Option<Vec<Datum<'_>>> {
    match datum {
        Datum::List(list) => Some(list.iter().collect()),
        _ => None,
    }
}

impl<'a> Partition<'a> {
    fn sorted(func: &AggregateFunc, order: &[ColumnOrder], values: &[Datum<'a>]) -> Self {
        let mut records: Vec<(Datum<'a>, Vec<Datum<'a>>)> = values
            .iter()
            .filter_map(|value| {
                let mut record = fields(*value)?.into_iter();
                let payload = record.next()?;
                Some((payload, record.collect()))
            })
            .collect();
        records.sort_by(|(a, a_keys), (b, b_keys)| {
            compare_columns(order, a_keys, b_keys, || a.cmp(b))
        });
        let counts_only = matches!(
            func,
            AggregateFunc::RowNumber { .. }
                | AggregateFunc::Rank { .. }
                | AggregateFunc::DenseRank { .. }
        );
        let (mut rows, mut args, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for (payload, key) in records {
            let Some(payload) = fields(payload) else {
                continue;
            };
            let key = pack(key);
            if counts_only {
                keys.extend(payload.iter().map(|_| key.clone()));
                rows.extend(payload);
            } else if let [row, arg] = payload[..] {
                keys.push(key);
                rows.push(row);
                args.push(arg);
            }
        }
        Partition {
            rows,
            args,
            peers: peers(&keys),
        }
    }

    fn results(
        &self,
        func: &AggregateFunc,
        args: &[Datum<'a>],
        arena: &'a Arena,
    ) -> Vec<Datum<'a>> {
        use AggregateFunc::*;
        let number = |n: usize| Datum::Int64(n as i64);
        match func {
            RowNumber { .. } => (1..=self.rows.len()).map(number).collect(),
            Rank { .. } => self.peers.iter().map(|p| number(p.start + 1)).collect(),
            DenseRank { .. } => {
                let mut rank = 0;
                let ranks = self.peers.iter().enumerate().map(|(at, peers)| {
                    rank += usize::from(peers.start == at);
                    number(rank)
                });
                ranks.collect()
            }
            LagLead {
                lag_lead,
                ignore_nulls,
                ..
            } => shifted(args, lag_lead, *ignore_nulls),
            FirstValue { window_frame, .. } => {
                let frames = self.frames(window_frame);
                let first = |frame: Range<usize>| args[frame].first().copied();
                frames.map(|f| first(f).unwrap_or(Datum::Null)).collect()
            }
            LastValue { window_frame, .. } => {
                let frames = self.frames(window_frame);
                let last = |frame: Range<usize>| args[frame].last().copied();
                frames.map(|f| last(f).unwrap_or(Datum::Null)).collect()
            }
            WindowAggregate {
                wrapped_aggregate,
                window_frame,
                ..
            } => self.aggregated(wrapped_aggregate, window_frame, args),
            FusedValueWindowFunc { funcs, .. } => {
                self.fused(args, funcs.len(), arena, |at, own| {
                    self.results(&funcs[at], own, arena)
                })
            }
            FusedWindowAggregate {
                wrapped_aggregates: wrapped,
                window_frame,
                ..
            } => self.fused(args, wrapped.len(), arena, |at, own| {
                self.aggregated(&wrapped[at], window_frame, own)
            }),
            // Refused before; it would have one result for all rows.
            other => vec![eval_basic(other, args, arena); self.rows.len()],
        }
    }

    /// Several functions side by side, each over its own field of the arguments.
    fn fused(
        &self,
        args: &[Datum<'a>],
        width: usize,
        arena: &'a Arena,
        of_one: impl Fn(usize, &[Datum<'a>]) -> Vec<Datum<'a>>,
    ) -> Vec<Datum<'a>> {
        let args: Vec<Vec<Datum<'a>>> = args
            .iter()
            .map(|arg| fields(*arg).unwrap_or_default())
            .collect();
        let columns: Vec<Vec<Datum<'a>>> = (0..width)
            .map(|at| {
                let own = args.iter().map(|fields| fields.get(at).copied());
                let own: Vec<Datum<'a>> = own.map(|d| d.unwrap_or(Datum::Null)).collect();
                of_one(at, &own)
            })
            .collect();
        (0..self.rows.len())
            .map(|row| {
                let results: Vec<Datum<'a>> = columns.iter().map(|column| column[row]).collect();
                record(&results, arena)
            })
            .collect()
    }

    /// The frame of every row; an empty one lies within the partition too.
    fn frames(&self, frame: &WindowFrame) -> impl Iterator<Item = Range<usize>> {
        let count = self.rows.len();
        let by_peers = match frame.units {
            WindowFrameUnits::Rows => false,
            WindowFrameUnits::Range | WindowFrameUnits::Groups => true,
        };
        let rows = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        (0..count).map(move |at| {
            let current = if by_peers {
                self.peers[at].clone()
            } else {
                at..at + 1
            };
            let start = match frame.start_bound {
                WindowFrameBound::UnboundedPreceding => 0,
                WindowFrameBound::OffsetPreceding(n) => current.start.saturating_sub(rows(n)),
                WindowFrameBound::CurrentRow => current.start,
                WindowFrameBound::OffsetFollowing(n) => current.start.saturating_add(rows(n)),
                WindowFrameBound::UnboundedFollowing => count,
            };
            let end = match frame.end_bound {
                WindowFrameBound::UnboundedPreceding => 0,
                WindowFrameBound::OffsetPreceding(n) => current.end.saturating_sub(rows(n)),
                WindowFrameBound::CurrentRow => current.end,
                WindowFrameBound::OffsetFollowing(n) => current.end.saturating_add(rows(n)),
                WindowFrameBound::UnboundedFollowing => count,
            };
            let end = end.min(count);
            start.min(end)..end
        })
    }

    fn aggregated(
        &self,
        func: &AggregateFunc,
        frame: &WindowFrame,
        args: &[Datum<'a>],
    ) -> Vec<Datum<'a>> {
        let mut running = Running::new(func);
        let mut covered = 0..0;
        let results = self.frames(frame).map(|rows| {
            if rows.start != covered.start || rows.end < covered.end {
                running = Running::new(func);
                covered = rows.start..rows.start;
            }
            for arg in &args[covered.end..rows.end] {
                running.take(*arg);
            }
            covered = rows;
            running.value()
        });
        results.collect()
    }
}

/// For each row, those with the same keys as it, which stand together.
fn peers(keys: &[Row]) -> Vec<Range<usize>> {
    let mut peers: Vec<Range<usize>> = Vec::with_capacity(keys.len());
    for group in keys.chunk_by(|a, b| a == b) {
        let start = peers.len();
        peers.extend(group.iter().map(|_| start..start + group.len()));
    }
    peers
}

/// Of records `(value, offset, default)` the value that many rows away.
fn shifted<'a>(args: &[Datum<'a>], direction: &LagLeadType, ignore_nulls: bool) -> Vec<Datum<'a>> {
    let unpacked: Vec<[Datum<'a>; 3]> = args
        .iter()
        .map(|arg| {
            let fields = fields(*arg).unwrap_or_default();
            fields.try_into().unwrap_or([Datum::Null; 3])
        })
        .collect();
    // The places that count, in ascending order.
    let places: Vec<usize> = (0..unpacked.len())
        .filter(|at| !ignore_nulls || !unpacked[*at][0].is_null())
        .collect();
    let of_one = |(at, [value, offset, default]): (usize, &[Datum<'a>; 3])| {
        let Datum::Int32(offset) = *offset else {
            return Datum::Null;
        };
        let forward = match direction {
            LagLeadType::Lead => i64::from(offset),
            LagLeadType::Lag => -i64::from(offset),
        };
        let distance = usize::try_from(forward.unsigned_abs()).unwrap_or(usize::MAX);
        let place = match forward.cmp(&0) {
            // Of a NULL that is ignored upstream aborts; here it is NULL.
            Ordering::Equal => return *value,
            Ordering::Greater => {
                let behind = places.partition_point(|place| *place <= at);
                behind.checked_add(distance - 1)
            }
            Ordering::Less => {
                let before = places.partition_point(|place| *place < at);
                before.checked_sub(distance)
            }
        };
        let found = place.and_then(|place| places.get(place));
        found.map_or(*default, |at| unpacked[*at][0])
    };
    unpacked.iter().enumerate().map(of_one).collect()
}

/// An aggregate of the values that it was given so far.
enum Running<'f, 'a> {
    Sum {
        func: &'f AggregateFunc,
        sum: Accum,
        values: i64,
    },
    Best {
        which: Ordering,
        best: Datum<'a>,
    },
}

impl<'f, 'a> Running<'f, 'a> {
    fn new(func: &'f AggregateFunc) -> Self {
        match extreme_of(func) {
            Some(which) => Running::Best {
                which,
                best: Datum::Null,
            },
            None => Running::Sum {
                func,
                sum: Accum::zero(func),
                values: 0,
            },
        }
    }

    fn take(&mut self, value: Datum<'a>) {
        match self {
            Running::Sum { func, sum, values } => {
                sum.plus(&Accum::of(func, value));
                *values += 1;
            }
            Running::Best { which, best } => {
                *best = extreme(*which, [*best, value].into_iter());
            }
        }
    }

    /// Of no values: what the function gives then, not what a sum of none is.
    fn value(&self) -> Datum<'a> {
        match self {
            Running::Sum {
                func, values: 0, ..
            } => {
                let found = OF_NOTHING.iter().find(|(known, _)| known == *func);
                found.map_or(Datum::Null, |(_, value)| *value)
            }
            Running::Sum { func, sum, values } => sum.finish(func, *values).0,
            Running::Best { best, .. } => *best,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order_by() -> Vec<ColumnOrder> {
        vec![ColumnOrder {
            column: 0,
            desc: false,
            nulls_last: true,
        }]
    }

    /// The results, in order, over records of the row n and the args n, by the key.
    fn results(func: &AggregateFunc, keyed: &[(i64, Option<i64>)]) -> Vec<Option<i64>> {
        let arena = Arena::new();
        let values: Vec<Datum<'_>> = keyed
            .iter()
            .map(|(key, value)| {
                let value = value.map_or(Datum::Null, Datum::Int64);
                let payload = record(&[value, value], &arena);
                record(&[payload, Datum::Int64(*key)], &arena)
            })
            .collect();
        let list = eval_window(func, &order_by(), &values, &arena);
        let elements = fields(list).unwrap_or_default().into_iter();
        let result = |element| match fields(element).unwrap_or_default()[0] {
            Datum::Int64(n) => Some(n),
            _ => None,
        };
        elements.map(result).collect()
    }

    fn frame(start_bound: WindowFrameBound, end_bound: WindowFrameBound) -> WindowFrame {
        WindowFrame {
            units: WindowFrameUnits::Rows,
            start_bound,
            end_bound,
        }
    }

    fn counting(window_frame: WindowFrame) -> AggregateFunc {
        AggregateFunc::WindowAggregate {
            wrapped_aggregate: Box::new(AggregateFunc::Count),
            order_by: order_by(),
            window_frame,
        }
    }

    #[test]
    fn a_frame_counts_what_lies_in_it_wherever_it_goes() {
        use WindowFrameBound::*;
        let keyed = [(1, Some(1)), (2, Some(2)), (3, None), (4, Some(4))];
        for (start, end, counts) in [
            (UnboundedPreceding, CurrentRow, [1, 2, 2, 3]),
            (CurrentRow, UnboundedFollowing, [3, 2, 1, 1]),
            (OffsetPreceding(1), OffsetFollowing(1), [2, 2, 2, 1]),
            (OffsetPreceding(2), OffsetPreceding(1), [0, 1, 2, 1]),
            (OffsetPreceding(1), OffsetPreceding(2), [0, 0, 0, 0]),
            (OffsetFollowing(1), OffsetFollowing(9), [2, 1, 1, 0]),
        ] {
            let frame = frame(start, end);
            let found = results(&counting(frame.clone()), &keyed);
            assert_eq!(found, counts.map(Some), "{frame:?}");
        }
    }

    #[test]
    fn a_range_ends_with_the_last_peer() {
        let mut range = frame(
            WindowFrameBound::UnboundedPreceding,
            WindowFrameBound::CurrentRow,
        );
        range.units = WindowFrameUnits::Range;
        let keyed = [(1, Some(1)), (1, Some(2)), (2, Some(3))];
        assert_eq!(
            results(&counting(range.clone()), &keyed),
            [2, 2, 3].map(Some)
        );
        let last = AggregateFunc::LastValue {
            order_by: order_by(),
            window_frame: range,
        };
        assert_eq!(results(&last, &keyed), [2, 2, 3].map(Some));
    }

    #[test]
    fn what_is_not_answered_is_named() {
        let mut groups = counting(frame(
            WindowFrameBound::CurrentRow,
            WindowFrameBound::CurrentRow,
        ));
        assert_eq!(supported_window(&groups), Ok(()));
        if let AggregateFunc::WindowAggregate {
            wrapped_aggregate, ..
        } = &mut groups
        {
            **wrapped_aggregate = AggregateFunc::SumFloat64;
        }
        let refused = supported_window(&groups).unwrap_err();
        assert_eq!(refused, "unsupported aggregate SumFloat64 in a window");
    }
}
