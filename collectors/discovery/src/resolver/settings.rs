//! What is written down about how to resolve.

use std::net::SocketAddr;
use std::path::Path;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::{Hosts, system_conf};

/// What says how to resolve. Both may change while a process runs: hosts move between networks.
pub(super) const FILES: [&str; 2] = ["/etc/resolv.conf", HOSTS];
pub(super) const HOSTS: &str = "/etc/hosts";

/// What these files say.
#[derive(Debug)]
pub struct Settings {
    /// Whom to ask, and what may be missing at the end of a name.
    pub config: ResolverConfig,
    /// When to try a name as it is written, and how long to wait.
    pub options: ResolverOpts,
    /// Names of which no server is asked.
    pub hosts: Hosts,
}

impl Settings {
    pub(super) fn of_host() -> Result<Self, NetError> {
        let (config, options) = system_conf::read_system_conf()?;
        Ok(Self { config, options, hosts: read_hosts(Path::new(HOSTS)) })
    }

    /// Has the server at this address asked, and appends nothing.
    pub(crate) fn only(address: SocketAddr) -> Self {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut way| {
            way.port = address.port();
            way
        });
        let server = NameServerConfig::new(address.ip(), true, connections.into());
        Self {
            config: ResolverConfig::from_name_servers(vec![server]),
            options: ResolverOpts::default(),
            hosts: read_hosts(Path::new(HOSTS)),
        }
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
