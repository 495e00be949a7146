//! The name servers, as they are written down by now.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{Resolver, TokioResolver, system_conf};

/// What says how to resolve. Both may change while a source runs: hosts move between networks.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// Whom to ask, what to append to a name, and how long to wait.
pub(super) type Settings = (ResolverConfig, ResolverOpts);

type Read = dyn Fn() -> Result<Settings, NetError> + Send + Sync;

/// Gives a resolver for each refresh: the last one, unless the settings may be others by now.
pub(super) struct Servers {
    files: Vec<PathBuf>,
    read: Arc<Read>,
    /// As of the last time that the files were read.
    known: Option<Known>,
}

struct Known {
    resolver: TokioResolver,
    /// When the files were written.
    written: Vec<Option<SystemTime>>,
}

impl Servers {
    /// Those that `/etc/resolv.conf` names.
    pub(super) fn of_host() -> Self {
        Self::of(FILES.map(PathBuf::from).into(), system_conf::read_system_conf)
    }

    /// This one, whatever the host says.
    pub(super) fn only(address: SocketAddr) -> Self {
        Self::of(Vec::new(), move || Ok((only(address), ResolverOpts::default())))
    }

    /// Those that `read` says, which is asked again when one of the files has changed.
    pub(super) fn of(
        files: Vec<PathBuf>,
        read: impl Fn() -> Result<Settings, NetError> + Send + Sync + 'static,
    ) -> Self {
        Self { files, read: Arc::new(read), known: None }
    }

    /// The resolver of the settings as they are now.
    ///
    /// # Errors
    ///
    /// Settings that cannot be read or make no sense. They may by the next time.
    pub(super) async fn resolver(&mut self) -> Result<TokioResolver, String> {
        let modified = |path: &PathBuf| std::fs::metadata(path).and_then(|file| file.modified());
        let written: Vec<_> = self.files.iter().map(|path| modified(path).ok()).collect();
        if let Some(known) = self.known.as_ref().filter(|known| known.written == written) {
            return Ok(known.resolver.clone());
        }
        self.forget();
        let read = Arc::clone(&self.read);
        // A long list of hosts must not keep other work waiting.
        let built = tokio::task::spawn_blocking(move || build(read()?)).await;
        let unusable = |error: String| format!("the system's DNS settings cannot be used: {error}");
        let built = built.map_err(|error| unusable(error.to_string()))?;
        let resolver = built.map_err(|error| unusable(error.to_string()))?;
        self.known = Some(Known { resolver: resolver.clone(), written });
        Ok(resolver)
    }

    /// Has the settings read anew the next time: after a look-up that failed, for a file may have changed
    /// within the same tick of its clock.
    pub(super) fn forget(&mut self) {
        self.known = None;
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").field("files", &self.files).finish_non_exhaustive()
    }
}

fn build((config, options): Settings) -> Result<TokioResolver, NetError> {
    let provider = TokioRuntimeProvider::default();
    let mut builder = Resolver::builder_with_config(config, provider).with_options(options);
    // A refresh asks: an answer from memory would only be late.
    builder.options_mut().cache_size = 0;
    builder.build()
}

/// Asks the server at this address, and appends nothing.
pub(super) fn only(address: SocketAddr) -> ResolverConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut way| {
        way.port = address.port();
        way
    });
    let server = NameServerConfig::new(address.ip(), true, connections.into());
    ResolverConfig::from_name_servers(vec![server])
}
