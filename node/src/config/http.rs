//! `http`

use std::path::PathBuf;

use client::Source;
use client::pem::{self, Document, Part};
use syntax::{Arguments, Choice, Problems, Secret};

use crate::server::config::{AuthConfig, ClientAuth, HttpConfig, TlsConfig, TlsVersion};

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
    /// The newest version of TLS that is spoken.
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
        let (cert, cert_file) = (self.cert_pem.as_deref(), self.cert_file.as_deref());
        let (key, key_file) = (self.key_pem.as_ref().map(Secret::expose), self.key_file.as_deref());
        let (ca, ca_file) = (self.client_ca_pem.as_deref(), self.client_ca_file.as_deref());
        for ((pem, text), (file, path), needed) in [
            (("cert_pem", cert), ("cert_file", cert_file), true),
            (("key_pem", key), ("key_file", key_file), true),
            (("client_ca_pem", ca), ("client_ca_file", ca_file), self.verifies()),
        ] {
            match (problems.is_set(pem, text), problems.is_set(file, path)) {
                (true, true) => {
                    problems.presence(file, format!("{file} and {pem} exclude each other"));
                }
                (false, false) if needed && problems.are_known(&[pem, file]) => {
                    problems.block(format!("{pem} or {file} is needed"));
                }
                _ => {}
            }
        }
        self.report_documents(problems);
        let is_old = |version| matches!(version, Version::Tls10 | Version::Tls11);
        if is_old(self.min_version) {
            problems.field("min_version", "Shoal speaks TLS12 and TLS13 only");
        }
        if is_old(self.max_version) {
            problems.field("max_version", "Shoal speaks TLS12 and TLS13 only");
        }
        let contradict = (self.min_version, self.max_version) == (Version::Tls13, Version::Tls12);
        if contradict && problems.are_known(&["min_version", "max_version"]) {
            problems.field("max_version", "max_version must not be older than min_version");
        }
        if !self.cipher_suites.is_empty() {
            problems.field("cipher_suites", "cipher suites cannot be chosen; all of them are safe");
        }
        if !self.curve_preferences.is_empty() {
            problems.field("curve_preferences", "curves cannot be chosen; all of them are safe");
        }
    }

    /// Says what is wrong with what is spelt out, each where it is written.
    fn report_documents(&self, problems: &mut Problems<'_>) {
        let spelt = |part, source: Option<Source>| {
            source.and_then(|source| Document::inline(part, &source))
        };
        let client_ca = self.client_ca().filter(|_| self.verifies());
        let (client_ca, certificate, key) = (
            spelt(Part::ClientAuthorities, client_ca),
            spelt(Part::Certificate, self.certificate()),
            spelt(Part::Key, self.key()),
        );
        for error in pem::problems(client_ca.as_ref(), certificate.as_ref(), key.as_ref()) {
            let field = match error.part() {
                Part::Key => "key_pem",
                Part::Authorities | Part::ClientAuthorities => "client_ca_pem",
                Part::Certificate => "cert_pem",
            };
            problems.secret(field, error.to_string());
        }
    }

    fn certificate(&self) -> Option<Source> {
        source(self.cert_pem.as_deref(), self.cert_file.as_deref())
    }

    fn key(&self) -> Option<Source> {
        source(self.key_pem.as_ref().map(Secret::expose), self.key_file.as_deref())
    }

    fn client_ca(&self) -> Option<Source> {
        source(self.client_ca_pem.as_deref(), self.client_ca_file.as_deref())
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

/// Where a document comes from. An empty one is as good as none, as everywhere in this language.
fn source(text: Option<&str>, file: Option<&str>) -> Option<Source> {
    let text = text.filter(|text| !text.is_empty());
    let file = file.filter(|file| !file.is_empty());
    text.map(|text| Source::Inline(text.into()))
        .or_else(|| file.map(|file| Source::File(PathBuf::from(file))))
}

impl From<Block> for HttpConfig {
    fn from(block: Block) -> Self {
        Self { tls: block.tls.as_ref().and_then(tls), auth: block.auth.map(AuthConfig::from) }
    }
}

/// None only for a block that failed its validation.
fn tls(tls: &Tls) -> Option<TlsConfig> {
    Some(TlsConfig {
        certificate: tls.certificate()?,
        key: tls.key()?,
        client_ca: tls.client_ca(),
        client_auth: match tls.client_auth_type {
            ClientAuthName::RequireAndVerifyClientCert => ClientAuth::Required,
            ClientAuthName::VerifyClientCertIfGiven => ClientAuth::IfGiven,
            ClientAuthName::RequireAnyClientCert => ClientAuth::RequiredUnchecked,
            ClientAuthName::RequestClientCert => ClientAuth::Asked,
            ClientAuthName::NoClientCert => ClientAuth::None,
        },
        min_version: match tls.min_version {
            Version::Tls13 => TlsVersion::Tls13,
            _ => TlsVersion::Tls12,
        },
        max_version: match tls.max_version {
            Version::Tls12 => TlsVersion::Tls12,
            _ => TlsVersion::Tls13,
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
