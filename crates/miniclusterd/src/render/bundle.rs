//! The output of a node: a raw collection, arrangements, or both.
//! Source: `spec/plan.md` §2.1.
//!
//! Invariant: all forms of a bundle hold the same rows; errors may differ,
//! since those of a key belong to its arrangement.

use std::collections::BTreeMap;

use differential_dataflow::Data;
use differential_dataflow::operators::arrange::Arranged;

use super::fallible::{Split, Updates};
use super::{
    ErrAgent, ErrImport, Errs, Oks, RenderError, RenderTimestamp, RowAgent, RowImport, Settings,
    arrange_errs, fallible, fallible_batches,
};
use crate::errors::DataflowError;
use protocol::v26_30::Key;
use repr::{Diff, GlobalId, Row};

/// Rows by key, with the errors beside them.
#[derive(Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "a handful a dataflow, and matched on everywhere"
)]
pub enum Arrangement<'s, T: RenderTimestamp> {
    /// Made in this dataflow.
    Local {
        oks: Arranged<'s, RowAgent<T>>,
        errs: Arranged<'s, ErrAgent<T>>,
    },
    /// The index with this id.
    Imported {
        id: GlobalId,
        oks: Arranged<'s, RowImport<T>>,
        errs: Arranged<'s, ErrImport<T>>,
    },
}

impl<'s, T: RenderTimestamp> Arrangement<'s, T> {
    /// The errors as a collection.
    pub fn errs(&self) -> Errs<'s, T> {
        match self {
            Arrangement::Local { errs, .. } => {
                errs.clone().as_collection(|error, &()| error.clone())
            }
            Arrangement::Imported { errs, .. } => {
                errs.clone().as_collection(|error, &()| error.clone())
            }
        }
    }

    /// Applies `logic` to every update, as `[key, value]`; with `literal`, only
    /// to those of that key. The errors are those of `logic` alone.
    pub fn flat_map<D, L>(&self, name: &str, literal: Option<Row>, logic: L) -> Split<'s, T, D>
    where
        D: Data,
        L: FnMut(&[&Row], &T, Diff, &mut Updates<D, T>, &mut Updates<DataflowError, T>) + 'static,
    {
        match self {
            Arrangement::Local { oks, .. } => fallible_batches(oks.clone(), name, literal, logic),
            Arrangement::Imported { oks, .. } => {
                fallible_batches(oks.clone(), name, literal, logic)
            }
        }
    }
}

/// The forms of its output that a node offers.
#[derive(Clone)]
pub struct Bundle<'s, T: RenderTimestamp> {
    pub raw: Option<(Oks<'s, T>, Errs<'s, T>)>,
    pub arranged: BTreeMap<Key, Arrangement<'s, T>>,
}

impl<'s, T: RenderTimestamp> Bundle<'s, T> {
    pub fn from_raw(oks: Oks<'s, T>, errs: Errs<'s, T>) -> Self {
        Bundle {
            raw: Some((oks, errs)),
            arranged: BTreeMap::new(),
        }
    }

    pub fn from_arrangement(key: Key, arrangement: Arrangement<'s, T>) -> Self {
        Bundle {
            raw: None,
            arranged: BTreeMap::from([(key, arrangement)]),
        }
    }

    /// The same, in which an error made here counts once, or in releases that count
    /// it as often as it is raised, for no more than a million.
    ///
    /// A plan that reads a binding twice counts the binding's errors twice, and a
    /// chain of such bindings doubles them at each step, until the counts overflow.
    /// Only whether an error counts matters, and not how often, so that neither
    /// changes anything.
    pub fn with_few_errors(self, settings: &Settings) -> Self {
        const MOST: Diff = 1 << 20;
        let seams = settings.seams.linear();
        let distinct = settings.release.makes_errors_distinct();
        let few = |errs: Errs<'s, T>| {
            let fate = settings.fate.clone();
            errs.threshold(move |_, count| {
                let few = match distinct {
                    // A negative count is a count, as in a recursion.
                    true => 1,
                    false => (*count).clamp(-MOST, MOST),
                };
                seams.error_count(*count, few, &fate)
            })
        };
        let raw = self.raw.map(|(oks, errs)| (oks, few(errs)));
        let arranged = self.arranged.into_iter().map(|(key, arrangement)| {
            let arrangement = match arrangement {
                Arrangement::Local { oks, errs } => {
                    let errs = few(errs.as_collection(|error, &()| error.clone()));
                    let errs = arrange_errs(errs, "Few errors");
                    Arrangement::Local { oks, errs }
                }
                imported @ Arrangement::Imported { .. } => imported,
            };
            (key, arrangement)
        });
        Bundle {
            raw,
            arranged: arranged.collect(),
        }
    }

    /// The raw collection.
    pub fn raw(&self) -> Result<(Oks<'s, T>, Errs<'s, T>), RenderError> {
        let raw = self.raw.clone();
        raw.ok_or_else(|| RenderError::Invalid("missing input collection".into()))
    }

    /// The arrangement by `key`.
    pub fn arrangement(&self, key: &Key) -> Result<&Arrangement<'s, T>, RenderError> {
        self.arranged
            .get(key)
            .ok_or_else(|| RenderError::Invalid(format!("Arrangement alarmingly absent! {key:?}")))
    }

    /// Applies `logic` to every update of one form: of the raw collection, as
    /// `[row]`, or of the arrangement by a key, as `[key, value]`, if wanted
    /// only of one literal key. `logic` unpacks the rows one behind the other;
    /// its errors are added to those of the form.
    pub fn flat_map<D, L>(
        &self,
        name: &str,
        form: Option<(&Key, Option<&Row>)>,
        logic: L,
    ) -> Result<Split<'s, T, D>, RenderError>
    where
        D: Data,
        L: FnMut(&[&Row], &T, Diff, &mut Updates<D, T>, &mut Updates<DataflowError, T>) + 'static,
    {
        let errs = match form {
            None => self.raw()?.1,
            Some((key, _)) => self.arrangement(key)?.errs(),
        };
        let (oks, new_errs) = self.computed(name, form, logic)?;
        Ok((oks, errs.concat(new_errs)))
    }

    /// Like `flat_map`, with the errors of `logic` alone.
    pub fn computed<D, L>(
        &self,
        name: &str,
        form: Option<(&Key, Option<&Row>)>,
        mut logic: L,
    ) -> Result<Split<'s, T, D>, RenderError>
    where
        D: Data,
        L: FnMut(&[&Row], &T, Diff, &mut Updates<D, T>, &mut Updates<DataflowError, T>) + 'static,
    {
        Ok(match form {
            None => {
                let (oks, _) = self.raw()?;
                fallible(oks.inner, name, move |data: &mut Vec<_>, oks, errs| {
                    for (row, time, diff) in data.iter() {
                        logic(&[row], time, *diff, oks, errs);
                    }
                })
            }
            Some((key, literal)) => {
                let arrangement = self.arrangement(key)?;
                arrangement.flat_map(name, literal.cloned(), logic)
            }
        })
    }
}
