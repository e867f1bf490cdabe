//! I-28: a subscribe ends once: with a batch to the empty frontier, or with
//! `DroppedAt` the last upper after it was dropped, and then is silent. Source:
//! `spec/replica.md` §6.1, §6.3, §10 I-20, I-21, I-26.
//!
//! With several workers the frontier of `DroppedAt` may be beyond the last
//! upper, because it is one worker's; never before it.

use std::collections::BTreeMap;

use super::{Breach, Invariant, Leniency, Place, Verdicts, batches, described, show};
use crate::model::Model;
use crate::protocol::v26_30::SubscribeResponse;
use crate::repr::{Antichain, GlobalId};
use crate::script::event::{Event, Wait};

/// What a subscribe said last.
#[derive(Debug, Clone)]
enum Last {
    Upper(Antichain),
    End,
}

pub struct SubscribeEnd {
    patience_ms: u64,
    one_worker: bool,
    last: BTreeMap<GlobalId, Last>,
}

impl SubscribeEnd {
    pub fn new(patience_ms: u64, one_worker: bool) -> Self {
        SubscribeEnd {
            patience_ms,
            one_worker,
            last: BTreeMap::new(),
        }
    }

    fn hear(
        &mut self,
        id: GlobalId,
        said: &SubscribeResponse,
        model: &Model,
        verdicts: &mut Verdicts,
    ) {
        let broken = |kind: &'static str, expected: &str, observed: String| Breach {
            kind,
            place: Place::at(id),
            expected: expected.to_string(),
            observed,
        };
        let before = self.last.get(&id).cloned();
        let (now, text) = match said {
            SubscribeResponse::Batch(batch) if batch.upper.is_empty() => {
                (Last::End, format!("a batch to {}", batch.upper))
            }
            SubscribeResponse::Batch(batch) => (
                Last::Upper(batch.upper.clone()),
                format!("a batch to {}", batch.upper),
            ),
            SubscribeResponse::DroppedAt(at) => (Last::End, format!("dropped at {at}")),
        };
        self.last.insert(id, now.clone());
        if let Some(Last::End) = before {
            return verdicts.violated(broken("after-end", "silence after its end", text));
        }
        let SubscribeResponse::DroppedAt(at) = said else {
            if let Last::End = now {
                verdicts.holds();
            }
            return;
        };
        if !model.is_dropped(id) {
            let expected = "a drop only after it was asked for";
            return verdicts.violated(broken("not-dropped", expected, text));
        }
        let last = match before {
            Some(Last::Upper(upper)) => upper,
            Some(Last::End) | None => Antichain::minimum(),
        };
        if self.one_worker {
            let expected = format!("a drop at the last upper {last}");
            return verdicts.check(last == *at, || broken("dropped-elsewhere", &expected, text));
        }
        if last != *at {
            verdicts.granted(Leniency::DropAhead);
        }
        verdicts.check(last.is_le(at), || {
            let expected = format!("a drop at the last upper {last}, or beyond it");
            broken("dropped-before-upper", &expected, text)
        });
    }
}

impl Invariant for SubscribeEnd {
    described!("I-28", "a subscribe ends once, and then is silent");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        match event {
            Event::SessionStarted { .. } => self.last.clear(),
            Event::Response(_) => {
                if let Some((id, said)) = batches::heard(event) {
                    self.hear(id, said, model, verdicts);
                }
            }
            Event::WaitTimedOut {
                wait: wait @ Wait::SubscribeEnd { id },
                waited_ms,
            } if model.must_end(wait) => {
                if *waited_ms < self.patience_ms {
                    return verdicts.open(Leniency::Impatient);
                }
                verdicts.violated(Breach {
                    kind: "no-end",
                    place: Place::at(*id),
                    expected: match model.is_dropped(*id) {
                        true => "`DroppedAt` after the drop".to_string(),
                        false => "a batch to the empty frontier".to_string(),
                    },
                    observed: format!("no last word{}", show::waited(*waited_ms)),
                });
            }
            _ => {}
        }
    }
}
