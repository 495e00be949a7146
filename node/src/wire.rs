//! What nodes say to each other over TCP, as bytes: whatever is no body of a machine (those of
//! membership and ownership encode themselves).

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The bytes are something else than was expected, or say more than is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not what such a body says: {0}")]
pub(crate) struct Malformed(String);

/// As bytes.
///
/// # Errors
/// When the value cannot be encoded; none of what nodes say is of that kind.
pub(crate) fn encode(value: &impl Serialize) -> Result<Bytes, Malformed> {
    let encoded = bincode::serde::encode_to_vec(value, bincode::config::standard());
    encoded.map(Bytes::from).map_err(|error| Malformed(error.to_string()))
}

/// From bytes of anybody: reading them takes no more than `MAX` bytes of memory, about.
///
/// # Errors
/// When they are something else, or longer than `MAX`.
pub(crate) fn decode<T: DeserializeOwned, const MAX: usize>(bytes: &[u8]) -> Result<T, Malformed> {
    let codec = bincode::config::standard().with_limit::<MAX>();
    let decoded = bincode::serde::decode_from_slice(bytes, codec);
    decoded.map(|(value, _)| value).map_err(|error| Malformed(error.to_string()))
}
