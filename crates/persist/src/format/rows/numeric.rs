//! The stored forms of numerics (`spec/persist.md` §5.4, §5.5).
//!
//! Invariant: what is written is a function of the value, and reading it gives
//! the value back, digit for digit.

use crate::format::wire::row::ProtoNumeric;
use repr::Numeric;

/// The bytes of the `binary` field.
pub(super) const PACKED_LEN: usize = 40;
const UNITS: usize = 13;
const NEGATIVE: u8 = 0x80;
const INFINITE: u8 = 0x40;
const NAN: u8 = 0x20;

/// digits, exponent, 13 units of three digits, flag bits, five zeroes.
pub(super) fn pack(value: &Numeric) -> [u8; PACKED_LEN] {
    let (digits, exponent, bits, units) = value.parts();
    let mut out = [0; PACKED_LEN];
    out[0..4].copy_from_slice(&u32::from(digits).to_le_bytes());
    out[4..8].copy_from_slice(&i32::from(exponent).to_le_bytes());
    for (i, unit) in units.iter().take(UNITS).enumerate() {
        out[8 + 2 * i..10 + 2 * i].copy_from_slice(&unit.to_le_bytes());
    }
    out[34] = bits;
    out
}

/// The inverse; what is wrong with the bytes if they are no numeric.
pub(super) fn unpack(bytes: &[u8]) -> Result<Numeric, String> {
    let bad = || format!("{} are no numeric", hex::encode(bytes));
    let bytes: &[u8; PACKED_LEN] = bytes.try_into().map_err(|_| bad())?;
    let word = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    let digits = u8::try_from(u32::from_le_bytes(word(0))).map_err(|_| bad())?;
    let exponent = i8::try_from(i32::from_le_bytes(word(4))).map_err(|_| bad())?;
    let used = usize::from(digits).div_ceil(3).min(UNITS);
    let units: Vec<u16> = (0..used)
        .map(|i| u16::from_le_bytes([bytes[8 + 2 * i], bytes[9 + 2 * i]]))
        .collect();
    Numeric::from_parts(digits, exponent, bytes[34], &units).ok_or_else(bad)
}

/// The nearest double.
pub(super) fn approx(value: &Numeric) -> f64 {
    value.to_string().parse().unwrap_or(f64::NAN)
}

/// From decimal digits, most significant first, over 10^scale.
pub(super) fn from_digits(negative: bool, digits: &str, scale: i32) -> Option<Numeric> {
    let significant = digits.trim_start_matches('0');
    let reduced = significant.trim_end_matches('0');
    let exponent = if reduced.is_empty() {
        0
    } else {
        let cut = i32::try_from(significant.len() - reduced.len()).ok()?;
        cut.checked_sub(scale)?
    };
    let text = if reduced.is_empty() { "0" } else { reduced };
    let units: Option<Vec<u16>> = text
        .as_bytes()
        .rchunks(3)
        .map(|unit| std::str::from_utf8(unit).ok()?.parse().ok())
        .collect();
    let bits = if negative && !reduced.is_empty() {
        NEGATIVE
    } else {
        0
    };
    Numeric::from_parts(
        u8::try_from(text.len()).ok()?,
        i8::try_from(exponent).ok()?,
        bits,
        &units?,
    )
}

/// From text in plain or scientific notation.
pub(super) fn parse(text: &str) -> Option<Numeric> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, power) = match rest.split_once(['e', 'E']) {
        Some((mantissa, power)) => (mantissa, power.parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(power)?;
    from_digits(negative, &digits, scale)
}

/// ±∞ and NaN, which have no digits.
pub(super) enum Special {
    PosInf,
    NegInf,
    Nan,
}

/// Which special value it is, if it is one.
pub(super) fn special(value: &Numeric) -> Option<Special> {
    if value.is_nan() {
        Some(Special::Nan)
    } else if value.is_infinite() && value.is_negative() {
        Some(Special::NegInf)
    } else if value.is_infinite() {
        Some(Special::PosInf)
    } else {
        None
    }
}

/// The value of a special one.
pub(super) fn from_special(special: Special) -> Option<Numeric> {
    let bits = match special {
        Special::PosInf => INFINITE,
        Special::NegInf => INFINITE | NEGATIVE,
        Special::Nan => NAN,
    };
    Numeric::from_parts(1, 0, bits, &[0])
}

/// Packed decimal of a finite numeric.
pub(super) fn to_bcd(value: &Numeric) -> ProtoNumeric {
    let (_, exponent, _, units) = value.parts();
    let text: String = units.iter().rev().map(|u| format!("{u:03}")).collect();
    let text = text.trim_start_matches('0');
    let mut nibbles: Vec<u8> = if text.is_empty() { "0" } else { text }
        .bytes()
        .map(|b| b - b'0')
        .collect();
    nibbles.push(if value.is_negative() { 0xd } else { 0xc });
    if nibbles.len() % 2 == 1 {
        nibbles.insert(0, 0);
    }
    ProtoNumeric {
        bcd: nibbles.chunks(2).map(|p| (p[0] << 4) | p[1]).collect(),
        scale: -i32::from(exponent),
    }
}

/// The inverse.
pub(super) fn from_bcd(proto: &ProtoNumeric) -> Option<Numeric> {
    // 39 digits at most, and hostile bytes may be any number.
    if proto.bcd.len() > 32 {
        return None;
    }
    let mut nibbles: Vec<u8> = proto.bcd.iter().flat_map(|b| [b >> 4, b & 0xf]).collect();
    let negative = match nibbles.pop()? {
        0xb | 0xd => true,
        0xa | 0xc | 0xe | 0xf => false,
        _ => return None,
    };
    if nibbles.iter().any(|n| *n > 9) {
        return None;
    }
    let digits: String = nibbles.iter().map(|n| char::from(b'0' + n)).collect();
    from_digits(negative, &digits, proto.scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_gives_the_value_back() {
        let texts = [
            "0",
            "1",
            "-1",
            "1200",
            "-0.001",
            "123456789.000000000000000000001",
        ];
        let nines = "9".repeat(39);
        for text in texts.into_iter().chain([nines.as_str()]) {
            let value = parse(text).unwrap();
            assert_eq!(value.to_string(), text);
            assert_eq!(unpack(&pack(&value)).unwrap().parts(), value.parts());
            assert_eq!(from_bcd(&to_bcd(&value)).unwrap().parts(), value.parts());
        }
        assert_eq!(parse("1e3").unwrap().to_string(), "1000");
        assert_eq!(parse("-2.50E-1").unwrap().to_string(), "-0.25");
        assert_eq!(to_bcd(&parse("-1234.5").unwrap()).bcd, [0x12, 0x34, 0x5d]);
        assert_eq!(to_bcd(&parse("12").unwrap()).bcd, [0x01, 0x2c]);
    }

    #[test]
    fn what_is_no_numeric_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "e1",
            "1x",
            "1e",
            "1e99999999999",
            "1e200",
            "--1",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
        assert!(parse(&"1".repeat(40)).is_none());
        assert!(unpack(&[0xff; PACKED_LEN]).is_err());
        assert!(unpack(&[0; 3]).is_err());
    }
}
