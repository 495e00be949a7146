//! The few pieces of protobuf's encoding that are needed, over a byte vector.

/// The tag of a length-delimited field.
pub(super) const fn delimited(field: u8) -> u8 {
    field << 3 | 2
}

/// The tag of a varint field.
pub(super) const fn varint(field: u8) -> u8 {
    field << 3
}

/// The tag of a 64-bit field.
pub(super) const fn fixed64(field: u8) -> u8 {
    field << 3 | 1
}

#[inline]
pub(super) fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A signed number in zigzag form.
#[inline]
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// A varint field, left out when it is zero.
#[inline]
pub(super) fn push_number(out: &mut Vec<u8>, field: u8, value: u64) {
    if value != 0 {
        // Fields 16 and above have a tag of two bytes.
        push_varint(out, u64::from(field) << 3);
        push_varint(out, value);
    }
}

/// A double, left out when it is positive zero.
#[inline]
pub(super) fn push_double(out: &mut Vec<u8>, field: u8, value: f64) {
    if value.to_bits() != 0 {
        out.push(fixed64(field));
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// A string or message, left out when it is empty.
#[inline]
pub(super) fn push_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        push_message(out, field, bytes);
    }
}

/// A message, even when it is empty.
#[inline]
pub(super) fn push_message(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    push_varint(out, u64::from(field) << 3 | 2);
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// How many bytes a varint takes.
#[inline]
pub(super) fn varint_len(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// A message of less than 128 bytes, even when it is empty, that `write` appends where it belongs.
pub(super) fn push_small_message(out: &mut Vec<u8>, field: u8, write: impl FnOnce(&mut Vec<u8>)) {
    push_varint(out, u64::from(field) << 3 | 2);
    let len = out.len();
    out.push(0);
    write(out);
    out[len] = (out.len() - len - 1) as u8;
    debug_assert!(out[len] < 0x80, "a length of one byte");
}

/// A small message on the stack, for what comes behind the labels of a series.
pub(super) struct Small {
    bytes: [u8; Self::SIZE],
    len: usize,
}

impl Small {
    /// A double and two varints with their tags, and the tag and length around them.
    const SIZE: usize = 2 + 9 + 11 + 11;

    #[inline]
    pub(super) fn new() -> Self {
        Self { bytes: [0; Self::SIZE], len: 0 }
    }

    #[inline]
    pub(super) fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    #[inline]
    pub(super) fn double(&mut self, field: u8, value: f64) {
        if value.to_bits() != 0 {
            self.push(fixed64(field));
            self.bytes[self.len..self.len + 8].copy_from_slice(&value.to_le_bytes());
            self.len += 8;
        }
    }

    #[inline]
    pub(super) fn number(&mut self, field: u8, value: i64) {
        if value != 0 {
            self.push(varint(field));
            let mut value = value.cast_unsigned();
            while value >= 0x80 {
                self.push(value as u8 | 0x80);
                value >>= 7;
            }
            self.push(value as u8);
        }
    }

    /// Writes the length of what follows the first two bytes into the second.
    #[inline]
    pub(super) fn close(&mut self) -> &[u8] {
        self.bytes[1] = (self.len - 2) as u8;
        &self.bytes[..self.len]
    }
}

/// The samples field of a series: a message in field 2, in both versions.
#[inline]
pub(super) fn sample(value: f64, timestamp: i64, start_timestamp: i64) -> Small {
    let mut small = Small::new();
    small.push(delimited(2));
    small.push(0);
    small.double(1, value);
    small.number(2, timestamp);
    small.number(3, start_timestamp);
    small
}
