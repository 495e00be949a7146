//! The experiments of the Lifeguard paper (Dadgar, Phillips, Currey: "Lifeguard: Local Health
//! Awareness for More Accurate Failure Detection", 2018), on 128 nodes.
//!
//! Some members suffer: whatever they send and receive is stuck for a while, though their timers run.
//! Nobody dies. So every verdict about a member that does not suffer is a false positive; FP- counts
//! those of observers that do not suffer either. In the threshold experiment each sufferer suffers
//! once; in the interval experiment it does so over and over, for two minutes.

use std::io::Write;
use std::time::Duration;

use membership::{Cause, Config, Event};

use super::Arguments;
use super::experiment::{Job, formed, on_all_cores, settings};
use super::render::Grid;
use crate::goals::Goals;
use crate::sim::{Fact, Hosts, Oracle, Pace, Population};

#[cfg(test)]
mod tests;

const NODES: usize = 128;

/// How long all is left alone, before and after.
const QUIESCE: Duration = Duration::from_secs(15);
const AFTERMATH: Duration = Duration::from_secs(30);

/// How long the interval experiment lasts.
const LASTS: Duration = Duration::from_secs(120);

/// Counts verdicts about members that do not suffer.
#[derive(Default)]
struct Counting {
    sufferers: Option<Hosts>,
    all: u64,
    by_healthy: u64,
    about_sufferers: u64,
}

impl Oracle for Counting {
    fn see(&mut self, _: Duration, fact: Fact<'_>, truth: &Population) {
        let Some(sufferers) = &self.sufferers else { return };
        if let Fact::Swim { host, event: Event::Down { peer, cause: Cause::Failed, .. } } = fact {
            let whom = truth.called(&peer.name).first();
            if whom.is_some_and(|whom| sufferers.contains(*whom)) {
                self.about_sufferers += 1;
                return;
            }
            self.all += 1;
            self.by_healthy += u64::from(!sufferers.contains(host));
        }
    }
}

/// What is compared.
const VARIANTS: [(&str, [bool; 4]); 6] = [
    ("plain SWIM", [false, false, false, false]),
    ("+ local health", [true, false, false, false]),
    ("+ dynamic suspicion", [false, true, false, false]),
    ("+ buddy", [false, false, true, false]),
    ("all three (Lifeguard)", [true, true, true, false]),
    ("Shoal: all three + evidence", [true, true, true, true]),
];

fn config([local_health, dynamic_suspicion, buddy, evidence]: [bool; 4]) -> Config {
    Config { local_health, dynamic_suspicion, buddy, evidence, ..Config::default() }
}

/// How the sufferers suffer.
#[derive(Debug, Clone, Copy)]
struct Anomaly {
    /// How many.
    sufferers: usize,
    /// For how long.
    lasts: Duration,
    /// And how long they do not, in between; `None`: they suffer once.
    pause: Option<Duration>,
    /// In which way.
    pace: Pace,
}

#[derive(Debug, Clone, Copy, Default)]
struct Outcome {
    all: u64,
    by_healthy: u64,
    about_sufferers: u64,
    datagrams: u64,
    bytes: u64,
    seconds: f64,
}

impl Outcome {
    fn plus(self, other: Self) -> Self {
        Self {
            all: self.all + other.all,
            by_healthy: self.by_healthy + other.by_healthy,
            about_sufferers: self.about_sufferers + other.about_sufferers,
            datagrams: self.datagrams + other.datagrams,
            bytes: self.bytes + other.bytes,
            seconds: self.seconds + other.seconds,
        }
    }
}

