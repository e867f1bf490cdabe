//! Text and byte functions. Source: `spec/plan.md` §5.5, §5.6.
//!
//! Invariant: no result is longer than the limit, and none is built before its
//! length is checked.

use super::number::syntax;
use protocol::v26_30::{EvalError, ParseHexError};

/// The longest text that a function may make, in bytes.
const MAX_LENGTH: usize = 100 * 1024 * 1024;
/// The longest LIKE pattern, in bytes.
const MAX_PATTERN: usize = 8192;

fn limited(length: usize) -> Result<(), EvalError> {
    if length > MAX_LENGTH {
        Err(EvalError::LengthTooLarge)
    } else {
        Ok(())
    }
}

/// A length as an Int32.
pub(super) fn length(n: usize) -> Result<i32, EvalError> {
    i32::try_from(n).map_err(|_| EvalError::Int32OutOfRange(n.to_string()))
}

pub(super) fn concat(a: &str, b: &str) -> Result<String, EvalError> {
    limited(a.len() + b.len())?;
    Ok(format!("{a}{b}"))
}

pub(super) fn join(separator: &str, parts: &[&str]) -> Result<String, EvalError> {
    let length = parts.iter().map(|part| part.len() + separator.len()).sum();
    limited(length)?;
    Ok(parts.join(separator))
}

pub(super) fn replace(text: &str, from: &str, to: &str) -> Result<String, EvalError> {
    let hits = text.matches(from).count();
    limited(text.len() - hits * from.len() + hits.saturating_mul(to.len()))?;
    Ok(text.replace(from, to))
}

/// Characters from the 1-based `start`, at most `count`.
pub(super) fn substring(text: &str, start: i64, count: Option<i64>) -> Result<&str, EvalError> {
    let end = match count {
        Some(count) if count < 0 => {
            return Err(EvalError::InvalidParameterValue(
                "negative substring length not allowed".into(),
            ));
        }
        Some(count) => start.saturating_add(count),
        None => i64::MAX,
    };
    let offset = |place: i64| {
        let skipped = usize::try_from(place.saturating_sub(1)).unwrap_or(0);
        text.char_indices()
            .nth(skipped)
            .map_or(text.len(), |(at, _)| at)
    };
    let (from, to) = (offset(start), offset(end));
    Ok(&text[from..to.max(from)])
}

/// The byte offset after the first `n` characters, or, if negative, before the
/// last −`n`.
fn split_at(text: &str, n: i32) -> usize {
    let n = n as i64;
    let count = if n >= 0 {
        n
    } else {
        text.chars().count() as i64 + n
    };
    usize::try_from(count).map_or(0, |count| {
        text.char_indices()
            .nth(count)
            .map_or(text.len(), |(at, _)| at)
    })
}

pub(super) fn left(text: &str, n: i32) -> &str {
    &text[..split_at(text, n)]
}

pub(super) fn right(text: &str, n: i32) -> &str {
    // The negation of the minimum overflows, and leaves the whole text.
    match n.checked_neg() {
        None => text,
        Some(0) => "",
        Some(n) => &text[split_at(text, n)..],
    }
}

/// The 1-based character index of a part, 0 if absent.
pub(super) fn position(part: &str, text: &str) -> Result<i32, EvalError> {
    match text.find(part) {
        Some(at) => length(text[..at].chars().count() + 1),
        None => Ok(0),
    }
}

pub(super) fn pad_leading(text: &str, count: i32, pad: &str) -> Result<String, EvalError> {
    let count = usize::try_from(count)
        .map_err(|_| EvalError::InvalidParameterValue("length must be nonnegative".into()))?;
    limited(count)?;
    let present = text.chars().count();
    let missing = count.saturating_sub(present);
    if pad.is_empty() {
        return Ok(text.chars().take(count).collect());
    }
    Ok(pad
        .chars()
        .cycle()
        .take(missing)
        .chain(text.chars().take(count))
        .collect())
}

pub(super) fn split_part<'a>(text: &'a str, by: &str, field: i32) -> Result<&'a str, EvalError> {
    let at = usize::try_from(i64::from(field) - 1).map_err(|_| {
        EvalError::InvalidParameterValue("field position must be greater than zero".into())
    })?;
    if by.is_empty() {
        return Ok(if at == 0 { text } else { "" });
    }
    Ok(text.split(by).nth(at).unwrap_or(""))
}

