//! The bounds of a batch (lower, upper, since) and their messages; a batch in
//! the state and the part that holds its updates both carry them
//! (`spec/persist.md` §3.5).
//!
//! Invariant: a frontier of these totally ordered times has at most one
//! element, and the lower of a batch has one.

use std::fmt;

use super::corrupt::Corrupt;
use super::wire::state::{ProtoU64Antichain, ProtoU64Description};
use repr::Antichain;

/// The frontier of a message that must be there.
pub fn frontier_from_proto(
    proto: Option<&ProtoU64Antichain>,
    what: &'static str,
) -> Result<Antichain, Corrupt> {
    let proto = proto.ok_or_else(|| Corrupt::new(what, "a frontier is missing"))?;
    match proto.elements[..] {
        [] => Ok(Antichain::empty()),
        [t] => Ok(Antichain::from_elem(t.cast_unsigned())),
        _ => Err(Corrupt::new(
            what,
            "a frontier of totally ordered times has more than one element",
        )),
    }
}

/// The message of a frontier.
pub fn frontier_to_proto(frontier: &Antichain) -> ProtoU64Antichain {
    ProtoU64Antichain {
        elements: frontier
            .as_option()
            .into_iter()
            .map(u64::cast_signed)
            .collect(),
    }
}

/// The times that a batch covers, and since when they are advanced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    pub lower: Antichain,
    pub upper: Antichain,
    pub since: Antichain,
}

impl Description {
    /// `[lower, upper)` of a user's write.
    pub fn of_write(lower: Antichain, upper: Antichain) -> Self {
        Description {
            lower,
            upper,
            since: Antichain::minimum(),
        }
    }

    /// From a message whose three frontiers must be there.
    pub fn from_proto(
        proto: Option<&ProtoU64Description>,
        what: &'static str,
    ) -> Result<Self, Corrupt> {
        let proto = proto.ok_or_else(|| Corrupt::new(what, "a description is missing"))?;
        let desc = Description {
            lower: frontier_from_proto(proto.lower.as_ref(), what)?,
            upper: frontier_from_proto(proto.upper.as_ref(), what)?,
            since: frontier_from_proto(proto.since.as_ref(), what)?,
        };
        if desc.lower.is_empty() {
            return Err(Corrupt::new(what, "the lower of a batch is empty"));
        }
        Ok(desc)
    }

    /// The message.
    pub fn to_proto(&self) -> ProtoU64Description {
        ProtoU64Description {
            lower: Some(frontier_to_proto(&self.lower)),
            upper: Some(frontier_to_proto(&self.upper)),
            since: Some(frontier_to_proto(&self.since)),
        }
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.lower, self.upper, self.since)
    }
}
