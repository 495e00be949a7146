//! Many cores, one clock, one network, one seed.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use membership::{Knock, Name, Peer, State, SyncFailure};
use node::core::{Config, Core, GateConfig, Output};
use ownership::{ComponentId, Key};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::checks::Checks;
use super::network::Network;
use super::queue::Queue;

/// How long it takes a node to notice that nobody answers at an address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long it takes to resolve the seeds.
const RESOLVE: Duration = Duration::from_millis(2);

/// What a world is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Everything random follows from it.
    pub seed: u64,
    /// How many hosts there are, each for one node.
    pub hosts: usize,
    /// How many targets every node knows.
    pub targets: usize,
    /// How many of the hosts, from the first on, are seeds.
    pub seeds: usize,
    /// What membership is told; cluster name and seeds are the world's business.
    pub membership: membership::Config,
    /// How many nodes it takes before anybody starts anything.
    pub gate: GateConfig,
    /// What the network does.
    pub network: Network,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            hosts: 10,
            targets: 100,
            seeds: 3,
            membership: membership::Config { seeded: true, ..membership::Config::default() },
            gate: GateConfig::default(),
            network: Network::default(),
        }
    }
}

/// What is going to happen to a host.
enum Event {
    Datagram {
        to: usize,
        datagram: Bytes,
    },
    /// A timer of one life of a node.
    Wake {
        host: usize,
        life: u32,
    },
    Resolved {
        host: usize,
        life: u32,
    },
    /// A question arrives over TCP.
    Question {
        host: usize,
        from: (usize, u32),
        body: Bytes,
    },
    /// What comes of a knock arrives back.
    Knocked {
        host: usize,
        life: u32,
        to: SocketAddr,
        knock: Knock,
    },
    /// What comes of a question arrives back.
    Answer {
        host: usize,
        life: u32,
        to: SocketAddr,
        answer: Result<Bytes, SyncFailure>,
    },
}

/// A machine that a node runs on, or not.
struct Host {
    name: Name,
    address: SocketAddr,
    /// The last generation; kept across restarts, as on disk.
    generation: u64,
    /// The one it booted with: what is older is another life.
    booted: u64,
    /// Counts starts and ends: what was meant for an earlier life is void.
    life: u32,
    core: Option<Core>,
    /// Whether the machine itself is gone, so that nothing answers for it.
    vanished: bool,
    wake: Option<Duration>,
}

/// What a world has cost so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Datagrams sent.
    pub datagrams: u64,
    /// Bytes of these, without IP and UDP headers.
    pub datagram_bytes: u64,
    /// State syncs begun.
    pub syncs: u64,
    /// Bytes of their questions and answers.
    pub sync_bytes: u64,
    /// Events handled.
    pub events: u64,
    /// Keys started on a node.
    pub starts: u64,
    /// Keys stopped on a node.
    pub stops: u64,
}

/// The simulated world.
pub struct World {
    settings: Settings,
    origin: Instant,
    now: Duration,
    queue: Queue<Event>,
    rng: ChaCha12Rng,
    hosts: Vec<Host>,
    by_address: BTreeMap<SocketAddr, usize>,
    component: ComponentId,
    keys: Vec<Key>,
    cost: Cost,
    checks: Checks,
    trace: u64,
    /// What the network does; may be changed at any time.
    pub network: Network,
}

impl World {
    /// A world in which nothing runs yet.
    pub fn new(settings: Settings) -> Self {
        let component = ComponentId::from("prometheus.scrape.simulated");
        let mut keys: Vec<Key> =
            (0..settings.targets as u64).map(|n| Key::of(&component, [n.to_le_bytes()])).collect();
        keys.sort_unstable();
        let mut world = Self {
            origin: Instant::now(),
            now: Duration::ZERO,
            queue: Queue::default(),
            rng: ChaCha12Rng::seed_from_u64(settings.seed),
            hosts: Vec::new(),
            by_address: BTreeMap::new(),
            checks: Checks::new(keys.clone()),
            component,
            keys,
            cost: Cost::default(),
            trace: 0,
            network: settings.network.clone(),
            settings,
        };
        for number in 0..world.settings.hosts {
            let name = Name::new(&format!("node-{number}")).expect("a short name");
            world.add_host(name);
        }
        world
    }

