//! What becomes of every tick while nodes come, go and die: in virtual time.
//!
//! The scenarios are those of [`crate::continuity`], which plays them with real processes. Here the nodes
//! are their cores, and collectors follow the same rules of ticks, so that thousands of seeds and large
//! clusters are cheap. What is counted is what was collected and reached the durable log of a node:
//! sending, and what a backend refuses, is not simulated; nor are staleness and phase beyond what
//! follows from who stopped why.

use std::fmt;
use std::io::Write;
use std::num::NonZero;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use clap::ValueEnum;

use super::blame::Blame;
use crate::continuity::table::Row;
use crate::continuity::{Scenario, Table};
use crate::tables::Grid;

mod course;
mod judge;
mod ledger;
mod play;
mod script;
#[cfg(test)]
mod tests;

pub use ledger::Ledger;
use play::name;
pub use play::{Play, Played, play};

/// `testnet sim continuity`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// What happens; several are separated by commas. All of them if not given.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub scenario: Vec<Scenario>,
    /// How many nodes there are at first; the default depends on the scenario.
    #[arg(long)]
    pub nodes: Option<usize>,
    /// How many targets.
    #[arg(long, default_value_t = 300)]
    pub targets: usize,
    /// How often targets are scraped.
    #[arg(long, default_value = "1s", value_parser = crate::cli::duration)]
    pub interval: Duration,
    /// How long the network is broken, or the backend away, in scenarios that have such a thing.
    /// The default depends on the scenario and the interval.
    #[arg(long, value_name = "DURATION", value_parser = crate::cli::duration)]
    pub outage: Option<Duration>,
    /// The share of datagrams and of messages over TCP that are lost, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    pub loss: f64,
    /// What everything random follows from: the first seed, and the one that is not played any more.
    #[arg(long, value_name = "A..B", default_value = "0..1")]
    pub seeds: Seeds,
}

/// Some seeds in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeds(pub Range<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text:?}: {error}"));
        let range = match text.split_once("..") {
            Some((first, end)) => number(first)?..number(end)?,
            None => number(text)?..number(text)?.saturating_add(1),
        };
        if range.is_empty() { Err("there is no seed in it".to_owned()) } else { Ok(Self(range)) }
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}..{}", self.0.start, self.0.end)
    }
}

impl Arguments {
    fn play(&self, scenario: Scenario, seed: u64) -> Play {
        Play {
            scenario,
            seed,
            nodes: self.nodes.unwrap_or(scenario.nodes()),
            targets: self.targets,
            interval: self.interval,
            outage: self.outage.unwrap_or(scenario.outage(self.interval)),
            loss: self.loss,
        }
    }
}

/// The command that plays the same again.
impl fmt::Display for Arguments {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, nodes, targets, interval, outage, loss, seeds } = self;
        write!(formatter, "cargo run --release -p testnet -- sim continuity")?;
        if !scenario.is_empty() {
            let names: Vec<String> = scenario.iter().map(|scenario| name(*scenario)).collect();
            write!(formatter, " --scenario {}", names.join(","))?;
        }
        if let Some(nodes) = nodes {
            write!(formatter, " --nodes {nodes}")?;
        }
        let interval = model::duration::format(*interval);
        write!(formatter, " --targets {targets} --interval {interval}")?;
        if let Some(outage) = outage {
            write!(formatter, " --outage {}", model::duration::format(*outage))?;
        }
        write!(formatter, " --loss {loss} --seeds {seeds}")
    }
}

/// What the table of all scenarios tells of each: a column, and the count that is in it.
const COLUMNS: [(&str, &str); 6] = [
    ("ticks expected", "ticks expected"),
    ("missing (allowed)", "ticks missing"),
    ("collected twice", "ticks collected twice"),
    ("of these at two times", "of these at two times"),
    ("false staleness", "false staleness"),
    ("moves", "moves"),
];

