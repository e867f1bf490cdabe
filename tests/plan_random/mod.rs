//! Well-typed random plans, drawn from a list of numbers so that a failing one
//! shrinks. They use every operator and most of the functions, and odd
//! literals; they are never evaluated.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;

use clusterd_fuzz::plan::functions::{AGGREGATES, BINARY, UNARY};
use clusterd_fuzz::plan::scalar::{binary, boolean, column, int64, literal, literal_error};
use clusterd_fuzz::plan::{
    Globals, JoinImplementation, RecBinding, Relation, RelationType, resolve_types, sql_type,
    type_of,
};
use clusterd_fuzz::protocol::v26_30::{
    AggregateExpr, AggregateFunc, BinaryFunc, ColumnOrder, EvalError, LagLeadType, LetRecLimit,
    MirScalarExpr, TableFunc, UnaryFunc, UnmaterializableFunc, VariadicFunc, WindowFrame,
    WindowFrameBound, WindowFrameUnits,
};
use clusterd_fuzz::repr::{
    CivilTimestamp, Datum, GlobalId, LocalId, Numeric, ReprColumnType, ReprScalarType, Row,
    SqlScalarType,
};

const TYPES: [ReprScalarType; 11] = [
    ReprScalarType::Int64,
    ReprScalarType::String,
    ReprScalarType::Bool,
    ReprScalarType::Int32,
    ReprScalarType::Int16,
    ReprScalarType::Float64,
    ReprScalarType::Date,
    ReprScalarType::MzTimestamp,
    ReprScalarType::Bytes,
    ReprScalarType::Timestamp,
    ReprScalarType::Numeric,
];

const STRINGS: [&str; 7] = [
    "",
    "a",
    "// { types",
    "\"q\"\n\\",
    "é\u{0}",
    "/* x */",
    "'\t",
];

pub struct Draw<'a> {
    data: &'a [u32],
    next_local: u64,
    /// Whether timestamps and decimals are drawn too.
    wide: bool,
    /// Bindings in scope, innermost last.
    locals: Vec<(LocalId, RelationType)>,
    pub globals: Globals,
}

fn col(scalar_type: ReprScalarType, nullable: bool) -> ReprColumnType {
    ReprColumnType {
        scalar_type,
        nullable,
    }
}

fn record(exprs: Vec<MirScalarExpr>) -> MirScalarExpr {
    MirScalarExpr::CallVariadic {
        func: VariadicFunc::RecordCreate {
            field_names: (0..exprs.len()).map(|_| "f".into()).collect(),
        },
        exprs,
    }
}

impl<'a> Draw<'a> {
    pub fn new(data: &'a [u32]) -> Self {
        let int = || col(ReprScalarType::Int64, false);
        let relation = |column_types| RelationType {
            column_types,
            keys: Vec::new(),
        };
        let mut globals = BTreeMap::new();
        globals.insert(GlobalId::User(1000), relation(vec![int(), int()]));
        // Other tests fill this one; the last two types they only compute.
        let mixed = TYPES[..9]
            .iter()
            .map(|typ| col(typ.clone(), true))
            .collect();
        globals.insert(GlobalId::User(1001), relation(mixed));
        let mut keyed = relation(vec![int(), col(ReprScalarType::String, true)]);
        keyed.keys = vec![vec![0]];
        globals.insert(GlobalId::System(7), keyed);
        Draw {
            data,
            next_local: 0,
            locals: Vec::new(),
            wide: false,
            globals,
        }
    }

    /// Draws values of the last two types too, which no other test evaluates.
    pub fn wide(data: &'a [u32]) -> Self {
        let mut draw = Draw::new(data);
        draw.wide = true;
        draw
    }

    fn typ(&mut self) -> ReprScalarType {
        let n = if self.wide { TYPES.len() } else { 9 };
        self.some(&TYPES[..n])
    }

    /// Below `n`; 0 when the numbers are used up.
    fn below(&mut self, n: usize) -> usize {
        let Some((first, rest)) = self.data.split_first() else {
            return 0;
        };
        self.data = rest;
        *first as usize % n.max(1)
    }

