//! The type checker over relations: infers columns, nullability and unique
//! keys bottom-up and refuses what has no meaning. Source: `spec/script.md`
//! §4.1, §4.3.
//!
//! Invariant: an error names the operator by its line in the text form, and
//! says what was found and what was expected.

use std::collections::{BTreeMap, BTreeSet};

use super::functions::snake_name;
use super::relation::{JoinImplementation, Lookup, RecBinding, Relation};
use super::resolve::Locals;
use super::types::{
    Problem, RelationType, TypeError, datum_fits, expect, non_null_where_true, same_type,
    scalar_type, shown,
};
use super::{keys, scalar};
use protocol::v26_30::{
    AggregateExpr, AggregateFunc, BinaryFunc, ColumnOrder, Id, MirScalarExpr, TableFunc,
};
use repr::{Datum, Diff, GlobalId, LocalId, ReprColumnType, ReprScalarType, Row, Timestamp};

/// The types of the collections that a plan may read.
pub type Globals = BTreeMap<GlobalId, RelationType>;

/// Infers the type of a plan that reads `globals`, or says what is wrong.
pub fn type_of(relation: &Relation, globals: &Globals) -> Result<RelationType, TypeError> {
    type_of_in(relation, globals, &Locals::new(), 0)
}

/// The same inside the scope of some bindings; `node` is the relation's number
/// in the whole plan.
pub(super) fn type_of_in(
    relation: &Relation,
    globals: &Globals,
    locals: &Locals,
    node: usize,
) -> Result<RelationType, TypeError> {
    let mut checker = Checker {
        globals,
        locals: locals.clone(),
        bound: BTreeSet::new(),
        second_keys: BTreeMap::new(),
        next_node: node,
    };
    let mut typ = checker.relation(relation)?;
    typ.keys = keys::finished(typ.keys);
    Ok(typ)
}

struct Checker<'a> {
    globals: &'a Globals,
    locals: BTreeMap<LocalId, RelationType>,
    /// Every binding met so far: ids are unique in a plan.
    bound: BTreeSet<LocalId>,
    /// Keys of the second input of every union of two, by its address: one
    /// shape of union needs those of a union below it.
    second_keys: BTreeMap<*const Relation, keys::Keys>,
    /// The number of the operator that comes next.
    next_node: usize,
}

type Columns = Vec<ReprColumnType>;

/// Planning a join takes time that grows with the cube of its inputs.
const MAX_JOIN_INPUTS: usize = 100;

fn non_null(scalar_type: ReprScalarType) -> ReprColumnType {
    ReprColumnType {
        scalar_type,
        nullable: false,
    }
}

fn or_null(scalar_type: ReprScalarType) -> ReprColumnType {
    ReprColumnType {
        scalar_type,
        nullable: true,
    }
}

fn in_range(column: usize, arity: usize) -> Result<(), Problem> {
    if column < arity {
        Ok(())
    } else {
        Err(format!(
            "column #{column} is out of range, the input has {arity} columns"
        ))
    }
}

/// The type of an expression that a replica evaluates on a row alone.
fn timeless_type(e: &MirScalarExpr, columns: &[ReprColumnType]) -> Result<ReprColumnType, Problem> {
    let typ = scalar_type(e, columns)?;
    if scalar::is_temporal(e) {
        return Err("mz_now() may only stand in a comparison of a Filter".into());
    }
    Ok(typ)
}

