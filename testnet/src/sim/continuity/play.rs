//! One scenario with one seed.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::Ledger;
use super::judge::judge;
use super::script::{Stage, perform};
use crate::continuity::{Scenario, Table};
use crate::sim::{Collecting, Network, Settings, World};

/// Everything that a run follows from.
#[derive(Debug, Clone)]
pub struct Play {
    /// What happens.
    pub scenario: Scenario,
    /// What everything random follows from.
    pub seed: u64,
    /// How many nodes there are at first.
    pub nodes: usize,
    /// How many targets.
    pub targets: usize,
    /// How often they are collected.
    pub interval: Duration,
    /// How long the network is broken, or the backend away.
    pub outage: Duration,
    /// The share of datagrams and of messages over TCP that are lost.
    pub loss: f64,
}

/// What a run came to.
#[derive(Debug)]
pub struct Played {
    /// What was played.
    pub play: Play,
    /// The counts beside their goals.
    pub table: Table,
    /// What happened to the first target about which there is a finding; empty when there is none.
    pub story: String,
    /// A number that two runs share exactly if the same happened in them.
    pub trace: u64,
    /// How many events that were.
    pub events: u64,
}

impl Play {
    /// In words.
    pub(super) fn what(&self) -> String {
        let Self { nodes, targets, interval, .. } = self;
        let interval = model::duration::format(*interval);
        format!("{}: {nodes} nodes, {targets} targets every {interval}", name(self.scenario))
    }

    /// The world that it takes place in: its weather is drawn from the seed.
    pub(super) fn world(&self) -> World<Ledger> {
        let mut rng = ChaCha12Rng::seed_from_u64(self.seed ^ 0x0c0a_715e_0c0a_715e);
        let jitter = *[1u64, 2, 10, 30].choose(&mut rng).expect("there are some");
        let discovery = *[100u64, 1000, 3000].choose(&mut rng).expect("there are some");
        let checkpoints = rng.random_bool(0.5);
        let hosts = if self.scenario == Scenario::Scale { 4 * self.nodes } else { self.nodes };
        let usual = Settings::default();
        let settings = Settings {
            seed: self.seed,
            hosts,
            targets: self.targets,
            seeds: usual.seeds.min(self.nodes),
            network: Network {
                jitter: Duration::from_millis(jitter),
                loss: self.loss,
                ..Network::default()
            },
            collecting: Some(Collecting {
                interval: self.interval,
                discovery: Duration::from_millis(discovery),
                checkpoints,
            }),
            ..usual
        };
        let mut world = World::watched_by(Ledger::default(), settings);
        if self.scenario == Scenario::Skew {
            for host in 0..world.hosts() {
                // Both ends are there: 200 ms lie between the clocks of the first two.
                let ahead = if host < 2 { 200 * host as i64 } else { rng.random_range(0..=200) };
                world.set_clock(host, ahead);
            }
        }
        world
    }
}

/// Plays it.
pub fn play(play: &Play) -> Played {
    let mut stage = Stage::set(play, play.world());
    let goal = perform(&mut stage, play);
    let (mut world, log) = stage.clear();
    let (trace, events) = (world.trace(), world.cost().events);
    let (table, story) = judge(play, &goal, world.oracle(), &log);
    Played { play: play.clone(), table, story, trace, events }
}

/// The arguments of `testnet sim` that give it.
impl fmt::Display for Play {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, seed, nodes, targets, interval, outage, loss } = self;
        let (interval, outage) =
            (model::duration::format(*interval), model::duration::format(*outage));
        let scenario = name(*scenario);
        write!(
            formatter,
            "continuity --scenario {scenario} --nodes {nodes} --targets {targets} \
             --interval {interval} --outage {outage} --loss {loss} --seeds {seed}"
        )
    }
}

impl fmt::Display for Played {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { play, table, story, trace, .. } = self;
        write!(formatter, "seed {}\n{table}{story}", play.seed)?;
        writeln!(
            formatter,
            "trace {trace:016x}; again:\n  cargo run --release -p testnet -- sim {play}"
        )
    }
}

/// The name of a scenario, as it is given on the command line.
pub(super) fn name(scenario: Scenario) -> String {
    scenario.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}
