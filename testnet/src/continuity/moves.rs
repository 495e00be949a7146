//! What a planned move costs: the time from wanting a target to having it, and the bytes of its seal.
//!
//! The first scrape by the new owner is at the target's next tick, whenever that is; so what is
//! measured ends when the target is handed to the new owner's collector, with its seal.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::stage::Stage;
use super::{Arguments as Playing, BackendKind, Scenario};
use crate::process::{World, http};

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
}

/// What a planned move may take beyond one round trip, in the median.
const GOAL: Duration = Duration::from_millis(50);

/// Questions of which the round trip is the median.
const QUESTIONS: usize = 50;

/// A move, by who did it, when, and which target it was: how long it took, and why it was.
type Moves = BTreeMap<(String, String, String), (Duration, String)>;

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
        look(&mut stage, &mut moves).await?;
        stage.start(&[last]).await?;
        stage.pause(1).await?;
        look(&mut stage, &mut moves).await?;
    }
    let trip = round_trip(&mut stage).await?;
    let bytes = seal_bytes(&mut stage).await?;
    stage.clear().await?;
    let mut took: Vec<Duration> = moves.values().map(|(took, _)| *took).collect();
    took.sort_unstable();
    anyhow::ensure!(!took.is_empty(), "nothing moved");
    let of = |cause: &str| moves.values().filter(|(_, why)| why == cause).count();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let met = took[took.len() / 2] <= trip + GOAL;
    writeln!(
        std::io::stdout(),
        "{} planned moves of targets with {} series among {} nodes ({} by joins, {} when \
         the one that joined discovered its targets, {} by leaves): \
         from the change of view until the new owner has the target and its seal {:.1} ms in the \
         median, {:.1} ms p99, {:.1} ms at most; a round trip takes {:.1} ms; {bytes:.0} bytes of seal \
         a move\nmedian within one round trip and {} ms: {}",
        took.len(),
        arguments.series,
        arguments.nodes,
        of("join"),
        of("discovery"),
        of("leave"),
        at(0.5),
        at(0.99),
        at(1.0),
        trip.as_secs_f64() * 1e3,
        GOAL.as_millis(),
        if met { "met" } else { "NOT MET" },
    )?;
    anyhow::ensure!(met, "moves take too long");
    Ok(())
}

/// Asks a node what became of every target, for what has moved because somebody joined or left.
async fn look(stage: &mut Stage<'_>, moves: &mut Moves) -> anyhow::Result<()> {
    for target in stage.targets() {
        let url = stage.cluster.node(0).url(&format!("/api/v1/explain?target={target}"));
        let answer = http::json(&url).await?;
        let done = answer["matches"].as_array().into_iter().flatten();
        let done = done.filter_map(|found| found["history"].as_array()).flatten();
        for action in done.filter(|action| action["action"] == "start") {
            let text = |name: &str| action[name].as_str().unwrap_or_default().to_owned();
            let took = action["took_seconds"].as_f64().unwrap_or_default();
            let cause = text("cause");
            if (cause == "join" || cause == "leave" || cause == "discovery")
                && !text("from").is_empty()
            {
                let took = Duration::from_secs_f64(took);
                moves.insert((text("node"), text("at"), target.clone()), (took, cause));
            }
        }
    }
    Ok(())
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
