//! What can go wrong with a configuration and with a request.

use crate::file::FileError;
use crate::pem;

/// A configuration that no client can be made of. None of them shows a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The name belongs to the client, the protocol or a sender.
    #[error("http_headers must not set {0:?}: it is set by the client itself")]
    ReservedHeader(String),
    /// Not a token.
    #[error("{0:?} is not a valid name of a header")]
    BadHeaderName(String),
    /// A line break or another control character.
    #[error("a value of the header {0:?} has characters that a header cannot carry")]
    BadHeaderValue(String),
    /// Basic authentication ends the user name at the first colon.
    #[error("the username of basic_auth must not contain a colon")]
    ColonInUsername,
    /// There is a block of its own for it.
    #[error("the type of authorization must not be \"Basic\": use basic_auth instead")]
    BasicScheme,
    /// Not a token.
    #[error("{0:?} is not a valid type of authorization")]
    BadScheme(String),
    /// Nobody to ask as.
    #[error("client_id of oauth2 must not be empty")]
    NoClientId,
    /// Not a URL, or not of http or https. The URL may hold a password, so it is not shown.
    #[error("token_url of oauth2 is not an absolute http or https URL")]
    BadTokenUrl,
    /// One without the other proves nothing.
    #[error("a TLS certificate and its key must be set together")]
    HalfKeyPair,
    /// Broken protocols, which the TLS library does not have.
    #[error("min_version {0:?} cannot be honoured: the oldest supported version is \"TLS12\"")]
    OldTls(&'static str),
    /// Not one of the four names.
    #[error("{0:?} is not a version of TLS: use \"TLS12\" or \"TLS13\"")]
    UnknownTlsVersion(String),
    /// Neither a DNS name nor an address.
    #[error("server_name {0:?} is neither a DNS name nor an IP address")]
    BadServerName(String),
    /// A certificate, a key or the authorities of a TLS configuration.
    #[error(transparent)]
    Pem(#[from] pem::Error),
    /// Two sources of the proxy.
    #[error("proxy_from_environment cannot be combined with proxy_url or no_proxy")]
    ProxyTwice,
    /// An exception from nothing.
    #[error("no_proxy needs proxy_url")]
    NoProxyWithoutProxy,
    /// A header for nobody.
    #[error("proxy_connect_header needs proxy_url or proxy_from_environment")]
    ConnectHeadersWithoutProxy,
    /// The URL may hold a password, so it is not shown.
    #[error("proxy_url cannot be used: {0}")]
    BadProxyUrl(&'static str),
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// What the documents do not answer for.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[source] TlsError),
}

/// Why TLS cannot be spoken.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A document of the configuration.
    #[error(transparent)]
    Pem(#[from] pem::Error),
    /// The library has none of the versions that may be spoken.
    #[error("no version of TLS can be spoken: {0}")]
    Versions(#[source] rustls::Error),
    /// The configuration leaves to the system whom to trust, and the system trusts nobody.
    #[error(
        "this system has no certificate authorities{}; set the CA in the TLS configuration",
        reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default()
    )]
    NoAuthorities {
        /// What went wrong when they were looked for, if anything did.
        reason: Option<String>,
    },
}

/// A request that got no answer, or an answer that could not be read. None of them shows a secret;
/// URLs are cut down to scheme, host and port.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL of the request, or one that a redirect names, cannot be requested.
    #[error("cannot request this URL: {0}")]
    Url(&'static str),
    /// A file that holds a secret could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A secret holds characters that a header cannot carry.
    #[error("the {0} has characters that a header cannot carry")]
    BadSecret(&'static str),
    /// The TLS configuration cannot be used.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] TlsError),
    /// No connection to the server or to the proxy.
    #[error("cannot connect to {origin}: {reason}")]
    Connect {
        /// Scheme, host and port.
        origin: String,
        /// What the system, the resolver or the TLS library said.
        reason: String,
        /// Whether somebody took the connection, and it failed in the handshake of TLS.
        otherwise: bool,
    },
    /// The proxy would not let us through.
    #[error("proxy {proxy} refused to connect to {origin}: {reason}")]
    Proxy {
        /// Host and port of the proxy.
        proxy: String,
        /// Scheme, host and port behind it.
        origin: String,
        /// What the proxy said.
        reason: String,
        /// Whether trying again may help.
        transient: bool,
    },
    /// No OAuth 2.0 token.
    #[error("cannot get an OAuth 2.0 token from {origin}: {reason}")]
    Token {
        /// Scheme, host and port.
        origin: String,
        /// What the server or the connection to it said.
        reason: String,
        /// Whether trying again may help.
        transient: bool,
    },
    /// More than ten redirects in a row.
    #[error("stopped after {0} redirects")]
    TooManyRedirects(usize),
    /// The connection broke before the answer's head had arrived.
    #[error("no answer from {origin}: {reason}")]
    Exchange {
        /// Scheme, host and port.
        origin: String,
        /// What broke.
        reason: String,
        /// Whether something arrived that is not TLS or not HTTP, or an alert of TLS.
        otherwise: bool,
    },
    /// The connection broke within the answer's body.
    #[error("the body of the answer broke off: {reason}")]
    Body {
        /// What broke.
        reason: String,
        /// Whether something arrived that is not TLS or not HTTP, or an alert of TLS.
        otherwise: bool,
    },
    /// The body is larger than the caller takes.
    #[error("the body of the answer is larger than {limit} bytes")]
    TooLarge {
        /// The caller's limit, in bytes after decompression.
        limit: usize,
    },
    /// The body is compressed in a way that was not asked for.
    #[error("the body of the answer has the content encoding {0:?}, which is not supported")]
    Encoding(String),
    /// The body is not what its content encoding says.
    #[error("the body of the answer is not valid gzip: {0}")]
    Gzip(String),
}

impl Error {
    /// Whether the same request may succeed later, with nothing changed on our side.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Exchange { .. } | Self::Body { .. } => true,
            Self::Proxy { transient, .. } | Self::Token { transient, .. } => *transient,
            // Somebody is about to write the file, or the page will be smaller: the next request
            // looks at it again, but this one is not worth repeating at once.
            Self::File(_)
            | Self::Tls(_)
            | Self::TooLarge { .. }
            | Self::Gzip(_)
            | Self::Url(_)
            | Self::BadSecret(_)
            | Self::TooManyRedirects(_)
            | Self::Encoding(_) => false,
        }
    }
}

impl Error {
    /// Whether somebody is there who speaks otherwise than we do: another protocol, another version of
    /// it, or TLS with others than us. A connection that is refused, resets, ends or takes too long says
    /// nothing of the kind, unless that is how a TLS handshake fails: whoever speaks none ends it so.
    pub fn speaks_otherwise(&self) -> bool {
        match self {
            Self::Connect { otherwise, .. }
            | Self::Exchange { otherwise, .. }
            | Self::Body { otherwise, .. } => *otherwise,
            _ => false,
        }
    }
}

impl From<TlsError> for ConfigError {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::Pem(error) => Self::Pem(error),
            error => Self::Tls(error),
        }
    }
}

/// Whether an error of a connection comes from what somebody said: TLS or HTTP could make nothing of
/// it, or it was an alert.
pub(crate) fn is_of_what_was_said(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>()
            && (error.is_parse() || error.is_parse_too_large())
        {
            return true;
        }
        // What an error of IO is made of is not its source, but stands in for it.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

/// An error and its causes in one line: libraries hide what matters in the last of them.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
