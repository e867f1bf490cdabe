//! The contents that a sink is to show: rows in the order of the relation's columns, and
//! errors, over system time. Source: `spec/plan.md` §2.1, `spec/replica.md`
//! §3.4.
//!
//! Invariant: a NULL where none may be is an error in the place of its row.

use timely::dataflow::Scope;

use crate::render::linear::apply_mfp;
use crate::render::{Bundle, Context, Errs, Oks, RenderError, RenderTimestamp, fallible};
use protocol::v26_30::{ComputeSinkDesc, EvalError, MapFilterProject, MirScalarExpr};
use repr::Timestamp;

/// Rows and errors in the outer scope of a dataflow.
pub struct Desired<'s> {
    pub oks: Oks<'s, Timestamp>,
    pub errs: Errs<'s, Timestamp>,
}

impl Desired<'_> {
    /// The same with each error once, however often it was raised.
    pub fn with_errors_once(self) -> Self {
        let errs = self.errs.threshold(|_, _| 1);
        Desired { errs, ..self }
    }
}

/// Brings the collection that a sink reads to the outer scope.
pub fn desired<'s, T: RenderTimestamp>(
    ctx: &Context<'_, T>,
    outer: Scope<'s, Timestamp>,
    bundle: &Bundle<'_, T>,
    sink: &ComputeSinkDesc,
) -> Result<Desired<'s>, RenderError> {
    let arity = sink.from_desc.arity();
    let (oks, errs) = match (&bundle.raw, bundle.arranged.keys().next()) {
        (Some((oks, errs)), _) => (oks.clone(), errs.clone()),
        (None, None) => bundle.raw()?,
        (None, Some(key)) => {
            let unpermuted = MapFilterProject {
                projection: logical_places(key, arity),
                ..MapFilterProject::identity(physical_arity(key, arity))
            };
            apply_mfp(ctx, bundle, Some((key, None)), &unpermuted)?.raw()?
        }
    };
    let (oks, errs) = (oks.leave(outer), errs.leave(outer));
    if sink.non_null_assertions.is_empty() {
        return Ok(Desired { oks, errs });
    }
    let asserted: Vec<(usize, String)> = sink
        .non_null_assertions
        .iter()
        .map(|column| {
            let name = sink.from_desc.columns().nth(*column);
            let name = name.map_or("?", |(name, _)| name);
            (*column, format!("column {name:?}"))
        })
        .collect();
    let tells = ctx.settings.seams.tells_nulls();
    let (oks, nulls) = fallible(
        oks.inner,
        "non-null",
        move |data: &mut Vec<_>, oks, errs| {
            for (row, time, diff) in data.drain(..) {
                let datums: Vec<_> = repr::Row::unpack(&row);
                let null = asserted
                    .iter()
                    .find(|(column, _)| datums.get(*column).is_some_and(|d| d.is_null()));
                match null {
                    Some(_) if !tells => {}
                    Some((_, name)) => {
                        let error = EvalError::MustNotBeNull(name.clone());
                        errs.push((error.into(), time, diff));
                    }
                    None => oks.push((row, time, diff)),
                }
            }
        },
    );
    Ok(Desired {
        oks,
        errs: errs.concat(nulls),
    })
}

/// Where each column of a relation is in `key ++ value` of an arrangement.
fn logical_places(key: &[MirScalarExpr], arity: usize) -> Vec<usize> {
    let mut behind = key.len();
    (0..arity)
        .map(|column| {
            let in_key = key
                .iter()
                .rposition(|expr| matches!(expr, MirScalarExpr::Column(c, _) if *c == column));
            in_key.unwrap_or_else(|| {
                behind += 1;
                behind - 1
            })
        })
        .collect()
}

fn physical_arity(key: &[MirScalarExpr], arity: usize) -> usize {
    let behind = (0..arity).filter(|column| {
        !key.iter()
            .any(|expr| matches!(expr, MirScalarExpr::Column(c, _) if c == column))
    });
    key.len() + behind.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_the_key_come_first() {
        let key = |columns: &[usize]| -> Vec<MirScalarExpr> {
            columns.iter().copied().map(MirScalarExpr::column).collect()
        };
        assert_eq!(logical_places(&key(&[2]), 3), [1, 2, 0]);
        assert_eq!(logical_places(&key(&[1, 1]), 3), [2, 1, 3]);
        assert_eq!(physical_arity(&key(&[1, 1]), 3), 4);
        assert_eq!(logical_places(&key(&[]), 2), [0, 1]);
    }
}
