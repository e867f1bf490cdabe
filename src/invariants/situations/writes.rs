//! Situations of writes.

use super::collections::{readers, shard_of_view};
use super::{Situation, Situations};
use crate::model::Model;
use crate::repr::{Diff, Row, Timestamp};

impl Situations {
    pub(super) fn written(
        &mut self,
        shard: &str,
        updates: &[(Row, Timestamp, Diff)],
        model: &Model,
    ) {
        self.past.writes += 1;
        self.see_if(updates.is_empty(), Situation::WriteNothing);
        let retracts = updates.iter().any(|(_, _, diff)| *diff < 0);
        self.see_if(retracts, Situation::WriteRetracts);
        let first = updates.first().map(|(_, ts, _)| *ts);
        let several = updates.iter().any(|(_, ts, _)| Some(*ts) != first);
        self.see_if(several, Situation::WriteSeveral);
        if retracts && self.is_new(Situation::WriteNegates) {
            let known = model.shard(shard);
            let mut contents = known
                .map(|known| known.contents(Timestamp::MAX))
                .unwrap_or_default();
            for (row, _, diff) in updates {
                contents.add(row.clone(), *diff);
            }
            self.see_if(contents.has_negative(), Situation::WriteNegates);
        }
        let session = model.session();
        let peeking = session.peeks.values().any(|peek| !peek.answered);
        self.see_if(peeking, Situation::WriteUnderPeek);
        let mut reading = readers(session, shard);
        let hydrating = reading.any(|reader| self.is_hydrating(reader));
        self.see_if(hydrating, Situation::WriteHydrating);
        let mut reading = readers(session, shard);
        let read_only = reading.any(|c| shard_of_view(c).is_some() && !c.writes.may());
        self.see_if(read_only, Situation::ViewReadOnly);
    }
}