impl Checker<'_> {
    fn relation(&mut self, r: &Relation) -> Result<RelationType, TypeError> {
        let place = (self.next_node, r);
        self.next_node += 1;
        match r {
            Relation::Let { id, value, body } => {
                self.bind(place, *id)?;
                let mut typ = self.relation(value)?;
                typ.keys = keys::finished(typ.keys);
                self.locals.insert(*id, typ);
                let typ = self.relation(body);
                self.locals.remove(id);
                typ
            }
            Relation::LetRec { bindings, body } => self.let_rec(place, bindings, body),
            Relation::Get {
                id: Id::Local(id),
                typ,
            } => {
                let known = self.locals.get(id).ok_or(TypeError::UnboundLocal(*id))?;
                at(place, readable_as(known, typ))?;
                Ok(typ.clone())
            }
            _ => {
                let children = r.children();
                let inputs = children
                    .iter()
                    .map(|child| self.relation(child))
                    .collect::<Result<Vec<_>, _>>()?;
                at(place, self.operator(r, inputs))
            }
        }
    }

    fn bind(&mut self, place: Place<'_>, id: LocalId) -> Result<(), TypeError> {
        if self.bound.insert(id) {
            Ok(())
        } else {
            at(place, Err(format!("{id} is bound twice in one plan")))
        }
    }

    fn let_rec(
        &mut self,
        place: Place<'_>,
        bindings: &[RecBinding],
        body: &Relation,
    ) -> Result<RelationType, TypeError> {
        for binding in bindings {
            self.bind(place, binding.id)?;
            self.locals.insert(binding.id, binding.typ.clone());
        }
        for binding in bindings {
            let found = self.relation(&binding.value)?;
            let fits = readable_as(&found, &binding.typ);
            at(
                place,
                fits.map_err(|problem| format!("{}: {problem}", binding.id)),
            )?;
        }
        let typ = self.relation(body);
        for binding in bindings {
            self.locals.remove(&binding.id);
        }
        typ
    }

    /// Every operator but bindings and local reads, from its inputs' types.
    fn operator(
        &mut self,
        r: &Relation,
        inputs: Vec<RelationType>,
    ) -> Result<RelationType, Problem> {
        let first = inputs.first();
        let columns: &[ReprColumnType] = first.map_or(&[], |typ| &typ.column_types);
        let empty = Vec::new();
        let input_keys = first.map_or(&empty, |typ| &typ.keys);
        let arity = columns.len();
        let (column_types, keys) = match r {
            Relation::Constant {
                rows: Ok(rows),
                typ,
            } => constant(rows, typ)?,
            Relation::Constant { rows: Err(_), typ } => {
                (typ.column_types.clone(), vec![Vec::new()])
            }
            Relation::Get {
                id: Id::Global(id),
                typ,
            } => {
                let known = self
                    .globals
                    .get(id)
                    .ok_or_else(|| format!("{id} is neither imported nor built before"))?;
                readable_as(known, typ)?;
                return Ok(typ.clone());
            }
            Relation::Get { .. } | Relation::Let { .. } | Relation::LetRec { .. } => {
                return Err("a binding is checked where its scope is known".into());
            }
            Relation::Project { outputs, .. } => {
                outputs.iter().try_for_each(|c| in_range(*c, arity))?;
                let kept = outputs.iter().map(|c| columns[*c].clone()).collect();
                (kept, keys::of_project(input_keys, outputs))
            }
            Relation::Map { scalars, .. } => {
                let mut all = columns.to_vec();
                for e in scalars {
                    all.push(timeless_type(e, &all)?);
                }
                (all, keys::of_map(input_keys, arity, scalars))
            }
            Relation::FlatMap { func, exprs, .. } => {
                let args = exprs
                    .iter()
                    .map(|e| timeless_type(e, columns))
                    .collect::<Result<Vec<_>, _>>()?;
                let mut all = columns.to_vec();
                all.extend(table_function(func, &args)?);
                (all, Vec::new())
            }
            Relation::Filter { predicates, .. } => (
                filter(columns, predicates)?,
                keys::of_filter(input_keys, predicates),
            ),
            Relation::Join {
                equivalences,
                implementation,
                ..
            } => join(&inputs, equivalences, implementation)?,
            Relation::Reduce {
                group_key,
                aggregates,
                ..
            } => {
                let mut all = group_key
                    .iter()
                    .map(|e| timeless_type(e, columns))
                    .collect::<Result<Columns, _>>()?;
                for a in aggregates {
                    all.push(aggregate(a, columns)?);
                }
                (all, keys::of_reduce(input_keys, group_key))
            }
            Relation::TopK {
                group_key,
                order_key,
                limit,
                ..
            } => {
                top_k(columns, group_key, order_key, limit.as_ref())?;
                let keys = keys::of_top_k(input_keys, group_key, limit.as_ref());
                (columns.to_vec(), keys)
            }
            Relation::Negate { .. } => (columns.to_vec(), Vec::new()),
            Relation::Threshold { .. } => (columns.to_vec(), input_keys.clone()),
            Relation::ArrangeBy { keys, .. } => {
                for e in keys.iter().flatten() {
                    timeless_type(e, columns)?;
                }
                (columns.to_vec(), input_keys.clone())
            }
            Relation::Union { inputs: relations } => {
                let all = union(&inputs)?;
                if let ([_, second], [_, typ]) = (&relations[..], &inputs[..]) {
                    self.second_keys
                        .insert(std::ptr::from_ref(second), typ.keys.clone());
                }
                let keys_of = |other: &Relation| {
                    let known = self.second_keys.get(&std::ptr::from_ref(other));
                    known.cloned().unwrap_or_default()
                };
                (all, keys::of_union(relations, keys_of))
            }
        };
        Ok(RelationType {
            column_types,
            keys: keys::normalized(keys),
        })
    }
}

