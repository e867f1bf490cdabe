//! What a part says of its keys beside them: statistics, and its least key
//! (`spec/persist.md` §5.9).
//!
//! Invariant: a part without hints breaks no rule.

use arrow::array::Array;
use arrow::compute::concat;
use prost::Message;

use crate::format::part::{Columns, Keys, array_from_proto, key_order};
use crate::format::rows::stats::decode_stats;
use crate::format::rows::{KeyReader, decode_schemas};
use crate::format::state::State;
use crate::format::wire::arrow::ProtoArrayData;
use crate::format::wire::state::ProtoHollowBatchPart;

/// Whether all keys of a part are within its statistics, and none is below its
/// least key; what is wrong if they are not.
pub(super) fn hints_hold(
    state: &State,
    part: &ProtoHollowBatchPart,
    columns: &Columns,
) -> Result<(), String> {
    let schema = part.schema_id.and_then(|id| state.schemas.get(&id));
    if let (Some(bytes), Some(schema)) = (&part.key_stats, schema) {
        let desc = decode_schemas(schema).map_err(|e| e.to_string())?;
        let stats = decode_stats(&desc, &desc, bytes).map_err(|e| e.to_string())?;
        if stats.len != columns.len() as u64 {
            return Err(format!("its statistics are of {} updates", stats.len));
        }
        let keys = KeyReader::new(&desc, &columns.keys)?;
        for i in 0..columns.len() {
            let key = keys.get(i).map_err(|e| e.to_string())?;
            if !stats.allow(&key) {
                return Err(format!("its statistics exclude update {i}"));
            }
        }
    }
    match &part.structured_key_lower {
        Some(lower) => least_key(lower, &columns.keys),
        None => Ok(()),
    }
}

/// Whether no key is below this one, if it has all columns.
fn least_key(bytes: &[u8], keys: &Keys) -> Result<(), String> {
    let Keys::Structured(keys) = keys else {
        return Err("it has a structured least key and encoded keys".into());
    };
    let proto = ProtoArrayData::decode(bytes).map_err(|e| format!("its least key: {e}"))?;
    let lower = array_from_proto(&proto).map_err(|e| format!("its least key: {e}"))?;
    // One that lost its last columns is not compared.
    if lower.data_type() != keys.data_type() {
        return Ok(());
    }
    let all = concat(&[&*lower, keys as &dyn Array]).map_err(|e| e.to_string())?;
    let all = arrow::array::StructArray::from(all.to_data());
    let order = key_order(&all).map_err(|e| e.to_string())?;
    match (1..all.len()).find(|i| order(0, *i).is_gt()) {
        Some(i) => Err(format!("its least key is above that of update {}", i - 1)),
        None => Ok(()),
    }
}
