//! I-33: what is dropped holds no shard: once every dataflow that read a shard is
//! gone, scheduled or not, no reader of the shard holds it back more than the driver.
//! Liveness: broken when a wait ran out. Source: `spec/replica.md` §3.6, §10 I-42.
//!
//! Does not apply to the shards of views, which their sinks read back, nor after a
//! restart to what the process before has read: it holds that until its lease ends.

use super::{Breach, Invariant, Leniency, Place, Verdicts, described, show};
use crate::model::Model;
use crate::script::event::{Event, Wait};

pub struct Released {
    /// A wait that was shorter proves nothing.
    pub patience_ms: u64,
}

impl Invariant for Released {
    described!("I-33", "what is dropped holds no shard");

    fn on_event(&mut self, event: &Event, model: &Model, verdicts: &mut Verdicts) {
        match event {
            Event::ShardReleased { .. } => verdicts.holds(),
            Event::WaitTimedOut {
                wait: wait @ Wait::Released { shard },
                waited_ms,
            } if model.must_end(wait) => {
                if *waited_ms < self.patience_ms {
                    return verdicts.open(Leniency::Impatient);
                }
                let waited = show::waited(*waited_ms);
                verdicts.violated(Breach {
                    kind: "held",
                    place: Place::nowhere(),
                    expected: format!("no reader of shard `{shard}` before the driver's since"),
                    observed: format!("one that holds it back{waited}"),
                });
            }
            _ => {}
        }
    }
}
