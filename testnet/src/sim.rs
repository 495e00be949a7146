//! A cluster in virtual time: the production core of every node, over a simulated network.
//!
//! One heap of events, one seed: the same seed gives the same world to the last datagram. What must
//! never happen is checked after every event, what must come to pass in the end after everything
//! has been healed.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use clap::Args;

mod checks;
mod faults;
mod network;
mod queue;
#[cfg(test)]
mod tests;
mod world;

pub use checks::Checks;
pub use faults::{Fault, Undo};
pub use network::Network;
pub use world::{Cost, Settings, World};

/// How long after the last fault everything has to be well again: the seeds are asked once a minute,
/// and half a minute more is for the news to spread.
const RECOVERY: Duration = Duration::from_secs(120);

/// How long all is left alone after forming, to measure what that costs.
const QUIET: Duration = Duration::from_secs(60);

/// `testnet sim`: simulate a cluster with faults.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// How many nodes.
    #[arg(long, default_value_t = 100)]
    pub nodes: usize,
    /// What everything random follows from; another one each time if not given.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Minutes of virtual time.
    #[arg(long, default_value_t = 10)]
    pub minutes: u64,
    /// How many targets all nodes know.
    #[arg(long, default_value_t = 1000)]
    pub targets: usize,
    /// The share of datagrams that are lost, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    pub loss: f64,
    /// The share of datagrams that arrive twice, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    pub duplication: f64,
    /// The most that is added to the half millisecond that a datagram takes, in milliseconds.
    #[arg(long, default_value_t = 1.5)]
    pub jitter: f64,
    /// The time from one fault to the next, in seconds of virtual time on average.
    #[arg(long, default_value_t = 15)]
    pub fault_interval: u64,
    /// No faults at all.
    #[arg(long)]
    pub calm: bool,
}

/// Runs the simulation and prints what came of it.
///
/// # Errors
/// When a check failed, when the cluster did not recover, or when nothing can be printed.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    simulate(&arguments, &mut std::io::stdout().lock())
}

/// [`run`], printing to `out`.
fn simulate(arguments: &Arguments, out: &mut impl Write) -> anyhow::Result<()> {
    ensure!(arguments.nodes >= 1, "--nodes must be at least 1");
    for share in [arguments.loss, arguments.duplication] {
        ensure!((0.0..=1.0).contains(&share), "a share is between 0 and 1, not {share}");
    }
    let seed = arguments.seed.unwrap_or_else(rand::random);
    writeln!(out, "seed {seed}")?;
    let settings = Settings {
        seed,
        hosts: arguments.nodes,
        targets: arguments.targets,
        network: Network {
            loss: arguments.loss,
            duplication: arguments.duplication,
            jitter: Duration::from_secs_f64(arguments.jitter.max(0.0) / 1000.0),
            ..Network::default()
        },
        ..Settings::default()
    };
    let mut world = World::new(Settings { seeds: settings.seeds.min(arguments.nodes), ..settings });
    let started = Instant::now();
    let mut report = Report { out, world: &mut world };
    report.form()?;
    report.idle()?;
    let end = Duration::from_secs(60 * arguments.minutes);
    if !arguments.calm && arguments.nodes > 1 {
        report.faults(end, Duration::from_secs(arguments.fault_interval))?;
    }
    report.finish(end)?;
    let wall = started.elapsed().as_secs_f64();
    writeln!(
        out,
        "{:.0} s of virtual time in {wall:.1} s, {} events, trace {:016x}",
        world.now().as_secs_f64(),
        world.cost().events,
        world.trace()
    )?;
    Ok(())
}

/// Goes through the phases of a simulation, printing as it goes.
struct Report<'a, W> {
    out: &'a mut W,
    world: &'a mut World,
}

