//! Parts in blob: one Parquet file with one row group (`spec/persist.md`
//! §5.1, §5.2).
//!
//! Invariant: what is written satisfies the bounds that a reader asserts;
//! what is read is checked against them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ::parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use ::parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use ::parquet::arrow::{
    ARROW_SCHEMA_META_KEY, ArrowSchemaConverter, ProjectionMask, encode_arrow_schema,
};
use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::{KeyValue, ParquetMetaData};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use arrow::array::{
    Array, ArrayRef, BinaryArray, Int32Array, Int64Array, RecordBatch, StructArray,
};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, Schema};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prost::Message;

use super::columns::{Columns, Keys, PartDesc, part_desc};
use super::inline::as_keys;
use crate::format::corrupt::Corrupt;
use crate::format::wire::part::{ProtoBatchPartInline, StructuredMigration};
use repr::{Diff, Timestamp};

const INLINE_KEY: &str = "MZ:inline";
/// `ParquetKvtd` and `ParquetStructured` of `ProtoBatchPartInline.format`.
const FORMAT_KVTD: i32 = 2;
const FORMAT_STRUCTURED: i32 = 3;
/// Only structured columns are there.
const MIGRATION_STRUCTURED: u64 = 3;

/// The columns of keys.
const CODEC_KEYS: &str = "k";
const STRUCTURED_KEYS: &str = "k_s";
/// Structured columns are there but must not be used.
const MIGRATION_CODEC: u64 = 1;

fn bad(why: impl Into<String>) -> Corrupt {
    Corrupt::new("batch part", why)
}

/// The Parquet file of a part. `index` is its number within its batch.
pub fn encode_parquet(
    desc: &PartDesc,
    index: u64,
    keys: &StructArray,
    times: &[Timestamp],
    diffs: &[Diff],
) -> Result<Bytes, Corrupt> {
    check_bounds(desc, times, diffs)?;
    let inline = ProtoBatchPartInline {
        format: FORMAT_STRUCTURED,
        desc: Some(desc.to_proto()),
        index,
        structured_migration: Some(StructuredMigration::Version(MIGRATION_STRUCTURED)),
    };
    let field = |data_type| Field::new("v_s", data_type, false);
    let schema = |units: Field| {
        Arc::new(Schema::new(vec![
            Field::new("t", DataType::Int64, false),
            Field::new("d", DataType::Int64, false),
            Field::new("k_s", keys.data_type().clone(), false),
            units,
        ]))
    };
    // The values are units: required, of logical type UNKNOWN, all 0. Arrow's
    // null type is what they are called, but as required nulls it refuses to
    // write them, so that they are handed to it as numbers.
    let (named, written) = (
        schema(field(DataType::Null)),
        schema(field(DataType::Int32)),
    );
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(
            times.iter().map(|t| t.cast_signed()),
        )),
        Arc::new(Int64Array::from_iter_values(diffs.iter().copied())),
        Arc::new(keys.clone()),
        Arc::new(Int32Array::from_value(0, times.len())),
    ];
    let write = || -> Result<Vec<u8>, ParquetError> {
        let batch = RecordBatch::try_new(Arc::clone(&written), columns)?;
        let properties = WriterProperties::builder()
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .set_dictionary_enabled(true)
            .set_data_page_size_limit(1 << 20)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_compression(Compression::UNCOMPRESSED)
            .set_max_row_group_row_count(None)
            .set_key_value_metadata(Some(vec![
                KeyValue::new(
                    INLINE_KEY.to_string(),
                    STANDARD.encode(inline.encode_to_vec()),
                ),
                KeyValue::new(ARROW_SCHEMA_META_KEY.into(), encode_arrow_schema(&named)),
            ]))
            .build();
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true)
            .with_parquet_schema(ArrowSchemaConverter::new().convert(&named)?);
        let mut out = Vec::new();
        let mut writer = ArrowWriter::try_new_with_options(&mut out, written, options)?;
        writer.write(&batch)?;
        writer.close()?;
        Ok(out)
    };
    write().map(Bytes::from).map_err(|e| bad(e.to_string()))
}

/// The bounds that every reader of a blob part asserts (§5.2).
fn check_bounds(desc: &PartDesc, times: &[Timestamp], diffs: &[Diff]) -> Result<(), Corrupt> {
    if desc.upper <= desc.lower {
        return Err(bad(format!("it covers {desc}, which is nothing")));
    }
    let bounded = desc.since <= desc.lower;
    for (t, d) in times.iter().zip(diffs) {
        if !desc.lower.less_equal(*t) || (bounded && desc.upper.less_equal(*t)) {
            return Err(bad(format!("an update at {t} in a part of {desc}")));
        }
        if *d == 0 {
            return Err(bad(format!("an update at {t} with diff 0")));
        }
    }
    Ok(())
}

/// Reads the Parquet file of a part.
pub fn decode_parquet(bytes: &Bytes) -> Result<(PartDesc, Columns), Corrupt> {
    // The Parquet reader has assertions of its own on files that no writer
    // makes; for us they are bad bytes like any other.
    catch_unwind(AssertUnwindSafe(|| decode(bytes)))
        .unwrap_or_else(|_| Err(bad("the Parquet reader gave up on it")))
}

