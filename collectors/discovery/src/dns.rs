//! Targets from DNS.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::proto::rr::{Name, RData, RecordType};
use model::Labels;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::outlet::Publisher;
use crate::resolver::{Stub, System, Wanted};
use crate::{ConfigError, Targets, at_least};

#[cfg(test)]
mod tests;

/// Names that are looked up at the same time; a resolver that gets more at once drops some.
const PARALLEL: usize = 32;

/// The settings of a [`DnsDiscovery`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The names to look up.
    pub names: Vec<String>,
    /// The records to look for.
    pub record: Record,
    /// The targets' port; needed for every type but SRV, whose records have their own.
    pub port: Option<u16>,
    /// How often the names are looked up.
    pub refresh_interval: Duration,
    /// The name server to ask instead of those of the system.
    pub name_server: Option<SocketAddr>,
}

/// A type of DNS record that targets can be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Record {
    /// Host and port; the default.
    #[default]
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail servers.
    Mx,
    /// Name servers.
    Ns,
}

impl Record {
    /// Its name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Srv => "SRV",
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Mx => "MX",
            Self::Ns => "NS",
        }
    }

    fn record_type(self) -> RecordType {
        match self {
            Self::Srv => RecordType::SRV,
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Mx => RecordType::MX,
            Self::Ns => RecordType::NS,
        }
    }
}

/// Looks names up, each as soon as it is due, independent of the others.
///
/// A name that does not exist has no targets; a name whose servers do not answer keeps those it had,
/// and is named in the health. A name that is not whole stands for several: the first that has records
/// wins, and it does not exist only if every one was validly answered. Nothing is exported before every
/// name has been looked up once.
///
/// What the system's settings say holds from the next refresh on; while they cannot be read, refreshes
/// fail.
#[derive(Debug)]
pub struct DnsDiscovery {
    names: Vec<String>,
    record: Record,
    port: u16,
    refresh_interval: Duration,
    system: System,
}

impl DnsDiscovery {
    /// Checks the settings; asks nobody.
    ///
    /// # Errors
    ///
    /// A setting that cannot be used.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        at_least(config.refresh_interval, "refresh_interval")?;
        if config.names.is_empty() {
            return Err(ConfigError::Empty("names"));
        }
        for name in &config.names {
            if !is_name(name) {
                return Err(ConfigError::Name(name.clone()));
            }
        }
        let port = match (config.record, config.port) {
            (Record::Srv, port) => port.unwrap_or(0),
            (_, Some(port)) => port,
            (record, None) => return Err(ConfigError::PortMissing(record.name())),
        };
        Ok(Self {
            names: config.names.clone(),
            record: config.record,
            port,
            refresh_interval: config.refresh_interval,
            system: config.name_server.map_or_else(System::default, System::only),
        })
    }

    /// Publishes until it is told to stop.
    pub async fn run(self, mut publisher: Publisher<Targets>, stop: CancellationToken) {
        let mut known: BTreeMap<String, Vec<Labels>> = BTreeMap::new();
        loop {
            let (found, failed) = tokio::select! {
                () = stop.cancelled() => return,
                found = publisher.during(self.look_up_all()) => found,
            };
            let in_part = !found.is_empty();
            known.extend(found);
            // A name that was never looked up is not known to have no targets.
            if self.names.iter().all(|name| known.contains_key(name)) {
                publisher.offer(snapshot(&known));
            }
            if failed.is_empty() {
                publisher.healthy();
            } else {
                if publisher.unhealthy(failed.clone(), in_part) {
                    warn!(reason = failed, "cannot look up names; keeping their last targets");
                }
            }
            let pause = publisher.pause(self.refresh_interval);
            tokio::select! {
                () = stop.cancelled() => return,
                () = publisher.during(tokio::time::sleep(pause)) => {}
            }
        }
    }

    /// The targets of the names that were answered, and why the others were not.
    async fn look_up_all(&self) -> (BTreeMap<String, Vec<Labels>>, String) {
        let trust = match self.system.trust().await {
            Ok(trust) => trust,
            Err(error) => {
                let reason = format!("the system's DNS settings cannot be used: {error}");
                return (BTreeMap::new(), reason);
            }
        };
        let (found, failed) = self.look_up_with(trust.stub()).await;
        if failed.is_empty() {
            trust.keep();
        }
        (found, failed)
    }

    async fn look_up_with(&self, stub: &Arc<Stub>) -> (BTreeMap<String, Vec<Labels>>, String) {
        let mut found = BTreeMap::new();
        let mut failed = BTreeMap::new();
        let mut names = self.names.iter();
        let mut lookups = JoinSet::new();
        loop {
            while lookups.len() < PARALLEL
                && let Some(name) = names.next()
            {
                let (stub, name) = (Arc::clone(stub), name.clone());
                let (record, port) = (self.record, self.port);
                lookups.spawn(async move {
                    let found = look_up(&stub, &name, record, port).await;
                    (name, found)
                });
            }
            match lookups.join_next().await {
                None => break,
                Some(Ok((name, Ok(targets)))) => drop(found.insert(name, targets)),
                Some(Ok((name, Err(reason)))) => drop(failed.insert(name, reason)),
                Some(Err(error)) => drop(failed.insert("a look-up".to_owned(), error.to_string())),
            }
        }
        let failed: Vec<String> =
            failed.into_iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
        (found, failed.join("; "))
    }
}

