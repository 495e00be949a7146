//! The question what is pending, and its answer, as bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::wire::{self, Malformed};

/// The longest question or answer, in bytes: two names and a few numbers.
pub(super) const LIMIT: usize = 16 << 10;

/// Which frames it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// The destination, by the name it has on every node.
    pub(crate) destination: String,
    /// The node that wrote the frames.
    pub(crate) origin: String,
}

/// What a node has of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The stamp of the oldest, in milliseconds since the Unix epoch.
    pub(crate) oldest_ms: Option<i64>,
    /// Whether the frames have waited for a node that does not live.
    pub(crate) passes: bool,
    /// Whether the backend took the last request of that node; absent when there was none.
    pub(crate) accepting: Option<bool>,
}

impl Asked {
    pub(crate) fn encode(&self) -> Result<Bytes, Malformed> {
        wire::encode(self)
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, Malformed> {
        wire::decode::<_, LIMIT>(body)
    }
}

impl Answer {
    pub(crate) fn encode(&self) -> Result<Bytes, Malformed> {
        wire::encode(self)
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, Malformed> {
        wire::decode::<_, LIMIT>(body)
    }
}
