//! Which parts of its shard a source passes over, by their statistics.

use super::{Mutant, Mutants};

#[derive(Debug, Clone, Copy)]
pub struct PushdownSeams(pub(super) Mutants);

impl PushdownSeams {
    /// Whether a function that gives a value at both ends of a range may fail between
    /// them: if it may fail `anywhere`.
    pub fn may_fail_between(self, anywhere: bool) -> bool {
        anywhere && !self.0.is(Mutant::PushdownTrustsEnds)
    }

    /// Whether the ends of a range say nothing of what a function gives between them
    /// that otherwise never turns: if one of them is `special`, NaN or an infinity.
    pub fn range_is_unknown(self, special: bool) -> bool {
        special && !self.0.is(Mutant::PushdownTrustsEnds)
    }

    /// Whether a part may hold errors, of which the operators of a source say nothing:
    /// if its statistics do not exclude it.
    pub fn may_hold_errors(self, not_excluded: bool) -> bool {
        not_excluded && !self.0.is(Mutant::PushdownForgetsErrors)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Seams;
    use super::*;
    use crate::eval::{Arena, MfpPlan, PartRows, Possible, Values, may_give};
    use protocol::v26_30::{
        BinaryFunc, MapFilterProject, MirScalarExpr, UnaryFunc, UnmaterializableFunc,
    };
    use repr::{Datum, Numeric, ReprColumnType, ReprScalarType, Row};

    fn call(func: UnaryFunc, expr: MirScalarExpr) -> MirScalarExpr {
        MirScalarExpr::CallUnary {
            func,
            expr: Box::new(expr),
        }
    }

    /// `mz_now() <= #0 / 2`: odd numbers have no such time, and fail.
    fn half_time() -> MfpPlan {
        let two = Row::pack([Datum::Numeric(Numeric::new(2, 0).unwrap())]);
        let typ = ReprColumnType {
            scalar_type: ReprScalarType::Numeric,
            nullable: false,
        };
        let number = MirScalarExpr::Column(0, Default::default());
        let half = MirScalarExpr::CallBinary {
            func: BinaryFunc::DivNumeric,
            expr1: Box::new(call(UnaryFunc::CastInt64ToNumeric(None), number)),
            expr2: Box::new(MirScalarExpr::Literal(Ok(two), typ)),
        };
        let until = MirScalarExpr::CallBinary {
            func: BinaryFunc::Lte,
            expr1: Box::new(MirScalarExpr::CallUnmaterializable(
                UnmaterializableFunc::MzNow,
            )),
            expr2: Box::new(call(UnaryFunc::CastNumericToMzTimestamp, half)),
        };
        let mfp = MapFilterProject {
            expressions: Vec::new(),
            predicates: vec![(1, until)],
            projection: vec![0],
            input_arity: 1,
        };
        MfpPlan::create(&mfp).unwrap()
    }

    /// Whether a part of numbers from `least` to `most` is read at the time 3.
    fn is_read(mutants: Mutants, least: i64, most: i64) -> bool {
        let values = Values::Between(Datum::Int64(least), Datum::Int64(most));
        let rows = PartRows {
            columns: vec![Possible {
                values,
                ..Possible::NOTHING
            }],
            from: 3,
        };
        let seams = Seams::from(mutants).pushdown();
        may_give(&half_time(), rows, None, &Arena::new(), seams)
    }

    #[test]
    fn ends_are_trusted_only_if_both_of_them_give_a_value() {
        let trusting = || Mutants::from(Mutant::PushdownTrustsEnds);
        // The row of 1 fails, whatever the others do.
        assert!(is_read(Mutants::none(), 0, 2) && !is_read(trusting(), 0, 2));
        assert!(is_read(Mutants::none(), 0, 3) && is_read(trusting(), 0, 3));
        assert!(!is_read(Mutants::none(), 2, 2) && is_read(trusting(), 1, 1));
        assert!(is_read(trusting(), 0, 8), "there is time for 8");
    }
}
