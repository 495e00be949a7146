//! What is remembered of a target's last page.

use std::sync::Arc;

use model::{Family, LabelsRef};

mod carry;
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
    /// Hashes of its exemplars, each with its series, sorted: most pages show one again and again.
    pub(super) exemplars: Box<[u64]>,
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
            + size_of_val(&*self.exemplars)
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
