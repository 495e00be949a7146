//! Authenticated encryption of what goes between nodes.
//!
//! ChaCha20-Poly1305 under a key that is derived, by HKDF-SHA256, from the cluster's key and the
//! random id of the sender's session; the nonce is the number of the message in that session. So
//! no two processes ever use one nonce under one key, however many there are and whatever their
//! clocks say, and every message has a number by which a second arrival is recognised.

use rand::RngExt;
use rand_chacha::ChaCha12Rng;
use ring::aead;

use crate::header::{Header, Kind, Label, Suite};
use crate::keyring::{Key, KeyId, Keyring};
use crate::refusal::Refusal;

#[cfg(test)]
mod tests;

/// The length of a message's session and number, in bytes.
pub(crate) const NONCE: usize = 16 + 8;

/// The length of what a sealed message has beyond its payload, in bytes, its header left out.
pub(crate) const ROOM: usize = NONCE + aead::MAX_TAG_LEN;

/// What one process seals is one session; drawn at random when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionId(pub(crate) [u8; 16]);

/// A session and the number of a message in it: what no other message in the world has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) session: SessionId,
    pub(crate) number: u64,
}

impl Stamp {
    pub(crate) fn bytes(self) -> [u8; NONCE] {
        let mut bytes = [0; NONCE];
        bytes[..16].copy_from_slice(&self.session.0);
        bytes[16..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }

    fn read(bytes: &[u8; NONCE]) -> Self {
        let (mut session, mut number) = ([0; 16], [0; 8]);
        session.copy_from_slice(&bytes[..16]);
        number.copy_from_slice(&bytes[16..]);
        Self { session: SessionId(session), number: u64::from_be_bytes(number) }
    }

    fn nonce(self) -> aead::Nonce {
        let mut nonce = [0; aead::NONCE_LEN];
        nonce[4..].copy_from_slice(&self.number.to_be_bytes());
        aead::Nonce::assume_unique_for_key(nonce)
    }
}

/// The session of this process, which numbers what it seals.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    next: u64,
}

impl Session {
    pub(crate) fn begin(rng: &mut ChaCha12Rng) -> Self {
        Self { id: SessionId(rng.random()), next: 0 }
    }

    pub(crate) fn stamp(&mut self) -> Stamp {
        self.next += 1;
        Stamp { session: self.id, number: self.next }
    }
}

/// A key, ready to seal for one session.
#[derive(Clone)]
pub(crate) struct Sealer {
    id: KeyId,
    key: aead::LessSafeKey,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Sealer({})", self.id)
    }
}

impl Sealer {
    pub(crate) fn new(key: &Key, session: SessionId) -> Self {
        Self { id: key.id(), key: key.session(&session.0) }
    }

    /// Seals `parts`, one after the other, as a message of `kind`. Whoever opens it must name the
    /// same `context`. `stamp` is one of the session this was made for, and used once.
    pub(crate) fn close(
        &self,
        label: &Label,
        kind: Kind,
        stamp: Stamp,
        context: &[u8],
        parts: &[&[u8]],
    ) -> Vec<u8> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut sealed = Vec::with_capacity(label.header_length() + ROOM + length);
        label.write(Suite::Sealed, kind, self.id.0, &mut sealed);
        sealed.extend_from_slice(&stamp.bytes());
        let aad = aad(&sealed, context);
        let begin = sealed.len();
        for part in parts {
            sealed.extend_from_slice(part);
        }
        let tag = self
            .key
            .seal_in_place_separate_tag(stamp.nonce(), aead::Aad::from(aad), &mut sealed[begin..])
            .expect("a message is far shorter than the cipher's limit of 256 GB");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }
}

/// What was sealed, and proved to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) stamp: Stamp,
    pub(crate) key: Key,
    pub(crate) payload: Vec<u8>,
}

/// Opens `sealed`, whose header is `header`. Says nothing about whether it arrived before.
pub(crate) fn open(
    keyring: &Keyring,
    header: &Header<'_>,
    sealed: &[u8],
    context: &[u8],
) -> Result<Opened, Refusal> {
    let Some(key) = keyring.find(header.key) else {
        return Err(Refusal::Key { theirs: KeyId(header.key), mine: keyring.ids() });
    };
    let least = header.length + ROOM;
    let Some((stamp, ciphertext)) = sealed[header.length..].split_first_chunk::<NONCE>() else {
        return Err(Refusal::TooShort { length: sealed.len(), least });
    };
    if ciphertext.len() < aead::MAX_TAG_LEN {
        return Err(Refusal::TooShort { length: sealed.len(), least });
    }
    let stamp = Stamp::read(stamp);
    let aad = aad(&sealed[..header.length + NONCE], context);
    let mut payload = ciphertext.to_vec();
    let opened = key.session(&stamp.session.0).open_in_place(
        stamp.nonce(),
        aead::Aad::from(aad),
        &mut payload,
    );
    let length = opened.map_err(|_| Refusal::Forged { key: key.id() })?.len();
    payload.truncate(length);
    Ok(Opened { stamp, key: key.clone(), payload })
}

/// The header and, behind it, what both sides know anyway.
fn aad(header: &[u8], context: &[u8]) -> Vec<u8> {
    [header, context].concat()
}
