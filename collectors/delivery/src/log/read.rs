//! The reading end of the log: what hands frames to the window.

use std::fs::File;
use std::io;
use std::path::Path;

use bytes::Bytes;

use super::Log;
use super::frame::{Content, FrameMeta};
use super::scan::{self, Bounds, Step};
use super::segment::{SEGMENT_HEADER, Segment, Totals};
use super::window::Place;
use crate::telemetry::DropReason;

/// Frames handed over at once: the front is what is sent, and headers are read one by one.
const AT_ONCE: usize = 64;

/// Where the log has been read to.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) segment: u64,
    pub(super) offset: u64,
    /// The last file read from, by the first sequence of its segment.
    file: Option<(u64, File)>,
}

impl Reader {
    pub(super) fn at(segment: u64, offset: u64) -> Self {
        Self { segment, offset, file: None }
    }

    fn file(&mut self, directory: &Path) -> io::Result<&File> {
        if self.file.as_ref().is_none_or(|(open, _)| *open != self.segment) {
            let file = File::open(Segment::path(directory, self.segment))?;
            self.file = Some((self.segment, file));
        }
        Ok(&self.file.as_ref().expect("the file has just been opened").1)
    }

    pub(super) fn close(&mut self, segment: u64) {
        self.file.take_if(|(open, _)| *open == segment);
    }

    /// Whether everything before a place of the newest segment has been read.
    fn is_before(&self, place: Place, segments: impl Iterator<Item = Segment>) -> bool {
        if self.segment == place.segment {
            return self.offset == place.offset;
        }
        let read = |segment: &Segment| {
            let passed = segment.first < self.segment
                || (segment.first == self.segment && self.offset >= segment.len);
            passed && segment.unread.frames == 0
        };
        place.offset == SEGMENT_HEADER
            && segments.filter(|segment| segment.first < place.segment).all(|s| read(&s))
    }
}

impl Log {
    /// Gives a frame that was just appended to the window, if that has everything before it.
    pub(super) fn hand_over_appended(&mut self, meta: &FrameMeta, written: bool, now_ms: i64) {
        if self.handed != meta.sequence || !self.window.has_room_for(meta.sequence) {
            return;
        }
        let Some(place) = self.segments.back().filter(|_| written).map(|segment| Place {
            segment: segment.first,
            offset: segment.len - meta.frame_len(),
        }) else {
            self.window.push(*meta, None);
            self.handed = meta.sequence + 1;
            self.note(meta, now_ms);
            return;
        };
        if self.reader.is_before(place, self.segments.iter().cloned()) {
            self.window.push(*meta, Some(place));
            self.handed = meta.sequence + 1;
            self.mark_read(meta);
            self.reader.segment = place.segment;
            self.reader.offset = place.offset + meta.frame_len();
            self.note(meta, now_ms);
        }
    }

    fn note(&mut self, meta: &FrameMeta, now_ms: i64) {
        if meta.content == Content::Gate {
            self.note_gate(meta, now_ms);
        }
    }

    pub(super) fn mark_read(&mut self, meta: &FrameMeta) {
        if let Some(segment) = self.segments.iter_mut().rev().find(|s| s.first <= meta.sequence) {
            segment.unread.remove(Totals::of(meta));
        }
    }

    /// Hands frames to the window until it has a few more, is full, or nothing is left; how many
    /// of them are to be sent.
    pub(super) fn fill(&mut self) -> io::Result<usize> {
        let mut added = 0;
        while added < AT_ONCE && self.window.has_room_for(self.handed) {
            let Some(meta) = self.read_on()? else { break };
            added += usize::from(!self.restored.is_finished(meta.sequence));
        }
        Ok(added)
    }

    /// Hands the next frame to the window.
    fn read_on(&mut self) -> io::Result<Option<FrameMeta>> {
        loop {
            let Some(index) = self.segments.iter().position(|s| s.first >= self.reader.segment)
            else {
                return Ok(self.hand_over_unwritten());
            };
            let segment = &self.segments[index];
            let (first, len) = (segment.first, segment.len);
            if first != self.reader.segment {
                self.reader = Reader::at(first, SEGMENT_HEADER);
            }
            let below = self.segments.get(index + 1).map_or(self.next, |next| next.first);
            let offset = self.reader.offset;
            let bounds = Bounds { len, least: first, below };
            // A file that is gone is damage to its end, once.
            let step = if offset >= len {
                Step::End
            } else {
                let file = self.reader.file(&self.directory);
                match file.and_then(|file| scan::step(file, offset, bounds)) {
                    Err(error) if is_damage(&error) => Step::Damage { next: len },
                    step => step?,
                }
            };
            match step {
                Step::End if index + 1 == self.segments.len() => {
                    return Ok(self.hand_over_unwritten());
                }
                Step::End => self.leave_segment(index),
                Step::Damage { next } => {
                    self.telemetry.corruptions.add(1);
                    self.telemetry.corrupt_bytes.add(next - offset);
                    self.reader.offset = next;
                }
                Step::Frame(meta) => {
                    self.reader.offset += meta.frame_len();
                    if meta.sequence >= self.handed {
                        self.hand_over(&meta, Place { segment: first, offset });
                        return Ok(Some(meta));
                    }
                }
            }
        }
    }

    fn hand_over(&mut self, meta: &FrameMeta, place: Place) {
        self.window.push(*meta, Some(place));
        self.handed = meta.sequence + 1;
        if self.restored.is_finished(meta.sequence) {
            self.window.finish(meta.sequence);
        } else {
            self.mark_read(meta);
            self.note(meta, meta.sealed_ms);
        }
    }

    fn hand_over_unwritten(&mut self) -> Option<FrameMeta> {
        let (meta, _) = self.unwritten.iter().find(|(meta, _)| meta.sequence >= self.handed)?;
        let meta = *meta;
        self.window.push(meta, None);
        self.handed = meta.sequence + 1;
        self.note(&meta, meta.sealed_ms);
        Some(meta)
    }

    /// Goes on behind a segment; what it should have held and did not was damaged.
    fn leave_segment(&mut self, index: usize) {
        let segment = &mut self.segments[index];
        let lost = std::mem::take(&mut segment.unread);
        self.reader = Reader::at(segment.first + 1, SEGMENT_HEADER);
        lost.count_in(self.telemetry.dropped(DropReason::Corrupt));
        self.queued.remove(lost);
    }

    /// The payload of a frame of the window; `None` when it is damaged.
    pub(super) fn payload(&self, meta: &FrameMeta) -> io::Result<Option<Bytes>> {
        if let Some(payload) = self.held.payload(meta.sequence) {
            return Ok(Some(payload.clone()));
        }
        let Some(place) = self.window.get(meta.sequence).and_then(|entry| entry.place) else {
            return Ok(None);
        };
        let payload = match &self.reader.file {
            Some((open, file)) if *open == place.segment => scan::payload(file, place.offset, meta),
            _ => File::open(Segment::path(&self.directory, place.segment))
                .and_then(|file| scan::payload(&file, place.offset, meta)),
        };
        match payload {
            Ok(payload) => Ok(payload.map(Bytes::from)),
            Err(error) if is_damage(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether reading again would fail again: the file is gone or short, or the disk has lost it.
fn is_damage(error: &io::Error) -> bool {
    const EIO: i32 = 5;
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof)
        || error.raw_os_error() == Some(EIO)
}