/// A pattern with an escape character of one's own, written with `\`.
pub(super) fn like_escape(pattern: &str, escape: &str) -> Result<String, EvalError> {
    let mut escapes = escape.chars();
    let escape = escapes.next();
    if escapes.next().is_some() {
        return Err(EvalError::LikeEscapeTooLong);
    }
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if Some(c) == escape {
            let next = chars
                .next()
                .ok_or(EvalError::UnterminatedLikeEscapeSequence)?;
            out.extend(['\\', next]);
        } else if c == '\\' {
            out.push_str("\\\\");
        } else {
            out.push(c);
        }
    }
    limited(out.len())?;
    Ok(out)
}

/// One piece of a LIKE pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Piece {
    Char(char),
    One,
    Many,
}

fn pieces(pattern: &str) -> Result<Vec<Piece>, EvalError> {
    if pattern.len() > MAX_PATTERN {
        return Err(EvalError::LikePatternTooLong);
    }
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            '%' => Piece::Many,
            '_' => Piece::One,
            '\\' => Piece::Char(
                chars
                    .next()
                    .ok_or(EvalError::UnterminatedLikeEscapeSequence)?,
            ),
            c => Piece::Char(c),
        });
    }
    Ok(pieces)
}

/// Whether pieces match a whole text, going back to the last `%` on a mismatch.
fn matches(pieces: &[Piece], text: &[char], same: impl Fn(char, char) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        match pieces.get(p) {
            Some(Piece::Many) => {
                back = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(Piece::One) if t < text.len() => {
                p += 1;
                t += 1;
                continue;
            }
            Some(Piece::Char(c)) if t < text.len() && same(*c, text[t]) => {
                p += 1;
                t += 1;
                continue;
            }
            None if t == text.len() => return true,
            _ => {}
        }
        match back {
            Some((after, at)) if at < text.len() => {
                back = Some((after, at + 1));
                p = after;
                t = at + 1;
            }
            _ => return false,
        }
    }
}

fn folded(a: char, b: char) -> bool {
    a == b || a.to_lowercase().eq(b.to_lowercase()) || a.to_uppercase().eq(b.to_uppercase())
}

pub(super) fn like(text: &str, pattern: &str, insensitive: bool) -> Result<bool, EvalError> {
    let pieces = pieces(pattern)?;
    let text: Vec<char> = text.chars().collect();
    Ok(if insensitive {
        matches(&pieces, &text, folded)
    } else {
        matches(&pieces, &text, |a, b| a == b)
    })
}

pub(super) fn hex_text(bytes: &[u8]) -> String {
    format!("\\x{}", hex::encode(bytes))
}

/// Bytes from the hexadecimal or the escape form.
pub(super) fn parse_bytes(text: &str) -> Result<Vec<u8>, EvalError> {
    let bad = |details: String| syntax("bytea", text, Some(details));
    if let Some(digits) = text.strip_prefix("\\x") {
        let mut nibbles = Vec::new();
        for c in digits.chars() {
            match c.to_digit(16) {
                Some(digit) => nibbles.push(digit as u8),
                None if matches!(c, ' ' | '\n' | '\t' | '\r') && nibbles.len() % 2 == 0 => {}
                None => return Err(bad(ParseHexError::InvalidHexDigit(c).to_string())),
            }
        }
        if nibbles.len() % 2 == 1 {
            return Err(bad(ParseHexError::OddLength.to_string()));
        }
        return Ok(nibbles
            .chunks(2)
            .map(|pair| pair[0] * 16 + pair[1])
            .collect());
    }
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        match tail {
            [] => return Err(bad("ends with escape character".into())),
            [b'\\', tail @ ..] => {
                bytes.push(b'\\');
                rest = tail;
            }
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = tail;
            }
            _ => return Err(bad("invalid escape sequence".into())),
        }
    }
    Ok(bytes)
}

pub(super) fn parse_bool(text: &str) -> Result<bool, EvalError> {
    match text.trim().to_lowercase().as_str() {
        "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "on" | "1" => Ok(true),
        "f" | "fa" | "fal" | "fals" | "false" | "n" | "no" | "of" | "off" | "0" => Ok(false),
        _ => Err(syntax("boolean", text, None)),
    }
}
