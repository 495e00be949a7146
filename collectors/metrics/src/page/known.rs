//! What is remembered of a target's last page.

use std::sync::Arc;

use model::{Family, LabelsRef};

#[cfg(test)]
mod tests;

/// Series of a page in its order, in chunks that are the batches they travelled in.
///
/// A series takes 16 bytes for recognising it and, compressed, some tens for its labels; the text
/// of the page is not kept.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(super) chunks: Vec<Chunk>,
    pub(super) families: Vec<(u64, Arc<Family>)>,
    /// What the labels depend on beside the page; see [`super::labels::Shape`].
    pub(super) shape: u64,
    /// Whether all of the series got their staleness markers already.
    pub(super) ended: bool,
}

/// A run of series.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) entries: Box<[Entry]>,
    /// The labels of the entries one after another, compressed.
    pub(super) compressed: Box<[u8]>,
    /// Bytes of the labels before compression.
    pub(super) length: usize,
}

/// A line of the last page that had a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Hash of the text of the series, salted with what else its labels depend on.
    pub(super) hash: u64,
    /// Bytes of that text.
    pub(super) text: u32,
    labels_and_flags: u32,
}

impl Entry {
    /// The sample had its own timestamp.
    pub(super) const EXPLICIT: u32 = 1 << 28;
    /// The line brought nothing: a second sample of a series, or the beginning of a counter.
    pub(super) const SILENT: u32 = 1 << 29;
    /// The series gets no staleness marker when it does not come back.
    pub(super) const UNTRACKED: u32 = 1 << 30;
    const LENGTH: u32 = Self::EXPLICIT - 1;
    /// Bytes that the labels of a series can have.
    pub(super) const MAX_LABELS: usize = Self::LENGTH as usize;

    pub(super) fn new(hash: u64, text: usize, labels: usize, flags: u32) -> Self {
        assert!(labels <= Self::MAX_LABELS, "longer label sets are refused before");
        let text = u32::try_from(text).expect("a page is shorter than 4 GiB");
        Self { hash, text, labels_and_flags: labels as u32 | flags }
    }

    #[inline]
    pub(super) fn labels(self) -> usize {
        (self.labels_and_flags & Self::LENGTH) as usize
    }

    #[inline]
    pub(super) fn is(self, flag: u32) -> bool {
        self.labels_and_flags & flag != 0
    }

    /// Whether the series gets a staleness marker when it does not come back.
    pub(super) fn is_tracked(self) -> bool {
        self.labels_and_flags & (Self::UNTRACKED | Self::SILENT) == 0
    }
}

impl Chunk {
    pub(super) fn new(entries: &[Entry], labels: &[u8], encoder: &mut snap::raw::Encoder) -> Self {
        let compressed =
            encoder.compress_vec(labels).expect("labels of a chunk are far below 4 GiB");
        Self {
            entries: entries.into(),
            compressed: compressed.into_boxed_slice(),
            length: labels.len(),
        }
    }

    /// Appends the labels of the entries, one after another.
    pub(super) fn unpack(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + self.length, 0);
        let length = snap::raw::Decoder::new()
            .decompress(&self.compressed, &mut out[start..])
            .expect("what was compressed here can be decompressed");
        debug_assert_eq!(length, self.length);
    }
}