fn experiment(
    seed: u64,
    nodes: usize,
    config: Config,
    anomaly: Anomaly,
) -> anyhow::Result<Outcome> {
    let mut world = formed(Counting::default(), settings(seed, nodes, config), QUIESCE)?;
    let sufferers = world.pick_some((0..nodes).collect(), anomaly.sufferers);
    world.oracle().sufferers = Some(sufferers.iter().copied().collect());
    let (before, from) = (world.cost(), world.now());
    loop {
        sufferers.iter().for_each(|host| world.set_pace(*host, anomaly.pace));
        world.run_until(world.now() + anomaly.lasts);
        sufferers.iter().for_each(|host| world.set_pace(*host, Pace::Prompt));
        let Some(pause) = anomaly.pause else { break };
        world.run_until(world.now() + pause);
        if world.now() >= from + LASTS {
            break;
        }
    }
    world.run_until(world.now() + AFTERMATH);
    let (after, seconds) = (world.cost(), (world.now() - from).as_secs_f64());
    let counted = world.oracle();
    Ok(Outcome {
        all: counted.all,
        by_healthy: counted.by_healthy,
        about_sufferers: counted.about_sufferers,
        datagrams: after.datagrams - before.datagrams,
        bytes: after.datagram_bytes - before.datagram_bytes,
        seconds,
    })
}

/// Every combination of the grid.
fn grid(sufferers: &[usize], lasts: &[u64], pauses: &[Option<u64>], pace: Pace) -> Vec<Anomaly> {
    let mut grid = Vec::new();
    for sufferers in sufferers {
        for lasts in lasts {
            for pause in pauses {
                grid.push(Anomaly {
                    sufferers: *sufferers,
                    lasts: Duration::from_millis(*lasts),
                    pause: pause.map(Duration::from_millis),
                    pace,
                });
            }
        }
    }
    grid
}

/// Runs every variant on every anomaly: by variant and anomaly, the sum over the seeds.
fn compare(seeds: &[u64], nodes: usize, grid: &[Anomaly]) -> anyhow::Result<Vec<Vec<Outcome>>> {
    let mut jobs: Vec<Job<'_, anyhow::Result<(usize, usize, Outcome)>>> = Vec::new();
    for (variant, (_, switches)) in VARIANTS.iter().enumerate() {
        for (case, anomaly) in grid.iter().enumerate() {
            for seed in seeds {
                jobs.push(Box::new(move || {
                    Ok((variant, case, experiment(*seed, nodes, config(*switches), *anomaly)?))
                }));
            }
        }
    }
    let mut sums = vec![vec![Outcome::default(); grid.len()]; VARIANTS.len()];
    for done in on_all_cores(jobs) {
        let (variant, case, outcome) = done?;
        sums[variant][case] = sums[variant][case].plus(outcome);
    }
    Ok(sums)
}

/// The first variant and the last, case by case, where anybody was blamed wrongly; `None` when nobody was.
fn cases(title: &str, grid: &[Anomaly], outcomes: &[Vec<Outcome>]) -> Option<Grid> {
    let ((first, _), (last, _)) = (VARIANTS[0], VARIANTS[VARIANTS.len() - 1]);
    let heads = ["C", "D, ms", "I, ms"].map(str::to_owned).into_iter();
    let heads = heads.chain([first, last].map(|name| format!("FP (FP-), {name}")));
    let mut table = Grid::new(format!("{title}, case by case"), heads)
        .note("The cases in which nobody was blamed wrongly are left out.");
    let mut blamed_any = false;
    for (case, anomaly) in grid.iter().enumerate() {
        let [first, last] = [&outcomes[0], &outcomes[VARIANTS.len() - 1]].map(|of| of[case]);
        if first.all + last.all == 0 {
            continue;
        }
        blamed_any = true;
        let blamed = |outcome: Outcome| format!("{} ({})", outcome.all, outcome.by_healthy);
        table.row([
            anomaly.sufferers.to_string(),
            anomaly.lasts.as_millis().to_string(),
            anomaly.pause.map_or("once".to_owned(), |pause| pause.as_millis().to_string()),
            blamed(first),
            blamed(last),
        ]);
    }
    blamed_any.then_some(table)
}

fn table(title: &str, notes: &[String], nodes: usize, sums: &[Outcome]) -> Grid {
    let heads = ["", "FP", "FP-", "FP, %", "about sufferers", "datagrams/s/node", "bytes/s/node"];
    let mut table = Grid::new(title, heads);
    for note in notes {
        table = table.note(note);
    }
    let plain = sums[0].all.max(1) as f64;
    for ((name, _), sum) in VARIANTS.iter().zip(sums) {
        let per = |count: u64| count as f64 / sum.seconds / nodes as f64;
        table.row([
            (*name).to_owned(),
            sum.all.to_string(),
            sum.by_healthy.to_string(),
            format!("{:.2}", 100.0 * sum.all as f64 / plain),
            sum.about_sufferers.to_string(),
            format!("{:.2}", per(sum.datagrams)),
            format!("{:.0}", per(sum.bytes)),
        ]);
    }
    table
}

