//! Where the columns of a relation sit in an arrangement of it. Source:
//! `spec/lowering.md` §2.14, meaning `spec/plan.md` §2.1.
//!
//! Invariant: the physical row is the key's values, then the values of the
//! thinning columns; logical column `c` sits at `permutation[c]`.

use crate::{Mfp, scalar};
use protocol::v26_30::MirScalarExpr;

/// An arrangement: key expressions, permutation, thinning.
pub(super) type Arrangement = (Vec<MirScalarExpr>, Vec<usize>, Vec<usize>);

/// The arrangement of `arity` columns by `key`; there is one for each.
pub fn arrangement_by(key: &[MirScalarExpr], arity: usize) -> Arrangement {
    let mut permutation = Vec::new();
    let mut thinning = Vec::new();
    for c in 0..arity {
        let in_key = key.iter().rposition(|e| scalar::as_column(e) == Some(c));
        permutation.push(in_key.unwrap_or(key.len() + thinning.len()));
        if in_key.is_none() {
            thinning.push(c);
        }
    }
    (key.to_vec(), permutation, thinning)
}

/// The number of columns of the physical row.
pub(super) fn physical_arity((key, _, thinning): &Arrangement) -> usize {
    key.len() + thinning.len()
}

/// The MFP over logical columns, rewritten to run on the arrangement's rows.
pub(super) fn over_arrangement(m: Mfp, arrangement: &Arrangement) -> Mfp {
    let (_, permutation, _) = arrangement;
    m.permute(|c| permutation[c], physical_arity(arrangement))
}

/// Positions in (stream ++ lookup) to positions in (key ++ stream value ++
/// lookup value).
pub(super) fn join_permutation(
    key: usize,
    stream: &[usize],
    stream_thinning: usize,
    lookup: &[usize],
) -> Vec<usize> {
    let lookup = lookup
        .iter()
        .map(|q| if *q < key { *q } else { q + stream_thinning });
    stream.iter().copied().chain(lookup).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::v26_30::BinaryFunc;

    #[test]
    fn the_last_key_component_that_is_a_column_holds_it() {
        let c = scalar::column;
        let shape = |key: &[MirScalarExpr], arity| {
            let (_, permutation, thinning) = arrangement_by(key, arity);
            (permutation, thinning)
        };
        assert_eq!(shape(&[c(0)], 2), (vec![0, 1], vec![1]));
        assert_eq!(shape(&[c(1)], 3), (vec![1, 0, 2], vec![0, 2]));
        assert_eq!(shape(&[], 2), (vec![0, 1], vec![0, 1]));
        assert_eq!(shape(&[c(1), c(0)], 3), (vec![1, 0, 2], vec![2]));
        let sum = scalar::binary(BinaryFunc::AddInt64, c(0), c(1));
        assert_eq!(shape(&[sum], 2), (vec![1, 2], vec![0, 1]));
        assert_eq!(shape(&[c(0), c(0)], 1), (vec![1], vec![]));
    }
}
