//! Segments: the files of a log.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::cursor::Position;
use super::frame::{Content, FrameMeta, u32_at, u64_at};
use super::scan::{self, Bounds, Step};
use crate::telemetry::PerKind;

/// Bytes of the header of a segment: what it is, and the id of its log.
pub(super) const SEGMENT_HEADER: u64 = 32;
const MAGIC: [u8; 8] = *b"ShoalLog";
const TRAILER: usize = 80;
const TRAILER_MAGIC: [u8; 4] = [0xF7, b'S', b'h', b'T'];

/// Sums over frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Frames.
    pub frames: u64,
    /// Bytes, headers included.
    pub bytes: u64,
    /// Samples that are numbers.
    pub samples: u64,
    /// Native histograms.
    pub histograms: u64,
    /// Exemplars.
    pub exemplars: u64,
    /// Metadata of families.
    pub metadata: u64,
}

impl Totals {
    /// The sums over one frame. A gate is nothing that anybody waits for.
    pub fn of(meta: &FrameMeta) -> Self {
        if meta.content == Content::Gate {
            return Self::default();
        }
        Self {
            frames: 1,
            bytes: meta.frame_len(),
            samples: meta.counts.samples.into(),
            histograms: meta.counts.histograms.into(),
            exemplars: meta.counts.exemplars.into(),
            metadata: meta.counts.metadata.into(),
        }
    }

    /// Adds other sums.
    pub fn add(&mut self, other: Self) {
        self.combine(other, u64::saturating_add);
    }

    /// Takes other sums away; what a damaged file miscounted stops at zero.
    pub fn remove(&mut self, other: Self) {
        self.combine(other, u64::saturating_sub);
    }

    /// Adds what the frames carried to counters.
    pub fn count_in(&self, counters: &PerKind) {
        counters.samples.add(self.samples);
        counters.histograms.add(self.histograms);
        counters.exemplars.add(self.exemplars);
        counters.metadata.add(self.metadata);
    }

    fn combine(&mut self, other: Self, with: fn(u64, u64) -> u64) {
        self.frames = with(self.frames, other.frames);
        self.bytes = with(self.bytes, other.bytes);
        self.samples = with(self.samples, other.samples);
        self.histograms = with(self.histograms, other.histograms);
        self.exemplars = with(self.exemplars, other.exemplars);
        self.metadata = with(self.metadata, other.metadata);
    }
}

/// A segment as the log knows it.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    /// The sequence of its first frame, which its file is named after.
    pub first: u64,
    /// The sequence of its last frame; below `first` while it has none.
    pub last: u64,
    /// Bytes of header and frames.
    pub len: u64,
    /// When its newest frame was sealed, in milliseconds since the Unix epoch.
    pub newest_sealed_ms: i64,
    /// What has not been handed to the window yet.
    pub unread: Totals,
}

impl Segment {
    /// A segment that begins with a frame.
    pub(super) fn new(first: u64) -> Self {
        Self {
            first,
            last: first - 1,
            len: SEGMENT_HEADER,
            newest_sealed_ms: i64::MIN,
            unread: Totals::default(),
        }
    }

    /// Takes note of a frame at the end.
    pub(super) fn note(&mut self, meta: &FrameMeta) {
        self.last = meta.sequence;
        self.len += meta.frame_len();
        self.newest_sealed_ms = self.newest_sealed_ms.max(meta.sealed_ms);
        self.unread.add(Totals::of(meta));
    }

    /// The file of a segment.
    pub(super) fn path(directory: &Path, first: u64) -> PathBuf {
        directory.join(format!("{first:020}.frames"))
    }