impl<W: Write> Report<'_, W> {
    /// Boots everybody within two seconds, in random order.
    fn form(&mut self) -> anyhow::Result<()> {
        let mut boots: Vec<(Duration, usize)> = (0..self.world.hosts())
            .map(|host| (Duration::from_millis(self.world.pick(2000) as u64), host))
            .collect();
        boots.sort_unstable();
        let last = boots.last().map_or(Duration::ZERO, |(at, _)| *at);
        for (at, host) in boots {
            self.world.run_until(at);
            self.world.boot(host);
        }
        let nodes = self.world.hosts();
        match self.world.run_until_agreed(last + RECOVERY) {
            Some(at) => self.line(format!(
                "formed {nodes} nodes, agreed {} after the last boot",
                seconds(at - last)
            ))?,
            None => self.fail("the cluster did not form")?,
        }
        self.check()
    }

    fn idle(&mut self) -> anyhow::Result<()> {
        // The news of forming are still going round for a few seconds.
        self.world.run_until(self.world.now() + Duration::from_secs(20));
        let before = self.world.cost();
        self.world.run_until(self.world.now() + QUIET);
        let after = self.world.cost();
        let per = |count: u64| count as f64 / QUIET.as_secs_f64() / self.world.hosts() as f64;
        let text = format!(
            "idle: {:.2} datagrams, {:.0} bytes of gossip and {:.0} bytes of state sync per node and second",
            per(after.datagrams - before.datagrams),
            per(after.datagram_bytes - before.datagram_bytes),
            per(after.sync_bytes - before.sync_bytes),
        );
        self.line(text)?;
        self.check()
    }

    /// Lets things go wrong until two minutes before `end`.
    fn faults(&mut self, end: Duration, interval: Duration) -> anyhow::Result<()> {
        let kinds = Fault::swarm(self.world);
        let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        self.line(format!("faults: {}", names.join(", ")))?;
        let mut undos: Vec<(Duration, Undo)> = Vec::new();
        let mut next = self.world.now();
        let stop = end.saturating_sub(RECOVERY);
        while next < stop {
            undos.sort_unstable_by_key(|(at, _)| *at);
            while let Some(&(at, undo)) = undos.first().filter(|(at, _)| *at <= next) {
                undos.remove(0);
                self.world.run_until(at);
                undo.apply(self.world);
                self.check()?;
            }
            self.world.run_until(next);
            let kind = kinds[self.world.pick(kinds.len())];
            let before = self.world.cost();
            if let Some((whom, undo)) = kind.strike(self.world) {
                let at = self.world.now();
                let until = Undo::after(self.world);
                undos.push((at + until, undo));
                // Whoever is parted from others cannot agree with them before that is over.
                let limit = undos.iter().map(|(at, _)| *at).min().unwrap_or(stop);
                let agreed = self.world.run_until_agreed(limit.min(at + interval));
                let moves = self.world.cost().starts - before.starts;
                let agreed = match agreed {
                    // Short or one-sided faults may end before anybody is taken for dead.
                    Some(then) if then == at => "no view has changed".to_owned(),
                    Some(then) => format!("agreed after {}", seconds(then - at)),
                    None => "not agreed before the next change".to_owned(),
                };
                self.line(format!(
                    "{} {} of {whom} for {}: {agreed}, {moves} starts",
                    seconds(at),
                    kind.as_str(),
                    seconds(until)
                ))?;
                self.check()?;
            }
            let pause = interval.as_millis() as usize;
            next = self.world.now() + Duration::from_millis(self.world.pick(2 * pause + 1) as u64);
        }
        for (_, undo) in undos {
            undo.apply(self.world);
        }
        self.world.network.heal();
        self.line(format!("{} everything healed", seconds(self.world.now())))
    }

    fn finish(&mut self, end: Duration) -> anyhow::Result<()> {
        let healed = self.world.now();
        match self.world.run_until_agreed(healed + RECOVERY) {
            Some(at) => self.line(format!("one view {} after healing", seconds(at - healed)))?,
            None => self.fail("the nodes do not agree")?,
        }
        self.check()?;
        let (unowned, doubled) = (self.world.checks().unowned(), self.world.checks().doubled());
        if unowned + doubled > 0 {
            self.fail(&format!("{unowned} targets unowned and {doubled} owned twice"))?;
        }
        self.world.run_until(end.max(self.world.now()));
        self.check()?;
        let (cost, checks) = (self.world.cost(), self.world.checks());
        let text = format!(
            "{} starts, {} stops; {:.0} target-seconds unowned, {:.0} doubled; deaths found: {} true, {} false",
            cost.starts,
            cost.stops,
            checks.unowned_seconds,
            checks.doubled_seconds,
            checks.true_deaths,
            checks.false_deaths,
        );
        self.line(text)
    }

    fn line(&mut self, text: String) -> anyhow::Result<()> {
        writeln!(self.out, "{text}")?;
        Ok(())
    }

    fn check(&mut self) -> anyhow::Result<()> {
        let violations = self.world.checks().violations();
        if violations.is_empty() { Ok(()) } else { bail!("{}", violations.join("\n")) }
    }

    fn fail(&mut self, what: &str) -> anyhow::Result<()> {
        bail!("at {}: {what}", seconds(self.world.now()))
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
