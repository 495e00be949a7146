//! Gzip, piece by piece, into a buffer that has a limit.

use std::sync::{Arc, Mutex, PoisonError};

use flate2::{Crc, Decompress, FlushDecompress, Status};

use crate::error::Error;

mod head;
#[cfg(test)]
mod tests;

use head::Head;

/// Room to decompress into, at least: a page of a few hundred series.
const STEP: usize = 64 * 1024;

/// Decompressors that wait for their next body. As many as there are bodies being read at once on a
/// machine that keeps up; each has about 50 KiB.
const MAX_WAITING: usize = 8;

/// The decompressors of one client: to make one costs more than to decompress a small body.
#[derive(Debug, Default)]
pub(crate) struct Inflaters(Mutex<Vec<Decompress>>);

impl Inflaters {
    fn take(&self) -> Decompress {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // Without a head: only such a one can be used again, so heads and tails are read here.
        waiting.unwrap_or_else(|| Decompress::new(false))
    }

    fn put(&self, stream: Decompress) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MAX_WAITING {
            waiting.push(stream);
        }
    }
}

/// The decompression of one body. Gzip members one after another are one body, as everywhere.
pub(crate) struct Gunzip {
    inflaters: Arc<Inflaters>,
    stream: Decompress,
    part: Part,
    /// Sum and size of what the member has become so far.
    crc: Crc,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy)]
enum Part {
    Head(Head),
    Data,
    Tail(Tail),
}

/// The sum and the size of the data, in that order.
#[derive(Debug, Clone, Copy, Default)]
struct Tail {
    bytes: [u8; 8],
    seen: usize,
}

impl Gunzip {
    pub(crate) fn new(inflaters: &Arc<Inflaters>) -> Self {
        Self {
            inflaters: Arc::clone(inflaters),
            stream: inflaters.take(),
            part: Part::Head(Head::default()),
            crc: Crc::new(),
        }
    }

    /// Decompresses a piece onto the end of `buffer`, which must not grow past `end` bytes.
    pub(crate) fn append(
        &mut self,
        mut input: &[u8],
        end: usize,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Error> {
        while let Some((byte, rest)) = input.split_first() {
            match &mut self.part {
                Part::Head(head) => {
                    input = rest;
                    if head.push(*byte).map_err(|reason| Error::Gzip(reason.to_owned()))? {
                        self.stream.reset(false);
                        self.crc.reset();
                        self.part = Part::Data;
                    }
                }
                Part::Data => input = self.inflate(input, end, limit, buffer)?,
                Part::Tail(tail) => {
                    input = rest;
                    tail.bytes[tail.seen] = *byte;
                    tail.seen += 1;
                    if tail.seen == tail.bytes.len() {
                        tail.check(&self.crc)?;
                        self.part = Part::Head(Head::default());
                    }
                }
            }
        }
        Ok(())
    }

    /// Decompresses data until it or the input ends; the rest of the input.
    fn inflate<'i>(
        &mut self,
        mut input: &'i [u8],
        end: usize,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<&'i [u8], Error> {
        loop {
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
            self.crc.update(&buffer[before.1..]);
            if status == Status::StreamEnd {
                self.part = Part::Tail(Tail::default());
                return Ok(input);
            }
            let full = buffer.len() == buffer.capacity();
            let stuck = consumed == 0 && buffer.len() == before.1;
            if !full && stuck && !input.is_empty() {
                return Err(Error::Gzip("it makes no sense".to_owned()));
            }
            if !full && input.is_empty() {
                return Ok(input);
            }
        }
    }

    /// Checks that nothing is missing.
    pub(crate) fn finish(self, wire: u64) -> Result<(), Error> {
        let between_members = matches!(self.part, Part::Head(head) if head.is_new());
        if !between_members || wire == 0 {
            return Err(Error::Gzip("it ends too early".to_owned()));
        }
        self.inflaters.put(self.stream);
        Ok(())
    }
}

impl Tail {
    fn check(self, crc: &Crc) -> Result<(), Error> {
        let [a, b, c, d, e, f, g, h] = self.bytes;
        if u32::from_le_bytes([a, b, c, d]) != crc.sum() {
            return Err(Error::Gzip("its checksum does not match".to_owned()));
        }
        if u32::from_le_bytes([e, f, g, h]) != crc.amount() {
            return Err(Error::Gzip("its size does not match".to_owned()));
        }
        Ok(())
    }
}
