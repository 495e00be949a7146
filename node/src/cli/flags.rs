//! The flags of `shoal run`: Alloy's names and defaults.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum as _};

use super::options::{Options, Stability};
use crate::cluster;

#[cfg(test)]
mod tests;
mod unavailable;

use unavailable::Unavailable;

/// The port of a listen address that names none.
const DEFAULT_PORT: u16 = 12345;

/// `shoal run`.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// A configuration file, or a directory whose *.alloy files are read as one.
    #[arg(value_name = "CONFIG")]
    config: PathBuf,

    /// Where HTTP and gossip listen: HTTP on TCP, gossip on UDP, one port number.
    #[arg(
        long = "server.http.listen-addr",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:12345",
        value_parser = listen_address
    )]
    listen_address: SocketAddr,

    /// The address under which components reach this process without a network.
    #[arg(
        long = "server.http.memory-addr",
        value_name = "HOST:PORT",
        default_value = "alloy.internal:12345"
    )]
    memory_address: String,

    /// The prefix under which pages and their API are served.
    #[arg(long = "server.http.ui-path-prefix", value_name = "PATH", default_value = "/")]
    ui_path_prefix: String,

    /// Serve profiles of this process under /debug/pprof.
    #[arg(long = "server.http.enable-pprof", value_name = "BOOL", default_value = "true",
        num_args = 0..=1, default_missing_value = "true", require_equals = true,
        value_parser = boolean, action = clap::ArgAction::Set)]
    enable_pprof: bool,

    /// Where components keep their files.
    #[arg(long = "storage.path", value_name = "DIR", default_value = "data-alloy/")]
    storage_path: PathBuf,

    /// The least stable features that may be used.
    #[arg(
        long = "stability.level",
        value_name = "LEVEL",
        default_value = "generally-available",
        value_parser = stability
    )]
    stability: Stability,

    /// How long a component may take to stop.
    #[arg(long = "feature.component-shutdown-deadline", value_name = "DURATION",
        default_value = "10m", value_parser = duration)]
    component_shutdown_deadline: Duration,

    #[command(flatten)]
    cluster: ClusterFlags,

    #[command(flatten)]
    unavailable: Unavailable,

    /// End when standard input ends.
    #[arg(long = "exit-on-stdin-eof", hide = true)]
    exit_on_stdin_eof: bool,
}

#[derive(Debug, Args)]
struct ClusterFlags {
    /// Share the targets of clustered components with other nodes.
    #[arg(long = "cluster.enabled", value_name = "BOOL", default_value = "false",
        num_args = 0..=1, default_missing_value = "true", require_equals = true,
        value_parser = boolean, action = clap::ArgAction::Set)]
    enabled: bool,

    /// The unique name of this node; the host's name when absent.
    #[arg(long = "cluster.node-name", value_name = "NAME", default_value = "")]
    node_name: String,

    /// Where other nodes reach this one; taken from an interface when absent.
    #[arg(long = "cluster.advertise-address", value_name = "HOST[:PORT]", default_value = "")]
    advertise_address: String,

    /// Interfaces whose addresses may be advertised; `all` for every one.
    #[arg(
        long = "cluster.advertise-interfaces",
        value_name = "NAMES",
        default_value = "eth0,en0",
        value_delimiter = ','
    )]
    advertise_interfaces: Vec<String>,

    /// Where to look for other nodes: addresses, host names, or names with one of the prefixes
    /// dns+, dnssrv+ and dnssrvnoa+.
    #[arg(long = "cluster.join-addresses", value_name = "ADDRESSES", value_delimiter = ',')]
    join_addresses: Vec<String>,

    /// How to find other nodes instead: provider=dns names=NAME[,NAME...] [type=host|srv|srvnoa]
    /// [port=PORT].
    #[arg(long = "cluster.discover-peers", value_name = "PROVIDER", default_value = "")]
    discover_peers: String,

    /// How often those are looked up and tried again; 0 for never.
    #[arg(long = "cluster.rejoin-interval", value_name = "DURATION", default_value = "60s",
        value_parser = duration)]
    rejoin_interval: Duration,

    /// How many of them are tried at a time; 0 for all.
    #[arg(long = "cluster.max-join-peers", value_name = "N", default_value = "5")]
    max_join_peers: usize,

    /// How long a node that reaches none of them waits before it takes part on its own.
    #[arg(long = "cluster.bootstrap-timeout", value_name = "DURATION", default_value = "10s",
        value_parser = duration)]
    bootstrap_timeout: Duration,

    /// Only nodes of one cluster name talk to each other.
    #[arg(long = "cluster.name", value_name = "NAME", default_value = "")]
    name: String,

    /// Start no targets before the cluster has this many nodes; 0 for any number.
    #[arg(long = "cluster.wait-for-size", value_name = "N", default_value = "0")]
    wait_for_size: usize,

    /// Wait no longer than this for that many nodes; 0 for ever.
    #[arg(long = "cluster.wait-timeout", value_name = "DURATION", default_value = "0s",
        value_parser = duration)]
    wait_timeout: Duration,

    /// How long a node that stops waits for others to take over what it collects. What nobody has
    /// taken by then is collected again once the others find it gone.
    #[arg(long = "cluster.drain-timeout", value_name = "DURATION", default_value = "20s",
        value_parser = duration)]
    drain_timeout: Duration,

    /// A file with the keys of the cluster, one a line, as `shoal key new` prints them. What nodes
    /// say to each other is sealed with the first and opened with each; read again on reload.
    #[arg(long = "cluster.key-file", value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// Speak TLS to other nodes; this node serves TLS when the http block says so.
    #[arg(long = "cluster.enable-tls", value_name = "BOOL", default_value = "false",
        num_args = 0..=1, default_missing_value = "true", require_equals = true,
        value_parser = boolean, action = clap::ArgAction::Set)]
    enable_tls: bool,

    /// The authorities to trust, as PEM; the system's when absent.
    #[arg(long = "cluster.tls-ca-path", value_name = "FILE")]
    tls_ca_path: Option<PathBuf>,

    /// The certificate to show to other nodes, as PEM.
    #[arg(long = "cluster.tls-cert-path", value_name = "FILE")]
    tls_cert_path: Option<PathBuf>,

    /// The key of that certificate, as PEM.
    #[arg(long = "cluster.tls-key-path", value_name = "FILE")]
    tls_key_path: Option<PathBuf>,

    /// The name to expect in the certificates of other nodes, instead of their addresses.
    #[arg(long = "cluster.tls-server-name", value_name = "NAME")]
    tls_server_name: Option<String>,

    /// Accepted for the sake of old command lines; does nothing, as in Alloy.
    #[arg(long = "cluster.use-discovery-v1", value_name = "BOOL", hide = true,
        num_args = 0..=1, default_missing_value = "true", require_equals = true,
        value_parser = boolean, action = clap::ArgAction::Set)]
    _use_discovery_v1: Option<bool>,
}

