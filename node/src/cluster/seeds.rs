//! From `--cluster.join-addresses` to socket addresses.
//!
//! An address is an IP or a name, with or without a port. Without a prefix it is tried as an IP,
//! then as a host (A and AAAA), then as a service (SRV); the first that yields anything is taken.
//! A prefix says which: `dns+` a host, `dnssrv+` a service whose targets are looked up, and
//! `dnssrvnoa+` a service whose answers carry the addresses of its targets already. A port that is
//! not written is that of the SRV record, else this node's own.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::core::Core;
use crate::server::components::BoxFuture;

mod dns;
#[cfg(test)]
mod tests;

pub use dns::System;

/// How long one seed may take to resolve. Name servers that are down make a resolver wait for
/// long; the next attempt comes sooner than that.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(9);

/// How long one instance of a service may take of that, and all of them together: what others were found at
/// is not to be lost with it.
const INSTANCE_TIMEOUT: Duration = Duration::from_secs(2);
const INSTANCES_TIMEOUT: Duration = Duration::from_secs(8);

/// The most addresses that seeds may stand for. A headless service of a large cluster answers
/// with hundreds of them; what is beyond this many is not needed to find the rest.
const MAX_ADDRESSES: usize = 4096;

/// A name server as seeds need it. An empty answer says that the name has no such record.
pub trait Dns: Send + Sync {
    /// The addresses of a host.
    fn hosts<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, String>>;

    /// The instances of a service.
    fn services<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Service>, String>>;
}

/// One instance of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The host it runs on: a whole name, which ends with a dot.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The addresses of that host as far as the answer brought them along.
    pub addresses: Vec<IpAddr>,
}

/// What the seeds stand for at this moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Every address once, in the order of the seeds.
    pub addresses: Vec<SocketAddr>,
    /// What came of each seed, in order.
    pub lookups: Vec<Lookup>,
}

/// A seed as it was written, and what it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// As it was written.
    pub seed: String,
    /// What came of looking it up.
    pub outcome: Outcome,
}

/// What comes of looking a seed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// So many addresses.
    Found(usize),
    /// The name does not exist (yet): an answer, and no failure.
    Unknown,
    /// There was no answer, or only some of it. Nobody may conclude from that that there is no cluster.
    Failed(Failure),
}

/// Why a seed may stand for more than was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// What did not answer, and how.
    pub error: String,
    /// What was found all the same.
    pub found: Vec<SocketAddr>,
}

impl From<String> for Failure {
    fn from(error: String) -> Self {
        Self { error, ..Self::default() }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.found.len() {
            0 => write!(f, "failed: {}", self.error),
            found => write!(f, "{}, but failed: {}", Outcome::Found(found), self.error),
        }
    }
}

