//! Whether known bugs still show: their scripts, run on the target before a campaign.

use std::path::Path;

use super::lab::{Lab, Shape};
use super::replay::{Facts, replay};
use crate::known::{KnownBug, KnownBugs};

/// What became of a known bug on a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recheck {
    pub id: String,
    pub title: String,
    pub fate: Fate,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    StillThere,
    /// Its script passes.
    Gone,
    /// Why that cannot be told.
    Unknown(String),
}

impl Recheck {
    /// Runs the script of a bug on a target of its own.
    pub fn of(bug: &KnownBug, known: &KnownBugs, lab: &dyn Lab) -> Recheck {
        Recheck {
            id: bug.id.clone(),
            title: bug.title.clone(),
            fate: fate(bug, known, lab).unwrap_or_else(Fate::Unknown),
        }
    }
}

fn fate(bug: &KnownBug, known: &KnownBugs, lab: &dyn Lab) -> Result<Fate, String> {
    let text = known.script_of(bug)?;
    let shape = Facts::parse(&text)?.shape().unwrap_or(Shape::ONE);
    let path = Path::new(&bug.script);
    let replayed = replay(lab, shape, path, &text).map_err(|e| e.to_string())?;
    if !replayed.violations.is_empty() {
        return Ok(Fate::StillThere);
    }
    match replayed.invalid.or(replayed.unknown) {
        Some(why) => Err(why),
        None if replayed.mismatches.is_empty() => Ok(Fate::Gone),
        None => Ok(Fate::StillThere),
    }
}