/// An operator and its number in the plan.
type Place<'a> = (usize, &'a Relation);

/// How long an operator's line is shown in an error.
const SHOWN: usize = 120;

fn at<T>((node, r): Place<'_>, result: Result<T, Problem>) -> Result<T, TypeError> {
    result.map_err(|problem| TypeError::At {
        node,
        operator: shortened(super::text::header(r)),
        problem,
    })
}

fn shortened(mut line: String) -> String {
    if let Some((at, _)) = line.char_indices().nth(SHOWN) {
        line.truncate(at);
        line.push('…');
    }
    line
}

/// Whether what has the type `known` may be read as `typ`: same types, and
/// nothing is said to be non-null that may be NULL.
fn readable_as(known: &RelationType, typ: &RelationType) -> Result<(), Problem> {
    if known.arity() != typ.arity() {
        return Err(format!(
            "it has {} columns, expected {}",
            known.arity(),
            typ.arity()
        ));
    }
    for (c, (known, typ)) in known.column_types.iter().zip(&typ.column_types).enumerate() {
        expect(
            &format!("column #{c}"),
            &known.scalar_type,
            &typ.scalar_type,
        )?;
        if known.nullable && !typ.nullable {
            return Err(format!("column #{c} may be null, expected it not to be"));
        }
    }
    Ok(())
}

fn constant(
    rows: &[(Row, Timestamp, Diff)],
    typ: &RelationType,
) -> Result<(Columns, keys::Keys), Problem> {
    let mut columns: Columns = typ
        .column_types
        .iter()
        .map(|c| non_null(c.scalar_type.clone()))
        .collect();
    for (n, (row, _, _)) in rows.iter().enumerate() {
        let datums: Vec<Datum<'_>> = row.iter().collect();
        if datums.len() != columns.len() {
            let (found, expected) = (datums.len(), columns.len());
            return Err(format!(
                "row {n} has {found} values, its type has {expected} columns"
            ));
        }
        for (c, datum) in datums.iter().enumerate() {
            let declared = &typ.column_types[c];
            if !datum_fits(datum, &declared.scalar_type) {
                return Err(format!(
                    "column #{c} of row {n} is no {}",
                    shown(&declared.scalar_type)
                ));
            }
            if *datum == Datum::Null {
                if !declared.nullable {
                    return Err(format!(
                        "column #{c} of row {n} is null, but its type is not nullable"
                    ));
                }
                columns[c].nullable = true;
            }
        }
    }
    let keys = keys::of_constant(rows, columns.len());
    Ok((columns, keys))
}

fn filter(columns: &[ReprColumnType], predicates: &[MirScalarExpr]) -> Result<Columns, Problem> {
    let mut known = columns.to_vec();
    for p in predicates {
        let typ = scalar_type(p, columns)?;
        expect("a predicate", &typ.scalar_type, &ReprScalarType::Bool)?;
        temporal(p)?;
        let mut required = Vec::new();
        non_null_where_true(p, &mut required);
        for c in required {
            known[c].nullable = false;
        }
    }
    Ok(known)
}

