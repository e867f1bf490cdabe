//! Plans as SQL, operator by operator: each is a SELECT of columns `c0`, `c1`, …
//! over those below. A row of multiplicity two is two rows.
//!
//! Invariant: SQL has no negative multiplicities; they are followed up to the
//! Threshold or the difference that ends them, and refused elsewhere.

use clusterd_fuzz::plan::{Relation, scalar};
use clusterd_fuzz::protocol::v26_30::{
    AggregateExpr, AggregateFunc, ColumnOrder, Id, MirScalarExpr, TableFunc,
};
use clusterd_fuzz::repr::{Diff, Row, Timestamp};

use super::scalars::{Printer, Refused, literal};

/// Numbers that series and repetitions are made of: the table `numbers`.
pub const NUMBERS: i64 = 2_000;

/// A relation in SQL, and whether its rows count negatively.
struct Printed {
    sql: String,
    negative: bool,
}

/// The plan's SELECT, and whether something in it may fail in the model.
///
/// Errors: why it cannot be compared.
pub fn print(plan: &Relation, now: Timestamp) -> Result<(String, bool), Refused> {
    let mut printer = Printer {
        now,
        fallible: false,
    };
    let printed = printer.relation(plan)?;
    if printed.negative {
        return Err("negative rows".into());
    }
    Ok((printed.sql, printer.fallible))
}

fn plain(sql: String) -> Result<Printed, Refused> {
    let negative = false;
    Ok(Printed { sql, negative })
}

fn column(c: usize) -> String {
    format!("c{c}")
}

fn columns(arity: usize) -> String {
    match arity {
        // A row of no columns is still a row.
        0 => "1 AS unit".into(),
        _ => (0..arity).map(column).collect::<Vec<_>>().join(", "),
    }
}

/// `x AS c0, y AS c1`
fn named(exprs: &[String]) -> String {
    match exprs {
        [] => columns(0),
        _ => {
            let all = exprs.iter().enumerate();
            let all: Vec<String> = all.map(|(c, expr)| format!("{expr} AS c{c}")).collect();
            all.join(", ")
        }
    }
}

