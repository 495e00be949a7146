//! The cursor: which frames are finished, in a file that a crash cannot make lie.
//!
//! Two slots are written in turn, each with a checksum and a generation; the newest whole slot
//! counts. A slot holds the first unfinished sequence and one bit for each of the [`SPAN`] frames
//! behind it, so everything the window can know is in it, and it is written at every finished
//! frame: what is sent again after a kill is at most what was in flight.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::frame::{u32_at, u64_at};
use super::window::{SPAN, State, Window};

#[cfg(test)]
mod tests;

const MAGIC: [u8; 4] = *b"ShCu";
const BITS: usize = SPAN as usize / 8;
const BODY: usize = 48 + BITS;
/// A slot has a block of the disk to itself, so that a torn write spoils one slot at most.
const SLOT: u64 = 4096;

/// What the cursor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    /// The id of the log that it belongs to.
    pub log: u128,
    /// Every frame below is finished.
    pub first: u64,
    finished: Box<[u8; BITS]>,
}

impl Position {
    /// The beginning of a log.
    pub(super) fn start(log: u128) -> Self {
        Self { log, first: 1, finished: Box::new([0; BITS]) }
    }

    /// Whether a frame is finished.
    pub(super) fn is_finished(&self, sequence: u64) -> bool {
        match sequence.checked_sub(self.first) {
            None => true,
            Some(ahead @ 0..SPAN) => self.finished[ahead as usize / 8] >> (ahead % 8) & 1 == 1,
            Some(_) => false,
        }
    }

    /// A sequence above everything that is finished.
    pub(super) fn above(&self) -> u64 {
        let last = (0..SPAN).rev().find(|ahead| self.is_finished(self.first + ahead));
        last.map_or(self.first, |ahead| self.first + ahead + 1)
    }

    /// Takes over what a window knows; `end` is the sequence behind the last one handed to it.
    pub(super) fn update(&mut self, window: &Window, end: u64) {
        self.first = window.front().map_or(end, |entry| entry.meta.sequence);
        self.finished.fill(0);
        for entry in window.iter().filter(|entry| entry.state == State::Finished) {
            let ahead = (entry.meta.sequence - self.first) as usize;
            self.finished[ahead / 8] |= 1 << (ahead % 8);
        }
    }

    fn encode(&self, generation: u64) -> [u8; BODY] {
        let mut out = [0; BODY];
        out[..4].copy_from_slice(&MAGIC);
        out[8..16].copy_from_slice(&generation.to_le_bytes());
        out[16..32].copy_from_slice(&self.log.to_le_bytes());
        out[32..40].copy_from_slice(&self.first.to_le_bytes());
        out[48..].copy_from_slice(&self.finished[..]);
        let crc = crc32fast::hash(&out[8..]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(slot: &[u8; BODY]) -> Option<(u64, Self)> {
        if slot[..4] != MAGIC || u32_at(slot, 4) != crc32fast::hash(&slot[8..]) {
            return None;
        }
        let log = u128::from(u64_at(slot, 16)) | u128::from(u64_at(slot, 24)) << 64;
        let finished = Box::new(slot[48..].try_into().expect("the slot has room for the bits"));
        Some((u64_at(slot, 8), Self { log, first: u64_at(slot, 32), finished }))
    }
}

/// The file of the cursor.
#[derive(Debug)]
pub(super) struct CursorFile {
    file: File,
    generation: u64,
}

impl CursorFile {
    /// Opens or creates the file, and reads the newest slot that is whole.
    ///
    /// # Errors
    ///
    /// Those of the file. A damaged file reads as no position.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Option<Position>)> {
        let file =
            File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let read = |slot: u64| {
            let mut bytes = [0; BODY];
            file.read_exact_at(&mut bytes, slot * SLOT).ok()?;
            Position::decode(&bytes)
        };
        let newest =
            [read(0), read(1)].into_iter().flatten().max_by_key(|(generation, _)| *generation);
        let (generation, position) = newest.unzip();
        Ok((Self { file, generation: generation.unwrap_or(0) }, position))
    }

    /// Writes a position over the older slot.
    ///
    /// # Errors
    ///
    /// Those of the file; the newer slot is intact then.
    pub(super) fn write(&mut self, position: &Position) -> io::Result<()> {
        let generation = self.generation + 1;
        let slot = generation % 2;
        self.file.write_all_at(&position.encode(generation), slot * SLOT)?;
        self.generation = generation;
        Ok(())
    }

    /// A handle for forcing the file to the disk.
    ///
    /// # Errors
    ///
    /// When the process is out of file descriptors.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}