/// `mz_now()` stands as one whole side of a comparison, or not at all.
fn temporal(p: &MirScalarExpr) -> Result<(), Problem> {
    if !scalar::is_temporal(p) {
        return Ok(());
    }
    let fine = match p {
        MirScalarExpr::CallBinary { func, expr1, expr2 } => {
            matches!(
                func,
                BinaryFunc::Eq
                    | BinaryFunc::Lt
                    | BinaryFunc::Lte
                    | BinaryFunc::Gt
                    | BinaryFunc::Gte
            ) && (scalar::is_now(expr1) && !scalar::is_temporal(expr2)
                || scalar::is_now(expr2) && !scalar::is_temporal(expr1))
        }
        _ => false,
    };
    if fine {
        Ok(())
    } else {
        Err(format!(
            "mz_now() must be one whole side of =, <, <=, > or >=, found {}",
            super::text::scalar_text(p)
        ))
    }
}

fn join(
    inputs: &[RelationType],
    equivalences: &[Vec<MirScalarExpr>],
    implementation: &JoinImplementation,
) -> Result<(Columns, keys::Keys), Problem> {
    if inputs.is_empty() || inputs.len() > MAX_JOIN_INPUTS {
        return Err(format!(
            "a join needs 1 to {MAX_JOIN_INPUTS} inputs, this one has {}",
            inputs.len()
        ));
    }
    let mut columns: Columns = inputs
        .iter()
        .flat_map(|typ| typ.column_types.iter().cloned())
        .collect();
    let declared = columns.clone();
    for class in equivalences {
        let types = class
            .iter()
            .map(|e| timeless_type(e, &declared))
            .collect::<Result<Vec<_>, _>>()?;
        for typ in types.iter().skip(1) {
            expect(
                "a member of a class",
                &typ.scalar_type,
                &types[0].scalar_type,
            )?;
        }
        // Only columns say so, not literals or calls among the members.
        let known = class.iter().filter_map(scalar::as_column);
        if known.into_iter().any(|c| !declared[c].nullable) {
            for c in class.iter().filter_map(scalar::as_column) {
                columns[c].nullable = false;
            }
        }
    }
    let lookup = |(input, key): &Lookup| -> Result<(), Problem> {
        let typ = inputs
            .get(*input)
            .ok_or_else(|| format!("input {input} is out of range, there are {}", inputs.len()))?;
        key.iter()
            .try_for_each(|e| timeless_type(e, &typ.column_types).map(drop))
    };
    let visits_all = |start: usize, order: &[Lookup]| -> Result<(), Problem> {
        order.iter().try_for_each(lookup)?;
        let mut seen: Vec<usize> = order.iter().map(|(input, _)| *input).collect();
        seen.push(start);
        seen.sort_unstable();
        if seen.iter().copied().eq(0..inputs.len()) {
            Ok(())
        } else {
            Err(format!(
                "the order from input {start} does not visit each of {} inputs once",
                inputs.len()
            ))
        }
    };
    match implementation {
        JoinImplementation::Unimplemented => {}
        JoinImplementation::Differential {
            start,
            start_key,
            order,
        } => {
            visits_all(*start, order)?;
            if let Some(key) = start_key {
                lookup(&(*start, key.clone()))?;
            }
        }
        JoinImplementation::DeltaQuery(orders) => {
            if orders.len() != inputs.len() || inputs.len() < 2 {
                let (n, m) = (orders.len(), inputs.len());
                return Err(format!("a delta join has {n} orders for {m} inputs"));
            }
            for (start, order) in orders.iter().enumerate() {
                visits_all(start, order)?;
            }
        }
        JoinImplementation::IndexedFilter { key } => {
            visits_all(1, &[(0, key.clone())])?;
        }
    }
    let arities: Vec<usize> = inputs.iter().map(RelationType::arity).collect();
    let input_keys: Vec<keys::Keys> = inputs.iter().map(|typ| typ.keys.clone()).collect();
    let keys = keys::of_join(&input_keys, &arities, equivalences);
    Ok((columns, keys))
}