/// Whether a text is a name that DNS knows.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && Name::from_utf8(text).is_ok()
}

/// Every target once, in an order that does not hang on that of the answers.
fn snapshot(known: &BTreeMap<String, Vec<Labels>>) -> Targets {
    let targets: BTreeSet<&Labels> = known.values().flatten().collect();
    targets.into_iter().cloned().collect()
}

/// The targets of one name. A name that does not exist, or has no such records, has none.
async fn look_up(
    stub: &Stub,
    name: &str,
    record: Record,
    port: u16,
) -> Result<Vec<Labels>, String> {
    let records = stub.records(name, Wanted::Kind(record.record_type())).await;
    let records = records.map_err(|failure| {
        // What is said of the name as it was written needs no second name.
        let written = format!("{}.: ", name.trim_end_matches('.'));
        failure.error.strip_prefix(&written).unwrap_or(&failure.error).to_owned()
    })?;
    Ok(records.iter().filter_map(|found| target(name, &found.data, record, port)).collect())
}

/// The target that a record means; `None` for a record of another type, such as the address that came
/// along with the service.
fn target(name: &str, data: &RData, record: Record, port: u16) -> Option<Labels> {
    // Rooted names look unusual in an address, but the labels say what DNS said.
    let usual = |name: &Name| name.to_utf8().trim_end_matches('.').to_owned();
    let (address, meta) = match (record, data) {
        (Record::A, RData::A(address)) => (format!("{}:{port}", address.0), Vec::new()),
        (Record::Aaaa, RData::AAAA(address)) => (format!("[{}]:{port}", address.0), Vec::new()),
        (Record::Srv, RData::SRV(srv)) => (
            format!("{}:{}", usual(&srv.target), srv.port),
            vec![
                ("__meta_dns_srv_record_target", srv.target.to_utf8()),
                ("__meta_dns_srv_record_port", srv.port.to_string()),
            ],
        ),
        (Record::Mx, RData::MX(mx)) => (
            format!("{}:{port}", usual(&mx.exchange)),
            vec![("__meta_dns_mx_record_target", mx.exchange.to_utf8())],
        ),
        (Record::Ns, RData::NS(ns)) => (
            format!("{}:{port}", usual(&ns.0)),
            vec![("__meta_dns_ns_record_target", ns.0.to_utf8())],
        ),
        _ => return None,
    };
    let own = [("__address__", address), ("__meta_dns_name", name.to_owned())];
    Some(Labels::from_pairs(own.into_iter().chain(meta)))
}