    fn some<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn literal(&mut self, typ: &ReprScalarType) -> MirScalarExpr {
        if self.below(5) == 1 {
            return literal(Datum::Null, typ.clone());
        }
        if self.below(9) == 1 {
            let errors = [
                EvalError::DivisionByZero,
                EvalError::Internal("x \"y\" // {".into()),
                EvalError::NegLimit,
            ];
            return literal_error(self.some(&errors), typ.clone());
        }
        let small = self.below(7) as i64 - 3;
        let string = self.some(&STRINGS);
        let datum = match typ {
            ReprScalarType::Int64 => Datum::Int64(self.some(&[small, i64::MIN, i64::MAX])),
            ReprScalarType::Int32 => Datum::Int32(self.some(&[small as i32, i32::MIN])),
            ReprScalarType::Int16 => Datum::Int16(self.some(&[small as i16, i16::MIN])),
            ReprScalarType::Bool => Datum::from(small > 0),
            ReprScalarType::Float64 => Datum::Float64(self.some(&[
                small as f64,
                -0.0,
                0.1,
                1e300,
                f64::NAN,
                f64::INFINITY,
                f64::MIN_POSITIVE,
            ])),
            ReprScalarType::Date => Datum::Date(self.some(&[small as i32, i32::MAX])),
            ReprScalarType::MzTimestamp => Datum::MzTimestamp(self.some(&[3, u64::MAX])),
            ReprScalarType::Bytes => Datum::Bytes(string.as_bytes()),
            ReprScalarType::String => Datum::String(string),
            ReprScalarType::UInt64 => Datum::UInt64(small.unsigned_abs()),
            ReprScalarType::Float32 => Datum::Float32(small as f32),
            ReprScalarType::Timestamp if self.wide => Datum::Timestamp(CivilTimestamp {
                year: self.some(&[2024, 1, -5, 20_000]),
                ordinal: 60,
                secs: 86_399,
                nanos: self.some(&[0, 1_000, 1_999_999_999]),
            }),
            ReprScalarType::Numeric if self.wide => {
                let exponent = self.below(5) as i32 - 3;
                Datum::Numeric(Numeric::new(small.into(), exponent).unwrap())
            }
            _ => Datum::Null,
        };
        literal(datum, typ.clone())
    }

    fn columns_of(columns: &[ReprColumnType], typ: &ReprScalarType) -> Vec<usize> {
        (0..columns.len())
            .filter(|c| columns[*c].scalar_type == *typ)
            .collect()
    }

    pub fn scalar(
        &mut self,
        columns: &[ReprColumnType],
        typ: &ReprScalarType,
        depth: usize,
    ) -> MirScalarExpr {
        let fitting = Self::columns_of(columns, typ);
        if depth == 0 || self.below(3) == 0 {
            return match fitting.is_empty() || self.below(3) == 0 {
                true => self.literal(typ),
                false => column(self.some(&fitting)),
            };
        }
        let depth = depth - 1;
        let binaries: Vec<_> = BINARY.iter().filter(|f| f.result == *typ).collect();
        let unaries: Vec<_> = UNARY.iter().filter(|f| f.result == *typ).collect();
        let choice = self.below(6);
        if choice == 0 && !binaries.is_empty() {
            let f = binaries[self.below(binaries.len())];
            let a = self.scalar(columns, &f.args[0], depth);
            let b = self.scalar(columns, &f.args[1], depth);
            return binary(f.func.clone(), a, b);
        }
        if choice == 1 && !unaries.is_empty() {
            let f = unaries[self.below(unaries.len())];
            let arg = self.scalar(columns, &f.arg, depth);
            return unary(f.func.clone(), arg);
        }
        if choice == 2 {
            return MirScalarExpr::If {
                cond: Box::new(self.scalar(columns, &ReprScalarType::Bool, depth)),
                then: Box::new(self.scalar(columns, typ, depth)),
                els: Box::new(self.scalar(columns, typ, depth)),
            };
        }
        if choice == 3 && *typ == ReprScalarType::Bool {
            return self.boolean(columns, depth);
        }
        let func = self.some(&[
            VariadicFunc::Coalesce,
            VariadicFunc::Greatest,
            VariadicFunc::Least,
        ]);
        let n = 1 + self.below(3);
        let exprs = (0..n).map(|_| self.scalar(columns, typ, depth)).collect();
        MirScalarExpr::CallVariadic { func, exprs }
    }

