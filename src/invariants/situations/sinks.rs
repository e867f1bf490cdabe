//! Situations of subscribes and of materialized views.

use super::{Situation, Situations};
use crate::model::Model;
use crate::protocol::v26_30::SubscribeResponse;
use crate::repr::GlobalId;
use crate::script::event::{DataflowSpec, ExportSpec, ShardContents};

impl Situations {
    pub(super) fn views_created(&mut self, spec: &DataflowSpec) {
        for export in &spec.exports {
            match export {
                ExportSpec::Index { .. } => {}
                ExportSpec::Subscribe { snapshot, .. } => {
                    self.see_if(!snapshot, Situation::SubscribeChanges);
                }
                ExportSpec::MaterializedView {
                    shard,
                    not_null,
                    refresh,
                    ..
                } => {
                    self.see_if(refresh.is_some(), Situation::ViewRefreshes);
                    self.see_if(!not_null.is_empty(), Situation::ViewWithoutNulls);
                    let writes = self.past.writes;
                    let before = self.past.viewed_after.insert(shard.clone(), writes);
                    let again = before.is_some_and(|before| before < writes);
                    self.see_if(again, Situation::ViewRestarts);
                }
            }
        }
    }

    pub(super) fn writes_allowed(&mut self, id: GlobalId) {
        let created = self.past.created_after.get(&id).copied();
        let late = created.is_some_and(|then| then < self.past.writes);
        self.see_if(late, Situation::ViewAllowedLate);
    }

    pub(super) fn subscribe_told(
        &mut self,
        id: GlobalId,
        response: &SubscribeResponse,
        model: &Model,
    ) {
        match response {
            SubscribeResponse::Batch(batch) => {
                let end = model.session().live(id).and_then(|c| c.up_to());
                let ends = end.is_some_and(|end| !batch.upper.less_than(end));
                self.see_if(ends || batch.upper.is_empty(), Situation::SubscribeEnds);
                match &batch.updates {
                    Ok(updates) => {
                        let mut updates = updates.iter().flat_map(|part| part.updates()).flatten();
                        let retracts = updates.any(|(_, _, diff)| diff < 0);
                        self.see_if(retracts, Situation::SubscribeRetracts);
                    }
                    Err(_) => self.see(Situation::SubscribeFails),
                }
            }
            SubscribeResponse::DroppedAt(_) => {}
        }
    }

    pub(super) fn shard_read(&mut self, contents: &ShardContents) {
        self.see_if(!contents.errors.is_empty(), Situation::ViewFails);
    }
}