    /// Adds a host for a node called `name`; its number.
    pub fn add_host(&mut self, name: Name) -> usize {
        let number = self.hosts.len();
        self.hosts.push(Host {
            name,
            address: address(number, 0),
            generation: 0,
            booted: 0,
            life: 0,
            core: None,
            vanished: false,
            wake: None,
        });
        self.by_address.insert(address(number, 0), number);
        number
    }

    /// Starts a node on `host`, where none runs.
    pub fn boot(&mut self, host: usize) {
        assert!(self.hosts[host].core.is_none(), "no node runs on a host that boots");
        let seconds = 1_700_000_000 + self.now.as_secs();
        let rng = ChaCha12Rng::from_rng(&mut self.rng);
        let (membership, gate) = (Some(self.settings.membership.clone()), self.settings.gate);
        let now = self.origin + self.now;
        let state = &mut self.hosts[host];
        state.generation = Peer::generation_at_boot(seconds, state.generation);
        state.booted = state.generation;
        state.life += 1;
        state.vanished = false;
        let me = Peer {
            name: state.name.clone(),
            address: state.address,
            generation: state.generation,
            state: State::Joining,
        };
        state.core = Some(Core::new(me, Config { membership, gate }, rng, now));
        self.checks.booted(host);
        self.drive(host);
        self.with_core(host, Core::participate);
        let (component, keys) = (self.component.clone(), self.keys.clone());
        self.with_core(host, |core, now| core.set_keys(&component, keys, now));
    }

    /// Ends the node on `host` without a word.
    pub fn crash(&mut self, host: usize) {
        let state = &mut self.hosts[host];
        state.core = None;
        state.life += 1;
        state.wake = None;
        self.checks.ended(host);
    }

    /// Ends the node on `host` along with its machine: nothing says that its ports are closed.
    pub fn vanish(&mut self, host: usize) {
        self.crash(host);
        self.hosts[host].vanished = true;
    }

    /// Gives `host`, where no node runs, a new address. What is sent to the old one is lost.
    pub fn readdress(&mut self, host: usize) {
        let state = &mut self.hosts[host];
        self.by_address.remove(&state.address);
        state.address = address(host, state.life);
        self.by_address.insert(state.address, host);
    }

    /// Makes the node on `host` leave: it announces that, and departs at once.
    pub fn leave(&mut self, host: usize) {
        self.with_core(host, Core::leave);
        self.with_core(host, Core::depart);
    }

    /// Does something to the node on `host`, if one runs.
    pub fn with_core<T>(
        &mut self,
        host: usize,
        act: impl FnOnce(&mut Core, Instant) -> T,
    ) -> Option<T> {
        let now = self.origin + self.now;
        let result = act(self.hosts[host].core.as_mut()?, now);
        self.drive(host);
        Some(result)
    }

    /// The node on `host`, if one runs.
    pub fn core(&self, host: usize) -> Option<&Core> {
        self.hosts[host].core.as_ref()
    }

    /// How many hosts there are.
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// The hosts on which a node runs.
    pub fn running(&self) -> Vec<usize> {
        (0..self.hosts.len()).filter(|host| self.hosts[*host].core.is_some()).collect()
    }

    /// The time since the beginning of the world.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// What it has cost so far.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// What was found out about it so far.
    pub fn checks(&self) -> &Checks {
        &self.checks
    }

    /// A number that two worlds share exactly if the same happened in them.
    pub fn trace(&self) -> u64 {
        self.trace
    }

    /// The world's own source of randomness.
    pub fn rng(&mut self) -> &mut ChaCha12Rng {
        &mut self.rng
    }

    /// Lets everything happen that is due until `end`.
    pub fn run_until(&mut self, end: Duration) {
        while let Some((at, event)) = self.queue.pop(end) {
            self.step(at, event);
        }
        self.advance(end);
    }