/// Whether what runs, the last of the variants, blamed nobody who did not suffer.
fn judge(title: &str, sums: &[Outcome], goals: &mut Goals) {
    let wrong = sums.last().map_or(0, |sum| sum.all);
    goals.count(format!("verdicts about members that do not suffer, {title}"), wrong, 0);
}

pub(super) fn print(
    arguments: &Arguments,
    goals: &mut Goals,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let scale = arguments.scale;
    let nodes = scale.pick(16, NODES, NODES);
    let defaults = Config::default();
    let parameters = format!(
        "{nodes} nodes, seeds from {}; a probe each {:?}, answered within {:?}; suspicion at least {:?}. \
         FP: verdicts about members that do not suffer; FP-: those by observers that do not either.",
        arguments.seed,
        defaults.probe_period,
        defaults.probe_timeout,
        defaults.suspicion(nodes),
    );
    let mut run = |title: &str, seeds: &[u64], grid: &[Anomaly], which: String| {
        let notes = [parameters.clone(), which];
        let outcomes = compare(seeds, nodes, grid)?;
        let sum =
            |cases: &Vec<Outcome>| cases.iter().copied().fold(Outcome::default(), Outcome::plus);
        let sums: Vec<Outcome> = outcomes.iter().map(sum).collect();
        judge(title, &sums, goals);
        let cases = cases(title, grid, &outcomes).map(|cases| cases.to_string());
        anyhow::Ok((table(title, &notes, nodes, &sums), cases.unwrap_or_default()))
    };
    type Intervals<'a> = (&'a [usize], &'a [u64], &'a [Option<u64>]);
    let quick: Intervals<'_> = (&[1, 4], &[8192], &[Some(1024)]);
    let short: Intervals<'_> = (&[16], &[2048, 32_768], &[Some(1024)]);
    let full: Intervals<'_> =
        (&[4, 16, 32], &[2048, 8192, 32_768], &[Some(16), Some(1024), Some(16_384)]);
    let (sufferers, lasts, pauses) = scale.pick(quick, short, full);
    let between: Vec<u64> = pauses.iter().flatten().copied().collect();
    let which = format!(
        "C = {sufferers:?} sufferers, D = {lasts:?} ms of suffering, I = {between:?} ms in between, for \
         {} s and {} s more, one seed each.",
        LASTS.as_secs(),
        AFTERMATH.as_secs()
    );
    let seed = [arguments.seed];
    let intervals = grid(sufferers, lasts, pauses, Pace::Blocked);
    let title = "Lifeguard interval experiment: sending and receiving is stuck, timers run";
    let (sums, cases) = run(title, &seed, &intervals, which.clone())?;
    write!(out, "{sums}{cases}")?;
    let title = "Lifeguard interval experiment: the whole process is stopped";
    let intervals = grid(sufferers, lasts, pauses, Pace::Stopped);
    let (sums, cases) = run(title, &seed, &intervals, which)?;
    write!(out, "{sums}{cases}")?;

    type Lasts<'a> = (&'a [usize], &'a [u64], usize);
    let quick: Lasts<'_> = (&[1, 4], &[16_384], 1);
    let short: Lasts<'_> = (&[16], &[32_768], 1);
    let full: Lasts<'_> = (&[1, 4, 8, 16, 32], &[2048, 4096, 8192, 16_384, 32_768], 3);
    let (sufferers, lasts, count) = scale.pick(quick, short, full);
    let seeds: Vec<u64> = (arguments.seed..).take(count).collect();
    let which = format!("C = {sufferers:?}, D = {lasts:?} ms, once, {count} seeds each.");
    let once = grid(sufferers, lasts, &[None], Pace::Blocked);
    let title = "Lifeguard threshold experiment: stuck once";
    let (sums, cases) = run(title, &seeds, &once, which)?;
    write!(out, "{sums}{cases}")?;
    Ok(())
}
