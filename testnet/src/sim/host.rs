//! The machines of a world, and the nodes that run on them: what is true, as against what the nodes
//! believe.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use membership::{Channel, Keyring, Name, Peer};
use node::cluster::known::Known;
use node::core::{Core, Output};

use super::catalog::Shared;
use super::collector::Collector;
use super::exchange::Delivery;
use super::lookups::Lookups;

/// The receive buffer of a UDP socket, in bytes as Linux counts them: its default.
const RECEIVE_BUFFER: usize = 212_992;

/// What a host is in its world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// One of the nodes that everything is about.
    Member,
    /// A node that has the name of a member.
    Impostor,
    /// A node of another cluster on the same network.
    Neighbour,
}

/// How a process gets on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Whatever arrives is handled at once.
    Prompt,
    /// It is stopped: what arrives waits in the socket, timers are late.
    Stopped,
    /// Its timers run, but whatever it sends or receives is stuck: the anomaly of the Lifeguard
    /// paper.
    Blocked,
    /// Each input takes it so long, and the others wait meanwhile.
    Slow(Duration),
}

/// What waits until a process gets to it.
#[derive(Debug)]
pub(super) enum Input {
    /// A datagram.
    Datagram(Bytes),
    /// Anything about TCP, and name service.
    Delivery(Delivery),
}

/// What a name server tells a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dns {
    /// Where the seeds are.
    Honest,
    /// That there are none.
    Empty,
    /// Nothing: it fails.
    Failing,
    /// Where the first of the seeds is, and nothing of the others.
    Partly,
    /// These addresses, whatever is there now.
    Lying(Vec<SocketAddr>),
}

/// What a node keeps across its restarts.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// The last generation that was written down; 0 when there is no such file.
    pub(super) generation: u64,
    /// The file of the peers that it had.
    pub(super) peers: Option<Vec<u8>>,
    /// The file of what it kept for others.
    pub(super) checkpoints: Option<Bytes>,
    /// How long a write takes. A crash before it is done leaves what was there.
    pub(super) takes: Duration,
}

/// A machine, and the node on it if one runs.
pub(super) struct Host {
    pub(super) name: Name,
    pub(super) role: Role,
    pub(super) address: SocketAddr,
    /// The last generation, which is on the disk, too, or about to be.
    pub(super) generation: u64,
    /// Those of the present life: the one it booted with, and what it had to take since.
    pub(super) generations: Vec<u64>,
    /// The file of its keys.
    pub(super) keyring: Keyring,
    /// Its end of all questions and answers, while it runs.
    pub(super) channel: Option<Channel>,
    pub(super) disk: Disk,
    /// The peers that it had, while it runs in a world that remembers.
    pub(super) known: Option<Known>,
    /// Whether the file of these is being written.
    pub(super) writing: bool,
    /// Whether its process waits for the disk: nothing else happens in it meanwhile.
    pub(super) held: bool,
    /// What its wall clock is ahead of the truth, in milliseconds.
    pub(super) clock: i64,
    /// Counts starts and ends: what was meant for an earlier life is void.
    pub(super) life: u32,
    /// Taken out while it is being driven, which happens after every event.
    pub(super) core: Option<Box<Core>>,
    pub(super) runs: bool,
    /// Whether the machine answers at all: that a port is closed, or a connection refused.
    pub(super) powered: bool,
    /// When its core wants to be woken.
    pub(super) wake: Option<Duration>,
    /// When it was woken last, and how often at that instant.
    pub(super) woken: (Duration, u32),
    /// When the next of its events in the queue goes off: not after that, maybe before.
    pub(super) alarm: Option<Duration>,
    pub(super) pace: Pace,
    pub(super) inbox: VecDeque<Input>,
    /// Bytes of datagrams in `inbox`, as the kernel counts.
    pub(super) buffered: usize,
    /// What a blocked process has sent, as far as it believes.
    pub(super) outbox: VecDeque<Output>,
    /// When a slow process is done with its present input, while it has one.
    pub(super) busy: Option<Duration>,
    pub(super) dns: Dns,
    /// What that told the node on it.
    pub(super) lookups: Lookups,
    /// What its discovery has found.
    pub(super) catalog: Option<Shared>,
    pub(super) collector: Collector,
    /// Whether it waits for others to take over what it collects.
    pub(super) draining: bool,
}

impl Host {
    fn new(name: Name, role: Role, address: SocketAddr, keyring: Keyring) -> Self {
        Self {
            name,
            role,
            address,
            generation: 0,
            generations: Vec::new(),
            keyring,
            channel: None,
            disk: Disk::default(),
            known: None,
            writing: false,
            held: false,
            clock: 0,
            life: 0,
            core: None,
            runs: false,
            powered: true,
            wake: None,
            woken: (Duration::ZERO, 0),
            alarm: None,
            pace: Pace::Prompt,
            inbox: VecDeque::new(),
            buffered: 0,
            outbox: VecDeque::new(),
            busy: None,
            dns: Dns::Honest,
            lookups: Lookups::default(),
            catalog: None,
            collector: Collector::default(),
            draining: false,
        }
    }

