//! A handful of nodes and a network between them, in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

use crate::{Config, Event, Knock, Name, Output, Peer, State, Swim, SyncFailure};

const ONE_WAY: Duration = Duration::from_millis(1);

enum Arrival {
    Datagram(SocketAddr, SocketAddr, Bytes),
    Knocked { at: SocketAddr, to: SocketAddr, knock: Knock },
    Question { to: SocketAddr, from: SocketAddr, body: Bytes },
    Answer { at: SocketAddr, from: SocketAddr, answer: Result<Bytes, SyncFailure> },
}

/// No instant takes so many turns of timers, unless somebody gets nowhere.
const SPINNING: u32 = 10_000;

pub(super) struct Net {
    pub now: Instant,
    pub nodes: BTreeMap<SocketAddr, Swim>,
    pub events: Vec<(SocketAddr, Event)>,
    pub departed: BTreeSet<SocketAddr>,
    pub resolutions: usize,
    /// What names resolve to; an error is a failing server.
    pub seeds: Result<Vec<SocketAddr>, String>,
    /// Whether nobody says what they are.
    pub silent_server: bool,
    /// Addresses that hear only each other.
    pub island: BTreeSet<SocketAddr>,
    /// Addresses whose datagrams are all lost, both ways; TCP gets through.
    pub mute: BTreeSet<SocketAddr>,
    /// Addresses whose machine is gone, so that not even a closed port answers.
    pub vanished: BTreeSet<SocketAddr>,
    /// From and to: ways on which TCP is refused although somebody listens.
    pub closed: BTreeSet<(SocketAddr, SocketAddr)>,
    /// From and to: ways on which nothing arrives.
    pub apart: BTreeSet<(SocketAddr, SocketAddr)>,
    /// From and to: ways on which datagrams are lost.
    pub cut: BTreeSet<(SocketAddr, SocketAddr)>,
    /// Nodes that hear nothing and say nothing for now, while their timers go on: what arrives and
    /// what is sent waits.
    pub stalled: BTreeSet<SocketAddr>,
    waiting: Vec<(SocketAddr, SocketAddr, Bytes)>,
    /// From, to, what.
    pub sent: Vec<(SocketAddr, SocketAddr, Bytes)>,
    queue: BTreeMap<(Instant, u64), Arrival>,
    sequence: u64,
    /// When somebody's timer was due last, and how often one was at that instant.
    turns: (Instant, u32),
}

pub(super) fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

pub(super) fn peer(name: &str, port: u16, generation: u64) -> Peer {
    let name = Name::new(name).expect("a valid name");
    Peer { name, address: at(port), generation, state: State::Joining }
}

pub(super) fn seeded() -> Config {
    Config { seeded: true, ..Config::default() }
}

impl Net {
    pub(super) fn new(seeds: &[u16]) -> Self {
        Self {
            now: Instant::now(),
            nodes: BTreeMap::new(),
            events: Vec::new(),
            departed: BTreeSet::new(),
            resolutions: 0,
            seeds: Ok(seeds.iter().map(|port| at(*port)).collect()),
            silent_server: false,
            island: BTreeSet::new(),
            mute: BTreeSet::new(),
            vanished: BTreeSet::new(),
            closed: BTreeSet::new(),
            apart: BTreeSet::new(),
            cut: BTreeSet::new(),
            stalled: BTreeSet::new(),
            waiting: Vec::new(),
            sent: Vec::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            turns: (Instant::now(), 0),
        }
    }

    /// Boots `me` and lets it take part.
    pub(super) fn boot(&mut self, me: Peer, config: Config) {
        let address = me.address;
        self.boot_idle(me, config);
        self.act(address, Swim::participate);
    }

    /// Boots `me`, which joins and takes no part yet.
    pub(super) fn boot_idle(&mut self, me: Peer, config: Config) {
        let address = me.address;
        self.sequence += 1;
        let rng = ChaCha12Rng::seed_from_u64(self.sequence);
        let swim = Swim::new(me, config, rng, self.now);
        assert!(self.nodes.insert(address, swim).is_none(), "the address is free");
        self.drain(address);
    }

    /// Boots a cluster of nodes called a, b, c ... at ports 1, 2, 3 ..., all with the same seeds.
    pub(super) fn cluster(nodes: u16, seeds: &[u16]) -> Self {
        let mut net = Self::new(seeds);
        for (port, name) in (1..=nodes).zip('a'..) {
            net.boot(peer(&name.to_string(), port, 1000), seeded());
        }
        net.run_until("all see all", |net| net.agree(usize::from(nodes)));
        net.forget();
        net
    }

    pub(super) fn crash(&mut self, port: u16) {
        self.nodes.remove(&at(port)).expect("a node runs there");
    }

    /// The machine of the node at `port` is gone.
    pub(super) fn vanish(&mut self, port: u16) {
        self.crash(port);
        self.vanished.insert(at(port));
    }

    /// Lets the stalled go on: all that waited is delivered.
    pub(super) fn resume(&mut self) {
        self.stalled.clear();
        for (from, to, datagram) in std::mem::take(&mut self.waiting) {
            if self.is_open(from, to) {
                self.push(ONE_WAY, Arrival::Datagram(from, to, datagram));
            }
        }
    }

    pub(super) fn act(&mut self, address: SocketAddr, act: impl FnOnce(&mut Swim, Instant)) {
        let now = self.now;
        if let Some(swim) = self.nodes.get_mut(&address) {
            act(swim, now);
            self.drain(address);
        }
    }

    pub(super) fn node(&mut self, port: u16) -> &mut Swim {
        self.nodes.get_mut(&at(port)).expect("a node runs there")
    }

