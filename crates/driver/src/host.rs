//! The driver's side of persist: it writes shards at exact times, and holds a
//! critical reader on each, so that a shard can be read from where the script
//! left its since, whatever the replica's own readers do.
//!
//! Invariants: a shard's critical since moves only when the caller says so; a
//! change that failed leaves the shard as it was, or is reported as
//! indeterminate.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use persist::{
    CONTROLLER_CRITICAL_READER, PartSizes, PersistClient, PersistError, SinceHandle, SourceDatum,
    StoreError, Update, UpperMismatch, WriteHandle,
};
use protocol::v26_30::{CollectionMetadata, PersistLocation};
use repr::{Antichain, RelationDesc, ShardId, Timestamp};
use script::append::Append;

/// The purpose that writers of scripts announce (`spec/script.md` §2.9).
const PURPOSE: &str = "headless driver write";

/// The purpose that readers of whole shards announce.
const READ_PURPOSE: &str = "driver read";

/// A change of a shard that failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChangeError {
    /// The shard is as it was.
    #[error("{0}")]
    Failed(String),
    /// The change may or may not have happened: whatever depends on it is
    /// unknown from now on.
    #[error("{0}")]
    Indeterminate(String),
}

impl From<PersistError> for ChangeError {
    fn from(error: PersistError) -> Self {
        let text = error.to_string();
        match error {
            PersistError::Indeterminate { .. } => ChangeError::Indeterminate(text),
            _ => ChangeError::Failed(text),
        }
    }
}

impl From<UpperMismatch> for ChangeError {
    fn from(mismatch: UpperMismatch) -> Self {
        ChangeError::Failed(mismatch.to_string())
    }
}

/// Writes shards and holds them readable.
#[derive(Debug)]
pub struct PersistHost {
    client: Arc<PersistClient>,
    location: PersistLocation,
    shards: BTreeMap<ShardId, Held>,
}

/// A shard that was used.
#[derive(Debug)]
struct Held {
    since: SinceHandle,
    /// The last writer, and the schema that it writes with.
    writer: Option<(RelationDesc, WriteHandle)>,
}

impl PersistHost {
    /// A host over a client of the location that `location` names; the URLs
    /// are what the target is told.
    pub fn new(client: Arc<PersistClient>, location: PersistLocation) -> Self {
        PersistHost {
            client,
            location,
            shards: BTreeMap::new(),
        }
    }

    /// Where the shards are, as told to the target.
    pub fn location(&self) -> &PersistLocation {
        &self.location
    }

    /// The client; what it sees of a shard is what the replica may see.
    pub fn client(&self) -> &Arc<PersistClient> {
        &self.client
    }

    /// What a dataflow must know of a shard that it reads or writes.
    pub fn metadata(&self, shard: ShardId, desc: &RelationDesc) -> CollectionMetadata {
        CollectionMetadata {
            persist_location: self.location.clone(),
            data_shard: shard,
            relation_desc: desc.clone(),
            txns_shard: None,
        }
    }

    /// Creates the shard if it does not exist, and holds its since from now on.
    pub fn hold(&mut self, shard: ShardId) -> Result<(), PersistError> {
        self.held(shard).map(|_| ())
    }

    fn held(&mut self, shard: ShardId) -> Result<&mut Held, PersistError> {
        use std::collections::btree_map::Entry;
        match self.shards.entry(shard) {
            Entry::Occupied(held) => Ok(held.into_mut()),
            Entry::Vacant(slot) => {
                let since = self
                    .client
                    .open_critical_reader(shard, CONTROLLER_CRITICAL_READER)?;
                Ok(slot.insert(Held {
                    since,
                    writer: None,
                }))
            }
        }
    }

    /// One append of `append.updates`, all at times in `[lower, upper)`; with
    /// `part_bytes` in parts of that size in blob.
    ///
    /// Errors: the texts of `spec/script.md` §2.4 for an upper that is not
    /// `lower`, else the store's; whether the shard may hold the updates.
    pub fn append(
        &mut self,
        shard: ShardId,
        desc: &RelationDesc,
        append: &Append,
    ) -> Result<(), ChangeError> {
        let client = Arc::clone(&self.client);
        let held = self.held(shard)?;
        if held.writer.as_ref().is_none_or(|(known, _)| known != desc) {
            let writer = client.open_writer(shard, desc, PURPOSE)?;
            held.writer = Some((desc.clone(), writer));
        }
        let Some((_, writer)) = held.writer.as_mut() else {
            return Err(ChangeError::Failed("no writer of the shard".to_string()));
        };
        let sizes = match append.part_bytes {
            None => client.config().part_sizes(),
            Some(bytes) => PartSizes {
                inline_below: 0,
                target: usize::try_from(bytes).unwrap_or(usize::MAX),
            },
        };
        writer.set_part_sizes(sizes);
        let lower = Antichain::from_elem(append.lower);
        let upper = Antichain::from_elem(append.upper);
        let updates: Vec<Update> = append
            .updates
            .iter()
            .map(|(row, time, diff)| (SourceDatum::Ok(row.clone()), *time, *diff))
            .collect();
        Ok(writer.compare_and_append(&updates, lower, upper)??)
    }

    /// Everything that a shard holds: its since, its upper, and the updates
    /// before the upper, those before the since at the since.
    ///
    /// Errors: the store's; a shard that was never held.
    pub fn read(
        &mut self,
        shard: ShardId,
        desc: &RelationDesc,
    ) -> Result<(Antichain, Antichain, Vec<Update>), String> {
        let text = |e: PersistError| e.to_string();
        let held = self.shards.get(&shard).ok_or("the shard is not held")?;
        let since = held.since.since().clone();
        let reader = self
            .client
            .open_leased_reader(shard, desc, READ_PURPOSE)
            .map_err(text)?;
        let upper = reader.recent_upper().map_err(text)?;
        // What is not sealed at the since yet holds nothing to read.
        let Some(as_of) = since.as_option().filter(|since| !upper.less_equal(*since)) else {
            reader.expire().map_err(text)?;
            return Ok((since, upper, Vec::new()));
        };
        let mut updates = reader.snapshot(as_of).map_err(text)?;
        let mut listen = reader.listen(as_of).map_err(text)?;
        while let Some(event) = listen.poll_next().map_err(text)? {
            updates.extend(event.updates().map_err(text)?);
        }
        let upper = listen.frontier().clone();
        listen.into_reader().expire().map_err(text)?;
        Ok((since, upper, updates))
    }

    /// Whether no reader of the shard holds it back more than the driver does. (The
    /// since itself moves with the next reader that does.)
    ///
    /// Errors: the store's.
    pub fn is_released(&mut self, shard: ShardId) -> Result<bool, PersistError> {
        let held = self.held(shard)?.since.since().clone();
        let state = self.client.state(shard)?;
        let mut readers = state.leased_readers.values();
        Ok(readers.all(|reader| held.is_le(&reader.since)))
    }

    /// Lets everything before `since` be compacted.
    ///
    /// Errors: a since beyond the shard's upper is allowed, as for any reader;
    /// one before the current since changes nothing.
    pub fn downgrade_since(&mut self, shard: ShardId, since: Timestamp) -> Result<(), ChangeError> {
        let held = self.held(shard)?;
        let moved = held.since.downgrade_since(&Antichain::from_elem(since));
        moved.map(|_| ()).map_err(|error| match &error {
            // Here the stores have nothing else that could be in doubt.
            PersistError::Store {
                source: StoreError::Indeterminate(_),
                ..
            } => ChangeError::Indeterminate(error.to_string()),
            _ => error.into(),
        })
    }
}
