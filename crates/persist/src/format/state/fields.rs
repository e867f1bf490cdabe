//! The keys and values of a diff's fields, each as its own little message
//! (`spec/persist.md` §3.3).
//!
//! Invariant: numbers, texts and units use the wrapper shape, in which the
//! default is no bytes at all.

use std::sync::Arc;

use prost::Message;

use super::{CriticalReader, DEFAULT_READER_LEASE_MS, LeasedReader, SENTINEL_TOKEN, Writer};
use crate::format::corrupt::Corrupt;
use crate::format::description::{frontier_from_proto, frontier_to_proto};
use crate::format::trace::{HollowBatch, SpineId, ThinBatch, ThinMerge};
use crate::format::wire::state::{
    ProtoActive, ProtoCriticalReaderState, ProtoEncodedSchemas, ProtoHollowBatch,
    ProtoHollowRollup, ProtoLeasedReaderState, ProtoMerge, ProtoSpineBatch, ProtoSpineId,
    ProtoU64Antichain, ProtoWriterState, StringValue, U64Value,
};
use repr::Antichain;

/// A key or a value of a diff.
pub trait Slice: Sized {
    /// Appends the encoding.
    fn encode(&self, out: &mut Vec<u8>);
    /// The inverse.
    fn decode(bytes: &[u8]) -> Result<Self, Corrupt>;
}

fn message<M: Message + Default>(bytes: &[u8]) -> Result<M, Corrupt> {
    // Messages keep slices of what they are decoded from, so that nothing is
    // copied twice.
    M::decode(bytes::Bytes::copy_from_slice(bytes))
        .map_err(|e| Corrupt::new("state diff", e.to_string()))
}

fn put(message: &impl Message, out: &mut Vec<u8>) {
    message.encode_raw(out);
}

impl Slice for () {
    fn encode(&self, _out: &mut Vec<u8>) {}

    fn decode(_bytes: &[u8]) -> Result<Self, Corrupt> {
        Ok(())
    }
}

impl Slice for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        put(&U64Value { value: *self }, out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        Ok(message::<U64Value>(bytes)?.value)
    }
}

impl Slice for String {
    fn encode(&self, out: &mut Vec<u8>) {
        if !self.is_empty() {
            prost::encoding::string::encode(1, self, out);
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        Ok(message::<StringValue>(bytes)?.value)
    }
}

impl Slice for Antichain {
    fn encode(&self, out: &mut Vec<u8>) {
        put(&frontier_to_proto(self), out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        frontier_from_proto(Some(&message::<ProtoU64Antichain>(bytes)?), "state diff")
    }
}

/// Messages that are kept as they are.
macro_rules! slice_of_message {
    ($($message:ty),*) => {$(
        impl Slice for $message {
            fn encode(&self, out: &mut Vec<u8>) {
                put(self, out);
            }

            fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
                message(bytes)
            }
        }
    )*};
}

slice_of_message!(ProtoHollowRollup, ProtoActive);

impl Slice for Arc<ProtoEncodedSchemas> {
    fn encode(&self, out: &mut Vec<u8>) {
        put(&**self, out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        message::<ProtoEncodedSchemas>(bytes).map(Arc::new)
    }
}

impl Slice for SpineId {
    fn encode(&self, out: &mut Vec<u8>) {
        put(&ProtoSpineId::from(*self), out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        Ok(message::<ProtoSpineId>(bytes)?.into())
    }
}

impl Slice for Arc<HollowBatch> {
    fn encode(&self, out: &mut Vec<u8>) {
        put(&self.to_proto(), out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        HollowBatch::from_proto(message::<ProtoHollowBatch>(bytes)?).map(Arc::new)
    }
}

impl Slice for ThinBatch {
    fn encode(&self, out: &mut Vec<u8>) {
        put(&self.to_proto(), out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        ThinBatch::from_proto(&message::<ProtoSpineBatch>(bytes)?)
    }
}

impl Slice for ThinMerge {
    fn encode(&self, out: &mut Vec<u8>) {
        put(&self.to_proto(), out);
    }

    fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        ThinMerge::from_proto(&message::<ProtoMerge>(bytes)?)
    }
}

impl LeasedReader {
    pub(super) fn from_proto(proto: ProtoLeasedReaderState) -> Result<Self, Corrupt> {
        Ok(LeasedReader {
            since: frontier_from_proto(proto.since.as_ref(), "leased reader")?,
            seqno: proto.seqno,
            heartbeat_ms: proto.last_heartbeat_timestamp_ms,
            lease_ms: match proto.lease_duration_ms {
                0 => DEFAULT_READER_LEASE_MS,
                ms => ms,
            },
            debug: proto.debug,
        })
    }

    pub(super) fn to_proto(&self) -> ProtoLeasedReaderState {
        ProtoLeasedReaderState {
            since: Some(frontier_to_proto(&self.since)),
            seqno: self.seqno,
            last_heartbeat_timestamp_ms: self.heartbeat_ms,
            lease_duration_ms: self.lease_ms,
            debug: self.debug.clone(),
        }
    }
}

impl CriticalReader {
    pub(super) fn from_proto(proto: ProtoCriticalReaderState) -> Result<Self, Corrupt> {
        Ok(CriticalReader {
            since: frontier_from_proto(proto.since.as_ref(), "critical reader")?,
            opaque: proto.opaque,
            opaque_codec: proto.opaque_codec,
            debug: proto.debug,
        })
    }

    pub(super) fn to_proto(&self) -> ProtoCriticalReaderState {
        ProtoCriticalReaderState {
            since: Some(frontier_to_proto(&self.since)),
            opaque: self.opaque,
            opaque_codec: self.opaque_codec.clone(),
            debug: self.debug.clone(),
        }
    }
}

impl Writer {
    pub(super) fn from_proto(proto: ProtoWriterState) -> Result<Self, Corrupt> {
        let upper = match &proto.most_recent_write_upper {
            None => Antichain::minimum(),
            Some(upper) => frontier_from_proto(Some(upper), "writer")?,
        };
        Ok(Writer {
            heartbeat_ms: proto.last_heartbeat_timestamp_ms,
            lease_ms: proto.lease_duration_ms,
            token: if proto.most_recent_write_token.is_empty() {
                SENTINEL_TOKEN.to_string()
            } else {
                proto.most_recent_write_token
            },
            upper,
            debug: proto.debug,
        })
    }

    pub(super) fn to_proto(&self) -> ProtoWriterState {
        ProtoWriterState {
            last_heartbeat_timestamp_ms: self.heartbeat_ms,
            lease_duration_ms: self.lease_ms,
            most_recent_write_token: self.token.clone(),
            most_recent_write_upper: Some(frontier_to_proto(&self.upper)),
            debug: self.debug.clone(),
        }
    }
}

/// Handles whose message is decoded into a type of its own.
macro_rules! slice_of_handle {
    ($($handle:ty: $message:ty),*) => {$(
        impl Slice for $handle {
            fn encode(&self, out: &mut Vec<u8>) {
                put(&self.to_proto(), out);
            }

            fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
                <$handle>::from_proto(message::<$message>(bytes)?)
            }
        }
    )*};
}

slice_of_handle!(
    LeasedReader: ProtoLeasedReaderState,
    CriticalReader: ProtoCriticalReaderState,
    Writer: ProtoWriterState
);
