//! The address under which others reach this node.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tracing::warn;

use super::seeds::{Dns, System};

#[cfg(test)]
mod tests;

/// Why there is no address to advertise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The flag's value is no address and no name that resolves.
    #[error("--cluster.advertise-address {text:?}: {reason}")]
    Unresolvable {
        /// What was written.
        text: String,
        /// Why it leads nowhere.
        reason: String,
    },
    /// The interfaces of the host could not be listed.
    #[error("cannot list the interfaces of this host")]
    Interfaces(#[source] std::io::Error),
    /// None of the interfaces has an address that others could use.
    #[error(
        "no interface of {wanted:?} has an address that others can reach (there are: {found}); \
         name one with --cluster.advertise-interfaces or give --cluster.advertise-address"
    )]
    Nothing {
        /// The interfaces that were allowed.
        wanted: Vec<String>,
        /// The interfaces that exist, with their addresses.
        found: String,
    },
    /// The address means another host on each interface, and others are not told which is meant.
    #[error(
        "{0} cannot be advertised: a link-local IPv6 address means another host on each interface; \
         give another one by --cluster.advertise-address"
    )]
    LinkLocal(IpAddr),
    /// Peers are on other hosts, and none of them could reach this node.
    #[error(transparent)]
    Loopback(#[from] Unreachable),
}

/// A node of this host alone is to join nodes of other hosts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{seed}, where others are looked for, is on another host, and this node {}: listen on an address of this host \
     (--server.http.listen-addr=0.0.0.0:{port}), which is then advertised, or is given by \
     --cluster.advertise-address",
    if *listens { "listens on loopback only" } else { "advertises a loopback address" }
)]
pub struct Unreachable {
    /// Where it is to look for others.
    pub seed: SocketAddr,
    listens: bool,
    port: u16,
}

/// Where a node listens, and how others are told to reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it advertises.
    pub advertise: SocketAddr,
}

impl Reach {
    /// Whether nobody but this host has to do with the node. One that listens everywhere is open to all,
    /// wherever it says that it is.
    pub fn is_loopback(self) -> bool {
        self.listen.ip().is_loopback() && self.advertise.ip().is_loopback()
    }

    /// Whether others of this host could reach this node, and none of other hosts would find it.
    pub fn is_hidden(self) -> bool {
        self.advertise.ip().is_loopback() && !self.listen.ip().is_loopback()
    }

    /// Checks that whoever is at `seed` can reach this node, as far as loopback decides it.
    ///
    /// # Errors
    ///
    /// When only this host can reach it, and `seed` is on another.
    pub fn check(self, seed: SocketAddr) -> Result<(), Unreachable> {
        let listens = self.listen.ip().is_loopback();
        let here = listens || self.advertise.ip().is_loopback();
        if here && !seed.ip().is_loopback() {
            return Err(Unreachable { seed, listens, port: self.listen.port() });
        }
        Ok(())
    }
}

/// An interface's name and one of its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The interface's name.
    pub interface: String,
    /// One address of it.
    pub ip: IpAddr,
}

/// The addresses of this host.
///
/// # Errors
///
/// When the system does not tell them.
pub fn candidates() -> Result<Vec<Candidate>, Error> {
    let interfaces = if_addrs::get_if_addrs().map_err(Error::Interfaces)?;
    let candidate = |interface: if_addrs::Interface| {
        let ip = interface.ip();
        Candidate { interface: interface.name, ip }
    };
    Ok(interfaces.into_iter().map(candidate).collect())
}

/// The best address to advertise: one that was listened on, if it is a definite one, else IPv4
/// before IPv6 and routable before link-local, from the wanted interfaces (`all`: any). Loopback
/// is taken only when that is where the node listens: advertising it to other hosts would isolate
/// the node silently. A link-local IPv6 address never is, which means nothing without its interface.
///
/// # Errors
///
/// When no interface has a usable address.
pub fn choose(
    listen: SocketAddr,
    wanted: &[String],
    candidates: &[Candidate],
) -> Result<SocketAddr, Error> {
    if !listen.ip().is_unspecified() {
        return usable(listen);
    }
    let any = wanted.iter().any(|name| name == "all");
    let best = candidates
        .iter()
        .filter(|candidate| any || wanted.contains(&candidate.interface))
        .filter(|candidate| !candidate.ip.is_loopback() && !candidate.ip.is_unspecified())
        .filter(|candidate| !needs_scope(candidate.ip))
        .filter(|candidate| listen.is_ipv6() || candidate.ip.is_ipv4())
        .min_by_key(|candidate| (link_local(candidate.ip), candidate.ip.is_ipv6()));
    match best {
        Some(best) => Ok(SocketAddr::new(best.ip, listen.port())),
        None => Err(Error::Nothing { wanted: wanted.to_vec(), found: listing(candidates) }),
    }
}

fn usable(address: SocketAddr) -> Result<SocketAddr, Error> {
    if needs_scope(address.ip()) { Err(Error::LinkLocal(address.ip())) } else { Ok(address) }
}

fn link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Whether the address means nothing without its interface.
fn needs_scope(ip: IpAddr) -> bool {
    ip.is_ipv6() && link_local(ip)
}

fn listing(candidates: &[Candidate]) -> String {
    let names = candidates.iter().map(|Candidate { interface, ip }| {
        let link_local = if needs_scope(*ip) { ", which is link-local" } else { "" };
        format!("{interface} {ip}{link_local}")
    });
    names.collect::<Vec<String>>().join(", ")
}

/// Reads `--cluster.advertise-address`, resolving a name once. Of several addresses of a name, one that
/// others can reach is taken: on some systems a host's own name leads to loopback, too.
///
/// # Errors
///
/// When it leads to no address.
pub async fn parse(text: &str, listen: SocketAddr) -> Result<SocketAddr, Error> {
    let unresolvable = |reason: String| Error::Unresolvable { text: text.to_owned(), reason };
    let dns: Arc<dyn Dns> = Arc::new(System::default());
    let resolved = super::seeds::resolve(&[text.to_owned()], listen, &dns).await;
    if let Some(address) = best(&resolved.addresses) {
        let address = usable(address)?;
        if (Reach { listen, advertise: address }).is_hidden() {
            warn!(
                %address,
                %listen,
                "this node advertises a loopback address: nodes of other hosts that find it take \
                 themselves for it; give --cluster.advertise-address an address of this host that \
                 they can reach"
            );
        }
        return Ok(address);
    }
    Err(unresolvable(resolved.failure().unwrap_or("it does not exist".to_owned())))
}

fn best(addresses: &[SocketAddr]) -> Option<SocketAddr> {
    // The first among equals: that is the order of the resolver.
    let rank = |address: &&SocketAddr| (needs_scope(address.ip()), address.ip().is_loopback());
    addresses.iter().min_by_key(rank).copied()
}
