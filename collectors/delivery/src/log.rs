//! The durable log of one destination: what has been sealed and not yet acknowledged.
//!
//! A directory holds segments of frames, and a cursor that says which frames are finished. A frame
//! is appended with `write(2)` before anything is sent, so a killed process loses none; the disk is
//! synced by a timer, so a power failure loses what was sealed since. Damage is stepped over and
//! counted. Beyond the caps of size and age the oldest segment is dropped, and counted.
//!
//! While the disk refuses frames they wait in memory, bounded, are sent from there, and are written
//! as soon as the disk takes them.
//!
//! The log blocks for as long as the file system does. It has one owner, and is told the time.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;
use tracing::warn;

mod adopt;
mod cursor;
mod frame;
mod gate;
mod held;
mod lane;
mod open;
mod read;
pub mod scan;
mod segment;
mod sync;
mod window;
mod write;

pub use adopt::AdoptError;
pub use frame::{Content, FrameMeta, HEADER, MAX_PAYLOAD};
pub use gate::{Gate, MARGIN_MS, Oldest, Verdict};
pub use lane::{Lane, Overlap};
pub use open::OpenError;
pub use sync::SyncWork;
pub use window::{SPAN, Wanted};

use crate::config::LogConfig;
use crate::telemetry::{Counts, DropReason, Telemetry};
use crate::throttle::Throttle;
use cursor::{CursorFile, Position};
use held::Held;
use read::Reader;
use segment::Segment;
pub use segment::Totals;
use window::Window;
use write::Writer;

#[cfg(test)]
mod tests;

/// A segment that is wholly finished is thrown away past this size instead of growing on: in the
/// steady state the log then stays in the page cache and little of it is ever written to the disk.
const RECYCLE: u64 = 8 << 20;

/// A frame before it has a place in the log.
#[derive(Debug)]
pub struct NewFrame {
    /// [`HEADER`] bytes of room, then the payload.
    pub bytes: Vec<u8>,
    /// The oldest timestamp in it, in milliseconds since the Unix epoch.
    pub oldest_ms: i64,
    /// The newest timestamp in it.
    pub newest_ms: i64,
    /// What it carries.
    pub counts: Counts,
    /// Which series it may hold.
    pub lane: Lane,
    /// What the payload is.
    pub content: Content,
    /// Where its series come from, if another node may have written the same: for the writer, who is told
    /// the place that the frame gets. No part of the log.
    pub origins: Vec<u64>,
}

/// The log. See the module.
#[derive(Debug)]
pub struct Log {
    directory: PathBuf,
    config: LogConfig,
    telemetry: Arc<Telemetry>,
    id: u128,
    /// Held for as long as the log is open.
    lock: File,
    segments: VecDeque<Segment>,
    writer: Option<Writer>,
    reader: Reader,
    window: Window,
    cursor: CursorFile,
    position: Position,
    /// What the cursor said when the log was opened.
    restored: Position,
    /// The sequence that the next frame gets.
    next: u64,
    /// The sequence that the window gets next.
    handed: u64,
    /// Frames that the disk has not taken, oldest first, whole.
    unwritten: VecDeque<(FrameMeta, Bytes)>,
    unwritten_bytes: usize,
    held: Held,
    queued: Totals,
    unsynced: Vec<Arc<File>>,
    directory_unsynced: bool,
    complaint: Throttle,
    dropping: Throttle,
    /// Why the disk takes nothing, while it does not.
    refusal: watch::Sender<Option<String>>,
    /// Those that are not done with, as far as they are known: some may not have been read yet.
    gates: Vec<Gate>,
    /// Nothing is stamped before this; see [`gate`].
    floor_ms: i64,
    role: open::Role,
    instance: u128,
}

impl Log {
    /// The id of the log: with the sequence it names a frame for ever.
    pub fn id(&self) -> u128 {
        self.id
    }

    /// Tells this open log from every other one: several replicas of a log have its id.
    pub fn instance(&self) -> u128 {
        self.instance
    }

    /// What is sealed and not finished.
    pub fn queued(&self) -> Totals {
        self.queued
    }

    /// Bounds the samples whose frames are kept in memory.
    pub fn hold_at_most(&mut self, samples: usize) {
        self.held.set_limit(samples);
    }

