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
    Numeric::from_digits(negative, &digits, proto.scale)
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
            let value: Numeric = text.parse().unwrap();
            assert_eq!(value.to_string(), text);
            assert_eq!(unpack(&pack(&value)).unwrap().parts(), value.parts());
            assert_eq!(from_bcd(&to_bcd(&value)).unwrap().parts(), value.parts());
        }
        assert_eq!(to_bcd(&"-1234.5".parse().unwrap()).bcd, [0x12, 0x34, 0x5d]);
        assert_eq!(to_bcd(&"12".parse().unwrap()).bcd, [0x01, 0x2c]);
    }

    #[test]
    fn what_is_no_numeric_is_refused() {
        assert!(unpack(&[0xff; PACKED_LEN]).is_err());
        assert!(unpack(&[0; 3]).is_err());
    }
}
