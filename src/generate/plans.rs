//! Plans: what a dataflow builds over one collection. Source: `spec/script.md`
//! §3.
//!
//! Invariant: what is drawn is well typed; comparisons stay within one type,
//! and integer literals are compared with bigint columns only.

use super::choices::Choices;
use super::scalars::{self, Over, unary, value, variadic};
use crate::plan::scalar::{binary, column};
use crate::plan::{Relation, RelationType};
use crate::protocol::v26_30::{BinaryFunc, MirScalarExpr, UnaryFunc, VariadicFunc};
use crate::repr::{GlobalId, ReprColumnType, ReprScalarType};

/// Columns of a plan's result, at most.
pub const WIDEST: usize = 4;

/// A filter and a projection over the collection `on`, either of which may be
/// missing.
pub fn simple(choices: &mut dyn Choices, on: GlobalId, typ: &RelationType) -> Relation {
    let columns = &typ.column_types;
    let mut plan = Relation::get_global(on, typ.clone());
    if choices.chance("filter", 2, 3)
        && let Some(predicates) = predicates(choices, columns)
    {
        plan = plan.filter(predicates);
    }
    match choices.chance("project", 1, 3) {
        true => plan.project(projection(choices, columns.len())),
        false => plan,
    }
}

/// What a peek computes of a collection's rows: up to three operators, of which one
/// may fail.
pub fn of_peek(choices: &mut dyn Choices, on: GlobalId, typ: &RelationType) -> Relation {
    let mut plan = Relation::get_global(on, typ.clone());
    let mut columns = typ.column_types.clone();
    let fallible = choices.chance("a peek that may fail", 1, 2);
    for _ in 0..choices.between("operators of a peek", 1, 3) {
        let over = Over {
            columns: &columns,
            fallible,
            careful: false,
        };
        match choices.weighted("operator of a peek", &[3, 2, 2]) {
            Some(1) if columns.len() < WIDEST => {
                let of = choices.index("type of", columns.len());
                let mapped = match columns.get(of) {
                    Some(column) => column.scalar_type.clone(),
                    None => ReprScalarType::Int64,
                };
                let scalar = scalars::draw(choices, over, &mapped, 2);
                columns.push(ReprColumnType {
                    scalar_type: mapped,
                    nullable: true,
                });
                plan = plan.map(vec![scalar]);
            }
            Some(2) if !columns.is_empty() => {
                let outputs = projection(choices, columns.len().min(WIDEST));
                columns = outputs.iter().map(|at| columns[*at].clone()).collect();
                plan = plan.project(outputs);
            }
            _ => plan = plan.filter(vec![scalars::predicate(choices, over, 2)]),
        }
    }
    plan
}

/// The plan with another filter, if it is a simple one.
pub fn with_other_filter(choices: &mut dyn Choices, plan: &Relation) -> Option<Relation> {
    match plan {
        Relation::Project { input, outputs } => {
            let input = with_other_filter(choices, input)?;
            Some(input.project(outputs.clone()))
        }
        Relation::Filter { input, .. } => with_other_filter(choices, input),
        Relation::Get { typ, .. } => {
            let predicates = predicates(choices, &typ.column_types)?;
            Some(plan.clone().filter(predicates))
        }
        Relation::Constant { .. }
        | Relation::Let { .. }
        | Relation::LetRec { .. }
        | Relation::Map { .. }
        | Relation::FlatMap { .. }
        | Relation::Join { .. }
        | Relation::Reduce { .. }
        | Relation::TopK { .. }
        | Relation::Negate { .. }
        | Relation::Threshold { .. }
        | Relation::Union { .. }
        | Relation::ArrangeBy { .. } => None,
    }
}

/// One or two comparisons; `None` if the columns offer nothing to compare.
fn predicates(choices: &mut dyn Choices, columns: &[ReprColumnType]) -> Option<Vec<MirScalarExpr>> {
    let first = comparison(choices, columns)?;
    if !choices.chance("second comparison", 1, 4) {
        return Some(vec![first]);
    }
    let second = comparison(choices, columns)?;
    Some(match choices.chance("or", 1, 2) {
        true => vec![variadic(VariadicFunc::Or, vec![first, second])],
        false => vec![first, second],
    })
}

fn comparison(choices: &mut dyn Choices, columns: &[ReprColumnType]) -> Option<MirScalarExpr> {
    let index = choices.index("compared column", columns.len());
    let typ = columns.get(index)?;
    let this = column(index);
    if typ.nullable && choices.chance("null test", 1, 3) {
        let is_null = unary(UnaryFunc::IsNull, this);
        return Some(match choices.chance("not null", 1, 2) {
            true => unary(UnaryFunc::Not, is_null),
            false => is_null,
        });
    }
    let same: Vec<usize> = (0..columns.len())
        .filter(|other| *other != index && columns[*other].scalar_type == typ.scalar_type)
        .collect();
    if !same.is_empty() && choices.chance("compare columns", 1, 4) {
        let other = same[choices.index("other column", same.len())];
        return Some(binary(operator(choices), this, column(other)));
    }
    Some(match typ.scalar_type {
        ReprScalarType::Bool => match choices.chance("negated", 1, 2) {
            true => unary(UnaryFunc::Not, this),
            false => this,
        },
        ReprScalarType::Int64 | ReprScalarType::String => {
            let literal = value(choices, &typ.scalar_type);
            binary(operator(choices), this, literal)
        }
        // Upstream's language has no literal of another type.
        _ => match same.first() {
            Some(other) => binary(operator(choices), this, column(*other)),
            None => binary(BinaryFunc::Eq, this.clone(), this),
        },
    })
}

fn operator(choices: &mut dyn Choices) -> BinaryFunc {
    let operators = [
        BinaryFunc::Eq,
        BinaryFunc::NotEq,
        BinaryFunc::Lt,
        BinaryFunc::Lte,
        BinaryFunc::Gt,
        BinaryFunc::Gte,
    ];
    operators[choices.index("operator", operators.len())].clone()
}

/// At least one column, in any order, sometimes one twice.
fn projection(choices: &mut dyn Choices, arity: usize) -> Vec<usize> {
    let count = choices.between("projected columns", 1, arity.max(1) as u64);
    (0..count)
        .map(|_| choices.index("projected column", arity.max(1)))
        .collect()
}

/// Draws a key: up to two distinct columns.
pub fn key(choices: &mut dyn Choices, arity: usize) -> Vec<usize> {
    let most = arity.min(2);
    let count = choices.weighted("key columns", &[6, 2, 1]).unwrap_or(0);
    // One column is the simple key, then two, then none.
    let count = [1, 2, 0][count].min(most);
    let mut columns: Vec<usize> = (0..arity).collect();
    (0..count)
        .map(|_| columns.remove(choices.index("key column", columns.len())))
        .collect()
}
