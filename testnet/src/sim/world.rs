//! Many cores, one clock, one network, one seed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use membership::{Name, Peer, State};
use node::core::{Core, GateConfig};
use ownership::Key;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::agreement::Agreement;
use super::catalog::{Catalog, Shared};
use super::checks::Checks;
use super::exchange::{Delivery, Exchanges};
use super::host::{Pace, Population, Role};
use super::keys::{Keys, Recorder, Step};
use super::network::Network;
use super::oracle::{Fact, Oracle};
use super::queue::Queue;

mod collect;
mod drive;
mod life;
mod memory;
mod process;

pub use collect::Collecting;

/// What every member is called in the world; neighbours are in another cluster.
const CLUSTER: &str = "members";

/// The cluster of the neighbours.
const NEIGHBOURS: &str = "neighbours";

/// The true time at which worlds begin, in seconds since the Unix epoch.
pub(super) const DAWN: u64 = 1_700_000_000;

/// A true time in milliseconds since the Unix epoch.
pub(in crate::sim) fn since_dawn(at: Duration) -> i64 {
    let at = Duration::from_secs(DAWN) + at;
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

/// What a world is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Everything random follows from it.
    pub seed: u64,
    /// How many hosts there are, each for one node.
    pub hosts: usize,
    /// How many hosts of another cluster there are besides, with the same seeds in their reach.
    pub neighbours: usize,
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
    /// Whether the clusters have keys, and what nodes say is sealed.
    pub keyed: bool,
    /// Whether nodes keep on disk which peers they had, and look for them there.
    pub remembering: bool,
    /// How nodes collect. Without it they only say that they do, and stop at once.
    pub collecting: Option<Collecting>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            hosts: 10,
            neighbours: 0,
            targets: 100,
            seeds: 3,
            membership: membership::Config {
                seeded: true,
                named_seeds: true,
                ..membership::Config::default()
            },
            gate: GateConfig::default(),
            network: Network::default(),
            keyed: false,
            remembering: false,
            collecting: None,
        }
    }
}

/// What is going to happen.
pub(super) enum Event {
    /// A datagram reaches the machine `to`.
    Datagram { to: usize, datagram: bytes::Bytes },
    /// A timer of one life of a node.
    Wake { host: usize, life: u32 },
    /// A slow process is done with what it did.
    Turn { host: usize, life: u32 },
    /// Something else reaches the machine `host`.
    Deliver { host: usize, delivery: Delivery },
    /// Whoever asked has waited long enough.
    GiveUp { exchange: u64 },
    /// The keys of the members are changed by one more step.
    Rotate { step: Step },
    /// Other keys have reached a host.
    Rekey { host: usize },
    /// Somebody sends something again that was recorded.
    Replay { left: u32, victim: Option<usize> },
    /// What a node waited for is on its disk.
    Written { host: usize, life: u32 },
    /// So is which peers it had, for which it did not wait.
    Remembered { host: usize, life: u32, file: Vec<u8> },
}

/// What a world has cost so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Datagrams sent.
    pub datagrams: u64,
    /// Bytes of these, without IP and UDP headers.
    pub datagram_bytes: u64,
    /// Questions asked over TCP.
    pub questions: u64,
    /// Bytes of these and of their answers.
    pub stream_bytes: u64,
    /// Events handled.
    pub events: u64,
    /// Keys started on a node.
    pub starts: u64,
    /// Keys stopped on a node.
    pub stops: u64,
    /// Datagrams that found a full buffer.
    pub overflows: u64,
}

/// The simulated world, watched by `O`.
pub struct World<O = Checks> {
    pub(super) settings: Settings,
    pub(super) origin: Instant,
    pub(super) now: Duration,
    pub(super) queue: Queue<Event>,
    pub(super) rng: ChaCha12Rng,
    pub(super) population: Population,
    pub(super) exchanges: Exchanges,
    pub(super) agreement: Agreement,
    /// The place of a peer in a view that all shared and that saw it wrongly, a while ago.
    mistaken: usize,
    pub(super) keys: Keys,
    pub(super) recorder: Recorder,
    catalog: Shared,
    pub(super) cost: Cost,
    pub(super) oracle: O,
    trace: u64,
    /// What the network does; may be changed at any time.
    pub network: Network,
}

impl World {
    /// A world in which nothing runs yet, watched by all checks.
    pub fn new(settings: Settings) -> Self {
        let keys = Catalog::of(settings.targets).keys().to_vec();
        Self::watched_by(Checks::new(keys), settings)
    }

    /// What was found out about it so far.
    pub fn checks(&self) -> &Checks {
        &self.oracle
    }
}

impl<O: Oracle> World<O> {
    /// A world in which nothing runs yet, watched by `oracle`.
    pub fn watched_by(oracle: O, settings: Settings) -> Self {
        let mut world = Self {
            origin: Instant::now(),
            now: Duration::ZERO,
            queue: Queue::default(),
            rng: ChaCha12Rng::seed_from_u64(settings.seed),
            population: Population::default(),
            exchanges: Exchanges::default(),
            agreement: Agreement::default(),
            mistaken: 0,
            keys: Keys::new(settings.keyed),
            recorder: Recorder::default(),
            catalog: Arc::new(Catalog::of(settings.targets)),
            cost: Cost::default(),
            oracle,
            trace: 0,
            network: settings.network.clone(),
            settings,
        };
        for number in 0..world.settings.hosts {
            world.add_host(&format!("node-{number}"), Role::Member);
        }
        for number in 0..world.settings.neighbours {
            world.add_host(&format!("neighbour-{number}"), Role::Neighbour);
        }
        world
    }

