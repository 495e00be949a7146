//! The writing end of the log.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use tokio::sync::watch;
use tracing::warn;

use super::Log;
use super::frame::FrameMeta;
use super::segment::{SEGMENT_HEADER, Segment, Totals};
use super::window::Place;
use crate::telemetry::DropReason;

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
            Ok(()) => {
                self.refusal.send_if_modified(|refusal| refusal.take().is_some());
                true
            }
            Err(error) => {
                self.telemetry.append_failures.add(1);
                let directory = self.directory.display();
                let text = format!("cannot write to the log in {directory}: {error}");
                self.refusal.send_if_modified(|refusal| {
                    let is_news = refusal.as_ref() != Some(&text);
                    *refusal = Some(text);
                    is_news
                });
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
    /// Why the disk takes nothing, while it does not: what comes in then waits in memory.
    pub fn refusal(&self) -> watch::Receiver<Option<String>> {
        self.refusal.subscribe()
    }

    /// Tries for the last time to write what the disk refused, and counts as dropped what it refuses
    /// still. For the end: the log must not take in anything more.
    pub fn give_up_unwritten(&mut self, now_ms: i64) {
        if self.write_unwritten(now_ms) {
            return;
        }
        let mut lost = Totals::default();
        for (meta, _) in std::mem::take(&mut self.unwritten) {
            lost.add(Totals::of(&meta));
        }
        self.unwritten_bytes = 0;
        lost.count_in(self.telemetry.dropped(DropReason::DiskFull));
        self.queued.remove(lost);
        let (directory, samples) = (self.directory.display(), lost.samples + lost.histograms);
        warn!(%directory, samples, bytes = lost.bytes, "lost what the disk did not take");
        self.publish();
    }
}
