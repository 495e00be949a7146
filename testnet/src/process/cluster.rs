//! Nodes that share a configuration and a list of seeds.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use super::node::{Node, NodeSetup};
use super::{World, free_port};

/// The environment variable in which a configuration finds the URL to write to.
pub const WRITE_URL: &str = "TESTNET_WRITE_URL";
/// The environment variable in which a configuration finds the name of its node.
pub const NODE_NAME: &str = "TESTNET_NODE";
/// The environment variable in which a configuration finds the targets, for `discovery.http`.
pub const TARGETS_URL: &str = "TESTNET_TARGETS_URL";

/// What the nodes of a cluster have in common.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The program that is `shoal` when called with the argument `shoal`.
    pub program: PathBuf,
    /// The configuration of every node.
    pub config: PathBuf,
    /// Where targets are announced, for `sys.env("TESTNET_TARGETS_URL")`.
    pub targets_url: String,
    /// Further flags of every node. The cluster has the name of its world unless they say another.
    pub flags: Vec<String>,
}

const NAME: &str = "--cluster.name=";

/// Running nodes. Each has a write URL of its own in its environment.
#[derive(Debug)]
pub struct Cluster {
    setup: Setup,
    folder: PathBuf,
    /// What each node was started with; those that are down keep their place.
    setups: Vec<NodeSetup>,
    nodes: Vec<Option<Node>>,
}

/// How many nodes every node has as seeds.
const SEEDS: usize = 3;

impl Cluster {
    /// Prepares as many nodes, and starts none.
    ///
    /// # Errors
    ///
    /// When no ports are free.
    pub fn prepare(
        world: &World,
        mut setup: Setup,
        nodes: usize,
        write_url: impl Fn(&str) -> String,
    ) -> anyhow::Result<Self> {
        if !setup.flags.iter().any(|flag| flag.starts_with(NAME)) {
            setup.flags.push(format!("{NAME}{}", world.name()));
        }
        let mut cluster =
            Self { setup, folder: world.folder("nodes")?, setups: Vec::new(), nodes: Vec::new() };
        for _ in 0..nodes {
            cluster.add(&write_url)?;
        }
        Ok(cluster)
    }

    /// Prepares and starts as many nodes, and waits until they are ready.
    ///
    /// # Errors
    ///
    /// When a node does not become ready.
    pub async fn start(
        world: &World,
        setup: Setup,
        nodes: usize,
        write_url: impl Fn(&str) -> String,
    ) -> anyhow::Result<Self> {
        let mut cluster = Self::prepare(world, setup, nodes, write_url)?;
        for index in 0..nodes {
            cluster.spawn(index)?;
        }
        for index in 0..nodes {
            cluster.node(index).ready().await?;
        }
        Ok(cluster)
    }

    /// What the cluster is called.
    pub fn name(&self) -> &str {
        let name = self.setup.flags.iter().find_map(|flag| flag.strip_prefix(NAME));
        name.expect("every cluster is given a name")
    }

    /// Prepares one node more, and returns its index.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub fn add(&mut self, write_url: impl Fn(&str) -> String) -> anyhow::Result<usize> {
        let index = self.setups.len();
        let name = format!("node-{}", index + 1);
        let port = free_port()?;
        self.setups.push(NodeSetup {
            program: self.setup.program.clone(),
            ip: Ipv4Addr::LOCALHOST.into(),
            port,
            config: self.setup.config.clone(),
            storage: self.folder.join(&name),
            log: self.folder.join(format!("{name}.log")),
            seeds: Vec::new(),
            flags: self.setup.flags.clone(),
            env: vec![
                (WRITE_URL.to_owned(), write_url(&name)),
                (NODE_NAME.to_owned(), name.clone()),
                (TARGETS_URL.to_owned(), self.setup.targets_url.clone()),
            ],
            name,
        });
        self.nodes.push(None);
        self.share_seeds();
        Ok(index)
    }

    /// Starts a node that is down, without waiting for anything.
    ///
    /// # Errors
    ///
    /// When the program cannot be started.
    ///
    /// # Panics
    ///
    /// When there is no such node, or it runs.
    pub fn spawn(&mut self, index: usize) -> anyhow::Result<&mut Node> {
        assert!(self.nodes[index].is_none(), "node {index} runs already");
        let node = self.setups[index].start()?;
        Ok(self.nodes[index].insert(node))
    }

    /// A running node.
    ///
    /// # Panics
    ///
    /// When it is down.
    pub fn node(&mut self, index: usize) -> &mut Node {
        self.nodes[index].as_mut().expect("a node that runs")
    }

    /// Takes a running node out of the cluster's hands, to end it.
    ///
    /// # Panics
    ///
    /// When it is down.
    pub fn take(&mut self, index: usize) -> Node {
        self.nodes[index].take().expect("a node that runs")
    }

    /// Whether a node runs, as far as is known.
    pub fn is_running(&self, index: usize) -> bool {
        self.nodes[index].is_some()
    }

    /// The nodes that run.
    pub fn running(&mut self) -> impl Iterator<Item = &mut Node> {
        self.nodes.iter_mut().flatten()
    }

    /// The last lines of every node that runs, for a message about what went wrong.
    pub fn log_tails(&self) -> String {
        let nodes = self.nodes.iter().flatten();
        nodes.map(|node| format!("-- {}\n{}\n", node.setup.name, node.child.log_tail())).collect()
    }

    /// What every node will be started with the next time.
    pub fn setups_mut(&mut self) -> &mut [NodeSetup] {
        &mut self.setups
    }

    /// Puts every node somewhere else: its address, and the program that runs it there.
    ///
    /// # Errors
    ///
    /// As `place` fails.
    pub fn place(
        &mut self,
        place: impl Fn(usize) -> anyhow::Result<(IpAddr, PathBuf)>,
    ) -> anyhow::Result<()> {
        for (index, setup) in self.setups.iter_mut().enumerate() {
            (setup.ip, setup.program) = place(index)?;
        }
        self.share_seeds();
        Ok(())
    }

    fn share_seeds(&mut self) {
        let seeds = self.setups.iter().take(SEEDS).map(|node| node.address().to_string());
        let seeds: Vec<String> = seeds.collect();
        for setup in &mut self.setups {
            setup.seeds.clone_from(&seeds);
        }
    }

    /// What every node was started with, or will be.
    pub fn setups(&self) -> &[NodeSetup] {
        &self.setups
    }
}
