//! The writing end of the log.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::Log;
use super::frame::FrameMeta;
use super::segment::{SEGMENT_HEADER, Segment, Totals};
use super::window::Place;

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) segment: u64,
    pub(super) file: Arc<File>,
    totals: Totals,
}

impl Log {
    /// Writes a frame at the end of the newest segment, or of a new one.
    pub(super) fn write(&mut self, meta: &FrameMeta, bytes: &[u8], now_ms: i64) -> bool {
        match self.try_write(meta, bytes) {
            Ok(()) => true,
            Err(error) => {
                self.telemetry.append_failures.add(1);
                self.complain("could not write to the log", &error, now_ms);
                false
            }
        }
    }

    pub(super) fn try_write(&mut self, meta: &FrameMeta, bytes: &[u8]) -> io::Result<()> {
        let frame = bytes.len() as u64;
        if let (Some(writer), Some(segment)) = (&self.writer, self.segments.back())
            && segment.len + frame > self.config.segment_bytes
            && segment.len > SEGMENT_HEADER
        {
            segment.write_trailer(&writer.file, writer.totals)?;
            self.unsynced.push(Arc::clone(&writer.file));
            self.writer = None;
        }
        if self.writer.is_none() {
            let file = Arc::new(Segment::create(&self.directory, self.id, meta.sequence)?);
            self.segments.push_back(Segment::new(meta.sequence));
            self.writer = Some(Writer { segment: meta.sequence, file, totals: Totals::default() });
            self.directory_unsynced = true;
        }
        let writer = self.writer.as_mut().expect("the writer has just been made");
        let segment = self.segments.back_mut().expect("the writer's segment is the last");
        // A failed write leaves bytes behind the end that the next attempt overwrites.
        writer.file.write_all_at(bytes, segment.len)?;
        segment.note(meta);
        writer.totals.add(Totals::of(meta));
        if self.unsynced.last().is_none_or(|last| !Arc::ptr_eq(last, &writer.file)) {
            self.unsynced.push(Arc::clone(&writer.file));
        }
        Ok(())
    }

    /// Writes frames that the disk refused before; whether none is left.
    pub(super) fn write_unwritten(&mut self, now_ms: i64) -> bool {
        while let Some((meta, bytes)) = self.unwritten.front().cloned() {
            if !self.write(&meta, &bytes, now_ms) {
                return false;
            }
            self.unwritten.pop_front();
            self.unwritten_bytes -= bytes.len();
            if meta.sequence < self.handed {
                self.mark_read(&meta);
                if let Some(segment) = self.segments.back() {
                    let offset = segment.len - meta.frame_len();
                    let place = Place { segment: segment.first, offset };
                    self.window.set_place(meta.sequence, place);
                }
            }
        }
        true
    }
}
