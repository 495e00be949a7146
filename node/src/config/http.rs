//! `http`

use std::path::PathBuf;

use syntax::{Arguments, Choice, Problems, Secret};

use crate::server::config::{AuthConfig, ClientAuth, HttpConfig, Pem, TlsConfig, TlsVersion};
use crate::server::tls::{Document, Inline};

/// What the block takes.
#[derive(Debug, Clone, Arguments)]
pub(super) struct Block {
    /// Speak TLS.
    #[arg(block)]
    tls: Option<Tls>,
    /// Ask for a password.
    #[arg(block)]
    auth: Option<Auth>,
}

/// `tls`
#[derive(Debug, Clone, Arguments)]
#[arguments(validate = Self::validate)]
struct Tls {
    /// The certificate chain, as PEM.
    cert_pem: Option<String>,
    /// A file with the certificate chain; read again when it changes.
    cert_file: Option<String>,
    /// The private key, as PEM.
    key_pem: Option<Secret>,
    /// A file with the private key; read again when it changes.
    key_file: Option<String>,
    /// The authorities that client certificates are checked against, as PEM.
    client_ca_pem: Option<String>,
    /// A file with these authorities; read again when it changes.
    client_ca_file: Option<String>,
    /// Whether clients show a certificate.
    #[arg(default = ClientAuthName::NoClientCert)]
    client_auth_type: ClientAuthName,
    /// The oldest version of TLS that is spoken.
    #[arg(default = Version::Unset)]
    min_version: Version,
    /// The newest version of TLS that is spoken; only the newest there is can be honoured.
    #[arg(default = Version::Unset)]
    max_version: Version,
    /// Cipher suites; cannot be chosen.
    #[arg(default = Vec::new())]
    cipher_suites: Vec<String>,
    /// Elliptic curves; cannot be chosen.
    #[arg(default = Vec::new())]
    curve_preferences: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
enum ClientAuthName {
    #[choice("NoClientCert")]
    NoClientCert,
    #[choice("RequestClientCert")]
    RequestClientCert,
    #[choice("RequireAnyClientCert")]
    RequireAnyClientCert,
    #[choice("VerifyClientCertIfGiven")]
    VerifyClientCertIfGiven,
    #[choice("RequireAndVerifyClientCert")]
    RequireAndVerifyClientCert,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
enum Version {
    #[choice("")]
    Unset,
    #[choice("TLS10")]
    Tls10,
    #[choice("TLS11")]
    Tls11,
    #[choice("TLS12")]
    Tls12,
    #[choice("TLS13")]
    Tls13,
}

impl Tls {
    fn validate(&self, problems: &mut Problems<'_>) {
        for (pem, file, needed) in [
            ("cert_pem", "cert_file", true),
            ("key_pem", "key_file", true),
            ("client_ca_pem", "client_ca_file", self.verifies()),
        ] {
            match (problems.is_written(pem), problems.is_written(file)) {
                (true, true) => {
                    problems.presence(file, format!("{file} and {pem} exclude each other"));
                }
                (false, false) if needed => problems.block(format!("{pem} or {file} is needed")),
                _ => {}
            }
        }
        let inline = Inline {
            certificate: self.cert_pem.as_deref(),
            key: self.key_pem.as_ref().map(Secret::expose),
            client_ca: self.client_ca_pem.as_deref().filter(|_| self.verifies()),
        };
        for (document, text) in inline.problems() {
            let field = match document {
                Document::Certificate => "cert_pem",
                Document::Key => "key_pem",
                Document::ClientCa => "client_ca_pem",
            };
            problems.secret(field, text);
        }
        use ClientAuthName::{RequestClientCert, RequireAnyClientCert};
        if matches!(self.client_auth_type, RequestClientCert | RequireAnyClientCert) {
            problems.field(
                "client_auth_type",
                "a certificate that is not verified is worth nothing; use \
                 VerifyClientCertIfGiven or RequireAndVerifyClientCert",
            );
        }
        if matches!(self.min_version, Version::Tls10 | Version::Tls11) {
            problems.field("min_version", "Shoal speaks TLS12 and TLS13 only");
        }
        if !matches!(self.max_version, Version::Unset | Version::Tls13) {
            problems.field("max_version", "TLS13 cannot be switched off");
        }
        if !self.cipher_suites.is_empty() {
            problems.field("cipher_suites", "cipher suites cannot be chosen; all of them are safe");
        }
        if !self.curve_preferences.is_empty() {
            problems.field("curve_preferences", "curves cannot be chosen; all of them are safe");
        }
    }

    fn verifies(&self) -> bool {
        use ClientAuthName::{RequireAndVerifyClientCert, VerifyClientCertIfGiven};
        matches!(self.client_auth_type, VerifyClientCertIfGiven | RequireAndVerifyClientCert)
    }
}

/// `auth`
#[derive(Debug, Clone, Arguments)]
struct Auth {
    /// The user and the password.
    #[arg(block)]
    basic: Basic,
    /// Which paths ask for them.
    #[arg(block)]
    filter: Option<Filter>,
}

/// `basic`
#[derive(Debug, Clone, Arguments)]
struct Basic {
    /// The user's name.
    username: String,
    /// The password.
    password: Secret,
}

/// `filter`
#[derive(Debug, Clone, Arguments)]
struct Filter {
    /// Beginnings of paths.
    #[arg(default = Vec::new())]
    paths: Vec<String>,
    /// Whether the paths are those that ask for a password, or those that do not.
    #[arg(default = true)]
    authenticate_matching_paths: bool,
}

fn pem(text: Option<String>, file: Option<String>) -> Option<Pem> {
    text.map(Pem::Inline).or_else(|| file.map(|file| Pem::File(PathBuf::from(file))))
}

impl From<Block> for HttpConfig {
    fn from(block: Block) -> Self {
        Self { tls: block.tls.and_then(tls), auth: block.auth.map(AuthConfig::from) }
    }
}

/// None only for a block that failed its validation.
fn tls(tls: Tls) -> Option<TlsConfig> {
    let key = tls.key_pem.map(|key| key.expose().to_owned());
    Some(TlsConfig {
        certificate: pem(tls.cert_pem, tls.cert_file)?,
        key: pem(key, tls.key_file)?,
        client_ca: pem(tls.client_ca_pem, tls.client_ca_file),
        client_auth: match tls.client_auth_type {
            ClientAuthName::RequireAndVerifyClientCert => ClientAuth::Required,
            ClientAuthName::VerifyClientCertIfGiven => ClientAuth::IfGiven,
            _ => ClientAuth::None,
        },
        min_version: match tls.min_version {
            Version::Tls13 => TlsVersion::Tls13,
            _ => TlsVersion::Tls12,
        },
    })
}

impl From<Auth> for AuthConfig {
    fn from(auth: Auth) -> Self {
        let filter =
            auth.filter.unwrap_or(Filter { paths: Vec::new(), authenticate_matching_paths: true });
        Self {
            username: auth.basic.username,
            password: auth.basic.password.expose().to_owned(),
            paths: filter.paths,
            authenticate_matching_paths: filter.authenticate_matching_paths,
        }
    }
}
