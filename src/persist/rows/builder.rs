//! Structured columns of rows and errors (`spec/persist.md` §5.5).
//!
//! Invariant: where `ok` is null all its columns are null as well, and the
//! validity of a column is there only if it has a null.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryBuilder, BooleanBuilder, Int16Builder, Int32Builder, Int64Builder,
    NullArray, StringBuilder, StructArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Fields};

use super::SourceDatum;
use super::schema::{key_data_type, live_columns};
use crate::repr::{Datum, RelationDesc, SqlScalarType};

/// A column in the making.
#[derive(Debug)]
enum ColumnBuilder {
    Bool(BooleanBuilder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    String(StringBuilder),
    Bytes(BinaryBuilder),
}

impl ColumnBuilder {
    fn new(scalar: &SqlScalarType) -> Self {
        match scalar {
            SqlScalarType::Bool => ColumnBuilder::Bool(BooleanBuilder::new()),
            SqlScalarType::Int16 => ColumnBuilder::Int16(Int16Builder::new()),
            SqlScalarType::Int32 => ColumnBuilder::Int32(Int32Builder::new()),
            SqlScalarType::Int64 => ColumnBuilder::Int64(Int64Builder::new()),
            SqlScalarType::String => ColumnBuilder::String(StringBuilder::new()),
            SqlScalarType::Bytes => ColumnBuilder::Bytes(BinaryBuilder::new()),
            _ => todo!(),
        }
    }

    /// Adds a datum; its size as "goodbytes" (§5.6).
    fn push(&mut self, datum: Datum<'_>) -> Result<usize, String> {
        match (self, datum) {
            (ColumnBuilder::Bool(b), Datum::True) => {
                b.append_value(true);
                Ok(1)
            }
            (ColumnBuilder::Bool(b), Datum::False) => {
                b.append_value(false);
                Ok(1)
            }
            (ColumnBuilder::Int16(b), Datum::Int16(v)) => {
                b.append_value(v);
                Ok(2)
            }
            (ColumnBuilder::Int32(b), Datum::Int32(v)) => {
                b.append_value(v);
                Ok(4)
            }
            (ColumnBuilder::Int64(b), Datum::Int64(v)) => {
                b.append_value(v);
                Ok(8)
            }
            (ColumnBuilder::String(b), Datum::String(v)) => {
                b.append_value(v);
                Ok(v.len())
            }
            (ColumnBuilder::Bytes(b), Datum::Bytes(v)) => {
                b.append_value(v);
                Ok(v.len())
            }
            (b, Datum::Null) => Ok(b.push_null()),
            (_, other) => Err(format!("{other:?} in a column of another type")),
        }
    }

    fn push_null(&mut self) -> usize {
        match self {
            ColumnBuilder::Bool(b) => {
                b.append_null();
                1
            }
            ColumnBuilder::Int16(b) => {
                b.append_null();
                2
            }
            ColumnBuilder::Int32(b) => {
                b.append_null();
                4
            }
            ColumnBuilder::Int64(b) => {
                b.append_null();
                8
            }
            ColumnBuilder::String(b) => {
                b.append_null();
                0
            }
            ColumnBuilder::Bytes(b) => {
                b.append_null();
                0
            }
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            ColumnBuilder::Bool(b) => Arc::new(b.finish()),
            ColumnBuilder::Int16(b) => Arc::new(b.finish()),
            ColumnBuilder::Int32(b) => Arc::new(b.finish()),
            ColumnBuilder::Int64(b) => Arc::new(b.finish()),
            ColumnBuilder::String(b) => Arc::new(b.finish()),
            ColumnBuilder::Bytes(b) => Arc::new(b.finish()),
        }
    }
}

/// The key column of a part in the making.
#[derive(Debug)]
pub struct KeyBuilder {
    fields: Fields,
    columns: Vec<(ColumnBuilder, bool)>,
    ok: Vec<bool>,
    err: BinaryBuilder,
    goodbytes: usize,
}

impl KeyBuilder {
    /// A builder of rows of `desc`.
    pub fn new(desc: &RelationDesc) -> Self {
        let DataType::Struct(fields) = key_data_type(desc) else {
            unreachable!("keys are a struct of ok and err");
        };
        KeyBuilder {
            fields,
            columns: live_columns(desc)
                .map(|(_, c)| (ColumnBuilder::new(&c.scalar_type), c.nullable))
                .collect(),
            ok: Vec::new(),
            err: BinaryBuilder::new(),
            goodbytes: 0,
        }
    }

    /// Adds a row or an error; what does not fit if the row does not. Do not
    /// use the builder after an error.
    pub fn push(&mut self, key: &SourceDatum) -> Result<(), String> {
        match key {
            Ok(row) => {
                let mut datums = row.iter();
                for (i, (column, nullable)) in self.columns.iter_mut().enumerate() {
                    let datum = datums
                        .next()
                        .ok_or_else(|| format!("it has {i} columns, expected more"))?;
                    if !*nullable && matches!(datum, Datum::Null) {
                        return Err(format!("column {i} is null and must not be"));
                    }
                    let size = column.push(datum).map_err(|e| format!("column {i}: {e}"))?;
                    self.goodbytes += size;
                }
                if datums.next().is_some() {
                    return Err(format!("it has more than {} columns", self.columns.len()));
                }
                self.err.append_null();
            }
            Err(error) => {
                for (column, _) in &mut self.columns {
                    self.goodbytes += column.push_null();
                }
                self.err.append_value(&error.0);
                self.goodbytes += error.0.len();
            }
        }
        self.ok.push(key.is_ok());
        Ok(())
    }

    /// The size of the keys so far (§5.6).
    pub fn goodbytes(&self) -> usize {
        self.goodbytes
    }

    /// The column, after which the builder is empty.
    pub fn finish(&mut self) -> StructArray {
        self.goodbytes = 0;
        let valid = std::mem::take(&mut self.ok);
        let len = valid.len();
        let columns: Vec<ArrayRef> = self.columns.iter_mut().map(|(c, _)| c.finish()).collect();
        let ok: ArrayRef = match self.fields[0].data_type() {
            DataType::Struct(fields) => {
                let nulls = valid.contains(&false).then(|| NullBuffer::from(valid));
                Arc::new(StructArray::new(fields.clone(), columns, nulls))
            }
            _ => Arc::new(NullArray::new(len)),
        };
        let err: ArrayRef = Arc::new(self.err.finish());
        debug_assert_eq!(err.len(), len);
        StructArray::new(self.fields.clone(), vec![ok, err], None)
    }
}
