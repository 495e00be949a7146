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

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::advertise::Reach;
use crate::core::Core;
use crate::server::components::BoxFuture;

mod dns;
#[cfg(test)]
mod tests;

pub use discovery::resolver::System;

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

/// Addresses out of reach that are told of. A name may lead to thousands, all of them for one reason.
const MOST_OUT_OF_REACH: usize = 64;

/// A name server as seeds need it. An empty answer says that the name has no such record.
pub trait Dns: Send + Sync {
    /// The addresses of a host. Not to be told of those of one kind is a failure, which comes with those of
    /// the other.
    fn hosts<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, Failure<IpAddr>>>;

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
    /// The first seed that leads to each of these, by its place among the lookups.
    origins: Vec<usize>,
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

/// An address that a seed leads to and that is left out: whoever is there could never reach this node back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfReach {
    /// The seed as it was written.
    pub seed: String,
    /// Where it leads to.
    pub address: SocketAddr,
    /// Why nobody there could reach this node, and what to do about it.
    pub reason: String,
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
pub type Failure<T = SocketAddr> = discovery::resolver::Failure<T>;

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
            Self::Failed(Failure { error, found }) => match found.len() {
                0 => write!(f, "failed: {error}"),
                found => write!(f, "{}, but failed: {error}", Self::Found(found)),
            },
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
        for (index, (seed, answer)) in answers.into_iter().enumerate() {
            let found = answer.as_ref().unwrap_or_else(|failure| &failure.found);
            let fresh = found.iter().filter(|address| seen.insert(**address));
            resolved.addresses.extend(fresh);
            resolved.origins.resize(resolved.addresses.len(), index);
            let outcome = match answer {
                Ok(addresses) if addresses.is_empty() => Outcome::Unknown,
                Ok(addresses) => Outcome::Found(addresses.len()),
                Err(failure) => Outcome::Failed(failure),
            };
            resolved.lookups.push(Lookup { seed, outcome });
        }
        resolved.addresses.truncate(MAX_ADDRESSES);
        resolved.origins.truncate(MAX_ADDRESSES);
        resolved
    }

    /// Leaves out who could never reach this node back, and says why: to join them would only spread an
    /// address that is of no use to them. Of many, the first are told.
    pub fn leave_out_of_reach(&mut self, reach: Reach) -> Vec<OutOfReach> {
        let mut left_out = Vec::new();
        let found = std::mem::take(&mut self.addresses).into_iter();
        let found = found.zip(std::mem::take(&mut self.origins));
        for (address, origin) in found {
            match reach.check(address) {
                Ok(()) => {
                    self.addresses.push(address);
                    self.origins.push(origin);
                }
                Err(error) if left_out.len() < MOST_OUT_OF_REACH => left_out.push(OutOfReach {
                    seed: self.lookups[origin].seed.clone(),
                    address,
                    reason: error.to_string(),
                }),
                Err(_) => {}
            }
        }
        left_out
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

/// Resolves every seed, all at the same time: one that takes long keeps no other. `own` is the address of
/// this node: its port is that of seeds that are written without one, and of the kind of its IP there must be an
/// address where the server says nothing of the other kind.
pub async fn resolve(seeds: &[String], own: SocketAddr, dns: &Arc<dyn Dns>) -> Resolved {
    let mut lookups = JoinSet::new();
    for (index, seed) in seeds.iter().enumerate() {
        let (seed, dns) = (seed.clone(), Arc::clone(dns));
        lookups.spawn(async move {
            let found = tokio::time::timeout(LOOKUP_TIMEOUT, one(&seed, own, &*dns)).await;
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

async fn one(seed: &str, own: SocketAddr, dns: &dyn Dns) -> Result<Vec<SocketAddr>, Failure> {
    if let Some(address) = literal(seed, own.port()) {
        return Ok(vec![address]);
    }
    let (kind, rest) = prefix(seed);
    let (name, port) = split_port(rest)?;
    let end = tokio::time::Instant::now() + INSTANCES_TIMEOUT;
    let services = Services { port, own: own.ip(), dns, end };
    let host = async || {
        let there = |ips| with_port(ips, port.unwrap_or(own.port())).collect();
        let found = hosts(name, own.ip(), dns).await;
        found.map(there).map_err(|failure| failure.map(there))
    };
    match kind {
        Kind::Host => host().await,
        Kind::Service { look_up } => services.find(name, look_up).await,
        Kind::Any => match host().await {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            Err(failure) if !failure.found.is_empty() => Err(failure),
            // A name can be a service without being a host; only both failing is a failure.
            Ok(_) => services.find(name, true).await,
            Err(failure) => match services.find(name, true).await {
                Ok(addresses) if addresses.is_empty() => Err(failure),
                Err(Failure { found, .. }) if found.is_empty() => Err(failure),
                of_service => of_service,
            },
        },
    }
}

fn with_port(ips: Vec<IpAddr>, port: u16) -> impl Iterator<Item = SocketAddr> {
    ips.into_iter().map(move |ip| SocketAddr::new(ip, port))
}

/// The addresses of a host. Some servers never say anything of a kind that they have none of; that is a failure
/// only where there are none of the kind of this node's `own`, for those of the other may be of no use to it.
async fn hosts(name: &str, own: IpAddr, dns: &dyn Dns) -> Result<Vec<IpAddr>, Failure<IpAddr>> {
    let answer = dns.hosts(name).await;
    answer.or_else(|failure| {
        let enough = failure.found.iter().any(|ip| ip.is_ipv4() == own.is_ipv4());
        if enough { Ok(failure.found) } else { Err(failure) }
    })
}

/// How the instances of a service are found.
struct Services<'a> {
    /// The port that was written.
    port: Option<u16>,
    own: IpAddr,
    dns: &'a dyn Dns,
    /// When no host is looked up any longer.
    end: tokio::time::Instant,
}

impl Services<'_> {
    async fn find(&self, name: &str, look_up: bool) -> Result<Vec<SocketAddr>, Failure> {
        let mut addresses = Vec::new();
        let mut failure = None;
        for service in self.dns.services(name).await? {
            // A port that is written wins: it is what the operator said last.
            let port = self.port.unwrap_or(service.port);
            let mut ips = service.addresses;
            if look_up || ips.is_empty() {
                match self.look_up(&service.host).await {
                    Ok(found) if !found.is_empty() => ips = found,
                    // Every server that was asked says that there is no such host (yet).
                    Ok(_) => {}
                    // Its addresses came along, so that nothing is missing.
                    Err(_) if !ips.is_empty() => {}
                    Err(Failure { error, found }) => {
                        failure = Some(format!("{}: {error}", service.host.trim_end_matches('.')));
                        ips = found;
                    }
                }
            }
            addresses.extend(with_port(ips, port));
        }
        match failure {
            // Some instances are enough to find the rest by, if they are there.
            Some(error) => Err(Failure { error, found: addresses }),
            None => Ok(addresses),
        }
    }

    async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, Failure<IpAddr>> {
        let until = self.end.min(tokio::time::Instant::now() + INSTANCE_TIMEOUT);
        let found = tokio::time::timeout_at(until, hosts(host, self.own, self.dns)).await;
        found.unwrap_or_else(|_| Err("no answer in time".to_owned().into()))
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
    // Nobody is ever reached at port 0.
    let read = |port: &str| port.parse().ok().filter(|number| *number != 0);
    let port = port.map(|port| read(port).ok_or_else(|| format!("{port:?} is no port")));
    Ok((host, port.transpose()?))
}
