//! How much of a script means something: what its commands are worth, by verb, and
//! how many of its reads find nothing.
//!
//! Invariant: a command is worth something if an invariant looks at an effect of it
//! that it would not have without what came before.

use std::collections::BTreeMap;

/// What a command is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// An invariant looks at its effect.
    Shows,
    /// Every session needs it, or it only gives a name.
    Frame,
    /// It shows little, for this reason.
    Idle(&'static str),
}

impl Worth {
    /// Idle for this reason, unless something is so.
    pub fn if_so(shows: bool, else_reason: &'static str) -> Worth {
        match shows {
            true => Worth::Shows,
            false => Worth::Idle(else_reason),
        }
    }
}

/// The commands of one verb.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    pub commands: u64,
    pub frame: u64,
    /// Those that show little, by reason.
    pub idle: BTreeMap<&'static str, u64>,
}

/// How much of some scripts means something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub by_verb: BTreeMap<&'static str, Uses>,
    /// Answers of peeks whose contents the model knows.
    pub answers: u64,
    /// Those of them without a row or an error.
    pub empty: u64,
    /// Commands that were not written because they show a known bug, by its id.
    pub gone_round: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts a command.
    pub fn command(&mut self, verb: &'static str, worth: Worth) {
        let uses = self.by_verb.entry(verb).or_default();
        uses.commands += 1;
        match worth {
            Worth::Shows => {}
            Worth::Frame => uses.frame += 1,
            Worth::Idle(reason) => *uses.idle.entry(reason).or_default() += 1,
        }
    }

    /// Adds another script's tally.
    pub fn add(&mut self, other: &Tally) {
        for (verb, uses) in &other.by_verb {
            let sum = self.by_verb.entry(verb).or_default();
            sum.commands += uses.commands;
            sum.frame += uses.frame;
            for (reason, count) in &uses.idle {
                *sum.idle.entry(reason).or_default() += count;
            }
        }
        self.answers += other.answers;
        self.empty += other.empty;
        for (bug, count) in &other.gone_round {
            *self.gone_round.entry(bug.clone()).or_default() += count;
        }
    }

    /// All commands.
    pub fn commands(&self) -> u64 {
        self.by_verb.values().map(|uses| uses.commands).sum()
    }

    /// Commands that are no frame.
    pub fn content(&self) -> u64 {
        let frame: u64 = self.by_verb.values().map(|uses| uses.frame).sum();
        self.commands() - frame
    }

    /// Commands that show something.
    pub fn meaningful(&self) -> u64 {
        let idle = self.idle().map(|(_, _, count)| count);
        self.content() - idle.sum::<u64>()
    }

    /// Verb, reason and number of the commands that show little.
    pub fn idle(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let of_verb = |(verb, uses): (&&'static str, &Uses)| {
            let verb: &'static str = verb;
            let reasons: Vec<_> = uses.idle.iter().map(|(r, n)| (verb, *r, *n)).collect();
            reasons
        };
        self.by_verb.iter().flat_map(of_verb)
    }
}
