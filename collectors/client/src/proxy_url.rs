//! The URL of a proxy, and how to speak to it.

use http::{HeaderValue, Uri};
use url::Url;

use crate::error::{ConfigError, Error};
use crate::header::basic;
use crate::origin::Origin;
use crate::userinfo::decode;

#[cfg(test)]
mod tests;

/// A proxy, and how to speak to it.
#[derive(Debug, Clone)]
pub(crate) struct ProxyUrl {
    pub(crate) protocol: ProxyProtocol,
    pub(crate) origin: Origin,
    /// `Proxy-Authorization` of an HTTP proxy.
    pub(crate) authorization: Option<HeaderValue>,
    /// Credentials of a SOCKS proxy.
    pub(crate) user: Option<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProxyProtocol {
    /// `http` or `https`: absolute URLs for http targets, `CONNECT` for https ones.
    Http,
    /// SOCKS 5, names resolved by the proxy.
    Socks5,
}

impl ProxyUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let bad = ConfigError::BadProxyUrl;
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&text).map_err(|_| bad("it is not a URL"))?;
        let (protocol, https, default_port) = match url.scheme() {
            "http" => (ProxyProtocol::Http, false, 80),
            "https" => (ProxyProtocol::Http, true, 443),
            "socks5" | "socks5h" => (ProxyProtocol::Socks5, false, 1080),
            _ => return Err(bad("its scheme is none of http, https, socks5 and socks5h")),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(bad("it has no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let origin = Origin {
            host: host.to_ascii_lowercase().into(),
            port: url.port().unwrap_or(default_port),
            https,
        };
        let user = (!url.username().is_empty() || url.password().is_some())
            .then(|| (decode(url.username()), decode(url.password().unwrap_or(""))));
        let authorization = match &user {
            Some((name, password)) => Some(
                basic(name, password)
                    .map_err(|_: Error| bad("its user name or password is not text"))?,
            ),
            None => None,
        };
        Ok(Self { protocol, origin, authorization, user })
    }

    /// As the connector of the SOCKS library wants it.
    pub(crate) fn uri(&self) -> Result<Uri, Error> {
        format!("http://{}", self.origin.host_port())
            .parse()
            .map_err(|_| Error::Url("the proxy's host is not valid"))
    }
}
