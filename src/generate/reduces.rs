//! Groups: Reduce of every class that the model evaluates, Distinct, TopK.
//! Source: `spec/plan.md` §2.5, §2.6, §5.8, `spec/lowering.md` §2.8.
//!
//! Invariants: aggregates are of one class unless the dataflow is planned; a
//! `monotonic` flag is true of its input, unless the profile says otherwise; no
//! aggregate gives NULL where its type has none.

use super::plans::WIDEST;
use super::relations::{Drawn, Planner};
use super::scalars::{self, Over, columns_of};
use crate::plan::functions::AGGREGATES;
use crate::plan::scalar::{binary, boolean, column, int64, literal};
use crate::plan::{Relation, may_be_null};
use crate::protocol::v26_30::{
    AggregateExpr, AggregateFunc, BinaryFunc, ColumnOrder, MirScalarExpr, UnaryFunc, VariadicFunc,
};
use crate::repr::{ColumnName, Datum, ReprColumnType, ReprScalarType, SqlScalarType};

/// Which aggregates a reduce takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Accumulable,
    Hierarchical,
    Basic,
    Mixed,
}

/// Aggregates by class, over the types that columns have.
pub(super) const SUMS: [AggregateFunc; 3] = [
    AggregateFunc::SumInt64,
    AggregateFunc::SumInt32,
    AggregateFunc::SumInt16,
];
pub(super) const EXTREMES: [AggregateFunc; 14] = [
    AggregateFunc::MaxInt64,
    AggregateFunc::MinInt64,
    AggregateFunc::MaxString,
    AggregateFunc::MinString,
    AggregateFunc::MaxInt32,
    AggregateFunc::MinInt32,
    AggregateFunc::MaxInt16,
    AggregateFunc::MinInt16,
    AggregateFunc::MaxBool,
    AggregateFunc::MinBool,
    AggregateFunc::MaxMzTimestamp,
    AggregateFunc::MinMzTimestamp,
    AggregateFunc::MaxNumeric,
    AggregateFunc::MinNumeric,
];

impl Planner<'_, '_> {
    pub(super) fn reduce(&mut self, input: Drawn) -> Drawn {
        if self.choices.chance("window", 1, 8) {
            return self.window(input);
        }
        let columns = input.typ.column_types.clone();
        let fallible = self.is_fallible();
        let over = self.scope(&columns, fallible);
        let class = match self.choices.weighted("class of aggregates", &[4, 4, 2, 2]) {
            Some(1) => Class::Hierarchical,
            Some(2) => Class::Basic,
            Some(3) if self.planned && self.profile.mixed_reduces => Class::Mixed,
            _ => Class::Accumulable,
        };
        let group_key = self.group_key(over, 2);
        let most = (WIDEST - group_key.len()) as u64;
        let count = self.choices.between("aggregates", 1, most.min(3));
        let aggregates = (0..count).filter_map(|_| self.aggregate(class, over));
        let mut aggregates: Vec<AggregateExpr> = aggregates.collect();
        if aggregates.is_empty() {
            aggregates.push(count_all());
        }
        self.keep_types(&mut aggregates, over);
        let monotonic = self.may_promise(&input);
        let expected_group_size = self.group_size();
        let input = self.perhaps_arranged(input);
        let keys = vec![(0..group_key.len()).collect()];
        let mut out = self.over(input, |input, _| Relation::Reduce {
            input: Box::new(input),
            group_key,
            aggregates,
            monotonic,
            expected_group_size,
        });
        out.monotonic = false;
        out.keys = keys;
        out
    }

    pub(super) fn distinct(&mut self, input: Drawn) -> Drawn {
        let columns = input.typ.column_types.clone();
        let fallible = self.is_fallible();
        let over = self.scope(&columns, fallible);
        let group_key = match self.choices.chance("distinct rows", 1, 2) {
            true => (0..columns.len()).map(column).collect(),
            false => self.group_key(over, WIDEST as u64),
        };
        let input = self.perhaps_arranged(input);
        self.over(input, |input, _| Relation::Reduce {
            input: Box::new(input),
            group_key,
            aggregates: Vec::new(),
            monotonic: false,
            expected_group_size: None,
        })
    }

    /// Mostly columns; sometimes none, sometimes something computed.
    fn group_key(&mut self, over: Over<'_>, most: u64) -> Vec<MirScalarExpr> {
        let arity = over.columns.len();
        if arity == 0 {
            return Vec::new();
        }
        let count = match self.choices.weighted("group key", &[5, 2, 1]) {
            Some(1) => most.min(2),
            Some(2) => 0,
            _ => 1,
        };
        (0..count)
            .map(|_| match self.choices.chance("computed key", 1, 5) {
                true => {
                    let c = self.choices.index("type of key", arity);
                    let typ = over.columns[c].scalar_type.clone();
                    scalars::draw(self.choices, over, &typ, 1)
                }
                false => column(self.choices.index("key", arity)),
            })
            .collect()
    }

