//! What a golden script writes, read straight from its text: enough of the
//! grammar for the write commands, and none of the program's own script room.

use std::collections::BTreeMap;
use std::path::Path;

use clusterd_fuzz::persist::Update;
use clusterd_fuzz::repr::{Datum, RelationDesc, Row, SqlScalarType};

/// Everything that was written under an alias.
#[derive(Debug)]
pub struct Written {
    pub desc: RelationDesc,
    pub updates: Vec<Update>,
    pub upper: u64,
}

type Columns = Vec<(String, SqlScalarType, bool)>;

/// The writes of a script, by alias. Writes that the script expects to fail
/// are left out.
pub fn of_script(path: &Path) -> BTreeMap<String, Written> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut schemas: BTreeMap<String, Columns> = BTreeMap::new();
    let mut written: BTreeMap<String, Written> = BTreeMap::new();
    let blocks: Vec<&str> = text.split("\n\n").collect();
    for block in blocks {
        let mut lines = block
            .lines()
            .filter(|l| !l.trim_start().starts_with('#'))
            .skip_while(|l| l.trim().is_empty());
        let Some(header) = lines.next() else { continue };
        let mut words = header.split_whitespace();
        let verb = words.next().unwrap();
        let args: BTreeMap<&str, &str> = words.filter_map(|w| w.split_once('=')).collect();
        let all: Vec<&str> = lines.collect();
        let cut = all.iter().position(|l| *l == "----").unwrap_or(all.len());
        let body = &all[..cut];
        let expected = all.get(cut + 1).copied().unwrap_or("");
        let number = |name: &str, default: u64| -> u64 {
            args.get(name).map_or(default, |n| n.parse().unwrap())
        };
        if verb == "define-schema" {
            let columns = body.iter().map(|l| column(l)).collect();
            schemas.insert(args["name"].to_string(), columns);
            continue;
        }
        if !verb.starts_with("write-") || !expected.starts_with("wrote") {
            continue;
        }
        let columns = match args.get("schema") {
            Some(name) => schemas[*name].clone(),
            None => vec![
                ("id".into(), SqlScalarType::Int64, false),
                ("payload".into(), SqlScalarType::String, false),
            ],
        };
        let (start, count) = (number("start", 0), number("count", 0));
        let width = number("row-bytes", 64) as usize;
        let synthetic = |i: u64| {
            let cells: Vec<String> = columns
                .iter()
                .map(|(_, scalar, _)| match scalar {
                    SqlScalarType::Int16 => (i % 32768).to_string(),
                    SqlScalarType::Bool => i.is_multiple_of(2).to_string(),
                    SqlScalarType::String | SqlScalarType::Bytes => format!("{i:0>width$}"),
                    _ => i.to_string(),
                })
                .collect();
            row(&columns, &cells)
        };
        let (updates, upper): (Vec<Update>, u64) = match verb {
            "write-single-ts" => {
                let ts = number("ts", 0);
                let rows = start..start + count;
                (rows.map(|i| (Ok(synthetic(i)), ts, 1)).collect(), ts + 1)
            }
            "write-spread" => {
                let n_ts = number("n-ts", 0);
                let rows = 0..count;
                let update = |k| (Ok(synthetic(start + k)), k % n_ts, 1);
                (rows.map(update).collect(), n_ts)
            }
            "write-rows" => {
                let ts = number("ts", 0);
                let update = |l: &&str| (Ok(row(&columns, &tokens(l))), ts, 1);
                (body.iter().map(update).collect(), ts + 1)
            }
            other => panic!("{other}"),
        };
        let desc = RelationDesc::from_columns(
            columns
                .iter()
                .map(|(n, t, null)| (&n[..], t.clone(), *null)),
        );
        let entry = written
            .entry(args["shard"].to_string())
            .or_insert_with(|| Written {
                desc,
                updates: Vec::new(),
                upper: 0,
            });
        entry.updates.extend(updates);
        entry.upper = upper;
    }
    written
}

fn column(line: &str) -> (String, SqlScalarType, bool) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let scalar = match words[1] {
        "int16" | "smallint" => SqlScalarType::Int16,
        "int32" | "int" | "integer" => SqlScalarType::Int32,
        "int64" | "bigint" => SqlScalarType::Int64,
        "bool" | "boolean" => SqlScalarType::Bool,
        "string" | "text" => SqlScalarType::String,
        "bytes" | "bytea" => SqlScalarType::Bytes,
        other => panic!("{other}"),
    };
    (words[0].into(), scalar, words.get(2) == Some(&"nullable"))
}

/// Cells between blanks; a quoted cell keeps its quotes.
fn tokens(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let end = if let Some(quoted) = rest.strip_prefix('"') {
            quoted.find('"').unwrap() + 2
        } else {
            rest.find(char::is_whitespace).unwrap_or(rest.len())
        };
        found.push(rest[..end].to_string());
        rest = rest[end..].trim_start();
    }
    found
}

fn row(columns: &Columns, cells: &[String]) -> Row {
    assert_eq!(columns.len(), cells.len());
    let datums = columns.iter().zip(cells).map(|((_, scalar, _), cell)| {
        let text = cell
            .strip_prefix('"')
            .and_then(|c| c.strip_suffix('"'))
            .unwrap_or(cell);
        match scalar {
            _ if cell == "null" => Datum::Null,
            SqlScalarType::Int16 => Datum::Int16(cell.parse().unwrap()),
            SqlScalarType::Int32 => Datum::Int32(cell.parse().unwrap()),
            SqlScalarType::Int64 => Datum::Int64(cell.parse().unwrap()),
            SqlScalarType::Bool if ["t", "true", "yes", "on"].contains(&&cell[..]) => Datum::True,
            SqlScalarType::Bool => Datum::False,
            SqlScalarType::String => Datum::String(text),
            SqlScalarType::Bytes => Datum::Bytes(text.as_bytes()),
            other => panic!("{other:?}"),
        }
    });
    Row::pack(datums)
}
