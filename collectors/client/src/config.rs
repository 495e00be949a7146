//! What a user can say about an outbound HTTP client.

use std::time::Duration;

use http::HeaderName;

use crate::error::ConfigError;
use crate::header::{self, Headers};
use crate::origin::Origin;
use crate::pem::{self, Document, Part};
use crate::proxy_url::ProxyUrl;
use crate::secret::{Secret, Source};

#[cfg(test)]
mod tests;

/// The settings of a [`crate::Client`].
///
/// The default sends no credentials, trusts the system's certificate authorities, uses no proxy,
/// follows redirects and offers HTTP/2 over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How a request proves who sends it.
    pub credentials: Option<Credentials>,
    /// Whom to trust, and how to prove who we are, below HTTP.
    pub tls: Tls,
    /// Through which proxy to go.
    pub proxy: Proxy,
    /// Whether an answer of 301, 302, 303, 307 or 308 is followed, up to ten times in a row.
    /// Credentials and `headers` are not sent to another host.
    pub follow_redirects: bool,
    /// Whether HTTP/2 is offered to servers that speak TLS.
    pub enable_http2: bool,
    /// How long a connection may take to be made; ten seconds by default. A server that is there
    /// needs far less, but a packet that is lost is sent again after one second, then after three.
    pub connect_timeout: Duration,
    /// Headers that every request carries. Those that the client or the protocol sets are refused.
    pub headers: Headers,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            credentials: None,
            tls: Tls::default(),
            proxy: Proxy::default(),
            follow_redirects: true,
            enable_http2: true,
            connect_timeout: Duration::from_secs(10),
            headers: Vec::new(),
        }
    }
}

/// How a request proves who sends it: at most one way a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// `Authorization: Basic`, of a user name and a password.
    Basic {
        /// The user name; it must not contain a colon.
        username: String,
        /// The password; none is sent as an empty one.
        password: Option<Source>,
    },
    /// `Authorization: <scheme> <credentials>`. A bearer token is the scheme `Bearer`.
    Authorization {
        /// The first word, usually `Bearer`. `Basic` is refused: there is [`Credentials::Basic`].
        scheme: String,
        /// The rest.
        credentials: Source,
    },
    /// A bearer token that is fetched with OAuth 2.0's client credentials, and again before it
    /// expires.
    OAuth2(Box<OAuth2>),
}

impl Credentials {
    /// `Authorization: Bearer <token>`.
    pub fn bearer(token: Source) -> Self {
        Self::Authorization { scheme: "Bearer".to_owned(), credentials: token }
    }
}

/// OAuth 2.0's client credentials grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuth2 {
    /// Who asks.
    pub client_id: String,
    /// The proof of it.
    pub client_secret: Source,
    /// The scopes to ask for; none are asked for when empty.
    pub scopes: Vec<String>,
    /// Where to ask: an absolute `http` or `https` URL.
    pub token_url: String,
    /// Further parameters of the question.
    pub endpoint_params: Vec<(String, String)>,
    /// TLS towards the token's endpoint; it inherits nothing.
    pub tls: Tls,
    /// The proxy towards the token's endpoint; it inherits nothing.
    pub proxy: Proxy,
}

/// Whom to trust, and how to prove who we are.
///
/// Files are read when the client is made, where a missing one is an error, and again when they may
/// have changed: at most once a second. A change that does not hold together (a certificate
/// whose key has not been written yet) is logged, and the last pair that did stays in use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// The certificate authorities to trust, in PEM, instead of the system's. They have to be some
    /// even where any certificate will do, as in Prometheus.
    pub ca: Option<Source>,
    /// Our certificate and its chain, in PEM; needs `key`.
    pub cert: Option<Source>,
    /// The key of our certificate, in PEM; needs `cert`.
    pub key: Option<Source>,
    /// The name to expect in the server's certificate, instead of the host of the URL.
    pub server_name: Option<String>,
    /// Whether any certificate will do.
    pub insecure_skip_verify: bool,
    /// The oldest version of TLS to speak; 1.2 when not set, and never older.
    pub min_version: Option<TlsVersion>,
}

/// A version of TLS, as a user names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// `TLS10`: refused, see [`ConfigError::OldTls`].
    Tls10,
    /// `TLS11`: refused, see [`ConfigError::OldTls`].
    Tls11,
    /// `TLS12`.
    Tls12,
    /// `TLS13`.
    Tls13,
}

