//! Walking an encoded label block without looking at its text.

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

/// Whether a block has labels for rules alone. Names are sorted, so it takes one look behind the
/// name of the metric.
#[inline]
pub(super) fn has_internal(block: &[u8]) -> bool {
    for field in Fields(block) {
        if field.is_internal() {
            return true;
        }
        if field.name > b"__\xFF".as_slice() {
            return false;
        }
    }
    false
}

/// Appends the block without its internal labels.
pub(super) fn without_internal(block: &[u8], out: &mut Vec<u8>) {
    for field in Fields(block).filter(|field| !field.is_internal()) {
        out.extend_from_slice(field.whole);
    }
}

/// Appends the union of two blocks, in order of the names; where both have a label, `block` wins.
pub(super) fn merge(block: &[u8], others: &[u8], out: &mut Vec<u8>) {
    let mut rest = block;
    let mut fields = Fields(block);
    let mut next = fields.next();
    for other in Fields(others) {
        // Labels of the block up to here are copied as one run.
        while let Some(field) = next
            && field.name < other.name
        {
            next = fields.next();
        }
        let ahead = next.map_or(0, |field| field.whole.len()) + fields.0.len();
        let (run, behind) = rest.split_at(rest.len() - ahead);
        out.extend_from_slice(run);
        rest = behind;
        if next.is_none_or(|field| field.name != other.name) {
            out.extend_from_slice(other.whole);
        }
    }
    out.extend_from_slice(rest);
}
