//! Frames that change hands: out of one log, into the replica of it that another node keeps.
//!
//! A replica has the id of the log that it comes from, and its frames keep their sequences, their
//! stamps and their gates, so a frame has one name for ever, and a frame that comes a second time
//! is recognised. What one node gives of one log arrives in order of the sequences; two nodes that
//! give frames of one log, or one that has them from two, give to two replicas.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::frame::{FrameMeta, HEADER};
use super::open::{self, OpenError};
use super::sync::SyncWork;
use super::window::{Entry, State};
use super::{Log, Totals};
use crate::config::LogConfig;
use crate::telemetry::{DropReason, Telemetry};

/// Why a frame was not adopted. The log is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// It is no frame, or was damaged on its way.
    #[error("a frame is damaged")]
    Damaged,
    /// The disk refuses.
    #[error("the log cannot be written: {0}")]
    Disk(#[from] io::Error),
}

impl Log {
    /// Opens a replica, or begins one.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open_replica(
        directory: &Path,
        id: u128,
        config: LogConfig,
        telemetry: Arc<Telemetry>,
    ) -> Result<Self, OpenError> {
        open::open(directory, config, telemetry, open::Role::Replica(id))
    }

    /// The oldest frames that nobody sends, whole, of at most `max_bytes` in sum. A frame that is
    /// larger is exported alone, and left out where it is longer than `max_alone`.
    ///
    /// # Errors
    ///
    /// Those of reading the log.
    pub fn export(
        &mut self,
        max_bytes: usize,
        max_alone: usize,
        now_ms: i64,
    ) -> io::Result<Vec<(FrameMeta, Bytes)>> {
        let mut exported = Vec::new();
        let mut room = max_bytes as u64;
        let mut from = 0;
        loop {
            let is_next = |e: &&Entry| e.state == State::Waiting && e.meta.sequence >= from;
            let next = self.window.iter().find(is_next).map(|entry| entry.meta);
            let Some(meta) = next else {
                match self.fill()? {
                    0 => return Ok(exported),
                    _ => continue,
                }
            };
            from = meta.sequence + 1;
            let length = meta.frame_len();
            if length > max_bytes.max(max_alone) as u64 {
                continue;
            }
            let left = match room.checked_sub(length) {
                Some(left) => left,
                None if exported.is_empty() => 0,
                None => return Ok(exported),
            };
            match self.payload(&meta)? {
                Some(payload) => {
                    room = left;
                    let frame = [&meta.encode()[..], &payload].concat();
                    exported.push((meta, frame.into()));
                }
                None => {
                    self.telemetry.corruptions.add(1);
                    self.telemetry.corrupt_bytes.add(meta.frame_len());
                    self.discard(meta.sequence, DropReason::Corrupt, now_ms);
                }
            }
        }
    }

    /// Another node has adopted these frames durably: they will not be sent from here.
    pub fn handed_over(&mut self, frames: &[FrameMeta], now_ms: i64) {
        for meta in frames {
            self.gates.retain(|gate| gate.sequence != meta.sequence);
            if self.window.finish(meta.sequence) {
                self.forget(meta);
                self.telemetry.handed_over.add(meta.counts);
            }
        }
        self.advance(now_ms);
    }

    /// Adopts a frame of the log that this is a replica of; whether it is a new one. It is on the
    /// disk for sure only after [`Self::adoption_sync`].
    ///
    /// # Errors
    ///
    /// See [`AdoptError`].
    pub fn adopt(&mut self, frame: &[u8], now_ms: i64) -> Result<bool, AdoptError> {
        let header = frame.first_chunk::<HEADER>().ok_or(AdoptError::Damaged)?;
        let meta = FrameMeta::decode(header).ok_or(AdoptError::Damaged)?;
        let payload = &frame[HEADER..];
        if payload.len() != meta.payload_len as usize
            || crc32fast::hash(payload) != meta.payload_crc
        {
            return Err(AdoptError::Damaged);
        }
        if meta.sequence < self.next {
            return Ok(false);
        }
        self.try_write(&meta, frame)?;
        self.next = meta.sequence + 1;
        self.queued.add(Totals::of(&meta));
        self.telemetry.adopted.add(meta.counts);
        self.hand_over_appended(&meta, true, now_ms);
        self.keep_size(now_ms);
        self.publish();
        Ok(true)
    }

    /// What makes everything durable that has been adopted.
    ///
    /// # Errors
    ///
    /// When the process is out of file descriptors.
    pub fn adoption_sync(&mut self) -> io::Result<SyncWork> {
        self.directory_unsynced = true;
        if let Some(writer) = &self.writer {
            self.unsynced.push(Arc::clone(&writer.file));
        }
        self.all_sync_work()
    }
}
