//! Keeping statistics small: bounds are cut, columns are left out.
//!
//! Invariant: a cut lower bound is not above the value, a cut upper bound not
//! below it.

use prost::Message;

use crate::format::wire::stats::{ProtoStructStats, StatsKind};

/// At most `longest` bytes of the text, cut between characters.
pub(super) fn lower_string(text: &str, longest: usize) -> String {
    text[..text.floor_char_boundary(longest)].to_string()
}

/// A text of at most about `longest` bytes that is not below this one; `None` if
/// all of its characters are the last one.
pub(super) fn upper_string(text: &str, longest: usize) -> Option<String> {
    if text.len() <= longest {
        return Some(text.to_string());
    }
    let mut cut = lower_string(text, longest);
    while let Some(last) = cut.pop() {
        if let Ok(next) = char::try_from(u32::from(last) + 1) {
            cut.push(next);
            return Some(cut);
        }
    }
    None
}

/// At most `longest` of the bytes.
pub(super) fn lower_bytes(bytes: &[u8], longest: usize) -> Vec<u8> {
    bytes[..bytes.len().min(longest)].to_vec()
}

/// At most `longest` bytes that are not below these; `None` if all of them are
/// 255.
pub(super) fn upper_bytes(bytes: &[u8], longest: usize) -> Option<Vec<u8>> {
    if bytes.len() <= longest {
        return Some(bytes.to_vec());
    }
    let mut cut = lower_bytes(bytes, longest);
    while let Some(last) = cut.pop() {
        if let Some(next) = last.checked_add(1) {
            cut.push(next);
            return Some(cut);
        }
    }
    None
}

/// Columns that are never left out: without `err` nothing can be said of a part,
/// and names like these are of times, which filters ask for most.
fn is_kept(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "err" || name == "ts" || name.ends_with("timestamp") || name.ends_with("_at")
}

/// Leaves columns out, the largest first, until the rest has at most `budget`
/// bytes or nothing can be left out any more.
pub(super) fn to_budget(stats: &mut ProtoStructStats, budget: usize) {
    let excess = stats.encoded_len().saturating_sub(budget);
    drop_columns(stats, excess);
}

/// Leaves out columns of at least `excess` bytes; what remains of the excess.
fn drop_columns(stats: &mut ProtoStructStats, mut excess: usize) -> usize {
    let sized = stats.cols.iter().map(|(n, c)| (c.encoded_len(), n.clone()));
    let mut columns: Vec<(usize, String)> = sized.collect();
    columns.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    for (size, name) in columns {
        if excess == 0 {
            break;
        }
        if is_kept(&name) {
            continue;
        }
        match stats.cols.get_mut(&name).and_then(|c| c.kind.as_mut()) {
            // The struct itself says how many rows are errors: it stays.
            Some(StatsKind::Struct(inner)) => excess = drop_columns(inner, excess),
            Some(StatsKind::Primitive(_) | StatsKind::Bytes(_) | StatsKind::None(_)) | None => {
                stats.cols.remove(&name);
                excess = excess.saturating_sub(size + 1);
            }
        }
    }
    excess
}
