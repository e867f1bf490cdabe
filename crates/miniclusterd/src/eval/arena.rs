//! Storage for values that an evaluation computes, so that they can be borrowed
//! like the columns of the input row.
//!
//! Invariant: what was stored stays where it is until the arena goes.

use std::cell::{Cell, OnceCell};

use repr::{Datum, Row, RowPacker};

/// The slots of the first chunk; each further chunk has twice as many.
const FIRST: usize = 8;

/// Grows by appending only, hence a shared borrow suffices to store a row.
#[derive(Debug, Default)]
pub struct Arena {
    first: OnceCell<Box<Chunk>>,
}

#[derive(Debug)]
struct Chunk {
    slots: Box<[OnceCell<Row>]>,
    used: Cell<usize>,
    next: OnceCell<Box<Chunk>>,
}

impl Chunk {
    fn new(size: usize) -> Box<Chunk> {
        Box::new(Chunk {
            slots: (0..size).map(|_| OnceCell::new()).collect(),
            used: Cell::new(0),
            next: OnceCell::new(),
        })
    }
}

impl Arena {
    pub fn new() -> Arena {
        Arena::default()
    }

    /// Keeps a row.
    pub fn keep(&self, row: Row) -> &Row {
        let mut chunk = self.first.get_or_init(|| Chunk::new(FIRST));
        loop {
            let used = chunk.used.get();
            if let Some(slot) = chunk.slots.get(used) {
                chunk.used.set(used + 1);
                return slot.get_or_init(|| row);
            }
            chunk = chunk.next.get_or_init(|| Chunk::new(chunk.slots.len() * 2));
        }
    }

    /// Keeps the one datum that the closure packs.
    pub fn datum(&self, pack: impl FnOnce(&mut RowPacker)) -> Datum<'_> {
        let mut packer = RowPacker::default();
        pack(&mut packer);
        let row = self.keep(packer.finish());
        row.iter().next().unwrap_or(Datum::Null)
    }

    pub fn string(&self, text: &str) -> Datum<'_> {
        self.datum(|packer| packer.push(Datum::String(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stays_readable_while_more_is_kept() {
        let arena = Arena::new();
        let kept: Vec<Datum<'_>> = (0..1_000)
            .map(|n| arena.string(&format!("value {n}")))
            .collect();
        for (n, datum) in kept.into_iter().enumerate() {
            assert_eq!(datum, Datum::String(&format!("value {n}")));
        }
    }
}
