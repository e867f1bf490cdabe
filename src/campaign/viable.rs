//! Whether a script is worth running: valid for its whole length, every command
//! accepted by the driver, and every wait in it sure to end on a replica that
//! works; and small: a table function that makes rows without end would take
//! the memory of whoever runs it. The shrinker asks before it spends time on a
//! candidate.
//!
//! Invariant: nothing is run; the model alone decides.

use super::blocks::upper_mismatch;
use crate::generate::dry::Dry;
use crate::model::Model;
use crate::plan::{Relation, scalar};
use crate::protocol::v26_30::{BinaryFunc, MirScalarExpr, TableFunc, UnaryFunc};
use crate::repr::Datum;
use crate::script::Command;
use crate::script::trace::Event;

/// Holds, or one line that says what is wrong with which command.
pub fn viable(commands: &[Command]) -> Result<(), String> {
    let mut dry = Dry::new();
    let mut model = Model::new();
    model.apply(&Dry::connected());
    for (step, command) in commands.iter().enumerate() {
        model.apply(&Event::Command { step });
        let bad = |why: String| format!("command {step} ({}): {why}", command.verb());
        let events = dry.events(command).map_err(bad)?;
        if let Some(mismatch) = upper_mismatch(command, &model) {
            return Err(bad(mismatch));
        }
        for event in &events {
            if let Event::DataflowCreated(spec) = event
                && spec.builds.iter().any(|(_, plan)| !is_small(plan))
            {
                return Err(bad("a table function might never end".to_string()));
            }
            model.apply(event);
            if let Some((_, invalid)) = model.invalid() {
                return Err(bad(invalid.to_string()));
            }
        }
        for wait in dry.waits(command, &events).map_err(bad)? {
            if !model.must_end(&wait) {
                return Err(bad("it might wait for ever".to_string()));
            }
            model.ended(&wait);
        }
    }
    Ok(())
}

/// Whether the table functions of a plan make few rows, whatever they read.
fn is_small(plan: &Relation) -> bool {
    let mut small = true;
    plan.visit(&mut |relation| {
        if let Relation::FlatMap { func, exprs, .. } = relation {
            small &= makes_few(func, exprs);
        }
    });
    small
}

fn makes_few(func: &TableFunc, exprs: &[MirScalarExpr]) -> bool {
    match func {
        TableFunc::GenerateSeriesInt32
        | TableFunc::GenerateSeriesInt64
        | TableFunc::GenerateSeriesTimestamp
        | TableFunc::GenerateSeriesTimestampTz => exprs.iter().take(2).all(is_bounded),
        TableFunc::RepeatRow | TableFunc::RepeatRowNonNegative => exprs.iter().all(is_bounded),
        TableFunc::WithOrdinality { inner } => makes_few(inner, exprs),
        // As many as their argument has parts.
        _ => true,
    }
}

/// Whether a number is within a few thousand of zero, whatever the columns.
fn is_bounded(expr: &MirScalarExpr) -> bool {
    const MOST: i64 = 1_000;
    match expr {
        MirScalarExpr::Literal(Err(_), _) => true,
        MirScalarExpr::Literal(Ok(row), _) => row.iter().all(|datum| match datum {
            Datum::Null => true,
            Datum::Int16(n) => i64::from(n).abs() <= MOST,
            Datum::Int32(n) => i64::from(n).abs() <= MOST,
            Datum::Int64(n) => (-MOST..=MOST).contains(&n),
            _ => false,
        }),
        MirScalarExpr::CallBinary { func, expr1, expr2 } => match func {
            BinaryFunc::ModInt16 | BinaryFunc::ModInt32 | BinaryFunc::ModInt64 => {
                scalar::is_literal(expr2) && is_bounded(expr2)
            }
            BinaryFunc::MulInt64 | BinaryFunc::AddInt64 | BinaryFunc::SubInt64 => {
                is_bounded(expr1) && is_bounded(expr2)
            }
            _ => false,
        },
        MirScalarExpr::CallUnary { func, expr } => {
            matches!(func, UnaryFunc::NegInt64 | UnaryFunc::AbsInt64) && is_bounded(expr)
        }
        MirScalarExpr::If { then, els, .. } => is_bounded(then) && is_bounded(els),
        MirScalarExpr::Column(..)
        | MirScalarExpr::CallUnmaterializable(_)
        | MirScalarExpr::CallVariadic { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::case_script;
    use crate::generate::Profile;
    use crate::script::text;

    #[test]
    fn whatever_is_drawn_is_viable() {
        for case in 0..300 {
            let (commands, _) = case_script(7, case, &Profile::default());
            assert_eq!(viable(&commands), Ok(()), "case {case}");
        }
    }

    #[test]
    fn a_series_to_wherever_a_column_says_is_not() {
        let script = |stop: &str| {
            let script = format!(
                "create-instance\n----\n\ncreate-dataflow as-of=0\n  \
                 import source=1000 shard=s upper=0\n  build id=1001\n    \
                 FlatMap generate_series(0, {stop}, 1)\n      Get u1000\n  \
                 export index=1002 on=1001 key=[0]\n----\n"
            );
            text::parse(&script).unwrap().commands()
        };
        assert_eq!(viable(&script("(#0 % 4)")), Ok(()));
        let refused = viable(&script("#0")).unwrap_err();
        assert!(refused.contains("never end"), "{refused}");
    }
}
