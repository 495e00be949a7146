//! Scheme, host and port: what a connection belongs to.

use std::fmt;
use std::net::IpAddr;

use http::Uri;

use crate::error::Error;

#[cfg(test)]
mod tests;

/// Where a connection leads. Two URLs with the same origin may share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    /// Without the brackets of an IPv6 address, in lower case.
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
    pub(crate) https: bool,
}

impl Origin {
    pub(crate) fn of(uri: &Uri) -> Result<Self, Error> {
        let https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) => return Err(Error::Url("the scheme is neither http nor https")),
            None => return Err(Error::Url("it has no scheme")),
        };
        let authority = uri.authority().ok_or(Error::Url("it has no host"))?;
        let host = authority.host();
        if host.is_empty() {
            return Err(Error::Url("it has no host"));
        }
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        // Not `uri.port()`: it takes a port past the largest for none at all.
        let address = authority.as_str().rsplit('@').next().unwrap_or_default();
        let port = match address.rsplit_once(':') {
            Some((_, port)) if !port.is_empty() && !port.ends_with(']') => {
                port.parse().map_err(|_| Error::Url("the port is not a number up to 65535"))?
            }
            _ if https => 443,
            _ => 80,
        };
        Ok(Self { host: host.to_ascii_lowercase().into(), port, https })
    }

    /// `host:port`, with brackets around an IPv6 address.
    pub(crate) fn host_port(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// What the `Host` header says: the port only where it is not the default.
    pub(crate) fn host_header(&self) -> String {
        let default = if self.https { 443 } else { 80 };
        match (self.port == default, self.host.contains(':')) {
            (false, _) => self.host_port(),
            (true, true) => format!("[{}]", self.host),
            (true, false) => self.host.to_string(),
        }
    }

    /// Whether its host is this machine by its very name.
    pub(crate) fn is_this_machine(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        &*self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    /// Whether what was meant for this origin may be sent to `next`: the same host, and the same
    /// port or the step from http to https.
    pub(crate) fn trusts(&self, next: &Self) -> bool {
        let upgrade = !self.https && next.https && self.port == 80 && next.port == 443;
        self.host == next.host && (upgrade || (self.port == next.port && self.https <= next.https))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host_port())
    }
}
