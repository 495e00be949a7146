//! Which proxy leads to an origin.

use http::{HeaderName, HeaderValue};

use crate::config::Proxy;
use crate::error::ConfigError;
use crate::header;
use crate::origin::Origin;
use crate::proxy_url::ProxyUrl;

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
        rules.connect_headers = header::pairs(&proxy.connect_headers)?;
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
}