    /// Appends a frame. When this returns, the frame survives the process, or is kept in memory
    /// because the disk refused it, or has been counted as dropped because that was full too, or
    /// because it is larger than [`MAX_PAYLOAD`]: then there is no sequence.
    ///
    /// # Panics
    ///
    /// When the frame has no room for its header.
    pub fn append(&mut self, frame: NewFrame, now_ms: i64) -> Option<u64> {
        let size = frame.bytes.len() - HEADER;
        if size > MAX_PAYLOAD {
            self.telemetry.dropped(DropReason::TooLarge).add(frame.counts);
            if let Some(kept_back) = self.dropping.allows(now_ms) {
                let samples = frame.counts.total();
                warn!(size, samples, kept_back, "dropped what no request holds");
            }
            return None;
        }
        let (meta, bytes) = self.stamp(frame, now_ms);
        let written = self.write_unwritten(now_ms) && self.write(&meta, &bytes, now_ms);
        if !written {
            if self.unwritten_bytes + bytes.len() > self.config.unwritten_bytes {
                self.telemetry.dropped(DropReason::DiskFull).add(meta.counts);
                if let Some(kept_back) = self.dropping.allows(now_ms) {
                    let samples = meta.counts.total();
                    warn!(samples, kept_back, "dropped what neither the disk nor the memory takes");
                }
                return None;
            }
            self.unwritten_bytes += bytes.len();
            self.unwritten.push_back((meta, bytes.clone()));
        }
        self.next = meta.sequence + 1;
        self.queued.add(Totals::of(&meta));
        self.held.offer(&meta, bytes.slice(HEADER..), !written);
        self.hand_over_appended(&meta, written, now_ms);
        self.keep_size(now_ms);
        self.publish();
        Some(meta.sequence)
    }

    /// The sequence that the next frame gets.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Every frame before this sequence is dealt with, or in flight although the log gave it up.
    pub fn unfinished(&self) -> u64 {
        self.window.front().map_or(self.handed, |entry| entry.meta.sequence)
    }

    fn stamp(&self, frame: NewFrame, now_ms: i64) -> (FrameMeta, Bytes) {
        let NewFrame { mut bytes, oldest_ms, newest_ms, counts, lane, content, .. } = frame;
        let payload = &bytes[HEADER..];
        let meta = FrameMeta {
            sequence: self.next,
            sealed_ms: self.stamp_at(now_ms),
            oldest_ms,
            newest_ms,
            counts,
            lane,
            content,
            payload_len: u32::try_from(payload.len()).expect("the payload is bounded"),
            payload_crc: crc32fast::hash(payload),
        };
        bytes[..HEADER].copy_from_slice(&meta.encode());
        (meta, Bytes::from(bytes))
    }

    /// The stamp of what is sealed now: the time, or what the last gate asks for.
    pub fn stamp_at(&self, now_ms: i64) -> i64 {
        now_ms.max(self.floor_ms.min(now_ms.saturating_add(gate::FLOOR_AHEAD_MS)))
    }

    /// Takes the oldest of the wanted frames that may be sent now, and its payload.
    ///
    /// # Errors
    ///
    /// When the frame cannot be read although it is not damaged; it stays in the queue.
    pub fn take(&mut self, wanted: Wanted, now_ms: i64) -> io::Result<Option<(FrameMeta, Bytes)>> {
        loop {
            let taken = match self.window.take(wanted) {
                Some(meta) => meta,
                // What overlaps waits for what is before it: it is come upon by sending that.
                None if wanted.plain && self.fill()? > 0 => continue,
                None => return Ok(None),
            };
            if now_ms.saturating_sub(taken.sealed_ms) > self.max_age_ms() {
                self.discard(taken.sequence, DropReason::LogAge, now_ms);
                continue;
            }
            match self.payload(&taken) {
                Ok(Some(payload)) => return Ok(Some((taken, payload))),
                Ok(None) => {
                    self.telemetry.corruptions.add(1);
                    self.telemetry.corrupt_bytes.add(taken.frame_len());
                    self.discard(taken.sequence, DropReason::Corrupt, now_ms);
                }
                Err(error) => {
                    self.window.put_back(taken.sequence);
                    return Err(error);
                }
            }
        }
    }

    /// Puts a frame that was taken back to where it was. One that the log has given up meanwhile is lost.
    pub fn put_back(&mut self, sequence: u64) {
        if let Some((lost, reason)) = self.window.put_back(sequence) {
            self.telemetry.dropped(reason).add(lost.counts);
        }
    }

    /// A frame that was taken is dealt with: it will never be sent again.
    pub fn finish(&mut self, meta: &FrameMeta, now_ms: i64) {
        if self.window.finish(meta.sequence) {
            self.forget(meta);
            self.advance(now_ms);
        }
        self.open_passed_gates(meta.sequence, now_ms);
    }

    /// Whether no request waits and none is in flight, but for those that the log has given up there. Gates
    /// may be left.
    pub fn is_empty(&self) -> bool {
        self.queued.frames == 0
    }

    /// Work that time asks for: writing what the disk refused, and the age cap.
    pub fn tick(&mut self, now_ms: i64) {
        self.write_unwritten(now_ms);
        let oldest = now_ms.saturating_sub(self.max_age_ms());
        while self.segments.front().is_some_and(|segment| {
            segment.newest_sealed_ms < oldest && segment.last >= segment.first
        }) && !self.is_empty()
        {
            self.drop_oldest_segment(DropReason::LogAge, now_ms);
        }
        self.publish();
    }