fn decode(bytes: &Bytes) -> Result<(PartDesc, Columns), Corrupt> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes.clone(), options)
        .map_err(|e| bad(e.to_string()))?;
    let inline = inline_metadata(builder.metadata())?;
    let desc = part_desc(inline.desc.as_ref())?;
    let rows = row_count(builder.metadata())?;
    let names: Vec<&str> = builder
        .parquet_schema()
        .root_schema()
        .get_fields()
        .iter()
        .map(|f| f.name())
        .collect();
    let key_column = key_column(&inline, &names)?;
    // The values are units: their column is not read at all.
    let wanted = names
        .iter()
        .enumerate()
        .filter(|(_, name)| ["t", "d", key_column].contains(*name))
        .map(|(i, _)| i);
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
    // The reader makes room for a whole batch before it looks at the data: no
    // more than what so many bytes hold as a rule. Several batches otherwise.
    let batch_size = rows.clamp(1, (bytes.len() / 16).max(1024));
    let reader = builder
        .with_projection(mask)
        .with_batch_size(batch_size)
        .build()
        .map_err(|e| bad(e.to_string()))?;
    let mut times: Vec<Timestamp> = Vec::new();
    let mut diffs: Vec<Diff> = Vec::new();
    let mut keys: Vec<ArrayRef> = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|e| bad(e.to_string()))?;
        times.extend(ints(&batch, "t")?.iter().map(|t| t.cast_unsigned()));
        diffs.extend(ints(&batch, "d")?);
        let column = batch.column_by_name(key_column);
        keys.push(Arc::clone(column.ok_or_else(|| bad("no keys"))?));
    }
    let keys = joined(&keys)?;
    check_bounds(&desc, &times, &diffs)?;
    let keys = if key_column == CODEC_KEYS {
        let keys = keys.as_any().downcast_ref::<BinaryArray>();
        Keys::Codec(keys.ok_or_else(|| bad("its keys are not binary"))?.clone())
    } else {
        Keys::Structured(as_keys(keys)?)
    };
    Ok((desc, Columns::new(keys, times, diffs)?))
}

/// What the part says of itself in the file's key-value metadata.
fn inline_metadata(metadata: &ParquetMetaData) -> Result<ProtoBatchPartInline, Corrupt> {
    let inline = metadata
        .file_metadata()
        .key_value_metadata()
        .and_then(|pairs| pairs.iter().find(|kv| kv.key == INLINE_KEY))
        .and_then(|kv| kv.value.as_ref())
        .ok_or_else(|| bad("it has no MZ:inline"))?;
    let inline = STANDARD
        .decode(inline)
        .map_err(|e| bad(format!("MZ:inline: {e}")))?;
    ProtoBatchPartInline::decode(&inline[..]).map_err(|e| bad(format!("MZ:inline: {e}")))
}

/// How many rows the file says it holds. What the reader would assert of it is
/// checked here.
fn row_count(metadata: &ParquetMetaData) -> Result<usize, Corrupt> {
    if metadata.num_row_groups() != 1 {
        return Err(bad(format!("{} row groups", metadata.num_row_groups())));
    }
    let group = metadata.row_group(0);
    let rows = usize::try_from(group.num_rows()).map_err(|_| bad("a negative number of rows"))?;
    for column in group.columns() {
        let places = [
            Some(column.data_page_offset()),
            column.dictionary_page_offset(),
            Some(column.compressed_size()),
        ];
        if places.into_iter().flatten().any(|n| n < 0) {
            return Err(bad(format!(
                "column {} lies at a negative place",
                column.column_path()
            )));
        }
    }
    Ok(rows)
}

/// The column of the keys, by the format of the part (§5.2).
fn key_column(inline: &ProtoBatchPartInline, names: &[&str]) -> Result<&'static str, Corrupt> {
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    let migration = inline
        .structured_migration
        .map(|StructuredMigration::Version(v)| v);
    match (inline.format, migration, &sorted[..]) {
        (FORMAT_KVTD, None, ["d", "k", "t", "v"])
        | (FORMAT_STRUCTURED, Some(MIGRATION_CODEC), ["d", "k", "k_s", "t", "v", "v_s"]) => {
            Ok(CODEC_KEYS)
        }
        (FORMAT_STRUCTURED, Some(2), ["d", "k", "k_s", "t", "v", "v_s"])
        | (FORMAT_STRUCTURED, Some(MIGRATION_STRUCTURED), ["d", "k_s", "t", "v_s"]) => {
            Ok(STRUCTURED_KEYS)
        }
        (format, migration, _) => Err(bad(format!(
            "format {format}, migration {migration:?}, columns {names:?}"
        ))),
    }
}

/// The keys of all batches as one array.
fn joined(keys: &[ArrayRef]) -> Result<ArrayRef, Corrupt> {
    let keys: Vec<&dyn Array> = keys.iter().map(|k| k.as_ref()).collect();
    match keys[..] {
        [] => Err(bad("it has no rows")),
        [one] => Ok(arrow::array::make_array(one.to_data())),
        _ => concat(&keys).map_err(|e| bad(e.to_string())),
    }
}

fn ints(batch: &RecordBatch, name: &str) -> Result<Vec<i64>, Corrupt> {
    let column = batch
        .column_by_name(name)
        .and_then(|c| c.as_any().downcast_ref::<Int64Array>())
        .filter(|c| c.null_count() == 0)
        .ok_or_else(|| bad(format!("column {name} is not 64-bit integers")))?;
    Ok(column.values().to_vec())
}
