//! A node on each of some hosts.

use std::net::IpAddr;
use std::path::Path;

use testnet::process::{Node, NodeSetup, Switch, World};

/// The port of every node: each has an address of its own.
const PORT: u16 = 12_345;

/// Hosts on one switch, and the nodes on them. The thread that made it is on the switch too.
pub(crate) struct Lab {
    pub(crate) switch: Switch,
    pub(crate) nodes: Vec<Option<Node>>,
    setups: Vec<NodeSetup>,
}

impl Lab {
    /// So many hosts, all reaching each other, and no node on any.
    pub(crate) async fn new(world: &World, hosts: usize) -> anyhow::Result<Self> {
        let switch = Switch::new(world, hosts).await?;
        let mut lab = Self { switch, nodes: Vec::new(), setups: Vec::new() };
        lab.prepare_nodes(world, hosts)?;
        lab.switch.enter()?;
        Ok(lab)
    }

    fn prepare_nodes(&mut self, world: &World, hosts: usize) -> anyhow::Result<()> {
        let folder = world.folder("nodes")?;
        let config = folder.join("config.alloy");
        std::fs::write(&config, "logging {\n  level = \"info\"\n}\n")?;
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
                    "--cluster.rejoin-interval=10s".to_owned(),
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
}
