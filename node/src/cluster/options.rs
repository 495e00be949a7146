//! The `--cluster.*` flags.

use std::path::PathBuf;
use std::time::Duration;

/// What the command line says about the cluster. The default is a node on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whether to look for other nodes at all.
    pub enabled: bool,
    /// The unique name; the host's when absent.
    pub node_name: Option<String>,
    /// `host[:port]` under which others reach this node; taken from an interface when absent.
    pub advertise_address: Option<String>,
    /// Interfaces whose addresses may be advertised; the single name `all` stands for every one.
    pub advertise_interfaces: Vec<String>,
    /// Where to look for other nodes, as written.
    pub join_addresses: Vec<String>,
    /// How often seeds are looked up and tried again; zero for never.
    pub rejoin_interval: Duration,
    /// How many seeds are tried at a time; 0 for all of them.
    pub max_join_peers: usize,
    /// How long a node with seeds looks for a peer before it is a cluster of its own.
    pub bootstrap_timeout: Duration,
    /// The file with the keys of the cluster; nothing is sealed without.
    pub key_file: Option<PathBuf>,
    /// How to speak TLS to other nodes; plain HTTP when absent.
    pub tls: Option<client::Tls>,
    /// Only nodes of one name talk to each other.
    pub name: String,
    /// Participants that the cluster must have before it starts targets; 0 for any number.
    pub wait_for_size: usize,
    /// How long to wait for them; zero for ever.
    pub wait_timeout: Duration,
    /// How long a node that stops waits for others to take over what it collects: a target is
    /// handed over when a scrape that is under way has ended, 10 s at most by default, and
    /// orchestrators kill after 30 s.
    pub drain_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            enabled: false,
            node_name: None,
            advertise_address: None,
            advertise_interfaces: vec!["eth0".to_owned(), "en0".to_owned()],
            join_addresses: Vec::new(),
            rejoin_interval: Duration::from_secs(60),
            max_join_peers: 5,
            bootstrap_timeout: Duration::from_secs(10),
            key_file: None,
            tls: None,
            name: String::new(),
            wait_for_size: 0,
            wait_timeout: Duration::ZERO,
            drain_timeout: Duration::from_secs(20),
        }
    }
}
