//! Window functions: a reduce that gives one list a partition, and mostly what takes
//! the list apart again, as SQL is planned. Source: `spec/plan.md` §4.7,
//! `spec/lowering.md` §2.5.
//!
//! Invariants: partitions are few, so that rows have neighbours; nothing is drawn that
//! upstream refuses or aborts of; no more columns come out than plans may have.

use super::plans::WIDEST;
use super::reduces::{EXTREMES, SUMS, record};
use super::relations::{Drawn, Planner};
use super::scalars::{self, Over};
use crate::plan::scalar::{column, literal};
use crate::plan::{Relation, sql_type};
use crate::protocol::v26_30::{
    AggregateExpr, AggregateFunc, ColumnOrder, LagLeadType, MirScalarExpr, TableFunc, UnaryFunc,
    VariadicFunc, WindowFrame, WindowFrameBound, WindowFrameUnits,
};
use crate::repr::{Datum, ReprScalarType, SqlScalarType};

/// A function, what it reads of a row, and how many results it gives in a record;
/// none if it gives one as it is.
struct Windowed {
    func: AggregateFunc,
    args: Option<MirScalarExpr>,
    fused: usize,
}

/// What a frame may be of: the value at one of its ends, or an aggregate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Framed {
    Value,
    Aggregate,
}

impl Planner<'_, '_> {
    /// Results beside the rows that they are of; now and then the list itself.
    pub(super) fn window(&mut self, input: Drawn) -> Drawn {
        let columns = input.typ.column_types.clone();
        let fallible = self.is_fallible();
        let over = self.scope(&columns, fallible);
        let group_key = self.partition(over);
        let (keys, order_by) = self.window_order(over);
        let Windowed { func, args, fused } = self.windowed(over, &order_by);
        let row = record((0..columns.len()).map(column).collect());
        let payload = match args {
            Some(args) => record(vec![row, args]),
            None => {
                let fields = columns.clone().into();
                // Every type of a column has a plain one of SQL.
                let Some(elem_type) = sql_type(&ReprScalarType::Record { fields }) else {
                    return input;
                };
                scalars::variadic(VariadicFunc::ListCreate { elem_type }, vec![row])
            }
        };
        let mut fields = vec![payload];
        fields.extend(keys);
        let aggregate = AggregateExpr {
            func,
            expr: record(fields),
            distinct: false,
        };
        let grouped = group_key.len();
        let input = self.perhaps_arranged(input);
        let mut listed = self.over(input, |input, _| Relation::Reduce {
            input: Box::new(input),
            group_key,
            aggregates: vec![aggregate],
            monotonic: false,
            expected_group_size: None,
        });
        listed.monotonic = false;
        self.unnested(listed, grouped, columns.len(), fused)
    }

    /// No key, a column, or a truth value: few partitions.
    fn partition(&mut self, over: Over<'_>) -> Vec<MirScalarExpr> {
        let arity = over.columns.len();
        match self.choices.weighted("partitions", &[3, 2, 2]) {
            Some(1) if arity > 0 => vec![column(self.choices.index("partition", arity))],
            Some(2) => vec![scalars::predicate(self.choices, over, 1)],
            _ => Vec::new(),
        }
    }

    /// Up to two columns, so that there are ties.
    fn window_order(&mut self, over: Over<'_>) -> (Vec<MirScalarExpr>, Vec<ColumnOrder>) {
        let arity = over.columns.len();
        let count = match self.choices.weighted("order of a window", &[5, 2, 1]) {
            _ if arity == 0 => 0,
            Some(1) => 2,
            Some(2) => 0,
            _ => 1,
        };
        let keys = (0..count).map(|_| column(self.choices.index("ordering column", arity)));
        let keys: Vec<MirScalarExpr> = keys.collect();
        let order = (0..count).map(|column| ColumnOrder {
            column,
            desc: self.choices.chance("descending", 1, 2),
            nulls_last: self.choices.chance("nulls last", 1, 2),
        });
        let order = order.collect();
        (keys, order)
    }

