//! The TLS settings of a client, rebuilt when their files change.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use tracing::warn;

use crate::config::{Tls, TlsVersion};
use crate::error::{ConfigError, Error, chain};
use crate::reread::Current;

pub(crate) mod documents;
mod insecure;
#[cfg(test)]
mod tests;

use insecure::AnyCertificate;

/// Makes the TLS configuration that the next connection uses.
#[derive(Debug)]
pub(crate) struct TlsSource {
    ca: Option<Current>,
    cert: Option<Current>,
    key: Option<Current>,
    settings: Settings,
    /// Whether a document can change at all.
    has_files: bool,
    built: Mutex<Option<Built>>,
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

type Document = Arc<[u8]>;

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
            [&tls.ca, &tls.cert, &tls.key].map(|source| source.as_ref().map(Current::of));
        let has_files = [&ca, &cert, &key].into_iter().flatten().any(Current::is_file);
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
        };
        source.preload(tls)?;
        Ok(source)
    }

    /// Finds the mistakes of the user's own documents when the client is made. It blocks for the
    /// reading of at most three small files.
    fn preload(&self, tls: &Tls) -> Result<(), ConfigError> {
        use crate::error::FileError;
        use crate::secret::Source;

        let read = |source: &Option<Source>| -> Result<Option<Document>, ConfigError> {
            Ok(match source {
                None => None,
                Some(Source::Inline(document)) => Some(document.bytes()),
                Some(Source::File(path)) => {
                    let content =
                        std::fs::read(path).map_err(|error| FileError::new(path, &error))?;
                    Some(content.into())
                }
            })
        };
        let documents =
            Documents { ca: read(&tls.ca)?, key_pair: read(&tls.cert)?.zip(read(&tls.key)?) };
        if documents.ca.is_none() && !self.settings.insecure {
            // The system's authorities are loaded with the first connection that needs them; our
            // own certificate can be checked without.
            let without = Settings { insecure: true, ..self.settings.clone() };
            return without.build(&documents, None).map(|_| ()).map_err(ConfigError::Tls);
        }
        let config = self.settings.build(&documents, None).map_err(ConfigError::Tls)?;
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
        let documents = self.documents().await?;
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

    /// Replaces the configuration, or keeps the last one if nothing can be made of the documents.
    fn keep(
        &self,
        seen: Documents,
        config: Result<Arc<ClientConfig>, String>,
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
    ) -> Result<Arc<ClientConfig>, String> {
        let versions: &[&rustls::SupportedProtocolVersion] =
            if self.only_13 { &[&rustls::version::TLS13] } else { rustls::ALL_VERSIONS };
        // Never the process's default provider: two libraries may disagree about it at run time.
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .map_err(|error| error.to_string())?;
        let builder = if self.insecure {
            let verifier = AnyCertificate(provider().signature_verification_algorithms);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        } else {
            let roots = match (&documents.ca, system) {
                (Some(pem), _) => Arc::new(documents::authorities(pem)?),
                (None, system) => system.ok_or("no certificate authorities")?,
            };
            builder.with_root_certificates(roots)
        };
        let mut config = match &documents.key_pair {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let pair = documents::pair(documents::chain(chain)?, documents::key(key)?)?;
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair)))
            }
        };
        if self.http2 {
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        Ok(Arc::new(config))
    }
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}

/// The system's certificate authorities, loaded once and shared by every client.
async fn system_authorities() -> Result<Arc<RootCertStore>, Error> {
    static SYSTEM: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(roots) = SYSTEM.get() {
        return Ok(Arc::clone(roots));
    }
    let loaded = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs)
        .await
        .map_err(|error| Error::Tls(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        let cause = loaded.errors.first().map(|error| format!(" ({})", chain(error)));
        return Err(Error::Tls(format!(
            "this system has no certificate authorities{}; set the CA in the TLS configuration",
            cause.unwrap_or_default(),
        )));
    }
    Ok(Arc::clone(SYSTEM.get_or_init(|| Arc::new(roots))))
}
