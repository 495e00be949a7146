//! What a planned move costs: the time from the change of view until the new owner can scrape, how late its
//! first scrape is, and the bytes of a seal.
//!
//! Scrapes begin at the ticks of their targets, and a move changes no tick. So the time until the first
//! scrape by the new owner is that until the next tick, whenever that is, and says nothing about the move.
//! What does is whether the new owner has the target and its seal in time, which ends where that is handed
//! to its collector; and how long after its tick the first scrape arrives at the target.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use model::tick;
use serde_json::Value;

use super::stage::Stage;
use super::{Arguments as Playing, BackendKind, Scenario};
use crate::process::{World, http};

#[cfg(test)]
mod tests;

/// `testnet bench moves`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// How many nodes.
    #[arg(long, default_value_t = 3)]
    pub nodes: usize,
    /// How many targets.
    #[arg(long, default_value_t = 300)]
    pub targets: usize,
    /// Series on the page of each.
    #[arg(long, default_value_t = 50)]
    pub series: usize,
    /// How often the last node leaves and joins again.
    #[arg(long, default_value_t = 5)]
    pub times: usize,
    /// See that moves leave no gap, and look at no other goal: a machine that is busy with other things
    /// meets none that is in milliseconds.
    #[arg(long)]
    pub quick: bool,
}

/// What a planned move may take beyond one round trip, in the median; and by how much the first scrape
/// after it may be late.
const GOAL: Duration = Duration::from_millis(50);

/// Questions of which the round trip is the median.
const QUESTIONS: usize = 50;

/// Intervals after which every target that moved has been scraped by its new owner.
const SETTLED: u32 = 2;

/// Moves, by who did it and which target it was.
type Moves = BTreeMap<(String, String), Vec<Move>>;

/// A planned move.
struct Move {
    /// When, in milliseconds of the day.
    at: i64,
    cause: String,
    /// From the change of view until the new owner has the target and its seal.
    took: Duration,
    /// From the tick to the first scrape by the new owner.
    late: Option<Duration>,
    /// For how long there was no tick, in seconds; nothing where nobody knows.
    gap: Option<f64>,
}

/// Measures, and prints what was measured.
///
/// # Errors
///
/// When the nodes do not do what they are told, or the goal is missed.
pub async fn run(arguments: &Arguments, world: &World) -> anyhow::Result<()> {
    anyhow::ensure!(arguments.nodes > 1, "among fewer than two nodes nothing moves");
    let playing = Playing {
        nodes: Some(arguments.nodes),
        targets: arguments.targets,
        series: arguments.series,
        ..Playing::small(Scenario::RollingRestart, BackendKind::Ledger)
    };
    let mut stage = Stage::set(&playing, &std::env::current_exe()?, world).await?;
    stage.begin().await?;
    let last = arguments.nodes - 1;
    let mut moves = Moves::new();
    for _ in 0..arguments.times {
        stage.stop(&[last]).await?;
        stage.pause(SETTLED).await?;
        look(&mut stage, &mut moves).await?;
        stage.start(&[last]).await?;
        stage.pause(SETTLED).await?;
        look(&mut stage, &mut moves).await?;
    }
    let trip = round_trip(&mut stage).await?;
    let bytes = seal_bytes(&mut stage).await?;
    stage.clear().await?;
    let moves: Vec<Move> = moves.into_values().flatten().collect();
    anyhow::ensure!(!moves.is_empty(), "nothing moved");
    let took = Spread::of(moves.iter().map(|moved| moved.took));
    let late = Spread::of(moves.iter().filter_map(|moved| moved.late));
    let limit = trip + GOAL;
    let of = |cause: &str| moves.iter().filter(|moved| moved.cause == cause).count();
    let gaps = moves.iter().filter(|moved| moved.gap.is_some_and(|gap| gap > 0.0)).count();
    let unknown = moves.iter().filter(|moved| moved.gap.is_none()).count();
    let verdict = |spread: &Spread| if spread.median <= limit { "met" } else { "NOT MET" };
    writeln!(
        std::io::stdout(),
        "{} planned moves of targets with {} series among {} nodes ({} by joins, {} by \
         leaves); a round trip takes {:.1} ms; \
         {bytes:.0} bytes of seal a move; {gaps} with a gap, {unknown} with an unknown one\n\
         from the change of view until the new owner has the target and its seal, and can scrape: {took}; \
         median within one round trip and {} ms: {}\n\
         from the tick until the first scrape by the new owner ({} seen): {late}; \
         median within the same: {}",
        moves.len(),
        arguments.series,
        arguments.nodes,
        of("join"),
        of("leave"),
        trip.as_secs_f64() * 1e3,
        GOAL.as_millis(),
        verdict(&took),
        moves.iter().filter(|moved| moved.late.is_some()).count(),
        verdict(&late),
    )?;
    anyhow::ensure!(gaps == 0, "{gaps} planned moves with a gap");
    anyhow::ensure!(unknown < moves.len(), "no gap of {unknown} planned moves is known");
    if arguments.quick {
        return Ok(());
    }
    anyhow::ensure!(unknown == 0, "{unknown} planned moves with an unknown gap");
    anyhow::ensure!(took.median <= limit, "moves take too long");
    anyhow::ensure!(late.median <= limit, "the first scrapes after moves are late");
    Ok(())
}

