//! One shard: what it consists of, and whether it keeps every rule.
//!
//! Invariant: an error means that the stores do not answer or that there is no
//! such shard; everything else that is wrong is in the report.

use std::sync::Arc;

use super::report::Report;
use super::validator::Validator;
use crate::format::seqno::{SeqNo, VersionedData};
use crate::service::blob::Blob;
use crate::service::consensus::{Consensus, SCAN_ALL};
use crate::service::error::{PersistError, StoreError};
use repr::ShardId;

/// Looks at a shard: its state by the newest rollup, the sizes of its rollups.
/// Errors: the stores do not answer, or there is no shard.
pub fn inspect(
    blob: &Arc<dyn Blob>,
    consensus: &Arc<dyn Consensus>,
    shard: ShardId,
) -> Result<Report, PersistError> {
    let (log, mut report) = begin(consensus, shard, false)?;
    let store = |source: StoreError| PersistError::Store { shard, source };
    let mut validator = Validator::new(blob, &mut report);
    let diffs = validator.diffs(&log);
    if let Some(state) = validator.current(&diffs).map_err(store)? {
        validator.report.describe(&state);
        for (seqno, rollup) in &state.rollups {
            validator.rollup_size(*seqno, &rollup.key).map_err(store)?;
        }
    }
    Ok(report)
}

/// Checks a shard against every rule. Errors: the stores do not answer, or
/// there is no shard.
pub fn check(
    blob: &Arc<dyn Blob>,
    consensus: &Arc<dyn Consensus>,
    shard: ShardId,
) -> Result<Report, PersistError> {
    let (log, mut report) = begin(consensus, shard, true)?;
    let store = |source: StoreError| PersistError::Store { shard, source };
    let earliest = report.earliest;
    let mut validator = Validator::new(blob, &mut report);
    if let Some(state) = validator.follow(&log).map_err(store)? {
        validator.state(&state, earliest).map_err(store)?;
        validator.leftovers().map_err(store)?;
    }
    Ok(report)
}

/// The log of the shard and an empty report.
fn begin(
    consensus: &Arc<dyn Consensus>,
    shard: ShardId,
    checked: bool,
) -> Result<(Vec<VersionedData>, Report), PersistError> {
    let log = consensus
        .scan(&shard.to_string(), SeqNo::MIN, SCAN_ALL)
        .map_err(|source| PersistError::Store { shard, source })?;
    let (Some(first), Some(last)) = (log.first(), log.last()) else {
        return Err(PersistError::Usage {
            shard,
            why: "there is no such shard".into(),
        });
    };
    let report = Report::new(shard, first.seqno, last.seqno, checked);
    Ok((log, report))
}
