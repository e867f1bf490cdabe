//! Functions over text: characters are Unicode scalar values. Source:
//! `spec/plan.md` §5.6.

use super::cast::text;
use super::{Result, Stop, Value};
use protocol::v26_30::{BinaryFunc, EvalError, UnaryFunc, VariadicFunc};
use repr::Datum;

/// No text is longer, in bytes.
const LONGEST: usize = 104_857_600;
/// No LIKE pattern is longer, in bytes.
const LONGEST_PATTERN: usize = 8192;

/// Functions of one argument. `None`: another family's.
pub(super) fn unary(func: &UnaryFunc, a: &Value) -> Option<Result> {
    use UnaryFunc as F;
    let changed = |change: fn(&str) -> String| Ok(Value::string(&change(text(a)?)));
    Some(match func {
        F::CharLength => text(a).and_then(|text| count(text.chars().count())),
        F::ByteLengthString => text(a).and_then(|text| count(text.len())),
        F::BitLengthString => text(a).and_then(|text| count(text.len() * 8)),
        F::ByteLengthBytes => match a.datum() {
            Datum::Bytes(bytes) => count(bytes.len()),
            _ => Err(Stop::wrong_type()),
        },
        F::Upper => changed(|text| text.to_uppercase()),
        F::Lower => changed(|text| text.to_lowercase()),
        F::Reverse => changed(|text| text.chars().rev().collect()),
        // Only the space, not other white space.
        F::TrimWhitespace => changed(|text| text.trim_matches(' ').to_string()),
        F::TrimLeadingWhitespace => changed(|text| text.trim_start_matches(' ').to_string()),
        F::TrimTrailingWhitespace => changed(|text| text.trim_end_matches(' ').to_string()),
        _ => return None,
    })
}

/// Functions of two arguments. `None`: another family's.
pub(super) fn binary(func: &BinaryFunc, a: &Value, b: &Value) -> Option<Result> {
    use BinaryFunc as F;
    let texts = || Ok((text(a)?, text(b)?));
    Some(match func {
        F::TextConcat => texts().and_then(|(a, b)| joined([a, b].into_iter())),
        F::Left => part(a, b, |length, n| (0, kept(length, n))),
        F::Right => part(a, b, |length, n| (length - kept(length, n), length)),
        F::Position => texts().and_then(|(part, whole)| position(part, whole)),
        F::Strpos => texts().and_then(|(whole, part)| position(part, whole)),
        F::Trim => texts().map(|(text, set)| Value::string(text.trim_matches(within(set)))),
        F::TrimLeading => {
            texts().map(|(text, set)| Value::string(text.trim_start_matches(within(set))))
        }
        F::TrimTrailing => {
            texts().map(|(text, set)| Value::string(text.trim_end_matches(within(set))))
        }
        F::StartsWith => texts().map(|(text, start)| Value::bool(text.starts_with(start))),
        F::IsLikeMatchCaseSensitive => {
            texts().and_then(|(text, pattern)| like(text, pattern, |c| c.to_string()))
        }
        F::IsLikeMatchCaseInsensitive => {
            texts().and_then(|(text, pattern)| like(text, pattern, |c| c.to_lowercase().collect()))
        }
        _ => return None,
    })
}

/// Functions of any number of arguments. `None`: another family's.
pub(super) fn variadic(func: &VariadicFunc, arguments: &[Value]) -> Option<Result> {
    Some(match func {
        VariadicFunc::Concat => {
            let present = arguments.iter().filter(|argument| !argument.is_null());
            let texts: Result<Vec<&str>> = present.map(text).collect();
            texts.and_then(|texts| joined(texts.into_iter()))
        }
        _ if arguments.iter().any(Value::is_null) => match func {
            VariadicFunc::Replace
            | VariadicFunc::Substr
            | VariadicFunc::PadLeading
            | VariadicFunc::SplitPart => Ok(Value::null()),
            _ => return None,
        },
        VariadicFunc::Replace => match arguments {
            [whole, from, to] => replace(whole, from, to),
            _ => Err(Stop::internal("missing parameter")),
        },
        VariadicFunc::Substr => match arguments {
            [whole, start] => substring(whole, start, None),
            [whole, start, length] => substring(whole, start, Some(length)),
            _ => Err(Stop::internal("missing parameter")),
        },
        VariadicFunc::PadLeading => match arguments {
            [whole, length] => padded(whole, length, None),
            [whole, length, pad] => padded(whole, length, Some(pad)),
            _ => Err(Stop::internal("missing parameter")),
        },
        VariadicFunc::SplitPart => match arguments {
            [whole, by, field] => field_of(whole, by, field),
            _ => Err(Stop::internal("missing parameter")),
        },
        _ => return None,
    })
}

fn int32(a: &Value) -> Result<i64> {
    match a.datum() {
        Datum::Int32(n) => Ok(n.into()),
        _ => Err(Stop::wrong_type()),
    }
}

fn count(n: usize) -> Result {
    match i32::try_from(n) {
        Ok(n) => Ok(Value::new(Datum::Int32(n))),
        Err(_) => Err(EvalError::Int32OutOfRange(n.to_string()).into()),
    }
}

fn within(set: &str) -> impl Fn(char) -> bool + '_ {
    |c| set.contains(c)
}