impl Flags {
    /// What the node runs with.
    ///
    /// # Errors
    ///
    /// All flags at once that cannot be honoured, a line each.
    pub(super) fn options(self) -> Result<Options, String> {
        let mut problems = self.unavailable.problems();
        self.cluster.check(&mut problems);
        if !problems.is_empty() {
            return Err(problems.join("\n"));
        }
        Ok(Options {
            config: self.config,
            storage_path: self.storage_path,
            listen_address: self.listen_address,
            memory_address: self.memory_address,
            ui_path_prefix: path_prefix(&self.ui_path_prefix),
            enable_pprof: self.enable_pprof,
            stability: self.stability,
            component_shutdown_deadline: self.component_shutdown_deadline,
            exit_on_stdin_eof: self.exit_on_stdin_eof,
            cluster: self.cluster.options(),
        })
    }
}

impl ClusterFlags {
    fn check(&self, problems: &mut Vec<String>) {
        if !self.node_name.is_empty()
            && let Err(error) = membership::Name::new(&self.node_name)
        {
            problems.push(format!("--cluster.node-name: {error}"));
        }
        if !self.discover_peers.is_empty() {
            if !self.join_addresses.is_empty() {
                let problem = "at most one of --cluster.join-addresses and \
                               --cluster.discover-peers may be set";
                problems.push(problem.to_owned());
            }
            if let Err(error) = cluster::discover::seeds(&self.discover_peers) {
                problems.push(format!("--cluster.discover-peers: {error}"));
            }
        }
        let limit = membership::CLUSTER_MAX;
        if self.name.len() > limit {
            let length = self.name.len();
            problems.push(format!("--cluster.name has at most {limit} bytes, this has {length}"));
        }
        if self.tls_cert_path.is_some() != self.tls_key_path.is_some() {
            let problem = "--cluster.tls-cert-path and --cluster.tls-key-path go together";
            problems.push(problem.to_owned());
        }
        let some_tls = self.tls() != client::Tls::default();
        if some_tls && !self.enable_tls {
            problems.push("--cluster.tls-* flags need --cluster.enable-tls".to_owned());
        }
    }

    fn tls(&self) -> client::Tls {
        let file = |path: &Option<PathBuf>| path.clone().map(client::Source::File);
        client::Tls {
            ca: file(&self.tls_ca_path),
            cert: file(&self.tls_cert_path),
            key: file(&self.tls_key_path),
            server_name: self.tls_server_name.clone(),
            ..client::Tls::default()
        }
    }

    fn options(self) -> cluster::Options {
        let given = |text: String| (!text.is_empty()).then_some(text);
        let trimmed = |names: Vec<String>| {
            let names = names.into_iter().map(|name| name.trim().to_owned());
            names.filter(|name| !name.is_empty()).collect()
        };
        let tls = self.enable_tls.then(|| self.tls());
        let mut join_addresses: Vec<String> = trimmed(self.join_addresses);
        // Checked before.
        join_addresses.extend(cluster::discover::seeds(&self.discover_peers).unwrap_or_default());
        cluster::Options {
            tls,
            key_file: self.key_file,
            enabled: self.enabled,
            node_name: given(self.node_name),
            advertise_address: given(self.advertise_address),
            advertise_interfaces: trimmed(self.advertise_interfaces),
            join_addresses,
            rejoin_interval: self.rejoin_interval,
            max_join_peers: self.max_join_peers,
            bootstrap_timeout: self.bootstrap_timeout,
            name: self.name,
            wait_for_size: self.wait_for_size,
            wait_timeout: self.wait_timeout,
            drain_timeout: self.drain_timeout,
        }
    }
}

/// A boolean as Go's flags take it.
fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("say true or false".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    syntax::go::duration::parse(text).map_err(|error| error.to_string())
}

fn stability(text: &str) -> Result<Stability, String> {
    Stability::from_str(text, false)
        .map_err(|_| "say generally-available, public-preview or experimental".to_owned())
}

/// `host:port`, `:port` for every address of this host, or a host alone.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let text = match text.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None => text.to_owned(),
    };
    let with_port = if text.contains(':') && !text.ends_with(']') {
        text
    } else {
        format!("{text}:{DEFAULT_PORT}")
    };
    let mut addresses = with_port.to_socket_addrs().map_err(|error| error.to_string())?;
    addresses.next().ok_or_else(|| format!("{with_port} has no address"))
}

/// A path prefix that begins and ends with a slash.
fn path_prefix(text: &str) -> String {
    match text.trim_matches('/') {
        "" => "/".to_owned(),
        inner => format!("/{inner}/"),
    }
}