    /// The first sequences of the segments in a directory, in order.
    ///
    /// # Errors
    ///
    /// Those of reading the directory.
    pub(super) fn list(directory: &Path) -> io::Result<Vec<u64>> {
        let mut firsts = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            let name = entry?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(".frames"));
            firsts
                .extend(stem.and_then(|stem| stem.parse::<u64>().ok()).filter(|first| *first > 0));
        }
        firsts.sort_unstable();
        Ok(firsts)
    }

    /// Creates the file of a segment.
    ///
    /// # Errors
    ///
    /// Those of the file; nothing is left behind then.
    pub(super) fn create(directory: &Path, log: u128, first: u64) -> io::Result<File> {
        let path = Self::path(directory, first);
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        let mut header = [0; SEGMENT_HEADER as usize];
        header[..8].copy_from_slice(&MAGIC);
        header[8..24].copy_from_slice(&log.to_le_bytes());
        header[24..].copy_from_slice(&first.to_le_bytes());
        match file.write_all_at(&header, 0) {
            Ok(()) => Ok(file),
            Err(error) => {
                // An empty file is no harm: the next attempt has the same name, so it must go.
                std::fs::remove_file(&path)?;
                Err(error)
            }
        }
    }

    /// The id of the log that a file was written for; `None` when its header is damaged.
    pub(super) fn log_id(file: &File) -> Option<u128> {
        let mut header = [0; SEGMENT_HEADER as usize];
        file.read_exact_at(&mut header, 0).ok()?;
        (header[..8] == MAGIC)
            .then(|| u128::from(u64_at(&header, 8)) | u128::from(u64_at(&header, 16)) << 64)
    }

    /// Writes what the segment holds behind its last frame, so that opening the log later need not
    /// walk it. `totals` are those of every frame in it.
    ///
    /// # Errors
    ///
    /// Those of the file; a segment without the trailer is walked.
    pub(super) fn write_trailer(&self, file: &File, totals: Totals) -> io::Result<()> {
        let mut out = [0; TRAILER];
        out[..4].copy_from_slice(&TRAILER_MAGIC);
        let numbers = [
            self.len,
            self.last,
            self.newest_sealed_ms.cast_unsigned(),
            totals.frames,
            totals.bytes,
            totals.samples,
            totals.histograms,
            totals.exemplars,
            totals.metadata,
        ];
        for (index, number) in numbers.into_iter().enumerate() {
            out[8 + index * 8..16 + index * 8].copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32fast::hash(&out[8..]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        file.write_all_at(&out, self.len)
    }

    /// Learns what a file holds beyond what is finished: from its trailer where that is enough,
    /// else by walking its headers. `below` is what the next segment begins with.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub(super) fn load(first: u64, below: u64, file: &File, done: &Position) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let trailer = Self::read_trailer(first, file, size)?;
        match trailer {
            Some(segment) if first >= done.above() || segment.last < done.first => {
                return Ok(segment);
            }
            _ => {}
        }
        let mut segment = Self::new(first);
        let len = trailer.map_or(size, |trailer| trailer.len);
        let mut bounds = Bounds { len, least: first, below };
        let mut offset = SEGMENT_HEADER;
        loop {
            match scan::step(file, offset, bounds)? {
                Step::End => break,
                Step::Damage { next } => offset = next,
                Step::Frame(meta) => {
                    segment.note(&meta);
                    if done.is_finished(meta.sequence) {
                        segment.unread.remove(Totals::of(&meta));
                    }
                    bounds.least = meta.sequence + 1;
                    offset += meta.frame_len();
                }
            }
        }
        segment.len = len;
        Ok(segment)
    }

    fn read_trailer(first: u64, file: &File, size: u64) -> io::Result<Option<Self>> {
        let Some(at) = size.checked_sub(TRAILER as u64).filter(|at| *at >= SEGMENT_HEADER) else {
            return Ok(None);
        };
        let mut bytes = [0; TRAILER];
        file.read_exact_at(&mut bytes, at)?;
        let number = |index: usize| u64_at(&bytes, 8 + index * 8);
        let whole = bytes[..4] == TRAILER_MAGIC
            && u32_at(&bytes, 4) == crc32fast::hash(&bytes[8..])
            && number(0) == at;
        Ok(whole.then(|| Self {
            first,
            len: at,
            last: number(1),
            newest_sealed_ms: number(2).cast_signed(),
            unread: Totals {
                frames: number(3),
                bytes: number(4),
                samples: number(5),
                histograms: number(6),
                exemplars: number(7),
                metadata: number(8),
            },
        }))
    }
}
