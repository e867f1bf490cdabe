//! When workers put the rows of answers into the stash: as they were told last, or,
//! where that is not certain, as they may have been told. Source: `spec/replica.md`
//! §5.6, §8.2.
//!
//! Invariant: workers keep what they were told over connections.

use std::collections::BTreeSet;

use script::config::{STASH_THRESHOLD_BYTES, StashUpdate};

/// How a worker may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Setting {
    enabled: bool,
    threshold_bytes: u64,
}

impl Setting {
    fn after(self, update: &StashUpdate) -> Self {
        Setting {
            enabled: update.enabled.unwrap_or(self.enabled),
            threshold_bytes: update.threshold_bytes.unwrap_or(self.threshold_bytes),
        }
    }
}

/// What is known of the settings of the workers.
#[derive(Debug, Clone)]
pub(super) struct Stash {
    workers: BTreeSet<Setting>,
    /// What they may have instead if the session ends here.
    before: BTreeSet<Setting>,
}

impl Default for Stash {
    fn default() -> Self {
        let unset = Setting {
            enabled: true,
            threshold_bytes: STASH_THRESHOLD_BYTES as u64,
        };
        Stash {
            workers: [unset].into(),
            before: BTreeSet::new(),
        }
    }
}

impl Stash {
    /// An update was sent.
    pub fn set(&mut self, update: &StashUpdate) {
        let after = self.workers.iter().map(|worker| worker.after(update));
        let after = after.collect();
        self.before
            .append(&mut std::mem::replace(&mut self.workers, after));
    }

    /// An update was sent that counts only under conditions that are not known here.
    pub fn set_perhaps(&mut self, update: &StashUpdate) {
        let after: Vec<_> = self.workers.iter().map(|w| w.after(update)).collect();
        self.workers.extend(after);
    }

    /// A session begins; the one before may have ended before workers heard all.
    pub fn reconnect(&mut self) {
        self.workers.append(&mut self.before);
    }

    /// When an answer may lie in the stash now.
    pub fn now(&self) -> StashUse {
        let enabled = self.workers.iter().filter(|worker| worker.enabled);
        let thresholds = enabled.map(|worker| worker.threshold_bytes);
        let always = self.workers.iter().all(|worker| worker.enabled);
        StashUse {
            may: thresholds.clone().next().is_some(),
            must_beyond: thresholds.max().filter(|_| always),
        }
    }
}

/// When the rows of one answer lie in the stash.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StashUse {
    /// They may.
    pub may: bool,
    /// On one worker, they do if they have more bytes than this.
    pub must_beyond: Option<u64>,
}

impl StashUse {
    /// The same, or `other`: it may be answered under either.
    pub fn widen(&mut self, other: StashUse) {
        self.may |= other.may;
        let both = self.must_beyond.zip(other.must_beyond);
        self.must_beyond = both.map(|(a, b)| a.max(b));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(enabled: bool) -> StashUpdate {
        StashUpdate {
            enabled: Some(enabled),
            threshold_bytes: None,
        }
    }

    #[test]
    fn what_is_not_named_stays_and_a_connection_that_ends_leaves_doubt() {
        let mut stash = Stash::default();
        stash.set(&told(false));
        assert_eq!(stash.now(), StashUse::default());
        stash.set(&StashUpdate {
            enabled: Some(true),
            threshold_bytes: Some(100),
        });
        let now = stash.now();
        assert_eq!((now.may, now.must_beyond), (true, Some(100)));
        stash.reconnect();
        let now = stash.now();
        assert_eq!((now.may, now.must_beyond), (true, None));
        stash.set(&told(false));
        assert_eq!(stash.now(), StashUse::default());
        stash.set_perhaps(&told(true));
        let now = stash.now();
        assert_eq!((now.may, now.must_beyond), (true, None));
    }

    #[test]
    fn an_answer_that_waited_over_a_change_may_be_of_either() {
        let mut of_peek = StashUse {
            may: true,
            must_beyond: Some(10),
        };
        of_peek.widen(StashUse {
            may: true,
            must_beyond: Some(20),
        });
        assert_eq!(of_peek.must_beyond, Some(20));
        of_peek.widen(StashUse::default());
        assert_eq!((of_peek.may, of_peek.must_beyond), (true, None));
    }
}
