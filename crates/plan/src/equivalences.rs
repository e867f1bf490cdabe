//! The equivalence classes of a join in their canonical form. Source:
//! `spec/lowering.md` §2.7.

use super::options::Quirks;
use protocol::v26_30::MirScalarExpr;

/// Disjoint classes of at least two members, all sorted.
pub fn canonical_equivalences(
    equivalences: &[Vec<MirScalarExpr>],
    quirks: &Quirks,
) -> Vec<Vec<MirScalarExpr>> {
    let mut merged: Vec<Vec<MirScalarExpr>> = Vec::new();
    for class in equivalences {
        let shares = |known: &Vec<MirScalarExpr>| known.iter().any(|e| class.contains(e));
        let (mut touched, untouched): (Vec<_>, Vec<_>) = merged.into_iter().partition(shares);
        merged = untouched;
        if quirks.overlapping_equivalences {
            // Only the last of several keeps all its members.
            let last = touched.pop();
            for mut lossy in touched {
                lossy.retain(|e| !class.contains(e));
                merged.push(lossy);
            }
            touched = last.into_iter().collect();
        }
        let mut whole = class.clone();
        whole.extend(touched.into_iter().flatten());
        merged.push(whole);
    }
    for class in &mut merged {
        class.sort();
        class.dedup();
    }
    merged.retain(|class| class.len() >= 2);
    merged.sort();
    merged
}
