//! The question what is pending, and its answer, as bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The longest question or answer, in bytes: two names and a few numbers.
pub(super) const LIMIT: usize = 16 << 10;

const CODEC: bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    bincode::config::Limit<LIMIT>,
> = bincode::config::standard().with_limit::<LIMIT>();

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

/// The bytes are something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not about pending frames: {0}")]
pub(crate) struct Malformed(String);

impl Asked {
    pub(crate) fn encode(&self) -> Result<Bytes, Malformed> {
        encode(self)
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, Malformed> {
        decode(body)
    }
}

impl Answer {
    pub(crate) fn encode(&self) -> Result<Bytes, Malformed> {
        encode(self)
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, Malformed> {
        decode(body)
    }
}

fn encode(value: &impl Serialize) -> Result<Bytes, Malformed> {
    let encoded = bincode::serde::encode_to_vec(value, CODEC);
    encoded.map(Bytes::from).map_err(|error| Malformed(error.to_string()))
}

fn decode<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, Malformed> {
    let decoded = bincode::serde::decode_from_slice(body, CODEC);
    decoded.map(|(value, _)| value).map_err(|error| Malformed(error.to_string()))
}
