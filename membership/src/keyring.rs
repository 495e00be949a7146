//! The secrets that nodes of one cluster share.

use std::fmt;
use std::sync::Arc;

use ring::{aead, hkdf};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// What a key is called in datagrams, logs and telemetry: it tells keys apart, and nothing about
/// their secret. Never 0, which stands for no key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(crate) u32);

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A secret of [`Key::BYTES`] random bytes, shared by all nodes of a cluster. Cheap to clone.
///
/// What is kept is what the secret was turned into, so that it cannot be shown by mistake.
#[derive(Clone)]
pub struct Key {
    id: KeyId,
    /// Tells keys apart as surely as their secrets do.
    fingerprint: [u8; 32],
    root: Arc<hkdf::Prk>,
}

impl Key {
    /// The length of a secret in bytes.
    pub const BYTES: usize = 32;

    /// The key with this secret, which must be random: it is not stretched as a password would be.
    pub fn new(secret: &[u8; Self::BYTES]) -> Self {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"shoal cluster key").extract(secret);
        let mut fingerprint = [0; 32];
        root.expand(&[b"fingerprint"], hkdf::HKDF_SHA256)
            .and_then(|derived| derived.fill(&mut fingerprint))
            .expect("a hash's length of bytes can be derived");
        let [a, b, c, d, ..] = fingerprint;
        let id = KeyId(u32::from_be_bytes([a, b, c, d]).max(1));
        Self { id, fingerprint, root: Arc::new(root) }
    }

    /// What the key is called.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The key of one session: what one process seals with, by a counter as nonce.
    pub(crate) fn session(&self, session: &[u8]) -> aead::LessSafeKey {
        let purpose: [&[u8]; 2] = [b"session", session];
        let derived = self.root.expand(&purpose, &aead::CHACHA20_POLY1305);
        let derived = derived.expect("a key's length of bytes can be derived");
        aead::LessSafeKey::new(derived.into())
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({})", self.id)
    }
}

/// The keys of a node: the first one seals, each of them opens. Without any, nothing is sealed.
///
/// More than one is for changing keys without a moment in which two nodes do not understand each
/// other: first every node learns to open with the new key, then every node seals with it, then
/// the old one goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    keys: Arc<[Key]>,
}

impl Default for Keyring {
    /// No key.
    fn default() -> Self {
        Self { keys: Arc::from([]) }
    }
}

/// Why keys make no [`Keyring`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyringError {
    /// A change of keys takes two; a few more are no harm.
    #[error("{count} keys, and at most {} are used", Keyring::MAX)]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// One of them would never be used.
    #[error("key {0} is there twice")]
    Twice(KeyId),
}

impl Keyring {
    /// The most keys there can be.
    pub const MAX: usize = 8;

    /// A ring of `keys`, of which the first seals.
    ///
    /// # Errors
    /// When there are too many, or one is there twice.
    pub fn new(keys: Vec<Key>) -> Result<Self, KeyringError> {
        if keys.len() > Self::MAX {
            return Err(KeyringError::TooMany { count: keys.len() });
        }
        let seen_before = |(at, key): &(usize, &Key)| keys[..*at].iter().any(|k| k.id == key.id);
        match keys.iter().enumerate().find(seen_before) {
            Some((_, key)) => Err(KeyringError::Twice(key.id)),
            None => Ok(Self { keys: keys.into() }),
        }
    }

    /// Whether there is no key, and nothing is sealed.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The ids of the keys, that of the one which seals first.
    pub fn ids(&self) -> Vec<KeyId> {
        self.keys.iter().map(Key::id).collect()
    }

    /// The key that seals.
    pub(crate) fn first(&self) -> Option<&Key> {
        self.keys.first()
    }

    pub(crate) fn find(&self, id: u32) -> Option<&Key> {
        self.keys.iter().find(|key| key.id.0 == id)
    }
}
