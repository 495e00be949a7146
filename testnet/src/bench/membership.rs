//! Membership among real processes on loopback: how long until a crash, a leave and a join are
//! known everywhere, and what idling costs.
//!
//! Nobody is asked for anything meanwhile: thirty nodes that answer questions are thirty nodes that
//! have less time for each other. What a node knows since when stands in its log.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::ensure;

use crate::goals::Goals;
use crate::process::{Cluster, Setup, World, eventually, http};
use crate::tables::quantile;

mod sightings;
#[cfg(test)]
mod tests;

use sightings::{Log, News};

/// `testnet bench membership`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Sizes of clusters, separated by commas.
    #[arg(long, value_delimiter = ',', default_values_t = [3, 10, 30])]
    pub nodes: Vec<usize>,
    /// How many crashes, leaves and joins there are in each.
    #[arg(long, default_value_t = 10)]
    pub times: usize,
    /// The size of the cluster whose idling is measured; 0: none.
    #[arg(long, default_value_t = 100)]
    pub crowd: usize,
    /// For how long that is measured.
    #[arg(long = "for", value_name = "DURATION", default_value = "1m", value_parser = crate::cli::duration)]
    pub duration: Duration,
}

/// Nothing is collected: this is about membership alone.
const CONFIGURATION: &str = "logging {\n  level  = \"info\"\n  format = \"json\"\n}\n";

/// How long anything may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// The goals: up to so many nodes are to know half of the crashes, and 99 of 100, half of the leaves, and half
/// of the joins after these times, each to the last of them.
const NODES: usize = 30;
const CRASH: Duration = Duration::from_millis(500);
const CRASH_P99: Duration = Duration::from_secs(2);
const LEAVE: Duration = Duration::from_millis(300);
const JOIN: Duration = Duration::from_secs(1);

/// The goal of idling, in hundredths of a core, and up to how many processes it counts.
const IDLE: f64 = 0.5;
const CROWD: usize = 100;

/// How long a cluster is left alone before something happens to it.
const QUIET: Duration = Duration::from_secs(5);

/// Measures, and prints what was measured.
///
/// # Errors
///
/// When nodes do not start, do not hear of each other at all, or, after all is printed, when a goal was
/// missed.
pub async fn run(arguments: &Arguments, world: &World) -> anyhow::Result<()> {
    let mut goals = Goals::default();
    let config = world.folder("membership")?.join("config.alloy");
    std::fs::write(&config, CONFIGURATION)?;
    let head = "| nodes | times | crash median | p99 | leave median | p99 | join median | p99 |";
    writeln!(std::io::stdout(), "{head}\n|{}", "---|".repeat(8))?;
    for nodes in &arguments.nodes {
        ensure!(*nodes >= 2, "a cluster of {nodes} has nobody to notice anything");
        let row =
            Bench::start(world, &config, *nodes).await?.moves(arguments.times, &mut goals).await?;
        writeln!(std::io::stdout(), "{row}")?;
    }
    if arguments.crowd > 0 {
        let crowd = Bench::start(world, &config, arguments.crowd).await?;
        let text = crowd.idle(arguments.duration, &mut goals).await?;
        writeln!(std::io::stdout(), "\n{text}")?;
    }
    goals.met()
}

struct Bench {
    cluster: Cluster,
    /// By node: what it has written.
    logs: Vec<Log>,
    nodes: usize,
    /// How long it took to start all of them and to have everybody know everybody.
    formed: Duration,
}

impl Bench {
    async fn start(world: &World, config: &std::path::Path, nodes: usize) -> anyhow::Result<Self> {
        let setup = Setup {
            program: std::env::current_exe()?,
            config: config.to_owned(),
            targets_url: String::new(),
            flags: vec![format!("--cluster.name={}-{nodes}", world.name())],
        };
        let mut cluster = Cluster::prepare(world, setup, nodes, |_| String::new())?;
        // Clusters of one run share the folder of logs, and their nodes their names.
        let logs: Vec<PathBuf> = cluster.setups().iter().map(|node| node.log.clone()).collect();
        let logs = logs.into_iter().map(Log::from_here).collect::<Result<_, _>>()?;
        let began = std::time::Instant::now();
        for index in 0..nodes {
            cluster.spawn(index)?;
        }
        let mut bench = Self { cluster, logs, nodes, formed: Duration::ZERO };
        bench.all_take_part().await?;
        bench.formed = began.elapsed();
        Ok(bench)
    }

    /// Waits until everybody sees everybody take part. Logs do not tell: what is learned before the
    /// configuration is read is written in another format.
    async fn all_take_part(&mut self) -> anyhow::Result<()> {
        let (nodes, cluster) = (self.nodes, &mut self.cluster);
        let mut next = 0;
        eventually("everybody to take part", PATIENCE, async || {
            while next < nodes {
                let node = cluster.node(next);
                node.child.check_alive()?;
                let answer = http::json(&node.url("/api/v1/cluster")).await?;
                let peers = answer["peers"].as_array().map(Vec::as_slice).unwrap_or_default();
                let taking_part =
                    peers.iter().filter(|peer| peer["state"] == "participant").count();
                ensure!(taking_part == nodes, "{} sees {taking_part} take part", node.setup.name);
                next += 1;
            }
            Ok(())
        })
        .await
    }

