//! Hosts on a switch: network namespaces on a bridge.
//!
//! The namespaces have no names. Each lives as long as the process that holds it, and the kernel
//! kills that process with the thread that started it, so that nothing is left over, however a test
//! ends: the interfaces and the rules vanish with their namespace.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use testnet::process::real::Program;
use testnet::process::{Child, Node, NodeSetup, World, eventually};
use tokio::process::Command;

use crate::PATIENCE;

/// The port of every node: each has an address of its own.
const PORT: u16 = 12_345;

/// A namespace, and the process that holds it.
struct Namespace {
    holder: Child,
}

impl Namespace {
    async fn new(world: &World, name: &str) -> anyhow::Result<Self> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "unshare", "--net", "--", "sleep", "infinity"]);
        let holder = Child::spawn(name, command, &world.folder("lab")?.join(name))?;
        let mut namespace = Self { holder };
        let ours = std::fs::read_link("/proc/self/ns/net")?;
        eventually("a namespace", PATIENCE, async || {
            namespace.holder.check_alive()?;
            let theirs = std::fs::read_link(namespace.path()?)?;
            ensure!(ours != theirs, "it is ours still; namespaces need root");
            Ok(())
        })
        .await?;
        namespace.run(Program::Ip, "link set lo up").await?;
        Ok(namespace)
    }

    fn pid(&self) -> anyhow::Result<u32> {
        self.holder.pid().context("the holder of a namespace has ended")
    }

    fn path(&self) -> anyhow::Result<PathBuf> {
        Ok(format!("/proc/{}/ns/net", self.pid()?).into())
    }

    /// Runs a program in it.
    async fn run(&self, program: Program, arguments: &str) -> anyhow::Result<()> {
        let path = program.find()?;
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path()?.display())).arg("--").arg(&path);
        let done = command.args(arguments.split_whitespace()).kill_on_drop(true).output().await?;
        let said = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "{} {arguments}: {said}", path.display());
        Ok(())
    }
}

/// Hosts on one switch. The thread that made it is on the switch too.
pub(crate) struct Lab {
    switch: Namespace,
    hosts: Vec<Namespace>,
    pub(crate) nodes: Vec<Option<Node>>,
    setups: Vec<NodeSetup>,
}

/// The address of a host; the switch itself has the last one.
fn address(host: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, u8::try_from(host + 1).expect("a lab is small"))
}

impl Lab {
    /// So many hosts, all reaching each other, and no node on any.
    pub(crate) async fn new(world: &World, hosts: usize) -> anyhow::Result<Self> {
        Program::Ip.find()?;
        Program::Nft.find()?;
        let switch = Namespace::new(world, "switch").await?;
        switch.run(Program::Ip, "link add bridge type bridge").await?;
        switch.run(Program::Ip, "addr add 10.77.0.254/24 dev bridge").await?;
        switch.run(Program::Ip, "link set bridge up").await?;
        let mut lab = Self { switch, hosts: Vec::new(), nodes: Vec::new(), setups: Vec::new() };
        for host in 0..hosts {
            lab.plug_in(world, host).await?;
        }
        lab.prepare_nodes(world)?;
        let file = File::open(lab.switch.path()?)?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .context("this thread cannot move to the switch")?;
        Ok(lab)
    }

    async fn plug_in(&mut self, world: &World, host: usize) -> anyhow::Result<()> {
        let namespace = Namespace::new(world, &format!("host-{host}")).await?;
        let (ip, pid) = (address(host), namespace.pid()?);
        let pair = format!("link add port-{host} type veth peer name eth0 netns {pid}");
        self.switch.run(Program::Ip, &pair).await?;
        self.switch.run(Program::Ip, &format!("link set port-{host} master bridge up")).await?;
        namespace.run(Program::Ip, &format!("addr add {ip}/24 dev eth0")).await?;
        namespace.run(Program::Ip, "link set eth0 up").await?;
        namespace.run(Program::Nft, "add table inet lab").await?;
        let chain = "add chain inet lab input { type filter hook input priority 0 ; }";
        namespace.run(Program::Nft, chain).await?;
        self.hosts.push(namespace);
        Ok(())
    }

    /// Each node is started by a script that enters its host's namespace.
    fn prepare_nodes(&mut self, world: &World) -> anyhow::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = world.folder("nodes")?;
        let config = folder.join("config.alloy");
        std::fs::write(&config, "logging {\n  level = \"info\"\n}\n")?;
        let seeds: Vec<String> =
            (0..self.hosts.len().min(3)).map(|host| format!("{}:{PORT}", address(host))).collect();
        for (host, namespace) in self.hosts.iter().enumerate() {
            let name = format!("node-{host}");
            let program = folder.join(format!("{name}.sh"));
            let (path, testnet) = (namespace.path()?, env!("CARGO_BIN_EXE_testnet"));
            let script =
                format!("#!/bin/sh\nexec nsenter --net={} -- {testnet} \"$@\"\n", path.display());
            std::fs::write(&program, script)?;
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
            self.setups.push(NodeSetup {
                program,
                ip: IpAddr::V4(address(host)),
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

    /// Whatever comes from one of `from` is dropped by each of `to`.
    pub(crate) async fn cut(&self, from: &[usize], to: &[usize]) -> anyhow::Result<()> {
        for there in to {
            for source in from {
                let ip = address(*source);
                let rule = format!("add rule inet lab input ip saddr {ip} drop");
                self.hosts[*there].run(Program::Nft, &rule).await?;
            }
        }
        Ok(())
    }

    /// Nothing is dropped any more.
    pub(crate) async fn heal(&self) -> anyhow::Result<()> {
        for host in &self.hosts {
            host.run(Program::Nft, "flush chain inet lab input").await?;
        }
        Ok(())
    }

    /// Pulls the cable of `host`, or plugs it in again.
    pub(crate) async fn cable(&self, host: usize, plugged: bool) -> anyhow::Result<()> {
        let state = if plugged { "up" } else { "down" };
        self.switch.run(Program::Ip, &format!("link set port-{host} {state}")).await
    }
}
