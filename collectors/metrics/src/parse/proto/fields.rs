//! The wire format: numbered fields, one after another.

use super::super::ParseError;

/// Walks the fields of a message.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    /// Where the rest ends on the page.
    end: usize,
}

/// A field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) number: u64,
    /// Where the field begins on the page; for a message, where its content does.
    pub(super) at: usize,
    value: Value<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(&'a [u8]),
}

type Result<T> = std::result::Result<T, ParseError>;

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8], begin: usize) -> Self {
        Self { rest: message, end: begin + message.len() }
    }

    pub(super) fn next(&mut self) -> Result<Option<Field<'a>>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let at = self.end - self.rest.len();
        let broken = || ParseError::in_bytes(at, "a field is cut off or malformed");
        let tag = take_varint(&mut self.rest).ok_or_else(broken)?;
        let mut begin = at;
        let value = match tag & 7 {
            0 => Value::Varint(take_varint(&mut self.rest).ok_or_else(broken)?),
            1 => {
                let bytes = take(&mut self.rest, 8).ok_or_else(broken)?;
                Value::Fixed64(u64::from_le_bytes(bytes.try_into().map_err(|_| broken())?))
            }
            2 => {
                let length = take_varint(&mut self.rest).ok_or_else(broken)?;
                let length = usize::try_from(length).map_err(|_| broken())?;
                begin = self.end - self.rest.len();
                Value::Bytes(take(&mut self.rest, length).ok_or_else(broken)?)
            }
            5 => {
                take(&mut self.rest, 4).ok_or_else(broken)?;
                Value::Fixed32
            }
            _ => return Err(broken()),
        };
        if tag >> 3 == 0 {
            return Err(broken());
        }
        Ok(Some(Field { number: tag >> 3, at: begin, value }))
    }
}

impl<'a> Field<'a> {
    pub(super) fn error(&self, reason: &'static str) -> ParseError {
        ParseError::in_bytes(self.at, reason)
    }

    pub(super) fn message(&self) -> Result<&'a [u8]> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(self.error("expected a message or a text")),
        }
    }

    pub(super) fn text(&self) -> Result<&'a str> {
        std::str::from_utf8(self.message()?).map_err(|_| self.error("a text is not UTF-8"))
    }

    pub(super) fn varint(&self) -> Result<u64> {
        match self.value {
            Value::Varint(value) => Ok(value),
            _ => Err(self.error("expected a whole number")),
        }
    }

    /// Numbers of either sign that are written with their two's complement.
    pub(super) fn int(&self) -> Result<i64> {
        self.varint().map(|value| value as i64)
    }

    pub(super) fn zigzag(&self) -> Result<i64> {
        self.varint().map(unzigzag)
    }

    pub(super) fn double(&self) -> Result<f64> {
        match self.value {
            Value::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(self.error("expected a floating-point number")),
        }
    }

    /// Appends a repeated number, packed or not.
    pub(super) fn zigzags(&self, out: &mut Vec<i64>) -> Result<()> {
        match self.value {
            Value::Bytes(mut packed) => {
                while !packed.is_empty() {
                    let value = take_varint(&mut packed)
                        .ok_or_else(|| self.error("a packed number is cut off"))?;
                    out.push(unzigzag(value));
                }
                Ok(())
            }
            _ => self.zigzag().map(|value| out.push(value)),
        }
    }

    /// Appends a repeated number, packed or not.
    pub(super) fn doubles(&self, out: &mut Vec<f64>) -> Result<()> {
        match self.value {
            Value::Bytes(packed) => {
                let (numbers, rest) = packed.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(self.error("a packed number is cut off"));
                }
                out.extend(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)));
                Ok(())
            }
            _ => self.double().map(|value| out.push(value)),
        }
    }
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for index in 0..10 {
        let byte = *bytes.get(index)?;
        value |= u64::from(byte & 0x7F) << (7 * index);
        if byte < 0x80 {
            *bytes = &bytes[index + 1..];
            return Some(value);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (front, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(front)
}
