//! Which proxy leads to an origin.

use std::net::IpAddr;

use http::{HeaderName, HeaderValue, Uri};
use url::Url;

use crate::config::{Proxy, header_pairs};
use crate::credentials::basic;
use crate::error::{ConfigError, Error};
use crate::origin::Origin;

mod exceptions;
#[cfg(test)]
mod tests;

use exceptions::Exceptions;

/// The rules of one client: made once, asked for every request.
#[derive(Debug, Default)]
pub(crate) struct ProxyRules {
    http: Option<ProxyUrl>,
    https: Option<ProxyUrl>,
    /// `None` when not even loopback addresses are excepted.
    except: Option<Exceptions>,
    connect_headers: Vec<(HeaderName, HeaderValue)>,
}

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

impl ProxyRules {
    pub(crate) fn new(proxy: &Proxy) -> Result<Self, ConfigError> {
        let mut rules = if proxy.from_environment {
            Self::from_environment(|name| std::env::var(name).ok())?
        } else if let Some(url) = &proxy.url {
            let url = ProxyUrl::parse(url.expose())?;
            let except = (!proxy.no_proxy.is_empty()).then(|| Exceptions::parse(&proxy.no_proxy));
            Self { http: Some(url.clone()), https: Some(url), except, connect_headers: Vec::new() }
        } else {
            Self::default()
        };
        rules.connect_headers = header_pairs(&proxy.connect_headers)?;
        Ok(rules)
    }

    /// The rules that the environment states.
    fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let either = |upper: &str, lower: &str| {
            variable(upper).filter(|value| !value.is_empty()).or_else(|| variable(lower))
        };
        let parse = |url: Option<String>| {
            url.filter(|url| !url.is_empty()).map(|url| ProxyUrl::parse(&url)).transpose()
        };
        let no_proxy = either("NO_PROXY", "no_proxy").unwrap_or_default();
        // In a CGI script HTTP_PROXY is the request's header `Proxy`, which a stranger sets.
        let http = if variable("REQUEST_METHOD").is_some() {
            None
        } else {
            parse(either("HTTP_PROXY", "http_proxy"))?
        };
        Ok(Self {
            http,
            https: parse(either("HTTPS_PROXY", "https_proxy"))?,
            except: Some(Exceptions::parse(&no_proxy)),
            connect_headers: Vec::new(),
        })
    }

    /// The proxy on the way to `origin`, if there is one.
    pub(crate) fn route(&self, origin: &Origin) -> Option<&ProxyUrl> {
        let proxy = if origin.https { self.https.as_ref() } else { self.http.as_ref() }?;
        let excepted = self.except.as_ref().is_some_and(|rules| rules.covers(origin));
        (!excepted).then_some(proxy)
    }

    /// What a `CONNECT` carries besides the proxy's credentials.
    pub(crate) fn connect_headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.connect_headers
    }

    pub(crate) fn check_url(url: &str) -> Result<(), ConfigError> {
        ProxyUrl::parse(url).map(|_| ())
    }
}

impl ProxyUrl {
    fn parse(text: &str) -> Result<Self, ConfigError> {
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

/// Whether a host is this machine by its very name.
fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