    /// Lets things happen until all nodes agree on exactly the nodes that run, or until `end`; when
    /// they agreed.
    pub fn run_until_agreed(&mut self, end: Duration) -> Option<Duration> {
        while !self.agreed() {
            let Some((at, event)) = self.queue.pop(end) else {
                self.advance(end);
                return None;
            };
            self.step(at, event);
        }
        Some(self.now)
    }

    /// Whether all nodes see exactly the nodes that run, all of them participants.
    pub fn agreed(&mut self) -> bool {
        let Some(host) = self.checks.unanimous() else {
            return self.running().is_empty();
        };
        let truth: Vec<Name> = {
            let running = self.hosts.iter().filter(|host| host.core.is_some());
            let mut names: Vec<Name> = running.map(|host| host.name.clone()).collect();
            names.sort_unstable();
            names
        };
        let core = self.hosts[host].core.as_mut().expect("only running nodes have a view");
        let view = core.view();
        view.peers.iter().all(|peer| peer.state == State::Participant)
            && view.peers.iter().map(|peer| &peer.name).eq(&truth)
    }

    fn advance(&mut self, to: Duration) {
        self.checks.advance(to);
        self.now = to;
    }

    fn step(&mut self, at: Duration, event: Event) {
        self.advance(at);
        self.cost.events += 1;
        self.fold(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX));
        match event {
            Event::Datagram { to, datagram } => {
                self.fold(to as u64 ^ Key::of("", [&datagram]).as_u64());
                // Refusals are counted by the core, and expected in a world of faults.
                self.with_core(to, |core, now| core.handle_datagram(&datagram, now).is_ok());
            }
            Event::Wake { host, life } => {
                let state = &mut self.hosts[host];
                if state.life == life && state.wake == Some(at) {
                    state.wake = None;
                    self.fold(host as u64);
                    self.with_core(host, Core::handle_timeout);
                }
            }
            Event::Resolved { host, life } => {
                let seeds: Vec<SocketAddr> =
                    self.hosts[..self.settings.seeds].iter().map(|host| host.address).collect();
                if self.hosts[host].life == life {
                    self.with_core(host, |core, now| core.handle_seeds(&seeds, now));
                }
            }
            Event::Knocked { host, life, to, knock } => {
                if self.hosts[host].life == life {
                    self.with_core(host, |core, now| core.handle_knock(to, knock, now));
                }
            }
            Event::Question { host, from, body } => self.question(host, from, &body),
            Event::Answer { host, life, to, answer } => {
                if self.hosts[host].life == life {
                    self.with_core(host, |core, now| match answer {
                        Ok(body) => core.handle_sync_reply(to, &body, now).is_ok(),
                        Err(failure) => {
                            core.handle_sync_failure(to, failure, now);
                            false
                        }
                    });
                }
            }
        }
    }

    /// Does what the node on `host` wants done.
    fn drive(&mut self, host: usize) {
        let Some(mut core) = self.hosts[host].core.take() else { return };
        let mut departed = false;
        while let Some(output) = core.poll_output() {
            match output {
                Output::Transmit { to, datagram } => self.transmit(host, to, datagram),
                Output::Sync { to, body } => self.ask(host, to, body),
                Output::Knock { to } => self.knock(host, to),
                Output::Resolve => {
                    let life = self.hosts[host].life;
                    self.queue.push(self.now + RESOLVE, Event::Resolved { host, life });
                }
                Output::Event(event) => {
                    if let membership::Event::Me { to, .. } = &event {
                        self.hosts[host].generation = to.generation;
                    }
                    let by_address = &self.by_address;
                    let alive = |peer: &Peer| {
                        let there = by_address.get(&peer.address).map(|host| &self.hosts[*host]);
                        there.is_some_and(|host| {
                            host.core.is_some() && host.booted <= peer.generation
                        })
                    };
                    self.checks.event(host, &event, alive);
                }
                Output::View => self.checks.view(host, core.swim().map(membership::Swim::digest)),
                Output::Gate { .. } => {}
                Output::Start { key, .. } => {
                    self.cost.starts += 1;
                    self.checks.started(host, key);
                }
                Output::Stop { key, .. } => {
                    self.cost.stops += 1;
                    self.checks.stopped(host, key);
                }
                Output::Departed => departed = true,
            }
        }
        let wake = core.poll_timeout().map(|at| at.saturating_duration_since(self.origin));
        self.hosts[host].core = Some(core);
        if departed {
            self.crash(host);
            return;
        }
        let state = &mut self.hosts[host];
        let wake = wake.map(|at| at.max(self.now));
        if state.wake != wake {
            state.wake = wake;
            let life = state.life;
            if let Some(at) = wake {
                self.queue.push(at, Event::Wake { host, life });
            }
        }
    }

    fn transmit(&mut self, from: usize, to: SocketAddr, datagram: Bytes) {
        self.cost.datagrams += 1;
        self.cost.datagram_bytes += datagram.len() as u64;
        self.checks.sent(from, datagram.len());
        let Some(&to) = self.by_address.get(&to) else { return };
        for arrival in self.network.arrivals(from, to, &mut self.rng).into_iter().flatten() {
            let datagram = datagram.clone();
            self.queue.push(self.now + arrival, Event::Datagram { to, datagram });
        }
    }

    /// A closed port answers as fast as an open one; a host that is away, or behind a partition, not
    /// at all.
    fn knock(&mut self, from: usize, to: SocketAddr) {
        let life = self.hosts[from].life;
        let there = self.by_address.get(&to).map(|host| (*host, &self.hosts[*host]));
        let (knock, after) = match there {
            Some((host, state))
                if !state.vanished
                    && self.network.is_open(from, host)
                    && self.network.is_open(host, from) =>
            {
                let round_trip = (0..2).map(|_| self.network.one_way(&mut self.rng)).sum();
                let knock = if state.core.is_some() { Knock::Accepted } else { Knock::Refused };
                (knock, round_trip)
            }
            _ => (Knock::Silence, CONNECT_TIMEOUT),
        };
        self.queue.push(self.now + after, Event::Knocked { host: from, life, to, knock });
    }

    fn ask(&mut self, from: usize, to: SocketAddr, body: Bytes) {
        self.cost.syncs += 1;
        self.cost.sync_bytes += body.len() as u64;
        let life = self.hosts[from].life;
        match self.by_address.get(&to) {
            Some(&host) if self.network.is_open(from, host) && self.network.is_open(host, from) => {
                // The handshake takes a round trip before the question goes out.
                let after = (0..3).map(|_| self.network.one_way(&mut self.rng)).sum::<Duration>();
                let event = Event::Question { host, from: (from, life), body };
                self.queue.push(self.now + after, event);
            }
            _ => {
                let failure = SyncFailure::Unreachable("timed out".to_owned());
                let event = Event::Answer { host: from, life, to, answer: Err(failure) };
                self.queue.push(self.now + CONNECT_TIMEOUT, event);
            }
        }
    }

    fn question(&mut self, host: usize, (from, life): (usize, u32), body: &[u8]) {
        let answer = match self.with_core(host, |core, now| core.handle_sync(body, now)) {
            None => Err(SyncFailure::Unreachable("connection refused".to_owned())),
            Some(Err(refusal)) => Err(SyncFailure::Refused(refusal.to_string())),
            Some(Ok(body)) => Ok(body),
        };
        if let Ok(body) = &answer {
            self.cost.sync_bytes += body.len() as u64;
        }
        let to = self.hosts[host].address;
        let after = self.network.one_way(&mut self.rng);
        self.queue.push(self.now + after, Event::Answer { host: from, life, to, answer });
    }

    fn fold(&mut self, number: u64) {
        self.trace = (self.trace ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    /// A number below `bound`, which is not 0.
    pub fn pick(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound)
    }
}

/// The address of a host: one per host and readdressing, from 10.0.0.0/8.
fn address(host: usize, turn: u32) -> SocketAddr {
    let number = host as u32 + 65_536 * (turn % 200);
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from(0x0a00_0001 + number)), 12_345)
}
