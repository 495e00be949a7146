//! The simulated network: delay, loss, duplication, reordering, and ways that are closed.
//!
//! The weather is the same everywhere; on top of it there are rules for some ways, each put in place
//! by one fault and taken back with it. So faults may overlap in any manner.

use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha12Rng;

/// What the network does to whatever is sent.
#[derive(Debug, Clone)]
pub struct Network {
    /// The least delay of one way.
    pub delay: Duration,
    /// The most that is added to it, uniformly: datagrams overtake each other within it.
    pub jitter: Duration,
    /// The share of datagrams that are lost, 0 to 1.
    pub loss: f64,
    /// The share of datagrams that arrive twice, 0 to 1.
    pub duplication: f64,
    pub(super) rules: Vec<(RuleId, Rule)>,
    pub(super) next: u32,
}

impl Default for Network {
    /// A quiet LAN.
    fn default() -> Self {
        Self {
            delay: Duration::from_micros(500),
            jitter: Duration::from_micros(1500),
            loss: 0.0,
            duplication: 0.0,
            rules: Vec::new(),
            next: 0,
        }
    }
}

/// Some hosts.
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    bits: Vec<u64>,
    /// All but those of `bits`.
    inverted: bool,
}

impl Hosts {
    /// Every host there is or will be.
    pub fn all() -> Self {
        Self { bits: Vec::new(), inverted: true }
    }

    /// All others.
    pub fn others(&self) -> Self {
        Self { bits: self.bits.clone(), inverted: !self.inverted }
    }

    /// Whether `host` is one of them.
    pub fn contains(&self, host: usize) -> bool {
        let set = self.bits.get(host / 64).is_some_and(|word| word >> (host % 64) & 1 == 1);
        set != self.inverted
    }
}

impl FromIterator<usize> for Hosts {
    fn from_iter<I: IntoIterator<Item = usize>>(hosts: I) -> Self {
        let mut bits = Vec::new();
        for host in hosts {
            if bits.len() <= host / 64 {
                bits.resize(host / 64 + 1, 0);
            }
            bits[host / 64] |= 1 << (host % 64);
        }
        Self { bits, inverted: false }
    }
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Everything: a cable.
    All,
    /// UDP alone: a firewall.
    Datagrams,
    /// TCP alone.
    Streams,
}

impl Carrier {
    fn covers(self, other: Self) -> bool {
        self == Carrier::All || self == other
    }
}

/// What happens on the ways from some hosts to some hosts, in that direction.
#[derive(Debug, Clone)]
pub struct Rule {
    /// From whom.
    pub from: Hosts,
    /// To whom.
    pub to: Hosts,
    /// To what.
    pub carrier: Carrier,
    /// The share that is lost in addition; 1 closes the way.
    pub loss: f64,
    /// The most that is added to the delay.
    pub delay: Duration,
    /// The share that arrives twice in addition.
    pub duplication: f64,
}

impl Rule {
    /// Nothing gets from `from` to `to`.
    pub fn closed(from: Hosts, to: Hosts) -> Self {
        Self { from, to, loss: 1.0, ..Self::open() }
    }

    /// A rule for all that changes nothing, to begin with.
    pub fn open() -> Self {
        Self {
            from: Hosts::all(),
            to: Hosts::all(),
            carrier: Carrier::All,
            loss: 0.0,
            delay: Duration::ZERO,
            duplication: 0.0,
        }
    }
}

/// Takes a rule back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleId(u32);

/// The first retransmissions of TCP: of a SYN, and of data on a LAN.
const SYN_AGAIN: Duration = Duration::from_secs(1);
const DATA_AGAIN: Duration = Duration::from_millis(200);

/// After so many losses in a row, whoever waits has given up long ago.
const TRIES: u32 = 8;

impl Network {
    /// Puts a rule in place.
    pub fn add(&mut self, rule: Rule) -> RuleId {
        self.next += 1;
        self.rules.push((RuleId(self.next), rule));
        RuleId(self.next)
    }

    /// Takes a rule back; nothing happens when [`Network::heal`] did.
    pub fn remove(&mut self, id: RuleId) {
        self.rules.retain(|(known, _)| *known != id);
    }

    /// Parts `island` from everybody else.
    pub fn part(&mut self, island: impl IntoIterator<Item = usize>) -> [RuleId; 2] {
        let island: Hosts = island.into_iter().collect();
        let rest = island.others();
        let there = self.add(Rule::closed(island.clone(), rest.clone()));
        [there, self.add(Rule::closed(rest, island))]
    }

    /// Takes back every rule.
    pub fn heal(&mut self) {
        self.rules.clear();
    }

    /// Loss, added delay and duplication of a way.
    fn weather(&self, from: usize, to: usize, carrier: Carrier) -> (f64, Duration, f64) {
        let mut open = 1.0 - self.loss;
        let mut single = 1.0 - self.duplication;
        let mut delay = self.jitter;
        for (_, rule) in &self.rules {
            if rule.carrier.covers(carrier) && rule.from.contains(from) && rule.to.contains(to) {
                open *= 1.0 - rule.loss;
                single *= 1.0 - rule.duplication;
                delay += rule.delay;
            }
        }
        (1.0 - open, delay, 1.0 - single)
    }

    /// When copies of a datagram arrive: none, one, or two.
    pub(super) fn arrivals(
        &self,
        from: usize,
        to: usize,
        rng: &mut ChaCha12Rng,
    ) -> [Option<Duration>; 2] {
        let (loss, delay, duplication) = self.weather(from, to, Carrier::Datagrams);
        if loss > 0.0 && rng.random::<f64>() < loss {
            return [None, None];
        }
        let twice = duplication > 0.0 && rng.random::<f64>() < duplication;
        let mut one_way = || self.delay + delay.mul_f64(rng.random::<f64>());
        [Some(one_way()), twice.then(one_way)]
    }

    /// How long one message of a TCP connection takes, with what TCP sends again; `None` when that
    /// is so long that everybody has given up. `opening` says that it opens the connection.
    pub(super) fn message(
        &self,
        from: usize,
        to: usize,
        opening: bool,
        rng: &mut ChaCha12Rng,
    ) -> Option<Duration> {
        let (loss, delay, _) = self.weather(from, to, Carrier::Streams);
        let mut after = self.delay + delay.mul_f64(rng.random::<f64>());
        let mut again = if opening { SYN_AGAIN } else { DATA_AGAIN };
        for _ in 0..TRIES {
            if loss <= 0.0 || rng.random::<f64>() >= loss {
                return Some(after);
            }
            after += again;
            again *= 2;
        }
        None
    }
}