impl TlsVersion {
    /// The name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls10 => "TLS10",
            Self::Tls11 => "TLS11",
            Self::Tls12 => "TLS12",
            Self::Tls13 => "TLS13",
        }
    }
}

impl std::str::FromStr for TlsVersion {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self, ConfigError> {
        [Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13]
            .into_iter()
            .find(|version| version.name() == name)
            .ok_or_else(|| ConfigError::UnknownTlsVersion(name.to_owned()))
    }
}

/// Through which proxy to go; the default is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxy {
    /// `http://`, `https://`, `socks5://` or `socks5h://`, with a user and a password if need be.
    pub url: Option<Secret>,
    /// Hosts to reach without the proxy, as in the variable `NO_PROXY`; needs `url`.
    pub no_proxy: String,
    /// Whether `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` (or their lower-case forms) decide, as they were
    /// when the client was made; excludes `url` and `no_proxy`.
    pub from_environment: bool,
    /// Headers of the `CONNECT` request to an HTTP proxy; needs a proxy.
    pub connect_headers: Headers,
}

impl Config {
    /// Every mistake that can be seen without reading a file; empty when there is none.
    pub fn problems(&self) -> Vec<ConfigError> {
        let mut problems = Vec::new();
        if let Some(credentials) = &self.credentials {
            credentials.problems(&mut problems);
        }
        self.tls.problems(&mut problems);
        self.proxy.problems(&mut problems);
        for (name, values) in &self.headers {
            if header::is_reserved_header(name) {
                problems.push(ConfigError::ReservedHeader(name.clone()));
            }
            header::problems(name, values, &mut problems);
        }
        problems
    }
}

impl Credentials {
    fn problems(&self, problems: &mut Vec<ConfigError>) {
        match self {
            Self::Basic { username, .. } => {
                if username.contains(':') {
                    problems.push(ConfigError::ColonInUsername);
                }
            }
            Self::Authorization { scheme, .. } => {
                if scheme.eq_ignore_ascii_case("basic") {
                    problems.push(ConfigError::BasicScheme);
                } else if HeaderName::from_bytes(scheme.as_bytes()).is_err() {
                    // A scheme is a token, and so is the name of a header.
                    problems.push(ConfigError::BadScheme(scheme.clone()));
                }
            }
            Self::OAuth2(oauth2) => {
                if oauth2.client_id.is_empty() {
                    problems.push(ConfigError::NoClientId);
                }
                let url: Result<http::Uri, _> = oauth2.token_url.parse();
                if !url.is_ok_and(|url| Origin::of(&url).is_ok()) {
                    problems.push(ConfigError::BadTokenUrl);
                }
                oauth2.tls.problems(problems);
                oauth2.proxy.problems(problems);
            }
        }
    }
}

impl Tls {
    fn problems(&self, problems: &mut Vec<ConfigError>) {
        if self.cert.is_some() != self.key.is_some() {
            problems.push(ConfigError::HalfKeyPair);
        }
        if let Some(version @ (TlsVersion::Tls10 | TlsVersion::Tls11)) = self.min_version {
            problems.push(ConfigError::OldTls(version.name()));
        }
        if let Some(name) = &self.server_name
            && rustls::pki_types::ServerName::try_from(name.as_str()).is_err()
        {
            problems.push(ConfigError::BadServerName(name.clone()));
        }
        let spelt = |part, source: &Option<Source>| {
            source.as_ref().and_then(|source| Document::inline(part, source))
        };
        let (ca, cert, key) = (
            spelt(Part::Authorities, &self.ca),
            spelt(Part::Certificate, &self.cert),
            spelt(Part::Key, &self.key),
        );
        let found = pem::problems(ca.as_ref(), cert.as_ref(), key.as_ref());
        problems.extend(found.into_iter().map(ConfigError::Pem));
    }
}

impl Proxy {
    fn problems(&self, problems: &mut Vec<ConfigError>) {
        if self.from_environment && (self.url.is_some() || !self.no_proxy.is_empty()) {
            problems.push(ConfigError::ProxyTwice);
        }
        if !self.no_proxy.is_empty() && self.url.is_none() && !self.from_environment {
            problems.push(ConfigError::NoProxyWithoutProxy);
        }
        if !self.connect_headers.is_empty() && self.url.is_none() && !self.from_environment {
            problems.push(ConfigError::ConnectHeadersWithoutProxy);
        }
        for (name, values) in &self.connect_headers {
            header::problems(name, values, problems);
        }
        if let Some(url) = &self.url
            && let Err(error) = ProxyUrl::parse(url.expose())
        {
            problems.push(error);
        }
    }
}
