//! Catching up: creating a shard, loading its state from a rollup and the
//! diffs after it, following the log (`spec/persist.md` §3.10, §4.1).
//!
//! Invariant: a state that is returned is the one of the last seqno scanned.

use bytes::Bytes;
use semver::Version;

use super::{Stores, store_error};
use crate::format::corrupt::Corrupt;
use crate::format::seqno::{SeqNo, VersionedData};
use crate::format::state::{
    CODECS, Replay, State, StateDiff, can_read, decode_rollup, diff_between, encode_rollup,
};
use crate::format::wire::state::ProtoHollowRollup;
use crate::service::consensus::{CaSResult, SCAN_ALL};
use crate::service::error::PersistError;
use crate::service::retry::retry;
use repr::ShardId;

/// How often a scan that raced with a garbage collection is repeated.
const STALE_SCANS: usize = 100;

/// Decodes a consensus value and judges its version.
pub fn decode_diff(
    shard: ShardId,
    entry: &VersionedData,
    ours: &Version,
) -> Result<StateDiff, PersistError> {
    let corrupt = |source| PersistError::Corrupt { shard, source };
    let diff = StateDiff::decode(&entry.data).map_err(corrupt)?;
    check_version(shard, &diff.version, ours)?;
    if diff.seqno_to != entry.seqno.0 {
        return Err(corrupt(Corrupt::new(
            "state diff",
            format!("it is of v{}, stored at {}", diff.seqno_to, entry.seqno),
        )));
    }
    Ok(diff)
}

fn check_version(shard: ShardId, version: &str, ours: &Version) -> Result<(), PersistError> {
    let readable =
        can_read(version, ours).map_err(|source| PersistError::Corrupt { shard, source })?;
    if readable {
        return Ok(());
    }
    Err(PersistError::Version {
        shard,
        ours: ours.to_string(),
        data: version.into(),
    })
}

/// The state of the shard as of now, which is created if it is not there.
pub fn load_or_init(shard: ShardId, stores: &Stores) -> Result<State, PersistError> {
    if let Some(state) = load(shard, stores)? {
        return Ok(state);
    }
    let config = &stores.config;
    let now = config.clock.now_ms();
    let before = State::initial(shard, &config.version, &config.hostname, now);
    let mut state = before.clone();
    let key = format!("{}/{}", SeqNo::MIN, config.uuid_text("r"));
    state.rollups.insert(
        0,
        ProtoHollowRollup {
            key: key.clone(),
            encoded_size_bytes: None,
        },
    );
    let blob_key = format!("{shard}/{key}");
    // The first rollup lists itself, and carries no diffs.
    let rollup = encode_rollup(&state, Some(&[]));
    retry(config.retry_for, || {
        stores.blob.set(&blob_key, rollup.clone())
    })
    .map_err(|e| store_error(shard, e))?;
    let first = VersionedData {
        seqno: SeqNo::MIN,
        data: diff_between(&before, &state).encode(),
    };
    let outcome = retry(config.retry_for, || {
        stores
            .consensus
            .compare_and_set(&shard.to_string(), first.clone())
    })
    .map_err(|e| store_error(shard, e))?;
    match outcome {
        CaSResult::Committed => Ok(state),
        CaSResult::ExpectationMismatch => {
            // Another process was faster, or we were and did not hear of it.
            let state = load(shard, stores)?.ok_or_else(|| PersistError::Usage {
                shard,
                why: "consensus refused the first state but has none".into(),
            })?;
            if !state.rollups.values().any(|r| r.key == key) {
                retry(config.retry_for, || stores.blob.delete(&blob_key))
                    .map_err(|e| store_error(shard, e))?;
            }
            Ok(state)
        }
    }
}

/// The state of the shard as of now, if it exists.
pub fn load(shard: ShardId, stores: &Stores) -> Result<Option<State>, PersistError> {
    for _ in 0..STALE_SCANS {
        let entries = recent_diffs(shard, stores)?;
        if entries.is_empty() {
            return Ok(None);
        }
        if let Some(state) = from_latest_rollup(shard, stores, &entries)? {
            return Ok(Some(state));
        }
    }
    Err(PersistError::Corrupt {
        shard,
        source: Corrupt::new("rollup", "the one that the newest state names is missing"),
    })
}

fn scan(
    shard: ShardId,
    stores: &Stores,
    from: SeqNo,
    limit: u64,
) -> Result<Vec<VersionedData>, PersistError> {
    retry(stores.config.retry_for, || {
        stores.consensus.scan(&shard.to_string(), from, limit)
    })
    .map_err(|e| store_error(shard, e))
}

