//! A rehearsal: a script interpreted with the model in place of a target. It
//! says which events a command would cause, whether the sequence stays valid with
//! it, and whether every wait in it must end. It serves the generator, validity,
//! golden blocks, the shrinker and tests.
//!
//! Invariants: the events are those that a run emits for the same command on a
//! replica that does what it is told, in the same order (`tests/rehearsal.rs`);
//! a script that kills one of two replicas is valid only if it is for both.

use script::event::{Event, Wait};
use script::interpret::{Answer, Effect, Interpreter, Meaning, Step, Uuids};
use script::{Command, CommandError, Replica};

use super::account::{Invalid, Model};
use protocol::Release;
use repr::{Antichain, Timestamp};
use thiserror::Error;

/// A script so far, with the model in place of a target; see the module.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    first: Role,
    /// The second replica, once one of the two was killed: until then they are alike.
    second: Option<Role>,
    steps: usize,
}

/// What one replica hears, and what is known of it.
#[derive(Debug, Clone)]
struct Role {
    interpreter: Interpreter,
    model: Model,
}

/// A command that was rehearsed.
#[derive(Debug)]
pub struct Rehearsed {
    /// What a run would emit, the command's own position included.
    pub events: Vec<Event>,
    /// What it waits for, beside what may run out.
    pub waits: Vec<Wait>,
    /// How it answers, or why it fails.
    pub answer: Result<Answer, Failure>,
}

impl Default for Rehearsed {
    /// Nothing happened.
    fn default() -> Self {
        Rehearsed {
            events: Vec::new(),
            waits: Vec::new(),
            answer: Ok(Answer::Ok),
        }
    }
}

/// Why a command fails on a replica that does what it is told.
#[derive(Debug, Error)]
pub enum Failure {
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A write that does not begin at the upper of its shard.
    #[error("expected upper {expected:?} did not match current upper {upper:?}")]
    Upper {
        expected: Antichain,
        upper: Antichain,
    },
}

/// Why a command is not what should come next.
#[derive(Debug, Error)]
pub enum Objection {
    #[error(transparent)]
    Fails(#[from] Failure),
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("it might wait for ever for {0}")]
    MightNotEnd(Wait),
}

impl Default for Rehearsal {
    fn default() -> Self {
        Rehearsal::new()
    }
}

impl Rehearsal {
    /// A script that begins: its first session is open.
    pub fn new() -> Self {
        Rehearsal::for_release(Release::default())
    }

    /// A script that begins on a replica of this release.
    pub fn for_release(release: Release) -> Self {
        let mut rehearsal = Rehearsal {
            first: Role {
                // A rehearsal needs no ids unlike those of other runs.
                interpreter: Interpreter::new(Uuids::Seeded(0)).for_release(release),
                model: Model::for_release(release),
            },
            second: None,
            steps: 0,
        };
        let connected = rehearsal.first.interpreter.connect();
        rehearsal.first.take(connected, &mut Rehearsed::default());
        rehearsal
    }

    /// What the model knows after the commands so far; of two replicas, that of the
    /// first one that lives.
    pub fn model(&self) -> &Model {
        let living = self.roles().find(|role| !role.model.is_lost());
        &living.unwrap_or(&self.first).model
    }

    /// What the script has named so far.
    pub fn interpreter(&self) -> &Interpreter {
        &self.first.interpreter
    }

    fn roles(&self) -> impl Iterator<Item = &Role> {
        std::iter::once(&self.first).chain(&self.second)
    }

    /// Whether two replicas may stand differently: one of them was killed at some
    /// time.
    pub fn tells_apart(&self) -> bool {
        self.second.is_some()
    }

    /// From the first kill on two replicas are told apart.
    fn tell_apart(&mut self, command: &Command) {
        if let (Command::Kill { .. }, None) = (command, &self.second) {
            let Role { interpreter, model } = self.first.clone();
            self.second = Some(Role {
                interpreter: interpreter.for_replica(Replica::Second),
                model,
            });
        }
    }

    /// Takes the next command, valid or not.
    pub fn play(&mut self, command: &Command) -> Rehearsed {
        self.tell_apart(command);
        let mut rehearsed = self.next_step();
        if let Some(second) = &mut self.second {
            second.play(command, &mut Rehearsed::default());
        }
        self.first.play(command, &mut rehearsed);
        rehearsed
    }

