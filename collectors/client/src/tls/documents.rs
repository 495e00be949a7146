//! The PEM documents that a TLS configuration is made of.

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::provider;
use crate::config::Tls;
use crate::error::ConfigError;
use crate::secret::Source;

/// What is wrong with the documents that the configuration spells out.
pub(crate) fn problems(tls: &Tls, problems: &mut Vec<ConfigError>) {
    // Where any certificate will do, nobody looks at the authorities.
    if let Some(pem) = inline(tls.ca.as_ref()).filter(|_| !tls.insecure_skip_verify) {
        problems.extend(authorities(pem).err().map(ConfigError::BadAuthorities));
    }
    let mut kept = |error| problems.push(error);
    let chain = inline(tls.cert.as_ref())
        .and_then(|pem| chain(pem).map_err(|text| kept(ConfigError::BadCertificate(text))).ok());
    let key = inline(tls.key.as_ref())
        .and_then(|pem| key(pem).map_err(|text| kept(ConfigError::BadKey(text))).ok());
    if let Some((chain, key)) = chain.zip(key) {
        problems.extend(pair(chain, key).err().map(ConfigError::BadKeyPair));
    }
}

fn inline(source: Option<&Source>) -> Option<&[u8]> {
    match source {
        Some(Source::Inline(document)) => Some(document.expose().as_bytes()),
        Some(Source::File(_)) | None => None,
    }
}

/// The certificate authorities of a document.
pub(super) fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate
            .map_err(|error| format!("the CA is not valid PEM: {}", pem_problem(&error)))?;
        roots.add(certificate).map_err(|error| format!("the CA cannot be used: {error}"))?;
    }
    if roots.is_empty() {
        return Err("the CA's PEM holds no certificate".to_owned());
    }
    Ok(roots)
}

/// A certificate and those that it stands on.
pub(super) fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("the certificate is not valid PEM: {}", pem_problem(&error)))?;
    if chain.is_empty() {
        return Err("the certificate's PEM holds no certificate".to_owned());
    }
    Ok(chain)
}

/// The key of a certificate.
pub(super) fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        pem::Error::NoItemsFound => "the key's PEM holds no private key".to_owned(),
        error => format!("the key is not valid PEM: {}", pem_problem(&error)),
    })
}

/// A certificate with its key.
pub(super) fn pair(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, String> {
    CertifiedKey::from_der(chain, key, &provider())
        .map_err(|error| format!("the certificate and its key cannot be used: {error}"))
}

/// Why a text is no PEM, without a word of it: the library's own message quotes the line at fault,
/// which may hold a key.
pub fn pem_problem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "the line that ends a section is missing",
        pem::Error::IllegalSectionStart { .. } => "a section does not begin with a line of its own",
        pem::Error::Base64Decode(_) => "what stands in a section is not base64",
        pem::Error::NoItemsFound => "it holds nothing of the kind",
        pem::Error::SectionTooLarge => "a section is too large",
        _ => "it cannot be read",
    }
}
