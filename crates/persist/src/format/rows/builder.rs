//! Structured columns of rows and errors (`spec/persist.md` §5.5).
//!
//! Invariant: where `ok` is null all its columns are null as well, and the
//! validity of a column is there only if it has a null.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryBuilder, NullArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Fields};

use super::SourceDatum;
use super::column::ColumnBuilder;
use super::schema::{key_data_type, live_columns};
use repr::RelationDesc;

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
                    if !*nullable && datum.is_null() {
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
                    self.goodbytes += column.push_null()?;
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