    fn max_age_ms(&self) -> i64 {
        i64::try_from(self.config.max_age.as_millis()).unwrap_or(i64::MAX)
    }

    /// Finishes a frame of the window that nobody will send.
    fn discard(&mut self, sequence: u64, reason: DropReason, now_ms: i64) {
        if let Some(entry) = self.window.get(sequence) {
            let meta = entry.meta;
            self.telemetry.dropped(reason).add(meta.counts);
            self.finish(&meta, now_ms);
        }
    }

    fn forget(&mut self, meta: &FrameMeta) {
        self.queued.remove(Totals::of(meta));
        self.held.release(meta.sequence);
        if let Some(index) = self.unwritten.iter().position(|(m, _)| m.sequence == meta.sequence)
            && let Some((_, bytes)) = self.unwritten.remove(index)
        {
            self.unwritten_bytes -= bytes.len();
        }
    }

    /// Moves the cursor, and gives back what lies behind it.
    fn advance(&mut self, now_ms: i64) {
        self.position.update(&self.window, self.handed);
        if let Err(error) = self.cursor.write(&self.position) {
            self.complain("could not move the cursor of the log", &error, now_ms);
        }
        while let Some(segment) = self.segments.front()
            && segment.last < self.position.first
            && self.is_disposable(segment)
        {
            let first = segment.first;
            self.segments.pop_front();
            self.remove_file(first, now_ms);
        }
        self.publish();
    }

    fn is_disposable(&self, segment: &Segment) -> bool {
        let written_to = self.writer.as_ref().is_some_and(|w| w.segment == segment.first);
        let read_from = self.reader.segment == segment.first && self.reader.offset < segment.len;
        // What is finished must not take the room that the disk does not have for the next frame.
        let is_in_the_way = self.refusal.borrow().is_some();
        let is_grown = segment.len >= RECYCLE && self.is_empty();
        !read_from && (!written_to || is_in_the_way || is_grown)
    }

    fn remove_file(&mut self, first: u64, now_ms: i64) {
        if self.writer.as_ref().is_some_and(|writer| writer.segment == first) {
            self.writer = None;
            self.unsynced.clear();
        }
        self.reader.close(first);
        if let Err(error) = fs::remove_file(Segment::path(&self.directory, first)) {
            self.complain("could not remove a segment of the log", &error, now_ms);
        }
    }

    fn keep_size(&mut self, now_ms: i64) {
        while self.segments.len() > 1 && self.disk_bytes() > self.config.max_bytes {
            self.drop_oldest_segment(DropReason::LogFull, now_ms);
        }
    }

    fn disk_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len).sum()
    }

    fn drop_oldest_segment(&mut self, reason: DropReason, now_ms: i64) {
        let Some(segment) = self.segments.pop_front() else { return };
        let mut lost = segment.unread;
        let given_up = self.window.give_up(segment.last, reason);
        given_up.waited.iter().for_each(|meta| lost.add(Totals::of(meta)));
        // Those count as what becomes of them.
        given_up.flying.iter().for_each(|meta| self.queued.remove(Totals::of(meta)));
        self.held.release_through(segment.last);
        self.gates.retain(|gate| gate.sequence > segment.last);
        lost.count_in(self.telemetry.dropped(reason));
        self.queued.remove(lost);
        self.handed = self.handed.max(segment.last + 1);
        self.remove_file(segment.first, now_ms);
        if let Some(kept_back) = self.dropping.allows(now_ms) {
            let Totals { frames, bytes, samples, .. } = lost;
            let reason = reason.as_str();
            warn!(reason, frames, bytes, samples, kept_back, "dropped the oldest of the log");
        }
        self.advance(now_ms);
    }

    fn complain(&mut self, what: &'static str, error: &io::Error, now_ms: i64) {
        if let Some(kept_back) = self.complaint.allows(now_ms) {
            let directory = self.directory.display();
            warn!(%directory, %error, kept_back, "{what}; is the disk full?");
        }
    }

    fn publish(&self) {
        if self.role != open::Role::Own {
            return;
        }
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let telemetry = &self.telemetry;
        telemetry.queue_frames.set(gauge(self.queued.frames));
        telemetry.queue_bytes.set(gauge(self.queued.bytes));
        telemetry.pending_samples.set(gauge(self.queued.samples));
        telemetry.pending_histograms.set(gauge(self.queued.histograms));
        telemetry.pending_exemplars.set(gauge(self.queued.exemplars));
        telemetry.log_bytes.set(gauge(self.disk_bytes()));
        telemetry.unwritten_bytes.set(gauge(self.unwritten_bytes as u64));
        telemetry.queue_oldest.set(self.window.front().map_or(0, |entry| entry.meta.sealed_ms));
    }
}
