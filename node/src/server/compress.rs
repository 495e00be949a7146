//! Answers that are sent compressed to whoever takes them so.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};

use super::reply::Reply;

#[cfg(test)]
mod tests;

/// Shorter answers fit a packet or two as they are, in bytes.
const LEAST: usize = 1400;

/// Longer ones are compressed where they keep nobody waiting, in bytes: at some 200 MB a second this
/// takes about a millisecond.
const INLINE: usize = 256 * 1024;

/// Whether a client takes gzip.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let none = weight.trim().strip_prefix("q=").and_then(|q| q.parse().ok()) == Some(0.0);
        matches!(name.trim(), "gzip" | "x-gzip" | "*") && !none
    })
}

/// The answer compressed, if that is worth it.
pub(super) async fn gzip(reply: Reply) -> Reply {
    let (mut head, body) = reply.into_parts();
    if body.len() < LEAST || !is_text(&head.headers) || head.headers.contains_key(CONTENT_ENCODING)
    {
        return Reply::from_parts(head, body);
    }
    head.headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    let plain = body.clone();
    let compressed = if body.len() <= INLINE {
        compress(&body)
    } else {
        tokio::task::spawn_blocking(move || compress(&body)).await.unwrap_or_default()
    };
    match compressed {
        Some(compressed) => {
            head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Reply::from_parts(head, compressed)
        }
        None => Reply::from_parts(head, plain),
    }
}

/// Fast rather than small; nothing when memory does not take it.
fn compress(body: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

fn is_text(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|content_type| {
        ["text/", "application/json", "application/openmetrics-text"]
            .iter()
            .any(|prefix| content_type.starts_with(prefix))
    })
}
