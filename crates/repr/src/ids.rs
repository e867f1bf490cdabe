//! Ids: of collections (`u1001`), of local bindings (`l0`), of shards
//! (`s` + UUID). Their text forms are the ones of error messages and scripts.
//!
//! Invariant: parsing is the exact inverse of printing; the derived order is
//! the key order of maps on the wire (`spec/ctp.md` §2.2).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

/// An id's text that is not one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not {expected}")]
pub struct IdParseError {
    pub text: String,
    pub expected: &'static str,
}

/// The id of a collection: a source, an index or a sink.
///
/// Source: `src/repr/src/global_id.rs`; `spec/ctp.md` §2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GlobalId {
    System(u64),
    IntrospectionSourceIndex(u64),
    User(u64),
    Transient(u64),
    Explain,
}

impl fmt::Display for GlobalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GlobalId::System(n) => write!(f, "s{n}"),
            GlobalId::IntrospectionSourceIndex(n) => write!(f, "si{n}"),
            GlobalId::User(n) => write!(f, "u{n}"),
            GlobalId::Transient(n) => write!(f, "t{n}"),
            GlobalId::Explain => write!(f, "Explained Query"),
        }
    }
}

impl FromStr for GlobalId {
    type Err = IdParseError;

    /// Accepts `s1`, `si1`, `u1`, `t1`, and bare digits, which mean a user id.
    fn from_str(s: &str) -> Result<Self, IdParseError> {
        let err = || IdParseError {
            text: s.to_string(),
            expected: "an id like 1001, u1001, t1, s1 or si1",
        };
        let digits = |text: &str| -> Result<u64, IdParseError> {
            if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
                return Err(err());
            }
            text.parse().map_err(|_| err())
        };
        if s == "Explained Query" {
            Ok(GlobalId::Explain)
        } else if let Some(rest) = s.strip_prefix("si") {
            Ok(GlobalId::IntrospectionSourceIndex(digits(rest)?))
        } else if let Some(rest) = s.strip_prefix('s') {
            Ok(GlobalId::System(digits(rest)?))
        } else if let Some(rest) = s.strip_prefix('u') {
            Ok(GlobalId::User(digits(rest)?))
        } else if let Some(rest) = s.strip_prefix('t') {
            Ok(GlobalId::Transient(digits(rest)?))
        } else {
            Ok(GlobalId::User(digits(s)?))
        }
    }
}

/// The id of a catalog item; occurs in types with a custom id and in copy-to
/// connections. Source: `src/repr/src/catalog_item_id.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CatalogItemId {
    System(u64),
    IntrospectionSourceIndex(u64),
    User(u64),
    Transient(u64),
}

/// The id of a binding inside a plan; displays as `l0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LocalId(pub u64);

impl fmt::Display for LocalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "l{}", self.0)
    }
}

/// The id of a persist shard. Text and wire form: `s` + hyphenated UUID, 37
/// bytes (`spec/ctp.md` §1.8, `spec/persist.md` §2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ShardId(pub Uuid);

impl ShardId {
    /// A fresh random id.
    pub fn random() -> Self {
        ShardId(Uuid::new_v4())
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0.hyphenated())
    }
}

impl fmt::Debug for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShardId({})", self.0.hyphenated())
    }
}

impl FromStr for ShardId {
    type Err = IdParseError;

    fn from_str(s: &str) -> Result<Self, IdParseError> {
        s.strip_prefix('s')
            .and_then(|rest| Uuid::parse_str(rest).ok())
            .map(ShardId)
            .ok_or_else(|| IdParseError {
                text: s.to_string(),
                expected: "a shard id like s0a0b0c0d-0e0f-1011-1213-141516171819",
            })
    }
}

impl TryFrom<String> for ShardId {
    type Error = IdParseError;

    fn try_from(s: String) -> Result<Self, IdParseError> {
        s.parse()
    }
}

impl From<ShardId> for String {
    fn from(id: ShardId) -> String {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_parse_back_from_their_text() {
        for id in [
            GlobalId::System(1),
            GlobalId::IntrospectionSourceIndex(2),
            GlobalId::User(1001),
            GlobalId::Transient(4),
            GlobalId::Explain,
        ] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert_eq!("7".parse(), Ok(GlobalId::User(7)));
        let shard = "s0a0b0c0d-0e0f-1011-1213-141516171819";
        assert_eq!(shard.parse::<ShardId>().unwrap().to_string(), shard);
    }

    #[test]
    fn what_is_no_id_says_what_was_expected() {
        for text in ["", "u", "+5", "x1", "u1x", "s-1", "99999999999999999999999"] {
            let err = text.parse::<GlobalId>().unwrap_err();
            assert_eq!(
                err.to_string(),
                format!("`{text}` is not an id like 1001, u1001, t1, s1 or si1")
            );
        }
        assert!("x".parse::<ShardId>().is_err());
    }
}
