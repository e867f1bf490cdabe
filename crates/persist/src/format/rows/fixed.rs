//! Values of fixed width as big-endian bytes that sort like the values
//! (`spec/persist.md` §5.5).
//!
//! Invariant: each pair of functions is inverse to each other.

use repr::{AclItem, CivilTimestamp, Interval, Time};

fn be32(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(word)
}

fn be64(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_be_bytes(word)
}

/// The sign bit flipped, so that negative numbers come first.
fn flip32(value: i32) -> u32 {
    value.cast_unsigned() ^ 0x8000_0000
}

fn flip64(value: i64) -> u64 {
    value.cast_unsigned() ^ (1 << 63)
}

pub(super) fn time_to_bytes(time: Time) -> [u8; 8] {
    (u64::from(time.secs) << 32 | u64::from(time.nanos)).to_be_bytes()
}

/// `bytes` has 8 bytes.
pub(super) fn time_from_bytes(bytes: &[u8]) -> Time {
    Time {
        secs: be32(bytes, 0),
        nanos: be32(bytes, 4),
    }
}

fn words(words: [u32; 4]) -> [u8; 16] {
    let mut out = [0; 16];
    for (i, word) in words.iter().enumerate() {
        out[4 * i..4 * i + 4].copy_from_slice(&word.to_be_bytes());
    }
    out
}

pub(super) fn timestamp_to_bytes(t: CivilTimestamp) -> [u8; 16] {
    words([flip32(t.year), t.ordinal, t.secs, t.nanos])
}

/// `bytes` has 16 bytes.
pub(super) fn timestamp_from_bytes(bytes: &[u8]) -> CivilTimestamp {
    CivilTimestamp {
        year: (be32(bytes, 0) ^ 0x8000_0000).cast_signed(),
        ordinal: be32(bytes, 4),
        secs: be32(bytes, 8),
        nanos: be32(bytes, 12),
    }
}

pub(super) fn interval_to_bytes(i: Interval) -> [u8; 16] {
    let mut out = words([flip32(i.months), flip32(i.days), 0, 0]);
    out[8..].copy_from_slice(&flip64(i.micros).to_be_bytes());
    out
}

/// `bytes` has 16 bytes.
pub(super) fn interval_from_bytes(bytes: &[u8]) -> Interval {
    Interval {
        months: (be32(bytes, 0) ^ 0x8000_0000).cast_signed(),
        days: (be32(bytes, 4) ^ 0x8000_0000).cast_signed(),
        micros: (be64(bytes, 8) ^ (1 << 63)).cast_signed(),
    }
}

pub(super) fn acl_item_to_bytes(item: AclItem) -> [u8; 16] {
    let mut out = words([item.grantee, item.grantor, 0, 0]);
    out[8..].copy_from_slice(&item.mode.to_be_bytes());
    out
}

/// `bytes` has 16 bytes.
pub(super) fn acl_item_from_bytes(bytes: &[u8]) -> AclItem {
    AclItem {
        grantee: be32(bytes, 0),
        grantor: be32(bytes, 4),
        mode: be64(bytes, 8),
    }
}

/// A dimension of an array: lower bound, length.
pub(super) fn dimension_to_bytes((lower, length): (i64, u64)) -> [u8; 16] {
    let mut out = [0; 16];
    out[..8].copy_from_slice(&flip64(lower).to_be_bytes());
    out[8..].copy_from_slice(&length.to_be_bytes());
    out
}

/// `bytes` has 16 bytes.
pub(super) fn dimension_from_bytes(bytes: &[u8]) -> (i64, u64) {
    ((be64(bytes, 0) ^ (1 << 63)).cast_signed(), be64(bytes, 8))
}

/// Whether `count` elements fill an array of these dimensions.
pub(super) fn check_dims(dims: &[(i64, u64)], count: usize) -> Result<(), String> {
    let size = dims
        .iter()
        .try_fold(1u64, |size, (_, length)| size.checked_mul(*length));
    let size = if dims.is_empty() { Some(0) } else { size };
    if dims.len() <= usize::from(u8::MAX) && size == Some(count as u64) {
        Ok(())
    } else {
        Err(format!(
            "an array of {count} elements with dimensions {dims:?}"
        ))
    }
}

/// A role as rows hold it: `s`, `g`, `u` or `p`, and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RoleText {
    pub kind: u8,
    pub id: u64,
}

/// The roles and the privileges of the 26 bytes in a row.
pub(super) fn role_from_text(bytes: &[u8; 26]) -> (RoleText, RoleText, u64) {
    let number = |at: usize| be64(bytes, at).swap_bytes();
    let role = |at: usize| RoleText {
        kind: bytes[at],
        id: number(at + 1),
    };
    (role(0), role(9), number(18))
}

/// The inverse.
pub(super) fn role_to_text(grantee: RoleText, grantor: RoleText, mode: u64) -> [u8; 26] {
    let mut out = [0; 26];
    for (at, role) in [(0, grantee), (9, grantor)] {
        out[at] = role.kind;
        out[at + 1..at + 9].copy_from_slice(&role.id.to_le_bytes());
    }
    out[18..].copy_from_slice(&mode.to_le_bytes());
    out
}

/// The tags of role kinds in columns.
const ROLE_TAGS: [(u8, u32); 4] = [(b's', 100), (b'g', 200), (b'u', 300), (b'p', 400)];

/// The 32 bytes in a column of the 26 in a row.
pub(super) fn mz_acl_item_to_bytes(bytes: &[u8; 26]) -> Result<[u8; 32], String> {
    let (grantee, grantor, mode) = role_from_text(bytes);
    let mut out = [0; 32];
    for (at, role) in [(0, grantee), (12, grantor)] {
        let tag = ROLE_TAGS.iter().find(|(kind, _)| *kind == role.kind);
        let (_, tag) = tag.ok_or_else(|| format!("unknown kind of role {}", role.kind))?;
        out[at..at + 4].copy_from_slice(&tag.to_be_bytes());
        out[at + 4..at + 12].copy_from_slice(&role.id.to_be_bytes());
    }
    out[24..].copy_from_slice(&mode.to_be_bytes());
    Ok(out)
}

/// The inverse.
pub(super) fn mz_acl_item_from_bytes(bytes: &[u8]) -> Result<[u8; 26], String> {
    if bytes.len() != 32 {
        return Err(format!("{} bytes are no mz_aclitem", bytes.len()));
    }
    let role = |at: usize| -> Result<RoleText, String> {
        let tag = be32(bytes, at);
        let kind = ROLE_TAGS.iter().find(|(_, t)| *t == tag);
        Ok(RoleText {
            kind: kind.ok_or_else(|| format!("unknown kind of role {tag}"))?.0,
            id: be64(bytes, at + 4),
        })
    };
    Ok(role_to_text(role(0)?, role(12)?, be64(bytes, 24)))
}