/// How long something took.
struct Spread {
    median: Duration,
    p99: Duration,
    most: Duration,
}

impl Spread {
    /// Of nothing it is the longest there is, which meets no goal.
    fn of(times: impl Iterator<Item = Duration>) -> Self {
        let mut times: Vec<Duration> = times.collect();
        times.sort_unstable();
        let at = |share: f64| {
            let index = (times.len().saturating_sub(1) as f64 * share) as usize;
            times.get(index).copied().unwrap_or(Duration::MAX)
        };
        Self { median: at(0.5), p99: at(0.99), most: at(1.0) }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, p99, most] =
            [self.median, self.p99, self.most].map(|time| time.as_secs_f64() * 1e3);
        write!(formatter, "{median:.1} ms in the median, {p99:.1} ms p99, {most:.1} ms at most")
    }
}

/// Asks a node what became of every target, for what has moved because somebody joined or left.
async fn look(stage: &mut Stage<'_>, moves: &mut Moves) -> anyhow::Result<()> {
    let interval = u64::try_from(stage.millis())?;
    let scraped = stage.scraped();
    for (target, scraped) in stage.targets().into_iter().zip(scraped) {
        let url = stage.cluster.node(0).url(&format!("/api/v1/explain?target={target}"));
        let answer = http::json(&url).await?;
        for found in answer["matches"].as_array().into_iter().flatten() {
            let key = found["key"].as_str().unwrap_or_default();
            let key = u64::from_str_radix(key, 16)?;
            let done = found["history"].as_array().into_iter().flatten();
            for action in done.filter(|action| action["action"] == "start") {
                let text = |name: &str| action[name].as_str().unwrap_or_default().to_owned();
                let took = action["took_seconds"].as_f64().unwrap_or_default();
                let cause = text("cause");
                let planned = matches!(cause.as_str(), "join" | "leave");
                let at = of_day(&text("at")).context("an odd time")?;
                let known = moves.entry((text("node"), target.clone())).or_default();
                if !planned || text("from").is_empty() || known.iter().any(|moved| moved.is_at(at))
                {
                    continue;
                }
                let took = Duration::from_secs_f64(took);
                let late = first_after(at, &scraped).map(|at| lateness(key, interval, at));
                let gap = action["gap_seconds"].as_f64();
                known.push(Move { at, cause, took, late, gap });
            }
        }
    }
    Ok(())
}

/// A day, in milliseconds.
const DAY: i64 = 86_400_000;

impl Move {
    /// Whether it was at this time of the day. A node says when by two clocks of its own, of which the
    /// difference varies by a millisecond.
    fn is_at(&self, at: i64) -> bool {
        (self.at - at + 50).rem_euclid(DAY) < 100
    }
}

/// The milliseconds of the day of a time in RFC 3339 with milliseconds.
fn of_day(at: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| at.get(range)?.parse::<i64>().ok();
    let [hour, minute, second, milli] = [11..13, 14..16, 17..19, 20..23].map(number);
    Some(((hour? * 60 + minute?) * 60 + second?) * 1000 + milli?)
}

/// The first of some instants, in microseconds since the Unix epoch and in order, that is not before a
/// time of the day less than half a day ago.
fn first_after(at: i64, instants: &[i64]) -> Option<i64> {
    let after = |instant: &&i64| (**instant / 1000 - at).rem_euclid(DAY) < DAY / 2;
    instants.iter().find(after).copied()
}

/// How long after its tick a scrape began, at an instant in microseconds since the Unix epoch.
fn lateness(key: u64, interval: u64, began: i64) -> Duration {
    let due = tick::last(key, interval, began / 1000) * 1000;
    Duration::from_micros(u64::try_from(began - due).unwrap_or_default())
}

/// How long a node takes to answer a question that needs no thought, in the median.
async fn round_trip(stage: &mut Stage<'_>) -> anyhow::Result<Duration> {
    let url = stage.cluster.node(0).url("/-/healthy");
    let mut trips = Vec::new();
    for _ in 0..QUESTIONS {
        let began = Instant::now();
        http::text(&url).await?;
        trips.push(began.elapsed());
    }
    trips.sort_unstable();
    Ok(trips[trips.len() / 2])
}

/// Bytes of seals, for each that the nodes that run have received.
async fn seal_bytes(stage: &mut Stage<'_>) -> anyhow::Result<f64> {
    let (mut bytes, mut seals) = (0.0, 0.0);
    for node in stage.cluster.running() {
        let page = http::text(&node.url("/metrics")).await?;
        bytes += http::metric(&page, "shoal_handover_seal_bytes_total");
        seals += http::metric(&page, "shoal_handover_sealed_total");
    }
    Ok(bytes / f64::max(seals, 1.0))
}

/// What a node that explains a target says of what the nodes did with it.
pub(super) fn history(answer: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut said = Vec::new();
    for found in list(&answer["matches"]) {
        let (key, owner) = (text(&found["key"]), text(&found["owner"]));
        said.push(format!("{key} {}, of {owner}", found["hashed"]["labels"]));
        for action in list(&found["history"]) {
            let words = ["at", "node", "action", "cause"].map(|word| text(&action[word]));
            let (from, to) = (text(&action["from"]), text(&action["to"]));
            said.push(format!("{} from {from:?} to {to:?}", words.join(" ")));
        }
    }
    said
}
