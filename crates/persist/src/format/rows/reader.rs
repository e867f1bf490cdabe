//! Rows out of the keys of a part (`spec/persist.md` §5.4, §5.5, §5.8).
//!
//! Invariant: a column that the part does not have reads as NULL, one that the
//! reader does not want is passed over, and a column of another type is an
//! error.

use arrow::array::{Array, BinaryArray, StructArray};

use super::codec::decode_source_data;
use super::column_read::Column;
use super::schema::live_columns;
use super::{DataflowErrorBytes, SourceDatum};
use crate::format::corrupt::Corrupt;
use crate::format::part::Keys;
use repr::{RelationDesc, RowPacker};

/// Reads the keys of a part as rows of a schema.
pub struct KeyReader<'a>(KeyColumns<'a>);

enum KeyColumns<'a> {
    Structured {
        /// `None` for rows without columns.
        ok: Option<&'a StructArray>,
        err: &'a BinaryArray,
        columns: Vec<Column<'a>>,
    },
    Codec {
        keys: &'a BinaryArray,
        arity: usize,
    },
}

fn bad(why: String) -> Corrupt {
    Corrupt::new("batch part", why)
}

impl<'a> KeyReader<'a> {
    /// What is wrong if the keys cannot be read as rows of `desc`.
    pub fn new(desc: &RelationDesc, keys: &'a Keys) -> Result<Self, String> {
        let keys = match keys {
            Keys::Structured(keys) => keys,
            Keys::Codec(keys) => {
                let arity = live_columns(desc).count();
                return Ok(KeyReader(KeyColumns::Codec { keys, arity }));
            }
        };
        let err = keys
            .column_by_name("err")
            .and_then(|c| c.as_any().downcast_ref())
            .ok_or("it has no err column")?;
        let ok = keys.column_by_name("ok").ok_or("it has no ok column")?;
        let ok = ok.as_any().downcast_ref::<StructArray>();
        let columns = live_columns(desc)
            .map(|(index, column)| {
                let array = ok.and_then(|ok| ok.column_by_name(&index.to_string()));
                match array {
                    Some(array) => Column::new(&column.scalar_type, array)
                        .map_err(|why| format!("column {index}: {why}")),
                    None if column.nullable => Ok(Column::Missing),
                    None => Err(format!("column {index} is not there and not nullable")),
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(KeyReader(KeyColumns::Structured { ok, err, columns }))
    }

    /// The `i`-th key.
    pub fn get(&self, i: usize) -> Result<SourceDatum, Corrupt> {
        match &self.0 {
            KeyColumns::Codec { keys, arity } => {
                if keys.is_null(i) {
                    return Err(bad(format!("key {i} is null")));
                }
                decode_source_data(keys.value(i), *arity)
                    .map_err(|why| bad(format!("key {i}: {why}")))
            }
            KeyColumns::Structured { ok, err, columns } => {
                let is_row = ok.map_or(err.is_null(i), |ok| !ok.is_null(i));
                match (is_row, err.is_null(i)) {
                    (true, true) => {
                        let mut packer = RowPacker::default();
                        for column in columns {
                            column
                                .push(i, &mut packer)
                                .map_err(|why| bad(format!("key {i}: {why}")))?;
                        }
                        Ok(Ok(packer.finish()))
                    }
                    (false, false) => Ok(Err(DataflowErrorBytes(err.value(i).to_vec()))),
                    (true, false) | (false, true) => Err(bad(format!(
                        "key {i} is not exactly one of a row and an error"
                    ))),
                }
            }
        }
    }
}
