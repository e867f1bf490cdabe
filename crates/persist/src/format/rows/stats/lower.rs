//! The least key of a part, by which readers merge runs without fetching them
//! (`spec/persist.md` §5.9).
//!
//! Invariant: what is written is not above any key of the part: it is its least
//! key, or that key without its last columns.

use arrow::array::{Array, ArrayRef, StructArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::Fields;
use bytes::Bytes;
use prost::Message;

use crate::format::corrupt::Corrupt;
use crate::format::part::{array_to_proto, key_order};

/// The bytes of `structured_key_lower` for these keys: one key, without its last
/// columns if it is longer than `longest` bytes. `None` if even one column is.
pub fn encode_key_lower(keys: &StructArray, longest: usize) -> Result<Option<Bytes>, Corrupt> {
    let bad = |e: arrow::error::ArrowError| Corrupt::new("key lower", e.to_string());
    let order = key_order(keys).map_err(bad)?;
    let Some(least) = (0..keys.len()).min_by(|a, b| order(*a, *b)) else {
        return Ok(None);
    };
    let least = u32::try_from(least).map_err(|e| Corrupt::new("key lower", e.to_string()))?;
    let least = take(keys, &UInt32Array::from(vec![least]), None).map_err(bad)?;
    let mut key = Some(StructArray::from(least.to_data()));
    while let Some(rest) = key {
        let bytes = array_to_proto(&rest)?.encode_to_vec();
        if bytes.len() <= longest {
            return Ok(Some(bytes.into()));
        }
        key = without_last(&rest);
    }
    Ok(None)
}

/// The same without the last of its innermost columns, and without what stands
/// behind that; `None` if no column would remain.
fn without_last(key: &StructArray) -> Option<StructArray> {
    let mut columns: Vec<ArrayRef> = key.columns().to_vec();
    let mut fields: Vec<_> = key.fields().iter().cloned().collect();
    let last = columns.pop()?;
    let field = fields.pop()?;
    if let Some(inner) = last.as_any().downcast_ref::<StructArray>()
        && let Some(shorter) = without_last(inner)
    {
        let field = field.as_ref().clone();
        fields.push(field.with_data_type(shorter.data_type().clone()).into());
        columns.push(std::sync::Arc::new(shorter));
    }
    if columns.is_empty() {
        return None;
    }
    Some(StructArray::new(
        Fields::from(fields),
        columns,
        key.nulls().cloned(),
    ))
}
