//! The name server of this host.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use hickory_resolver::config::{ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::{Hosts, Resolver, TokioResolver, system_conf};

use super::{BoxFuture, Dns, Failure, Service};

/// What says how to resolve. Both may change while a node runs: hosts move between networks.
const FILES: [&str; 2] = ["/etc/resolv.conf", HOSTS];
const HOSTS: &str = "/etc/hosts";

/// How much longer a server may take to tell of addresses of one kind once it has answered about the
/// other: some never answer what they do not know.
const OTHER_KIND: Duration = Duration::from_secs(1);

/// What these files say.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) config: ResolverConfig,
    pub(super) options: ResolverOpts,
    pub(super) hosts: Hosts,
}

impl Settings {
    fn of_host() -> Result<Self, NetError> {
        let (config, options) = system_conf::read_system_conf()?;
        Ok(Self { config, options, hosts: read_hosts(Path::new(HOSTS)) })
    }
}

/// What the file of hosts at `path` says. As elsewhere, one that cannot be read says nothing, and in the image of
/// a container there need not be one.
pub(super) fn read_hosts(path: &Path) -> Hosts {
    let mut hosts = Hosts::default();
    let read = std::fs::read(path).and_then(|bytes| {
        // A comment may be in whatever encoding.
        hosts.read_hosts_conf(String::from_utf8_lossy(&bytes).as_bytes())
    });
    match read {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, path = %path.display(), "cannot read the names of hosts");
        }
        _ => {}
    }
    hosts
}

type Read = dyn Fn() -> Result<Settings, NetError> + Send + Sync;

/// Resolves as `/etc/resolv.conf` and `/etc/hosts` say. Answers that were cut short over UDP are
/// asked for again over TCP.
pub struct System {
    files: Vec<PathBuf>,
    read: Arc<Read>,
    /// As of the last time that the files were read.
    stub: Mutex<Option<Arc<Stub>>>,
}

impl Default for System {
    fn default() -> Self {
        Self::of(FILES.map(PathBuf::from).into(), Settings::of_host)
    }
}

impl System {
    /// Resolves as `read` says, which is asked again when one of the files has changed.
    pub(super) fn of(
        files: Vec<PathBuf>,
        read: impl Fn() -> Result<Settings, NetError> + Send + Sync + 'static,
    ) -> Self {
        Self { files, read: Arc::new(read), stub: Mutex::default() }
    }

    async fn stub(&self) -> Result<Arc<Stub>, String> {
        let modified = |path: &PathBuf| std::fs::metadata(path).and_then(|file| file.modified());
        let written: Vec<_> = self.files.iter().map(|path| modified(path).ok()).collect();
        let known = self.known().clone();
        if let Some(stub) = known.filter(|stub| stub.written == written) {
            return Ok(stub);
        }
        let read = Arc::clone(&self.read);
        // A long list of hosts must not keep the loop of the cluster from its timers.
        let stub = tokio::task::spawn_blocking(move || Stub::new(read()?, written)).await;
        let stub = stub.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let stub = Arc::new(stub);
        *self.known() = Some(Arc::clone(&stub));
        Ok(stub)
    }

    async fn records(&self, name: &str, wanted: Wanted) -> Result<Vec<Record>, Failure<Record>> {
        let mut trust = Trust { system: self, stub: self.stub().await?, kept: false };
        let found = trust.stub.records(name, wanted).await;
        trust.kept = found.is_ok();
        found
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<Arc<Stub>>> {
        self.stub.lock().expect("nobody panics with it")
    }
}

impl Dns for System {
    fn hosts<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, Failure<IpAddr>>> {
        Box::pin(async move {
            // A service may name an address, which is no name and ends as one does.
            if let Ok(ip) = name.trim_end_matches('.').parse() {
                return Ok(vec![ip]);
            }
            let addresses = |of: &[Record]| of.iter().filter_map(address).collect();
            match self.records(name, Wanted::Addresses).await {
                Ok(records) => Ok(addresses(&records)),
                Err(Failure { error, found }) => Err(Failure { error, found: addresses(&found) }),
            }
        })
    }

    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Service>, String>> {
        Box::pin(async move {
            let records = self.records(name, Wanted::Services).await;
            records.map(|records| services(&records)).map_err(|failure| failure.error)
        })
    }
}

/// A lookup that fails, or that nobody waits for any longer, has the settings read anew: a file may have
/// changed within the same tick of its clock, or be another one by now.
struct Trust<'a> {
    system: &'a System,
    stub: Arc<Stub>,
    kept: bool,
}

impl Drop for Trust<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.system.known().take_if(|known| Arc::ptr_eq(known, &self.stub));
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Wanted {
    Addresses,
    Services,
}

/// The name servers as they were written down at some time.
struct Stub {
    resolver: TokioResolver,
    /// Names of which no server is asked.
    hosts: Hosts,
    /// What may be missing at the end of a name, in the order in which it is tried.
    suffixes: Vec<Name>,
    /// When the files were written.
    written: Vec<Option<SystemTime>>,
}

