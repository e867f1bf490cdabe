//! Critical readers: they hold the since without a lease, fenced by an opaque
//! number (`spec/persist.md` §4.3, §4.6).
//!
//! Invariant: dropping the handle leaves the reader where it is.

use std::sync::Arc;

use crate::service::client::PersistClient;
use crate::service::error::PersistError;
use crate::service::shard::CachedShard;
use repr::{Antichain, ShardId};

/// The reader that Materialize's controllers use (§2).
pub const CONTROLLER_CRITICAL_READER: &str = "c00000000-1111-2222-3333-444444444444";

/// The codec of the controllers' opaque.
pub const OPAQUE_CODEC: &str = "PersistEpoch";

/// A critical reader.
#[derive(Debug)]
pub struct SinceHandle {
    client: Arc<PersistClient>,
    shard: Arc<CachedShard>,
    id: String,
    since: Antichain,
    opaque: i64,
}

impl PersistClient {
    /// Registers the critical reader `id` (`c` + UUID) at the shard's since, or
    /// finds the one that is there.
    pub fn open_critical_reader(
        self: &Arc<Self>,
        shard: ShardId,
        id: &str,
    ) -> Result<SinceHandle, PersistError> {
        let shard = self.shard(shard)?;
        let text = id.strip_prefix('c').unwrap_or("");
        if uuid::Uuid::parse_str(text).is_err() {
            return Err(shard.usage(format!(
                "`{id}` is not a critical reader id like {CONTROLLER_CRITICAL_READER}"
            )));
        }
        let (reader, routine) =
            shard.register_critical_reader(id, 0, OPAQUE_CODEC, "clusterd-fuzz")?;
        self.maintain(&shard, routine);
        Ok(SinceHandle {
            client: Arc::clone(self),
            shard,
            id: id.to_string(),
            since: reader.since,
            opaque: reader.opaque,
        })
    }
}

impl SinceHandle {
    /// The shard that is read.
    pub fn shard(&self) -> ShardId {
        self.shard.id
    }

    /// The since that this reader holds, as last seen.
    pub fn since(&self) -> &Antichain {
        &self.since
    }

    /// The fence, as last seen.
    pub fn opaque(&self) -> i64 {
        self.opaque
    }

    /// Moves the since to `since` (never back) and the fence to `opaque`, if
    /// the fence is still `expected`. `Err(current)` if it is not.
    pub fn compare_and_downgrade_since(
        &mut self,
        expected: i64,
        opaque: i64,
        since: &Antichain,
    ) -> Result<Result<Antichain, i64>, PersistError> {
        let (outcome, routine) = self.shard.compare_and_downgrade_since(
            &self.id,
            (expected, OPAQUE_CODEC),
            opaque,
            since,
        )?;
        self.client.maintain(&self.shard, routine);
        Ok(match outcome {
            Ok(since) => {
                self.since.clone_from(&since);
                self.opaque = opaque;
                Ok(since)
            }
            Err((current, since)) => {
                self.since = since;
                self.opaque = current;
                Err(current)
            }
        })
    }

    /// Moves the since to `since` (never back) under the fence last seen; the
    /// since then held.
    pub fn downgrade_since(&mut self, since: &Antichain) -> Result<Antichain, PersistError> {
        let opaque = self.opaque;
        match self.compare_and_downgrade_since(opaque, opaque, since)? {
            Ok(since) => Ok(since),
            Err(current) => Err(self.shard.usage(format!(
                "critical reader {} was fenced off: its opaque is {current}, expected {opaque}",
                self.id
            ))),
        }
    }
}
