//! Label sets in the encoding of remote write.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// The tag of `TimeSeries.labels` and of `Label.name`: field 1, length-delimited.
const TAG_ONE: u8 = 0x0A;
/// The tag of `Label.value`: field 2, length-delimited.
const TAG_TWO: u8 = 0x12;

/// An owned label set: sorted by name, names unique, no empty value.
///
/// The bytes are those of remote write 1.0's `repeated Label labels = 1`: for each label the tag,
/// the length and the message of name and value. There is one encoding for a set, so sets are
/// equal when their bytes are. Cloning is one reference count.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Arc<[u8]>);

impl Labels {
    /// The set of these pairs. Pairs are sorted; of pairs with one name the last wins; a pair with
    /// an empty value is left out, as everywhere in this field.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut pairs: Vec<(N, V)> = pairs.into_iter().collect();
        // A stable sort keeps the order of equal names, so the last of a run is the last given.
        pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        let mut bytes = Vec::new();
        for (index, (name, value)) in pairs.iter().enumerate() {
            let superseded =
                pairs.get(index + 1).is_some_and(|next| next.0.as_ref() == name.as_ref());
            if !superseded && !value.as_ref().is_empty() {
                encode_label(&mut bytes, name.as_ref(), value.as_ref());
            }
        }
        Self(bytes.into())
    }

    /// Takes bytes that are already in the encoding, as [`encode_labels`] and [`encode_label`]
    /// write them, in order of the names.
    pub fn from_encoded(bytes: &[u8]) -> Self {
        debug_assert!(LabelsRef(bytes).is_canonical(), "label block is not canonical");
        Self(bytes.into())
    }

    /// The borrowed form.
    pub fn borrowed(&self) -> LabelsRef<'_> {
        LabelsRef(&self.0)
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.borrowed().get(name)
    }

    /// The pairs in order of their names.
    pub fn iter(&self) -> PairIter<'_> {
        self.borrowed().iter()
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self(Arc::from([]))
    }
}

impl Borrow<[u8]> for Labels {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.borrowed().fmt(f)
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.borrowed().fmt(f)
    }
}

/// A borrowed label set; see [`Labels`] for what its bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct LabelsRef<'a>(&'a [u8]);

impl<'a> LabelsRef<'a> {
    /// Takes bytes that are already in the encoding.
    pub fn from_encoded(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The encoding.
    pub fn as_encoded(self) -> &'a [u8] {
        self.0
    }

    /// The pairs in order of their names.
    pub fn iter(self) -> PairIter<'a> {
        PairIter(self.0)
    }

    /// The value of a label.
    pub fn get(self, name: &str) -> Option<&'a str> {
        let mut rest = self.0;
        while !rest.is_empty() {
            let (known, value) = take_label(&mut rest);
            match known.cmp(name.as_bytes()) {
                Ordering::Less => {}
                Ordering::Equal => return Some(text(value)),
                // Sorted: it will not come any more.
                Ordering::Greater => return None,
            }
        }
        None
    }

    /// Whether there is no label.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// An owned copy.
    pub fn to_labels(self) -> Labels {
        Labels(self.0.into())
    }

    /// A hash of the set that is the same in every process of one version: xxh3 of the encoding.
    pub fn hash64(self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(self.0)
    }

    /// Whether names are strictly increasing and values present, which the owned form promises.
    pub fn is_canonical(self) -> bool {
        let mut last = None;
        self.iter().all(|(name, value)| {
            let ordered = last.is_none_or(|last| last < name);
            last = Some(name);
            ordered && !value.is_empty()
        })
    }
}

impl fmt::Display for LabelsRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (name, value)) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for LabelsRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Walks the pairs of a label set.
#[derive(Clone)]
pub struct PairIter<'a>(&'a [u8]);

impl<'a> Iterator for PairIter<'a> {
    type Item = (&'a str, &'a str);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let (name, value) = take_label(&mut self.0);
        Some((text(name), text(value)))
    }
}

/// Appends one label. Callers append in order of the names.
#[inline]
pub fn encode_label(out: &mut Vec<u8>, name: &str, value: &str) {
    encode_label_bytes(out, name.as_bytes(), value.as_bytes());
}

/// Appends one label, both parts of which are known to be text.
#[inline]
pub(crate) fn encode_label_bytes(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let message = 2 + varint_len(name.len()) + varint_len(value.len()) + name.len() + value.len();
    out.reserve(message + 6);
    out.push(TAG_ONE);
    push_varint(out, message);
    out.push(TAG_ONE);
    push_varint(out, name.len());
    out.extend_from_slice(name);
    out.push(TAG_TWO);
    push_varint(out, value.len());
    out.extend_from_slice(value);
}

/// Appends pairs that are sorted by name, leaving out those with an empty value.
pub fn encode_labels<'p>(out: &mut Vec<u8>, sorted: impl IntoIterator<Item = (&'p str, &'p str)>) {
    for (name, value) in sorted {
        if !value.is_empty() {
            encode_label(out, name, value);
        }
    }
}

#[inline]
fn varint_len(value: usize) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        0x20_0000..0x1000_0000 => 4,
        _ => 5,
    }
}

#[inline]
fn push_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7F) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a length-delimited field off the front.
///
/// Label blocks are written by this module alone, so a malformed one is a bug and not an input.
#[inline]
fn take_field<'a>(bytes: &mut &'a [u8], tag: u8) -> &'a [u8] {
    debug_assert_eq!(bytes.first(), Some(&tag), "label block has a foreign tag");
    let mut length = 0;
    let mut at = 1;
    loop {
        let byte = bytes[at];
        length |= usize::from(byte & 0x7F) << (7 * (at - 1));
        at += 1;
        if byte < 0x80 {
            break;
        }
    }
    let (field, rest) = bytes[at..].split_at(length);
    *bytes = rest;
    field
}

/// Takes the name and the value of a label off the front.
#[inline]
pub(crate) fn take_label<'a>(bytes: &mut &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let mut label = take_field(bytes, TAG_ONE);
    let name = take_field(&mut label, TAG_ONE);
    let value = take_field(&mut label, TAG_TWO);
    (name, value)
}

#[inline]
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("label blocks are written from strings")
}
