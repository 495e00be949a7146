//! Very many runs: the seeds that once failed, and fresh ones for as long as there is time.

use std::io::Write;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Parser;

use super::blame::Blame;
use super::{Arguments, EVENTS, Scenario, simulate};

/// Arguments of runs that once failed, or that are known to be hard.
pub const KEPT: &str = include_str!("../../seeds.txt");

#[derive(Debug, Parser)]
#[command(name = "sim")]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

/// The scenarios of a list: one line of arguments each, `#` begins a comment.
///
/// # Errors
/// When a line is not one of arguments of `testnet sim` with a seed.
pub fn parse(list: &str) -> anyhow::Result<Vec<Scenario>> {
    let lines = list.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let words = ["sim"].into_iter().chain(line.split_whitespace());
            let Line { arguments } = Line::try_parse_from(words)?;
            let seed = arguments.seed.with_context(|| format!("no seed in {line:?}"))?;
            Scenario::new(&arguments, seed)
        })
        .collect()
}

/// Runs the kept seeds on all cores.
///
/// # Errors
/// When one of them fails: with all that it printed.
pub fn run_kept(out: &mut (impl Write + Send)) -> anyhow::Result<()> {
    let kept = parse(KEPT)?;
    let next = AtomicU64::new(0);
    let ran = on_all_cores(out, || {
        let index = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).ok()?;
        kept.get(index).cloned()
    })?;
    writeln!(out, "{ran} kept seeds")?;
    Ok(())
}

/// Runs fresh seeds on all cores, for so long.
///
/// # Errors
/// When one of them fails: with all that it printed.
pub fn run_for(
    arguments: &Arguments,
    duration: Duration,
    out: &mut (impl Write + Send),
) -> anyhow::Result<()> {
    let first: u64 = rand::random::<u32>().into();
    let started = Instant::now();
    // Whatever is wrong with the arguments is wrong with them for every seed.
    Scenario::new(arguments, first)?;
    let next = AtomicU64::new(first);
    let ran = on_all_cores(out, || {
        let more = started.elapsed() < duration;
        more.then(|| Scenario::new(arguments, next.fetch_add(1, Ordering::Relaxed)).ok())?
    })?;
    writeln!(out, "{ran} fresh seeds from {first} on in {:.0} s", started.elapsed().as_secs_f64())?;
    Ok(())
}

/// Runs what `next` gives, each on a core of its own, until there is no more or one fails; how
/// many. Each run is as deterministic as if it were alone.
fn on_all_cores(
    out: &mut (impl Write + Send),
    next: impl Fn() -> Option<Scenario> + Sync,
) -> anyhow::Result<u64> {
    let (ran, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let out = Mutex::new(out);
    let work = || {
        while !failed.load(Ordering::Relaxed) {
            let Some(scenario) = next() else { return };
            let mut text = Vec::new();
            let blame = Blame(&scenario);
            let outcome = simulate(&scenario, EVENTS, &mut text);
            drop(blame);
            ran.fetch_add(1, Ordering::Relaxed);
            if outcome.is_err() {
                failed.store(true, Ordering::Relaxed);
            } else {
                text = format!("ok {scenario}\n").into_bytes();
            }
            // With nobody to read it there is nobody to tell; the result says what failed.
            let mut out = out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let _ = out.write_all(&text);
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    if failed.into_inner() {
        bail!("a seed failed; add its line of arguments to testnet/seeds.txt");
    }
    Ok(ran.into_inner())
}