    fn windowed(&mut self, over: Over<'_>, order_by: &[ColumnOrder]) -> Windowed {
        let order_by = order_by.to_vec();
        let counted = |func: AggregateFunc| Windowed {
            func,
            args: None,
            fused: 0,
        };
        match self
            .choices
            .weighted("window function", &[3, 2, 2, 6, 6, 2, 2])
        {
            Some(1) => counted(AggregateFunc::DenseRank { order_by }),
            Some(2) => counted(AggregateFunc::RowNumber { order_by }),
            Some(3) => {
                let (func, args) = self.value_function(over, order_by);
                Windowed {
                    func,
                    args: Some(args),
                    fused: 0,
                }
            }
            Some(4) => {
                let (wrapped, arg) = self.wrapped(over);
                Windowed {
                    func: AggregateFunc::WindowAggregate {
                        wrapped_aggregate: Box::new(wrapped),
                        order_by,
                        window_frame: self.frame(Framed::Aggregate),
                    },
                    args: Some(arg),
                    fused: 0,
                }
            }
            Some(5) => {
                let drawn = (0..2).map(|_| self.value_function(over, order_by.clone()));
                let (funcs, args) = drawn.unzip();
                Windowed {
                    func: AggregateFunc::FusedValueWindowFunc { funcs, order_by },
                    args: Some(record(args)),
                    fused: 2,
                }
            }
            Some(6) => {
                let (wrapped_aggregates, args) = (0..2).map(|_| self.wrapped(over)).unzip();
                Windowed {
                    func: AggregateFunc::FusedWindowAggregate {
                        wrapped_aggregates,
                        order_by,
                        window_frame: self.frame(Framed::Aggregate),
                    },
                    args: Some(record(args)),
                    fused: 2,
                }
            }
            _ => counted(AggregateFunc::Rank { order_by }),
        }
    }

    /// lag, lead, first_value or last_value, and its arguments.
    fn value_function(
        &mut self,
        over: Over<'_>,
        order_by: Vec<ColumnOrder>,
    ) -> (AggregateFunc, MirScalarExpr) {
        let (value, typ) = match over.columns.len() {
            0 => (scalars::value(self.choices, &ReprScalarType::Int64), None),
            n => {
                let c = self.choices.index("value of a window", n);
                (column(c), Some(over.columns[c].scalar_type.clone()))
            }
        };
        let typ = typ.unwrap_or(ReprScalarType::Int64);
        let lag_lead = match self.choices.weighted("value function", &[2, 2, 1, 2]) {
            Some(1) => LagLeadType::Lead,
            Some(2) => {
                let window_frame = self.frame(Framed::Value);
                let func = AggregateFunc::FirstValue {
                    order_by,
                    window_frame,
                };
                return (func, value);
            }
            Some(3) => {
                let window_frame = self.frame(Framed::Value);
                let func = AggregateFunc::LastValue {
                    order_by,
                    window_frame,
                };
                return (func, value);
            }
            _ => LagLeadType::Lag,
        };
        let ignore_nulls = self.choices.chance("ignore nulls", 1, 3);
        // At no distance there is nothing to ignore: upstream aborts.
        let offset = match self.choices.weighted("offset", &[6, 2, 1, 1, 1]) {
            Some(1) => Datum::Int32(2),
            Some(2) => Datum::Int32(-1),
            Some(3) => Datum::Null,
            Some(4) if !ignore_nulls => Datum::Int32(0),
            _ => Datum::Int32(1),
        };
        let default = match self.choices.chance("a default", 1, 2) {
            true => scalars::value(self.choices, &typ),
            false => literal(Datum::Null, typ),
        };
        let func = AggregateFunc::LagLead {
            order_by,
            lag_lead,
            ignore_nulls,
        };
        let offset = literal(offset, ReprScalarType::Int32);
        (func, record(vec![value, offset, default]))
    }

    /// An aggregate to compute of each frame, and its argument.
    fn wrapped(&mut self, over: Over<'_>) -> (AggregateFunc, MirScalarExpr) {
        let drawn = match self.choices.weighted("wrapped aggregate", &[3, 3, 2, 1]) {
            Some(1) => self.one_of(&EXTREMES, over, false),
            Some(2) => None,
            Some(3) => {
                let func = match self.choices.chance("all", 1, 2) {
                    true => AggregateFunc::All,
                    false => AggregateFunc::Any,
                };
                return (func, scalars::predicate(self.choices, over, 1));
            }
            _ => self.one_of(&SUMS, over, false),
        };
        match drawn {
            Some(AggregateExpr { func, expr, .. }) => (func, expr),
            None => {
                let typ = over.columns.first().map(|c| c.scalar_type.clone());
                let typ = typ.unwrap_or(ReprScalarType::Int64);
                let of = scalars::leaf(self.choices, over, &typ);
                (AggregateFunc::Count, of)
            }
        }
    }

