//! Reads the JSON notation of the golden lowering vectors (expressions, MFPs,
//! logical plans) into the program's own types. Source: the README beside the
//! golden data.

#![allow(dead_code, reason = "each test uses a part of it")]

#[path = "../support/golden.rs"]
mod golden;

use std::collections::BTreeMap;

use clusterd_fuzz::plan::{JoinImplementation, Lookup, Mfp, RecBinding, Relation, RelationType};
use clusterd_fuzz::protocol::v26_30::{
    AggregateExpr, AggregateFunc, AvailableCollections, BinaryFunc, ColumnOrder, EvalError, Id,
    MirScalarExpr, TableFunc, UnaryFunc, UnmaterializableFunc, VariadicFunc,
};
use clusterd_fuzz::repr::{
    ColumnName, Datum, GlobalId, LocalId, ReprColumnType, ReprScalarType, Row, SqlColumnType,
    SqlScalarType,
};
pub use golden::lines;
use serde_json::Value;

pub fn list(v: &Value) -> &[Value] {
    v.as_array().unwrap_or_else(|| panic!("no list: {v}"))
}

pub fn number(v: &Value) -> usize {
    v.as_u64().unwrap_or_else(|| panic!("no number: {v}")) as usize
}

pub fn text(v: &Value) -> &str {
    v.as_str().unwrap_or_else(|| panic!("no text: {v}"))
}

pub fn numbers(v: &Value) -> Vec<usize> {
    list(v).iter().map(number).collect()
}

pub fn global(v: &Value) -> GlobalId {
    text(v).parse().unwrap()
}

fn local(v: &Value) -> LocalId {
    LocalId(text(v).strip_prefix('l').unwrap().parse().unwrap())
}

fn id(v: &Value) -> Id {
    if text(v).starts_with('l') {
        Id::Local(local(v))
    } else {
        Id::Global(global(v))
    }
}

pub fn scalar_type(name: &str) -> ReprScalarType {
    match name {
        "Int64" | "bigint" => ReprScalarType::Int64,
        "String" | "text" => ReprScalarType::String,
        "Bool" | "boolean" => ReprScalarType::Bool,
        "MzTimestamp" | "mz_timestamp" => ReprScalarType::MzTimestamp,
        "Numeric" => ReprScalarType::Numeric,
        other => panic!("type {other}"),
    }
}

fn sql_type(name: &str) -> SqlScalarType {
    match name {
        "Int64" => SqlScalarType::Int64,
        "String" => SqlScalarType::String,
        "Bool" => SqlScalarType::Bool,
        other => panic!("type {other}"),
    }
}

/// `Int64?` or, in script notation, `bigint?`.
pub fn column_type(v: &Value) -> ReprColumnType {
    let name = text(v);
    ReprColumnType {
        scalar_type: scalar_type(name.trim_end_matches('?')),
        nullable: name.ends_with('?'),
    }
}

pub fn column_types(v: &Value) -> Vec<ReprColumnType> {
    list(v).iter().map(column_type).collect()
}

pub fn relation_type(v: &Value) -> RelationType {
    RelationType {
        column_types: column_types(&v["cols"]),
        keys: list(&v["keys"]).iter().map(numbers).collect(),
    }
}

fn datum(v: &Value) -> Datum<'_> {
    match v {
        Value::Null => Datum::Null,
        Value::Bool(b) => Datum::from(*b),
        Value::Number(n) => Datum::Int64(n.as_i64().unwrap()),
        Value::String(s) => Datum::String(s),
        other => Datum::MzTimestamp(other["ts"].as_u64().unwrap()),
    }
}

pub fn row(v: &Value) -> Row {
    Row::pack(list(v).iter().map(datum))
}

fn unary(name: &str) -> UnaryFunc {
    match name {
        "Not" => UnaryFunc::Not,
        "IsNull" => UnaryFunc::IsNull,
        "IsTrue" => UnaryFunc::IsTrue,
        "IsFalse" => UnaryFunc::IsFalse,
        "AbsInt64" => UnaryFunc::AbsInt64,
        "StepMzTimestamp" => UnaryFunc::StepMzTimestamp,
        other => panic!("unary {other}"),
    }
}

fn binary(name: &str) -> BinaryFunc {
    match name {
        "Add" => BinaryFunc::AddInt64,
        "Mul" => BinaryFunc::MulInt64,
        "Div" => BinaryFunc::DivInt64,
        "Mod" => BinaryFunc::ModInt64,
        "Eq" => BinaryFunc::Eq,
        "NotEq" => BinaryFunc::NotEq,
        "Lt" => BinaryFunc::Lt,
        "Lte" => BinaryFunc::Lte,
        "Gt" => BinaryFunc::Gt,
        "Gte" => BinaryFunc::Gte,
        "TrimLeading" => BinaryFunc::TrimLeading,
        other => panic!("binary {other}"),
    }
}

