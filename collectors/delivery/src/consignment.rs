//! Frames on their way from a node that leaves to one that sends them in its place.

use std::sync::Arc;

use bytes::Bytes;

/// Bytes of frames in a consignment at most. Far below the longest body that nodes accept from
/// each other (4 MiB), and large enough that a round trip is small beside it.
pub const MAX_CONSIGNMENT: usize = 2 << 20;
/// Bytes of a frame at most that travels, then alone: what nodes accept of each other, less 128 KiB
/// for names and for the envelope. Frames of 2,000 samples have some 100 KiB; one that is larger
/// than this takes requests that are a hundred times as long, and stays in the log of its node.
pub const MAX_TRAVELLER: usize = (4 << 20) - (128 << 10);
/// What an encoded consignment begins with: what it is, and the version of its layout.
const MAGIC: [u8; 5] = *b"ShCg\x01";
/// The longest name in it, in bytes.
const MAX_NAME: usize = 1024;

/// Frames of one log, in the order of their sequences. Each has its name (the id of the log and its
/// sequence), its times and its checksum in its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consignment {
    /// The destination, by the name that it has on every node.
    pub destination: Arc<str>,
    /// The name of the node that wrote the frames.
    pub origin: Arc<str>,
    /// The name of the node that gives them.
    pub giver: Arc<str>,
    /// The id of the log that they were written to.
    pub log: u128,
    /// Tells apart the logs of the giver that hold frames of that log: 0 for the log itself, else
    /// a hash of the nodes that gave them before. Within one of them sequences only grow.
    pub route: u64,
    /// The frames, whole.
    pub frames: Vec<Bytes>,
}

/// The bytes are no consignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no consignment of frames")]
pub struct Malformed;

impl Consignment {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let frames: usize = self.frames.iter().map(|frame| frame.len() + 4).sum();
        let mut out = Vec::with_capacity(frames + 256);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.log.to_le_bytes());
        out.extend_from_slice(&self.route.to_le_bytes());
        let names = [&self.destination, &self.origin, &self.giver];
        names.into_iter().for_each(|name| push(&mut out, name.as_bytes()));
        self.frames.iter().for_each(|frame| push(&mut out, frame));
        out
    }

    /// Reads what [`Self::encode`] wrote. The frames share the memory of `bytes`.
    ///
    /// # Errors
    ///
    /// When the bytes are something else. The frames are checked by whoever adopts them.
    pub fn decode(mut bytes: Bytes) -> Result<Self, Malformed> {
        if bytes.len() < MAGIC.len() + 24 || bytes.split_to(MAGIC.len()) != MAGIC[..] {
            return Err(Malformed);
        }
        let log = bytes.split_to(16);
        let log = u128::from_le_bytes(log[..].try_into().map_err(|_| Malformed)?);
        let route = bytes.split_to(8);
        let route = u64::from_le_bytes(route[..].try_into().map_err(|_| Malformed)?);
        let mut name = || {
            let name = pull(&mut bytes).filter(|name| name.len() <= MAX_NAME);
            let name = name.ok_or(Malformed)?;
            Ok(Arc::from(std::str::from_utf8(&name).map_err(|_| Malformed)?))
        };
        let (destination, origin, giver) = (name()?, name()?, name()?);
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            frames.push(pull(&mut bytes).ok_or(Malformed)?);
        }
        Ok(Self { destination, origin, giver, log, route, frames })
    }
}

fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("frames and names are bounded");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
}

fn pull(bytes: &mut Bytes) -> Option<Bytes> {
    let length = u32::from_le_bytes(bytes.first_chunk().copied()?) as usize;
    if bytes.len() - 4 < length {
        return None;
    }
    let mut piece = bytes.split_to(4 + length);
    Some(piece.split_off(4))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            names in [".{0,20}", ".{0,20}", ".{0,20}"],
            log in any::<u128>(),
            route in any::<u64>(),
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..10),
        ) {
            let [destination, origin, giver] = names.map(|name| Arc::from(name.as_str()));
            let frames = frames.into_iter().map(Bytes::from).collect();
            let consignment = Consignment { destination, origin, giver, log, route, frames };
            let decoded = Consignment::decode(consignment.encode().into());
            prop_assert_eq!(decoded, Ok(consignment));
        }

        #[test]
        fn whatever_comes_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let with_magic = [&MAGIC[..], &bytes].concat();
            let _ = Consignment::decode(bytes.into());
            let _ = Consignment::decode(with_magic.into());
        }
    }
}
