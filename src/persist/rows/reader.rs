//! Rows out of structured columns (`spec/persist.md` §5.5, §5.8).
//!
//! Invariant: a column that the part does not have reads as NULL, one that the
//! reader does not want is passed over, and a column of another type is an
//! error.

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Int16Array, Int32Array, Int64Array, StringArray,
    StructArray,
};

use super::schema::live_columns;
use super::{DataflowErrorBytes, SourceDatum};
use crate::persist::error::Corrupt;
use crate::persist::part::Keys;
use crate::repr::{Datum, RelationDesc, Row, SqlScalarType};

/// A column of one type.
enum Column<'a> {
    Missing,
    Bool(&'a BooleanArray),
    Int16(&'a Int16Array),
    Int32(&'a Int32Array),
    Int64(&'a Int64Array),
    String(&'a StringArray),
    Bytes(&'a BinaryArray),
}

impl<'a> Column<'a> {
    fn new(scalar: &SqlScalarType, array: &'a ArrayRef) -> Result<Self, String> {
        fn cast<A: 'static>(array: &ArrayRef) -> Result<&A, String> {
            array
                .as_any()
                .downcast_ref()
                .ok_or_else(|| format!("it is stored as {}", array.data_type()))
        }
        Ok(match scalar {
            SqlScalarType::Bool => Column::Bool(cast(array)?),
            SqlScalarType::Int16 => Column::Int16(cast(array)?),
            SqlScalarType::Int32 => Column::Int32(cast(array)?),
            SqlScalarType::Int64 => Column::Int64(cast(array)?),
            SqlScalarType::String => Column::String(cast(array)?),
            SqlScalarType::Bytes => Column::Bytes(cast(array)?),
            _ => todo!(),
        })
    }

    fn get(&self, i: usize) -> Datum<'a> {
        fn valid(array: &impl Array, i: usize) -> bool {
            !array.is_null(i)
        }
        match self {
            Column::Bool(a) if valid(a, i) && a.value(i) => Datum::True,
            Column::Bool(a) if valid(a, i) => Datum::False,
            Column::Int16(a) if valid(a, i) => Datum::Int16(a.value(i)),
            Column::Int32(a) if valid(a, i) => Datum::Int32(a.value(i)),
            Column::Int64(a) if valid(a, i) => Datum::Int64(a.value(i)),
            Column::String(a) if valid(a, i) => Datum::String(a.value(i)),
            Column::Bytes(a) if valid(a, i) => Datum::Bytes(a.value(i)),
            _ => Datum::Null,
        }
    }
}

/// Reads the keys of a part as rows of a schema.
pub struct KeyReader<'a> {
    ok: Option<&'a StructArray>,
    err: &'a BinaryArray,
    columns: Vec<Column<'a>>,
}

impl<'a> KeyReader<'a> {
    /// What is wrong if the keys cannot be read as rows of `desc`.
    pub fn new(desc: &RelationDesc, keys: &'a Keys) -> Result<Self, String> {
        let keys = match keys {
            Keys::Structured(keys) => keys,
            Keys::Codec(_) => return Err("not yet".into()),
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
        Ok(KeyReader { ok, err, columns })
    }

    /// The `i`-th key.
    pub fn get(&self, i: usize) -> Result<SourceDatum, Corrupt> {
        let is_row = self.ok.map_or(self.err.is_null(i), |ok| !ok.is_null(i));
        match (is_row, self.err.is_null(i)) {
            (true, true) => Ok(Ok(Row::pack(self.columns.iter().map(|c| c.get(i))))),
            (false, false) => Ok(Err(DataflowErrorBytes(self.err.value(i).to_vec()))),
            (true, false) | (false, true) => Err(Corrupt::new(
                "batch part",
                format!("key {i} is not exactly one of a row and an error"),
            )),
        }
    }
}
