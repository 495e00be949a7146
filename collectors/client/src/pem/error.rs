//! What can be wrong with a document. None of it is a word of the document, which may be a key.

use std::fmt;

use rustls::pki_types::pem;

use super::title::{Part, Title};

/// Why a document cannot be used as what it is for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is PEM that breaks off, or none.
    #[error("the {document} is malformed: {fault}")]
    Malformed {
        /// Which one.
        document: Title,
        /// What is wrong with it.
        fault: Fault,
    },
    /// It does not hold what it is for.
    #[error("the {document} holds no {}{}", wanted(document), but(*instead))]
    Missing {
        /// Which one.
        document: Title,
        /// What it holds; none if there is no section in it at all.
        instead: Option<Content>,
    },
    /// It holds no authority that can be trusted, or no key that can be spoken with, by what stands in
    /// its section.
    #[error("the {document} cannot be used: {source}")]
    Unusable {
        /// Which one.
        document: Title,
        /// What the TLS library says.
        source: Box<rustls::Error>,
    },
    /// The key is another's, or the certificate is none.
    #[error("the {certificate} and the {key} cannot be used together: {source}")]
    Pair {
        /// The certificate.
        certificate: Title,
        /// The key.
        key: Title,
        /// What the TLS library says.
        source: Box<rustls::Error>,
    },
}

/// Why a text is no PEM. The library's own error holds the line at fault, so it is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A section has no end.
    #[error("the line that ends a section is missing")]
    Open,
    /// The first line of a section goes on.
    #[error("a section does not begin with a line of its own")]
    Start,
    /// Something else stands in a section.
    #[error("what stands in a section is not base64")]
    Base64,
    /// More than the library takes.
    #[error("a section is too large")]
    TooLarge,
    /// What the library may come to say one day.
    #[error("it cannot be read")]
    Unreadable,
}

/// What a section holds, by its first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A certificate.
    Certificate,
    /// A key that can be used.
    PrivateKey,
    /// A key that only its password makes one.
    EncryptedKey,
    /// What a certificate is asked for with.
    Request,
    /// A key that is no secret.
    PublicKey,
    /// Certificates that are no longer valid.
    RevocationList,
    /// Anything else. It is not shown: nobody knows what it is.
    Unknown,
}

impl Error {
    /// The document at fault; of two that do not belong together, the certificate.
    pub fn part(&self) -> Part {
        match self {
            Self::Malformed { document, .. }
            | Self::Missing { document, .. }
            | Self::Unusable { document, .. }
            | Self::Pair { certificate: document, .. } => document.part,
        }
    }
}

fn wanted(document: &Title) -> &'static str {
    match document.part {
        Part::Key => "private key",
        Part::Authorities | Part::ClientAuthorities | Part::Certificate => "certificate",
    }
}

fn but(instead: Option<Content>) -> String {
    instead.map(|content| format!(", but {content}")).unwrap_or_default()
}

impl Fault {
    /// None if it is only that nothing was found.
    pub(super) fn of(error: &pem::Error) -> Option<Self> {
        match error {
            pem::Error::NoItemsFound => None,
            pem::Error::MissingSectionEnd { .. } => Some(Self::Open),
            pem::Error::IllegalSectionStart { .. } => Some(Self::Start),
            pem::Error::Base64Decode(_) => Some(Self::Base64),
            pem::Error::SectionTooLarge => Some(Self::TooLarge),
            _ => Some(Self::Unreadable),
        }
    }
}

impl Content {
    /// Of the first section; none without one.
    pub(super) fn first(text: &[u8]) -> Option<Self> {
        let mut lines = text.split(|byte| matches!(byte, b'\n' | b'\r'));
        let label = lines.find_map(|line| line.strip_prefix(b"-----BEGIN "))?;
        Some(match label.trim_ascii_end() {
            b"CERTIFICATE-----" => Self::Certificate,
            b"PRIVATE KEY-----" | b"RSA PRIVATE KEY-----" | b"EC PRIVATE KEY-----" => {
                Self::PrivateKey
            }
            b"ENCRYPTED PRIVATE KEY-----" => Self::EncryptedKey,
            b"CERTIFICATE REQUEST-----" | b"NEW CERTIFICATE REQUEST-----" => Self::Request,
            b"PUBLIC KEY-----" | b"RSA PUBLIC KEY-----" => Self::PublicKey,
            b"X509 CRL-----" => Self::RevocationList,
            _ => Self::Unknown,
        })
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "a certificate",
            Self::PrivateKey => "a private key",
            Self::EncryptedKey => "one that is encrypted: decrypt it first",
            Self::Request => "a request for a certificate",
            Self::PublicKey => "a public key",
            Self::RevocationList => "a list of revoked certificates",
            Self::Unknown => "a section of unknown kind",
        })
    }
}
