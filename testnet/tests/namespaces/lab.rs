//! A node on each of some hosts.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use testnet::process::{Node, NodeSetup, Switch, World, eventually, http};

/// The port of every node: each has an address of its own.
pub(crate) const PORT: u16 = 12_345;

/// How long anything may take of which the time is not what is tested, on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The key of the clusters that have one.
const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";

/// Hosts on one switch, and the nodes on them. The thread that made it is on the switch too.
pub(crate) struct Lab {
    pub(crate) switch: Switch,
    pub(crate) nodes: Vec<Option<Node>>,
    pub(crate) setups: Vec<NodeSetup>,
}

impl Lab {
    /// So many hosts, all reaching each other, and no node on any; the first three are seeds, and the
    /// cluster has a key.
    pub(crate) async fn new(world: &World, hosts: usize) -> anyhow::Result<Self> {
        let switch = Switch::new(world, hosts).await?;
        let mut lab = Self { switch, nodes: Vec::new(), setups: Vec::new() };
        lab.prepare_nodes(world, hosts)?;
        lab.switch.enter()?;
        Ok(lab)
    }

    fn prepare_nodes(&mut self, world: &World, hosts: usize) -> anyhow::Result<()> {
        let folder = world.folder("nodes")?;
        let (config, key) = (folder.join("config.alloy"), folder.join("key"));
        std::fs::write(&config, "logging {\n  level = \"info\"\n}\n")?;
        std::fs::write(&key, KEY)?;
        let seeds = (0..hosts.min(3)).map(|host| format!("{}:{PORT}", Switch::address(host)));
        let seeds: Vec<String> = seeds.collect();
        for host in 0..hosts {
            let name = format!("node-{host}");
            let testnet = Path::new(env!("CARGO_BIN_EXE_testnet"));
            self.setups.push(NodeSetup {
                program: self.switch.program(world, host, testnet)?,
                ip: IpAddr::V4(Switch::address(host)),
                port: PORT,
                config: config.clone(),
                storage: folder.join(&name),
                log: folder.join(format!("{name}.log")),
                seeds: seeds.clone(),
                flags: vec![
                    "--cluster.name=lab".to_owned(),
                    format!("--cluster.key-file={}", key.display()),
                ],
                env: Vec::new(),
                name,
            });
            self.nodes.push(None);
        }
        Ok(())
    }

    /// Starts the node on `host`.
    pub(crate) fn start(&mut self, host: usize) -> anyhow::Result<()> {
        self.nodes[host] = Some(self.setups[host].start()?);
        Ok(())
    }

    /// Starts a node on every host, and waits until each sees all.
    pub(crate) async fn start_all(&mut self) -> anyhow::Result<()> {
        for host in 0..self.nodes.len() {
            self.start(host)?;
        }
        self.everybody_sees_all(PATIENCE).await?;
        Ok(())
    }

    /// The node on `host`, which is alive.
    pub(crate) fn node(&mut self, host: usize) -> anyhow::Result<&mut Node> {
        let Some(node) = self.nodes[host].as_mut() else { anyhow::bail!("no node on host {host}") };
        node.child.check_alive()?;
        Ok(node)
    }

    /// What `/api/v1/cluster` of a node says.
    pub(crate) async fn cluster(&mut self, host: usize) -> anyhow::Result<Value> {
        http::json(&self.node(host)?.url("/api/v1/cluster")).await
    }

    /// Waits until the nodes on `hosts` see the nodes on `hosts` and no others; how long it took.
    pub(crate) async fn agree(
        &mut self,
        hosts: &[usize],
        patience: Duration,
    ) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        let names = |hosts: &[usize]| -> Vec<String> {
            hosts.iter().map(|host| format!("node-{host}")).collect()
        };
        let wanted = names(hosts);
        eventually(
            &format!("{wanted:?} to see each other and nobody else"),
            patience,
            async || {
                for host in hosts {
                    let peers = self.cluster(*host).await?["peers"].clone();
                    let peers = peers.as_array().into_iter().flatten();
                    let seen: Vec<&str> = peers.filter_map(|peer| peer["name"].as_str()).collect();
                    anyhow::ensure!(seen == wanted, "node-{host} sees {seen:?}");
                }
                Ok(())
            },
        )
        .await?;
        Ok(begin.elapsed())
    }

    /// The same of all.
    pub(crate) async fn everybody_sees_all(
        &mut self,
        patience: Duration,
    ) -> anyhow::Result<Duration> {
        let all: Vec<usize> = (0..self.nodes.len()).collect();
        self.agree(&all, patience).await
    }

    /// How many times any node took another for dead.
    pub(crate) fn failures(&self) -> anyhow::Result<usize> {
        let nodes = self.nodes.iter().flatten();
        let logs = nodes.map(|node| node.child.log()).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(logs.iter().map(|log| log.matches("peer failed").count()).sum())
    }

    /// Ends all nodes and removes all hosts.
    pub(crate) async fn end(mut self, world: World) -> anyhow::Result<()> {
        for node in self.nodes.iter_mut().filter_map(Option::take) {
            node.child.end(PATIENCE).await?;
        }
        drop(self);
        world.end().await;
        Ok(())
    }
}
