//! The user and the password that a URL may hold.

use http::Uri;

use crate::error::Error;

#[cfg(test)]
mod tests;

/// A user and a password.
pub(crate) type User = (String, String);

/// The URL without its user and password, and those; `None` if it has neither.
pub(crate) fn split_userinfo(uri: &Uri) -> Result<Option<(Uri, User)>, Error> {
    let userinfo = uri.authority().and_then(|authority| authority.as_str().rsplit_once('@'));
    let Some((userinfo, host)) = userinfo else { return Ok(None) };
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let user = (decode(user), decode(password));
    let host = host.parse().map_err(|_| Error::Url("the host is not valid"))?;
    let mut parts = uri.clone().into_parts();
    parts.authority = Some(host);
    let uri = Uri::from_parts(parts).map_err(|_| Error::Url("it is not valid"))?;
    Ok(Some((uri, user)))
}

/// Undoes percent encoding; what is not an escape stays as it is.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escape = (first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escape {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
