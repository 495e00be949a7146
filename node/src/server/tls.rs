//! TLS as the `http` block asks for it; files are read again when they change.

use std::sync::Arc;

use client::FileError;
use client::pem::{self, Document, Part};
use rustls::ServerConfig;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::TlsAcceptor;

use super::config::{ClientAuth, TlsConfig, TlsVersion};
use unchecked::AnyCertificate;

mod unchecked;

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Pem(#[from] pem::Error),
    #[error("client certificates are checked, but no authorities are given to check them against")]
    NoClientCa,
    #[error("client certificates cannot be checked: {0}")]
    Clients(#[from] VerifierBuilderError),
    #[error("no version of TLS can be served: {0}")]
    Versions(#[source] rustls::Error),
}

impl TlsConfig {
    /// Why TLS cannot be served like this now: which file, and what is wrong with it. None if it can,
    /// as far as files do not change. Blocks.
    pub fn problem(&self) -> Option<String> {
        let made = Material::read(self).and_then(|material| material.acceptor(self));
        made.err().map(|error| format!("TLS cannot be served: {error}"))
    }
}

/// The documents that a configuration refers to, as they are now.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Material {
    certificate: Document,
    key: Document,
    client_ca: Option<Document>,
}

impl Material {
    /// Reads the files. Blocks.
    pub(super) fn read(config: &TlsConfig) -> Result<Self, Error> {
        let client_ca = config.client_ca.as_ref();
        Ok(Self {
            certificate: Document::read(Part::Certificate, &config.certificate)?,
            key: Document::read(Part::Key, &config.key)?,
            client_ca: client_ca
                .map(|source| Document::read(Part::ClientAuthorities, source))
                .transpose()?,
        })
    }

    /// What accepts connections with this material.
    pub(super) fn acceptor(&self, config: &TlsConfig) -> Result<TlsAcceptor, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions: Vec<&rustls::SupportedProtocolVersion> = [
            (TlsVersion::Tls12, &rustls::version::TLS12),
            (TlsVersion::Tls13, &rustls::version::TLS13),
        ]
        .into_iter()
        .filter(|(version, _)| (config.min_version..=config.max_version).contains(version))
        .map(|(_, version)| version)
        .collect();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .map_err(Error::Versions)?;
        let builder = match config.client_auth {
            ClientAuth::None => builder.with_no_client_auth(),
            wanted @ (ClientAuth::Asked | ClientAuth::RequiredUnchecked) => {
                let mandatory = wanted == ClientAuth::RequiredUnchecked;
                let algorithms = provider.signature_verification_algorithms;
                builder
                    .with_client_cert_verifier(Arc::new(AnyCertificate { mandatory, algorithms }))
            }
            wanted => {
                let roots = self.client_ca.as_ref().ok_or(Error::NoClientCa)?.authorities()?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                let verifier = match wanted {
                    ClientAuth::IfGiven => verifier.allow_unauthenticated(),
                    _ => verifier,
                };
                builder.with_client_cert_verifier(verifier.build()?)
            }
        };
        let pair = CertifiedKey::clone(&*pem::pair(&self.certificate, &self.key)?);
        let mut server = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(server)))
    }
}
