//! Rows of every type survive every form they are stored in.

use prost::Message;

use super::*;
use crate::format::part::{
    Keys, PartDesc, decode_inline, decode_parquet, encode_inline, encode_parquet, type_from_proto,
};
use crate::format::wire::arrow::ProtoDataType;
use repr::{
    AclItem, Antichain, CatalogItemId, CharLength, CivilTimestamp, ColumnName, Datum, Interval,
    Numeric, NumericMaxScale, Range, RelationDesc, RowPacker, SqlColumnType, SqlScalarType, Time,
    TimestampPrecision, VarCharMaxLength,
};

/// SplitMix64.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Small numbers, large ones, and the ends.
    fn bits(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(4),
            1 => u64::MAX - self.below(3),
            2 => 1 << self.below(64),
            _ => self.next(),
        }
    }

    fn text(&mut self) -> String {
        let chars = [
            'a',
            'Z',
            '0',
            ' ',
            '"',
            '\\',
            '\n',
            'ü',
            '日',
            '\u{1F600}',
            '\0',
        ];
        let n = self.below(6);
        (0..n).map(|_| chars[self.below(11) as usize]).collect()
    }
}

fn scalar(rng: &mut Rng, depth: u32) -> SqlScalarType {
    use SqlScalarType as S;
    let kinds = if depth == 0 { 29 } else { 35 };
    let some = rng.below(2) == 0;
    match rng.below(kinds) {
        0 => S::Bool,
        1 => S::Int16,
        2 => S::Int32,
        3 => S::Int64,
        4 => S::UInt16,
        5 => S::UInt32,
        6 => S::UInt64,
        7 => S::Float32,
        8 => S::Float64,
        9 => S::Numeric {
            max_scale: some.then_some(NumericMaxScale(3)),
        },
        10 => S::Date,
        11 => S::Time,
        12 => S::Timestamp {
            precision: some.then_some(TimestampPrecision(6)),
        },
        13 => S::TimestampTz { precision: None },
        14 => S::Interval,
        15 => S::PgLegacyChar,
        16 => S::PgLegacyName,
        17 => S::Bytes,
        18 => S::String,
        19 => S::Char {
            length: some.then_some(CharLength(7)),
        },
        20 => S::VarChar {
            max_length: some.then_some(VarCharMaxLength(7)),
        },
        21 => S::Jsonb,
        22 => S::Uuid,
        23 => S::Oid,
        24 => S::Int2Vector,
        25 => S::MzTimestamp,
        26 => S::Range {
            element_type: Box::new(S::Int32),
        },
        27 => S::MzAclItem,
        28 => S::AclItem,
        29 => S::Array(Box::new(scalar(rng, 0))),
        30 | 31 => S::List {
            element_type: Box::new(scalar(rng, depth - 1)),
            custom_id: some.then_some(CatalogItemId::User(9)),
        },
        32 => S::Map {
            value_type: Box::new(scalar(rng, depth - 1)),
            custom_id: None,
        },
        _ => S::Record {
            fields: (0..rng.below(3))
                .map(|i| {
                    let name = ColumnName(format!("f{i}").into());
                    (name, column(rng, depth - 1))
                })
                .collect(),
            custom_id: None,
        },
    }
}

fn column(rng: &mut Rng, depth: u32) -> SqlColumnType {
    SqlColumnType {
        scalar_type: scalar(rng, depth),
        nullable: rng.below(2) == 0,
    }
}

fn push_column(rng: &mut Rng, column: &SqlColumnType, packer: &mut RowPacker) {
    if column.nullable && rng.below(3) == 0 {
        packer.push(Datum::Null);
    } else {
        push(rng, &column.scalar_type, packer);
    }
}

fn push_json(rng: &mut Rng, depth: u32, packer: &mut RowPacker) {
    match rng.below(if depth == 0 { 4 } else { 6 }) {
        0 => packer.push(Datum::JsonNull),
        1 => packer.push(Datum::True),
        2 => packer.push(Datum::String(&rng.text())),
        3 => push(rng, &SqlScalarType::Numeric { max_scale: None }, packer),
        4 => {
            let n = rng.below(3);
            packer.push_list(|p| (0..n).for_each(|_| push_json(rng, depth - 1, p)));
        }
        _ => {
            let n = rng.below(3);
            packer.push_map(|p| {
                for i in 0..n {
                    p.push(Datum::String(&format!("k{i}\"")));
                    push_json(rng, depth - 1, p);
                }
            });
        }
    }
}

