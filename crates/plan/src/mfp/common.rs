//! What several MFPs over the same input have in common, so that it can run
//! once, in the source. Source: `spec/lowering.md` §3.9.
//!
//! Invariant: the common part, then what is left of each, computes what each
//! computed.

use std::collections::BTreeSet;

use super::Mfp;
use crate::scalar;
use protocol::v26_30::MirScalarExpr;

/// Takes the common part out of `mfps` (all over the same columns) and returns
/// it. Of a single MFP that is all of it.
pub fn extract_common(mfps: &mut [Mfp]) -> Mfp {
    match mfps {
        [] => return Mfp::new(0),
        [only] => {
            let arity = only.arity();
            return std::mem::replace(only, Mfp::new(arity));
        }
        _ => {}
    }
    let mut common = Mfp::new(mfps[0].input_arity);
    for m in mfps.iter_mut() {
        m.memoize();
    }
    loop {
        let width = common.input_arity + common.expressions.len();
        let shared = shared_by_all(mfps, |m| m.expressions.iter().collect(), width);
        if shared.is_empty() {
            break;
        }
        for e in shared {
            for m in mfps.iter_mut() {
                adopt(m, &e);
            }
            common
                .projection
                .push(common.input_arity + common.expressions.len());
            common.expressions.push(e);
        }
    }
    let width = common.input_arity + common.expressions.len();
    let predicates = |m: &'_ Mfp| -> Vec<MirScalarExpr> {
        m.predicates.iter().map(|(_, p)| p.clone()).collect()
    };
    let mut shared: BTreeSet<MirScalarExpr> = predicates(&mfps[0])
        .into_iter()
        .filter(|p| scalar::support_width(p) <= width)
        .collect();
    for m in &mfps[1..] {
        let theirs: BTreeSet<_> = predicates(m).into_iter().collect();
        shared.retain(|p| theirs.contains(p));
    }
    for p in shared {
        for m in mfps.iter_mut() {
            m.predicates.retain(|(_, theirs)| *theirs != p);
        }
        common.predicates.push((width, p));
    }
    for m in mfps.iter_mut() {
        m.optimize();
    }
    let demand: Vec<usize> = mfps
        .iter()
        .flat_map(Mfp::demand)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    for m in mfps.iter_mut() {
        let whole = std::mem::replace(m, Mfp::new(0));
        // A column that is not demanded has no place and is not looked up.
        let place = |c: usize| demand.binary_search(&c).unwrap_or(usize::MAX);
        *m = whole.permute(place, demand.len());
    }
    common = common.project(demand);
    common.optimize();
    common
}

/// The expressions that every MFP has, over columns below `width`, ascending.
fn shared_by_all(
    mfps: &[Mfp],
    of: impl for<'a> Fn(&'a Mfp) -> Vec<&'a MirScalarExpr>,
    width: usize,
) -> Vec<MirScalarExpr> {
    let mut shared: BTreeSet<&MirScalarExpr> = of(&mfps[0])
        .into_iter()
        .filter(|e| scalar::support_width(e) <= width)
        .collect();
    for m in &mfps[1..] {
        let theirs: BTreeSet<_> = of(m).into_iter().collect();
        shared.retain(|e| theirs.contains(e));
    }
    shared.into_iter().cloned().collect()
}

/// The expression becomes the MFP's last input column.
fn adopt(m: &mut Mfp, e: &MirScalarExpr) {
    let Some(k) = m.expressions.iter().position(|theirs| theirs == e) else {
        return;
    };
    let arity = m.input_arity;
    m.expressions.remove(k);
    let renumber = |c: usize| {
        if c < arity || c > arity + k {
            c
        } else if c == arity + k {
            arity
        } else {
            c + 1
        }
    };
    m.input_arity += 1;
    let all = m.input_arity + m.expressions.len();
    for e in &mut m.expressions {
        scalar::map_columns(e, renumber);
    }
    for (position, p) in &mut m.predicates {
        scalar::map_columns(p, renumber);
        *position = all;
    }
    for c in &mut m.projection {
        *c = renumber(*c);
    }
}