fn recent_diffs(shard: ShardId, stores: &Stores) -> Result<Vec<VersionedData>, PersistError> {
    let limit = stores.config.recent_live_diffs_limit;
    let entries = scan(shard, stores, SeqNo::MIN, limit)?;
    if (entries.len() as u64) < limit {
        return Ok(entries);
    }
    // A long log: start at the newest rollup.
    let head = retry(stores.config.retry_for, || {
        stores.consensus.head(&shard.to_string())
    })
    .map_err(|e| store_error(shard, e))?;
    let Some(head) = head else {
        return Ok(entries);
    };
    let diff = decode_diff(shard, &head, &stores.config.version)?;
    let seqno = rollup_seqno(&diff.latest_rollup_key)
        .map_err(|source| PersistError::Corrupt { shard, source })?;
    scan(shard, stores, seqno, SCAN_ALL)
}

/// The seqno of a partial rollup key, `v17/r…`.
pub fn rollup_seqno(key: &str) -> Result<SeqNo, Corrupt> {
    key.split_once('/')
        .filter(|(_, id)| id.starts_with('r') && !id.contains(['/', '.']))
        .and_then(|(seqno, _)| seqno.parse().ok())
        .ok_or_else(|| Corrupt::new("rollup key", format!("`{key}` is not one like v17/r…")))
}

/// The state that the entries lead to, from the rollup that the last one
/// names. `None` if that is gone: the scan was stale.
fn from_latest_rollup(
    shard: ShardId,
    stores: &Stores,
    entries: &[VersionedData],
) -> Result<Option<State>, PersistError> {
    let Some(last) = entries.last() else {
        return Ok(None);
    };
    let key = decode_diff(shard, last, &stores.config.version)?.latest_rollup_key;
    rollup_seqno(&key).map_err(|source| PersistError::Corrupt { shard, source })?;
    let Some(rollup) = fetch_rollup(shard, stores, &key)? else {
        return Ok(None);
    };
    let state = replay(shard, rollup, entries, &stores.config.version)?;
    if state.seqno != last.seqno {
        return Err(PersistError::Corrupt {
            shard,
            source: Corrupt::new(
                "state",
                format!(
                    "the log leads to {}, its head is {}",
                    state.seqno, last.seqno
                ),
            ),
        });
    }
    Ok(Some(state))
}

/// Fetches and decodes a rollup; `None` if the blob is gone.
pub fn fetch_rollup(
    shard: ShardId,
    stores: &Stores,
    key: &str,
) -> Result<Option<State>, PersistError> {
    let blob_key = format!("{shard}/{key}");
    let bytes = retry(stores.config.retry_for, || stores.blob.get(&blob_key))
        .map_err(|e| store_error(shard, e))?;
    let ours = &stores.config.version;
    bytes
        .map(|bytes| read_rollup(shard, bytes, ours))
        .transpose()
}

/// Decodes a rollup and judges its version and codecs.
pub fn read_rollup(shard: ShardId, bytes: Bytes, ours: &Version) -> Result<State, PersistError> {
    let corrupt = |source| PersistError::Corrupt { shard, source };
    let (state, codecs, _) = decode_rollup(shard, bytes).map_err(corrupt)?;
    check_version(shard, &state.version, ours)?;
    if codecs.0 != CODECS {
        return Err(PersistError::CodecMismatch {
            shard,
            actual: codecs.0.join(" "),
            expected: CODECS.join(" "),
        });
    }
    Ok(state)
}

fn replay(
    shard: ShardId,
    state: State,
    entries: &[VersionedData],
    ours: &Version,
) -> Result<State, PersistError> {
    let corrupt = |source| PersistError::Corrupt { shard, source };
    let mut replay = Replay::new(state);
    for entry in entries {
        if entry.seqno == replay.seqno().next() {
            let diff = decode_diff(shard, entry, ours)?;
            replay.apply(diff).map_err(corrupt)?;
        }
    }
    replay.finish().map_err(corrupt)
}

/// What happened since `known`; `None` if nothing did.
pub fn refresh(
    shard: ShardId,
    stores: &Stores,
    known: &State,
) -> Result<Option<State>, PersistError> {
    let entries = scan(shard, stores, known.seqno.next(), SCAN_ALL)?;
    match entries.first() {
        None => Ok(None),
        Some(first) if first.seqno == known.seqno.next() => {
            replay(shard, known.clone(), &entries, &stores.config.version).map(Some)
        }
        // The log was truncated past what we know.
        Some(_) => match from_latest_rollup(shard, stores, &entries)? {
            Some(state) => Ok(Some(state)),
            None => load(shard, stores),
        },
    }
}

/// The state after a diff that a peer sent, if it is the next one.
pub fn apply_received(
    known: &State,
    diff: &Bytes,
    ours: &Version,
) -> Result<Option<State>, Corrupt> {
    let diff = StateDiff::decode(diff)?;
    if diff.seqno_from != known.seqno.0 || diff.seqno_to != known.seqno.0 + 1 {
        return Ok(None);
    }
    if !can_read(&diff.version, ours)? {
        return Err(Corrupt::new(
            "version",
            format!("`{}` is newer than ours", diff.version),
        ));
    }
    let mut replay = Replay::new(known.clone());
    replay.apply(diff)?;
    replay.finish().map(Some)
}
