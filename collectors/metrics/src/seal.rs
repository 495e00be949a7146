//! What the next owner of a target gets: its last tick and its series.

use bytes::Bytes;
use model::Seal;

use crate::page::Known;

#[cfg(test)]
mod tests;

/// The layout of the payload that this version writes.
const VERSION: u16 = 1;

/// Bytes of a payload. About 80,000 series; the seals of many targets travel together, and a
/// target with more series than that starts anew at the next owner, with its ticks in phase.
const MAX_PAYLOAD: usize = 4 << 20;

/// The seal of a target, and whether its series are in it.
pub(crate) fn seal(last_tick: i64, known: &Known) -> (Seal, bool) {
    let mut payload = Vec::new();
    let complete = known.bytes() <= MAX_PAYLOAD;
    if complete {
        known.encode(&mut payload);
    }
    (Seal { version: VERSION, last_tick, payload: Bytes::from(payload) }, complete)
}

/// What a seal says of the series; nothing if it has none, or was written by another version, or
/// is broken.
pub(crate) fn open(seal: &Seal) -> Option<Known> {
    if seal.version != VERSION || seal.payload.is_empty() || seal.payload.len() > 2 * MAX_PAYLOAD {
        return None;
    }
    Known::decode(&seal.payload)
}