impl Printer {
    fn relation(&mut self, plan: &Relation) -> Result<Printed, Refused> {
        match plan {
            Relation::Constant { rows, typ } => match rows {
                Ok(rows) => constant(rows, typ.arity(), self.now),
                Err(_) => Err("a constant error".into()),
            },
            Relation::Get { id, typ } => {
                let name = match id {
                    Id::Global(id) => format!("\"{id}\""),
                    Id::Local(id) => format!("\"{id}\""),
                };
                plain(format!("SELECT {} FROM {name}", columns(typ.arity())))
            }
            Relation::Let { id, value, body } => {
                let value = self.positive(value)?;
                let body = self.relation(body)?;
                let sql = format!("WITH \"{id}\" AS ({value}) {}", nested(&body.sql));
                Ok(Printed { sql, ..body })
            }
            Relation::LetRec { .. } => Err("recursion".into()),
            Relation::Project { input, outputs } => {
                let input = self.relation(input)?;
                let outputs: Vec<String> = outputs.iter().map(|c| column(*c)).collect();
                let sql = format!("SELECT {} FROM ({})", named(&outputs), input.sql);
                Ok(Printed { sql, ..input })
            }
            Relation::Map { input, scalars } => {
                // Each may read the ones before it.
                let mut out = self.relation(input)?;
                for (arity, expr) in (input.arity()..).zip(scalars) {
                    let value = self.scalar(expr, &column)?;
                    let all = match arity {
                        0 => String::new(),
                        _ => format!("{}, ", columns(arity)),
                    };
                    out.sql = format!("SELECT {all}{value} AS c{arity} FROM ({})", out.sql);
                }
                Ok(out)
            }
            Relation::Filter { input, predicates } => {
                let arity = input.arity();
                let input = self.relation(input)?;
                let mut all = vec!["1".to_string()];
                for predicate in predicates {
                    all.push(self.scalar(predicate, &column)?);
                }
                let all = all.join(" AND ");
                let columns = columns(arity);
                let sql = format!("SELECT {columns} FROM ({}) WHERE {all}", input.sql);
                Ok(Printed { sql, ..input })
            }
            Relation::FlatMap { input, func, exprs } => {
                let arity = input.arity();
                let input = self.relation(input)?;
                let exprs = exprs.iter().map(|expr| self.scalar(expr, &column));
                let exprs = exprs.collect::<Result<Vec<_>, _>>()?;
                let sql = self.flat_map(&input.sql, arity, func, &exprs)?;
                Ok(Printed { sql, ..input })
            }
            Relation::Join {
                inputs,
                equivalences,
                ..
            } => self.join(inputs, equivalences),
            Relation::Reduce {
                input,
                group_key,
                aggregates,
                ..
            } => self.reduce(input, group_key, aggregates),
            Relation::TopK {
                input,
                group_key,
                order_key,
                limit,
                offset,
                ..
            } => self.top_k(input, group_key, order_key, limit.as_ref(), *offset),
            Relation::Negate { input } => {
                let input = self.relation(input)?;
                Ok(Printed {
                    negative: !input.negative,
                    ..input
                })
            }
            Relation::Threshold { input } => match &**input {
                Relation::Union { inputs } => {
                    let printed = inputs.iter().map(|input| self.relation(input));
                    let printed = printed.collect::<Result<Vec<_>, _>>()?;
                    plain(difference(&printed, input.arity()))
                }
                // Nothing is negative.
                input => plain(self.positive(input)?),
            },
            Relation::Union { inputs } => {
                let printed = inputs.iter().map(|input| self.relation(input));
                let printed = printed.collect::<Result<Vec<_>, _>>()?;
                let negative = printed[0].negative;
                if printed.iter().all(|input| input.negative == negative) {
                    let sql = all_of(printed.iter());
                    return Ok(Printed { sql, negative });
                }
                match takes_some_away(inputs) {
                    true => plain(difference(&printed, plan.arity())),
                    false => Err("negative rows".into()),
                }
            }
            Relation::ArrangeBy { input, .. } => self.relation(input),
        }
    }

    /// A relation whose rows count positively.
    fn positive(&mut self, plan: &Relation) -> Result<String, Refused> {
        let printed = self.relation(plan)?;
        match printed.negative {
            true => Err("negative rows".into()),
            false => Ok(printed.sql),
        }
    }

    fn flat_map(
        &mut self,
        input: &str,
        arity: usize,
        func: &TableFunc,
        exprs: &[String],
    ) -> Result<String, Refused> {
        let all = match arity {
            0 => String::new(),
            _ => format!("{}, ", columns(arity)),
        };
        match (func, exprs) {
            (TableFunc::GenerateSeriesInt64, [start, stop, step]) => {
                self.fallible |= step.parse::<i64>().is_err();
                let next = format!("({start} + n * {step})");
                Ok(format!(
                    "SELECT {all}{next} AS c{arity} FROM ({input}) JOIN numbers \
                     ON ({step} > 0 AND {next} <= {stop}) OR ({step} < 0 AND {next} >= {stop})"
                ))
            }
            (TableFunc::WithOrdinality { inner }, exprs)
                if **inner == TableFunc::GenerateSeriesInt64 =>
            {
                let series = self.flat_map(input, arity, inner, exprs)?;
                let first = format!("AS c{arity} FROM");
                let numbered = format!("AS c{arity}, n + 1 AS c{} FROM", arity + 1);
                // The outermost SELECT is the last that was printed.
                Ok(series.replacen(&first, &numbered, 1))
            }
            (TableFunc::RepeatRowNonNegative, [times]) => {
                self.fallible = true;
                let columns = columns(arity);
                Ok(format!(
                    "SELECT {columns} FROM ({input}) JOIN numbers ON n < {times}"
                ))
            }
            (TableFunc::Wrap { width, .. }, exprs) => {
                let rows = exprs.chunks(*width).map(|row| {
                    let row = row.iter().zip(arity..);
                    let row: Vec<String> = row.map(|(e, c)| format!("{e} AS c{c}")).collect();
                    format!("SELECT {all}{} FROM ({input})", row.join(", "))
                });
                Ok(rows.collect::<Vec<_>>().join(" UNION ALL "))
            }
            (func, _) => Err(format!("the table function {func:?}")),
        }
    }