fn variadic(name: &str, parameter: Option<&Value>) -> VariadicFunc {
    let elem_type = || sql_type(text(parameter.unwrap()));
    match name {
        "And" => VariadicFunc::And,
        "Or" => VariadicFunc::Or,
        "Coalesce" => VariadicFunc::Coalesce,
        "Greatest" => VariadicFunc::Greatest,
        "ListCreate" => VariadicFunc::ListCreate {
            elem_type: elem_type(),
        },
        "ArrayCreate" => VariadicFunc::ArrayCreate {
            elem_type: elem_type(),
        },
        "RecordCreate" => VariadicFunc::RecordCreate {
            field_names: list(parameter.unwrap())
                .iter()
                .map(|name| ColumnName::from(text(name)))
                .collect(),
        },
        other => panic!("variadic {other}"),
    }
}

/// E
pub fn scalar(v: &Value) -> MirScalarExpr {
    let literal_of = |row: Result<Row, EvalError>, scalar_type, nullable| {
        MirScalarExpr::Literal(
            row,
            ReprColumnType {
                scalar_type,
                nullable,
            },
        )
    };
    match text(&v[0]) {
        "c" => MirScalarExpr::column(number(&v[1])),
        "l" => {
            let typ = match datum(&v[1]) {
                Datum::Int64(_) => ReprScalarType::Int64,
                Datum::String(_) => ReprScalarType::String,
                Datum::MzTimestamp(_) => ReprScalarType::MzTimestamp,
                _ => ReprScalarType::Bool,
            };
            literal_of(Ok(Row::pack([datum(&v[1])])), typ, false)
        }
        "null" => literal_of(Ok(Row::pack([Datum::Null])), scalar_type(text(&v[1])), true),
        "err" => {
            let error = EvalError::Internal(text(&v[1]).into());
            literal_of(Err(error), ReprScalarType::Bool, false)
        }
        "Err" => literal_of(
            Err(EvalError::DivisionByZero),
            column_type(&v[2]).scalar_type,
            false,
        ),
        "now" => MirScalarExpr::CallUnmaterializable(UnmaterializableFunc::MzNow),
        "u" => MirScalarExpr::CallUnary {
            func: unary(text(&v[1])),
            expr: Box::new(scalar(&v[2])),
        },
        "b" => MirScalarExpr::CallBinary {
            func: binary(text(&v[1])),
            expr1: Box::new(scalar(&v[2])),
            expr2: Box::new(scalar(&v[3])),
        },
        "v" => MirScalarExpr::CallVariadic {
            func: variadic(text(&v[1]), v.get(3)),
            exprs: scalars(&v[2]),
        },
        "if" => MirScalarExpr::If {
            cond: Box::new(scalar(&v[1])),
            then: Box::new(scalar(&v[2])),
            els: Box::new(scalar(&v[3])),
        },
        other => panic!("scalar {other}"),
    }
}

pub fn scalars(v: &Value) -> Vec<MirScalarExpr> {
    list(v).iter().map(scalar).collect()
}

pub fn classes(v: &Value) -> Vec<Vec<MirScalarExpr>> {
    list(v).iter().map(scalars).collect()
}

pub fn mfp(v: &Value) -> Mfp {
    Mfp {
        expressions: scalars(&v["e"]),
        predicates: list(&v["p"])
            .iter()
            .map(|p| (number(&p[0]), scalar(&p[1])))
            .collect(),
        projection: numbers(&v["j"]),
        input_arity: number(&v["a"]),
    }
}

fn orders(v: &Value) -> Vec<ColumnOrder> {
    list(v)
        .iter()
        .map(|order| ColumnOrder {
            column: number(&order[0]),
            desc: order[1].as_bool().unwrap(),
            nulls_last: order[2].as_bool().unwrap(),
        })
        .collect()
}

fn aggregate(v: &Value) -> AggregateExpr {
    let func = match text(&v[0]) {
        "Count" => AggregateFunc::Count,
        "SumInt64" => AggregateFunc::SumInt64,
        "Any" => AggregateFunc::Any,
        "All" => AggregateFunc::All,
        "MaxInt64" => AggregateFunc::MaxInt64,
        "MinInt64" => AggregateFunc::MinInt64,
        "StringAgg" => AggregateFunc::StringAgg {
            order_by: orders(&v[3]),
        },
        other => panic!("aggregate {other}"),
    };
    AggregateExpr {
        func,
        expr: scalar(&v[1]),
        distinct: v[2].as_bool().unwrap(),
    }
}

fn table_func(v: &Value) -> TableFunc {
    match text(&v[0]) {
        "GenerateSeriesInt64" => TableFunc::GenerateSeriesInt64,
        "UnnestList" => TableFunc::UnnestList {
            el_typ: sql_type(text(&v[1])),
        },
        "UnnestArray" => TableFunc::UnnestArray {
            el_typ: sql_type(text(&v[1])),
        },
        "Wrap" => TableFunc::Wrap {
            width: number(&v[1]),
            types: list(&v[2])
                .iter()
                .map(|typ| SqlColumnType {
                    scalar_type: sql_type(text(typ).trim_end_matches('?')),
                    nullable: text(typ).ends_with('?'),
                })
                .collect(),
        },
        other => panic!("table function {other}"),
    }
}

pub fn lookups(v: &Value) -> Vec<Lookup> {
    list(v)
        .iter()
        .map(|lookup| (number(&lookup[0]), scalars(&lookup[1])))
        .collect()
}

