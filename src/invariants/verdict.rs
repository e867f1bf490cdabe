//! Verdicts: what a checker says about what it saw. Three outcomes, and a
//! finding that an engineer can read without the source at hand.
//!
//! Invariant: a signature depends on the invariant and on the kind of breakage
//! alone, never on ids, times or rows, so that it survives shrinking.

use std::fmt;

use uuid::Uuid;

use super::leniency::{Leniency, Uses};

use crate::repr::{GlobalId, Timestamp};
use crate::script::Replica;

/// How often an invariant was looked at, and what came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Its premise held and it was decided, violations included.
    pub checked: u64,
    /// It did not hold.
    pub violated: u64,
    /// Its premise held and it could not be decided.
    pub unknown: u64,
}

impl Counts {
    /// The sum of both.
    pub fn plus(self, other: Counts) -> Counts {
        Counts {
            checked: self.checked + other.checked,
            violated: self.violated + other.violated,
            unknown: self.unknown + other.unknown,
        }
    }
}

/// The counts of every invariant, in the order of the catalogue.
pub type Tally = Vec<(&'static str, Counts)>;

/// Adds the counts of some runs to those of others; `all` may be of none so far.
pub fn add(all: &mut Tally, more: &Tally) {
    if all.is_empty() {
        all.clone_from(more);
        return;
    }
    for ((_, sum), (_, one)) in all.iter_mut().zip(more) {
        *sum = sum.plus(*one);
    }
}

/// Where something was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    pub id: Option<GlobalId>,
    pub uuid: Option<Uuid>,
    pub ts: Option<Timestamp>,
}

impl Place {
    /// Nowhere in particular.
    pub fn nowhere() -> Self {
        Place::default()
    }

    /// At a collection.
    pub fn at(id: GlobalId) -> Self {
        Place {
            id: Some(id),
            ..Place::default()
        }
    }

    /// At a peek of a collection.
    pub fn peek(id: GlobalId, ts: Timestamp, uuid: Uuid) -> Self {
        Place {
            id: Some(id),
            uuid: Some(uuid),
            ts: Some(ts),
        }
    }

    /// The same place, at a time.
    pub fn time(mut self, ts: Timestamp) -> Self {
        self.ts = Some(ts);
        self
    }
}

/// Without the id of a peek, which is another one in each run.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match (self.uuid, self.id) {
            (Some(_), Some(id)) => parts.push(format!("peek of {id}")),
            (Some(_), None) => parts.push("peek".to_string()),
            (None, Some(id)) => parts.push(id.to_string()),
            (None, None) => {}
        }
        if let Some(ts) = self.ts {
            parts.push(format!("at time {ts}"));
        }
        if parts.is_empty() {
            parts.push("the replica".to_string());
        }
        write!(f, "{}", parts.join(" "))
    }
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `I-01`, ….
    pub invariant: &'static str,
    pub title: &'static str,
    /// What kind of breakage: a few words with hyphens.
    pub kind: &'static str,
    /// The command that was being executed, from 0.
    pub step: usize,
    /// The session in which it was seen, from 1.
    pub session: u64,
    /// The replica that broke it, if there are two.
    pub replica: Option<Replica>,
    pub place: Place,
    pub expected: String,
    pub observed: String,
}

impl Violation {
    /// What two violations must share to be the same finding.
    pub fn signature(&self) -> String {
        format!("{}/{}", self.invariant, self.kind)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation {
            invariant,
            title,
            kind,
            step,
            session,
            replica,
            place,
            expected,
            observed,
        } = self;
        writeln!(f, "{invariant} {kind}: {title}")?;
        write!(f, "  where:    {place}, command {step}, session {session}")?;
        match replica {
            Some(replica) => writeln!(f, ", replica {replica}")?,
            None => writeln!(f)?,
        }
        writeln!(f, "  expected: {expected}")?;
        write!(f, "  observed: {observed}")
    }
}

/// A breakage as a checker reports it; the rest is filled in from the context.
#[derive(Debug, Clone)]
pub struct Breach {
    pub kind: &'static str,
    pub place: Place,
    pub expected: String,
    pub observed: String,
}

/// A run that breaks everywhere keeps only so many findings; all are counted.
const KEPT: usize = 200;

/// Collects the verdicts of one run.
#[derive(Debug, Clone, Default)]
pub struct Verdicts {
    counts: Vec<Counts>,
    violations: Vec<Violation>,
    leniencies: Uses,
    current: Current,
}

/// Which invariant speaks, and when.
#[derive(Debug, Clone, Copy, Default)]
struct Current {
    index: usize,
    id: &'static str,
    title: &'static str,
    step: usize,
    session: u64,
}

impl Verdicts {
    pub fn new(invariants: usize) -> Self {
        Verdicts {
            counts: vec![Counts::default(); invariants],
            ..Verdicts::default()
        }
    }

    /// The invariant with this index speaks from now on.
    pub(super) fn speaker(
        &mut self,
        index: usize,
        id: &'static str,
        title: &'static str,
        step: usize,
        session: u64,
    ) {
        self.current = Current {
            index,
            id,
            title,
            step,
            session,
        };
    }

    /// The premise held, and so did the invariant.
    pub fn holds(&mut self) {
        self.counts[self.current.index].checked += 1;
    }

    /// The premise held, but the question could not be decided.
    pub fn open(&mut self, why: Leniency) {
        self.counts[self.current.index].unknown += 1;
        self.granted(why);
    }

    /// More than one thing would have held.
    pub fn granted(&mut self, why: Leniency) {
        *self.leniencies.entry(why).or_default() += 1;
    }

    /// The premise held, and the invariant did not.
    pub fn violated(&mut self, breach: Breach) {
        let counts = &mut self.counts[self.current.index];
        counts.checked += 1;
        counts.violated += 1;
        if self.violations.len() >= KEPT {
            return;
        }
        let Current {
            index: _,
            id,
            title,
            step,
            session,
        } = self.current;
        let Breach {
            kind,
            place,
            expected,
            observed,
        } = breach;
        self.violations.push(Violation {
            invariant: id,
            title,
            kind,
            step,
            session,
            replica: None,
            place,
            expected,
            observed,
        });
    }

    /// Holds, or is violated by what `breach` says.
    pub fn check(&mut self, holds: bool, breach: impl FnOnce() -> Breach) {
        match holds {
            true => self.holds(),
            false => self.violated(breach()),
        }
    }

    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How often each leniency was used.
    pub fn leniencies(&self) -> &Uses {
        &self.leniencies
    }

    pub fn counts(&self, index: usize) -> Counts {
        self.counts[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_reads_in_four_lines() {
        let violation = Violation {
            invariant: "I-01",
            title: "a peek gives the collection's contents at its time",
            kind: "wrong-rows",
            step: 14,
            session: 2,
            replica: None,
            place: Place::peek(GlobalId::User(1001), 3, Uuid::nil()),
            expected: "1 row: (1, 10)".into(),
            observed: "no rows".into(),
        };
        assert_eq!(
            violation.to_string(),
            "I-01 wrong-rows: a peek gives the collection's contents at its time\n  \
             where:    peek of u1001 at time 3, command 14, session 2\n  \
             expected: 1 row: (1, 10)\n  \
             observed: no rows"
        );
        assert_eq!(violation.signature(), "I-01/wrong-rows");
    }
}
