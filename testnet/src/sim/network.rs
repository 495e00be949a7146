//! The simulated network: delay, loss, duplication, reordering, partitions.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha12Rng;

/// What the network does to a datagram.
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
    /// Hosts that hear only each other. The rest hear each other too.
    pub(super) island: BTreeSet<usize>,
    /// Ways that swallow everything, from and to.
    pub(super) cut: BTreeSet<(usize, usize)>,
}

impl Default for Network {
    /// A quiet LAN.
    fn default() -> Self {
        Self {
            delay: Duration::from_micros(500),
            jitter: Duration::from_micros(1500),
            loss: 0.0,
            duplication: 0.0,
            island: BTreeSet::new(),
            cut: BTreeSet::new(),
        }
    }
}

impl Network {
    /// Parts `island` from everybody else.
    pub fn part(&mut self, island: impl IntoIterator<Item = usize>) {
        self.island = island.into_iter().collect();
    }

    /// Swallows everything on the way from `from` to `to`; the way back is another.
    pub fn cut(&mut self, from: usize, to: usize) {
        self.cut.insert((from, to));
    }

    /// Takes back every partition and cut.
    pub fn heal(&mut self) {
        self.island.clear();
        self.cut.clear();
    }

    /// Whether anything gets from `from` to `to`.
    pub(super) fn is_open(&self, from: usize, to: usize) -> bool {
        self.island.contains(&from) == self.island.contains(&to) && !self.cut.contains(&(from, to))
    }

    /// The time one way takes.
    pub(super) fn one_way(&self, rng: &mut ChaCha12Rng) -> Duration {
        self.delay + self.jitter.mul_f64(rng.random::<f64>())
    }

    /// When copies of a datagram arrive: none, one, or two.
    pub(super) fn arrivals(
        &self,
        from: usize,
        to: usize,
        rng: &mut ChaCha12Rng,
    ) -> [Option<Duration>; 2] {
        if !self.is_open(from, to) || rng.random::<f64>() < self.loss {
            return [None, None];
        }
        let first = Some(self.one_way(rng));
        let twice = self.duplication > 0.0 && rng.random::<f64>() < self.duplication;
        [first, twice.then(|| self.one_way(rng))]
    }
}
