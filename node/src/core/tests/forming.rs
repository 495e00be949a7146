//! Nodes that begin at the same moment, over a network in virtual time.

use ownership::handover::Failure;
use rand::RngExt as _;

use super::*;

/// The name of every seed, and of every node, is its port.
const SEEDS: [u16; 3] = [1, 2, 3];

enum Arrival {
    Datagram(Bytes),
    Sync { from: u16, body: Bytes },
    Synced { from: u16, body: Result<Bytes, SyncFailure> },
    Claim { from: u16, id: u64, body: Bytes },
    Claimed { id: u64, body: Option<Bytes> },
    Seal(Key),
}

struct Net {
    now: Instant,
    rng: ChaCha12Rng,
    /// The longest that anything travels, in milliseconds.
    latency: u64,
    nodes: BTreeMap<u16, Core>,
    queue: BTreeMap<(Instant, u64), (u16, Arrival)>,
    sequence: u64,
    /// Claims that wait for an answer: who asked, and under which number.
    open: BTreeMap<u64, (u16, u64)>,
    collected: BTreeMap<Key, BTreeSet<u16>>,
    sealed: usize,
    /// When the last key was started that came without a seal.
    last_start: Option<Instant>,
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

impl Net {
    fn new(seed: u64, latency: u64) -> Self {
        Self {
            now: Instant::now(),
            rng: ChaCha12Rng::seed_from_u64(seed),
            latency,
            nodes: BTreeMap::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            open: BTreeMap::new(),
            collected: BTreeMap::new(),
            sealed: 0,
            last_start: None,
        }
    }

    /// Boots a node that knows its targets and takes part as soon as it may.
    fn boot(&mut self, port: u16) {
        let membership = membership::Config { seeded: true, ..membership::Config::default() };
        let config = Config { membership: Some(membership), ..Config::default() };
        let rng = ChaCha12Rng::from_rng(&mut self.rng);
        let core = Core::new(peer(&format!("n{port}"), port), config, rng, self.now);
        self.nodes.insert(port, core);
        self.act(port, |core, now| {
            core.set_keys(&component(), keys(60), now);
            core.participate(now);
        });
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let timers = self
                .nodes
                .iter()
                .filter_map(|(port, core)| Some((core.poll_timeout()?.max(self.now), *port)));
            let timer = timers.min().filter(|(at, _)| *at <= end);
            let arrival = self.queue.keys().next().copied().filter(|(at, _)| *at <= end);
            match (timer, arrival) {
                (Some((at, port)), next) if next.is_none_or(|(arrival, _)| at < arrival) => {
                    self.now = at;
                    self.act(port, Core::handle_timeout);
                }
                (_, Some(next)) => {
                    self.now = next.0;
                    let (to, arrival) = self.queue.remove(&next).expect("it was there");
                    self.arrive(to, arrival);
                }
                _ => break,
            }
        }
        self.now = end;
    }

    fn arrive(&mut self, to: u16, arrival: Arrival) {
        match arrival {
            Arrival::Datagram(datagram) => self.act(to, |core, now| {
                let _ = core.handle_datagram(&datagram, now);
            }),
            Arrival::Sync { from, body } => {
                let mut answer = Err(SyncFailure::Unreachable("refused".to_owned()));
                self.act(to, |core, now| {
                    let answered = core.handle_sync(&body, now);
                    answer = answered.map_err(|why| SyncFailure::Refused(why.to_string()));
                });
                self.send(from, Arrival::Synced { from: to, body: answer });
            }
            Arrival::Synced { from, body } => self.act(to, |core, now| match body {
                Ok(body) => core.handle_sync_reply(address(from), &body, now).expect("it fits"),
                Err(failure) => core.handle_sync_failure(address(from), failure, now),
            }),
            Arrival::Claim { from, id, body } => {
                self.sequence += 1;
                let number = self.sequence;
                self.open.insert(number, (from, id));
                let mut heard = false;
                self.act(to, |core, now| heard = core.handle_claim(number, &body, now).is_ok());
                if !heard {
                    self.open.remove(&number);
                    self.send(from, Arrival::Claimed { id, body: None });
                }
            }
            Arrival::Claimed { id, body } => self.act(to, |core, now| match body {
                Some(body) => core.handle_claim_reply(id, &body, now).expect("it fits"),
                None => core.handle_claim_failure(id, Failure::Declined, now),
            }),
            Arrival::Seal(key) => {
                self.collected.entry(key).or_default().remove(&to);
                let seal = Seal { version: 1, last_tick: 1, payload: Bytes::new() };
                self.act(to, |core, now| core.handle_seal(&component(), key, Some(seal), now));
            }
        }
    }

