//! Hosts on a switch: network namespaces on a bridge.
//!
//! The namespaces have no names. Each lives as long as the process that holds it, and the kernel
//! kills that process with the thread that started it, so that nothing is left over, however a run
//! ends: the interfaces and the rules vanish with their namespace.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::process::Command;

use super::real::Program;
use super::{Child, World, eventually};

/// How long a namespace may take to be there.
const PATIENCE: Duration = Duration::from_secs(60);

/// A namespace, and the process that holds it.
#[derive(Debug)]
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

/// What carries something from host to host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Datagrams: gossip.
    Udp,
    /// Connections: everything else.
    Tcp,
}

/// Hosts on one switch, all reaching each other until links are cut.
#[derive(Debug)]
pub struct Switch {
    switch: Namespace,
    hosts: Vec<Namespace>,
}

impl Switch {
    /// The address of the switch itself.
    pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 254);

    /// So many hosts.
    ///
    /// # Errors
    ///
    /// When a program is missing, or this process may make no namespaces: that needs root.
    pub async fn new(world: &World, hosts: usize) -> anyhow::Result<Self> {
        Program::Ip.find()?;
        Program::Nft.find()?;
        let switch = Namespace::new(world, "switch").await?;
        switch.run(Program::Ip, "link add bridge type bridge").await?;
        switch.run(Program::Ip, &format!("addr add {}/24 dev bridge", Self::ADDRESS)).await?;
        switch.run(Program::Ip, "link set bridge up").await?;
        let mut made = Self { switch, hosts: Vec::new() };
        for host in 0..hosts {
            made.plug_in(world, host).await?;
        }
        Ok(made)
    }

    async fn plug_in(&mut self, world: &World, host: usize) -> anyhow::Result<()> {
        let namespace = Namespace::new(world, &format!("host-{host}")).await?;
        let (ip, pid) = (Self::address(host), namespace.pid()?);
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

    /// The address of a host.
    ///
    /// # Panics
    ///
    /// When there are more than 253.
    pub fn address(host: usize) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, u8::try_from(host + 1).expect("a switch has few ports"))
    }

    /// Moves this thread to the switch, for good: what it listens on is there, and what it starts.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn enter(&self) -> anyhow::Result<()> {
        let file = File::open(self.switch.path()?)?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .context("this thread cannot move to the switch")
    }

    /// Makes every address that begins so one of the switch, and has all hosts find it there.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub async fn serve(&self, [first, second]: [u8; 2]) -> anyhow::Result<()> {
        let local = format!("route add local {first}.{second}.0.0/16 dev lo");
        self.switch.run(Program::Ip, &local).await?;
        for host in &self.hosts {
            let route = format!("route add default via {}", Self::ADDRESS);
            host.run(Program::Ip, &route).await?;
        }
        Ok(())
    }

    /// A program that runs another one on a host, and has it ask a name server on the switch.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn program(&self, world: &World, host: usize, program: &Path) -> anyhow::Result<PathBuf> {
        Self::script(world, &format!("host-{host}"), &self.hosts[host], program)
    }

    /// The same on the switch itself.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn program_here(&self, world: &World, program: &Path) -> anyhow::Result<PathBuf> {
        Self::script(world, "switch", &self.switch, program)
    }

    fn script(
        world: &World,
        name: &str,
        namespace: &Namespace,
        program: &Path,
    ) -> anyhow::Result<PathBuf> {
        let folder = world.folder("hosts")?;
        let (script, resolver) = (folder.join(format!("{name}.sh")), folder.join("resolv.conf"));
        std::fs::write(&resolver, format!("nameserver {}\n", Self::ADDRESS))?;
        let namespace = namespace.path()?;
        let (namespace, program) = (namespace.display(), program.display());
        // In a mount namespace of its own, so that the machine's file is what it was.
        let text = format!(
            "#!/bin/sh\nexec nsenter --net={namespace} -- unshare --mount -- sh -c \
             'mount --bind {} /etc/resolv.conf && exec {program} \"$@\"' sh \"$@\"\n",
            resolver.display(),
        );
        std::fs::write(&script, text)?;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))?;
        Ok(script)
    }

    /// Whatever comes from one of `from` is dropped by each of `to`.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub async fn cut(&self, from: &[usize], to: &[usize]) -> anyhow::Result<()> {
        self.drop_of(from, to, "").await
    }

    /// The same of UDP alone, or of TCP alone.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub async fn cut_only(
        &self,
        carrier: Carrier,
        from: &[usize],
        to: &[usize],
    ) -> anyhow::Result<()> {
        let protocol = match carrier {
            Carrier::Udp => "meta l4proto udp",
            Carrier::Tcp => "meta l4proto tcp",
        };
        self.drop_of(from, to, protocol).await
    }

    async fn drop_of(&self, from: &[usize], to: &[usize], which: &str) -> anyhow::Result<()> {
        for there in to {
            // All at once: while some links are cut and others are not, nothing is as it should be.
            let rules: Vec<String> = from
                .iter()
                .map(|source| {
                    let source = Self::address(*source);
                    format!("add rule inet lab input ip saddr {source} {which} drop")
                })
                .collect();
            self.hosts[*there].run(Program::Nft, &rules.join(" ; ")).await?;
        }
        Ok(())
    }

    /// Nothing is dropped any more.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub async fn heal(&self) -> anyhow::Result<()> {
        for host in &self.hosts {
            host.run(Program::Nft, "flush chain inet lab input").await?;
        }
        Ok(())
    }

    /// Pulls the cable of a host, or plugs it in again.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub async fn cable(&self, host: usize, plugged: bool) -> anyhow::Result<()> {
        let state = if plugged { "up" } else { "down" };
        self.switch.run(Program::Ip, &format!("link set port-{host} {state}")).await
    }
}
