//! How long a cluster takes to be one again.

use std::io::Write;
use std::time::Duration;

use anyhow::ensure;
use membership::Config;

use super::Arguments;
use super::experiment::{Job, formed, on_all_cores, parameters, settings};
use super::render::{Grid, seconds};
use crate::goals::Goals;
use crate::sim::{Checks, World};

/// How long the halves are apart: longer than anybody remembers the dead, which is an hour. Nothing
/// else changes with time, so that a day is no different.
const PARTED: Duration = Duration::from_secs(70 * 60);

/// How many nodes halves have together that are apart for as long as somebody asks for.
const APART: usize = 1000;

/// Within this time everybody restarts.
const RESTART: Duration = Duration::from_secs(10);

/// The goals: one view so long after healing, and after the last restart.
const HEALED: Duration = Duration::from_secs(60);
const RESTARTED: Duration = Duration::from_secs(30);

/// When all has to be well, at the latest.
const LIMIT: Duration = Duration::from_secs(300);

struct Healing {
    what: String,
    goal: Duration,
    nodes: usize,
    seed: u64,
    agreed: Option<Duration>,
    /// What no node may ever do: bring back the dead, send too much, and whatever else the oracles watch.
    violations: Vec<String>,
}

fn all_well(world: &mut World<Checks>) -> (Option<Duration>, Vec<String>) {
    let from = world.now();
    let agreed = world.run_until_agreed(from + LIMIT).map(|at| at - from);
    // Whoever is to come back from the dead has the time to do so.
    world.run_until(world.now() + Duration::from_secs(60));
    (agreed, world.checks().violations().to_vec())
}

fn parted(seed: u64, nodes: usize, parted: Duration) -> anyhow::Result<Healing> {
    let settings = settings(seed, nodes, Config::default());
    let mut world = formed(Checks::of_members(), settings, Duration::from_secs(20))?;
    let island = world.pick_some((0..nodes).collect(), nodes / 2);
    let rules = world.network.part(island);
    world.run_until(world.now() + parted);
    ensure!(!world.agreed(), "halves that do not hear each other agree");
    rules.into_iter().for_each(|rule| world.network.remove(rule));
    let (agreed, violations) = all_well(&mut world);
    let what = format!("two halves, apart for {} s", parted.as_secs());
    Ok(Healing { what, goal: HEALED, nodes, seed, agreed, violations })
}

fn restarted(seed: u64, nodes: usize) -> anyhow::Result<Healing> {
    let settings = settings(seed, nodes, Config::default());
    let mut world = formed(Checks::of_members(), settings, Duration::from_secs(20))?;
    let order = world.pick_some((0..nodes).collect(), nodes);
    let from = world.now();
    for (number, host) in order.into_iter().enumerate() {
        world.run_until(from + RESTART.mul_f64(number as f64 / nodes as f64));
        world.crash(host);
        world.readdress(host);
        world.boot(host);
    }
    let (agreed, violations) = all_well(&mut world);
    let what = format!("all restart within {} s at new addresses", RESTART.as_secs());
    Ok(Healing { what, goal: RESTARTED, nodes, seed, agreed, violations })
}

pub(super) fn print(
    arguments: &Arguments,
    goals: &mut Goals,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let (sizes, seeds): (&[usize], usize) =
        arguments.scale.pick((&[5, 10], 1), (&[10, 100, 1000], 1), (&[10, 100, 1000], 3));
    let heads = ["what", "nodes", "seed", "one view after", "violations"];
    let mut grid = Grid::new("Healing", heads).note(
        "One view: every node sees exactly the nodes that run, each at its address and in its present \
         life. Counted from the healing, or from the last boot. Violations: of any law of the simulator, \
         first of all that the dead stay dead; each is told below.",
    );
    grid = grid.note(parameters());
    let mut told = Vec::new();
    let mut jobs: Vec<Job<'_, anyhow::Result<Healing>>> = Vec::new();
    if let Some(apart) = arguments.apart {
        let (seed, nodes) = (arguments.seed, arguments.nodes.unwrap_or(APART));
        jobs.push(Box::new(move || parted(seed, nodes, apart)));
    }
    for nodes in sizes.iter().filter(|_| arguments.apart.is_none()) {
        for seed in (arguments.seed..).take(seeds) {
            jobs.push(Box::new(move || parted(seed, *nodes, Duration::from_secs(60))));
            let long = arguments.scale.pick(0, 100, usize::MAX);
            if seed == arguments.seed && *nodes <= long {
                jobs.push(Box::new(move || parted(seed, *nodes, PARTED)));
            }
            jobs.push(Box::new(move || restarted(seed, *nodes)));
        }
    }
    for done in on_all_cores(jobs) {
        let Healing { what, goal, nodes, seed, agreed, violations } = done?;
        let which = format!("{nodes} nodes, seed {seed}, {what}");
        goals.time(format!("one view of {which}"), agreed, goal);
        goals.count(format!("violations of {which}"), violations.len() as u64, 0);
        told.extend(violations.iter().map(|law| format!("* {nodes} nodes, {what}: {law}")));
        let (nodes, seed) = (nodes.to_string(), seed.to_string());
        grid.row([what, nodes, seed, seconds(agreed), violations.len().to_string()]);
    }
    write!(out, "{grid}")?;
    for violation in told {
        writeln!(out, "{violation}")?;
    }
    Ok(())
}