    /// Lets `input` wait; whether there was room.
    pub(super) fn put_off(&mut self, input: Input) -> bool {
        if let Input::Datagram(datagram) = &input {
            let cost = kernel_cost(datagram.len());
            if self.buffered + cost > RECEIVE_BUFFER {
                return false;
            }
            self.buffered += cost;
        }
        self.inbox.push_back(input);
        true
    }

    /// What has waited longest.
    pub(super) fn next_input(&mut self) -> Option<Input> {
        let input = self.inbox.pop_front()?;
        if let Input::Datagram(datagram) = &input {
            self.buffered -= kernel_cost(datagram.len());
        }
        Some(input)
    }

    /// The process ends, and with it whatever waited for it.
    pub(super) fn end(&mut self) {
        self.core = None;
        self.channel = None;
        self.known = None;
        self.writing = false;
        self.runs = false;
        self.held = false;
        self.life += 1;
        self.wake = None;
        self.alarm = None;
        self.pace = Pace::Prompt;
        self.inbox.clear();
        self.buffered = 0;
        self.outbox.clear();
        self.busy = None;
        self.lookups = Lookups::default();
        self.catalog = None;
        self.draining = false;
    }
}

/// What a datagram takes of a receive buffer: Linux charges for its bookkeeping too, and rounds up.
fn kernel_cost(length: usize) -> usize {
    256 + (length + 384).next_power_of_two()
}

/// All hosts of a world.
#[derive(Default)]
pub struct Population {
    pub(super) hosts: Vec<Host>,
    by_address: BTreeMap<SocketAddr, usize>,
    by_name: BTreeMap<Name, Vec<usize>>,
}

impl Population {
    pub(super) fn add(&mut self, name: Name, role: Role, keyring: Keyring) -> usize {
        let number = self.hosts.len();
        let address = address(number, 0);
        self.by_address.insert(address, number);
        self.by_name.entry(name.clone()).or_default().push(number);
        self.hosts.push(Host::new(name, role, address, keyring));
        number
    }

    /// Gives `host` an address that nobody ever had.
    pub(super) fn readdress(&mut self, host: usize) {
        let state = &mut self.hosts[host];
        self.by_address.remove(&state.address);
        state.address = address(host, state.life);
        self.by_address.insert(state.address, host);
    }

    /// Gives each of two hosts the address of the other.
    pub(super) fn swap_addresses(&mut self, one: usize, other: usize) {
        let addresses = (self.hosts[one].address, self.hosts[other].address);
        (self.hosts[other].address, self.hosts[one].address) = addresses;
        self.by_address.insert(addresses.0, other);
        self.by_address.insert(addresses.1, one);
    }

    /// Who has `address`.
    pub fn at(&self, address: SocketAddr) -> Option<usize> {
        self.by_address.get(&address).copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// What `host` is in the world.
    pub fn role(&self, host: usize) -> Role {
        self.hosts[host].role
    }

    /// What the node on `host` is called.
    pub fn name(&self, host: usize) -> &Name {
        &self.hosts[host].name
    }

    /// Where it is.
    pub fn address(&self, host: usize) -> SocketAddr {
        self.hosts[host].address
    }

    /// The hosts whose nodes are called `name`.
    pub fn called(&self, name: &Name) -> &[usize] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// The member whose name the impostor on `host` has.
    pub fn called_first(&self, host: usize) -> usize {
        self.called(self.name(host)).first().copied().unwrap_or(host)
    }

    /// Whether a node runs on `host`.
    pub fn runs(&self, host: usize) -> bool {
        self.hosts[host].runs
    }

    /// The members on which a node runs.
    pub fn running(&self) -> Vec<usize> {
        let runs = |host: &usize| self.runs(*host) && self.role(*host) == Role::Member;
        (0..self.hosts.len()).filter(runs).collect()
    }

    /// Whether the node on `host` runs in the life of that generation.
    pub fn lives(&self, host: usize, generation: u64) -> bool {
        let host = &self.hosts[host];
        host.runs && host.generations.contains(&generation)
    }

    /// Whether `peer`, in that very life of it, really runs.
    pub fn alive(&self, peer: &Peer) -> bool {
        let here = |host: &usize| self.address(*host) == peer.address;
        self.called(&peer.name).iter().any(|host| here(host) && self.lives(*host, peer.generation))
    }
}

/// The address of a host: one per host and readdressing, from 10.0.0.0/8.
fn address(host: usize, turn: u32) -> SocketAddr {
    let number = host as u32 + 65_536 * (turn % 200);
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from(0x0a00_0001 + number)), 12_345)
}