    fn join(
        &mut self,
        inputs: &[Relation],
        equivalences: &[Vec<MirScalarExpr>],
    ) -> Result<Printed, Refused> {
        let mut names = Vec::new();
        let mut from = Vec::new();
        let mut negative = false;
        for (at, input) in inputs.iter().enumerate() {
            let printed = self.relation(input)?;
            negative ^= printed.negative;
            names.extend((0..input.arity()).map(|c| format!("t{at}.c{c}")));
            from.push(format!("({}) AS t{at}", printed.sql));
        }
        let mut all = vec!["1".to_string()];
        for class in equivalences {
            let members = class.iter().map(|e| self.scalar(e, &|c| names[c].clone()));
            let members = members.collect::<Result<Vec<_>, _>>()?;
            // NULL equals NULL.
            all.extend(
                members
                    .windows(2)
                    .map(|pair| format!("{} IS {}", pair[0], pair[1])),
            );
        }
        let sql = format!(
            "SELECT {} FROM {} WHERE {}",
            named(&names),
            from.join(" CROSS JOIN "),
            all.join(" AND ")
        );
        Ok(Printed { sql, negative })
    }

    fn reduce(
        &mut self,
        input: &Relation,
        group_key: &[MirScalarExpr],
        aggregates: &[AggregateExpr],
    ) -> Result<Printed, Refused> {
        let input = self.positive(input)?;
        let key = group_key.iter().map(|expr| self.scalar(expr, &column));
        let key = key.collect::<Result<Vec<_>, _>>()?;
        let mut results = key.clone();
        // Their total is one of all aggregates then (`spec/plan.md` §5.8).
        let shared = aggregates.len() > 1 && aggregates.iter().any(|a| a.distinct);
        let asks_total =
            |a: &AggregateExpr| matches!(a.func, AggregateFunc::All | AggregateFunc::Any);
        if shared && aggregates.iter().any(asks_total) {
            return Err("all or any beside a distinct aggregate".to_string());
        }
        for aggregate in aggregates {
            results.push(self.aggregate(aggregate)?);
        }
        // Over nothing there is no group, not even the empty one. A number
        // would be the place of a column.
        let key: Vec<String> = match key.is_empty() {
            true => vec!["NULL".to_string()],
            false => key
                .iter()
                .map(|key| format!("coalesce({key}, NULL)"))
                .collect(),
        };
        plain(format!(
            "SELECT {} FROM ({input}) GROUP BY {}",
            named(&results),
            key.join(", ")
        ))
    }

    fn aggregate(&mut self, a: &AggregateExpr) -> Result<String, Refused> {
        let x = self.scalar(&a.expr, &column)?;
        let distinct = if a.distinct { "DISTINCT " } else { "" };
        let name = format!("{:?}", a.func);
        Ok(match &a.func {
            AggregateFunc::Count => format!("count({distinct}{x})"),
            AggregateFunc::SumInt16 | AggregateFunc::SumInt32 | AggregateFunc::SumInt64 => {
                format!("sum({distinct}{x})")
            }
            AggregateFunc::Any => {
                format!("(CASE WHEN max({x}) = 1 THEN 1 WHEN count({x}) = count(*) THEN 0 END)")
            }
            AggregateFunc::All => {
                format!("(CASE WHEN min({x}) = 0 THEN 0 WHEN count({x}) = count(*) THEN 1 END)")
            }
            _ if name.starts_with("Max") => format!("max({x})"),
            _ if name.starts_with("Min") => format!("min({x})"),
            _ => return Err(format!("the aggregate {name}")),
        })
    }