pub fn optional_key(v: &Value) -> Option<Vec<MirScalarExpr>> {
    (!v.is_null()).then(|| scalars(v))
}

/// IMPL
pub fn implementation(v: &Value) -> JoinImplementation {
    match text(&v[0]) {
        "Unimplemented" => JoinImplementation::Unimplemented,
        "Differential" => JoinImplementation::Differential {
            start: number(&v[1][0]),
            start_key: optional_key(&v[1][1]),
            order: lookups(&v[2]),
        },
        "DeltaQuery" => JoinImplementation::DeltaQuery(list(&v[1]).iter().map(lookups).collect()),
        "IndexedFilter" => JoinImplementation::IndexedFilter {
            key: scalars(&v[3]),
        },
        other => panic!("implementation {other}"),
    }
}

/// AV
pub fn available(v: &Value) -> AvailableCollections {
    AvailableCollections {
        raw: v[0].as_bool().unwrap(),
        arranged: list(&v[1])
            .iter()
            .map(|kpt| (scalars(&kpt[0]), numbers(&kpt[1]), numbers(&kpt[2])))
            .collect(),
    }
}

/// M. The notation knows only the arity of what is read: columns are bigint
/// until types are resolved.
pub fn relation(v: &Value) -> Relation {
    let input = |v: &Value| Box::new(relation(v));
    let optional_size = |v: &Value| v.as_u64();
    match text(&v[0]) {
        "Constant" => Relation::Constant {
            rows: match v[1].get("err") {
                Some(message) => Err(EvalError::Internal(text(message).into())),
                None => Ok(list(&v[1])
                    .iter()
                    .map(|r| (row(&r[0]), 0, r[1].as_i64().unwrap()))
                    .collect()),
            },
            typ: RelationType {
                column_types: column_types(&v[2]),
                keys: Vec::new(),
            },
        },
        "Get" => Relation::Get {
            id: id(&v[1]),
            typ: unknown(number(&v[2])),
        },
        "Let" => Relation::Let {
            id: local(&v[1]),
            value: input(&v[2]),
            body: input(&v[3]),
        },
        "LetRec" => Relation::LetRec {
            bindings: list(&v[1])
                .iter()
                .zip(list(&v[2]))
                .map(|(id, value)| {
                    let value = relation(value);
                    RecBinding {
                        id: local(id),
                        typ: unknown(value.arity()),
                        value,
                        limit: None,
                    }
                })
                .collect(),
            body: input(&v[3]),
        },
        "Project" => Relation::Project {
            outputs: numbers(&v[1]),
            input: input(&v[2]),
        },
        "Map" => Relation::Map {
            scalars: scalars(&v[1]),
            input: input(&v[2]),
        },
        "Filter" => Relation::Filter {
            predicates: scalars(&v[1]),
            input: input(&v[2]),
        },
        "FlatMap" => Relation::FlatMap {
            func: table_func(&v[1]),
            exprs: scalars(&v[2]),
            input: input(&v[3]),
        },
        "Reduce" => Relation::Reduce {
            group_key: scalars(&v[1]),
            aggregates: list(&v[2]).iter().map(aggregate).collect(),
            monotonic: v[3].as_bool().unwrap(),
            expected_group_size: optional_size(&v[4]),
            input: input(&v[5]),
        },
        "TopK" => Relation::TopK {
            group_key: numbers(&v[1]),
            order_key: orders(&v[2]),
            limit: (!v[3].is_null()).then(|| scalar(&v[3])),
            offset: number(&v[4]),
            monotonic: v[5].as_bool().unwrap(),
            expected_group_size: optional_size(&v[6]),
            input: input(&v[7]),
        },
        "Negate" => Relation::Negate {
            input: input(&v[1]),
        },
        "Threshold" => Relation::Threshold {
            input: input(&v[1]),
        },
        "Union" => Relation::Union {
            inputs: list(&v[1]).iter().map(relation).collect(),
        },
        "ArrangeBy" => Relation::ArrangeBy {
            keys: classes(&v[1]),
            input: input(&v[2]),
        },
        "Join" => Relation::Join {
            inputs: list(&v[1]).iter().map(relation).collect(),
            equivalences: classes(&v[2]),
            implementation: implementation(&v[3]),
        },
        other => panic!("operator {other}"),
    }
}

fn unknown(arity: usize) -> RelationType {
    let column = ReprColumnType {
        scalar_type: ReprScalarType::Int64,
        nullable: true,
    };
    RelationType {
        column_types: vec![column; arity],
        keys: Vec::new(),
    }
}

/// The types of a line's imports, by what plans read.
pub fn import_types(line: &Value) -> BTreeMap<GlobalId, RelationType> {
    let mut globals = BTreeMap::new();
    for source in list(&line["sources"]) {
        let typ = RelationType {
            column_types: column_types(&source["types"]),
            keys: Vec::new(),
        };
        globals.insert(global(&source["id"]), typ);
    }
    for index in list(&line["indexes"]) {
        globals.insert(global(&index["on"]), relation_type(&index["type"]));
    }
    globals
}
