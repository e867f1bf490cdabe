//! What can happen to bytes: flips, cuts, repetitions, lengths that lie.
//!
//! Invariant: a mutation is a value, so that a failure is shown and repeated.

use bytes::Bytes;
use proptest::prelude::*;

/// One change. Places are taken modulo the length.
#[derive(Debug, Clone)]
pub enum Mutation {
    Flip {
        at: usize,
        bit: u8,
    },
    Set {
        at: usize,
        byte: u8,
    },
    Cut {
        at: usize,
    },
    Remove {
        at: usize,
        len: usize,
    },
    Repeat {
        at: usize,
        len: usize,
    },
    /// Bytes put in between, or over what is there.
    Put {
        at: usize,
        what: Vec<u8>,
        over: bool,
    },
}

/// Numbers that readers stumble over, as protobuf spells them and as they lie
/// in memory.
fn numbers() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(vec![
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01
        ]),
        Just(vec![0xff, 0xff, 0xff, 0xff, 0x0f]),
        Just(vec![0xff, 0xff, 0xff, 0xff, 0x07]),
        Just(vec![
            0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01
        ]),
        Just(vec![0xff; 8]),
        Just(vec![0x00; 8]),
        Just(vec![0xff, 0xff, 0xff, 0x7f]),
        proptest::collection::vec(any::<u8>(), 1..12),
    ]
}

pub fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<usize>;
    prop_oneof![
        4 => (at(), 0u8..8).prop_map(|(at, bit)| Mutation::Flip { at, bit }),
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set { at, byte }),
        1 => at().prop_map(|at| Mutation::Cut { at }),
        2 => (at(), 1usize..20).prop_map(|(at, len)| Mutation::Remove { at, len }),
        2 => (at(), 1usize..60).prop_map(|(at, len)| Mutation::Repeat { at, len }),
        3 => (at(), numbers(), any::<bool>())
            .prop_map(|(at, what, over)| Mutation::Put { at, what, over }),
    ]
}

fn apply(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let len = bytes.len();
    if len == 0 {
        return;
    }
    match mutation {
        Mutation::Flip { at, bit } => bytes[at % len] ^= 1 << bit,
        Mutation::Set { at, byte } => bytes[at % len] = *byte,
        Mutation::Cut { at } => bytes.truncate(at % len),
        Mutation::Remove { at, len: n } => {
            let at = at % len;
            bytes.drain(at..(at + n).min(len));
        }
        Mutation::Repeat { at, len: n } => {
            let at = at % len;
            let again = bytes[at..(at + n).min(len)].to_vec();
            bytes.splice(at..at, again);
        }
        Mutation::Put { at, what, over } => {
            let at = at % len;
            let end = if *over {
                (at + what.len()).min(len)
            } else {
                at
            };
            bytes.splice(at..end, what.iter().copied());
        }
    }
}

/// The bytes after all changes.
pub fn mutated(original: &Bytes, mutations: &[Mutation]) -> Bytes {
    let mut bytes = original.to_vec();
    for mutation in mutations {
        apply(&mut bytes, mutation);
    }
    Bytes::from(bytes)
}
