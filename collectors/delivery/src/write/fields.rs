//! Walking an encoded label block without looking at its text.

use std::cmp::Ordering;

/// A label of a block: its whole encoding, and the two strings in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) whole: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

impl Field<'_> {
    /// Whether the label is for rules alone: `__` and anything but the name of the metric.
    pub(super) fn is_internal(&self) -> bool {
        self.name.starts_with(b"__") && self.name != b"__name__"
    }
}

/// The labels of a block, in order.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let (start, len) = length(self.0, 1);
        let (whole, rest) = self.0.split_at(start + len);
        self.0 = rest;
        let inner = &whole[start..];
        let (name_start, name_len) = length(inner, 1);
        let (name, value) = inner[name_start..].split_at(name_len);
        let (value_start, value_len) = length(value, 1);
        Some(Field { whole, name, value: &value[value_start..value_start + value_len] })
    }
}

/// Reads a length at `at`: where what it measures starts, and the length.
#[inline]
fn length(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let mut value = 0;
    let mut shift = 0;
    loop {
        let byte = bytes[at];
        at += 1;
        value |= usize::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return (at, value);
        }
        shift += 7;
    }
}

/// The first eight bytes of a name as a number that sorts as the name does; shorter names are
/// padded with zeros, which no name has. Comparing it settles almost every comparison of names.
#[inline]
fn prefix(bytes: &[u8], start: usize, len: usize) -> u64 {
    let whole = match bytes.get(start..start + 8) {
        Some(eight) => u64::from_be_bytes(eight.try_into().expect("there are eight")),
        None => {
            let mut padded = [0; 8];
            let rest = &bytes[start..];
            padded[..rest.len()].copy_from_slice(rest);
            u64::from_be_bytes(padded)
        }
    };
    match len {
        0 => 0,
        1..8 => whole & (u64::MAX << (64 - 8 * len)),
        _ => whole,
    }
}

/// Whether a block has labels for rules alone. Names are sorted, so it takes one look behind the
/// name of the metric.
#[inline]
pub(super) fn has_internal(block: &[u8]) -> bool {
    const UNDERSCORES: u64 = 0x5F5F;
    let mut at = 0;
    while at < block.len() {
        let (inner, len) = length(block, at + 1);
        let (name, name_len) = length(block, inner + 1);
        let first_two = prefix(block, name, name_len) >> 48;
        if first_two > UNDERSCORES {
            return false;
        }
        if first_two == UNDERSCORES && &block[name..name + name_len] != b"__name__" {
            return true;
        }
        at = inner + len;
    }
    false
}

/// Appends the block without its internal labels.
pub(super) fn without_internal(block: &[u8], out: &mut Vec<u8>) {
    for field in Fields(block).filter(|field| !field.is_internal()) {
        out.extend_from_slice(field.whole);
    }
}

/// Labels to be added to every series, taken apart once.
#[derive(Debug, Default)]
pub(super) struct Additions(Vec<Addition>);

#[derive(Debug)]
struct Addition {
    prefix: u64,
    name: Box<[u8]>,
    whole: Box<[u8]>,
}

impl Additions {
    pub(super) fn new(block: &[u8]) -> Self {
        let addition = |field: Field<'_>| Addition {
            prefix: prefix(field.name, 0, field.name.len()),
            name: field.name.into(),
            whole: field.whole.into(),
        };
        Self(Fields(block).map(addition).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends the block with the additions, in order of the names; where both have a label, the
    /// block's own wins. What lies between two additions is copied as one run.
    pub(super) fn merge(&self, block: &[u8], out: &mut Vec<u8>) {
        let mut additions = self.0.iter();
        let mut addition = additions.next();
        let (mut copied, mut at) = (0, 0);
        while let Some(next) = addition
            && at < block.len()
        {
            let (inner, len) = length(block, at + 1);
            let (name, name_len) = length(block, inner + 1);
            let order = prefix(block, name, name_len)
                .cmp(&next.prefix)
                .then_with(|| block[name..name + name_len].cmp(&next.name));
            match order {
                Ordering::Less => at = inner + len,
                Ordering::Equal => {
                    at = inner + len;
                    addition = additions.next();
                }
                Ordering::Greater => {
                    out.extend_from_slice(&block[copied..at]);
                    out.extend_from_slice(&next.whole);
                    copied = at;
                    addition = additions.next();
                }
            }
        }
        out.extend_from_slice(&block[copied..]);
        for rest in addition.into_iter().chain(additions) {
            out.extend_from_slice(&rest.whole);
        }
    }
}