    /// The frame of a window that names none, or some rows.
    fn frame(&mut self, of: Framed) -> WindowFrame {
        use WindowFrameBound as B;
        if self.choices.chance("frame of a range", 1, 4) {
            return WindowFrame {
                units: WindowFrameUnits::Range,
                start_bound: B::UnboundedPreceding,
                end_bound: B::CurrentRow,
            };
        }
        let far = |rows: u64, before: bool| match before {
            true => B::OffsetPreceding(rows),
            false => B::OffsetFollowing(rows),
        };
        let rows = [1, 2, 0][self.choices.index("rows of a frame", 3)];
        let more = [1, 2, 0][self.choices.index("more rows of a frame", 3)];
        let unbounded = of == Framed::Value;
        let weights = [
            4,
            2,
            2,
            3,
            1,
            1,
            1,
            1,
            u64::from(unbounded),
            u64::from(unbounded),
        ];
        let (start_bound, end_bound) = match self.choices.weighted("frame", &weights) {
            Some(1) => (B::UnboundedPreceding, B::UnboundedFollowing),
            Some(2) => (B::CurrentRow, B::UnboundedFollowing),
            Some(3) => (far(rows, true), B::CurrentRow),
            Some(4) => (far(rows, true), far(more, false)),
            Some(5) => (B::CurrentRow, far(more, false)),
            // Either may be the larger: the frame is empty then.
            Some(6) => (far(rows, true), far(more, true)),
            Some(7) => (far(rows, false), far(more, false)),
            Some(8) => (B::UnboundedPreceding, far(more, rows > 0)),
            Some(9) => (far(rows, more > 0), B::UnboundedFollowing),
            _ => (B::UnboundedPreceding, B::CurrentRow),
        };
        WindowFrame {
            units: WindowFrameUnits::Rows,
            start_bound,
            end_bound,
        }
    }

    /// The results, and columns of the rows that they are of. The key may be projected
    /// away before, which lets lowering fuse the table function with the reduce.
    fn unnested(&mut self, listed: Drawn, grouped: usize, arity: usize, fused: usize) -> Drawn {
        let list = listed.typ.column_types.get(grouped);
        let element = match list.map(|column| &column.scalar_type) {
            Some(ReprScalarType::List { element_type }) => sql_type(element_type),
            _ => None,
        };
        let (Some(el_typ), false) = (element, self.choices.chance("the list itself", 1, 10)) else {
            return listed;
        };
        let (listed, at) = match grouped > 0 && !self.choices.chance("key beside the list", 1, 3) {
            true => (
                self.over(listed, |input, _| input.project(vec![grouped])),
                0,
            ),
            false => (listed, grouped),
        };
        let rows = self.over(listed, |input, _| unnest(input, el_typ, at));
        let element = column(at + 1);
        let field =
            |record: MirScalarExpr, n: usize| scalars::unary(UnaryFunc::RecordGet(n), record);
        let result = field(element.clone(), 0);
        let mut out: Vec<MirScalarExpr> = match fused {
            0 => vec![result],
            _ => (0..fused).map(|n| field(result.clone(), n)).collect(),
        };
        let row = field(element, 1);
        let shown = (WIDEST - out.len()).min(arity);
        out.extend((0..shown).map(|n| field(row.clone(), n)));
        let first = rows.typ.arity();
        let outputs = (first..first + out.len()).collect();
        let mapped = self.over(rows, |input, _| input.map(out));
        self.over(mapped, |input, _| input.project(outputs))
    }
}

fn unnest(input: Relation, el_typ: SqlScalarType, at: usize) -> Relation {
    Relation::FlatMap {
        input: Box::new(input),
        func: TableFunc::UnnestList { el_typ },
        exprs: vec![column(at)],
    }
}
