//! How long until a death is known.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use membership::{Config, Event, Name};

use super::Arguments;
use super::experiment::{Job, formed, on_all_cores, parameters, settings};
use super::render::{Grid, quantile, seconds};
use crate::goals::Goals;
use crate::sim::{Fact, Oracle, Population, World};

#[cfg(test)]
mod tests;

/// When everybody has to know, at the latest.
const LIMIT: Duration = Duration::from_secs(120);

/// How long until the dead is back and all is quiet again.
const QUIET: Duration = Duration::from_secs(20);

/// How a node dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// Whatever is sent to its machine vanishes.
    Host,
    /// Its machine says that nobody listens.
    Process,
    /// It says farewell.
    Leave,
}

/// Who knows of one death.
#[derive(Default)]
struct Obituary {
    name: Option<Name>,
    first: Option<Duration>,
    knows: BTreeSet<usize>,
    /// Verdicts about nodes that live.
    wrong: u64,
}

impl Oracle for Obituary {
    fn see(&mut self, at: Duration, fact: Fact<'_>, truth: &Population) {
        let Fact::Swim { host, event } = fact else { return };
        match event {
            Event::Down { peer, .. } if Some(&peer.name) == self.name.as_ref() => {
                self.first.get_or_insert(at);
                self.knows.insert(host);
            }
            Event::Down { peer, .. } if truth.alive(peer) => self.wrong += 1,
            _ => {}
        }
    }
}

#[derive(Default)]
struct Deaths {
    first: Vec<Duration>,
    all: Vec<Duration>,
    /// Deaths that somebody did not hear of in time.
    unheard: usize,
    wrong: u64,
}

/// Within which time half of the deaths of hosts are to be known to every survivor; nobody has set a goal for
/// more than a thousand nodes.
fn goal(nodes: usize) -> Option<Duration> {
    let millis = match nodes {
        ..=10 => 2500,
        11..=100 => 4000,
        101..=1000 => 6000,
        _ => return None,
    };
    Some(Duration::from_millis(millis))
}

/// Whether `deaths` are found as they should. The time is a matter of the host: a process is found out
/// about, and a leave told, far sooner.
fn judge(nodes: usize, death: Death, deaths: &mut Deaths, goals: &mut Goals) {
    let which = format!("{nodes} nodes, death {death:?}");
    goals.count(format!("verdicts about others, {which}"), deaths.wrong, 0);
    goals.count(format!("deaths that somebody did not hear of, {which}"), deaths.unheard as u64, 0);
    if let Some(goal) = goal(nodes).filter(|_| death == Death::Host) {
        goals.time(format!("median, {which}"), quantile(&mut deaths.all, 0.5), goal);
    }
}

fn die(world: &mut World<Obituary>, host: usize, death: Death, deaths: &mut Deaths) {
    let from = world.now();
    let name = world.population().name(host).clone();
    let survivors = world.running().len() - 1;
    *world.oracle() = Obituary { name: Some(name), ..Obituary::default() };
    match death {
        Death::Host => world.cut_power(host),
        Death::Process => world.crash(host),
        Death::Leave => world.leave(host),
    }
    let all = world.run_until_so(from + LIMIT, |world| world.oracle().knows.len() == survivors);
    match all {
        Some(at) => deaths.all.push(at - from),
        None => deaths.unheard += 1,
    }
    deaths.first.extend(world.oracle().first.map(|at| at - from));
    deaths.wrong += world.oracle().wrong;
    world.oracle().name = None;
}

fn experiment(seed: u64, nodes: usize, count: usize, death: Death) -> anyhow::Result<Deaths> {
    let settings = settings(seed, nodes, Config::default());
    let mut world = formed(Obituary::default(), settings, QUIET)?;
    let mut deaths = Deaths::default();
    for _ in 0..count {
        // Not in step with anybody's probes.
        let pause = Duration::from_millis(world.pick(3000) as u64);
        world.run_until(world.now() + pause);
        let host = world.pick(nodes);
        die(&mut world, host, death, &mut deaths);
        // Who leaves has said farewell long ago.
        world.crash(host);
        world.boot(host);
        let limit = world.now() + LIMIT;
        anyhow::ensure!(world.run_until_agreed(limit).is_some(), "seed {seed}: nobody comes back");
        world.run_until(world.now() + QUIET);
    }
    Ok(deaths)
}

/// Sizes of clusters, and for each: worlds, and deaths in each.
const QUICK: [(usize, usize, usize); 2] = [(5, 2, 5), (10, 2, 5)];
const SHORT: [(usize, usize, usize); 3] = [(10, 2, 15), (100, 2, 10), (1000, 2, 3)];
const FULL: [(usize, usize, usize); 6] =
    [(3, 8, 25), (10, 8, 25), (30, 8, 25), (100, 8, 25), (300, 4, 20), (1000, 4, 10)];

pub(super) fn print(
    arguments: &Arguments,
    goals: &mut Goals,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let sizes: &[(usize, usize, usize)] = arguments.scale.pick(&QUICK, &SHORT, &FULL);
    let heads =
        ["nodes", "deaths", "first median", "first p99", "all median", "all p99", "unheard", "FP"];
    for (death, title) in [
        (Death::Host, "Death of a host, packets vanish: kill until it is known"),
        (Death::Process, "Death of a process, its machine lives: kill until it is known"),
        (Death::Leave, "Graceful leave: announcement until it is known"),
    ] {
        let mut grid = Grid::new(title, heads).note(format!(
            "Seeds from {}. First: somebody knows; all: every survivor does. Unheard: not everybody \
             within {} s. FP: verdicts about others.",
            arguments.seed,
            LIMIT.as_secs()
        ));
        grid = grid.note(parameters());
        for (nodes, worlds, count) in sizes {
            let seeds = (arguments.seed..).take(*worlds);
            let jobs = seeds.map(|seed| -> Job<'_, anyhow::Result<Deaths>> {
                Box::new(move || experiment(seed, *nodes, *count, death))
            });
            let mut sum = Deaths::default();
            for done in on_all_cores(jobs.collect()) {
                let done = done?;
                sum.first.extend(done.first);
                sum.all.extend(done.all);
                sum.unheard += done.unheard;
                sum.wrong += done.wrong;
            }
            judge(*nodes, death, &mut sum, goals);
            grid.row([
                nodes.to_string(),
                (worlds * count).to_string(),
                seconds(quantile(&mut sum.first, 0.5)),
                seconds(quantile(&mut sum.first, 0.99)),
                seconds(quantile(&mut sum.all, 0.5)),
                seconds(quantile(&mut sum.all, 0.99)),
                sum.unheard.to_string(),
                sum.wrong.to_string(),
            ]);
        }
        write!(out, "{grid}")?;
    }
    Ok(())
}