impl Known {
    /// Lines that are remembered.
    pub(crate) fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.entries.len()).sum()
    }

    /// Bytes that the memory of the series takes.
    pub(crate) fn bytes(&self) -> usize {
        self.len() * size_of::<Entry>()
            + self.chunks.iter().map(|chunk| chunk.compressed.len()).sum::<usize>()
            + self.families.len() * size_of::<(u64, Arc<Family>)>()
    }

    /// Calls `visit` with the labels of every series that is tracked, and notes that they have
    /// ended.
    pub(crate) fn end(&mut self, mut visit: impl FnMut(LabelsRef<'_>)) {
        if !self.ended {
            self.for_each_tracked(&mut visit);
        }
        self.ended = true;
    }

    pub(super) fn for_each_tracked(&self, mut visit: impl FnMut(LabelsRef<'_>)) {
        let mut labels = Vec::new();
        for chunk in &self.chunks {
            labels.clear();
            chunk.unpack(&mut labels);
            let mut at = 0;
            for entry in &chunk.entries {
                let end = at + entry.labels();
                if entry.is_tracked() {
                    visit(LabelsRef::from_encoded(&labels[at..end]));
                }
                at = end;
            }
        }
    }
}

/// The layout, all numbers little-endian: shape (8 bytes), ended (1), then per chunk the number of
/// entries (4), bytes of the labels (4) and of the compressed labels (4), the entries (8 + 4 + 4
/// each) and the compressed labels.
impl Known {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.shape.to_le_bytes());
        out.push(u8::from(self.ended));
        let number = |out: &mut Vec<u8>, number: usize| {
            let number = u32::try_from(number).expect("chunks are far below 4 GiB");
            out.extend_from_slice(&number.to_le_bytes());
        };
        for chunk in &self.chunks {
            number(out, chunk.entries.len());
            number(out, chunk.length);
            number(out, chunk.compressed.len());
            for entry in &chunk.entries {
                out.extend_from_slice(&entry.hash.to_le_bytes());
                out.extend_from_slice(&entry.text.to_le_bytes());
                out.extend_from_slice(&entry.labels_and_flags.to_le_bytes());
            }
            out.extend_from_slice(&chunk.compressed);
        }
    }

    /// `None` when the bytes are not what [`Known::encode`] writes: they came from a peer, so
    /// everything that is relied on later is looked at here.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let mut known = Self { shape: take_u64(bytes)?, ..Self::default() };
        known.ended = match take(bytes, 1)? {
            [0] => false,
            [1] => true,
            _ => return None,
        };
        while !bytes.is_empty() {
            known.chunks.push(Chunk::decode(bytes)?);
        }
        Some(known)
    }
}

/// Bytes of labels in a chunk from elsewhere; ours end far earlier unless single labels are huge.
const MAX_CHUNK: usize = 64 << 20;

impl Chunk {
    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let count = take_u32(bytes)? as usize;
        let length = take_u32(bytes)? as usize;
        let compressed = take_u32(bytes)? as usize;
        if length > MAX_CHUNK || count == 0 || count > bytes.len() / size_of::<Entry>() {
            return None;
        }
        let entries = (0..count)
            .map(|_| {
                Some(Entry {
                    hash: take_u64(bytes)?,
                    text: take_u32(bytes)?,
                    labels_and_flags: take_u32(bytes)?,
                })
            })
            .collect::<Option<Box<[Entry]>>>()?;
        let chunk = Self { entries, compressed: take(bytes, compressed)?.into(), length };
        chunk.is_sound().then_some(chunk)
    }

    /// Whether the labels can be unpacked and are label sets that fit the entries.
    fn is_sound(&self) -> bool {
        if snap::raw::decompress_len(&self.compressed).ok() != Some(self.length) {
            return false;
        }
        let Ok(labels) = snap::raw::Decoder::new().decompress_vec(&self.compressed) else {
            return false;
        };
        let mut rest = &labels[..];
        for entry in &self.entries {
            let Some((set, behind)) = rest.split_at_checked(entry.labels()) else { return false };
            if !is_label_set(set) || (entry.is(Entry::SILENT) != set.is_empty()) {
                return false;
            }
            rest = behind;
        }
        rest.is_empty()
    }
}

/// Whether foreign bytes are the encoding of a label set.
fn is_label_set(mut set: &[u8]) -> bool {
    let mut last: &[u8] = &[];
    while !set.is_empty() {
        let Some(mut label) = take_field(&mut set, 0x0A) else { return false };
        let (Some(name), Some(value)) =
            (take_field(&mut label, 0x0A), take_field(&mut label, 0x12))
        else {
            return false;
        };
        let is_text = |bytes| std::str::from_utf8(bytes).is_ok();
        if !label.is_empty()
            || name <= last
            || value.is_empty()
            || !is_text(name)
            || !is_text(value)
        {
            return false;
        }
        last = name;
    }
    true
}

/// Takes a field with a length off the front; a length in more bytes than it needs is refused,
/// because a label set has one encoding.
fn take_field<'a>(bytes: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    if *bytes.first()? != tag {
        return None;
    }
    let mut length = 0_usize;
    for index in 0..5 {
        let byte = *bytes.get(1 + index)?;
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte < 0x80 {
            if byte == 0 && index > 0 {
                return None;
            }
            let rest = &bytes[2 + index..];
            let (field, rest) = rest.split_at_checked(length)?;
            *bytes = rest;
            return Some(field);
        }
    }
    None
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (front, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(front)
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    take(bytes, 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes, 8)?.try_into().ok().map(u64::from_le_bytes)
}
