//! A SWIM packet, read before foca sees it, so that what foca must not hear can be taken out.

use bytes::{Buf, BufMut};
use foca::{Header, Member, Message};

use crate::Peer;
use crate::codec;
use crate::refusal::Refusal;

/// A packet in foca's format: header, number of updates, updates, whatever follows.
pub(super) struct Packet<'a> {
    pub header: Header<Peer>,
    pub updates: Vec<Member<Peer>>,
    header_bytes: &'a [u8],
    tail: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads all of `payload`, so that foca does not find out half-way that it is malformed.
    pub(super) fn parse(payload: &'a [u8]) -> Result<Self, Refusal> {
        let malformed = |error: codec::CodecError| Refusal::Malformed(error.to_string());
        let mut rest = payload;
        let header: Header<Peer> = codec::take(&mut rest).map_err(malformed)?;
        let header_bytes = &payload[..payload.len() - rest.len()];
        let mut updates = Vec::new();
        if header.message == Message::Announce && !rest.is_empty() || rest.len() == 1 {
            return Err(Refusal::Malformed("bytes after the end".to_owned()));
        }
        if rest.len() >= 2 && header.message != Message::Broadcast {
            for _ in 0..rest.get_u16() {
                updates.push(codec::take(&mut rest).map_err(malformed)?);
            }
        }
        Ok(Self { header, updates, header_bytes, tail: rest })
    }

    /// The packet again, with the updates it has now.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.header_bytes.to_vec();
        if self.header.message != Message::Broadcast && self.header.message != Message::Announce {
            let count = u16::try_from(self.updates.len()).expect("updates were counted by a u16");
            bytes.put_u16(count);
            for update in &self.updates {
                codec::put(update, &mut bytes).expect("a vector has room for what was read");
            }
        }
        bytes.extend_from_slice(self.tail);
        bytes
    }
}
