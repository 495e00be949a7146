//! Gzip, piece by piece, into a buffer that has a limit.

use flate2::{Decompress, FlushDecompress, Status};

use crate::error::Error;

#[cfg(test)]
mod tests;

/// Room to decompress into, at least: a page of a few hundred series.
const STEP: usize = 64 * 1024;

/// The decompression of one body. Gzip members one after another are one body, as everywhere.
pub(crate) struct Gunzip {
    stream: Decompress,
    /// Whether the last member is complete and no other has begun.
    between_members: bool,
}

impl Gunzip {
    pub(crate) fn new() -> Self {
        Self { stream: Decompress::new_gzip(15), between_members: true }
    }

    /// Decompresses a piece onto the end of `buffer`, which must not grow past `end` bytes.
    pub(crate) fn append(
        &mut self,
        mut input: &[u8],
        end: usize,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Error> {
        loop {
            if self.between_members {
                if input.is_empty() {
                    return Ok(());
                }
                self.stream.reset(true);
                self.between_members = false;
            }
            if buffer.len() == buffer.capacity() {
                // One byte more than the limit, so that going past it is seen and not guessed.
                let room = end.saturating_add(1).saturating_sub(buffer.len());
                buffer.reserve(room.min(STEP.max(buffer.len())).max(1));
            }
            let before = (self.stream.total_in(), buffer.len());
            let status = self
                .stream
                .decompress_vec(input, buffer, FlushDecompress::None)
                .map_err(|error| Error::Gzip(error.to_string()))?;
            let consumed = usize::try_from(self.stream.total_in() - before.0)
                .expect("no more was consumed than was given");
            input = &input[consumed..];
            if buffer.len() > end {
                buffer.truncate(end);
                return Err(Error::TooLarge { limit });
            }
            if status == Status::StreamEnd {
                self.between_members = true;
                continue;
            }
            let full = buffer.len() == buffer.capacity();
            if !full && (input.is_empty() || (consumed == 0 && buffer.len() == before.1)) {
                return Ok(());
            }
        }
    }

    /// Checks that nothing is missing.
    pub(crate) fn finish(self, wire: u64) -> Result<(), Error> {
        if self.between_members && wire > 0 {
            return Ok(());
        }
        Err(Error::Gzip("it ends too early".to_owned()))
    }
}