    fn top_k(
        &mut self,
        input: &Relation,
        group_key: &[usize],
        order_key: &[ColumnOrder],
        limit: Option<&MirScalarExpr>,
        offset: usize,
    ) -> Result<Printed, Refused> {
        let arity = input.arity();
        let input = self.positive(input)?;
        let columns = columns(arity);
        let partition = match group_key {
            [] => String::new(),
            key => {
                let key: Vec<String> = key.iter().map(|c| column(*c)).collect();
                format!("PARTITION BY {}", key.join(", "))
            }
        };
        let asked = order_key.iter().map(|order| {
            let direction = if order.desc { "DESC" } else { "ASC" };
            let nulls = if order.nulls_last { "LAST" } else { "FIRST" };
            format!("c{} {direction} NULLS {nulls}", order.column)
        });
        // Ties are broken by whole rows.
        let rest = (0..arity).map(|c| format!("c{c} ASC NULLS LAST"));
        let order: Vec<String> = asked.chain(rest).collect();
        let order = match order.is_empty() {
            true => String::new(),
            false => format!("ORDER BY {}", order.join(", ")),
        };
        let within = match limit {
            None => String::new(),
            Some(limit) => {
                self.fallible |= !scalar::is_literal(limit);
                let limit = self.scalar(limit, &column)?;
                format!("AND ({limit} IS NULL OR place <= {offset} + {limit})")
            }
        };
        plain(format!(
            "SELECT {columns} FROM (SELECT {columns}, row_number() OVER ({partition} {order}) AS place \
             FROM ({input})) WHERE place > {offset} {within}"
        ))
    }
}

/// A SELECT that may begin with WITH, where one that begins with SELECT must
/// stand.
fn nested(sql: &str) -> String {
    format!("SELECT * FROM ({sql})")
}

fn constant(
    rows: &[(Row, Timestamp, Diff)],
    arity: usize,
    now: Timestamp,
) -> Result<Printed, Refused> {
    let mut selects = Vec::new();
    for (row, time, diff) in rows {
        if *diff < 0 {
            return Err("negative rows".into());
        }
        let values = row.iter().map(|datum| literal(&datum));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        if *time <= now {
            let select = format!("SELECT {}", named(&values));
            selects.extend(vec![select; *diff as usize]);
        }
    }
    let nothing = vec!["NULL".to_string(); arity];
    selects.push(format!("SELECT {} WHERE 0", named(&nothing)));
    plain(selects.join(" UNION ALL "))
}

fn all_of<'a>(inputs: impl Iterator<Item = &'a Printed>) -> String {
    let inputs: Vec<String> = inputs.map(|input| nested(&input.sql)).collect();
    inputs.join(" UNION ALL ")
}

/// The rows of the positive inputs without as many of the negative ones: what
/// EXCEPT ALL is elsewhere.
fn difference(inputs: &[Printed], arity: usize) -> String {
    let columns = columns(arity);
    let partition = match arity {
        0 => String::new(),
        _ => format!("PARTITION BY {columns}"),
    };
    let numbered = |negative: bool| {
        let some = inputs.iter().filter(|input| input.negative == negative);
        let some = all_of(some);
        (!some.is_empty()).then(|| {
            format!("SELECT {columns}, row_number() OVER ({partition}) AS place FROM ({some})")
        })
    };
    match (numbered(false), numbered(true)) {
        (Some(these), Some(those)) => {
            format!("SELECT {columns} FROM ({these} EXCEPT {those})")
        }
        (Some(these), None) => format!("SELECT {columns} FROM ({these})"),
        (None, those) => {
            let those = those.unwrap_or_default();
            format!("SELECT {columns} FROM ({those}) WHERE 0")
        }
    }
}

/// `A − σ(A)`, which is never negative.
fn takes_some_away(inputs: &[Relation]) -> bool {
    let [all, Relation::Negate { input }] = inputs else {
        return false;
    };
    matches!(&**input, Relation::Filter { input, .. } if **input == *all)
}