/// One line of the table of all scenarios. A count that may be more than 0 has beside it how much more.
fn cells(play: &Play, table: &Table, met: usize, runs: usize) -> Vec<String> {
    let count = |(_, name): (&str, &str)| match table.rows.iter().find(|row| row.name == name) {
        Some(Row { count, goal: Some(goal), .. }) if *goal > 0 => format!("{count} ({goal})"),
        Some(row) => row.count.to_string(),
        None => String::new(),
    };
    let mut cells = vec![name(play.scenario), play.nodes.to_string()];
    cells.extend(COLUMNS.map(count));
    cells.push(format!("{met} of {runs}"));
    cells
}

/// Plays the scenarios with all seeds, and prints a table for each, and one of all of them in Markdown.
///
/// # Errors
/// When a goal is missed: which, with what happened to the first target concerned, has been printed.
pub fn run(arguments: &Arguments, out: &mut (impl Write + Send)) -> anyhow::Result<()> {
    ensure!((0.0..1.0).contains(&arguments.loss), "--loss is between 0 and 1");
    ensure!(arguments.nodes.is_none_or(|nodes| nodes >= 2), "--nodes must be at least 2");
    let all = Scenario::value_variants();
    let chosen = if arguments.scenario.is_empty() { all } else { &arguments.scenario };
    let mut failed = 0;
    let columns = COLUMNS.map(|(column, _)| column);
    let columns = ["scenario", "nodes"].into_iter().chain(columns).chain(["seeds that met it all"]);
    let mut grid = Grid::new("Moves in virtual time", columns).note(format!("`{arguments}`"));
    for scenario in chosen {
        scenario.check_nodes(arguments.nodes.unwrap_or(scenario.nodes()))?;
    }
    for scenario in chosen {
        failed += run_scenario(arguments, *scenario, out, &mut grid)?;
    }
    write!(out, "\n{grid}")?;
    if failed > 0 {
        bail!("{failed} runs missed their goal");
    }
    Ok(())
}

/// Plays one scenario with all seeds; how many missed the goal.
fn run_scenario(
    arguments: &Arguments,
    scenario: Scenario,
    out: &mut (impl Write + Send),
    grid: &mut Grid,
) -> anyhow::Result<usize> {
    let Range { start, end } = arguments.seeds.0;
    let (next, sum) = (AtomicU64::new(start), Mutex::new(Sum::default()));
    let out = Mutex::new(out);
    let lock = "nobody panics while holding a lock";
    let began = Instant::now();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            let what = arguments.play(scenario, seed);
            let blame = Blame(&what);
            let played = play(&what);
            drop(blame);
            if !played.table.met() {
                // With nobody to read it there is nobody to tell; the result says how many failed.
                let _ = write!(out.lock().expect(lock), "{played}");
            }
            sum.lock().expect(lock).add(&played);
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work))));
    let sum = sum.into_inner().expect(lock);
    let took = began.elapsed().as_secs_f64();
    let rate = 60.0 * sum.runs as f64 / took;
    let out = &mut *out.lock().expect(lock);
    if let Some(mut table) = sum.table {
        let play = arguments.play(scenario, start);
        table.head = format!("{}, seeds {}", play.what(), arguments.seeds);
        let Sum { failed, runs, events, .. } = sum;
        write!(out, "{table}")?;
        writeln!(
            out,
            "  {failed} of {runs} seeds missed the goal; {took:.0} s, {rate:.0} seeds a minute, {events} events"
        )?;
        grid.row(cells(&play, &table, runs - failed, runs));
    }
    Ok(sum.failed)
}

/// What many runs came to together.
#[derive(Default)]
struct Sum {
    runs: usize,
    failed: usize,
    events: u64,
    table: Option<Table>,
}

impl Sum {
    fn add(&mut self, played: &Played) {
        self.runs += 1;
        self.failed += usize::from(!played.table.met());
        self.events += played.events;
        let Some(table) = &mut self.table else {
            self.table = Some(Table { findings: Vec::new(), ..played.table.clone() });
            return;
        };
        table.detection = table.detection.max(played.table.detection);
        for (row, other) in table.rows.iter_mut().zip(&played.table.rows) {
            row.count += other.count;
            row.goal = row.goal.zip(other.goal).map(|(goal, other)| goal + other);
        }
    }
}
