//! One node of Shoal as a process.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio::process::Command;

use super::child::Child;
use super::{eventually, http};

/// What a node is started with. The same setup started again is the same node after a restart.
#[derive(Debug, Clone)]
pub struct NodeSetup {
    /// The program that is `shoal` when called with the argument `shoal`: this one.
    pub program: PathBuf,
    /// Its name in the cluster.
    pub name: String,
    /// Where it listens and says that it is.
    pub ip: IpAddr,
    /// The port of HTTP and of gossip.
    pub port: u16,
    /// The configuration, a file or a folder.
    pub config: PathBuf,
    /// Where it keeps its files, from life to life.
    pub storage: PathBuf,
    /// Where its output goes.
    pub log: PathBuf,
    /// Addresses to join; none starts it outside of any cluster.
    pub seeds: Vec<String>,
    /// Further flags.
    pub flags: Vec<String>,
    /// Environment variables, for `sys.env`.
    pub env: Vec<(String, String)>,
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    /// What it was started with.
    pub setup: NodeSetup,
    /// The process.
    pub child: Child,
}

/// How long a node may take to answer after its start, on a machine that is busy with other things.
const READY_WITHIN: Duration = Duration::from_secs(30);

impl NodeSetup {
    /// Where its HTTP listens.
    pub fn address(&self) -> SocketAddr {
        (self.ip, self.port).into()
    }

    /// A URL of this node.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// Starts the node, without waiting for anything.
    ///
    /// # Errors
    ///
    /// When the program cannot be started.
    pub fn start(&self) -> anyhow::Result<Node> {
        let address = self.address();
        let mut command = Command::new(&self.program);
        command.args(["shoal", "run"]).arg(&self.config);
        command.arg(format!("--server.http.listen-addr={address}"));
        command.arg("--storage.path").arg(&self.storage);
        command.arg("--exit-on-stdin-eof");
        if !self.seeds.is_empty() {
            command.arg("--cluster.enabled=true");
            command.arg(format!("--cluster.node-name={}", self.name));
            command.arg(format!("--cluster.advertise-address={address}"));
            command.arg(format!("--cluster.join-addresses={}", self.seeds.join(",")));
        }
        command.args(&self.flags).envs(self.env.iter().map(|(name, value)| (name, value)));
        let child = Child::spawn(&self.name, command, &self.log)?;
        Ok(Node { setup: self.clone(), child })
    }
}

impl Node {
    /// A URL of this node.
    pub fn url(&self, path: &str) -> String {
        self.setup.url(path)
    }

    /// Waits until the node says that it is ready.
    ///
    /// # Errors
    ///
    /// When it ends, or does not say so in time.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let url = self.url("/-/ready");
        let what = format!("{} to be ready", self.setup.name);
        let child = &mut self.child;
        let answered = eventually(&what, READY_WITHIN, async || {
            // A process that has ended will not answer any more: that is found here, not waited for.
            match child.check_alive() {
                Err(error) => Ok(Err(error)),
                Ok(()) => http::text(&url).await.map(|_| Ok(())),
            }
        });
        answered.await?
    }
}