    /// When the last of the others learned of `news` about node `about`, after `since`.
    async fn known(&mut self, about: usize, news: News, since: u64) -> anyhow::Result<Duration> {
        let name = self.cluster.setups()[about].name.clone();
        let what = format!("everybody to know that {name} {news:?}");
        let mut latest = Duration::ZERO;
        let mut missing: Vec<usize> = (0..self.nodes).filter(|index| *index != about).collect();
        let (logs, cluster) = (&mut self.logs, &mut self.cluster);
        eventually(&what, PATIENCE, async || {
            let mut still = Vec::new();
            for index in missing.drain(..) {
                cluster.node(index).child.check_alive()?;
                match logs[index].sighting(&name, news, since)? {
                    Some(after) => latest = latest.max(after),
                    None => still.push(index),
                }
            }
            missing = still;
            ensure!(missing.is_empty(), "{} nodes do not know", missing.len());
            Ok(())
        })
        .await?;
        Ok(latest)
    }

    /// Crashes, joins and leaves, one after the other.
    async fn moves(mut self, times: usize, goals: &mut Goals) -> anyhow::Result<String> {
        let (mut crashes, mut leaves, mut joins) = (Vec::new(), Vec::new(), Vec::new());
        for turn in 0..times {
            let victim = turn % self.nodes;
            tokio::time::sleep(QUIET).await;
            let since = now();
            self.cluster.take(victim).child.kill().await?;
            crashes.push(self.known(victim, News::Failed, since).await?);
            joins.push(self.join(victim).await?);
            tokio::time::sleep(QUIET).await;
            let mut leaving = self.cluster.take(victim);
            let since = now();
            leaving.child.signal(rustix::process::Signal::TERM)?;
            leaves.push(self.known(victim, News::Left, since).await?);
            leaving.child.wait(PATIENCE).await?;
            self.join(victim).await?;
        }
        judge(self.nodes, [&mut crashes, &mut leaves, &mut joins], goals);
        let cells: Vec<String> =
            [crashes, leaves, joins].iter_mut().map(|of| figures(of)).collect();
        self.end().await?;
        Ok(format!("| {} | {times} | {} |", self.nodes, cells.join(" | ")))
    }

    /// How long after its start everybody knows a node as a participant.
    async fn join(&mut self, index: usize) -> anyhow::Result<Duration> {
        tokio::time::sleep(QUIET).await;
        let since = now();
        self.cluster.spawn(index)?;
        self.known(index, News::Joined, since).await
    }

    /// What it costs to do nothing for `duration`.
    async fn idle(mut self, duration: Duration, goals: &mut Goals) -> anyhow::Result<String> {
        tokio::time::sleep(4 * QUIET).await;
        let url = self.cluster.node(0).url("/metrics");
        let before = (self.usage()?, traffic(&url).await?);
        tokio::time::sleep(duration).await;
        let after = (self.usage()?, traffic(&url).await?);
        let mut shares: Vec<f64> = (before.0.iter().zip(&after.0))
            .map(|(before, after)| (after.0 - before.0).as_secs_f64() / duration.as_secs_f64())
            .collect();
        shares.sort_by(f64::total_cmp);
        let most = 100.0 * shares[shares.len() - 1];
        if self.nodes <= CROWD {
            let what = format!("idling of the busiest of {} processes", self.nodes);
            goals.amount(what, most, IDLE, "% of a core");
        }
        let resident: u64 = after.0.iter().map(|(_, bytes)| bytes).sum();
        let text = format!(
            "{} processes on {} cores, formed within {:.1} s of the first start; idle for {:?}: \
             {:.2} % of a core each in the median, {:.2} % at most; {:.1} MB resident each; {:.0} bytes \
             of gossip sent a second by one of them, without headers",
            self.nodes,
            std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            self.formed.as_secs_f64(),
            duration,
            100.0 * shares[shares.len() / 2],
            most,
            resident as f64 / 1e6 / self.nodes as f64,
            (after.1 - before.1) / duration.as_secs_f64(),
        );
        self.end().await?;
        Ok(text)
    }

    /// Processor time and memory of each.
    fn usage(&mut self) -> anyhow::Result<Vec<(Duration, u64)>> {
        let usage = self.cluster.running().map(|node| node.child.usage());
        usage.map(|usage| usage.map(|usage| (usage.cpu, usage.resident))).collect()
    }

    /// Asks all to leave, and waits for them.
    async fn end(&mut self) -> anyhow::Result<()> {
        let mut leaving = tokio::task::JoinSet::new();
        for index in 0..self.nodes {
            if self.cluster.is_running(index) {
                leaving.spawn(self.cluster.take(index).child.end(PATIENCE));
            }
        }
        leaving.join_all().await.into_iter().collect()
    }
}

/// Bytes of gossip that a node has sent.
async fn traffic(url: &str) -> anyhow::Result<f64> {
    let page = http::text(url).await?;
    Ok(http::metric(&page, "cluster_transport_tx_bytes_total"))
}

/// Milliseconds since the Unix epoch, as logs have them.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Whether crashes, leaves and joins were known as soon as they should, in a cluster of so many.
fn judge(nodes: usize, [crashes, leaves, joins]: [&mut Vec<Duration>; 3], goals: &mut Goals) {
    if nodes > NODES {
        return;
    }
    for (what, time, goal) in [
        ("crash, median", quantile(crashes, 0.5), CRASH),
        ("crash, p99", quantile(crashes, 0.99), CRASH_P99),
        ("leave, median", quantile(leaves, 0.5), LEAVE),
        ("join, median", quantile(joins, 0.5), JOIN),
    ] {
        // Without any there is nothing to miss.
        if let Some(time) = time {
            goals.time(format!("{what}, {nodes} nodes"), Some(time), goal);
        }
    }
}

/// Median and the largest but one in a hundred, in two cells.
fn figures(of: &mut [Duration]) -> String {
    let mut at = |share: f64| {
        let time = quantile(of, share);
        time.map_or_else(|| "-".to_owned(), |time| format!("{:.2} s", time.as_secs_f64()))
    };
    format!("{} | {}", at(0.5), at(0.99))
}