    fn boolean(&mut self, columns: &[ReprColumnType], depth: usize) -> MirScalarExpr {
        let bool = ReprScalarType::Bool;
        match self.below(4) {
            0 => {
                let typ = self.typ();
                let func = self.some(&[
                    BinaryFunc::Eq,
                    BinaryFunc::NotEq,
                    BinaryFunc::Lt,
                    BinaryFunc::Gte,
                ]);
                let a = self.scalar(columns, &typ, depth);
                binary(func, a, self.scalar(columns, &typ, depth))
            }
            1 => {
                let func = self.some(&[UnaryFunc::IsTrue, UnaryFunc::IsFalse]);
                unary(func, self.scalar(columns, &bool, depth))
            }
            2 => {
                let typ = self.typ();
                unary(UnaryFunc::IsNull, self.scalar(columns, &typ, depth))
            }
            _ => {
                let func = self.some(&[VariadicFunc::And, VariadicFunc::Or]);
                let n = self.below(4);
                let exprs = (0..n).map(|_| self.scalar(columns, &bool, depth)).collect();
                MirScalarExpr::CallVariadic { func, exprs }
            }
        }
    }

    fn predicate(&mut self, columns: &[ReprColumnType]) -> MirScalarExpr {
        if self.below(6) == 1 {
            let now = MirScalarExpr::CallUnmaterializable(UnmaterializableFunc::MzNow);
            let other = self.scalar(columns, &ReprScalarType::MzTimestamp, 1);
            let func = self.some(&[BinaryFunc::Lt, BinaryFunc::Gte, BinaryFunc::Eq]);
            return match self.below(2) {
                0 => binary(func, now, other),
                _ => binary(func, other, now),
            };
        }
        self.scalar(columns, &ReprScalarType::Bool, 2)
    }

    fn scalars(&mut self, columns: &[ReprColumnType], n: usize) -> Vec<MirScalarExpr> {
        (0..n)
            .map(|_| {
                let typ = self.typ();
                self.scalar(columns, &typ, 2)
            })
            .collect()
    }

    /// A whole plan and its type.
    pub fn plan(&mut self) -> (Relation, RelationType) {
        let mut relation = self.relation(5);
        resolve_types(&mut relation, &self.globals).unwrap();
        let typ = type_of(&relation, &self.globals).unwrap();
        (relation, typ)
    }

    fn columns(&self, relation: &Relation) -> Vec<ReprColumnType> {
        // Bindings around it are in scope under the types that reads carry.
        let mut whole = relation.clone();
        let mut globals = self.globals.clone();
        whole = self
            .locals
            .iter()
            .rev()
            .fold(whole, |body, (id, typ)| Relation::LetRec {
                bindings: vec![RecBinding {
                    id: *id,
                    typ: typ.clone(),
                    value: {
                        let n = GlobalId::Transient(id.0);
                        globals.insert(n, typ.clone());
                        Relation::get_global(n, typ.clone())
                    },
                    limit: None,
                }],
                body: Box::new(body),
            });
        type_of(&whole, &globals).unwrap().column_types
    }

    fn get(&mut self) -> Relation {
        let n = self.locals.len();
        if n > 0 && self.below(2) == 0 {
            let at = self.below(n);
            let (id, typ) = self.locals[at].clone();
            return Relation::get_local(id, typ);
        }
        let ids: Vec<GlobalId> = self.globals.keys().copied().collect();
        let id = self.some(&ids);
        Relation::get_global(id, self.globals[&id].clone())
    }

