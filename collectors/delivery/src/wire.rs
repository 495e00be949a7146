//! Remote-write messages as data: for receivers, tests and the rare paths of the sender.
//!
//! The hot path does not use these types: [`crate::write`] encodes without building them, and the
//! tests hold it to what they say.

use snap::raw::{Decoder, Encoder, decompress_len};

pub mod v1;
pub mod v2;

#[cfg(test)]
mod tests;

/// Largest request body that is decompressed here, in bytes: far above what any sender makes of
/// 2,000 samples, and small enough that a foreign body cannot exhaust the memory.
pub const MAX_BODY: usize = 64 << 20;

/// Why a request body is not a remote-write message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is not raw snappy.
    #[error("the body is not a snappy block: {0}")]
    Snappy(#[from] snap::Error),
    /// The body would decompress to more than [`MAX_BODY`].
    #[error("the body would decompress to {size} bytes; {limit} are accepted")]
    TooLarge {
        /// What the snappy header claims, in bytes.
        size: usize,
        /// What is accepted, in bytes.
        limit: usize,
    },
    /// The decompressed body is not the protobuf message.
    #[error("the body is not the protobuf message that was expected: {0}")]
    Protobuf(#[from] prost::DecodeError),
    /// A reference points behind the end of the symbol table.
    #[error("reference {reference} is outside the {symbols} symbols of the request")]
    Symbol {
        /// The reference.
        reference: u32,
        /// How many symbols there are.
        symbols: usize,
    },
    /// A list of label references has an odd length.
    #[error("a list of label references has an odd length, {0}")]
    OddReferences(usize),
}

/// Decompresses a request body.
pub fn decompress(body: &[u8]) -> Result<Vec<u8>, Error> {
    let size = decompress_len(body)?;
    if size > MAX_BODY {
        return Err(Error::TooLarge { size, limit: MAX_BODY });
    }
    Ok(Decoder::new().decompress_vec(body)?)
}

/// Compresses a message into a request body.
///
/// # Panics
///
/// When the message is past 4 GiB, snappy's own limit: nothing here builds such a message.
pub fn compress(message: &[u8]) -> Vec<u8> {
    Encoder::new().compress_vec(message).expect("a message is far smaller than 4 GiB")
}

/// Decompresses and decodes a body of protocol 1.0.
pub fn decode_v1(body: &[u8]) -> Result<v1::WriteRequest, Error> {
    Ok(prost::Message::decode(decompress(body)?.as_slice())?)
}

/// Decompresses and decodes a body of protocol 2.0.
pub fn decode_v2(body: &[u8]) -> Result<v2::Request, Error> {
    Ok(prost::Message::decode(decompress(body)?.as_slice())?)
}

/// Encodes and compresses a request of protocol 1.0.
pub fn encode_v1(request: &v1::WriteRequest) -> Vec<u8> {
    compress(&prost::Message::encode_to_vec(request))
}

/// Encodes and compresses a request of protocol 2.0.
pub fn encode_v2(request: &v2::Request) -> Vec<u8> {
    compress(&prost::Message::encode_to_vec(request))
}