fn aggregate(a: &AggregateExpr, columns: &[ReprColumnType]) -> Result<ReprColumnType, Problem> {
    let name = snake_name(&a.func);
    let arg = timeless_type(&a.expr, columns)?;
    let what = format!("the argument of {name}");
    let inner = |i: usize| -> Result<ReprColumnType, Problem> {
        match &arg.scalar_type {
            ReprScalarType::Record { fields } if i < fields.len() && !arg.nullable => {
                Ok(fields[i].clone())
            }
            other => Err(format!("{what} is {}, expected a record", shown(other))),
        }
    };
    let ordered = |order_by: &[ColumnOrder]| -> Result<(), Problem> {
        let fields = match &arg.scalar_type {
            ReprScalarType::Record { fields } => fields.len(),
            _ => 0,
        };
        match order_by.iter().find(|order| order.column + 1 >= fields) {
            None => Ok(()),
            Some(order) => Err(format!(
                "{name} orders by key {}, its argument has {} keys",
                order.column,
                fields.saturating_sub(1)
            )),
        }
    };
    match &a.func {
        AggregateFunc::Count => Ok(non_null(ReprScalarType::Int64)),
        AggregateFunc::StringAgg { order_by } => {
            let item = inner(0)?;
            ordered(order_by)?;
            match &item.scalar_type {
                ReprScalarType::Record { fields }
                    if fields.len() == 2
                        && fields
                            .iter()
                            .all(|field| field.scalar_type == ReprScalarType::String) =>
                {
                    Ok(ReprColumnType {
                        scalar_type: ReprScalarType::String,
                        nullable: fields[0].nullable || item.nullable,
                    })
                }
                other => Err(format!(
                    "the item of {name} is {}, expected a record of two texts",
                    shown(other)
                )),
            }
        }
        AggregateFunc::ArrayConcat { order_by } => {
            let item = inner(0)?;
            ordered(order_by)?;
            match &item.scalar_type {
                ReprScalarType::Array(_) => Ok(item),
                other => Err(format!(
                    "the item of {name} is {}, expected an array",
                    shown(other)
                )),
            }
        }
        AggregateFunc::ListConcat { order_by } => {
            let item = inner(0)?;
            ordered(order_by)?;
            match &item.scalar_type {
                ReprScalarType::List { .. } => Ok(item),
                other => Err(format!(
                    "the item of {name} is {}, expected a list",
                    shown(other)
                )),
            }
        }
        other => {
            let table = &super::functions::AGGREGATES;
            let entry = table.iter().find(|entry| entry.func == *other);
            let entry = entry.ok_or_else(|| format!("plans cannot aggregate by {name}"))?;
            expect(&what, &arg.scalar_type, &entry.arg)?;
            Ok(ReprColumnType {
                scalar_type: entry.result.clone(),
                nullable: arg.nullable,
            })
        }
    }
}

fn top_k(
    columns: &[ReprColumnType],
    group_key: &[usize],
    order_key: &[ColumnOrder],
    limit: Option<&MirScalarExpr>,
) -> Result<(), Problem> {
    let ordered = order_key.iter().map(|order| &order.column);
    group_key
        .iter()
        .chain(ordered)
        .try_for_each(|c| in_range(*c, columns.len()))?;
    let Some(limit) = limit else { return Ok(()) };
    let typ = timeless_type(limit, columns)?;
    expect("the limit", &typ.scalar_type, &ReprScalarType::Int64)?;
    match scalar::support(limit)
        .iter()
        .find(|c| !group_key.contains(c))
    {
        None => Ok(()),
        Some(c) => Err(format!(
            "the limit uses #{c}, which is not in the group key"
        )),
    }
}

