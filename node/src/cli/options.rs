//! What `shoal run` was told, after parsing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::cluster;

/// Everything that a running node takes from its command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// A configuration file, or a directory whose `*.alloy` files are read as one.
    pub config: PathBuf,
    /// Where components keep their files: `<storage_path>/<component id>/`.
    pub storage_path: PathBuf,
    /// Where HTTP and gossip listen. Port 0 takes any that is free.
    pub listen_address: SocketAddr,
    /// The address under which components reach this process without a network.
    pub memory_address: String,
    /// The prefix of pages and of `/api/v0/web`; begins and ends with a slash.
    pub ui_path_prefix: String,
    /// Whether `/debug/pprof` answers.
    pub enable_pprof: bool,
    /// The least stable features that may be used.
    pub stability: Stability,
    /// How long a component may take to stop.
    pub component_shutdown_deadline: Duration,
    /// Leave when standard input ends: a child must not outlive who started it.
    pub exit_on_stdin_eof: bool,
    /// The `--cluster.*` flags.
    pub cluster: cluster::Options,
}

/// `--stability.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum Stability {
    /// What is promised to stay.
    GenerallyAvailable,
    /// What is nearly done.
    PublicPreview,
    /// Anything.
    Experimental,
}

impl From<Stability> for syntax::Stability {
    fn from(stability: Stability) -> Self {
        match stability {
            Stability::GenerallyAvailable => Self::GenerallyAvailable,
            Stability::PublicPreview => Self::PublicPreview,
            Stability::Experimental => Self::Experimental,
        }
    }
}
