//! What the rules of a shard are checked with: the blobs that they need, and the
//! report that they write to.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::report::{Report, RollupReport};
use crate::format::seqno::SeqNo;
use crate::format::state::{State, decode_rollup};
use crate::service::blob::Blob;
use crate::service::error::StoreError;
use repr::ShardId;

/// A shard under examination.
pub(super) struct Validator<'a> {
    pub(super) blob: &'a Arc<dyn Blob>,
    pub(super) shard: ShardId,
    /// The partial keys that states still in the log name.
    pub(super) live: BTreeSet<String>,
    pub(super) report: &'a mut Report,
}

impl<'a> Validator<'a> {
    pub(super) fn new(blob: &'a Arc<dyn Blob>, report: &'a mut Report) -> Self {
        Validator {
            blob,
            shard: report.shard,
            live: BTreeSet::new(),
            report,
        }
    }
}

impl Validator<'_> {
    /// Notes a broken rule.
    pub(super) fn broken(&mut self, what: String) {
        self.report.broken.push(what);
    }

    /// The state of a rollup; `None` if it is missing or broken.
    pub(super) fn rollup(&mut self, key: &str) -> Result<Option<State>, StoreError> {
        let Some(bytes) = self.blob.get(&format!("{}/{key}", self.shard))? else {
            return Ok(None);
        };
        match decode_rollup(self.shard, bytes) {
            Ok((state, _, _)) => Ok(Some(state)),
            Err(error) => {
                self.broken(format!("rollup {key}: {error}"));
                Ok(None)
            }
        }
    }

    /// Notes the size of a rollup; `None` if its blob is missing.
    pub(super) fn rollup_size(&mut self, seqno: u64, key: &str) -> Result<Option<u64>, StoreError> {
        let blob = self.blob.get(&format!("{}/{key}", self.shard))?;
        let size = blob.map(|b| b.len() as u64);
        self.report.rollups.push(RollupReport {
            seqno: SeqNo(seqno),
            key: key.to_string(),
            size,
        });
        Ok(size)
    }
}
