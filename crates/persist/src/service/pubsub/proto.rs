//! The messages of PubSub (`spec/persist.md` §7.1).
//!
//! Invariant: field numbers and types are those of the document.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use prost::{Message, Oneof};

/// The full name of the service.
pub const SERVICE: &str = "mz_persist_client.internal.service.ProtoPersistPubSub";

/// The path of its one method.
pub const PATH: &str = "/mz_persist_client.internal.service.ProtoPersistPubSub/PubSub";

/// The request header that names the caller.
pub const CALLER_ID: &str = "persist-pubsub-caller-id";

/// Any message, in either direction.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoPubSubMessage {
    /// When it was sent, since 1970.
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<ProtoDuration>,
    #[prost(oneof = "Body", tags = "2, 3, 4")]
    pub body: Option<Body>,
}

/// What it says.
#[derive(Clone, PartialEq, Oneof)]
pub enum Body {
    #[prost(message, tag = "2")]
    PushDiff(ProtoPushDiff),
    #[prost(message, tag = "3")]
    Subscribe(ProtoSubscribe),
    #[prost(message, tag = "4")]
    Unsubscribe(ProtoSubscribe),
}

/// A span of time.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ProtoDuration {
    #[prost(uint64, tag = "1")]
    pub secs: u64,
    #[prost(uint32, tag = "2")]
    pub nanos: u32,
}

/// A diff that was committed: exactly the consensus value of that seqno.
#[derive(Clone, PartialEq, Message)]
pub struct ProtoPushDiff {
    #[prost(string, tag = "1")]
    pub shard_id: String,
    #[prost(uint64, tag = "2")]
    pub seqno: u64,
    #[prost(bytes = "bytes", tag = "3")]
    pub diff: Bytes,
}

/// From now on (no longer) the diffs of a shard are wanted.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ProtoSubscribe {
    #[prost(string, tag = "1")]
    pub shard_id: String,
}

impl ProtoPubSubMessage {
    /// A message that is sent now.
    pub fn now(body: Body) -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let since_1970 = since_1970.unwrap_or_default();
        ProtoPubSubMessage {
            timestamp: Some(ProtoDuration {
                secs: since_1970.as_secs(),
                nanos: since_1970.subsec_nanos(),
            }),
            body: Some(body),
        }
    }
}
