//! The batches of the parts of one subscribe. Source: `spec/replica.md` §6.3.
//!
//! Invariants: merged batches are gapless from `[0]`; an error of any part
//! poisons every batch after it; after a drop nothing more comes.

use super::size::{ByteSize, update_collection};
use crate::v26_30::{SubscribeBatch, SubscribeResponse, UpdateCollection};
use repr::Antichain;

#[derive(Debug)]
pub(super) struct Subscribe {
    uppers: Vec<Antichain>,
    merged: Antichain,
    /// What was said and is not covered by the merged frontier yet.
    stash: Result<Vec<UpdateCollection>, String>,
    dropped: bool,
}

impl Subscribe {
    pub(super) fn new(parts: usize) -> Self {
        Subscribe {
            uppers: vec![Antichain::minimum(); parts],
            merged: Antichain::minimum(),
            stash: Ok(Vec::new()),
            dropped: false,
        }
    }

    pub(super) fn absorb(
        &mut self,
        part: usize,
        response: SubscribeResponse,
        max_result_size: u64,
    ) -> Option<SubscribeResponse> {
        match response {
            SubscribeResponse::DroppedAt(frontier) => {
                self.uppers[part] = Antichain::empty();
                let first = !std::mem::replace(&mut self.dropped, true);
                first.then_some(SubscribeResponse::DroppedAt(frontier))
            }
            SubscribeResponse::Batch(batch) => {
                self.uppers[part] = batch.upper;
                self.take(batch.updates, max_result_size);
                let upper = self.uppers.iter().min()?.clone();
                if self.dropped || upper == self.merged {
                    return None;
                }
                let updates = self.release(&upper);
                let lower = std::mem::replace(&mut self.merged, upper.clone());
                Some(SubscribeResponse::Batch(SubscribeBatch {
                    lower,
                    upper,
                    updates,
                }))
            }
        }
    }

    /// Whether every part has finished or was dropped.
    pub(super) fn is_done(&self) -> bool {
        self.uppers.iter().all(Antichain::is_empty)
    }

    fn take(&mut self, updates: Result<Vec<UpdateCollection>, String>, max_result_size: u64) {
        let Ok(stash) = &mut self.stash else {
            return;
        };
        match updates {
            Err(text) => self.stash = Err(text),
            Ok(pieces) => {
                stash.extend(pieces);
                let bytes: u64 = stash.iter().map(update_collection).sum();
                if bytes > max_result_size {
                    let limit = ByteSize(max_result_size);
                    self.stash = Err(format!("total result exceeds max size of {limit}"));
                }
            }
        }
    }

    /// Takes what is before `upper` out of the stash.
    fn release(&mut self, upper: &Antichain) -> Result<Vec<UpdateCollection>, String> {
        let stash = match &mut self.stash {
            Ok(stash) => std::mem::take(stash),
            Err(text) => return Err(text.clone()),
        };
        let mut released = Vec::new();
        let mut kept = Vec::new();
        for piece in stash {
            if piece.times.iter().all(|time| !upper.less_equal(*time)) {
                released.push(piece);
                continue;
            }
            match piece.updates() {
                Ok(updates) => {
                    let (later, now): (Vec<_>, Vec<_>) = updates
                        .into_iter()
                        .partition(|(_, time, _)| upper.less_equal(*time));
                    released.push(UpdateCollection::from_updates(&now));
                    kept.push(UpdateCollection::from_updates(&later));
                }
                Err(malformed) => {
                    let text = malformed.to_string();
                    self.stash = Err(text.clone());
                    return Err(text);
                }
            }
        }
        released.retain(|piece| !piece.times.is_empty());
        self.stash = Ok(kept);
        Ok(released)
    }
}
