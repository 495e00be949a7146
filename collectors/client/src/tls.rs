//! The TLS settings of a client, rebuilt when their files change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use tracing::warn;

use crate::config::{Tls, TlsVersion};
use crate::crypto::provider;
use crate::error::{ConfigError, Error, TlsError, chain};
use crate::file::FileError;
use crate::pem::{self, Document, Part, Title};
use crate::reread::Current;
use crate::secret::Source;

mod insecure;
#[cfg(test)]
mod tests;

use insecure::AnyCertificate;

/// Makes the TLS configuration that the next connection uses.
#[derive(Debug)]
pub(crate) struct TlsSource {
    ca: Option<Followed>,
    cert: Option<Followed>,
    key: Option<Followed>,
    settings: Settings,
    /// Whether a document can change at all.
    has_files: bool,
    built: Mutex<Option<Built>>,
    /// Whether it was said that the files cannot be read.
    unreadable: AtomicBool,
}

/// A document that may change.
#[derive(Debug)]
struct Followed {
    title: Title,
    current: Current,
}

#[derive(Debug, Clone)]
struct Settings {
    server_name: Option<ServerName<'static>>,
    insecure: bool,
    only_13: bool,
    http2: bool,
}

/// The PEM documents that a configuration is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Documents {
    ca: Option<Document>,
    key_pair: Option<(Document, Document)>,
}

#[derive(Debug, Clone)]
struct Built {
    /// The documents that were looked at last, even if nothing could be made of them.
    seen: Documents,
    config: Arc<ClientConfig>,
    generation: u64,
}

/// What a connection is made with.
#[derive(Debug, Clone)]
pub(crate) struct CurrentTls {
    pub(crate) config: Arc<ClientConfig>,
    /// Grows when the configuration changes: connections of an older generation are not used again.
    pub(crate) generation: u64,
}

impl TlsSource {
    /// Reads no file yet: [`TlsSource::preload`] does.
    pub(crate) fn new(tls: &Tls, http2: bool) -> Result<Self, ConfigError> {
        let server_name = match &tls.server_name {
            Some(name) => Some(
                ServerName::try_from(name.clone())
                    .map_err(|_| ConfigError::BadServerName(name.clone()))?,
            ),
            None => None,
        };
        let [ca, cert, key] =
            [(Part::Authorities, &tls.ca), (Part::Certificate, &tls.cert), (Part::Key, &tls.key)]
                .map(|(part, source)| source.as_ref().map(|source| Followed::of(part, source)));
        let has_files =
            [&ca, &cert, &key].into_iter().flatten().any(|followed| followed.current.is_file());
        let source = Self {
            ca,
            cert,
            key,
            settings: Settings {
                server_name,
                insecure: tls.insecure_skip_verify,
                only_13: tls.min_version == Some(TlsVersion::Tls13),
                http2,
            },
            has_files,
            built: Mutex::new(None),
            unreadable: AtomicBool::new(false),
        };
        source.preload(tls)?;
        Ok(source)
    }

    /// Finds the mistakes of the user's own documents when the client is made. It blocks for the
    /// reading of at most three small files.
    fn preload(&self, tls: &Tls) -> Result<(), ConfigError> {
        let read = |part, source: &Option<Source>| {
            source.as_ref().map(|source| Document::read(part, source)).transpose()
        };
        let key_pair = read(Part::Certificate, &tls.cert)?.zip(read(Part::Key, &tls.key)?);
        let documents = Documents { ca: read(Part::Authorities, &tls.ca)?, key_pair };
        if documents.ca.is_none() && !self.settings.insecure {
            // The system's authorities are loaded with the first connection that needs them; our
            // own certificate can be checked without.
            let without = Settings { insecure: true, ..self.settings.clone() };
            return Ok(without.build(&documents, None).map(|_| ())?);
        }
        let config = self.settings.build(&documents, None)?;
        *self.lock() = Some(Built { seen: documents, config, generation: 0 });
        Ok(())
    }