fn joined<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Result {
    let length: usize = texts.clone().map(str::len).sum();
    if length > LONGEST {
        return Err(EvalError::LengthTooLarge.into());
    }
    Ok(Value::string(&texts.collect::<String>()))
}

/// How many of `length` characters `n` keeps: a negative one says how many not.
fn kept(length: i64, n: i64) -> i64 {
    match n < 0 {
        true => (length + n).max(0),
        false => n.min(length),
    }
}

fn part(a: &Value, n: &Value, bounds: fn(i64, i64) -> (i64, i64)) -> Result {
    let (text, n) = (text(a)?, int32(n)?);
    let (from, to) = bounds(text.chars().count() as i64, n);
    Ok(slice(text, from, to))
}

/// The characters from `from` until before `to`.
fn slice(text: &str, from: i64, to: i64) -> Value {
    let (from, to) = (from.max(0) as usize, to.max(0) as usize);
    let taken = text.chars().take(to).skip(from);
    Value::string(&taken.collect::<String>())
}

fn substring(whole: &Value, start: &Value, length: Option<&Value>) -> Result {
    let (text, start) = (text(whole)?, int32(start)?);
    let end = match length.map(int32).transpose()? {
        None => i64::from(i32::MAX) * 2,
        Some(length) if length < 0 => {
            let text = "negative substring length not allowed".to_string();
            return Err(EvalError::InvalidParameterValue(text).into());
        }
        Some(length) => start + length - 1,
    };
    Ok(slice(text, start - 1, end))
}

/// The text in so many characters: its first ones, or all of them behind as much of
/// `pad`, again and again, as it lacks.
fn padded(whole: &Value, length: &Value, pad: Option<&Value>) -> Result {
    let (whole, length) = (text(whole)?, int32(length)?);
    let pad: Vec<char> = match pad {
        None => vec![' '],
        Some(pad) => text(pad)?.chars().collect(),
    };
    let Ok(wanted) = usize::try_from(length) else {
        let text = "length must be nonnegative".to_string();
        return Err(EvalError::InvalidParameterValue(text).into());
    };
    if wanted > LONGEST {
        return Err(EvalError::LengthTooLarge.into());
    }
    let lacks = wanted.saturating_sub(whole.chars().count());
    let mut padded = String::new();
    if !pad.is_empty() {
        padded.extend((0..lacks).map(|at| pad[at % pad.len()]));
    }
    padded.extend(whole.chars().take(wanted));
    Ok(Value::string(&padded))
}

/// One of the fields between separators, from 1; nothing beyond the last. Nothing
/// separates a text by an empty text.
fn field_of(whole: &Value, by: &Value, field: &Value) -> Result {
    let (mut rest, by, field) = (text(whole)?, text(by)?, int32(field)?);
    if field < 1 {
        let text = "field position must be greater than zero".to_string();
        return Err(EvalError::InvalidParameterValue(text).into());
    }
    let separated = |text: &str| match by.is_empty() {
        true => None,
        false => text.find(by),
    };
    for _ in 1..field {
        match separated(rest) {
            None => return Ok(Value::string("")),
            Some(at) => rest = &rest[at + by.len()..],
        }
    }
    let end = separated(rest).unwrap_or(rest.len());
    Ok(Value::string(&rest[..end]))
}

fn position(part: &str, whole: &str) -> Result {
    match whole.find(part) {
        None => count(0),
        Some(at) => count(whole[..at].chars().count() + 1),
    }
}

fn replace(whole: &Value, from: &Value, to: &Value) -> Result {
    let (whole, from, to) = (text(whole)?, text(from)?, text(to)?);
    let hits = whole.matches(from).count();
    let length = (whole.len() - hits * from.len()).saturating_add(hits.saturating_mul(to.len()));
    if length > LONGEST {
        return Err(EvalError::LengthTooLarge.into());
    }
    Ok(Value::string(&whole.replace(from, to)))
}

enum Piece {
    Any,
    One,
    Char(String),
}

/// Whether the whole text matches; `fold` makes characters that count as the
/// same the same.
fn like(text: &str, pattern: &str, fold: fn(char) -> String) -> Result {
    if pattern.len() > LONGEST_PATTERN {
        return Err(EvalError::LikePatternTooLong.into());
    }
    let mut pieces = Vec::new();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        pieces.push(match c {
            '%' => Piece::Any,
            '_' => Piece::One,
            '\\' => match rest.next() {
                Some(escaped) => Piece::Char(fold(escaped)),
                None => return Err(EvalError::UnterminatedLikeEscapeSequence.into()),
            },
            c => Piece::Char(fold(c)),
        });
    }
    let chars: Vec<String> = text.chars().map(fold).collect();
    // Which beginnings of the text the pieces so far match, by length.
    let mut matched = vec![false; chars.len() + 1];
    matched[0] = true;
    for piece in pieces {
        let mut next = vec![false; chars.len() + 1];
        for at in 0..=chars.len() {
            next[at] = match &piece {
                Piece::Any => matched[at] || at > 0 && next[at - 1],
                Piece::One => at > 0 && matched[at - 1],
                Piece::Char(c) => at > 0 && matched[at - 1] && chars[at - 1] == *c,
            };
        }
        matched = next;
    }
    Ok(Value::bool(matched[chars.len()]))
}
