//! When the cached state is too old to be believed, and what tells us of newer
//! ones (`spec/persist.md` §6.1, §7.3).
//!
//! Invariant: waiting costs next to nothing. A store that tells of commits is
//! never asked without a reason; another is asked at most once per pause, and
//! the pause grows while nothing happens.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::format::seqno::SeqNo;
use crate::service::config::PersistConfig;

/// Whether PubSub brings the diffs of others at the moment.
#[derive(Debug, Default)]
pub(crate) struct PubSubStatus {
    live: Mutex<bool>,
    changed: Condvar,
}

impl PubSubStatus {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.live.lock()
    }

    pub fn get(&self) -> bool {
        *self.lock()
    }

    pub fn set(&self, live: bool) {
        *self.lock() = live;
        self.changed.notify_all();
    }

    /// Waits until it is `wanted`; whether it is, at `timeout` at the latest.
    pub fn wait_for(&self, wanted: bool, timeout: Duration) -> bool {
        let mut live = self.lock();
        self.changed
            .wait_while_for(&mut live, |live| *live != wanted, timeout);
        *live == wanted
    }
}

/// What tells us that others have committed.
#[derive(Debug, Clone)]
pub(crate) struct Notifications {
    /// Consensus itself does, before the commit returns.
    pub consensus: bool,
    /// PubSub does, while it is there.
    pub pubsub: Arc<PubSubStatus>,
}

impl Notifications {
    /// The longest pause between two looks at consensus. `None`: there is no
    /// need to look.
    fn longest_pause(&self, config: &PersistConfig) -> Option<Duration> {
        if self.consensus {
            None
        } else if self.pubsub.get() {
            Some(config.poll_max_pubsub)
        } else {
            Some(config.poll_max)
        }
    }
}

/// The age of a cached state.
pub(super) struct Freshness {
    /// When consensus was asked last.
    asked: Instant,
    pause: Duration,
    /// The newest seqno that was heard of.
    heard: SeqNo,
}

impl fmt::Debug for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Freshness(heard {}, pause {:?})", self.heard, self.pause)
    }
}

impl Freshness {
    /// Of a state that was just loaded. What was committed between loading and
    /// the first look was not heard of.
    pub fn new(seqno: SeqNo, config: &PersistConfig) -> Self {
        Freshness {
            asked: Instant::now(),
            pause: config.poll_first,
            heard: seqno.next(),
        }
    }

    /// Takes note that `seqno` was committed.
    pub fn hear(&mut self, seqno: SeqNo) {
        self.heard = self.heard.max(seqno);
    }

    /// How long the state may still be believed; zero: it is known to be old.
    /// `None`: until a newer one is heard of.
    pub fn remaining(
        &self,
        seqno: SeqNo,
        notifications: &Notifications,
        config: &PersistConfig,
    ) -> Option<Duration> {
        if self.heard > seqno {
            return Some(Duration::ZERO);
        }
        let longest = notifications.longest_pause(config)?;
        Some(self.pause.min(longest).saturating_sub(self.asked.elapsed()))
    }

    /// A look at consensus begins: what had been heard by then.
    pub fn heard(&self) -> SeqNo {
        self.heard
    }

    /// It has ended: the state is `seqno` now, and was older if it `moved`.
    pub fn asked(&mut self, heard: SeqNo, moved: bool, config: &PersistConfig) {
        self.asked = Instant::now();
        if self.heard == heard {
            // What was heard of is contained, or was not true.
            self.heard = SeqNo::MIN;
        }
        if moved {
            self.pause = config.poll_first;
        } else {
            let longest = config.poll_max.max(config.poll_max_pubsub);
            self.pause = (self.pause + self.pause / 2).min(longest);
        }
    }

    /// A wait begins: look often at first.
    pub fn hurry(&mut self, config: &PersistConfig) {
        self.pause = config.poll_first;
    }
}
