//! One run: how many nodes, what weather, which faults.

use std::fmt;
use std::time::Duration;

use anyhow::ensure;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::{Arguments, Collecting, Fault, Network, Settings};

/// Scrapes under way and discovery that is late make moves harder, at any pace.
const COLLECTING: Collecting = Collecting {
    interval: Duration::from_secs(5),
    discovery: Duration::from_secs(1),
    checkpoints: true,
};

/// Everything a run follows from. Written as the arguments of `testnet sim` that give the same run.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// What everything random follows from.
    pub seed: u64,
    /// How many nodes.
    pub nodes: usize,
    /// How many nodes of another cluster.
    pub neighbours: usize,
    /// How long, in virtual time.
    pub minutes: u64,
    /// How many targets.
    pub targets: usize,
    /// The share of datagrams that are lost.
    pub loss: f64,
    /// The share of datagrams that arrive twice.
    pub duplication: f64,
    /// The most that is added to the delay, in milliseconds.
    pub jitter: f64,
    /// Whether what nodes say is sealed.
    pub keyed: bool,
    /// Whether nodes remember their peers across restarts.
    pub remembering: bool,
    /// The time from one fault to the next, in seconds on average.
    pub fault_interval: u64,
    /// What goes wrong; nothing at all when empty.
    pub faults: Vec<Fault>,
}

impl Scenario {
    /// The scenario of `seed`: as given, and the rest by default or, for a swarm, drawn.
    ///
    /// # Errors
    /// When something given makes no sense.
    pub fn new(arguments: &Arguments, seed: u64) -> anyhow::Result<Self> {
        // Not the world's own randomness, so that a run does not change when what was drawn is given.
        let mut rng = ChaCha12Rng::seed_from_u64(seed ^ 0x5ce7_a410_5ce7_a410);
        let mut drawn = Self::draw(seed, &mut rng);
        if !arguments.swarm && arguments.duration.is_none() {
            drawn = Self { faults: drawn.faults, ..Self::usual(seed) };
        }
        let scenario = Self {
            seed,
            nodes: arguments.nodes.unwrap_or(drawn.nodes),
            neighbours: arguments.neighbours.unwrap_or(drawn.neighbours),
            minutes: arguments.minutes.unwrap_or(drawn.minutes),
            targets: arguments.targets.unwrap_or(drawn.targets),
            loss: arguments.loss.unwrap_or(drawn.loss),
            duplication: arguments.duplication.unwrap_or(drawn.duplication),
            jitter: arguments.jitter.unwrap_or(drawn.jitter),
            keyed: arguments.keyed || drawn.keyed,
            remembering: arguments.remembering || drawn.remembering,
            fault_interval: arguments.fault_interval.unwrap_or(drawn.fault_interval),
            faults: match (arguments.calm, arguments.faults.is_empty()) {
                (true, _) => Vec::new(),
                (false, true) => drawn.faults,
                (false, false) => arguments.faults.clone(),
            },
        };
        ensure!(scenario.nodes >= 1, "--nodes must be at least 1");
        ensure!(scenario.nodes <= 60_000, "--nodes must be at most 60000");
        ensure!(scenario.fault_interval >= 1, "--fault-interval must be at least 1");
        ensure!(scenario.jitter >= 0.0, "--jitter must not be negative");
        for share in [scenario.loss, scenario.duplication] {
            ensure!((0.0..=1.0).contains(&share), "a share is between 0 and 1, not {share}");
        }
        Ok(scenario)
    }

    /// What `testnet sim` does of its own accord.
    fn usual(seed: u64) -> Self {
        Self {
            seed,
            nodes: 100,
            neighbours: 0,
            minutes: 10,
            targets: 1000,
            loss: 0.0,
            duplication: 0.0,
            jitter: 1.5,
            keyed: false,
            remembering: false,
            fault_interval: 15,
            faults: Vec::new(),
        }
    }

    /// Anything. Small worlds mostly: they have most of the bugs, and many fit into a minute.
    fn draw(seed: u64, rng: &mut ChaCha12Rng) -> Self {
        fn one<T: Copy>(of: &[T], rng: &mut ChaCha12Rng) -> T {
            *of.choose(rng).expect("there is something to choose from")
        }
        let mut faults: Vec<Fault> =
            Fault::ALL.into_iter().filter(|_| rng.random_range(0..3) == 0).collect();
        if faults.is_empty() {
            faults.push(one(&Fault::ALL, rng));
        }
        Self {
            seed,
            nodes: one(&[2, 3, 3, 4, 5, 5, 7, 10, 12, 16, 24], rng),
            neighbours: one(&[0, 1, 3], rng),
            minutes: 6,
            targets: one(&[20, 200], rng),
            loss: one(&[0.0, 0.0, 0.02, 0.1, 0.25], rng),
            duplication: one(&[0.0, 0.0, 0.02, 0.2], rng),
            jitter: one(&[1.5, 1.5, 10.0, 150.0], rng),
            fault_interval: one(&[5, 15, 60], rng),
            faults,
            // Sealing takes most of the time of such a run.
            keyed: one(&[false, false, true], rng),
            remembering: one(&[false, true, true], rng),
        }
    }

    /// The world that it takes place in.
    pub fn settings(&self) -> Settings {
        let settings = Settings::default();
        Settings {
            seed: self.seed,
            hosts: self.nodes,
            neighbours: self.neighbours,
            targets: self.targets,
            seeds: settings.seeds.min(self.nodes),
            network: Network {
                loss: self.loss,
                duplication: self.duplication,
                jitter: Duration::from_secs_f64(self.jitter / 1000.0),
                ..Network::default()
            },
            keyed: self.keyed,
            remembering: self.remembering,
            collecting: Some(COLLECTING),
            ..settings
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, nodes, neighbours, minutes, targets, loss, duplication, jitter, .. } =
            self;
        write!(
            formatter,
            "--seed {seed} --nodes {nodes} --neighbours {neighbours} --minutes {minutes} \
             --targets {targets} --loss {loss} --duplication {duplication} --jitter {jitter} "
        )?;
        if self.keyed {
            formatter.write_str("--keyed ")?;
        }
        if self.remembering {
            formatter.write_str("--remembering ")?;
        }
        if self.faults.is_empty() {
            return formatter.write_str("--calm");
        }
        let faults: Vec<&str> = self.faults.iter().map(|kind| kind.as_str()).collect();
        let (interval, faults) = (self.fault_interval, faults.join(","));
        write!(formatter, "--fault-interval {interval} --faults {faults}")
    }
}
