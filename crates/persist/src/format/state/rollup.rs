//! The whole state as a blob (`spec/persist.md` §3.4).
//!
//! Invariant: a rollup is a function of the state and of the consensus values
//! since the rollup before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;

use super::{CODECS, CriticalReader, LeasedReader, State, Writer};
use crate::format::corrupt::Corrupt;
use crate::format::seqno::{SeqNo, VersionedData};
use crate::format::trace::{FlatTrace, Trace};
use crate::format::wire::state::{
    ProtoHollowRollup, ProtoInlinedDiffs, ProtoRollup, ProtoVersionedData,
};
use repr::ShardId;

fn bad(why: impl Into<String>) -> Corrupt {
    Corrupt::new("rollup", why)
}

/// The blob of `state`. `diffs` are the consensus values after the latest
/// rollup that the state knows, up to the state itself.
pub fn encode_rollup(state: &State, diffs: Option<&[VersionedData]>) -> Bytes {
    let latest = state.latest_rollup().map_or(0, |(seqno, _)| seqno);
    let diffs = diffs.map(|diffs| ProtoInlinedDiffs {
        lower: latest + 1,
        upper: state.seqno.0 + 1,
        diffs: diffs
            .iter()
            .map(|d| ProtoVersionedData {
                seqno: d.seqno.0,
                data: d.data.clone(),
            })
            .collect(),
    });
    let [key_codec, val_codec, ts_codec, diff_codec] = CODECS.map(String::from);
    let proto = ProtoRollup {
        shard_id: state.shard.to_string(),
        key_codec,
        val_codec,
        ts_codec,
        diff_codec,
        seqno: state.seqno.0,
        trace: Some(state.trace.flatten().to_proto()),
        leased_readers: map(&state.leased_readers, LeasedReader::to_proto),
        writers: map(&state.writers, Writer::to_proto),
        last_gc_req: state.last_gc_req,
        applier_version: state.version.clone(),
        deprecated_rollups: BTreeMap::new(),
        critical_readers: map(&state.critical_readers, CriticalReader::to_proto),
        hostname: state.hostname.clone(),
        walltime_ms: state.walltime_ms,
        rollups: state.rollups.clone(),
        diffs,
        schemas: state
            .schemas
            .iter()
            .map(|(id, s)| (*id, s.as_ref().clone()))
            .collect(),
        active_rollup: state.active_rollup,
        active_gc: state.active_gc,
    };
    proto.encode_to_vec().into()
}

fn map<K: Ord + Clone, A, B>(from: &BTreeMap<K, A>, f: impl Fn(&A) -> B) -> BTreeMap<K, B> {
    from.iter().map(|(k, v)| (k.clone(), f(v))).collect()
}

/// Which codecs a rollup names.
pub struct Codecs(pub [String; 4]);

/// Decodes a rollup of `shard`: the state, the codec names, and the diffs that
/// it carries. The version is not judged.
pub fn decode_rollup(
    shard: ShardId,
    bytes: Bytes,
) -> Result<(State, Codecs, Option<Vec<VersionedData>>), Corrupt> {
    let proto = ProtoRollup::decode(bytes).map_err(|e| bad(e.to_string()))?;
    if proto.shard_id != shard.to_string() {
        return Err(bad(format!("it belongs to shard `{}`", proto.shard_id)));
    }
    let mut rollups = proto.rollups;
    for (seqno, key) in proto.deprecated_rollups {
        rollups.entry(seqno).or_insert(ProtoHollowRollup {
            key,
            encoded_size_bytes: None,
        });
    }
    let Some((latest, _)) = rollups.last_key_value() else {
        return Err(bad("it lists no rollup"));
    };
    let diffs = match proto.diffs {
        None => None,
        Some(diffs) => {
            let expected = (latest.checked_add(1), proto.seqno.checked_add(1));
            if (Some(diffs.lower), Some(diffs.upper)) != expected {
                return Err(bad(format!(
                    "it carries the diffs [{}, {}), of seqno {} after rollup {latest}",
                    diffs.lower, diffs.upper, proto.seqno
                )));
            }
            let diffs = diffs.diffs.into_iter().map(|d| VersionedData {
                seqno: SeqNo(d.seqno),
                data: d.data,
            });
            Some(diffs.collect())
        }
    };
    let trace = proto.trace.ok_or_else(|| bad("it has no trace"))?;
    let state = State {
        shard,
        seqno: SeqNo(proto.seqno),
        version: proto.applier_version,
        hostname: proto.hostname,
        walltime_ms: proto.walltime_ms,
        last_gc_req: proto.last_gc_req,
        rollups,
        active_rollup: proto.active_rollup,
        active_gc: proto.active_gc,
        leased_readers: try_map(proto.leased_readers, LeasedReader::from_proto)?,
        critical_readers: try_map(proto.critical_readers, CriticalReader::from_proto)?,
        writers: try_map(proto.writers, Writer::from_proto)?,
        schemas: proto
            .schemas
            .into_iter()
            .map(|(id, s)| (id, Arc::new(s)))
            .collect(),
        trace: Trace::unflatten(FlatTrace::from_proto(trace)?)?,
    };
    let codecs = Codecs([
        proto.key_codec,
        proto.val_codec,
        proto.ts_codec,
        proto.diff_codec,
    ]);
    Ok((state, codecs, diffs))
}

fn try_map<K: Ord, A, B>(
    from: BTreeMap<K, A>,
    f: impl Fn(A) -> Result<B, Corrupt>,
) -> Result<BTreeMap<K, B>, Corrupt> {
    from.into_iter().map(|(k, v)| Ok((k, f(v)?))).collect()
}
