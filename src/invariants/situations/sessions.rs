//! Situations of reconnects, restarts and settings.

use std::sync::Arc;

use super::collections::shard_of_view;
use super::{Situation, Situations};
use crate::model::{Collection, Model};

impl Situations {
    pub(super) fn session_ends(&mut self, model: &Model) {
        self.past.sessions += 1;
        let session = model.session();
        if session.initialized {
            let live = |such: &dyn Fn(&Collection) -> bool| session.live_collections().any(such);
            let peeking = session.peeks.values().any(|peek| !peek.answered);
            self.see_if(peeking, Situation::ReconnectPeeking);
            let hydrating = live(&|c| self.is_hydrating(c));
            self.see_if(hydrating, Situation::ReconnectHydrating);
            let subscribed = live(&|c| c.is_subscribe());
            self.see_if(subscribed, Situation::ReconnectSubscribed);
            let read_only = live(&|c| shard_of_view(c).is_some() && !c.writes.may());
            self.see_if(read_only, Situation::ReconnectReadOnly);
            self.see_if(self.past.sessions > 2, Situation::ReconnectAgain);
        }
        self.told.clear();
        self.past.before = session
            .live_collections()
            .map(|c| (c.id, Arc::clone(&c.dataflow)))
            .collect();
    }

    /// What became of the dataflows that the replica had.
    pub(super) fn initialized(&mut self, model: &Model) {
        let session = model.session();
        for (id, old) in std::mem::take(&mut self.past.before) {
            match session.live(id) {
                None => self.see(Situation::ReconcileDrops),
                Some(new) if new.retained => {
                    self.see(Situation::ReconcileKeeps);
                    let later = new.as_of() > old.spec.as_of;
                    self.see_if(later, Situation::ReconcileCompacts);
                }
                Some(new) => {
                    let other = !new.dataflow.is_compatible_with(&old);
                    self.see_if(other, Situation::ReconcileReplaces);
                }
            }
        }
    }

    pub(super) fn target_restarts(&mut self, model: &Model) {
        let session = model.session();
        let live = |such: &dyn Fn(&Collection) -> bool| session.live_collections().any(such);
        let peeking = session.peeks.values().any(|peek| !peek.answered);
        self.see_if(peeking, Situation::RestartPeeking);
        let hydrating = live(&|c| self.is_hydrating(c));
        self.see_if(hydrating, Situation::RestartHydrating);
        let viewed = live(&|c| shard_of_view(c).is_some());
        self.see_if(viewed, Situation::RestartView);
        self.told.clear();
        self.past.before.clear();
    }

    pub(super) fn configured(&mut self, model: &Model) {
        let live = model.session().live_collections().next().is_some();
        self.see_if(live, Situation::Reconfigured);
    }
}
