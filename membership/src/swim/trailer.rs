//! What follows a SWIM packet in every datagram: what the sender's view is, and who suspects whom.

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::refusal::Refusal;

#[cfg(test)]
mod tests;

/// Room that is kept for it in every datagram: the digest and four of the longest rumours. Where the
/// packet leaves more, more rumours travel.
pub(super) const ROOM: usize = 8 + 1 + 4 * RUMOUR_MAX;

/// The longest rumour in bytes: two hashes, a generation, an incarnation, a flag.
const RUMOUR_MAX: usize = 8 + 9 + 3 + 8 + 1;

/// The most rumours in one datagram.
pub(super) const RUMOURS: usize = 12;

/// Somebody found out by itself that a peer is silent. Names are told by 64 bits of their hash: both
/// are known to whoever this matters to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rumour {
    pub suspect: [u8; 8],
    pub generation: u64,
    pub incarnation: u16,
    pub by: [u8; 8],
    /// Whether its port was closed as well.
    pub refused: bool,
}

#[derive(Debug)]
pub(super) struct Trailer {
    pub digest: u64,
    pub rumours: Vec<Rumour>,
}

impl Trailer {
    /// Appends one to `packet`, as far as it fits into `limit` bytes; how many rumours did.
    pub(super) fn write<'a>(
        digest: u64,
        rumours: impl Iterator<Item = &'a Rumour>,
        packet: &mut Vec<u8>,
        limit: usize,
    ) -> usize {
        packet.extend_from_slice(&digest.to_le_bytes());
        let count_at = packet.len();
        packet.push(0);
        for rumour in rumours.take(RUMOURS) {
            if packet.len() + RUMOUR_MAX > limit {
                break;
            }
            codec::put(rumour, &mut *packet).expect("a vector has room for a rumour");
            packet[count_at] += 1;
        }
        usize::from(packet[count_at])
    }

    /// Reads one that is all of `bytes`.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let malformed = |what: &str| Refusal::Malformed(format!("trailer: {what}"));
        let (digest, rest) =
            bytes.split_first_chunk::<8>().ok_or_else(|| malformed("no digest"))?;
        let (&count, mut rest) = rest.split_first().ok_or_else(|| malformed("no count"))?;
        if usize::from(count) > RUMOURS {
            return Err(malformed("too many rumours"));
        }
        let mut rumours = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let rumour = codec::take(&mut rest).map_err(|error| malformed(&error.to_string()))?;
            rumours.push(rumour);
        }
        if !rest.is_empty() {
            return Err(malformed("bytes after the end"));
        }
        Ok(Self { digest: u64::from_le_bytes(*digest), rumours })
    }
}
