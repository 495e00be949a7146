//! The slow way through a page, from the first line on that is not that of the page before.

use model::{Batch, LabelsRef};

use super::family::ByHash;
use super::known::{Chunk, Entry, Known};

/// The rest of the page before, to be found by hash, and the knowledge that replaces it.
pub(super) struct Rebuild {
    /// Chunks before this one stay.
    from: usize,
    old: Vec<Old>,
    /// Labels of the old entries.
    arena: Vec<u8>,
    by_hash: ByHash<u32>,
    cursor: usize,
    /// Texts of this page.
    texts: ByHash<()>,
    /// Label sets of this page.
    sets: ByHash<()>,
    entries: Vec<Entry>,
    chunks: Vec<Chunk>,
    encoder: Box<snap::raw::Encoder>,
}

/// A line of the page before.
struct Old {
    entry: Entry,
    start: usize,
    seen: bool,
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The page before had it; its labels were appended to the arena.
    Known,
    /// This page had it already.
    Again,
    /// Nobody had it.
    New,
}

impl Rebuild {
    /// Nothing of the page before can be used, but all of it can vanish.
    pub(super) fn of_all(known: &Known) -> Self {
        let mut rebuild = Self::from(known, 0, 0, std::iter::empty());
        rebuild.by_hash.clear();
        rebuild.cursor = rebuild.old.len();
        rebuild
    }

    /// The page before was followed up to an entry of a chunk; `matched` are the samples so far.
    pub(super) fn from<'b>(
        known: &Known,
        chunk: usize,
        entry: usize,
        matched: impl Iterator<Item = &'b Batch>,
    ) -> Self {
        let mut rebuild = Self {
            from: chunk,
            old: Vec::new(),
            arena: Vec::new(),
            by_hash: ByHash::default(),
            cursor: 0,
            texts: ByHash::default(),
            sets: ByHash::default(),
            entries: Vec::new(),
            chunks: Vec::new(),
            encoder: Box::new(snap::raw::Encoder::new()),
        };
        let (before, after) = known.chunks.split_at(chunk);
        rebuild.texts.reserve(known.len());
        rebuild.sets.reserve(known.len());
        rebuild.old.reserve(after.iter().map(|chunk| chunk.entries.len()).sum());
        rebuild.arena.reserve(after.iter().map(|chunk| chunk.length).sum());
        rebuild.texts.extend(before.iter().flat_map(|c| &c.entries).map(|e| (e.hash, ())));
        for batch in matched {
            for labels in batch.samples.iter().map(|sample| sample.labels) {
                rebuild.sets.insert(batch.labels(labels).hash64(), ());
            }
            for labels in batch.histograms.iter().map(|sample| sample.labels) {
                rebuild.sets.insert(batch.labels(labels).hash64(), ());
            }
        }
        let mut skip = entry;
        for chunk in after {
            let mut at = rebuild.arena.len();
            chunk.unpack(&mut rebuild.arena);
            let (passed, rest) = chunk.entries.split_at(std::mem::take(&mut skip));
            for entry in passed {
                rebuild.note(*entry);
                at += entry.labels();
            }
            for entry in rest {
                rebuild.old.push(Old { entry: *entry, start: at, seen: false });
                at += entry.labels();
            }
        }
        rebuild.by_hash.reserve(rebuild.old.len());
        for (index, old) in rebuild.old.iter().enumerate() {
            if !old.entry.is(Entry::SILENT) {
                let index = u32::try_from(index).expect("a page has fewer than 2^32 lines");
                rebuild.by_hash.entry(old.entry.hash).or_insert(index);
            }
        }
        rebuild
    }

    /// Lines in the current chunk.
    pub(super) fn lines(&self) -> usize {
        self.entries.len()
    }

    /// The line of the page before that probably comes next.
    pub(super) fn next_known(&self) -> Option<Entry> {
        self.old.get(self.cursor).map(|old| old.entry)
    }

    /// Looks a text up; for a known one the labels are appended to `arena`.
    pub(super) fn find(&mut self, hash: u64, explicit: bool, arena: &mut Vec<u8>) -> Found {
        let index = match self.old.get(self.cursor) {
            Some(old) if old.entry.hash == hash && !old.entry.is(Entry::SILENT) => {
                Some(self.cursor)
            }
            _ => self.by_hash.get(&hash).map(|index| *index as usize),
        };
        if self.texts.contains_key(&hash) && !explicit {
            return Found::Again;
        }
        let Some(index) = index else { return Found::New };
        let old = &mut self.old[index];
        old.seen = true;
        self.cursor = index + 1;
        arena.extend_from_slice(&self.arena[old.start..old.start + old.entry.labels()]);
        Found::Known
    }

    /// Whether no line before had these labels.
    pub(super) fn is_first(&mut self, labels: &[u8]) -> bool {
        self.sets.insert(LabelsRef::from_encoded(labels).hash64(), ()).is_none()
    }

    /// A line of this page is done.
    pub(super) fn note(&mut self, entry: Entry) {
        self.texts.insert(entry.hash, ());
        self.entries.push(entry);
    }

    /// The labels of the noted lines are at the front of the batch's arena, which ends here.
    pub(super) fn end_chunk(&mut self, arena: &[u8]) {
        if self.entries.is_empty() {
            return;
        }
        debug_assert_eq!(
            self.entries.iter().map(|entry| entry.labels()).sum::<usize>(),
            arena.len()
        );
        self.chunks.push(Chunk::new(&self.entries, arena, &mut self.encoder));
        self.entries.clear();
    }

    /// Calls `visit` with the labels of every series that was tracked and did not come back.
    pub(super) fn for_each_vanished(&self, mut visit: impl FnMut(LabelsRef<'_>)) {
        for old in self.old.iter().filter(|old| old.entry.is_tracked() && !old.seen) {
            let labels = &self.arena[old.start..old.start + old.entry.labels()];
            let labels = LabelsRef::from_encoded(labels);
            if !self.sets.contains_key(&labels.hash64()) {
                visit(labels);
            }
        }
    }

    /// The chunks from the first one on that differs.
    pub(super) fn into_chunks(self) -> (usize, Vec<Chunk>) {
        (self.from, self.chunks)
    }
}