    /// Takes the next command if it does not fail, and the sequence stays valid
    /// with it. Changes nothing otherwise.
    ///
    /// Errors: what is wrong with it.
    pub fn play_valid(&mut self, command: &Command) -> Result<Rehearsed, Objection> {
        self.tell_apart(command);
        let first = self.first.valid(command)?;
        let second = (self.second.as_ref()).map(|second| second.valid(command));
        let second = second.transpose()?;
        let mut rehearsed = self.next_step();
        if let (Some(role), Some(meaning)) = (&mut self.second, second) {
            role.take(meaning, &mut Rehearsed::default());
        }
        self.first.take(first, &mut rehearsed);
        Ok(rehearsed)
    }

    /// Takes note that waits ended, one after the other, on every replica that lives.
    ///
    /// Errors: the first of which the model does not say that it must end; those
    /// after it are not looked at.
    pub fn end(&mut self, waits: &[Wait]) -> Result<(), Objection> {
        for wait in waits {
            let roles = std::iter::once(&mut self.first).chain(&mut self.second);
            for role in roles.filter(|role| !role.model.is_lost()) {
                if !role.model.must_end(wait) {
                    return Err(Objection::MightNotEnd(wait.clone()));
                }
                role.model.ended(wait);
            }
        }
        Ok(())
    }

    fn next_step(&mut self) -> Rehearsed {
        let event = Event::Command { step: self.steps };
        self.steps += 1;
        self.first.model.apply(&event);
        if let Some(second) = &mut self.second {
            second.model.apply(&event);
        }
        Rehearsed {
            events: vec![event],
            ..Rehearsed::default()
        }
    }
}

impl Role {
    fn play(&mut self, command: &Command, rehearsed: &mut Rehearsed) {
        match self.interpreter.interpret(command) {
            Ok(meaning) => self.take(meaning, rehearsed),
            Err(error) => rehearsed.answer = Err(error.into()),
        }
    }

    /// What a command means, if it does not fail and the sequence stays valid with
    /// it.
    fn valid(&self, command: &Command) -> Result<Meaning, Objection> {
        let meaning = self.interpreter.interpret(command).map_err(Failure::from)?;
        let fails = meaning
            .effects()
            .find_map(|effect| self.check(effect).err());
        match fails {
            Some(_) if meaning.answer.is_expected_to_fail() => {}
            Some(failure) => return Err(failure.into()),
            None => self.check_events(&meaning.events())?,
        }
        Ok(meaning)
    }

    /// Whether the sequence stays valid with these events.
    fn check_events(&self, events: &[Event]) -> Result<(), Invalid> {
        match events {
            [] => Ok(()),
            [event] => self.model.check(event),
            // The later events rest on the earlier ones.
            several => {
                let mut model = self.model.clone();
                for event in several {
                    model.check(event)?;
                    model.apply(event);
                }
                Ok(())
            }
        }
    }

    /// Does what a command means, as far as it does not fail.
    fn take(&mut self, meaning: Meaning, rehearsed: &mut Rehearsed) {
        self.interpreter.note(&meaning);
        let may_fail = meaning.answer.is_expected_to_fail();
        for step in meaning.steps {
            match step {
                Step::Do(effect) => {
                    if let Err(failure) = self.check(&effect) {
                        rehearsed.answer = match may_fail {
                            true => Ok(Answer::Caught(failure.to_string())),
                            false => Err(failure),
                        };
                        return;
                    }
                    let event = effect.into_event();
                    self.model.apply(&event);
                    rehearsed.events.push(event);
                }
                Step::Wait {
                    may_run_out: true, ..
                } => {}
                Step::Wait {
                    wait,
                    may_run_out: false,
                    ..
                } => rehearsed.waits.push(wait),
            }
        }
        rehearsed.answer = Ok(meaning.answer);
    }

    /// Whether an effect is one that succeeds.
    fn check(&self, effect: &Effect) -> Result<(), Failure> {
        match effect {
            Effect::Append { shard, append, .. } => {
                let upper: Timestamp = self.model.shard(shard).map_or(0, |shard| shard.upper());
                match append.lower == upper {
                    true => Ok(()),
                    false => Err(Failure::Upper {
                        expected: Antichain::from_elem(append.lower),
                        upper: Antichain::from_elem(upper),
                    }),
                }
            }
            Effect::Connect { .. }
            | Effect::Restart
            | Effect::Kill { .. }
            | Effect::CreateInstance { .. }
            | Effect::Configure(_)
            | Effect::CompleteInitialization
            | Effect::CreateDataflow(_)
            | Effect::Schedule { .. }
            | Effect::AllowCompaction { .. }
            | Effect::AllowWrites { .. }
            | Effect::SendPeek { .. }
            | Effect::CancelPeek { .. }
            | Effect::DowngradeSince { .. } => Ok(()),
        }
    }
}
