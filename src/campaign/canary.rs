//! The canary: a replica with a bug that always shows, which is sent before a campaign.
//!
//! Invariant: it runs the cases of the campaign itself, as they are drawn.

use super::lab::{Lab, run_in};
use super::{case_script, case_seed, case_shape};
use crate::generate::Profile;

/// Cases in which a canary must be caught.
pub(super) const CANARY_CASES: u64 = 50;

/// A replica with a bug that shows in every campaign whose checkers work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// The bug.
    pub name: String,
    /// The case that showed it, from 0; None if none of the first fifty did.
    pub caught_in: Option<u64>,
}

impl Canary {
    /// Runs the first cases of a campaign in a lab whose replica has the bug.
    pub fn send(name: &str, lab: &dyn Lab, seed: u64, profile: &Profile) -> Canary {
        let shows = |case: &u64| {
            let (commands, _) = case_script(seed, *case, profile);
            let ran = run_in(
                lab,
                &commands,
                case_shape(seed, *case),
                case_seed(seed, *case),
            );
            ran.is_ok_and(|outcome| !outcome.violations.is_empty())
        };
        Canary {
            name: name.to_string(),
            caught_in: (0..CANARY_CASES).find(shows),
        }
    }
}