    fn constant(&mut self) -> Relation {
        let n = self.below(4);
        let column_types: Vec<_> = (0..n).map(|_| col(self.typ(), true)).collect();
        let typ = RelationType {
            column_types,
            keys: Vec::new(),
        };
        if self.below(8) == 1 {
            return Relation::Constant {
                rows: Err(EvalError::Internal("bad".into())),
                typ,
            };
        }
        let rows = self.below(4);
        let rows = (0..rows)
            .map(|_| {
                let mut row = Vec::new();
                for c in &typ.column_types {
                    row.push(match self.literal(&c.scalar_type) {
                        MirScalarExpr::Literal(Ok(row), _) => row,
                        _ => Row::pack([Datum::Null]),
                    });
                }
                let row = Row::pack(row.iter().flat_map(|row| row.iter()));
                let time = self.some(&[0, 0, 4]);
                (row, time, self.some(&[1, 1, 2, -1]))
            })
            .collect();
        Relation::Constant {
            rows: Ok(rows),
            typ,
        }
    }

    fn aggregate(&mut self, columns: &[ReprColumnType]) -> AggregateExpr {
        let (func, expr) = match self.below(5) {
            0 => (AggregateFunc::Count, boolean(true)),
            1 if self.below(2) == 0 => {
                let (func, expr) = self.window(columns);
                return AggregateExpr {
                    func,
                    expr,
                    distinct: false,
                };
            }
            1 => {
                let item = self.scalar(columns, &ReprScalarType::String, 1);
                let separator = literal(Datum::String(","), ReprScalarType::String);
                let key = self.scalar(columns, &ReprScalarType::Int64, 1);
                let order_by = vec![self.order(1)];
                let expr = record(vec![record(vec![item, separator]), key]);
                (AggregateFunc::StringAgg { order_by }, expr)
            }
            _ => {
                let entry = &AGGREGATES[self.below(AGGREGATES.len())];
                (entry.func.clone(), self.scalar(columns, &entry.arg, 1))
            }
        };
        AggregateExpr {
            func,
            expr,
            distinct: self.below(4) == 1,
        }
    }

    /// A window function, and its argument.
    fn window(&mut self, columns: &[ReprColumnType]) -> (AggregateFunc, MirScalarExpr) {
        let typ = self.typ();
        let (row, value) = (self.scalar(columns, &typ, 1), self.scalar(columns, &typ, 1));
        let key = self.scalar(columns, &ReprScalarType::Int64, 1);
        let order_by = vec![self.order(1)];
        let counted = || MirScalarExpr::CallVariadic {
            func: VariadicFunc::ListCreate {
                elem_type: sql_type(&typ).unwrap(),
            },
            exprs: vec![row.clone()],
        };
        let frame = self.frame();
        let lag = AggregateFunc::LagLead {
            order_by: order_by.clone(),
            lag_lead: self.some(&[LagLeadType::Lag, LagLeadType::Lead]),
            ignore_nulls: self.below(2) == 0,
        };
        let offset = literal(
            self.some(&[Datum::Int32(1), Datum::Null]),
            ReprScalarType::Int32,
        );
        let shift = record(vec![value.clone(), offset, value.clone()]);
        let last = AggregateFunc::LastValue {
            order_by: order_by.clone(),
            window_frame: frame.clone(),
        };
        let pair = |args| record(vec![row.clone(), args]);
        let (func, payload) = match self.below(8) {
            0 => (AggregateFunc::RowNumber { order_by }, counted()),
            1 => (AggregateFunc::Rank { order_by }, counted()),
            2 => (AggregateFunc::DenseRank { order_by }, counted()),
            3 => (lag, pair(shift)),
            4 => (last, pair(value)),
            5 => (
                AggregateFunc::FusedValueWindowFunc {
                    funcs: vec![lag, last],
                    order_by,
                },
                pair(record(vec![shift, value])),
            ),
            6 => (
                AggregateFunc::WindowAggregate {
                    wrapped_aggregate: Box::new(AggregateFunc::Count),
                    order_by,
                    window_frame: frame,
                },
                pair(value),
            ),
            _ => (
                AggregateFunc::FusedWindowAggregate {
                    wrapped_aggregates: vec![AggregateFunc::Count, AggregateFunc::SumInt64],
                    order_by,
                    window_frame: frame,
                },
                pair(record(vec![value, key.clone()])),
            ),
        };
        (func, record(vec![payload, key]))
    }