    /// The configuration for the next connection.
    pub(crate) async fn current(&self) -> Result<CurrentTls, Error> {
        if !self.has_files
            && let Some(built) = &*self.lock()
        {
            return Ok(CurrentTls::of(built));
        }
        let documents = match self.documents().await {
            Ok(documents) => documents,
            Err(error) => return self.keep_unread(error),
        };
        self.unreadable.store(false, Ordering::Relaxed);
        if let Some(built) = &*self.lock()
            && built.seen == documents
        {
            return Ok(CurrentTls::of(built));
        }
        let system = if documents.ca.is_none() && !self.settings.insecure {
            Some(system_authorities().await?)
        } else {
            None
        };
        let config = self.settings.build(&documents, system);
        self.keep(documents, config)
    }

    /// Keeps the last configuration while the files cannot be read: whoever writes them may move them
    /// away for a moment.
    fn keep_unread(&self, error: Error) -> Result<CurrentTls, Error> {
        let built = self.lock();
        let Some(last) = &*built else { return Err(error) };
        if !self.unreadable.swap(true, Ordering::Relaxed) {
            warn!(%error, "TLS files cannot be read; the last ones stay in use");
        }
        Ok(CurrentTls::of(last))
    }

    /// Replaces the configuration, or keeps the last one if nothing can be made of the documents.
    fn keep(
        &self,
        seen: Documents,
        config: Result<Arc<ClientConfig>, TlsError>,
    ) -> Result<CurrentTls, Error> {
        let mut built = self.lock();
        match (config, &mut *built) {
            (Ok(config), last) => {
                let generation = last.as_ref().map_or(0, |last| last.generation + 1);
                let next = Built { seen, config, generation };
                Ok(CurrentTls::of(last.insert(next)))
            }
            (Err(reason), Some(last)) => {
                warn!(%reason, "TLS files changed and cannot be used; the last ones stay in use");
                last.seen = seen;
                Ok(CurrentTls::of(last))
            }
            (Err(reason), None) => Err(Error::Tls(reason)),
        }
    }

    async fn documents(&self) -> Result<Documents, Error> {
        let ca = match &self.ca {
            Some(ca) => Some(ca.document().await?),
            None => None,
        };
        let key_pair = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some((cert.document().await?, key.document().await?)),
            _ => None,
        };
        Ok(Documents { ca, key_pair })
    }

    /// The name that the certificate of `host` has to carry.
    pub(crate) fn server_name(&self, host: &str) -> Option<ServerName<'static>> {
        match &self.settings.server_name {
            Some(name) => Some(name.clone()),
            None => ServerName::try_from(host.to_owned()).ok(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Built>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Followed {
    fn of(part: Part, source: &Source) -> Self {
        Self { title: Title::of(part, source), current: Current::of(source) }
    }

    async fn document(&self) -> Result<Document, FileError> {
        Ok(Document::new(self.title.clone(), self.current.document().await?))
    }
}

impl CurrentTls {
    fn of(built: &Built) -> Self {
        Self { config: Arc::clone(&built.config), generation: built.generation }
    }
}

impl Settings {
    fn build(
        &self,
        documents: &Documents,
        system: Option<Arc<RootCertStore>>,
    ) -> Result<Arc<ClientConfig>, TlsError> {
        let versions: &[&rustls::SupportedProtocolVersion] =
            if self.only_13 { &[&rustls::version::TLS13] } else { rustls::ALL_VERSIONS };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(TlsError::Versions)?;
        // Looked at even where any certificate will do: what is given is meant to be used.
        let given = documents.ca.as_ref().map(Document::authorities).transpose()?;
        let builder = if self.insecure {
            let verifier = AnyCertificate(provider().signature_verification_algorithms);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        } else {
            let roots = given.or(system).ok_or(TlsError::NoAuthorities { reason: None })?;
            builder.with_root_certificates(roots)
        };
        let mut config = match &documents.key_pair {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let pair = CertifiedKey::clone(&*pem::pair(chain, key)?);
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair)))
            }
        };
        if self.http2 {
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        Ok(Arc::new(config))
    }
}

/// The system's certificate authorities, loaded once and shared by every client.
async fn system_authorities() -> Result<Arc<RootCertStore>, Error> {
    static SYSTEM: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(roots) = SYSTEM.get() {
        return Ok(Arc::clone(roots));
    }
    let loaded = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs)
        .await
        .map_err(|error| TlsError::NoAuthorities { reason: Some(error.to_string()) })?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        let reason = loaded.errors.first().map(|error| chain(error));
        return Err(TlsError::NoAuthorities { reason }.into());
    }
    Ok(Arc::clone(SYSTEM.get_or_init(|| Arc::new(roots))))
}
