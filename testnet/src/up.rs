//! A whole cluster on loopback: nodes, targets, a ledger, and a table that lives.

use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::exporter::{self, Fleet};
use crate::ledger::{Ledger, Limits, MAX_NODES};
use crate::process::{Cluster, Setup, World};

mod table;

/// `testnet up`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// How many nodes; the ledger tells at most 64 apart.
    #[arg(long, default_value_t = 3)]
    pub nodes: usize,
    /// How many synthetic targets.
    #[arg(long, default_value_t = 300)]
    pub targets: usize,
    /// Series on the page of each target.
    #[arg(long, default_value_t = 200)]
    pub series: usize,
    /// How often targets are scraped.
    #[arg(long, default_value = "5s", value_parser = crate::cli::duration)]
    pub interval: Duration,
    /// Stop by itself after this time.
    #[arg(long = "for", value_name = "DURATION", value_parser = crate::cli::duration)]
    pub duration: Option<Duration>,
    /// A configuration instead of the built-in one. It finds the targets at
    /// `sys.env("TESTNET_TARGETS_URL")` and writes to `sys.env("TESTNET_WRITE_URL")`.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Write into this file, at the end, how often each tick of each target was stored and by whom.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// The configuration of a node that scrapes the targets of a test world, as a user would write it.
pub fn configuration(interval: Duration) -> String {
    let interval = model::duration::format(interval);
    format!(
        r#"// Every node reads this file. Which targets a node scrapes is for the cluster to decide.
logging {{
  level = "info"
}}

discovery.http "targets" {{
  url              = sys.env("TESTNET_TARGETS_URL")
  refresh_interval = "5s"
}}

prometheus.scrape "targets" {{
  targets         = discovery.http.targets.targets
  forward_to      = [prometheus.remote_write.ledger.receiver]
  scrape_interval = "{interval}"
  scrape_timeout  = "{interval}"

  clustering {{
    enabled = true
  }}
}}

prometheus.remote_write "ledger" {{
  endpoint {{
    url = sys.env("TESTNET_WRITE_URL")
  }}
}}
"#
    )
}

/// How long a node may take to drain when all is over.
const DRAIN: Duration = Duration::from_secs(30);

/// Starts everything, shows it until it is told to stop, and stops everything.
///
/// # Errors
///
/// When a part does not start, or the report cannot be written.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let nodes = arguments.nodes;
    anyhow::ensure!((1..=MAX_NODES).contains(&nodes), "--nodes is 1 to {MAX_NODES}, not {nodes}");
    let world = World::new()?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let interrupted = pin!(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    let outcome = show(&arguments, &world, interrupted).await;
    world.end().await;
    outcome
}

async fn lasts(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

async fn show(
    arguments: &Arguments,
    world: &World,
    mut interrupted: Pin<&mut impl Future<Output = ()>>,
) -> anyhow::Result<()> {
    let fleet = exporter::Config {
        targets: arguments.targets,
        series: arguments.series,
        ..exporter::Config::default()
    };
    let fleet = Fleet::start(fleet, &world.tasks, &world.cancel).await?;
    let interval = i64::try_from(arguments.interval.as_millis())?;
    let limits = Limits { interval, ..Limits::default() };
    let ledger = Ledger::start(limits, &world.tasks, &world.cancel).await?;
    let config = match &arguments.config {
        Some(file) => std::path::absolute(file)?,
        None => {
            let file = world.folder("config")?.join("config.alloy");
            std::fs::write(&file, configuration(arguments.interval))?;
            file
        }
    };
    let setup = Setup {
        program: std::env::current_exe()?,
        config,
        targets_url: fleet.discovery_url(),
        flags: Vec::new(),
    };
    let write_url = |node: &str| ledger.write_url(node);
    let mut cluster = tokio::select! {
        // Nodes that are not ready yet have nothing to hand over: they end with their handles.
        () = &mut interrupted => return Ok(()),
        cluster = Cluster::start(world, setup, arguments.nodes, write_url) => cluster?,
    };
    let mut table = table::Table::new(&cluster, &ledger, fleet.len())?;
    let watched = tokio::select! {
        () = interrupted => Ok(()),
        () = lasts(arguments.duration) => Ok(()),
        watched = table.watch(&mut cluster, &ledger) => watched,
    };
    drain(cluster).await?;
    let report = ledger.report(None).await?;
    table.end(&report)?;
    if let Some(file) = &arguments.report {
        let json = serde_json::to_vec_pretty(&report)?;
        std::fs::write(file, json).with_context(|| format!("no report in {}", file.display()))?;
    }
    watched
}

/// Asks all nodes at once to leave, and waits for them.
async fn drain(mut cluster: Cluster) -> anyhow::Result<()> {
    let mut leaving = tokio::task::JoinSet::new();
    for index in 0..cluster.setups().len() {
        if cluster.is_running(index) {
            leaving.spawn(cluster.take(index).child.end(DRAIN));
        }
    }
    let mut outcome = Ok(());
    for left in leaving.join_all().await {
        if let Err(error) = left {
            outcome = Err(error);
        }
    }
    outcome
}
