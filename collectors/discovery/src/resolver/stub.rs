//! Asks name servers about a name, and about every other that it may stand for.

use std::pin::{Pin, pin};
use std::time::{Duration, SystemTime};

use hickory_resolver::config::ResolveHosts;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, Record, RecordType};
use hickory_resolver::{Hosts, TokioResolver};

use super::{Failure, Settings, Wanted};

/// How much longer a server may take to tell of addresses of one kind once it has answered about the
/// other: some never answer what they do not know.
const OTHER_KIND: Duration = Duration::from_secs(1);

/// The name servers as they were written down at some time.
pub(crate) struct Stub {
    resolver: TokioResolver,
    /// Names of which no server is asked.
    hosts: Hosts,
    /// What may be missing at the end of a name, in the order in which it is tried.
    suffixes: Vec<Name>,
    /// When the files were written.
    written: Vec<Option<SystemTime>>,
}

impl Stub {
    pub(super) fn new(
        Settings { config, options, hosts }: Settings,
        written: Vec<Option<SystemTime>>,
    ) -> Result<Self, NetError> {
        let suffixes = config.domain().into_iter().chain(config.search()).cloned().collect();
        let provider = TokioRuntimeProvider::default();
        let builder = TokioResolver::builder_with_config(config, provider);
        let mut builder = builder.with_options(options);
        // What is gone must be seen to be gone at the next attempt.
        builder.options_mut().cache_size = 0;
        builder.options_mut().use_hosts_file = ResolveHosts::Never;
        Ok(Self { resolver: builder.build()?, hosts, suffixes, written })
    }

    /// When the files were written that this was read from.
    pub(super) fn written(&self) -> &[Option<SystemTime>] {
        &self.written
    }

    /// The records of the first of the names `name` may stand for that has any. There are none only if
    /// every question was answered so: hickory alone would tell what came of the last name, and of the
    /// first kind of address, and a failure before that would look like a name that does not exist.
    pub(crate) async fn records(
        &self,
        name: &str,
        wanted: Wanted,
    ) -> Result<Vec<Record>, Failure<Record>> {
        let name = Name::from_utf8(name).map_err(|error| error.to_string())?;
        if wanted == Wanted::Addresses {
            let written = self.written_down(&name, &[RecordType::A, RecordType::AAAA]);
            if !written.is_empty() {
                return Ok(written);
            }
        }
        let mut failure = None;
        for name in self.candidates(name) {
            let answers = match wanted {
                Wanted::Addresses => self.both_kinds(&name).await,
                Wanted::Kind(kind) => vec![self.one_kind(&name, kind).await],
            };
            let (mut found, mut error) = (Vec::new(), None);
            for answer in answers {
                match answer {
                    Ok(records) => found.extend(records),
                    Err(of_kind) => error = Some(format!("{name}: {of_kind}")),
                }
            }
            if !found.is_empty() {
                return match error {
                    None => Ok(found),
                    Some(error) => Err(Failure { error, found }),
                };
            }
            failure = failure.or(error);
        }
        failure.map_or(Ok(Vec::new()), |error| Err(error.into()))
    }

    /// What the file of hosts says of a name, which is what holds: a server may know of another host by that
    /// name, or not answer.
    fn written_down(&self, name: &Name, kinds: &[RecordType]) -> Vec<Record> {
        let queries = kinds.iter().map(|kind| Query::query(name.clone(), *kind));
        let found = queries.filter_map(|query| self.hosts.lookup_static_host(&query));
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

    /// What the file of hosts says of one name, else what a server does.
    async fn one_kind(&self, name: &Name, kind: RecordType) -> Result<Vec<Record>, NetError> {
        let written = self.written_down(name, &[kind]);
        if written.is_empty() { self.ask(name, kind).await } else { Ok(written) }
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
            let along = lookup.additionals().iter();
            records.extend(along.filter(|record| record.data.ip_addr().is_some()).cloned());
        }
        Ok(records)
    }
}
