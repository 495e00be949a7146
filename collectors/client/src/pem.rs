//! PEM documents: certificates, their keys, and the authorities that certificates are checked
//! against. Clients and servers read theirs here, so that one mistake has one name.

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::crypto::provider;
use crate::file::{FileError, read_bounded};
use crate::secret::Source;

mod error;
mod memory;
#[cfg(test)]
mod tests;
mod title;

pub use error::{Content, Error, Fault};
pub use title::{Part, Title};

use memory::Memory;

/// A document as it was read: it may hold anything.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    title: Title,
    text: Text,
}

type Text = Arc<[u8]>;

/// What was made of the documents that configurations spell out. They are evaluated whenever
/// anything that they are given changes, such as the targets beside them.
static AUTHORITIES: Memory<Text, RootCertStore> = Memory::new();
static CHAINS: Memory<Text, Vec<CertificateDer<'static>>> = Memory::new();
static KEYS: Memory<Text, PrivateKeyDer<'static>> = Memory::new();
static PAIRS: Memory<[Text; 2], CertifiedKey> = Memory::new();

impl Document {
    pub(crate) fn new(title: Title, text: Text) -> Self {
        Self { title, text }
    }

    /// A document that the configuration spells out; none if it is in a file.
    pub fn inline(part: Part, source: &Source) -> Option<Self> {
        match source {
            Source::Inline(text) => Some(Self::new(Title::of(part, source), text.bytes())),
            Source::File(_) => None,
        }
    }

    /// A document as it is now. Blocks if it is in a file.
    ///
    /// # Errors
    ///
    /// When its file cannot be read, is larger than 4 MiB, or no regular file.
    pub fn read(part: Part, source: &Source) -> Result<Self, FileError> {
        let text = match source {
            Source::Inline(text) => text.bytes(),
            Source::File(path) => {
                read_bounded(path).map_err(|error| FileError::new(path, &error))?.into()
            }
        };
        Ok(Self::new(Title::of(part, source), text))
    }

    /// The authorities in it.
    ///
    /// # Errors
    ///
    /// When it holds none, or something that is none.
    pub fn authorities(&self) -> Result<Arc<RootCertStore>, Error> {
        self.remembered(&AUTHORITIES, || {
            let mut roots = RootCertStore::empty();
            for certificate in self.certificates()? {
                roots.add(certificate).map_err(|source| self.unusable(source))?;
            }
            Ok(roots)
        })
    }

    /// The certificate in it, and those that it stands on.
    ///
    /// # Errors
    ///
    /// When it holds none, or is malformed.
    pub fn chain(&self) -> Result<Arc<Vec<CertificateDer<'static>>>, Error> {
        self.remembered(&CHAINS, || self.certificates())
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.text).collect();
        let found = found.map_err(|error| self.failure(&error))?;
        if found.is_empty() {
            return Err(self.missing());
        }
        Ok(found)
    }

    /// The key in it.
    ///
    /// # Errors
    ///
    /// When it holds none, or one that nobody can speak with.
    pub fn key(&self) -> Result<Arc<PrivateKeyDer<'static>>, Error> {
        self.remembered(&KEYS, || {
            let key =
                PrivateKeyDer::from_pem_slice(&self.text).map_err(|error| self.failure(&error))?;
            // That it is spelt in base64 does not make it a key.
            let loaded = provider().key_provider.load_private_key(key.clone_key());
            loaded.map(|_| key).map_err(|source| self.unusable(source))
        })
    }

    fn remembered<T>(
        &self,
        memory: &Memory<Text, T>,
        make: impl FnOnce() -> Result<T, Error>,
    ) -> Result<Arc<T>, Error> {
        match self.is_inline() {
            true => memory.recall(&self.text, make),
            // A file is read to see whether it changed, and looked into only if it did.
            false => make().map(Arc::new),
        }
    }

    fn is_inline(&self) -> bool {
        self.title.file.is_none()
    }

    fn failure(&self, error: &rustls::pki_types::pem::Error) -> Error {
        match Fault::of(error) {
            Some(fault) => Error::Malformed { document: self.title.clone(), fault },
            None => self.missing(),
        }
    }

    fn unusable(&self, source: rustls::Error) -> Error {
        Error::Unusable { document: self.title.clone(), source: Box::new(source) }
    }

    fn missing(&self) -> Error {
        Error::Missing { document: self.title.clone(), instead: Content::first(&self.text) }
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may hold a key.
        f.debug_tuple("Document").field(&self.title).finish()
    }
}

/// A certificate with its key.
///
/// # Errors
///
/// When one of them cannot be used, or they do not belong together.
pub fn pair(certificate: &Document, key: &Document) -> Result<Arc<CertifiedKey>, Error> {
    let make = || {
        let (chain, private) = (certificate.chain()?, key.key()?);
        let chain = Vec::clone(&chain);
        CertifiedKey::from_der(chain, private.clone_key(), &provider()).map_err(|source| {
            let (certificate, key) = (certificate.title.clone(), key.title.clone());
            Error::Pair { certificate, key, source: Box::new(source) }
        })
    };
    if certificate.is_inline() && key.is_inline() {
        let texts = [Arc::clone(&certificate.text), Arc::clone(&key.text)];
        return PAIRS.recall(&texts, make);
    }
    make().map(Arc::new)
}

/// Everything that is wrong with documents that are to be used together, as far as they are known.
pub fn problems(
    authorities: Option<&Document>,
    certificate: Option<&Document>,
    key: Option<&Document>,
) -> Vec<Error> {
    let mut problems: Vec<Error> =
        authorities.and_then(|document| document.authorities().err()).into_iter().collect();
    let of_chain = certificate.and_then(|document| document.chain().err());
    let of_key = key.and_then(|document| document.key().err());
    let of_pair = match (certificate, key) {
        (Some(certificate), Some(key)) if of_chain.is_none() && of_key.is_none() => {
            pair(certificate, key).err()
        }
        _ => None,
    };
    problems.extend([of_chain, of_key, of_pair].into_iter().flatten());
    problems
}