fn union(inputs: &[RelationType]) -> Result<Columns, Problem> {
    let Some(base) = inputs.first() else {
        return Err("a union needs at least one input".into());
    };
    let mut columns = base.column_types.clone();
    for (n, typ) in inputs.iter().enumerate().skip(1) {
        if typ.arity() != columns.len() {
            return Err(format!(
                "input {n} has {} columns, input 0 has {}",
                typ.arity(),
                columns.len()
            ));
        }
        for (c, (known, theirs)) in columns.iter_mut().zip(&typ.column_types).enumerate() {
            if !same_type(&known.scalar_type, &theirs.scalar_type) {
                return Err(format!(
                    "column #{c} of input {n} is {}, of input 0 {}",
                    shown(&theirs.scalar_type),
                    shown(&known.scalar_type)
                ));
            }
            known.nullable |= theirs.nullable;
        }
    }
    Ok(columns)
}

fn table_function(func: &TableFunc, args: &[ReprColumnType]) -> Result<Columns, Problem> {
    let name = super::text::table_function_name(func);
    let exactly = |expected: &[ReprScalarType]| -> Result<(), Problem> {
        if args.len() != expected.len() {
            let (n, m) = (args.len(), expected.len());
            return Err(format!("{name} has {n} arguments, expected {m}"));
        }
        args.iter()
            .zip(expected)
            .enumerate()
            .try_for_each(|(i, (arg, expected))| {
                let what = format!("argument {} of {name}", i + 1);
                expect(&what, &arg.scalar_type, expected)
            })
    };
    match func {
        TableFunc::GenerateSeriesInt32 => {
            exactly(&[const { ReprScalarType::Int32 }; 3])?;
            Ok(vec![non_null(ReprScalarType::Int32)])
        }
        TableFunc::GenerateSeriesInt64 => {
            exactly(&[const { ReprScalarType::Int64 }; 3])?;
            Ok(vec![non_null(ReprScalarType::Int64)])
        }
        TableFunc::GenerateSeriesTimestamp => {
            exactly(&[
                ReprScalarType::Timestamp,
                ReprScalarType::Timestamp,
                ReprScalarType::Interval,
            ])?;
            Ok(vec![non_null(ReprScalarType::Timestamp)])
        }
        TableFunc::UnnestList { el_typ } => {
            let element = el_typ.to_repr();
            exactly(&[ReprScalarType::List {
                element_type: Box::new(element.clone()),
            }])?;
            Ok(vec![or_null(element)])
        }
        TableFunc::UnnestArray { el_typ } => {
            let element = el_typ.to_repr();
            exactly(&[ReprScalarType::Array(Box::new(element.clone()))])?;
            Ok(vec![or_null(element)])
        }
        TableFunc::RepeatRow | TableFunc::RepeatRowNonNegative => {
            exactly(&[ReprScalarType::Int64])?;
            Ok(Vec::new())
        }
        TableFunc::GenerateSubscriptsArray => {
            if let [array, dimension] = args
                && matches!(array.scalar_type, ReprScalarType::Array(_))
                && dimension.scalar_type == ReprScalarType::Int32
            {
                return Ok(vec![non_null(ReprScalarType::Int32)]);
            }
            Err(format!("{name} needs an array and an integer"))
        }
        TableFunc::JsonbObjectKeys => {
            exactly(&[ReprScalarType::Jsonb])?;
            Ok(vec![non_null(ReprScalarType::String)])
        }
        TableFunc::Wrap { types, width } => {
            if *width == 0 || types.len() != *width || !args.len().is_multiple_of(*width) {
                let n = args.len();
                return Err(format!("{name} cannot cut {n} arguments into rows"));
            }
            let types: Columns = types.iter().map(|typ| typ.to_repr()).collect();
            for (i, arg) in args.iter().enumerate() {
                let what = format!("argument {} of {name}", i + 1);
                let typ = &types[i % width];
                expect(&what, &arg.scalar_type, &typ.scalar_type)?;
                if arg.nullable && !typ.nullable {
                    return Err(format!("{what} may be null, expected it not to be"));
                }
            }
            Ok(types)
        }
        TableFunc::WithOrdinality { inner } => {
            let mut columns = table_function(inner, args)?;
            columns.push(non_null(ReprScalarType::Int64));
            Ok(columns)
        }
        _ => Err(format!("plans cannot call {name}")),
    }
}
