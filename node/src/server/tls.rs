//! TLS as the `http` block asks for it; files are read again when they change.

use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::config::{ClientAuth, Pem, TlsConfig, TlsVersion};

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("cannot read {}", path.display())]
    Read {
        path: std::path::PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the {what} is no PEM: {reason}")]
    Pem { what: String, reason: &'static str },
    #[error("the {0} holds no certificate")]
    Empty(String),
    #[error("the {0} holds no private key")]
    Keyless(String),
    #[error("client certificates cannot be checked: {0}")]
    Clients(String),
    #[error("the {certificate} and the {key} cannot be used together: {source}")]
    Pair { certificate: String, key: String, source: rustls::Error },
    #[error("no version of TLS can be served: {0}")]
    Versions(rustls::Error),
}

impl TlsConfig {
    /// Why TLS cannot be served like this now: which file, and what is wrong with it. None if it can,
    /// as far as files do not change. Blocks.
    pub fn problem(&self) -> Option<String> {
        let made = Material::read(self).and_then(|material| material.acceptor(self));
        let error = made.err()?;
        let why = match &error {
            // The others have their reason in their text.
            Error::Read { source, .. } => format!("{error}: {source}"),
            _ => error.to_string(),
        };
        Some(format!("TLS cannot be served: {why}"))
    }
}

/// The documents that a configuration spells out, as far as they are known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Inline<'a> {
    /// The certificate chain.
    pub certificate: Option<&'a str>,
    /// Its key.
    pub key: Option<&'a str>,
    /// The authorities that client certificates are checked against.
    pub client_ca: Option<&'a str>,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    /// [`Inline::certificate`], alone or with its key.
    Certificate,
    /// [`Inline::key`]
    Key,
    /// [`Inline::client_ca`]
    ClientCa,
}

impl Inline<'_> {
    /// Everything that TLS cannot be served with, without a word of it.
    pub(crate) fn problems(self) -> Vec<(Document, String)> {
        let mut problems = Vec::new();
        let mut kept = |document, error: Error| problems.push((document, error.to_string()));
        let (certificate, key) = ("certificate's PEM", "key's PEM");
        let chain = self.certificate.and_then(|pem| {
            let chain = certificates(pem.as_bytes(), certificate);
            chain.map_err(|error| kept(Document::Certificate, error)).ok()
        });
        let private = self.key.and_then(|pem| {
            let private = private_key(pem.as_bytes(), key);
            private.map_err(|error| kept(Document::Key, error)).ok()
        });
        if let Some((chain, private)) = chain.zip(private)
            && let Err(error) = pair(chain, private, certificate, key)
        {
            kept(Document::Certificate, error);
        }
        if let Some(Err(error)) = self.client_ca.map(|pem| roots(pem.as_bytes(), CLIENT_CA)) {
            kept(Document::ClientCa, error);
        }
        problems
    }
}

/// What messages call the authorities of clients.
const CLIENT_CA: &str = "client CA";

/// The texts that a configuration refers to, as they are now.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Material {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Material {
    /// Reads the files. Blocks.
    pub(super) fn read(config: &TlsConfig) -> Result<Self, Error> {
        Ok(Self {
            certificate: read(&config.certificate)?,
            key: read(&config.key)?,
            client_ca: config.client_ca.as_ref().map(read).transpose()?,
        })
    }

    /// What accepts connections with this material.
    pub(super) fn acceptor(&self, config: &TlsConfig) -> Result<TlsAcceptor, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions: &[&rustls::SupportedProtocolVersion] = match config.min_version {
            TlsVersion::Tls12 => &[&rustls::version::TLS12, &rustls::version::TLS13],
            TlsVersion::Tls13 => &[&rustls::version::TLS13],
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(Error::Versions)?;
        let builder = match config.client_auth {
            ClientAuth::None => builder.with_no_client_auth(),
            wanted => {
                let roots = Arc::new(self.roots(config)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let verifier = match wanted {
                    ClientAuth::IfGiven => verifier.allow_unauthenticated(),
                    _ => verifier,
                };
                let verifier = verifier.build().map_err(|e| Error::Clients(e.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let (certificate, key_name) =
            (named("certificate", &config.certificate), named("key", &config.key));
        let chain = certificates(&self.certificate, &certificate)?;
        let key = private_key(&self.key, &key_name)?;
        let pair = pair(chain, key, &certificate, &key_name)?;
        let mut server = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(server)))
    }

    fn roots(&self, config: &TlsConfig) -> Result<RootCertStore, Error> {
        let pem = self.client_ca.as_deref().unwrap_or_default();
        let what = config.client_ca.as_ref().map(|given| named(CLIENT_CA, given));
        roots(pem, what.as_deref().unwrap_or(CLIENT_CA))
    }
}

fn roots(pem: &[u8], what: &str) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, what)? {
        let unusable = |error| Error::Clients(format!("the {what}: {error}"));
        roots.add(certificate).map_err(unusable)?;
    }
    Ok(roots)
}

fn private_key(text: &[u8], what: &str) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => Error::Keyless(what.to_owned()),
        error => Error::Pem { what: what.to_owned(), reason: client::pem_problem(&error) },
    })
}

fn pair(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    certificate_name: &str,
    key_name: &str,
) -> Result<CertifiedKey, Error> {
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, key, &provider).map_err(|source| Error::Pair {
        certificate: certificate_name.to_owned(),
        key: key_name.to_owned(),
        source,
    })
}

pub(super) fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|error| Error::Pem {
        what: what.to_owned(),
        reason: client::pem_problem(&error),
    })?;
    if chain.is_empty() {
        return Err(Error::Empty(what.to_owned()));
    }
    Ok(chain)
}

/// What a text is, and the file it comes from if it does.
fn named(what: &str, pem: &Pem) -> String {
    match pem {
        Pem::Inline(_) => what.to_owned(),
        Pem::File(path) => format!("{what} in {}", path.display()),
    }
}

fn read(pem: &Pem) -> Result<Vec<u8>, Error> {
    match pem {
        Pem::Inline(text) => Ok(text.clone().into_bytes()),
        Pem::File(path) => {
            std::fs::read(path).map_err(|source| Error::Read { path: path.clone(), source })
        }
    }
}
