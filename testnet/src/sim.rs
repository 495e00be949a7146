//! A cluster in virtual time: the production core of every node, over a simulated network.
//!
//! One heap of events, one seed: the same seed gives the same world to the last datagram. What must
//! never happen is checked after every event, what must come to pass in the end after everything
//! has been healed.
//!
//! * [`World`]: hosts, processes and their clocks, driven event by event;
//! * [`Network`]: what becomes of datagrams and connections on their way;
//! * [`Fault`]: what goes wrong, and how it is taken back;
//! * [`Oracle`]: what watches, [`Checks`] above all, and knows the truth;
//! * [`Scenario`]: one run of all that; [`swarm`]: very many of them.

use std::io::Write;
use std::time::{Duration, Instant};

use clap::Args;

mod agreement;
mod blame;
mod catalog;
mod checks;
mod collector;
pub mod continuity;
mod exchange;
mod faults;
mod host;
mod keys;
mod lookups;
mod network;
mod oracle;
mod queue;
mod run;
mod scenario;
pub mod swarm;
#[cfg(test)]
mod tests;
mod world;

pub use catalog::Catalog;
pub use checks::{
    Bounds, Burials, Checks, Findings, Forming, Journal, Names, Ownership, Replays, Verdicts,
};
pub use collector::{End, Hold};
pub use exchange::{Errand, Outcome};
pub use faults::{Fault, Strike, Undo};
pub use host::{Dns, Pace, Population, Role};
pub use network::{Carrier, Hosts, Network, Rule, RuleId};
pub use oracle::{Fact, Oracle};
pub use run::simulate;
pub use scenario::Scenario;
pub use world::{Collecting, Cost, Settings, World};

/// How many of the last events a failing run tells: the faults and verdicts of the last minutes of a
/// small world.
pub const EVENTS: usize = 60;

/// `testnet sim`: simulate a cluster with faults.
#[derive(Debug, Clone, Default, Args)]
pub struct Arguments {
    /// What everything random follows from; another one each time if not given.
    #[arg(long)]
    pub seed: Option<u64>,
    /// How many nodes; 100 if not given.
    #[arg(long)]
    pub nodes: Option<usize>,
    /// How many nodes of another cluster there are on the same network; none if not given.
    #[arg(long)]
    pub neighbours: Option<usize>,
    /// Minutes of virtual time; 10 if not given.
    #[arg(long)]
    pub minutes: Option<u64>,
    /// How many targets all nodes know; 1,000 if not given.
    #[arg(long)]
    pub targets: Option<usize>,
    /// The share of datagrams that are lost, 0 to 1; none if not given.
    #[arg(long)]
    pub loss: Option<f64>,
    /// The share of datagrams that arrive twice, 0 to 1; none if not given.
    #[arg(long)]
    pub duplication: Option<f64>,
    /// The most that is added to the half millisecond that a datagram takes, in milliseconds; 1.5 if
    /// not given.
    #[arg(long)]
    pub jitter: Option<f64>,
    /// The time from one fault to the next, in seconds of virtual time on average; 15 if not given.
    #[arg(long)]
    pub fault_interval: Option<u64>,
    /// The kinds of faults, separated by commas; a random third of all if not given.
    #[arg(long, value_delimiter = ',', conflicts_with = "calm")]
    pub faults: Vec<Fault>,
    /// No faults at all.
    #[arg(long)]
    pub calm: bool,
    /// Give the clusters keys, so that what nodes say is sealed.
    #[arg(long)]
    pub keyed: bool,
    /// Let nodes keep on disk which peers they had, and look for them there.
    #[arg(long)]
    pub remembering: bool,
    /// Draw from the seed whatever is not given.
    #[arg(long)]
    pub swarm: bool,
    /// Run fresh seeds, each a world of its own, on all cores for so long; implies `--swarm`.
    #[arg(long = "for", value_name = "DURATION", value_parser = crate::cli::duration, conflicts_with = "seed")]
    pub duration: Option<Duration>,
    /// Fail when it takes longer than this, by the clock on the wall.
    #[arg(long, value_name = "DURATION", value_parser = crate::cli::duration)]
    pub within: Option<Duration>,
    /// How many of the last events a failing run tells; 60 if not given.
    #[arg(long)]
    pub events: Option<usize>,
    /// Run the kept seeds, before others if there are any.
    #[arg(long)]
    pub kept: bool,
}

/// Runs the simulation, or many of them, and prints what came of it.
///
/// # Errors
/// When a check failed, when a cluster did not recover, when it took too long, or when nothing can be
/// printed.
pub fn run(arguments: &Arguments, out: &mut (impl Write + Send)) -> anyhow::Result<()> {
    let started = Instant::now();
    run_untimed(arguments, out)?;
    let took = started.elapsed();
    if let Some(within) = arguments.within.filter(|within| took > *within) {
        let (took, within) = (took.as_secs_f64(), model::duration::format(within));
        anyhow::bail!("it took {took:.1} s, which is not within {within}");
    }
    Ok(())
}

fn run_untimed(arguments: &Arguments, out: &mut (impl Write + Send)) -> anyhow::Result<()> {
    if arguments.kept {
        swarm::run_kept(out)?;
    }
    if let Some(duration) = arguments.duration {
        return swarm::run_for(arguments, duration, out);
    }
    if arguments.kept {
        return Ok(());
    }
    let seed = arguments.seed.unwrap_or_else(rand::random);
    simulate(&Scenario::new(arguments, seed)?, arguments.events.unwrap_or(EVENTS), out)
}
