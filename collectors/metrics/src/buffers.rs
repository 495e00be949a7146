//! Buffers for bodies, used again and again.

use std::sync::{Mutex, PoisonError};

#[cfg(test)]
mod tests;

/// Buffers that wait for their next body. About as many as there are bodies being read at once
/// on a machine that keeps up.
const MAX_WAITING: usize = 8;
/// Bytes of a buffer that is worth keeping; the few larger pages pay for their memory each time.
const MAX_KEPT: usize = 2 << 20;

/// Buffers of one scraper.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// An empty buffer, for a body of about this many bytes: the smallest that is large enough,
    /// or else the largest, so that large ones are there for large bodies.
    pub(crate) fn take(&self, bytes: usize) -> Vec<u8> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = waiting.partition_point(|buffer| buffer.capacity() < bytes);
        if fitting < waiting.len() {
            return waiting.remove(fitting);
        }
        waiting.pop().unwrap_or_default()
    }

    /// Takes a buffer back.
    pub(crate) fn put(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        if buffer.capacity() == 0 || buffer.capacity() > MAX_KEPT {
            return;
        }
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MAX_WAITING {
            let at = waiting.partition_point(|other| other.capacity() < buffer.capacity());
            waiting.insert(at, buffer);
        }
    }
}
