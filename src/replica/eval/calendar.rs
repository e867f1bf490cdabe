//! (being built) Dates, times and intervals.

use super::Arena;
use super::convert::Evaluated;
use super::scalar::lacking;
use crate::protocol::v26_30::{BinaryFunc, UnaryFunc};

pub(super) fn unary<'a>(func: &'a UnaryFunc, _: Evaluated<'a>, _: &'a Arena) -> Evaluated<'a> {
    Err(lacking(func))
}

pub(super) fn binary<'a>(
    func: &'a BinaryFunc,
    _: Evaluated<'a>,
    _: Evaluated<'a>,
    _: &'a Arena,
) -> Evaluated<'a> {
    Err(lacking(func))
}
