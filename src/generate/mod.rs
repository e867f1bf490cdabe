//! Scripts drawn from a source of choices. The generator is written once; a
//! seed, the bytes of a fuzzer, or an enumerator decides. Preconditions come
//! from a model that the script's own commands feed.
//!
//! Architecture Invariants: nothing here calls a random number generator (the
//! one file that turns a seed into choices is `seeded.rs`); what is drawn is a
//! valid sequence (`spec/replica.md` §2.6, §3.6), and every wait in it ends on
//! a replica that works.

mod bindings;
mod choices;
mod dataflows;
mod flows;
mod lifecycle;
mod operators;
#[cfg(test)]
mod plan_tests;
mod plans;
mod profile;
mod reads;
mod reduces;
mod relations;
mod scalars;
mod seeded;
mod sessions;
mod sinks;
mod tally;
#[cfg(test)]
mod tests;
mod values;
mod windows;
mod world;
mod writes;

pub use choices::{ByteChoices, Choice, Choices, Recording, Replayed};
pub use profile::{Action, Profile};
pub use seeded::{SeededChoices, Stream};
pub use tally::{Tally, Uses, Worth};

use self::world::World;
use crate::repr::{GlobalId, Timestamp};
use crate::script::Command;

/// How many collections the end of a script looks at.
const LOOKED_AT: usize = 3;

/// Draws a script: a handshake, steps, and an end that looks at everything.
pub fn generate(choices: &mut dyn Choices, profile: &Profile) -> Vec<Command> {
    generate_counted(choices, profile).0
}

/// The same, and how much of it means something.
pub fn generate_counted(choices: &mut dyn Choices, profile: &Profile) -> (Vec<Command>, Tally) {
    let mut world = World::new(choices, profile);
    let weights = world.swarm();
    world.negative = profile.negative && world.choices.chance("negative counts", 1, 8);
    world.handshake();
    // Empty collections show little.
    for _ in 0..3 {
        if world.choices.chance("rows at the start", 3, 4) {
            world.write_another();
        }
    }
    let (least, most) = profile.steps;
    let steps = world.choices.between("steps", least, most);
    for _ in 0..steps {
        world.step(&weights);
    }
    world.end();
    (world.commands, world.tally)
}

impl World<'_> {
    /// The weights of this case: some kinds of steps are off, so that others
    /// come close together (Groce et al., "Swarm Testing", 2012).
    fn swarm(&mut self) -> Vec<u64> {
        Action::ALL
            .iter()
            .map(|action| {
                let weight = self.profile.weight(*action);
                let off = self.profile.swarm
                    && action.is_optional()
                    && weight > 0
                    && self.choices.chance("off in this case", 1, 4);
                if off { 0 } else { weight }
            })
            .collect()
    }

    fn step(&mut self, weights: &[u64]) {
        let drawn = self.choices.weighted("step", weights);
        let action = drawn.and_then(|index| Action::ALL.get(index).copied());
        let done = match action {
            Some(Action::Write) | None => self.write(),
            Some(Action::Advance) => self.advance(),
            Some(Action::DefineIndex) => self.define_index(),
            Some(Action::CreateDataflow) => self.create_dataflow(),
            Some(Action::Schedule) => self.schedule(),
            Some(Action::Compact) => self.compact(),
            Some(Action::Drop) => self.drop_some(),
            Some(Action::Count) => self.count(),
            Some(Action::Peek) => self.peek(),
            Some(Action::StartPeek) => self.start_peek(),
            Some(Action::AwaitPeek) => self.await_peek(),
            Some(Action::CancelPeek) => self.cancel_peek(),
            Some(Action::AwaitFrontier) => self.await_some_frontier(),
            Some(Action::Reconnect) => self.reconnect(),
            Some(Action::Configure) => self.configure(),
            Some(Action::DowngradeSince) => self.downgrade_since(),
            Some(Action::Restart) => self.restart(),
            Some(Action::AllowWrites) => self.allow_writes(),
            Some(Action::AwaitSubscribe) => self.await_subscribe(),
            Some(Action::Duplicate) => self.duplicate(),
            Some(Action::Kill) => self.kill(),
        };
        if !done {
            // What has no candidate yet is better served by having some.
            let _ = self.define_index() || self.write();
        }
    }

    /// Leaves nothing open: late schedules, open peeks, and a look at the
    /// contents of several indexes at several times.
    fn end(&mut self) {
        while self.choices.chance("schedule at the end", 3, 4) && self.schedule() {}
        for shard in self.own_shards() {
            let waits = self.open_peeks.iter().any(|open| {
                let collection = self.model().collection(open.id);
                collection.is_some_and(|c| {
                    let shards = c.dataflow.shards_of(c.export.on());
                    shards.contains(&self.shards[shard].alias)
                        && !self.model().must_answer(open.uuid)
                })
            });
            if waits && self.choices.chance("seal what is waited for", 3, 4) {
                self.advance_shard(shard);
            }
        }
        while !self.open_peeks.is_empty() {
            if !self.model().must_answer(self.open_peeks[0].uuid) {
                let peek = self.open_peeks[0].name.clone();
                self.emit(Command::CancelPeek { peek }, Worth::Shows);
            }
            self.await_open_peek(0);
        }
        let mut collections = self.live_exports();
        while collections.len() > LOOKED_AT {
            let at = self
                .choices
                .index("collection not looked at", collections.len());
            collections.remove(at);
        }
        for id in collections {
            self.look_at(id);
        }
        if self.profile.downgrade && self.choices.chance("wind down", 1, 4) {
            self.wind_down();
        }
    }

    /// The frontier of a collection, and its contents at the times that can
    /// differ.
    fn look_at(&mut self, id: GlobalId) {
        if let Some(must) = self.model().subscribe_must_reach(id) {
            let last = must.as_option().unwrap_or(self.since(id) + 2);
            self.await_batches(id, last);
            return;
        }
        let Some((first, last)) = self.readable(id) else {
            return;
        };
        self.await_frontier(id, last + 1);
        let mut times: Vec<Timestamp> = vec![last, first];
        times.push(self.choices.between("time of last look", first, last));
        times.sort_unstable();
        times.dedup();
        // That a collection is empty is seen at its last time.
        times.retain(|ts| *ts == last || !self.is_empty(id, *ts));
        for ts in times {
            self.peek_at(id, ts);
        }
    }
}
