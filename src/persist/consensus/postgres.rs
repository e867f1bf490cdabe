//! Consensus in a Postgres table (being built).

use super::{CaSResult, Consensus, SeqNo, VersionedData};
use crate::persist::error::StoreError;

/// A store in a Postgres table.
#[derive(Debug)]
pub struct PostgresConsensus {}

impl PostgresConsensus {
    pub(super) fn open(_url: &str) -> Result<Self, String> {
        Err("Postgres is not supported yet".into())
    }
}

impl Consensus for PostgresConsensus {
    fn head(&self, _key: &str) -> Result<Option<VersionedData>, StoreError> {
        Ok(None)
    }
    fn compare_and_set(&self, _key: &str, _new: VersionedData) -> Result<CaSResult, StoreError> {
        Ok(CaSResult::ExpectationMismatch)
    }
    fn scan(&self, _: &str, _: SeqNo, _: u64) -> Result<Vec<VersionedData>, StoreError> {
        Ok(Vec::new())
    }
    fn truncate(&self, _key: &str, _seqno: SeqNo) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }
    fn list_keys(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}
