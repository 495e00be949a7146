//! Names as this host resolves them: what is written down is kept until it may be other than it was,
//! and of a name that stands for several it is told what came of each.
//!
//! `discovery.dns` and the seeds of a cluster ask here. Both must tell a name that does not exist from
//! servers that do not answer: the one has no targets and no nodes, the other keeps those there were.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::{Record, RecordType};

pub use self::settings::Settings;
use self::settings::{FILES, HOSTS};
pub(crate) use self::stub::Stub;

mod settings;
mod stub;
#[cfg(test)]
mod tests;

/// What to ask about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The addresses of a host, of both kinds at the same time. What the file of hosts says of the name
    /// as it is written holds, and no server is asked then.
    Addresses,
    /// The records of one kind; behind those of services are the addresses that came along. For kinds of
    /// addresses, the file of hosts goes before a server for each name that is tried.
    Kind(RecordType),
}

/// Why there may be more than was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure<T> {
    /// What did not answer, and how.
    pub error: String,
    /// What was found all the same.
    pub found: Vec<T>,
}

impl<T> Failure<T> {
    /// The same, with something else made of what was found.
    pub fn map<U>(self, made: impl FnOnce(Vec<T>) -> Vec<U>) -> Failure<U> {
        Failure { error: self.error, found: made(self.found) }
    }
}

impl<T> From<String> for Failure<T> {
    fn from(error: String) -> Self {
        Self { error, found: Vec::new() }
    }
}

type Read = dyn Fn() -> Result<Settings, NetError> + Send + Sync;

/// Resolves as `/etc/resolv.conf` and `/etc/hosts` say, which are read anew once they have changed or a
/// lookup failed. Answers that were cut short over UDP are asked for again over TCP; none is remembered.
pub struct System {
    files: Vec<PathBuf>,
    read: Arc<Read>,
    /// As of the last time that the files were read.
    known: Mutex<Option<Arc<Stub>>>,
}

impl Default for System {
    fn default() -> Self {
        Self::of(FILES.map(PathBuf::from).into(), Settings::of_host)
    }
}

impl System {
    /// Resolves as `read` says, which is asked again when one of the files has changed.
    pub fn of(
        files: Vec<PathBuf>,
        read: impl Fn() -> Result<Settings, NetError> + Send + Sync + 'static,
    ) -> Self {
        Self { files, read: Arc::new(read), known: Mutex::default() }
    }

    /// Asks this server, and appends nothing; the file of hosts is that of the host.
    pub fn only(server: SocketAddr) -> Self {
        Self::of(vec![HOSTS.into()], move || Ok(Settings::only(server)))
    }

    /// The records of the first of the names `name` may stand for that has any. There are none only if
    /// every question was answered so.
    ///
    /// # Errors
    ///
    /// Settings that cannot be used, or a question without a valid answer: a name that exists and one that
    /// does not are valid, whatever else a server says is none. The next lookup may succeed.
    pub async fn records(
        &self,
        name: &str,
        wanted: Wanted,
    ) -> Result<Vec<Record>, Failure<Record>> {
        let trust = self.trust().await?;
        let found = trust.stub.records(name, wanted).await;
        if found.is_ok() {
            trust.keep();
        }
        found
    }

    /// The name servers as they are written down now, for several lookups.
    ///
    /// # Errors
    ///
    /// Settings that cannot be read or make no sense. They may by the next time.
    pub(crate) async fn trust(&self) -> Result<Trust<'_>, String> {
        Ok(Trust { system: self, stub: self.stub().await?, kept: false })
    }

    async fn stub(&self) -> Result<Arc<Stub>, String> {
        let modified = |path: &PathBuf| std::fs::metadata(path).and_then(|file| file.modified());
        let written: Vec<_> = self.files.iter().map(|path| modified(path).ok()).collect();
        let known = self.known().clone();
        if let Some(stub) = known.filter(|stub| stub.written() == written) {
            return Ok(stub);
        }
        let read = Arc::clone(&self.read);
        // A long list of hosts must not keep other work waiting, least of all the timers of a cluster.
        let stub = tokio::task::spawn_blocking(move || Stub::new(read()?, written)).await;
        let stub = stub.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let stub = Arc::new(stub);
        *self.known() = Some(Arc::clone(&stub));
        Ok(stub)
    }

    fn known(&self) -> MutexGuard<'_, Option<Arc<Stub>>> {
        self.known.lock().expect("nobody panics with it")
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Settings that are in use. Lookups that fail, or that nobody waits for any longer, have them read anew: a
/// file may have changed within the same tick of its clock, or be another one by now.
pub(crate) struct Trust<'a> {
    system: &'a System,
    stub: Arc<Stub>,
    kept: bool,
}

impl Trust<'_> {
    /// Whom to ask.
    pub(crate) fn stub(&self) -> &Arc<Stub> {
        &self.stub
    }

    /// The settings served: every lookup came to its end, and none failed.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Trust<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.system.known().take_if(|known| Arc::ptr_eq(known, &self.stub));
        }
    }
}