fn civil(rng: &mut Rng) -> CivilTimestamp {
    CivilTimestamp {
        year: rng.below(30_000) as i32 - 4_000,
        ordinal: 1 + rng.below(365) as u32,
        secs: rng.below(86_400) as u32,
        nanos: rng.below(1_000_000_000) as u32,
    }
}

fn push(rng: &mut Rng, scalar: &SqlScalarType, packer: &mut RowPacker) {
    use SqlScalarType as S;
    let bits = rng.bits();
    let text = rng.text();
    let elements = |rng: &mut Rng, n: u64, element: &SqlScalarType, p: &mut RowPacker| {
        let column = SqlColumnType {
            scalar_type: element.clone(),
            nullable: true,
        };
        (0..n).for_each(|_| push_column(rng, &column, p));
    };
    let datum = match scalar {
        S::Bool => Datum::from(bits & 1 == 0),
        S::Int16 => Datum::Int16(bits as i16),
        S::Int32 => Datum::Int32(bits as i32),
        S::Int64 => Datum::Int64(bits as i64),
        S::UInt16 => Datum::UInt16(bits as u16),
        S::UInt32 | S::Oid | S::RegProc | S::RegType | S::RegClass => Datum::UInt32(bits as u32),
        S::UInt64 => Datum::UInt64(bits),
        S::Float32 => Datum::Float32(f32::from_bits(bits as u32)),
        S::Float64 => Datum::Float64(f64::from_bits(bits)),
        S::Numeric { .. } => {
            Datum::Numeric(Numeric::new((bits as i64).into(), rng.below(40) as i32 - 20).unwrap())
        }
        S::Date => Datum::Date(bits as i32),
        S::Time => Datum::Time(Time {
            secs: rng.below(86_400) as u32,
            nanos: rng.below(1_000_000_000) as u32,
        }),
        S::Timestamp { .. } => Datum::Timestamp(civil(rng)),
        S::TimestampTz { .. } => Datum::TimestampTz(civil(rng)),
        S::Interval => Datum::Interval(Interval {
            months: bits as i32,
            days: rng.bits() as i32,
            micros: rng.bits() as i64,
        }),
        S::PgLegacyChar => Datum::UInt8(bits as u8),
        S::PgLegacyName | S::String | S::Char { .. } | S::VarChar { .. } => Datum::String(&text),
        S::Bytes => Datum::Bytes(text.as_bytes()),
        S::Jsonb => return push_json(rng, 3, packer),
        S::Uuid => Datum::Uuid(uuid::Uuid::from_u64_pair(bits, rng.next())),
        S::MzTimestamp => Datum::MzTimestamp(bits),
        S::AclItem => Datum::AclItem(AclItem {
            grantee: bits as u32,
            grantor: 7,
            mode: rng.bits(),
        }),
        S::MzAclItem => {
            let mut item = [0; 26];
            item[0] = b"sgup"[rng.below(4) as usize];
            item[1..9].copy_from_slice(&bits.to_le_bytes());
            item[9] = b'p';
            item[18..].copy_from_slice(&rng.bits().to_le_bytes());
            if item[0] == b'p' {
                item[1..9].fill(0);
            }
            Datum::MzAclItem(item)
        }
        S::Range { element_type } => {
            let flags = [
                Range::EMPTY,
                Range::LOWER_INCLUSIVE,
                Range::LOWER_INFINITE,
                Range::UPPER_INFINITE,
                Range::LOWER_INFINITE | Range::UPPER_INFINITE,
                Range::UPPER_INCLUSIVE,
            ][rng.below(6) as usize];
            packer.push_range(flags, |p| {
                if flags != Range::EMPTY {
                    for infinite in [Range::LOWER_INFINITE, Range::UPPER_INFINITE] {
                        if flags & infinite == 0 {
                            push(rng, element_type, p);
                        }
                    }
                }
            });
            return;
        }
        S::Array(_) | S::Int2Vector => {
            let element = match scalar {
                S::Array(element) => element,
                _ => &S::Int16,
            };
            let dims: &[(i64, u64)] = match rng.below(3) {
                0 => &[],
                1 => &[(1, 3)],
                _ => &[(-2, 2), (1, 2)],
            };
            let n = match dims {
                [] => 0,
                dims => dims.iter().map(|d| d.1).product(),
            };
            packer.push_array(dims, |p| elements(rng, n, element, p));
            return;
        }
        S::List { element_type, .. } => {
            let n = rng.below(4);
            packer.push_list(|p| elements(rng, n, element_type, p));
            return;
        }
        S::Map { value_type, .. } => {
            let n = rng.below(4);
            packer.push_map(|p| {
                for i in 0..n {
                    p.push(Datum::String(&format!("k{i}")));
                    elements(rng, 1, value_type, p);
                }
            });
            return;
        }
        S::Record { fields, .. } => {
            packer.push_list(|p| fields.iter().for_each(|(_, c)| push_column(rng, c, p)));
            return;
        }
    };
    packer.push(datum);
}

