//! Computed datums as rows hold them: decimals reduced. Source: `spec/plan.md`
//! §6.2.
//!
//! Invariant: equal values give equal rows, however they were computed.

use super::decimal::Decimal;
use repr::{Datum, Row};

/// Packs datums into a row, decimals in the reduced form that rows hold.
pub fn pack<'a>(datums: impl IntoIterator<Item = Datum<'a>>) -> Row {
    Row::pack(datums.into_iter().map(reduced))
}

/// A datum as a row holds it.
pub(super) fn reduced(datum: Datum<'_>) -> Datum<'_> {
    match datum {
        Datum::Numeric(n) => Datum::Numeric(Decimal::from(n).reduced().numeric()),
        other => other,
    }
}