impl Stub {
    fn new(
        Settings { config, options, hosts }: Settings,
        written: Vec<Option<SystemTime>>,
    ) -> Result<Self, NetError> {
        let suffixes = config.domain().into_iter().chain(config.search()).cloned().collect();
        let provider = TokioRuntimeProvider::default();
        let mut builder = Resolver::builder_with_config(config, provider).with_options(options);
        // A seed that is gone must be seen to be gone at the next attempt.
        builder.options_mut().cache_size = 0;
        builder.options_mut().use_hosts_file = ResolveHosts::Never;
        Ok(Self { resolver: builder.build()?, hosts, suffixes, written })
    }

    /// The records of the first of the names `name` may stand for that has any. There are none only if
    /// every question was answered so: hickory alone would tell what came of the last name, and of the
    /// first kind of address, and a failure before that would look like a name that does not exist.
    async fn records(&self, name: &str, wanted: Wanted) -> Result<Vec<Record>, Failure<Record>> {
        let name = Name::from_utf8(name).map_err(|error| error.to_string())?;
        let written = match wanted {
            Wanted::Addresses => self.written_down(&name),
            Wanted::Services => Vec::new(),
        };
        if !written.is_empty() {
            return Ok(written);
        }
        let mut failure = None;
        for name in self.candidates(name) {
            let answers = match wanted {
                Wanted::Addresses => self.both_kinds(&name).await,
                Wanted::Services => vec![self.ask(&name, RecordType::SRV).await],
            };
            let (mut found, mut error) = (Vec::new(), None);
            for answer in answers {
                match answer {
                    Ok(records) => found.extend(records),
                    Err(of_kind) => error = Some(format!("{name}: {of_kind}")),
                }
            }
            if !found.is_empty() {
                return error.map_or(Ok(found.clone()), |error| Err(Failure { error, found }));
            }
            failure = failure.or(error);
        }
        failure.map_or(Ok(Vec::new()), |error| Err(error.into()))
    }

    /// What the file of hosts says of a name, which is what holds: a server may know of another host by that
    /// name, or not answer.
    fn written_down(&self, name: &Name) -> Vec<Record> {
        let query = |kind| Query::query(name.clone(), kind);
        let kinds = [RecordType::A, RecordType::AAAA].map(query);
        let found = kinds.iter().filter_map(|query| self.hosts.lookup_static_host(query));
        found.flat_map(|lookup| lookup.answers().to_vec()).collect()
    }

    /// The whole names that `name` may stand for, in the order in which every resolver tries them.
    fn candidates(&self, name: Name) -> Vec<Name> {
        if name.is_fqdn() {
            return vec![name];
        }
        let mut whole = name.clone();
        whole.set_fqdn(true);
        let ndots = self.resolver.options().ndots;
        let first = usize::from(name.num_labels()) > ndots || name.is_localhost();
        // What would be too long a name is none.
        let longer = self.suffixes.iter().filter_map(|end| name.clone().append_domain(end).ok());
        let mut names: Vec<Name> = Vec::new();
        let before = first.then(|| whole.clone());
        for name in before.into_iter().chain(longer).chain([whole]) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// What is said of both kinds of addresses; where nothing is said of one in time, that is a failure.
    async fn both_kinds(&self, name: &Name) -> Vec<Result<Vec<Record>, NetError>> {
        type Answer<'a> = Pin<&'a mut (dyn Future<Output = Result<Vec<Record>, NetError>> + Send)>;
        let mut v6 = pin!(self.ask(name, RecordType::AAAA));
        let mut v4 = pin!(self.ask(name, RecordType::A));
        let (first, other): (_, Answer<'_>) = tokio::select! {
            first = &mut v6 => (first, v4),
            first = &mut v4 => (first, v6),
        };
        let second = tokio::time::timeout(OTHER_KIND, other).await;
        vec![first, second.unwrap_or(Err(NetError::Timeout))]
    }

    /// The records of one kind that one name has, and behind those of services what came along.
    async fn ask(&self, name: &Name, kind: RecordType) -> Result<Vec<Record>, NetError> {
        let lookup = match self.resolver.lookup(name.clone(), kind).await {
            Ok(lookup) => lookup,
            Err(NetError::Dns(DnsError::NoRecordsFound(none)))
                if matches!(none.response_code, ResponseCode::NoError | ResponseCode::NXDomain) =>
            {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let mut records = lookup.answers().to_vec();
        records.retain(|record| record.record_type() == kind);
        if kind == RecordType::SRV && !records.is_empty() {
            records.extend(lookup.additionals().iter().cloned());
        }
        Ok(records)
    }
}

fn address(record: &Record) -> Option<IpAddr> {
    match &record.data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    }
}

/// The instances that records name, with the addresses that came along.
fn services(records: &[Record]) -> Vec<Service> {
    let service = |record: &Record| match &record.data {
        RData::SRV(srv) => {
            let of_host = records.iter().filter(|record| record.name == srv.target);
            // It is a whole name, and stands for no other.
            let mut host = srv.target.clone();
            host.set_fqdn(true);
            Some(Service {
                host: host.to_utf8(),
                port: srv.port,
                addresses: of_host.filter_map(address).collect(),
            })
        }
        _ => None,
    };
    records.iter().filter_map(service).collect()
}
