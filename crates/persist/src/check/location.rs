//! All shards of a location, listed or examined one by one.
//!
//! Invariant: looking changes nothing; in particular it creates no store and
//! no shard.

use std::path::Path;
use std::sync::Arc;

use super::report::Report;
use super::shard::{check, inspect};
use crate::format::seqno::SeqNo;
use crate::service::blob::{Blob, open_blob};
use crate::service::consensus::{Consensus, open_consensus};
use crate::service::error::{LocationError, PersistError};
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

/// How to look at a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Examine {
    /// Say what it consists of; fetches no parts.
    Inspect,
    /// Hold it against every rule.
    Check,
}

/// What was looked at.
#[derive(Debug, Clone, PartialEq)]
pub enum Examined {
    /// Every shard of a location, in short.
    Shards(Vec<ShardSummary>),
    /// Some shards, in full.
    Reports(Vec<Report>),
}

impl Examined {
    /// Whether everything could be read and no broken rule was found.
    pub fn is_sound(&self) -> bool {
        match self {
            Examined::Shards(shards) => shards.iter().all(|shard| shard.state.is_ok()),
            Examined::Reports(reports) => reports.iter().all(Report::is_sound),
        }
    }
}

/// Looks at one shard of the location of two URLs, or at all: then `Inspect`
/// lists them and `Check` checks each. Errors: the stores cannot be opened or
/// do not answer, or there is no such shard.
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
    let inspect = |shard| inspect(&blob, &consensus, shard);
    let check = |shard| check(&blob, &consensus, shard);
    let all = || list_shards(&blob, &consensus);
    Ok(match (how, shard) {
        (Examine::Inspect, Some(shard)) => Examined::Reports(vec![inspect(shard)?]),
        (Examine::Check, Some(shard)) => Examined::Reports(vec![check(shard)?]),
        (Examine::Inspect, None) => Examined::Shards(all()?),
        (Examine::Check, None) => {
            let reports = all()?.into_iter().map(|known| check(known.shard));
            Examined::Reports(reports.collect::<Result<_, _>>()?)
        }
    })
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