    /// Adds a host for a node called `name`; its number.
    ///
    /// # Panics
    /// When `name` is no name of a node.
    pub fn add_host(&mut self, name: &str, role: Role) -> usize {
        let name = Name::new(name).expect("a short name");
        let keyring = self.keys.of(role);
        self.population.add(name, role, keyring)
    }

    /// Does something to the node on `host`, if one runs.
    pub fn with_core<T>(
        &mut self,
        host: usize,
        act: impl FnOnce(&mut Core, Instant) -> T,
    ) -> Option<T> {
        let now = self.origin + self.now;
        let result = act(self.population.hosts[host].core.as_mut()?, now);
        self.drive(host);
        Some(result)
    }

    /// The node on `host`, if one runs.
    pub fn core(&self, host: usize) -> Option<&Core> {
        self.population.hosts[host].core.as_deref()
    }

    /// The hosts, and what is true about them.
    pub fn population(&self) -> &Population {
        &self.population
    }

    /// How many hosts there are, impostors and neighbours included.
    pub fn hosts(&self) -> usize {
        self.population.len()
    }

    /// The members on which a node runs.
    pub fn running(&self) -> Vec<usize> {
        self.population.running()
    }

    /// The time since the beginning of the world.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The true time in milliseconds since the Unix epoch.
    pub fn wall(&self) -> i64 {
        since_dawn(self.now)
    }

    /// What it has cost so far.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// A number that two worlds share exactly if the same happened in them.
    pub fn trace(&self) -> u64 {
        self.trace
    }

    /// What watches it.
    pub fn oracle(&mut self) -> &mut O {
        &mut self.oracle
    }

    /// Lets everything happen that is due until `end`.
    pub fn run_until(&mut self, end: Duration) {
        while let Some((at, event)) = self.queue.pop(end) {
            self.step(at, event);
        }
        self.advance(end);
    }

    /// Lets things happen until `holds`, asked after each event, or until `end`; when it held.
    pub fn run_until_so(
        &mut self,
        end: Duration,
        mut holds: impl FnMut(&mut Self) -> bool,
    ) -> Option<Duration> {
        while !holds(self) {
            let Some((at, event)) = self.queue.pop(end) else {
                self.advance(end);
                return None;
            };
            self.step(at, event);
        }
        Some(self.now)
    }

    /// Lets things happen until all nodes agree on exactly the nodes that run, or until `end`; when
    /// they agreed.
    pub fn run_until_agreed(&mut self, end: Duration) -> Option<Duration> {
        self.run_until_so(end, Self::agreed)
    }

    /// Whether all members see exactly the members that run, all of them participants. A node that
    /// stays out because of its name has no say.
    pub fn agreed(&mut self) -> bool {
        let Some(host) = self.agreement.unanimous() else {
            return self.agreement.is_empty();
        };
        let core =
            self.population.hosts[host].core.as_mut().expect("only running nodes have a view");
        let view = core.view();
        if view.peers.len() != self.agreement.names() {
            return false;
        }
        let wrong = |peer: &Peer| {
            let runs = self.agreement.runs(&peer.name) && self.population.alive(peer);
            peer.state != State::Participant || !runs
        };
        // It is asked after each event: who was seen wrongly mostly still is.
        if view.peers.get(self.mistaken).is_some_and(wrong) {
            return false;
        }
        let Some(mistaken) = view.peers.iter().position(wrong) else { return true };
        self.mistaken = mistaken;
        false
    }

    fn advance(&mut self, to: Duration) {
        self.oracle.advance(to);
        self.now = to;
    }

    pub(super) fn tell(&mut self, fact: Fact<'_>) {
        if let Fact::View { host, digest } = fact {
            self.agreement.view(host, digest);
        }
        self.oracle.see(self.now, fact, &self.population);
    }

    pub(super) fn schedule(&mut self, after: Duration, event: Event) {
        self.queue.push(self.now + after, event);
    }

    fn fold(&mut self, number: u64) {
        self.trace = (self.trace ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    fn step(&mut self, at: Duration, event: Event) {
        self.advance(at);
        self.cost.events += 1;
        self.fold(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX));
        match event {
            Event::Datagram { to, datagram } => {
                self.fold(to as u64 ^ Key::of("", [&datagram]).as_u64());
                self.arrive(to, datagram);
            }
            Event::Wake { host, life } => {
                let state = &mut self.population.hosts[host];
                if state.life == life && state.alarm == Some(at) {
                    state.alarm = None;
                    let wake = state.wake;
                    self.fold(host as u64);
                    if wake == Some(at) {
                        self.wake(host);
                    } else {
                        self.set_alarm(host, wake);
                    }
                }
            }
            Event::Turn { host, life } => self.turn(host, life),
            Event::Deliver { host, delivery } => self.deliver(host, delivery),
            Event::GiveUp { exchange } => self.give_up(exchange),
            Event::Rotate { step } => self.rotation(step),
            Event::Rekey { host } => self.rekey(host),
            Event::Replay { left, victim } => self.replay_one(left, victim),
            Event::Remembered { host, life, file } => self.remembered(host, life, file),
            Event::Written { host, life } => self.written(host, life),
        }
    }

    /// A number below `bound`, which is not 0.
    pub fn pick(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound)
    }

    /// Up to `count` of `among`, all of them different, in random order.
    pub fn pick_some(&mut self, mut among: Vec<usize>, count: usize) -> Vec<usize> {
        let count = count.min(among.len());
        for index in 0..count {
            let other = index + self.pick(among.len() - index);
            among.swap(index, other);
        }
        among.truncate(count);
        among
    }

    /// How the process on `host` gets on.
    pub fn pace(&self, host: usize) -> Pace {
        self.population.hosts[host].pace
    }
}
