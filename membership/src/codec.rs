//! How peers are written.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::error::{DecodeError, EncodeError};
use bytes::{Buf, BufMut};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::Peer;
use crate::envelope::{DATAGRAM_MAX, SYNC_MAX};

/// Without a limit a forged length aborts the process when a string of that length is allocated.
const PACKET: Configuration<LittleEndian, Varint, Limit<DATAGRAM_MAX>> =
    bincode::config::standard().with_limit::<DATAGRAM_MAX>();

const BODY: Configuration<LittleEndian, Varint, Limit<SYNC_MAX>> =
    bincode::config::standard().with_limit::<SYNC_MAX>();

/// The longest part of a packet in bytes: a header that names three peers is less.
const ITEM_MAX: usize = 512;

/// Why something could not be written or read.
#[derive(Debug, Error)]
pub(crate) enum CodecError {
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// foca's seam for the encoding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Codec;

impl foca::Codec<Peer> for Codec {
    type Error = CodecError;

    fn encode_header(
        &mut self,
        header: &foca::Header<Peer>,
        buffer: impl BufMut,
    ) -> Result<(), CodecError> {
        put(header, buffer)
    }

    fn decode_header(&mut self, buffer: impl Buf) -> Result<foca::Header<Peer>, CodecError> {
        take(buffer)
    }

    fn encode_member(
        &mut self,
        member: &foca::Member<Peer>,
        buffer: impl BufMut,
    ) -> Result<(), CodecError> {
        put(member, buffer)
    }

    fn decode_member(&mut self, buffer: impl Buf) -> Result<foca::Member<Peer>, CodecError> {
        take(buffer)
    }
}

/// Writes `value` to `buffer`; an error when it does not fit, since foca asks until it is full.
///
/// In one piece, so that a vector grows once: foca keeps one for each update that it passes on.
pub(crate) fn put(value: &impl Serialize, mut buffer: impl BufMut) -> Result<(), CodecError> {
    let mut bytes = [0; ITEM_MAX];
    let length = bincode::serde::encode_into_slice(value, &mut bytes, PACKET)?;
    if buffer.remaining_mut() < length {
        return Err(EncodeError::UnexpectedEnd.into());
    }
    buffer.put_slice(&bytes[..length]);
    Ok(())
}

/// Reads one value off the front of `buffer`, which must be contiguous.
pub(crate) fn take<T: DeserializeOwned>(mut buffer: impl Buf) -> Result<T, CodecError> {
    let (value, length) = bincode::serde::decode_from_slice(buffer.chunk(), PACKET)?;
    buffer.advance(length);
    Ok(value)
}

/// A body of a state sync.
pub(crate) fn body(value: &impl Serialize) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, BODY).expect("a body has no part that cannot be encoded")
}

/// Reads a body of a state sync, all of it.
pub(crate) fn parse_body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (value, length) = bincode::serde::decode_from_slice(bytes, BODY)?;
    if length == bytes.len() { Ok(value) } else { Err(DecodeError::Other("bytes after the end")) }
}
