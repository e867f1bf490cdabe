//! Which of the replicas of a cluster is meant.
//!
//! Invariant: there are at most two, and scripts number them from 1.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the replicas of a cluster: there are at most two.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(into = "u64", try_from = "u64")]
pub enum Replica {
    #[default]
    First,
    Second,
}

impl Replica {
    pub const ALL: [Replica; 2] = [Replica::First, Replica::Second];

    /// Its place among the replicas, from 0.
    pub fn index(self) -> usize {
        match self {
            Replica::First => 0,
            Replica::Second => 1,
        }
    }
}

impl From<Replica> for u64 {
    fn from(replica: Replica) -> u64 {
        match replica {
            Replica::First => 1,
            Replica::Second => 2,
        }
    }
}

impl TryFrom<u64> for Replica {
    type Error = String;

    fn try_from(number: u64) -> Result<Replica, String> {
        let mut all = Replica::ALL.into_iter();
        all.find(|replica| u64::from(*replica) == number)
            .ok_or_else(|| format!("expected replica 1 or 2, got {number}"))
    }
}

impl fmt::Display for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        u64::from(*self).fmt(f)
    }
}
