//! Parts that live in the state (`spec/persist.md` §5.6).
//!
//! Invariant: encoding depends on the rows in their order alone.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, NullArray, StructArray};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use bytes::Bytes;
use prost::Message;

use super::arrow_proto::{array_from_proto, array_to_proto};
use super::columns::{Columns, Keys, PartDesc, part_desc};
use crate::format::corrupt::Corrupt;
use crate::format::wire::part::{ProtoColumnarRecords, ProtoInlineBatchPart};
use repr::{Diff, Timestamp};

fn bad(why: impl Into<String>) -> Corrupt {
    Corrupt::new("inline part", why)
}

/// The bytes of a part for the state.
pub fn encode_inline(
    desc: &PartDesc,
    keys: &StructArray,
    times: &[Timestamp],
    diffs: &[Diff],
) -> Result<Bytes, Corrupt> {
    let proto = ProtoInlineBatchPart {
        desc: Some(desc.to_proto()),
        index: 0,
        updates: Some(ProtoColumnarRecords {
            len: times.len() as u64,
            timestamps: times.iter().map(|t| t.cast_signed()).collect(),
            diffs: diffs.to_vec(),
            key_structured: Some(array_to_proto(keys)?),
            val_structured: Some(array_to_proto(&NullArray::new(times.len()))?),
            ..ProtoColumnarRecords::default()
        }),
    };
    Ok(proto.encode_to_vec().into())
}

fn decode(bytes: &Bytes) -> Result<(Option<PartDesc>, ProtoColumnarRecords), Corrupt> {
    let proto = ProtoInlineBatchPart::decode(bytes.clone()).map_err(|e| bad(e.to_string()))?;
    let updates = proto.updates.ok_or_else(|| bad("it has no updates"))?;
    Ok((Some(part_desc(proto.desc.as_ref())?), updates))
}

/// The sum of a part's diffs.
pub fn inline_diffs_sum(bytes: &Bytes) -> Result<Diff, Corrupt> {
    let (_, updates) = decode(bytes)?;
    Ok(updates
        .diffs
        .iter()
        .fold(0, |sum: i64, d| sum.wrapping_add(*d)))
}

/// Decodes a part of the state.
pub fn decode_inline(bytes: &Bytes) -> Result<(PartDesc, Columns), Corrupt> {
    let (desc, updates) = decode(bytes)?;
    let desc = desc.ok_or_else(|| bad("it has no description"))?;
    let len = usize::try_from(updates.len).unwrap_or(usize::MAX);
    let keys = match &updates.key_structured {
        Some(array) => {
            if updates.val_structured.is_none() {
                return Err(bad("it has structured keys without values"));
            }
            Keys::Structured(as_keys(array_from_proto(array)?)?)
        }
        None => Keys::Codec(codec_keys(&updates)?),
    };
    let times = updates
        .timestamps
        .iter()
        .map(|t| t.cast_unsigned())
        .collect();
    let columns = Columns::new(keys, times, updates.diffs)?;
    if columns.len() != len {
        return Err(bad(format!("{} of {len} updates", columns.len())));
    }
    Ok((desc, columns))
}

fn codec_keys(updates: &ProtoColumnarRecords) -> Result<BinaryArray, Corrupt> {
    let mut offsets = updates.key_offsets.clone();
    if offsets.is_empty() {
        if updates.len != 0 {
            return Err(bad("it has neither structured nor encoded keys"));
        }
        offsets.push(0);
    }
    let ascending = offsets.first() == Some(&0) && offsets.is_sorted();
    let end = offsets.last().and_then(|n| usize::try_from(*n).ok());
    if !ascending || end.is_none_or(|end| end > updates.key_data.len()) {
        return Err(bad(
            "the offsets of its keys are not ascending within the data",
        ));
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    BinaryArray::try_new(offsets, Buffer::from(updates.key_data.clone()), None)
        .map_err(|e| bad(e.to_string()))
}

/// A key column must be a struct without nulls at the top.
pub(super) fn as_keys(array: ArrayRef) -> Result<StructArray, Corrupt> {
    let array: Arc<dyn Array> = array;
    let keys = array
        .as_any()
        .downcast_ref::<StructArray>()
        .ok_or_else(|| Corrupt::new("batch part", format!("its keys are {}", array.data_type())))?;
    if keys.null_count() > 0 {
        return Err(Corrupt::new("batch part", "a key is null"));
    }
    Ok(keys.clone())
}
