//! I-09: compaction never changes an answer at or after the since. Two answers
//! at one time, with an AllowCompaction of the collection between the peeks or
//! while one of them waited, are equal. Source: `spec/replica.md` §10 I-25.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Breach, Invariant, Place, Verdicts, answers, described, show};
use crate::model::{Model, Multiset};
use crate::repr::{GlobalId, Timestamp};
use crate::script::event::Event;

#[derive(Default)]
pub struct CompactionKeepsAnswers {
    /// How often the collection was compacted so far.
    compactions: BTreeMap<GlobalId, u64>,
    /// How often it had been compacted when the peek was sent.
    sent: BTreeMap<Uuid, u64>,
    /// The first answer, and the number of compactions when it was asked for.
    answered: BTreeMap<(GlobalId, Timestamp), (u64, Multiset)>,
}

impl Invariant for CompactionKeepsAnswers {
    described!("I-09", "compaction changes no answer at or after the since");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        match event {
            Event::SessionStarted { .. } => *self = Self::default(),
            Event::AllowedCompaction { id, frontier } if !frontier.is_empty() => {
                *self.compactions.entry(*id).or_default() += 1;
            }
            Event::PeekSent(peek) => {
                let compactions = self.compactions.get(&peek.id).copied().unwrap_or(0);
                self.sent.insert(peek.uuid, compactions);
            }
            Event::Response(_) => {
                let Some(answer) = answers::sound(event, model) else {
                    return;
                };
                let spec = &answer.peek.spec;
                let sent = self.sent.get(&answer.uuid).copied().unwrap_or(0);
                match self.answered.get(&(spec.id, spec.ts)) {
                    None => {
                        self.answered
                            .insert((spec.id, spec.ts), (sent, answer.rows));
                    }
                    Some((before, _)) if *before == sent => {}
                    Some((_, rows)) => {
                        verdicts.check(*rows == answer.rows, || Breach {
                            kind: "changed-by-compaction",
                            place: Place::peek(spec.id, spec.ts, answer.uuid),
                            expected: format!("as before the compaction: {}", show::rows(rows)),
                            observed: show::difference(&answer.rows, rows),
                        });
                    }
                }
            }
            _ => {}
        }
    }
}
