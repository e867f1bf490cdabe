//! Writes: rows that come and go, and uppers that move alone. Source:
//! `spec/script.md` §2.4.
//!
//! Invariants: a write is at the shard's upper, as the append demands; what is
//! retracted is there, so that no multiplicity becomes negative, unless the
//! profile wants that.

use super::tally::Worth;
use super::values::{self, Column};
use super::world::{DrawnShard, Owner, World};
use crate::model::Multiset;
use crate::repr::{GlobalId, Row, Timestamp};
use crate::script::{Command, RowLine, data};

impl World<'_> {
    /// A shard to read, an old one or a new one.
    pub fn some_shard(&mut self) -> Option<usize> {
        let all = (0..self.shards.len()).collect();
        self.old_or_new(all, 25)
    }

    /// A shard to write, an old one or a new one.
    fn written_shard(&mut self) -> Option<usize> {
        let own = self.own_shards();
        self.old_or_new(own, 4)
    }

    /// One of the old ones, or, in one of `rarely` draws, a new one.
    fn old_or_new(&mut self, old: Vec<usize>, rarely: u64) -> Option<usize> {
        let can_grow = self.own_shards().len() < self.profile.shards;
        if old.is_empty() || can_grow && self.choices.chance("new shard", 1, rarely) {
            return self.new_shard();
        }
        Some(old[self.choices.index("shard", old.len())])
    }

    /// The shards that the driver writes.
    pub fn own_shards(&self) -> Vec<usize> {
        let own = |at: &usize| self.shards[*at].owner == Owner::Driver;
        (0..self.shards.len()).filter(own).collect()
    }

    /// The source id under which a shard is read.
    pub fn source_id(&self, number: usize) -> GlobalId {
        GlobalId::User(1_000 + 100 * number as u64)
    }

    fn new_shard(&mut self) -> Option<usize> {
        let can_grow = self.schemas.len() < self.profile.schemas;
        let schema =
            if self.schemas.is_empty() || can_grow && self.choices.chance("new schema", 1, 2) {
                let columns = values::columns(self.choices, self.profile.more_types);
                self.define_schema(columns)?;
                self.schemas.len() - 1
            } else {
                self.choices.index("schema", self.schemas.len())
            };
        let number = self.shards.len();
        let append_only =
            self.profile.append_only && self.choices.chance("append-only shard", 1, 3);
        let part_bytes = self.part_bytes();
        self.shards.push(DrawnShard {
            alias: format!("s{number}"),
            source: self.source_id(number),
            schema,
            append_only,
            part_bytes,
            owner: Owner::Driver,
        });
        Some(number)
    }

    /// How large the parts of a shard's writes are: as writers make them, or small
    /// ones in blob, which have statistics.
    fn part_bytes(&mut self) -> Option<u64> {
        let small = self.profile.small_parts && self.choices.chance("parts in blob", 1, 2);
        // A row has 24 bytes and more: all rows a part, a few, or one.
        let sizes = [1000, 100, 1];
        let drawn = self.choices.weighted("bytes of a part", &[4, 2, 1]);
        small.then(|| sizes[drawn.unwrap_or(0)])
    }

    /// The first time of a shard that is not sealed, as far as is known.
    pub fn upper(&self, shard: usize) -> Timestamp {
        self.model()
            .shard(&self.shards[shard].alias)
            .map_or(0, |known| known.upper())
    }

    /// Rows at the upper.
    pub fn write(&mut self) -> bool {
        let Some(shard) = self.written_shard() else {
            return false;
        };
        self.write_to(shard)
    }

    fn write_to(&mut self, shard: usize) -> bool {
        let ts = self.upper(shard);
        match self.choices.weighted("form of write", &[8, 1, 1]) {
            Some(1) => self.write_synthetic(shard, ts),
            Some(2) if ts == 0 => self.write_spread(shard),
            _ => self.write_rows(shard, ts),
        }
    }

    /// Rows in a shard, often one that is new.
    pub fn write_another(&mut self) -> bool {
        let own = self.own_shards();
        match self.old_or_new(own, 2) {
            Some(shard) => self.write_to(shard),
            None => false,
        }
    }

    /// Nothing, so that only the upper moves.
    pub fn advance(&mut self) -> bool {
        let own = self.own_shards();
        if own.is_empty() {
            return self.write();
        }
        let shard = own[self.choices.index("shard", own.len())];
        self.advance_shard(shard)
    }

    pub fn advance_shard(&mut self, shard: usize) -> bool {
        let command = Command::WriteRows {
            shard: self.shards[shard].alias.clone(),
            schema: Some(self.schema_name(shard)),
            ts: self.upper(shard),
            part_bytes: None,
            rows: Vec::new(),
        };
        let read = self.is_read(shard);
        self.emit(command, Worth::if_so(read, "no dataflow reads the shard"))
    }

    fn schema_name(&self, shard: usize) -> String {
        self.schemas[self.shards[shard].schema].name.clone()
    }

    fn write_synthetic(&mut self, shard: usize, ts: Timestamp) -> bool {
        let command = Command::WriteSingleTs {
            shard: self.shards[shard].alias.clone(),
            schema: Some(self.schema_name(shard)),
            ts,
            count: self.choices.between("synthetic rows", 1, self.profile.rows),
            start: self.choices.draw("first synthetic row", 4),
            row_bytes: self.choices.draw("width of synthetic texts", 3) as usize,
        };
        self.emit(command, Worth::Shows)
    }

    fn write_spread(&mut self, shard: usize) -> bool {
        let command = Command::WriteSpread {
            shard: self.shards[shard].alias.clone(),
            schema: Some(self.schema_name(shard)),
            count: self
                .choices
                .between("spread rows", 1, 2 * self.profile.rows),
            n_ts: self.choices.between("spread times", 1, 3),
            start: self.choices.draw("first synthetic row", 4),
            row_bytes: self.choices.draw("width of synthetic texts", 3) as usize,
        };
        self.emit(command, Worth::Shows)
    }

    fn write_rows(&mut self, shard: usize, ts: Timestamp) -> bool {
        let columns = self.schemas[self.shards[shard].schema].columns.clone();
        let definition = values::definition(&columns);
        let Ok(desc) = data::resolve(&definition) else {
            return false;
        };
        let alias = self.shards[shard].alias.clone();
        // What is there, this write included: only that can be retracted.
        let mut present = match (self.model().shard(&alias), ts.checked_sub(1)) {
            (Some(known), Some(last)) => known.contents(last),
            (Some(_), None) | (None, _) => Multiset::new(),
        };
        // A part of several rows has a least and a greatest one, and some between; the
        // uncommon values are all least or greatest.
        let part_bytes = self.shards[shard].part_bytes;
        let (times, rarely) = if part_bytes.is_some() {
            (2, 12)
        } else {
            (1, 3)
        };
        let most = self.profile.rows * times;
        let count = self.choices.between("rows", 1, most);
        let mut lines: Vec<RowLine> = Vec::new();
        for _ in 0..count {
            let retraction = match self.shards[shard].append_only {
                true => None,
                false => self.retraction(&present, &columns),
            };
            let line = match retraction {
                Some(line) => line,
                None => RowLine {
                    cells: values::row(self.choices, &columns, rarely),
                    diff: match self.choices.chance("several copies", 1, 6) {
                        true => 2,
                        false => 1,
                    },
                },
            };
            if let Ok(typed) = data::rows(&desc, std::slice::from_ref(&line)) {
                for (row, diff) in typed {
                    present.add(row, diff);
                }
                lines.push(line);
            }
        }
        let command = Command::WriteRows {
            shard: alias,
            schema: Some(self.schema_name(shard)),
            ts,
            part_bytes,
            rows: lines,
        };
        self.emit(command, Worth::Shows)
    }

    /// A retraction of something present; `None` for an insertion.
    fn retraction(&mut self, present: &Multiset, columns: &[Column]) -> Option<RowLine> {
        if present.is_empty() || !self.choices.chance("retract", 1, 3) {
            return None;
        }
        let rows: Vec<(&Row, i64)> = present.iter().collect();
        let (row, count) = rows[self.choices.index("retracted row", rows.len())];
        let beyond = self.negative && self.choices.chance("retract too much", 1, 4);
        let most = count.max(1) as u64 + u64::from(beyond);
        let copies = match beyond {
            true => most,
            false => self.choices.between("retracted copies", 1, most),
        };
        if count < 1 && !beyond {
            return None;
        }
        Some(RowLine {
            cells: values::cells(row, columns)?,
            diff: -(copies as i64),
        })
    }

    /// Whether some live collection rests on a shard.
    fn is_read(&self, shard: usize) -> bool {
        let alias = &self.shards[shard].alias;
        self.model().session().live_collections().any(|collection| {
            let on = collection.export.on();
            collection.dataflow.shards_of(on).contains(alias)
        })
    }
}