    /// A frame that every function with a frame may have.
    fn frame(&mut self) -> WindowFrame {
        use WindowFrameBound as B;
        let offset = self.some(&[0, 3, 1_000_000]);
        let (start_bound, end_bound) = self.some(&[
            (B::UnboundedPreceding, B::CurrentRow),
            (B::UnboundedPreceding, B::UnboundedFollowing),
            (B::OffsetPreceding(offset), B::CurrentRow),
            (B::CurrentRow, B::OffsetFollowing(offset)),
            (B::OffsetPreceding(1), B::OffsetPreceding(offset)),
        ]);
        let ranges = (&start_bound, &end_bound) == (&B::UnboundedPreceding, &B::CurrentRow);
        let units = match ranges && self.below(2) == 0 {
            true => WindowFrameUnits::Range,
            false => WindowFrameUnits::Rows,
        };
        WindowFrame {
            units,
            start_bound,
            end_bound,
        }
    }

    fn order(&mut self, arity: usize) -> ColumnOrder {
        ColumnOrder {
            column: self.below(arity),
            desc: self.below(2) == 0,
            nulls_last: self.below(2) == 0,
        }
    }

    fn relation(&mut self, depth: usize) -> Relation {
        if depth == 0 {
            return match self.below(4) {
                0 => self.constant(),
                _ => self.get(),
            };
        }
        let depth = depth - 1;
        match self.below(16) {
            0 => self.get(),
            1 => self.constant(),
            2 => self.bindings(depth),
            3 => self.recursion(depth),
            4 => self.union(depth),
            5 | 6 => self.join(depth),
            choice => {
                let input = self.relation(depth);
                self.over(choice, input)
            }
        }
    }

    fn over(&mut self, choice: usize, input: Relation) -> Relation {
        let columns = self.columns(&input);
        let arity = columns.len();
        match choice {
            7 if arity > 0 => {
                let n = self.below(4);
                let outputs = (0..n).map(|_| self.below(arity)).collect();
                input.project(outputs)
            }
            8 => {
                let n = self.below(3);
                input.map(self.scalars(&columns, n))
            }
            9 => {
                let n = self.below(3);
                input.filter((0..n).map(|_| self.predicate(&columns)).collect())
            }
            10 => {
                let int = ReprScalarType::Int64;
                let element = SqlScalarType::Int64;
                let (func, exprs) = match self.below(3) {
                    0 => {
                        let args = (0..3).map(|_| self.scalar(&columns, &int, 1)).collect();
                        (TableFunc::GenerateSeriesInt64, args)
                    }
                    1 => {
                        let func = VariadicFunc::ListCreate {
                            elem_type: element.clone(),
                        };
                        let exprs = (0..2).map(|_| self.scalar(&columns, &int, 1)).collect();
                        let list = MirScalarExpr::CallVariadic { func, exprs };
                        (TableFunc::UnnestList { el_typ: element }, vec![list])
                    }
                    _ => (TableFunc::RepeatRow, vec![int64(2)]),
                };
                Relation::FlatMap {
                    input: Box::new(input),
                    func,
                    exprs,
                }
            }
            11 | 12 => {
                let (keys, aggregates) = (self.below(3), self.below(4));
                Relation::Reduce {
                    input: Box::new(input),
                    group_key: self.scalars(&columns, keys),
                    aggregates: (0..aggregates).map(|_| self.aggregate(&columns)).collect(),
                    monotonic: self.below(3) == 1,
                    expected_group_size: self.some(&[None, Some(17)]),
                }
            }
            13 if arity > 0 => Relation::TopK {
                input: Box::new(input),
                group_key: (0..self.below(2)).map(|_| self.below(arity)).collect(),
                order_key: (0..self.below(3)).map(|_| self.order(arity)).collect(),
                limit: self.some(&[None, Some(int64(1)), Some(int64(3))]),
                offset: self.below(2),
                monotonic: self.below(3) == 1,
                expected_group_size: None,
            },
            14 => input.negate(),
            15 => input.threshold(),
            _ => {
                let n = self.below(3);
                let keys = (0..n).map(|_| {
                    let n = self.below(3);
                    self.scalars(&columns, n)
                });
                let keys = keys.collect();
                input.arrange_by(keys)
            }
        }
    }

