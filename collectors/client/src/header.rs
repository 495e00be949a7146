//! Headers that a user sets, and those that say who asks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};

use crate::error::{ConfigError, Error};
use crate::secret::Secret;

/// Names and values of headers; a name may have several values, and each may be a secret.
pub type Headers = Vec<(String, Vec<Secret>)>;

/// What is wrong with a header that a configuration sets.
pub(crate) fn problems(name: &str, values: &[Secret], problems: &mut Vec<ConfigError>) {
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        problems.push(ConfigError::BadHeaderName(name.to_owned()));
    }
    if values.iter().any(|value| HeaderValue::from_str(value.expose()).is_err()) {
        problems.push(ConfigError::BadHeaderValue(name.to_owned()));
    }
}

/// Turns checked headers into what a request carries; values are marked as sensitive.
pub(crate) fn pairs(headers: &Headers) -> Result<Vec<(HeaderName, HeaderValue)>, ConfigError> {
    let mut pairs = Vec::new();
    for (name, values) in headers {
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| ConfigError::BadHeaderName(name.clone()))?;
        for value in values {
            let mut value = HeaderValue::from_str(value.expose())
                .map_err(|_| ConfigError::BadHeaderValue(name.clone()))?;
            value.set_sensitive(true);
            pairs.push((header.clone(), value));
        }
    }
    Ok(pairs)
}

/// Whether the client, the protocol or a sender sets this header itself, so that nobody else may.
pub fn is_reserved_header(name: &str) -> bool {
    RESERVED_HEADERS.iter().any(|reserved| reserved.eq_ignore_ascii_case(name))
}

/// Headers that the client, the protocol or a sender sets itself.
const RESERVED_HEADERS: [&str; 18] = [
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "transfer-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
    "x-prometheus-scrape-timeout-seconds",
    "te",
    "upgrade",
];

/// Whether this header says to whom a request goes or where it ends, which the client alone may: a host
/// would be dropped, and a server would wait for the rest of a body of another length.
pub fn is_framing_header(name: &str) -> bool {
    ["host", "content-length", "transfer-encoding"]
        .iter()
        .any(|framing| framing.eq_ignore_ascii_case(name))
}

/// `Basic <base64 of username:password>`.
pub(crate) fn basic(username: &str, password: &str) -> Result<HeaderValue, Error> {
    sensitive(format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
}

pub(crate) fn sensitive(value: String) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::try_from(value).map_err(|_| Error::BadSecret("authorization"))?;
    value.set_sensitive(true);
    Ok(value)
}
