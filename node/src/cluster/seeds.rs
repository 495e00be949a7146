//! From `--cluster.join-addresses` to socket addresses.
//!
//! An address is an IP or a name, with or without a port. Without a prefix it is tried as an IP,
//! then as a host (A and AAAA), then as a service (SRV); the first that yields anything is taken.
//! A prefix says which: `dns+` a host, `dnssrv+` a service whose targets are looked up, and
//! `dnssrvnoa+` a service whose answers carry the addresses of its targets already. A port that is
//! not written is that of the SRV record, else this node's own.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::server::components::BoxFuture;

mod dns;
#[cfg(test)]
mod tests;

pub use dns::System;

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
    /// The host it runs on, without a trailing dot.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The addresses of that host as far as the answer brought them along.
    pub addresses: Vec<IpAddr>,
}

/// What the seeds stand for at this moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Every address once.
    pub addresses: Vec<SocketAddr>,
    /// Lookups that failed, as against names that do not exist (yet): nobody may conclude from
    /// them that there is no cluster.
    pub failures: Vec<String>,
    /// Seeds that led nowhere because their names do not exist.
    pub unknown: Vec<String>,
}

/// Resolves every seed, in order.
pub async fn resolve(seeds: &[String], default_port: u16, dns: &dyn Dns) -> Resolved {
    let mut resolved = Resolved::default();
    let mut seen = BTreeSet::new();
    for seed in seeds {
        match one(seed, default_port, dns).await {
            Ok(addresses) if addresses.is_empty() => resolved.unknown.push(seed.clone()),
            Ok(addresses) => {
                let fresh = addresses.into_iter().filter(|address| seen.insert(*address));
                resolved.addresses.extend(fresh);
            }
            Err(error) => resolved.failures.push(format!("{seed}: {error}")),
        }
    }
    resolved.addresses.truncate(MAX_ADDRESSES);
    resolved
}

async fn one(seed: &str, default_port: u16, dns: &dyn Dns) -> Result<Vec<SocketAddr>, String> {
    let (kind, rest) = prefix(seed);
    let (name, port) = split_port(rest)?;
    if kind == Kind::Any
        && let Ok(ip) = name.trim_matches(['[', ']']).parse::<IpAddr>()
    {
        return Ok(vec![SocketAddr::new(ip, port.unwrap_or(default_port))]);
    }
    let with_port = |addresses: Vec<IpAddr>, port: u16| {
        addresses.into_iter().map(move |ip| SocketAddr::new(ip, port)).collect()
    };
    let host = async || Ok(with_port(dns.hosts(name).await?, port.unwrap_or(default_port)));
    match kind {
        Kind::Host => host().await,
        Kind::Service { look_up } => service(name, port, look_up, dns).await,
        Kind::Any => match host().await {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            // A name can be a service without being a host; only both failing is a failure.
            Ok(_) => service(name, port, true, dns).await,
            Err(error) => match service(name, port, true, dns).await {
                Ok(addresses) if !addresses.is_empty() => Ok(addresses),
                _ => Err(error),
            },
        },
    }
}

async fn service(
    name: &str,
    port: Option<u16>,
    look_up: bool,
    dns: &dyn Dns,
) -> Result<Vec<SocketAddr>, String> {
    let mut addresses = Vec::new();
    let mut failure = None;
    for service in dns.services(name).await? {
        // A port that is written wins: it is what the operator said last.
        let port = port.unwrap_or(service.port);
        let mut hosts = service.addresses;
        if look_up || hosts.is_empty() {
            match dns.hosts(&service.host).await {
                Ok(found) if !found.is_empty() => hosts = found,
                Ok(_) => {}
                Err(error) => failure = Some(format!("{}: {error}", service.host)),
            }
        }
        addresses.extend(hosts.into_iter().map(|ip| SocketAddr::new(ip, port)));
    }
    match failure {
        // Some instances are enough to find the rest by.
        Some(error) if addresses.is_empty() => Err(error),
        _ => Ok(addresses),
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
