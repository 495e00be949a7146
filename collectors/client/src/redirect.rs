//! Where an answer sends its request next.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, TRANSFER_ENCODING};
use http::{HeaderMap, Method, StatusCode, Uri};
use url::Url;

use crate::error::Error;

#[cfg(test)]
mod tests;

/// Redirects in a row before giving up.
pub(crate) const MAX_REDIRECTS: usize = 10;

/// The URL that the answer names; `None` if it is not a redirect, or names none.
pub(crate) fn target(
    status: StatusCode,
    headers: &HeaderMap,
    current: &Uri,
) -> Result<Option<Uri>, Error> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = headers.get(LOCATION) else { return Ok(None) };
    let bad = |_| Error::Url("a redirect names an invalid URL");
    let location = location.to_str().map_err(|_| bad(()))?;
    let mut next = Url::parse(&current.to_string())
        .and_then(|current| current.join(location))
        .map_err(|_| bad(()))?;
    next.set_fragment(None);
    next.as_str().parse().map(Some).map_err(|_| bad(()))
}

/// Whether the next request has the same method and body; otherwise it is a GET without one.
pub(crate) fn repeats(status: StatusCode, method: &Method) -> bool {
    matches!(status.as_u16(), 307 | 308) || method == Method::GET || method == Method::HEAD
}

/// Takes the body's description off a request that has lost its body.
pub(crate) fn forget_body(headers: &mut HeaderMap) {
    for name in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING] {
        headers.remove(name);
    }
}
