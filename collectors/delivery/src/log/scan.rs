//! Walking the frames of a segment, over whatever damage it has.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::frame::{FrameMeta, HEADER, MAGIC};

#[cfg(test)]
mod tests;

/// Bytes read at once while looking for the next frame behind a damaged place.
const CHUNK: usize = 256 << 10;

/// Bytes that can be read from anywhere.
pub trait ReadAt {
    /// Fills `buffer` from `offset`.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }
}

impl ReadAt for [u8] {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = usize::try_from(offset).ok().and_then(|start| {
            let end = start.checked_add(buffer.len())?;
            self.get(start..end)
        });
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// What is found at an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A header; its payload lies within the segment and has not been checked.
    Frame(FrameMeta),
    /// Bytes that are no frame; the next frame, or the end, is at `next`.
    Damage {
        /// The offset to go on at.
        next: u64,
    },
    /// Nothing more.
    End,
}

/// What to expect of the frames of a segment.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of the segment that hold frames.
    pub len: u64,
    /// The smallest sequence that may come next.
    pub least: u64,
    /// The sequence that the next segment begins with.
    pub below: u64,
}

impl Bounds {
    fn admits(&self, meta: &FrameMeta, offset: u64) -> bool {
        (self.least..self.below).contains(&meta.sequence)
            && meta.frame_len() <= self.len.saturating_sub(offset)
    }
}

/// Finds out what is at `offset`.
///
/// # Errors
///
/// Those of reading. Damage is not an error.
pub fn step<R: ReadAt + ?Sized>(source: &R, offset: u64, bounds: Bounds) -> io::Result<Step> {
    if offset >= bounds.len {
        return Ok(Step::End);
    }
    if let Some(meta) = header_at(source, offset, bounds)? {
        return Ok(Step::Frame(meta));
    }
    Ok(Step::Damage { next: resync(source, offset + 1, bounds)? })
}

/// Reads and checks the payload of a frame; `None` when it is damaged.
///
/// # Errors
///
/// Those of reading.
pub fn payload<R: ReadAt + ?Sized>(
    source: &R,
    offset: u64,
    meta: &FrameMeta,
) -> io::Result<Option<Vec<u8>>> {
    let mut payload = vec![0; meta.payload_len as usize];
    source.read_exact_at(&mut payload, offset + HEADER as u64)?;
    Ok((crc32fast::hash(&payload) == meta.payload_crc).then_some(payload))
}

fn header_at<R: ReadAt + ?Sized>(
    source: &R,
    offset: u64,
    bounds: Bounds,
) -> io::Result<Option<FrameMeta>> {
    if bounds.len.saturating_sub(offset) < HEADER as u64 {
        return Ok(None);
    }
    let mut header = [0; HEADER];
    source.read_exact_at(&mut header, offset)?;
    Ok(FrameMeta::decode(&header).filter(|meta| bounds.admits(meta, offset)))
}

/// The offset of the next whole frame at or behind `from`, or the end. Here payloads are checked
/// too: a label value may look like a header, but not like a frame with the next sequence.
fn resync<R: ReadAt + ?Sized>(source: &R, mut from: u64, bounds: Bounds) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK];
    while bounds.len.saturating_sub(from) >= HEADER as u64 {
        let size = (bounds.len - from).min(CHUNK as u64) as usize;
        let chunk = &mut chunk[..size];
        source.read_exact_at(chunk, from)?;
        for at in 0..=size - MAGIC.len() {
            if chunk[at] != MAGIC[0] || chunk[at..at + MAGIC.len()] != MAGIC {
                continue;
            }
            let candidate = from + at as u64;
            if let Some(meta) = header_at(source, candidate, bounds)?
                && payload(source, candidate, &meta)?.is_some()
            {
                return Ok(candidate);
            }
        }
        // The magic may lie across two chunks.
        from += (size - MAGIC.len() + 1) as u64;
    }
    Ok(bounds.len)
}

/// A whole, checked frame.
pub type Frame = (FrameMeta, Vec<u8>);

/// Every whole frame in the bytes of a segment behind its header, and how many bytes were skipped.
/// The log itself walks files; this is the same walk for tests, fuzzing and tools.
pub fn frames(segment: &[u8]) -> (Vec<Frame>, u64) {
    let mut found = Vec::new();
    let mut skipped = 0;
    let mut offset = 0;
    let mut bounds = Bounds { len: segment.len() as u64, least: 0, below: u64::MAX };
    while let Ok(step) = step(segment, offset, bounds) {
        match step {
            Step::End => break,
            Step::Damage { next } => {
                skipped += next - offset;
                offset = next;
            }
            Step::Frame(meta) => {
                match payload(segment, offset, &meta) {
                    Ok(Some(payload)) => found.push((meta, payload)),
                    _ => skipped += meta.frame_len(),
                }
                offset += meta.frame_len();
                bounds.least = meta.sequence + 1;
            }
        }
    }
    (found, skipped)
}
