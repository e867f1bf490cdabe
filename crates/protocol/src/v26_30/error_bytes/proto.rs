//! As much of protobuf as errors need: writing and reading fields.
//!
//! Invariant: reading hostile bytes gives `None`, never a panic.

/// Fields one behind the other.
#[derive(Debug, Default)]
pub struct Fields(pub Vec<u8>);

impl Fields {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A number, written even if it is zero.
    pub fn number(mut self, field: u32, value: u64) -> Self {
        self.varint(u64::from(field) << 3);
        self.varint(value);
        self
    }

    /// A number, left out if it is zero.
    pub fn plain_number(self, field: u32, value: u64) -> Self {
        if value == 0 {
            self
        } else {
            self.number(field, value)
        }
    }

    /// Bytes, a string or a message, written even if empty.
    pub fn bytes(mut self, field: u32, bytes: &[u8]) -> Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// A string, left out if empty.
    pub fn plain_string(self, field: u32, text: &str) -> Self {
        if text.is_empty() {
            self
        } else {
            self.bytes(field, text.as_bytes())
        }
    }
}

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            Value::Number(_) => None,
        }
    }

    pub fn number(self) -> Option<u64> {
        match self {
            Value::Number(value) => Some(value),
            Value::Bytes(_) => None,
        }
    }

    pub fn string(self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f).checked_shl(shift)?;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The fields of a message, in order.
pub fn read(mut bytes: &[u8]) -> Option<Vec<(u32, Value<'_>)>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = read_varint(&mut bytes)?;
        let field = u32::try_from(tag >> 3).ok()?;
        let value = match tag & 7 {
            0 => Value::Number(read_varint(&mut bytes)?),
            2 => {
                let length = usize::try_from(read_varint(&mut bytes)?).ok()?;
                let content = bytes.get(..length)?;
                bytes = &bytes[length..];
                Value::Bytes(content)
            }
            _ => return None,
        };
        fields.push((field, value));
    }
    Some(fields)
}

/// The last value of a field, as protobuf has it.
pub fn find<'a>(fields: &[(u32, Value<'a>)], field: u32) -> Option<Value<'a>> {
    fields
        .iter()
        .rev()
        .find(|(f, _)| *f == field)
        .map(|(_, v)| *v)
}

/// A string field; empty if it is left out.
pub fn string(fields: &[(u32, Value<'_>)], field: u32) -> Option<String> {
    find(fields, field).map_or(Some(String::new()), Value::string)
}

/// A number field; zero if it is left out.
pub fn number(fields: &[(u32, Value<'_>)], field: u32) -> Option<u64> {
    find(fields, field).map_or(Some(0), Value::number)
}
