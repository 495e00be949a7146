//! What the `http` block of the configuration says about this server.

use client::Source;

/// The whole block. The default serves plain HTTP to everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpConfig {
    /// Serve TLS instead of plain HTTP.
    pub tls: Option<TlsConfig>,
    /// Ask for a password.
    pub auth: Option<AuthConfig>,
}

/// `http { tls { .. } }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate chain.
    pub certificate: Source,
    /// Its private key.
    pub key: Source,
    /// The authorities that client certificates are checked against.
    pub client_ca: Option<Source>,
    /// Whether clients present certificates.
    pub client_auth: ClientAuth,
    /// The oldest protocol version that is accepted.
    pub min_version: TlsVersion,
    /// The newest protocol version that is accepted; not older than the oldest.
    pub max_version: TlsVersion,
}

/// `client_auth_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// `NoClientCert`: clients are not asked.
    #[default]
    None,
    /// `RequestClientCert`: asked, and not checked.
    Asked,
    /// `RequireAnyClientCert`: no certificate, no answer; which one does not matter.
    RequiredUnchecked,
    /// `VerifyClientCertIfGiven`: asked, and checked when there is one.
    IfGiven,
    /// `RequireAndVerifyClientCert`: no certificate, no answer.
    Required,
}

impl ClientAuth {
    /// Whether a certificate that a client shows proves anything.
    pub(super) fn checks(self) -> bool {
        matches!(self, Self::IfGiven | Self::Required)
    }
}

/// A version of TLS that this server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TlsVersion {
    /// 1.2, the default.
    #[default]
    Tls12,
    /// 1.3.
    Tls13,
}

/// `http { auth { .. } }`.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthConfig {
    /// The user name of basic authentication.
    pub username: String,
    /// Its password.
    pub password: String,
    /// Path prefixes that the filter speaks of.
    pub paths: Vec<String>,
    /// Whether the prefixes are what asks for a password (the default), or what does not.
    pub authenticate_matching_paths: bool,
}

impl std::fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthConfig")
            .field("username", &self.username)
            .field("paths", &self.paths)
            .field("authenticate_matching_paths", &self.authenticate_matching_paths)
            .finish_non_exhaustive()
    }
}
