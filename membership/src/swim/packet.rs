//! A SWIM packet, read before foca sees it, so that what foca must not hear, or knows already, can be
//! taken out.

use bytes::{Buf, BufMut};
use foca::{Header, Member, Message};

use super::trailer::Trailer;
use crate::Peer;
use crate::codec;
use crate::refusal::Refusal;

/// A packet in foca's format, header, number of updates, updates, and what follows it.
pub(super) struct Packet<'a> {
    pub header: Header<Peer>,
    pub updates: Vec<Member<Peer>>,
    pub trailer: Trailer,
    header_bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads all of `payload`, so that foca does not find out half-way that it is malformed.
    pub(super) fn parse(payload: &'a [u8]) -> Result<Self, Refusal> {
        let malformed = |error: codec::CodecError| Refusal::Malformed(error.to_string());
        let mut rest = payload;
        let header: Header<Peer> = codec::take(&mut rest).map_err(malformed)?;
        let header_bytes = &payload[..payload.len() - rest.len()];
        let mut updates = Vec::new();
        if carries_updates(&header.message) {
            if rest.len() < 2 {
                return Err(Refusal::Malformed("no number of updates".to_owned()));
            }
            for _ in 0..rest.get_u16() {
                updates.push(codec::take(&mut rest).map_err(malformed)?);
            }
        }
        let trailer = Trailer::read(rest)?;
        Ok(Self { header, updates, trailer, header_bytes })
    }

    /// What foca is to see: the packet with the updates it has now.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.header_bytes.to_vec();
        if carries_updates(&self.header.message) {
            let count = u16::try_from(self.updates.len()).expect("updates were counted by a u16");
            bytes.put_u16(count);
            for update in &self.updates {
                codec::put(update, &mut bytes).expect("a vector has room for what was read");
            }
        }
        bytes
    }
}

/// Foca always writes their number, unless the header alone fills the packet, which it cannot.
fn carries_updates(message: &Message<Peer>) -> bool {
    !matches!(message, Message::Announce | Message::TurnUndead | Message::Broadcast)
}
