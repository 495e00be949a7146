//! What is known, as bytes that travel to the next owner.

use super::{Chunk, Entry, Known};

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