fn case(rng: &mut Rng) -> (RelationDesc, Vec<SourceDatum>) {
    let columns: Vec<SqlColumnType> = (0..rng.below(5)).map(|_| column(rng, 3)).collect();
    let names: Vec<String> = (0..columns.len()).map(|i| format!("c{i}")).collect();
    let desc = RelationDesc::from_columns(
        names
            .iter()
            .zip(&columns)
            .map(|(n, c)| (&n[..], c.scalar_type.clone(), c.nullable)),
    );
    let keys = (0..rng.below(6) + 1)
        .map(|_| {
            if rng.below(5) == 0 {
                return Err(DataflowErrorBytes(rng.text().into_bytes()));
            }
            let mut packer = RowPacker::default();
            columns
                .iter()
                .for_each(|c| push_column(rng, c, &mut packer));
            Ok(packer.finish())
        })
        .collect();
    (desc, keys)
}

fn read(desc: &RelationDesc, keys: &Keys, n: usize) -> Vec<SourceDatum> {
    let reader = KeyReader::new(desc, keys).unwrap();
    (0..n).map(|i| reader.get(i).unwrap()).collect()
}

#[test]
fn rows_of_every_type_survive_every_form() {
    let part = PartDesc::of_write(Antichain::minimum(), Antichain::empty());
    for seed in 0..1500 {
        let rng = &mut Rng(seed);
        let (desc, keys) = case(rng);
        let mut builder = KeyBuilder::new(&desc);
        keys.iter().for_each(|key| builder.push(key).unwrap());
        let array = builder.finish();
        assert_eq!(builder.goodbytes(), 0);
        let n = keys.len();
        let (times, diffs) = (vec![7; n], vec![1; n]);
        let inline = encode_inline(&part, &array, &times, &diffs).unwrap();
        let (_, columns) = decode_inline(&inline).unwrap();
        assert_eq!(read(&desc, &columns.keys, n), keys, "inline, seed {seed}");
        let Keys::Structured(again) = &columns.keys else {
            panic!("inline keys are structured");
        };
        assert_eq!(
            encode_inline(&part, again, &times, &diffs).unwrap(),
            inline,
            "seed {seed}"
        );
        let blob = encode_parquet(&part, 0, &array, &times, &diffs).unwrap();
        let (_, columns) = decode_parquet(&blob).unwrap();
        assert_eq!(read(&desc, &columns.keys, n), keys, "parquet, seed {seed}");
        for key in &keys {
            let bytes = encode_source_data(key);
            let arity = desc.arity();
            assert_eq!(
                decode_source_data(&bytes, arity).as_ref(),
                Ok(key),
                "{seed}"
            );
        }
        let schemas = encode_schemas(&desc).unwrap();
        assert_eq!(decode_schemas(&schemas).as_ref(), Ok(&desc));
        let proto = ProtoDataType::decode(schemas.key_data_type).unwrap();
        assert_eq!(type_from_proto(&proto).unwrap(), key_data_type(&desc));
    }
}

#[test]
fn encoded_keys_have_the_bytes_of_the_document() {
    let hex = |key: SourceDatum| hex::encode(encode_source_data(&key));
    let row = |datums: &[Datum<'_>]| Ok(Row::pack(datums.iter().copied()));
    assert_eq!(
        hex(row(&[Datum::Int64(1), Datum::String("a")])),
        "0a090a0220010a03420161"
    );
    assert_eq!(
        hex(row(&[Datum::Int64(-5), Datum::Null])),
        "0a110a0b20fbffffffffffffffff010a020801"
    );
    assert_eq!(hex(row(&[])), "0a00");
    let error = DataflowErrorBytes(vec![0x12, 0x02, 0x22, 0x00]);
    assert_eq!(hex(Err(error)), "120412022200");
}

#[test]
fn consolidation_sums_and_drops_zeroes() {
    let row = |n| Ok(Row::pack([Datum::Int64(n)]));
    let error = || Err(DataflowErrorBytes(vec![1]));
    let mut updates = vec![
        (row(2), 1, 1),
        (row(1), 1, 1),
        (error(), 0, 1),
        (row(2), 1, -1),
        (row(1), 0, 5),
        (row(1), 1, 2),
        (error(), 0, 1),
    ];
    consolidate(&mut updates);
    let expected = vec![(row(1), 0, 5), (row(1), 1, 3), (error(), 0, 2)];
    assert_eq!(updates, expected);
}
