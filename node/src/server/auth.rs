//! Basic authentication, as the `http` block asks for it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http::{Response, StatusCode};

use super::config::AuthConfig;
use super::reply::{self, Reply};

#[cfg(test)]
mod tests;

/// The answer to a request that may not pass; nothing when it may.
pub(super) fn refusal(auth: Option<&AuthConfig>, path: &str, headers: &HeaderMap) -> Option<Reply> {
    let auth = auth?;
    if !protects(auth, path) || presents(auth, headers) {
        return None;
    }
    let mut reply: Response<Bytes> = reply::text(StatusCode::UNAUTHORIZED, "401 unauthorized");
    let challenge = HeaderValue::from_static("Basic realm=\"shoal\", charset=\"UTF-8\"");
    reply.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    Some(reply)
}

/// Whether a path asks for the password. Without a filter every path does.
fn protects(auth: &AuthConfig, path: &str) -> bool {
    if auth.paths.is_empty() {
        return true;
    }
    let matches = auth.paths.iter().any(|prefix| path.starts_with(prefix.as_str()));
    matches == auth.authenticate_matching_paths
}

fn presents(auth: &AuthConfig, headers: &HeaderMap) -> bool {
    let decoded = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
        let basic = scheme.eq_ignore_ascii_case("basic");
        basic.then(|| BASE64_STANDARD.decode(encoded.trim()).ok())?
    });
    let wanted = format!("{}:{}", auth.username, auth.password);
    decoded.is_some_and(|given| same(&given, wanted.as_bytes()))
}

/// Whether two texts are the same, in a time that does not tell where they differ.
fn same(given: &[u8], wanted: &[u8]) -> bool {
    let differences = wanted.iter().enumerate().fold(0, |differences, (index, byte)| {
        differences | (byte ^ given.get(index).copied().unwrap_or(!byte))
    });
    differences == 0 && given.len() == wanted.len()
}