    fn send(&mut self, to: u16, arrival: Arrival) {
        let after = 1 + self.rng.random_range(0..self.latency);
        self.sequence += 1;
        let at = self.now + Duration::from_millis(after);
        self.queue.insert((at, self.sequence), (to, arrival));
    }

    fn act(&mut self, port: u16, act: impl FnOnce(&mut Core, Instant)) {
        let now = self.now;
        let Some(core) = self.nodes.get_mut(&port) else { return };
        act(core, now);
        while let Some(output) = self.nodes.get_mut(&port).and_then(Core::poll_output) {
            self.carry_out(port, output);
        }
    }

    fn carry_out(&mut self, port: u16, output: Output) {
        match output {
            Output::Transmit { to, datagram } => self.send(to.port(), Arrival::Datagram(datagram)),
            Output::Sync { to, body } => self.send(to.port(), Arrival::Sync { from: port, body }),
            Output::Claim { to, id, body } => {
                self.send(to.port(), Arrival::Claim { from: port, id, body });
            }
            Output::ClaimReply { id, body } => {
                if let Some((to, id)) = self.open.remove(&id) {
                    self.send(to, Arrival::Claimed { id, body: Some(body) });
                }
            }
            Output::Resolve => {
                let seeds = SEEDS.map(address);
                self.act(port, |core, now| core.handle_seeds(&seeds, now));
            }
            Output::Knock { to } => {
                self.act(port, |core, now| core.handle_knock(to, Knock::Accepted, now));
            }
            Output::Start { key, seal, .. } => {
                let holders = self.collected.entry(key).or_default();
                assert!(holders.is_empty(), "n{port} starts {key}, which {holders:?} collect");
                holders.insert(port);
                match seal {
                    Some(_) => self.sealed += 1,
                    None => self.last_start = Some(self.now),
                }
            }
            Output::Stop { key, seal: true, .. } => self.send(port, Arrival::Seal(key)),
            Output::Stop { key, .. } => {
                self.collected.entry(key).or_default().remove(&port);
            }
            _ => {}
        }
    }

    /// Panics unless each key is collected by its owner, and nobody else.
    fn assert_settled(&self) {
        assert_eq!(self.collected.len(), 60);
        let core = self.nodes.values().next().expect("somebody lives");
        for (key, holders) in &self.collected {
            let owner = core.placement(*key).owner.expect("somebody takes part");
            let holders: Vec<String> = holders.iter().map(|port| format!("n{port}")).collect();
            assert_eq!(holders, [owner.as_str()]);
        }
    }
}

#[test]
fn nodes_that_form_a_cluster_at_the_same_moment_never_collect_a_key_twice() {
    for seed in 0..200 {
        let latency = [1, 5, 30][seed as usize % 3];
        let mut net = Net::new(seed, latency);
        let begin = net.now;
        for port in SEEDS {
            net.boot(port);
            // Not quite the same moment: up to 20 ms apart, on some seeds.
            let apart = net.rng.random_range(0..=seed % 2 * 20);
            net.run(Duration::from_millis(apart));
        }
        // `Net` asserts that nobody starts what another collects.
        net.run(Duration::from_secs(5));
        net.assert_settled();
        let took = net.last_start.expect("all are collected") - begin;
        // A node that found nobody asks the seeds again after a while, and is late then.
        assert!(took < Duration::from_secs(3), "{took:?} on seed {seed}");
    }
}

#[test]
fn a_node_that_joins_takes_at_once_what_others_collect() {
    let mut net = Net::new(7, 5);
    SEEDS.iter().for_each(|port| net.boot(*port));
    net.run(Duration::from_secs(5));
    assert_eq!(net.sealed, 0);
    net.boot(4);
    net.run(keys::SETTLE / 2);
    net.assert_settled();
    assert!(net.nodes[&4].collects_its_own());
    let moved = net.collected.values().filter(|holders| holders.contains(&4)).count();
    assert!(moved > 5 && moved == net.sealed, "{moved} of {}", net.sealed);
}

#[test]
fn a_node_that_is_alone_among_its_seeds_waits_once() {
    let mut net = Net::new(9, 5);
    net.boot(1);
    // Nobody answers at the other seeds: it is alone after a while, and nothing is lost by waiting.
    net.run(Duration::from_secs(15));
    net.assert_settled();
    let later = Key::of(&component(), [b"later"]);
    let mut all = keys(60);
    all.push(later);
    net.act(1, |core, now| core.set_keys(&component(), all, now));
    assert_eq!(net.collected[&later].len(), 1, "a node that has settled waits for nothing");
}
