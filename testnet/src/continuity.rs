//! What a user's graph shows while nodes come, go and die: the same as if nothing happened?
//!
//! A scenario runs on real processes: nodes, synthetic targets, and a backend that refuses what
//! Prometheus refuses, or a real one behind a relay that remembers who wrote what. In the end every
//! tick of every series is looked for. [`course`] says what became of each target, [`table`] holds
//! that against the goal, [`picture`] draws who held each target when.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use serde_json::json;

use crate::ledger::Account;
use crate::process::World;

pub mod backend;
pub mod course;
pub(crate) mod excuse;
pub mod moves;
pub mod picture;
mod scenario;
mod script;
mod skew;
mod stage;
pub mod table;
#[cfg(test)]
mod tests;

pub use backend::BackendKind;
pub use scenario::Scenario;
use stage::Stage;
pub use stage::{Event, EventKind};
pub use table::{OVERLONG, Table};

/// `testnet continuity`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// What happens.
    #[arg(long, value_enum)]
    pub scenario: Scenario,
    /// How many synthetic targets.
    #[arg(long, default_value_t = 300)]
    pub targets: usize,
    /// Series on the page of each target, beside a counter of its scrapes.
    #[arg(long, default_value_t = 3)]
    pub series: usize,
    /// How often targets are scraped.
    #[arg(long, default_value = "1s", value_parser = crate::cli::duration)]
    pub interval: Duration,
    /// How many nodes there are at first; the default depends on the scenario.
    #[arg(long)]
    pub nodes: Option<usize>,
    /// What the nodes write to.
    #[arg(long, value_enum, default_value = "ledger")]
    pub backend: BackendKind,
    /// How long the backend is away, or the network broken, in scenarios that have such a thing.
    /// The default depends on the scenario and the interval.
    #[arg(long, value_name = "DURATION", value_parser = crate::cli::duration)]
    pub outage: Option<Duration>,
    /// By how much clocks differ at most, in the scenario in which they do.
    #[arg(long, value_name = "DURATION", default_value = "200ms", value_parser = crate::cli::duration)]
    pub skew: Duration,
    /// Draw into this file who held each target when.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Write the table into this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Keep the logs of the nodes in this folder.
    #[arg(long, value_name = "FOLDER")]
    pub logs: Option<PathBuf>,
}

impl Arguments {
    /// A scenario as it is run in tests: small, and quick.
    pub fn small(scenario: Scenario, program: BackendKind) -> Self {
        Self {
            scenario,
            targets: 300,
            series: 3,
            interval: Duration::from_secs(1),
            nodes: None,
            backend: program,
            outage: None,
            skew: Duration::from_millis(200),
            svg: None,
            report: None,
            logs: None,
        }
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Played {
    /// The counts beside their goals.
    pub table: Table,
    /// What nodes say of targets about which there is a finding.
    pub explained: Vec<String>,
    /// The picture, as SVG.
    pub picture: String,
}

/// Runs a scenario, and prints what it came to.
///
/// # Errors
///
/// When the goal is missed, or a node does not do what it is told.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let scenario = arguments.scenario;
    scenario.check_nodes(arguments.nodes.unwrap_or(scenario.nodes()))?;
    let world = World::new()?;
    let played = play(&arguments, &std::env::current_exe()?, &world).await;
    world.end().await;
    let played = played?;
    let mut out = std::io::stdout().lock();
    write!(out, "{}", played.table)?;
    for explained in &played.explained {
        writeln!(out, "  ? {explained}")?;
    }
    if let Some(file) = &arguments.svg {
        std::fs::write(file, &played.picture)
            .with_context(|| format!("no picture in {}", file.display()))?;
    }
    if let Some(file) = &arguments.report {
        let report = json!({ "table": played.table, "explained": played.explained });
        std::fs::write(file, serde_json::to_vec_pretty(&report)?)
            .with_context(|| format!("no report in {}", file.display()))?;
    }
    let name = arguments.scenario.to_possible_value();
    let name = name.as_ref().map_or("", |name| name.get_name());
    anyhow::ensure!(played.table.met(), "{name}: the goal is missed");
    Ok(())
}

/// Runs a scenario. `program` is `shoal` when called with the argument `shoal`.
///
/// # Errors
///
/// When a node does not do what it is told. A goal that is missed is no error.
pub async fn play(
    arguments: &Arguments,
    program: &std::path::Path,
    world: &World,
) -> anyhow::Result<Played> {
    let mut stage = Stage::set(arguments, program, world).await?;
    let goal = script::perform(&mut stage, arguments).await;
    let expected = stage.expected();
    let account = match &goal {
        Ok(_) => stage.account(&expected).await,
        Err(_) => Ok(Account::default()),
    };
    if let Some(folder) = &arguments.logs {
        stage.keep_logs(folder).await?;
    }
    let goal = goal.map_err(|error| error.context(stage.log_tails()))?;
    let account = account?;
    let interval = i64::try_from(arguments.interval.as_millis())?;
    let courses = course::courses(&account, &expected, interval);
    let head = stage.head(arguments);
    let table = Table::of(head, &account, &courses, &goal, interval);
    let explained = stage.explain(&table.findings).await;
    let picture = picture::draw(&courses, &account.nodes, &stage.events, interval);
    stage.clear().await?;
    Ok(Played { table, explained, picture })
}