    fn aggregate(&mut self, class: Class, over: Over<'_>) -> Option<AggregateExpr> {
        let class = match class {
            Class::Mixed => match self.choices.weighted("class of aggregate", &[2, 2, 1]) {
                Some(1) => Class::Hierarchical,
                Some(2) => Class::Basic,
                _ => Class::Accumulable,
            },
            class => class,
        };
        match class {
            Class::Hierarchical => return self.extreme(over),
            Class::Basic => return Some(self.basic(over)),
            Class::Accumulable | Class::Mixed => {}
        }
        let distinct = self.choices.chance("distinct aggregate", 1, 4);
        match self
            .choices
            .weighted("accumulable aggregate", &[2, 2, 4, 2, 2])
        {
            Some(4) => Some(AggregateExpr {
                func: AggregateFunc::SumFloat64,
                expr: self.number(over),
                distinct,
            }),
            Some(1) if !over.columns.is_empty() => {
                let c = self.choices.index("counted column", over.columns.len());
                Some(AggregateExpr {
                    func: AggregateFunc::Count,
                    expr: column(c),
                    distinct,
                })
            }
            Some(2) => self.one_of(&SUMS, over, distinct),
            Some(3) => {
                let test = scalars::predicate(self.choices, over, 1);
                let all = self.choices.chance("all", 1, 2);
                let func = match all {
                    true => AggregateFunc::All,
                    false => AggregateFunc::Any,
                };
                // What is unknown counts only where nothing else decides.
                let expr = match self.choices.chance("unknown to some", 1, 2) {
                    true => MirScalarExpr::If {
                        cond: Box::new(test),
                        then: Box::new(literal(Datum::Null, ReprScalarType::Bool)),
                        els: Box::new(boolean(all)),
                    },
                    false => test,
                };
                Some(AggregateExpr {
                    func,
                    expr,
                    distinct,
                })
            }
            _ => Some(count_all()),
        }
    }

    /// A float: as small as the other values, quite large, or none at all.
    fn number(&mut self, over: Over<'_>) -> MirScalarExpr {
        let number = scalars::leaf(self.choices, over, &ReprScalarType::Int64);
        let number = scalars::unary(UnaryFunc::CastInt64ToFloat64, number);
        let scale = match self.choices.weighted("scale of floats", &[4, 2, 1, 1]) {
            Some(1) => 1e6,
            Some(2) => f64::INFINITY,
            Some(3) => f64::NAN,
            _ => return number,
        };
        let scale = literal(Datum::Float64(scale), ReprScalarType::Float64);
        binary(BinaryFunc::MulFloat64, number, scale)
    }

    /// A text or a list of all values of a group, in an order.
    fn basic(&mut self, over: Over<'_>) -> AggregateExpr {
        let mut keys: Vec<MirScalarExpr> = Vec::new();
        let mut order_by = Vec::new();
        if !over.columns.is_empty() {
            for at in 0..self.choices.draw("keys of the order", 2) as usize {
                keys.push(column(
                    self.choices.index("ordering column", over.columns.len()),
                ));
                order_by.push(ColumnOrder {
                    column: at,
                    desc: self.choices.chance("descending", 1, 2),
                    nulls_last: self.choices.chance("nulls last", 1, 2),
                });
            }
        }
        let (func, item) = match self.choices.weighted("basic aggregate", &[3, 1, 1]) {
            Some(form @ (1 | 2)) => {
                let exprs = vec![scalars::leaf(self.choices, over, &ReprScalarType::Int64)];
                let elem_type = SqlScalarType::Int64;
                match form {
                    1 => (
                        AggregateFunc::ListConcat { order_by },
                        scalars::variadic(VariadicFunc::ListCreate { elem_type }, exprs),
                    ),
                    _ => (
                        AggregateFunc::ArrayConcat { order_by },
                        scalars::variadic(VariadicFunc::ArrayCreate { elem_type }, exprs),
                    ),
                }
            }
            _ => {
                let text = scalars::leaf(self.choices, over, &ReprScalarType::String);
                let separator = scalars::value(self.choices, &ReprScalarType::String);
                let item = record(vec![text, separator]);
                (AggregateFunc::StringAgg { order_by }, item)
            }
        };
        let mut fields = vec![item];
        fields.extend(keys);
        AggregateExpr {
            func,
            expr: record(fields),
            distinct: self.choices.chance("distinct aggregate", 1, 4),
        }
    }

    fn extreme(&mut self, over: Over<'_>) -> Option<AggregateExpr> {
        self.one_of(&EXTREMES, over, false)
    }

    /// One of these aggregates, of a type that some column has.
    pub(super) fn one_of(
        &mut self,
        funcs: &[AggregateFunc],
        over: Over<'_>,
        distinct: bool,
    ) -> Option<AggregateExpr> {
        let argument = |func: &AggregateFunc| {
            let entry = AGGREGATES.iter().find(|entry| entry.func == *func)?;
            Some(entry.arg.clone())
        };
        let fitting: Vec<(&AggregateFunc, ReprScalarType)> = funcs
            .iter()
            .filter_map(|func| Some((func, argument(func)?)))
            .filter(|(_, arg)| !columns_of(over.columns, arg).is_empty())
            .collect();
        if fitting.is_empty() {
            return None;
        }
        let (func, arg) = fitting[self.choices.index("aggregate", fitting.len())].clone();
        let depth = usize::from(self.choices.chance("computed argument", 1, 3));
        Some(AggregateExpr {
            func: func.clone(),
            expr: scalars::draw(self.choices, over, &arg, depth),
            distinct,
        })
    }