    fn union(&mut self, depth: usize) -> Relation {
        let base = self.relation(depth);
        let columns = self.columns(&base);
        let mut inputs = vec![base];
        for _ in 0..self.below(3) {
            // Any relation becomes one of the base's type.
            let other = self.relation(depth);
            let theirs = self.columns(&other);
            let exprs: Vec<_> = columns
                .iter()
                .map(|c| self.scalar(&theirs, &c.scalar_type, 1))
                .collect();
            let arity = theirs.len();
            let outputs = (arity..arity + exprs.len()).collect();
            let other = other.map(exprs).project(outputs);
            inputs.push(if self.below(3) == 0 {
                other.negate()
            } else {
                other
            });
        }
        Relation::Union { inputs }
    }

    fn join(&mut self, depth: usize) -> Relation {
        let n = 1 + self.below(3);
        let inputs: Vec<Relation> = (0..n).map(|_| self.relation(depth)).collect();
        let columns: Vec<_> = inputs.iter().flat_map(|r| self.columns(r)).collect();
        let classes = self.below(3);
        let equivalences = (0..classes)
            .map(|_| {
                let typ = self.typ();
                let n = 2 + self.below(2);
                (0..n).map(|_| self.scalar(&columns, &typ, 1)).collect()
            })
            .collect();
        Relation::Join {
            inputs,
            equivalences,
            implementation: JoinImplementation::Unimplemented,
        }
    }

    fn fresh(&mut self) -> LocalId {
        self.next_local += 1;
        LocalId(self.next_local - 1)
    }

    fn bindings(&mut self, depth: usize) -> Relation {
        let value = self.relation(depth);
        let id = self.fresh();
        let typ = RelationType {
            column_types: self.columns(&value),
            keys: Vec::new(),
        };
        self.locals.push((id, typ));
        let body = self.relation(depth);
        self.locals.pop();
        Relation::Let {
            id,
            value: Box::new(value),
            body: Box::new(body),
        }
    }

    fn recursion(&mut self, depth: usize) -> Relation {
        let n = 1 + self.below(2);
        let mut types = Vec::new();
        for _ in 0..n {
            let width = self.below(3);
            let columns: Vec<_> = (0..width).map(|_| col(self.typ(), true)).collect();
            types.push((self.fresh(), columns));
        }
        let outer = self.locals.len();
        for (id, column_types) in &types {
            let column_types = column_types.clone();
            let keys = Vec::new();
            self.locals.push((*id, RelationType { column_types, keys }));
        }
        let mut bindings = Vec::new();
        for (id, column_types) in types {
            let value = self.relation(depth);
            let theirs = self.columns(&value);
            let exprs: Vec<_> = column_types
                .iter()
                .map(|c| self.scalar(&theirs, &c.scalar_type, 1))
                .collect();
            let outputs = (theirs.len()..theirs.len() + exprs.len()).collect();
            let value = value.map(exprs).project(outputs);
            let limit = (self.below(3) == 1).then(|| LetRecLimit {
                max_iters: 3.try_into().unwrap(),
                return_at_limit: self.below(2) == 0,
            });
            bindings.push(RecBinding {
                id,
                typ: RelationType {
                    column_types,
                    keys: Vec::new(),
                },
                value,
                limit,
            });
        }
        let body = self.relation(depth);
        self.locals.truncate(outer);
        Relation::LetRec {
            bindings,
            body: Box::new(body),
        }
    }
}

fn unary(func: UnaryFunc, e: MirScalarExpr) -> MirScalarExpr {
    MirScalarExpr::CallUnary {
        func,
        expr: Box::new(e),
    }
}
