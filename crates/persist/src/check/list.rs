//! All shards of a location, and the command `shard inspect|check`.
//!
//! Invariant: looking changes nothing; in particular it creates no store and
//! no shard.

use std::path::Path;
use std::sync::Arc;

use super::render::{render_list, render_report};
use super::{check, inspect};
use crate::blob::{Blob, open_blob};
use crate::clock::{Clock, SystemClock};
use crate::consensus::{Consensus, SeqNo, open_consensus};
use crate::error::{LocationError, PersistError};
use repr::{Antichain, ShardId};

/// What is told of a shard in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ShardSummary {
    pub shard: ShardId,
    /// An error: its state cannot be read.
    pub state: Result<KnownShard, String>,
}

/// The shape of a shard.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownShard {
    pub since: Antichain,
    pub upper: Antichain,
    pub seqno: SeqNo,
    pub batches: usize,
    /// Before consolidation.
    pub updates: u64,
    pub readers: usize,
    pub writers: usize,
}

/// Every shard of a location, by id. Keys that are no shard ids are left out.
pub fn list_shards(
    blob: &Arc<dyn Blob>,
    consensus: &Arc<dyn Consensus>,
) -> Result<Vec<ShardSummary>, PersistError> {
    let keys = consensus
        .list_keys()
        .map_err(|source| PersistError::Store {
            shard: ShardId(uuid::Uuid::nil()),
            source,
        })?;
    let mut ids: Vec<ShardId> = keys.iter().filter_map(|key| key.parse().ok()).collect();
    ids.sort_by_key(|id| id.0);
    let summary = |shard| ShardSummary {
        shard,
        state: match inspect(blob, consensus, shard) {
            Ok(report) => match report.broken.first() {
                None => Ok(KnownShard {
                    updates: report.updates(),
                    batches: report.batches.len(),
                    readers: report.handles.iter().filter(|h| h.kind != "writer").count(),
                    writers: report.handles.iter().filter(|h| h.kind == "writer").count(),
                    since: report.since,
                    upper: report.upper,
                    seqno: report.seqno,
                }),
                Some(broken) => Err(format!("{shard}: {broken}")),
            },
            Err(error) => Err(error.to_string()),
        },
    };
    Ok(ids.into_iter().map(summary).collect())
}

/// What the command does with a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Examine {
    /// Say what it consists of; fetches no parts.
    Inspect,
    /// Hold it against every rule.
    Check,
}

/// The outcome of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// For standard output.
    pub text: String,
    /// No broken rule was found.
    pub sound: bool,
}

/// The command `shard inspect|check --consensus URL --blob URL [SHARD]`.
/// Without a shard: `Inspect` lists all, `Check` checks all. Errors: the stores
/// cannot be opened or do not answer, or there is no such shard.
pub fn examine(
    how: Examine,
    consensus_url: &str,
    blob_url: &str,
    shard: Option<ShardId>,
) -> Result<Examined, PersistError> {
    must_exist("consensus", consensus_url, "sqlite:")?;
    must_exist("blob", blob_url, "file:")?;
    let consensus = open_consensus(consensus_url)?;
    let blob = open_blob(blob_url)?;
    let now_ms = SystemClock.now_ms();
    let one = |report: super::Report| Examined {
        text: render_report(&report, now_ms),
        sound: report.is_sound(),
    };
    match (how, shard) {
        (Examine::Inspect, Some(shard)) => Ok(one(inspect(&blob, &consensus, shard)?)),
        (Examine::Check, Some(shard)) => Ok(one(check(&blob, &consensus, shard)?)),
        (Examine::Inspect, None) => {
            let shards = list_shards(&blob, &consensus)?;
            Ok(Examined {
                text: render_list(&shards),
                sound: shards.iter().all(|s| s.state.is_ok()),
            })
        }
        (Examine::Check, None) => {
            let mut all = Examined {
                text: String::new(),
                sound: true,
            };
            for summary in list_shards(&blob, &consensus)? {
                let examined = one(check(&blob, &consensus, summary.shard)?);
                all.text.push_str(&examined.text);
                all.sound &= examined.sound;
            }
            if all.text.is_empty() {
                all.text.push_str("no shards\n");
            }
            Ok(all)
        }
    }
}

/// Opening would create it.
fn must_exist(what: &'static str, url: &str, scheme: &str) -> Result<(), LocationError> {
    let Some(path) = url.strip_prefix(scheme) else {
        return Ok(());
    };
    let path = path.split('?').next().unwrap_or(path);
    let path = path.strip_prefix("//").unwrap_or(path);
    if Path::new(path).exists() {
        return Ok(());
    }
    Err(LocationError {
        what,
        url: url.to_string(),
        why: "there is nothing there".into(),
    })
}