    /// Beside a DISTINCT aggregate, `all` and `any` may be NULL (`spec/replica.md`
    /// §16.4). Their types say so only where an argument may be NULL; an optimizer
    /// may find that none is.
    fn keep_types(&self, aggregates: &mut Vec<AggregateExpr>, over: Over<'_>) {
        let never_null =
            |a: &AggregateExpr| self.planned || may_be_null(&a.expr, over.columns) == Some(false);
        let tests = |a: &AggregateExpr| matches!(a.func, AggregateFunc::All | AggregateFunc::Any);
        if aggregates.iter().any(|a| tests(a) && never_null(a)) {
            for aggregate in aggregates {
                aggregate.distinct = false;
            }
        }
    }

    fn may_promise(&mut self, input: &Drawn) -> bool {
        let allowed = input.monotonic || self.profile.monotonic_retractions;
        allowed && self.choices.chance("monotonic", 2, 3)
    }

    /// A hint, which decides how many stages a hierarchy has.
    fn group_size(&mut self) -> Option<u64> {
        match self.choices.chance("expected group size", 1, 3) {
            true => Some([4, 16, 17, 1_000][self.choices.index("group size", 4)]),
            false => None,
        }
    }

    pub(super) fn top_k(&mut self, input: Drawn) -> Drawn {
        let columns = input.typ.column_types.clone();
        let arity = columns.len();
        let group_count = match arity {
            0 => 0,
            _ => [1, 0, 2][self
                .choices
                .weighted("group columns", &[4, 2, 1])
                .unwrap_or(0)],
        };
        let mut group_key: Vec<usize> = Vec::new();
        for _ in 0..group_count {
            let c = self.choices.index("group column", arity);
            if !group_key.contains(&c) {
                group_key.push(c);
            }
        }
        let order_key = self.order(arity);
        let limit = self.limit_of_rows(&columns, &group_key);
        let offset = match self.choices.chance("offset", 1, 4) {
            true => self.choices.between("offset", 1, 2) as usize,
            false => 0,
        };
        let monotonic = self.may_promise(&input);
        let expected_group_size = self.group_size();
        let input = self.perhaps_arranged(input);
        let mut out = self.over(input, |input, _| Relation::TopK {
            input: Box::new(input),
            group_key,
            order_key,
            limit,
            offset,
            monotonic,
            expected_group_size,
        });
        out.monotonic = false;
        out
    }

    /// An order; mostly a total one, by every column.
    fn order(&mut self, arity: usize) -> Vec<ColumnOrder> {
        let mut columns: Vec<usize> = (0..arity).collect();
        let mut order = Vec::new();
        let partial = self.profile.ties && self.choices.chance("ties", 1, 3);
        let count = match partial {
            true => self.choices.index("ordered columns", arity + 1),
            false => arity,
        };
        for _ in 0..count {
            order.push(ColumnOrder {
                column: columns.remove(self.choices.index("ordered column", columns.len())),
                desc: self.choices.chance("descending", 1, 2),
                nulls_last: self.choices.chance("nulls last", 1, 2),
            });
        }
        order
    }

    fn limit_of_rows(
        &mut self,
        columns: &[ReprColumnType],
        group_key: &[usize],
    ) -> Option<MirScalarExpr> {
        let numbers: Vec<usize> = group_key
            .iter()
            .copied()
            .filter(|c| columns[*c].scalar_type == ReprScalarType::Int64)
            .collect();
        match self.choices.weighted("limit", &[12, 4, 2, 2]) {
            Some(1) => None,
            Some(3) => Some(int64(
                i64::MAX - self.choices.draw("less than the most", 1) as i64,
            )),
            Some(2) if !numbers.is_empty() => {
                let c = numbers[self.choices.index("limit column", numbers.len())];
                let negative = !self.careful && self.choices.chance("negative limit", 1, 3);
                Some(match negative {
                    true => column(c),
                    // A square of a remainder is a limit in any case.
                    false => {
                        let rest = binary(BinaryFunc::ModInt64, column(c), int64(3));
                        binary(BinaryFunc::MulInt64, rest.clone(), rest)
                    }
                })
            }
            _ => Some(int64(
                [1, 2, 3, 0][self.choices.weighted("rows", &[5, 3, 2, 1]).unwrap_or(0)],
            )),
        }
    }
}

/// A record of these fields, which have no names of interest.
pub(super) fn record(fields: Vec<MirScalarExpr>) -> MirScalarExpr {
    let names = (1..=fields.len()).map(|n| ColumnName(format!("f{n}").into()));
    let field_names = names.collect();
    scalars::variadic(VariadicFunc::RecordCreate { field_names }, fields)
}

fn count_all() -> AggregateExpr {
    AggregateExpr {
        func: AggregateFunc::Count,
        expr: boolean(true),
        distinct: false,
    }
}
