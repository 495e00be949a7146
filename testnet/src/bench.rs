//! Shoal beside Prometheus' agent and vmagent, on the same pages, into the same sink.
//!
//! Each program runs alone, so that none pays for another's use of caches and memory. Processor
//! time is that of the process, user and system, between two instants of a steady state, divided
//! by the samples that the sink counted between them. A goal that is missed is told at the end, and the
//! exit code is 1.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

mod contender;
mod figures;
mod measure;
pub mod membership;
mod parts;
mod sink;
#[cfg(test)]
mod tests;
mod verdict;

pub use contender::Contender;
use figures::Figures;
pub use measure::Load;
use parts::{Effort, Parts};
use verdict::Goal;

use crate::continuity::moves;
use crate::process::World;

/// `testnet bench`.
#[derive(Debug, Clone, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// Measure something else.
    #[command(subcommand)]
    pub what: Option<What>,
    /// A small load for a short time, to see that it works; no goal is looked at.
    #[arg(long)]
    pub quick: bool,
    /// Do not compress the pages.
    #[arg(long)]
    pub plain: bool,
    /// Measure this program only; several may be given.
    #[arg(long = "program", value_name = "NAME")]
    pub programs: Vec<Contender>,
    /// How often targets are scraped.
    #[arg(long, default_value = "10s", value_parser = crate::cli::duration)]
    pub interval: Duration,
    /// How long each program is measured, after it has reached a steady state.
    #[arg(long = "for", value_name = "DURATION", default_value = "1m", value_parser = crate::cli::duration)]
    pub duration: Duration,
    /// A load as TARGETSxSERIES; several may be given.
    #[arg(long = "load", value_name = "TARGETSxSERIES", default_values = ["200x5000", "10000x50"])]
    pub loads: Vec<Load>,
    /// Write the figures into this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// What else can be measured.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum What {
    /// Membership among real processes on loopback.
    Membership(membership::Arguments),
    /// What it costs to move a target from one node to another: the time until the new owner can scrape
    /// it, and how late its first scrape is. The goal is for the median of both.
    Moves(moves::Arguments),
}

/// Measures, and prints what was measured.
///
/// # Errors
///
/// When a program is not installed, does not start, or delivers nothing, and when a goal is missed.
pub async fn run(mut arguments: Arguments) -> anyhow::Result<()> {
    if let Some(What::Membership(arguments)) = &arguments.what {
        let world = World::new()?;
        let measured = membership::run(arguments, &world).await;
        world.end().await;
        return measured;
    }
    if let Some(What::Moves(arguments)) = &arguments.what {
        let world = World::new()?;
        let measured = moves::run(arguments, &world).await;
        world.end().await;
        return measured;
    }
    if arguments.quick {
        arguments.loads = vec![Load { targets: 20, series: 500 }];
        arguments.interval = Duration::from_secs(1);
        arguments.duration = Duration::from_secs(5);
    }
    if arguments.programs.is_empty() {
        arguments.programs = Contender::ALL.to_vec();
    }
    for contender in &arguments.programs {
        contender.check_installed()?;
    }
    let world = World::new()?;
    let measured = measure_all(&arguments, &world).await;
    world.end().await;
    let (figures, goals) = measured?;
    if let Some(file) = &arguments.report {
        std::fs::write(file, serde_json::to_vec_pretty(&figures)?)?;
    }
    if arguments.quick {
        return Ok(());
    }
    for goal in &goals {
        writeln!(std::io::stdout(), "{goal}")?;
    }
    verdict::judge(&goals)
}

async fn measure_all(
    arguments: &Arguments,
    world: &World,
) -> anyhow::Result<(Vec<Figures>, Vec<Goal>)> {
    let (mut all, mut goals) = (Vec::new(), Vec::new());
    if arguments.programs.contains(&Contender::Shoal) {
        let ready = measure::start_to_ready(world).await?;
        let effort = if arguments.quick { Effort::QUICK } else { Effort::FULL };
        let parts = tokio::task::spawn_blocking(move || Parts::measure(effort)).await?;
        let Parts { parser, join } = parts;
        writeln!(
            std::io::stdout(),
            "shoal, start to ready: {} ms; parser: {parser:.0} MB/s; a join among {} participants, \
             {} keys: {:.2} ms",
            ready.as_millis(),
            effort.participants,
            effort.keys,
            join.as_secs_f64() * 1e3,
        )?;
        goals.append(&mut verdict::of_node(parts, ready));
    }
    for (number, load) in arguments.loads.iter().enumerate() {
        let mut figures = Vec::new();
        for contender in &arguments.programs {
            let folder = world.folder(&format!("bench-{number}-{}", contender.name()))?;
            let measured = measure::measure(*contender, *load, arguments, &folder, world).await?;
            writeln!(std::io::stdout(), "{measured}")?;
            figures.push(measured);
        }
        write!(std::io::stdout(), "{}", figures::ratios(&figures))?;
        goals.append(&mut verdict::of_load(&figures));
        all.append(&mut figures);
    }
    Ok((all, goals))
}
