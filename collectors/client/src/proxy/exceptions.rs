//! `no_proxy`: hosts to reach directly.

use std::net::IpAddr;

use crate::origin::Origin;

/// The entries of a `no_proxy` list, with the meaning that Go programs give them: an address, a
/// network, a domain with everything below it, `.domain` or `*.domain` for only what is below it,
/// each with an optional port, or `*` for everything. This machine itself is always excepted.
#[derive(Debug, Default)]
pub(crate) struct Exceptions(Vec<Entry>);

#[derive(Debug)]
enum Entry {
    Everything,
    Network { network: IpAddr, prefix: u32 },
    Address { address: IpAddr, port: Option<u16> },
    Domain { suffix: String, itself: bool, port: Option<u16> },
}

impl Exceptions {
    /// Entries that mean nothing are left out, as everybody else does.
    pub(crate) fn parse(list: &str) -> Self {
        Self(list.split(',').filter_map(|entry| Entry::parse(entry.trim())).collect())
    }

    pub(crate) fn covers(&self, origin: &Origin) -> bool {
        if origin.is_this_machine() {
            return true;
        }
        let address: Option<IpAddr> = origin.host.parse().ok();
        self.0.iter().any(|entry| entry.covers(&origin.host, address, origin.port))
    }
}

impl Entry {
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.to_ascii_lowercase();
        if entry.is_empty() {
            return None;
        }
        if entry == "*" {
            return Some(Self::Everything);
        }
        if let Some((network, prefix)) = entry.split_once('/') {
            let network: IpAddr = network.parse().ok()?;
            let prefix = prefix.parse().ok().filter(|prefix| *prefix <= width(network))?;
            return Some(Self::Network { network, prefix });
        }
        let (host, port) = split_port(&entry)?;
        if let Ok(address) = host.parse() {
            return Some(Self::Address { address, port });
        }
        let host = host.strip_prefix('*').unwrap_or(host);
        match host.strip_prefix('.') {
            Some("") => None,
            Some(_) => Some(Self::Domain { suffix: host.to_owned(), itself: false, port }),
            None => Some(Self::Domain { suffix: format!(".{host}"), itself: true, port }),
        }
    }

    fn covers(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        match self {
            Self::Everything => true,
            Self::Network { network, prefix } => {
                address.is_some_and(|address| same_network(*network, address, *prefix))
            }
            Self::Address { address: wanted, port: wanted_port } => {
                address == Some(*wanted) && wanted_port.is_none_or(|wanted| wanted == port)
            }
            Self::Domain { suffix, itself, port: wanted_port } => {
                (host.ends_with(suffix.as_str()) || (*itself && *host == suffix[1..]))
                    && wanted_port.is_none_or(|wanted| wanted == port)
            }
        }
    }
}

/// Host and port of an entry; an IPv6 address may stand without brackets if it has no port.
fn split_port(entry: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = entry.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    match entry.split_once(':') {
        // More than one colon: an IPv6 address.
        Some((_, rest)) if rest.contains(':') => Some((entry, None)),
        Some(("", _)) => None,
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((entry, None)),
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn same_network(network: IpAddr, address: IpAddr, prefix: u32) -> bool {
    // A prefix of 0 shifts everything out, which `checked_shr` answers with `None` for both.
    match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            (a.to_bits() ^ b.to_bits()).checked_shr(32 - prefix).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            (a.to_bits() ^ b.to_bits()).checked_shr(128 - prefix).unwrap_or(0) == 0
        }
        _ => false,
    }
}
