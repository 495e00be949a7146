//! What every message between nodes is wrapped in: see [`crate::header`] for its first bytes.

use std::borrow::Cow;

use bytes::Bytes;
use rand_chacha::ChaCha12Rng;

use crate::header::{Kind, Label};
use crate::keyring::Keyring;
use crate::refusal::Refusal;
use crate::replay::Replays;
use crate::seal::{self, ROOM, Sealer, Session};

#[cfg(test)]
mod tests;

/// The longest datagram in bytes. 1,400 pass every Ethernet, with room for a tunnel.
pub const DATAGRAM_MAX: usize = 1400;

/// The longest body of a state sync in bytes: 20,000 peers with the longest names and addresses,
/// twice over. Other bodies have the same limit.
pub const SYNC_MAX: usize = 4 << 20;

/// Wraps and unwraps the messages of one node: datagrams, sealed if there is a key, each accepted
/// once; and bodies, which [`crate::Channel`] seals on their way.
#[derive(Debug)]
pub(crate) struct Envelope {
    label: Label,
    keyring: Keyring,
    session: Session,
    sealer: Option<Sealer>,
    replays: Replays,
}

impl Envelope {
    /// The envelope of the cluster called `cluster`.
    pub(crate) fn new(cluster: &str, keyring: Keyring, rng: &mut ChaCha12Rng) -> Self {
        let session = Session::begin(rng);
        let label = Label::new(cluster);
        let mut envelope =
            Self { label, keyring, session, sealer: None, replays: Replays::default() };
        envelope.set_keyring(envelope.keyring.clone());
        envelope
    }

    pub(crate) fn set_keyring(&mut self, keyring: Keyring) {
        self.sealer = keyring.first().map(|key| Sealer::new(key, self.session.id));
        self.keyring = keyring;
    }

    /// Whether datagrams are sealed.
    pub(crate) fn is_sealed(&self) -> bool {
        self.sealer.is_some()
    }

    /// The largest payload of a datagram in bytes. The same with and without a key.
    pub(crate) fn room(&self) -> usize {
        DATAGRAM_MAX - self.label.header_length() - ROOM
    }

    /// A datagram.
    pub(crate) fn close(&mut self, payload: &[u8]) -> Bytes {
        match &self.sealer {
            None => self.wrap(Kind::Gossip, payload),
            Some(sealer) => {
                let stamp = self.session.stamp();
                sealer.close(&self.label, Kind::Gossip, stamp, &[], &[payload]).into()
            }
        }
    }

    /// The payload of a datagram, if it is of this cluster, of a node with the same key, and new.
    pub(crate) fn open<'a>(&mut self, datagram: &'a [u8]) -> Result<Cow<'a, [u8]>, Refusal> {
        if datagram.len() > DATAGRAM_MAX {
            return Err(Refusal::TooLong { length: datagram.len(), limit: DATAGRAM_MAX });
        }
        let header = self.label.read(datagram)?;
        header.expect(Kind::Gossip)?;
        if !header.is_sealed(&self.keyring)? {
            return Ok(Cow::Borrowed(&datagram[header.length..]));
        }
        let opened = seal::open(&self.keyring, &header, datagram, &[])?;
        self.replays.admit(opened.stamp.session, opened.stamp.number)?;
        Ok(Cow::Owned(opened.payload))
    }

    /// A body that says which cluster and which kind it is of.
    pub(crate) fn wrap(&self, kind: Kind, payload: &[u8]) -> Bytes {
        self.label.wrap(kind, payload)
    }

    /// The payload of `body`, if it is of this cluster, version and kind.
    pub(crate) fn unwrap<'a>(&self, kind: Kind, body: &'a [u8]) -> Result<&'a [u8], Refusal> {
        if body.len() > SYNC_MAX {
            return Err(Refusal::TooLong { length: body.len(), limit: SYNC_MAX });
        }
        Ok(&body[self.label.unwrap(kind, body)?..])
    }
}
