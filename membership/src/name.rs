//! What is unique about a node.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::de::{Error as _, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_128;

#[cfg(test)]
mod tests;

/// The name of a node: unique in its cluster, the same across restarts, and what ownership is
/// decided by.
///
/// 1 to [`Name::MAX`] bytes of UTF-8 without control characters. Cheap to clone and to compare.
#[derive(Clone)]
pub struct Name {
    text: Arc<str>,
    /// Compared before the text: foca compares names once per known peer and message.
    hash: u64,
}

/// Why a text is no [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing to call the node by.
    #[error("a node name must not be empty")]
    Empty,
    /// It would not fit next to the rest of a datagram.
    #[error("a node name has at most {} bytes, this one has {length}", Name::MAX)]
    TooLong {
        /// How many it has.
        length: usize,
    },
    /// It would garble logs and pages.
    #[error("a node name must not contain control characters: {0:?}")]
    Control(String),
}

impl Name {
    /// The longest name in bytes: that of a DNS label, so that a pod's or a host's name fits.
    pub const MAX: usize = 63;

    /// A name, if `text` is one.
    ///
    /// # Errors
    /// When it is empty, longer than [`Name::MAX`] bytes, or contains control characters.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > Self::MAX {
            return Err(NameError::TooLong { length: text.len() });
        }
        if text.chars().any(char::is_control) {
            return Err(NameError::Control(text.to_owned()));
        }
        Ok(Self { hash: xxh3_128(text.as_bytes()) as u64, text: text.into() })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A hash of the text that is the same on every node: half of XXH3 with 128 bits. Of a hundred
    /// billion clusters of 20,000 nodes, one has two names that share it.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The same as it travels.
    pub(crate) fn hash_bytes(&self) -> [u8; 8] {
        self.hash.to_le_bytes()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        // Names that are equal are mostly copies, whose text need not be looked at.
        self.hash == other.hash && (Arc::ptr_eq(&self.text, &other.text) || self.text == other.text)
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, formatter)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Name;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "a node name of 1 to {} bytes", Name::MAX)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Name, E> {
                Name::new(text).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(Text).map_err(D::Error::custom)
    }
}