impl Outcome {
    /// The outcome as one word, for a label: `found`, `unknown` or `failed`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Found(_) => "found",
            Self::Unknown => "unknown",
            Self::Failed(_) => "failed",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Found(1) => f.write_str("1 address"),
            Self::Found(count) => write!(f, "{count} addresses"),
            Self::Unknown => f.write_str("does not exist"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl Resolved {
    /// What came of looking each seed up, in their order: its addresses, or why there may be more.
    pub fn of(
        answers: impl IntoIterator<Item = (String, Result<Vec<SocketAddr>, Failure>)>,
    ) -> Self {
        let mut resolved = Self::default();
        let mut seen = BTreeSet::new();
        for (seed, answer) in answers {
            let found = answer.as_ref().unwrap_or_else(|failure| &failure.found);
            let fresh = found.iter().filter(|address| seen.insert(**address));
            resolved.addresses.extend(fresh);
            let outcome = match answer {
                Ok(addresses) if addresses.is_empty() => Outcome::Unknown,
                Ok(addresses) => Outcome::Found(addresses.len()),
                Err(failure) => Outcome::Failed(failure),
            };
            resolved.lookups.push(Lookup { seed, outcome });
        }
        resolved.addresses.truncate(MAX_ADDRESSES);
        resolved
    }

    /// The lookups that failed, as text; nothing when none did.
    pub fn failure(&self) -> Option<String> {
        let failed = |lookup: &Lookup| match &lookup.outcome {
            Outcome::Failed(Failure { error, .. }) => Some(format!("{}: {error}", lookup.seed)),
            Outcome::Found(_) | Outcome::Unknown => None,
        };
        let failures: Vec<String> = self.lookups.iter().filter_map(failed).collect();
        (!failures.is_empty()).then(|| failures.join("; "))
    }
}

/// Resolves every seed, all at the same time: one that takes long keeps no other.
pub async fn resolve(seeds: &[String], default_port: u16, dns: &Arc<dyn Dns>) -> Resolved {
    let mut lookups = JoinSet::new();
    for (index, seed) in seeds.iter().enumerate() {
        let (seed, dns) = (seed.clone(), Arc::clone(dns));
        lookups.spawn(async move {
            let found = tokio::time::timeout(LOOKUP_TIMEOUT, one(&seed, default_port, &*dns)).await;
            let late = || Err(format!("no answer in {LOOKUP_TIMEOUT:?}").into());
            (index, found.unwrap_or_else(|_| late()))
        });
    }
    let mut found = lookups.join_all().await;
    found.sort_by_key(|(index, _)| *index);
    Resolved::of(found.into_iter().map(|(index, answer)| (seeds[index].clone(), answer)))
}

/// Tells `core` where the seeds are, as far as is known, and why there may be more of them: a lookup that
/// failed is not to be taken for the answer that there is nobody.
pub fn tell(core: &mut Core, addresses: &[SocketAddr], failures: &[String], now: Instant) {
    match (addresses.is_empty(), failures.is_empty()) {
        (_, true) => core.handle_seeds(addresses, now),
        (true, false) => core.handle_seeds_failure(failures.join("; "), now),
        (false, false) => core.handle_some_seeds(addresses, failures.join("; "), now),
    }
}

/// The address that a seed is without any lookup, if it is one.
pub fn literal(seed: &str, default_port: u16) -> Option<SocketAddr> {
    let (Kind::Any, rest) = prefix(seed) else { return None };
    let (name, port) = split_port(rest).ok()?;
    let ip: IpAddr = name.trim_matches(['[', ']']).parse().ok()?;
    Some(SocketAddr::new(ip, port.unwrap_or(default_port)))
}

async fn one(seed: &str, default_port: u16, dns: &dyn Dns) -> Result<Vec<SocketAddr>, Failure> {
    if let Some(address) = literal(seed, default_port) {
        return Ok(vec![address]);
    }
    let (kind, rest) = prefix(seed);
    let (name, port) = split_port(rest)?;
    let with_port = |addresses: Vec<IpAddr>, port: u16| {
        addresses.into_iter().map(move |ip| SocketAddr::new(ip, port)).collect()
    };
    let end = tokio::time::Instant::now() + INSTANCES_TIMEOUT;
    let host = async || Ok(with_port(dns.hosts(name).await?, port.unwrap_or(default_port)));
    match kind {
        Kind::Host => host().await,
        Kind::Service { look_up } => service(name, port, look_up, dns, end).await,
        Kind::Any => match host().await {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            // A name can be a service without being a host; only both failing is a failure.
            Ok(_) => service(name, port, true, dns, end).await,
            Err(failure) => match service(name, port, true, dns, end).await {
                Ok(addresses) if addresses.is_empty() => Err(failure),
                Err(Failure { found, .. }) if found.is_empty() => Err(failure),
                of_service => of_service,
            },
        },
    }
}

async fn service(
    name: &str,
    port: Option<u16>,
    look_up: bool,
    dns: &dyn Dns,
    end: tokio::time::Instant,
) -> Result<Vec<SocketAddr>, Failure> {
    let mut addresses = Vec::new();
    let mut failure = None;
    for service in dns.services(name).await? {
        // A port that is written wins: it is what the operator said last.
        let port = port.unwrap_or(service.port);
        let mut hosts = service.addresses;
        if look_up || hosts.is_empty() {
            let until = end.min(tokio::time::Instant::now() + INSTANCE_TIMEOUT);
            let found = tokio::time::timeout_at(until, dns.hosts(&service.host)).await;
            match found.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
                Ok(found) if !found.is_empty() => hosts = found,
                // Every server that was asked says that there is no such host (yet).
                Ok(_) => {}
                // Its addresses came along, so that nothing is missing.
                Err(_) if !hosts.is_empty() => {}
                Err(error) => {
                    failure = Some(format!("{}: {error}", service.host.trim_end_matches('.')));
                }
            }
        }
        addresses.extend(hosts.into_iter().map(|ip| SocketAddr::new(ip, port)));
    }
    match failure {
        // Some instances are enough to find the rest by, if they are there.
        Some(error) => Err(Failure { error, found: addresses }),
        None => Ok(addresses),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    Host,
    Service { look_up: bool },
}

fn prefix(seed: &str) -> (Kind, &str) {
    let kinds = [
        ("dns+", Kind::Host),
        ("dnssrv+", Kind::Service { look_up: true }),
        ("dnssrvnoa+", Kind::Service { look_up: false }),
    ];
    let with = |(prefix, kind)| seed.strip_prefix(prefix).map(|rest| (kind, rest));
    kinds.into_iter().find_map(with).unwrap_or((Kind::Any, seed))
}

/// A host and the port behind it. An IPv6 address needs brackets only when a port follows.
fn split_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let bare_v6 = text.matches(':').count() > 1 && !text.starts_with('[');
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !bare_v6 && !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = port.map(|port| port.parse().map_err(|_| format!("{port:?} is no port")));
    Ok((host, port.transpose()?))
}
