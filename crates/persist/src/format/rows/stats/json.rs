//! Statistics of JSON (`spec/persist.md` §5.9): bounds where all values of a column are
//! of one kind, and of maps the same of the values of each key.
//!
//! Invariants: a column with values of several kinds may hold anything; of lists nothing
//! is kept but that they are lists.

use std::collections::BTreeMap;

use arrow::array::StringArray;
use prost::Message;

use super::super::codec;
use crate::format::wire::row::ProtoDatum;
use crate::format::wire::state::Empty;
use crate::format::wire::stats::{
    JsonKind, Lower, ProtoBytesBounds, ProtoJsonElementStats, ProtoJsonMapStats, ProtoJsonStats,
    ProtoPrimitiveStats, Upper,
};
use repr::{Datum, Numeric, Row, RowPacker, jsonb};

/// How deep the statistics of maps within maps go: what lies deeper may be anything.
/// Messages that nest deeper than about three times this are not read back.
const DEEPEST: usize = 24;

/// What was seen of some values.
#[derive(Default)]
struct Seen {
    len: u64,
    nulls: bool,
    bools: Option<(bool, bool)>,
    strings: Option<(String, String)>,
    numbers: Option<(Numeric, Numeric)>,
    lists: bool,
    maps: bool,
    /// Values of several kinds, since they were not looked at.
    unseen: bool,
    entries: BTreeMap<String, Seen>,
}

/// The statistics of a column of JSON texts.
///
/// Errors: a text that is no JSON.
pub(super) fn collect(texts: &StringArray) -> Result<ProtoJsonStats, String> {
    let mut seen = Seen::default();
    for text in texts.iter().flatten() {
        let row = jsonb::row(text)?;
        for datum in row.iter() {
            seen.see(datum, DEEPEST)?;
        }
    }
    Ok(seen.stats())
}

/// Widens bounds so that they hold a value.
fn widen<T: Ord + Clone>(bounds: &mut Option<(T, T)>, value: &T) {
    match bounds {
        None => *bounds = Some((value.clone(), value.clone())),
        Some((least, _)) if value < least => *least = value.clone(),
        Some((_, most)) if value > most => *most = value.clone(),
        Some(_) => {}
    }
}

impl Seen {
    fn see(&mut self, datum: Datum<'_>, depth: usize) -> Result<(), String> {
        self.len += 1;
        match datum {
            Datum::JsonNull => self.nulls = true,
            Datum::False => widen(&mut self.bools, &false),
            Datum::True => widen(&mut self.bools, &true),
            Datum::String(text) => widen(&mut self.strings, &text.to_string()),
            Datum::Numeric(number) => widen(&mut self.numbers, &number),
            Datum::List(_) => self.lists = true,
            Datum::Map(_) if depth == 0 => self.unseen = true,
            Datum::Map(map) => {
                self.maps = true;
                for (key, value) in map.iter() {
                    let entry = self.entries.entry(key.to_string()).or_default();
                    entry.see(value, depth - 1)?;
                }
            }
            other => return Err(format!("{other} in a jsonb column")),
        }
        Ok(())
    }

    fn stats(self) -> ProtoJsonStats {
        let mut kinds: Vec<JsonKind> = Vec::new();
        if self.nulls {
            kinds.push(JsonKind::JsonNulls(Empty {}));
        }
        if let Some((least, most)) = self.bools {
            kinds.push(JsonKind::Bools(ProtoPrimitiveStats {
                lower: Some(Lower::Bool(least)),
                upper: Some(Upper::Bool(most)),
            }));
        }
        if let Some((least, most)) = self.strings {
            kinds.push(JsonKind::Strings(ProtoPrimitiveStats {
                lower: Some(Lower::String(least)),
                upper: Some(Upper::String(most)),
            }));
        }
        if let Some((least, most)) = self.numbers {
            let bytes = |n| codec::datum_to_proto(Datum::Numeric(n)).encode_to_vec();
            kinds.push(JsonKind::Numerics(ProtoBytesBounds {
                lower: bytes(least),
                upper: bytes(most),
            }));
        }
        if self.lists {
            kinds.push(JsonKind::Lists(Empty {}));
        }
        if self.unseen {
            kinds.push(JsonKind::Mixed(Empty {}));
        }
        if self.maps {
            let element = |(name, seen): (String, Seen)| ProtoJsonElementStats {
                name,
                len: seen.len,
                stats: Some(seen.stats()),
            };
            let elements = self.entries.into_iter().map(element).collect();
            kinds.push(JsonKind::Maps(ProtoJsonMapStats { elements }));
        }
        let kind = match (kinds.pop(), kinds.is_empty()) {
            (None, _) => JsonKind::None(Empty {}),
            (Some(kind), true) => kind,
            (Some(_), false) => JsonKind::Mixed(Empty {}),
        };
        ProtoJsonStats { kind: Some(kind) }
    }
}

/// The least and the greatest value, in a row of two datums; None if nothing is known
/// of them.
pub(super) fn bounds(stats: &ProtoJsonStats) -> Option<Row> {
    match stats.kind.as_ref()? {
        JsonKind::JsonNulls(_) => Some(Row::pack([Datum::JsonNull, Datum::JsonNull])),
        JsonKind::Bools(bounds) => match (bounds.lower.as_ref()?, bounds.upper.as_ref()?) {
            (Lower::Bool(a), Upper::Bool(b)) => Some(Row::pack([(*a).into(), (*b).into()])),
            _ => None,
        },
        JsonKind::Strings(bounds) => match (bounds.lower.as_ref()?, bounds.upper.as_ref()?) {
            (Lower::String(a), Upper::String(b)) => {
                Some(Row::pack([Datum::String(a), Datum::String(b)]))
            }
            _ => None,
        },
        JsonKind::Numerics(bounds) => {
            let mut packer = RowPacker::default();
            for bytes in [&bounds.lower, &bounds.upper] {
                let datum = ProtoDatum::decode(bytes.as_slice()).ok()?;
                codec::push_proto(&datum, &mut packer).ok()?;
            }
            let row = packer.finish();
            let numbers = row.iter().all(|datum| matches!(datum, Datum::Numeric(_)));
            numbers.then_some(row)
        }
        JsonKind::None(_) | JsonKind::Mixed(_) | JsonKind::Lists(_) | JsonKind::Maps(_) => None,
    }
}