    /// Whether all nodes see the same `size` participants.
    pub(super) fn agree(&mut self, size: usize) -> bool {
        let digests: BTreeSet<u64> = self.nodes.values().map(Swim::digest).collect();
        digests.len() == 1
            && self.nodes.values_mut().all(|swim| swim.view().participants().count() == size)
    }

    pub(super) fn forget(&mut self) {
        self.events.clear();
        self.sent.clear();
    }

    /// The events at `port`.
    pub(super) fn events(&self, port: u16) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |(address, _)| *address == at(port)).map(|(_, event)| event)
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until `done`, for two minutes at most; how long it took.
    pub(super) fn run_until(
        &mut self,
        what: &str,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Duration {
        let begin = self.now;
        let end = begin + Duration::from_secs(120);
        while !done(self) {
            assert!(self.step(end), "within two minutes: {what}; {:#?}", self.events);
        }
        self.now - begin
    }

    /// Lets the next thing happen, if that is before `end`.
    fn step(&mut self, end: Instant) -> bool {
        let timers = self.nodes.iter().filter_map(|(at, swim)| Some((swim.poll_timeout()?, *at)));
        let timer = timers.min();
        let arrival = self.queue.keys().next().copied();
        match (timer, arrival) {
            (Some((due, address)), next) if next.is_none_or(|(at, _)| due < at) => {
                if due > end {
                    return false;
                }
                self.now = self.now.max(due);
                self.act(address, Swim::handle_timeout);
                let (at, turns) = self.turns;
                self.turns = (self.now, if at == self.now { turns + 1 } else { 0 });
                assert!(turns < SPINNING, "{address} is due for ever");
            }
            (_, Some(next)) if next.0 <= end => {
                self.now = self.now.max(next.0);
                let arrival = self.queue.remove(&next).expect("it was there");
                self.arrive(arrival);
            }
            _ => return false,
        }
        true
    }

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Datagram(from, to, datagram) if self.stalled.contains(&to) => {
                self.waiting.push((from, to, datagram));
            }
            Arrival::Datagram(_, to, datagram) => self.act(to, |swim, now| {
                let _ = swim.handle_datagram(&datagram, now);
            }),
            Arrival::Knocked { at, to, knock } => {
                self.act(at, |swim, now| swim.handle_knock(to, knock, now));
            }
            Arrival::Question { to, from, body } => {
                let mut answer = Err(SyncFailure::Unreachable("refused".to_owned()));
                self.act(to, |swim, now| {
                    answer = swim
                        .handle_sync(&body, now)
                        .map_err(|refusal| SyncFailure::Refused(refusal.to_string()));
                });
                self.push(ONE_WAY, Arrival::Answer { at: from, from: to, answer });
            }
            Arrival::Answer { at, from, answer } => self.act(at, |swim, now| match answer {
                Ok(body) => {
                    let _ = swim.handle_sync_reply(from, &body, now);
                }
                Err(failure) => swim.handle_sync_failure(from, failure, now),
            }),
        }
    }

    fn push(&mut self, after: Duration, arrival: Arrival) {
        self.sequence += 1;
        self.queue.insert((self.now + after, self.sequence), arrival);
    }

    fn drain(&mut self, address: SocketAddr) {
        let mut resolve = false;
        while let Some(output) = self.nodes.get_mut(&address).and_then(Swim::poll_output) {
            match output {
                Output::Transmit { to, datagram } => {
                    self.sent.push((address, to, datagram.clone()));
                    let lost = self.mute.contains(&address)
                        || self.mute.contains(&to)
                        || self.cut.contains(&(address, to));
                    if self.stalled.contains(&address) {
                        self.waiting.push((address, to, datagram));
                    } else if !lost && self.is_open(address, to) {
                        self.push(ONE_WAY, Arrival::Datagram(address, to, datagram));
                    }
                }
                Output::Sync { to, .. } if self.closed.contains(&(address, to)) => {
                    let answer = Err(SyncFailure::Unreachable("connection refused".to_owned()));
                    self.push(2 * ONE_WAY, Arrival::Answer { at: address, from: to, answer });
                }
                Output::Sync { to, body } if self.is_open(address, to) => {
                    self.push(3 * ONE_WAY, Arrival::Question { to, from: address, body });
                }
                Output::Sync { to, .. } => {
                    let answer = Err(SyncFailure::Unreachable("timed out".to_owned()));
                    self.push(
                        Duration::from_secs(1),
                        Arrival::Answer { at: address, from: to, answer },
                    );
                }
                Output::Resolve => resolve = true,
                Output::Event(event) => self.events.push((address, event)),
                Output::View => {}
                Output::Knock { to } => {
                    let (knock, after) = if self.vanished.contains(&to)
                        || !self.is_open(address, to)
                    {
                        (Knock::Silence, Duration::from_millis(900))
                    } else if self.closed.contains(&(address, to)) || !self.nodes.contains_key(&to)
                    {
                        (Knock::Refused, 2 * ONE_WAY)
                    } else {
                        (Knock::Accepted, 2 * ONE_WAY)
                    };
                    self.push(after, Arrival::Knocked { at: address, to, knock });
                }
                Output::Departed => {
                    self.departed.insert(address);
                }
            }
        }
        if resolve && !self.silent_server {
            self.resolutions += 1;
            match self.seeds.clone() {
                Ok(seeds) => self.act(address, |swim, now| swim.handle_seeds(&seeds, now)),
                Err(error) => self.act(address, |swim, now| swim.handle_seeds_failure(error, now)),
            }
        }
    }

    fn is_open(&self, from: SocketAddr, to: SocketAddr) -> bool {
        self.island.contains(&from) == self.island.contains(&to)
            && !self.apart.contains(&(from, to))
    }
}
