//! Plans: what a dataflow builds over one collection. Source: `spec/script.md`
//! §3.
//!
//! Invariant: what is drawn is well typed; comparisons stay within one type,
//! and integer literals are compared with bigint columns only.

use super::choices::Choices;
use crate::repr::{GlobalId, ReprColumnType, ReprScalarType};

/// A filter and a projection over one collection, either of which may be
/// missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simple {
    pub filter: Option<String>,
    pub project: Option<Vec<usize>>,
}

impl Simple {
    /// Draws a plan over these columns.
    pub fn draw(choices: &mut dyn Choices, columns: &[ReprColumnType]) -> Simple {
        let filter = match choices.chance("filter", 2, 3) {
            true => predicate(choices, columns),
            false => None,
        };
        let project = choices
            .chance("project", 1, 3)
            .then(|| projection(choices, columns.len()));
        Simple { filter, project }
    }

    /// The plan's text over the collection `on`.
    pub fn text(&self, on: GlobalId) -> String {
        let mut lines = Vec::new();
        if let Some(columns) = &self.project {
            let columns: Vec<String> = columns.iter().map(|c| format!("#{c}")).collect();
            lines.push(format!("Project ({})", columns.join(", ")));
        }
        if let Some(filter) = &self.filter {
            lines.push(format!("Filter {filter}"));
        }
        lines.push(format!("Get {on}"));
        lines
            .iter()
            .enumerate()
            .map(|(depth, line)| format!("{}{line}", "  ".repeat(depth)))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// One or two comparisons; `None` if the columns offer nothing to compare.
pub fn predicate(choices: &mut dyn Choices, columns: &[ReprColumnType]) -> Option<String> {
    let first = comparison(choices, columns)?;
    if !choices.chance("second comparison", 1, 4) {
        return Some(first);
    }
    let second = comparison(choices, columns)?;
    let connective = match choices.chance("or", 1, 2) {
        true => "OR",
        false => "AND",
    };
    Some(format!("({first}) {connective} ({second})"))
}

fn comparison(choices: &mut dyn Choices, columns: &[ReprColumnType]) -> Option<String> {
    let index = choices.index("compared column", columns.len());
    let column = columns.get(index)?;
    if column.nullable && choices.chance("null test", 1, 3) {
        let not = if choices.chance("not null", 1, 2) {
            "NOT "
        } else {
            ""
        };
        return Some(format!("(#{index}) IS {not}NULL"));
    }
    let same: Vec<usize> = (0..columns.len())
        .filter(|other| *other != index && columns[*other].scalar_type == column.scalar_type)
        .collect();
    if !same.is_empty() && choices.chance("compare columns", 1, 4) {
        let other = same[choices.index("other column", same.len())];
        return Some(format!("#{index} {} #{other}", operator(choices)));
    }
    Some(match column.scalar_type {
        ReprScalarType::Int64 => {
            let literal = choices.pick("literal", &["1", "0", "2", "-1"])?;
            format!("#{index} {} {literal}", operator(choices))
        }
        ReprScalarType::String => {
            let literal = choices.pick("literal", &["\"a\"", "\"b\"", "\"\""])?;
            format!("#{index} {} {literal}", operator(choices))
        }
        ReprScalarType::Bool => match choices.chance("negated", 1, 2) {
            true => format!("not(#{index})"),
            false => format!("#{index}"),
        },
        // Upstream's language has no literal of another type.
        _ => match same.first() {
            Some(other) => format!("#{index} {} #{other}", operator(choices)),
            None => format!("#{index} = #{index}"),
        },
    })
}

fn operator(choices: &mut dyn Choices) -> &'static str {
    choices
        .pick("operator", &["=", "!=", "<", "<=", ">", ">="])
        .copied()
        .unwrap_or("=")
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
