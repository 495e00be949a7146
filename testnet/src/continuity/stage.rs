//! Nodes, targets and a backend, and what is done to them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::ensure;
use clap::ValueEnum;
use http::Method;
use tokio::task::JoinSet;

use super::backend::{Backend, BackendKind};
use super::course::REPORTS;
use super::moves::history;
use super::table::{Finding, Suspicions};
use super::{Arguments, Scenario, skew};
use crate::exporter::{self, Fleet};
use crate::ledger::{Ledger, Limits};
use crate::process::{Cluster, Node, Setup, Switch, World, eventually, http as ask};

mod arrival;

/// How long anything may take on a machine that is busy with other things.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

/// Targets about which nodes are asked in the end.
const EXPLAINED: usize = 3;

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, in milliseconds since the Unix epoch.
    pub at: i64,
    /// What, in a few words.
    pub text: String,
    /// What kind of thing.
    pub kind: EventKind,
}

/// Whether something was meant well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// As an operator does it.
    Planned,
    /// As it happens to one.
    Harm,
}

/// Milliseconds since the Unix epoch.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Everything that a scenario plays with.
pub(super) struct Stage<'a> {
    world: &'a World,
    /// What connects the nodes, where every one has a host of its own.
    pub(super) switch: Option<Switch>,
    interval: Duration,
    /// How many series each target has at the backend.
    series: usize,
    fleet: Fleet,
    ledger: Ledger,
    backend: Backend,
    config: PathBuf,
    pub(super) cluster: Cluster,
    pub(super) events: Vec<Event>,
    /// Since when everything is expected.
    from: i64,
    /// When half of the targets got another label: from the first that may know to the last.
    relabelled: Option<(i64, i64)>,
}

/// The addresses of targets that are on a switch.
const NETWORK: [u8; 2] = [10, 78];

/// Hosts for so many nodes, with this thread on their switch.
async fn on_a_switch(world: &World, nodes: usize) -> anyhow::Result<Switch> {
    let switch = Switch::new(world, nodes).await?;
    switch.serve(NETWORK).await?;
    switch.enter()?;
    Ok(switch)
}

impl<'a> Stage<'a> {
    /// Starts everything but the nodes.
    pub(super) async fn set(
        arguments: &Arguments,
        program: &Path,
        world: &'a World,
    ) -> anyhow::Result<Self> {
        let interval = arguments.interval;
        let nodes = arguments.nodes.unwrap_or(arguments.scenario.nodes());
        ensure!(nodes > 0, "a scenario needs nodes");
        let switch = match arguments.scenario.needs_hosts() {
            true => Some(on_a_switch(world, nodes).await?),
            false => None,
        };
        let mut fleet = exporter::Config {
            targets: arguments.targets,
            series: arguments.series,
            counted: true,
            ..exporter::Config::default()
        };
        let mut ledger = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        if switch.is_some() {
            fleet.network = NETWORK;
            ledger.set_ip(Switch::ADDRESS.into());
        }
        let fleet = Fleet::start(fleet, &world.tasks, &world.cancel).await?;
        let limits = Limits { interval: i64::try_from(interval.as_millis())?, ..Limits::default() };
        let ledger = Ledger::start_at(ledger, limits, &world.tasks, &world.cancel).await?;
        let backend = Backend::start(arguments.backend, &ledger, world).await?;
        let config = world.folder("config")?.join("config.alloy");
        std::fs::write(&config, configuration(interval, Variant::First))?;
        let setup = Setup {
            program: program.to_owned(),
            config: config.clone(),
            targets_url: fleet.discovery_url(),
            flags: Vec::new(),
        };
        let mut cluster = Cluster::prepare(world, setup, nodes, |_| ledger.write_url("backend"))?;
        if arguments.scenario == Scenario::Skew {
            skew::give(&mut cluster, world).await?;
        }
        if let Some(switch) = &switch {
            cluster.place(|node| {
                Ok((Switch::address(node).into(), switch.program(world, node, program)?))
            })?;
        }
        Ok(Self {
            world,
            switch,
            interval,
            // The counter of its scrapes among them.
            series: arguments.series + 1 + REPORTS.len(),
            fleet,
            ledger,
            backend,
            config,
            cluster,
            events: Vec::new(),
            from: 0,
            relabelled: None,
        })
    }

    /// Starts the nodes, and waits until every target arrives at the backend.
    pub(super) async fn begin(&mut self) -> anyhow::Result<()> {
        let nodes = self.cluster.setups().len();
        for node in 0..nodes {
            self.cluster.spawn(node)?;
        }
        for node in 0..nodes {
            self.cluster.node(node).ready().await?;
        }
        self.until_all_see(nodes).await?;
        self.from = now();
        self.until_arrived(now() + 2 * self.millis(), PATIENCE).await?;
        self.pause(3).await?;
        // What was refused while the cluster formed is no part of what is played.
        self.ledger.forget_refusals().await?;
        self.from = now();
        Ok(())
    }

    /// How often targets are scraped.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// The interval in milliseconds.
    pub(super) fn millis(&self) -> i64 {
        i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX)
    }

    /// Writes down that something is done now.
    pub(super) fn note(&mut self, kind: EventKind, text: impl Into<String>) -> i64 {
        let at = now();
        self.events.push(Event { at, text: text.into(), kind });
        at
    }

    /// Lets so many intervals pass. Fails if a node ends by itself.
    pub(super) async fn pause(&mut self, intervals: u32) -> anyhow::Result<()> {
        self.wait(self.interval * intervals).await
    }

    /// Lets time pass. Fails if a node ends by itself.
    pub(super) async fn wait(&mut self, duration: Duration) -> anyhow::Result<()> {
        tokio::time::sleep(duration).await;
        self.cluster.running().try_for_each(|node| node.child.check_alive())
    }

    /// Waits until every node that runs sees so many peers, itself included.
    pub(super) async fn until_all_see(&mut self, peers: usize) -> anyhow::Result<()> {
        let cluster = &mut self.cluster;
        eventually(&format!("everybody to see {peers} peers"), PATIENCE, async || {
            for node in cluster.running() {
                node.child.check_alive()?;
                let page = ask::text(&node.url("/metrics")).await?;
                let seen = ask::metric(&page, "cluster_node_peers");
                ensure!(seen == peers as f64, "{} sees {seen}", node.setup.name);
            }
            Ok(())
        })
        .await
    }

    /// Waits until each of some nodes sees those of them alone.
    pub(super) async fn until_alone(&mut self, side: &[usize]) -> anyhow::Result<()> {
        let cluster = &mut self.cluster;
        eventually(&format!("{side:?} to see nobody else"), PATIENCE, async || {
            for index in side {
                let node = cluster.node(*index);
                let page = ask::text(&node.url("/metrics")).await?;
                let seen = ask::metric(&page, "cluster_node_peers");
                ensure!(seen == side.len() as f64, "{} sees {seen}", node.setup.name);
            }
            Ok(())
        })
        .await
    }

    /// What the nodes that run have thought of each other since they were started.
    pub(super) async fn suspicions(&mut self) -> anyhow::Result<Suspicions> {
        let mut all = Suspicions::default();
        for node in self.cluster.running() {
            let page = ask::text(&node.url("/metrics")).await?;
            all.raised += ask::metric(&page, "shoal_cluster_suspicions_total") as u64;
            all.confirmed += ask::metric(&page, "shoal_cluster_suspicions_confirmed_total") as u64;
        }
        Ok(all)
    }

    /// Starts nodes that are down, and waits until they are ready.
    pub(super) async fn start(&mut self, nodes: &[usize]) -> anyhow::Result<()> {
        for node in nodes {
            let name = self.cluster.spawn(*node)?.setup.name.clone();
            self.note(EventKind::Planned, format!("start {name}"));
        }
        for node in nodes {
            self.cluster.node(*node).ready().await?;
        }
        Ok(())
    }

    /// Prepares so many nodes more. Returns their indices.
    pub(super) fn add(&mut self, nodes: usize) -> anyhow::Result<Vec<usize>> {
        let ledger = self.ledger.clone();
        (0..nodes).map(|_| self.cluster.add(|_| ledger.write_url("backend"))).collect()
    }

    /// Asks nodes to leave, all at once, and waits until they have.
    pub(super) async fn stop(&mut self, nodes: &[usize]) -> anyhow::Result<()> {
        let mut leaving = JoinSet::new();
        for index in nodes {
            let Node { setup, child } = self.cluster.take(*index);
            self.note(EventKind::Planned, format!("stop {}", setup.name));
            leaving.spawn(child.end(PATIENCE));
        }
        leaving.join_all().await.into_iter().collect()
    }

    /// Kills a node, which it does not notice. Returns its name and when.
    pub(super) async fn kill(&mut self, node: usize) -> anyhow::Result<(String, i64)> {
        let Node { setup, child } = self.cluster.take(node);
        let at = self.note(EventKind::Harm, format!("kill {}", setup.name));
        child.kill().await?;
        Ok((setup.name, at))
    }

    /// Changes the configuration, and has every node read it.
    pub(super) async fn reload(&mut self, variant: Variant) -> anyhow::Result<()> {
        let began = self.note(EventKind::Planned, "reload");
        std::fs::write(&self.config, configuration(self.interval, variant))?;
        let mut asked = JoinSet::new();
        for node in self.cluster.running() {
            let url = node.url("/-/reload");
            asked.spawn(async move { ask::ask(Method::POST, &url).await });
        }
        for answer in asked.join_all().await {
            let (status, text) = answer?;
            ensure!(status.is_success(), "reload: {status} {text:?}");
        }
        if variant == Variant::HalfRelabelled {
            self.relabelled = Some((began, now()));
        }
        Ok(())
    }

    /// The backend answers nobody any more.
    pub(super) async fn backend_away(&mut self) -> anyhow::Result<()> {
        self.note(EventKind::Harm, "backend away");
        self.backend.away(&self.ledger).await
    }

    /// The backend is back.
    pub(super) async fn backend_back(&mut self) -> anyhow::Result<()> {
        self.backend.back(&self.ledger, self.world).await?;
        self.note(EventKind::Planned, "backend back");
        Ok(())
    }

    /// What the nodes did with targets of which something was found.
    pub(super) async fn explain(&mut self, findings: &[Finding]) -> Vec<String> {
        let mut targets: Vec<&str> =
            findings.iter().map(|finding| finding.target.as_str()).collect();
        targets.retain(|target| !target.is_empty());
        targets.dedup();
        let mut explained = Vec::new();
        let node = self.cluster.running().next().map(|node| node.setup.clone());
        let Some(node) = node else { return explained };
        for target in targets.into_iter().take(EXPLAINED) {
            let query = format!("/api/v1/explain?target=http://{target}/metrics");
            match ask::json(&node.url(&query)).await {
                Ok(answer) => explained.extend(history(&answer)),
                Err(error) => explained.push(format!("{error:#}")),
            }
        }
        explained
    }

    /// The URLs of all targets.
    pub(super) fn targets(&self) -> Vec<String> {
        let url = |target| format!("http://{}/metrics", self.fleet.address(target));
        (0..self.fleet.len()).map(url).collect()
    }

    /// When each target was scraped the last times, in microseconds since the Unix epoch.
    pub(super) fn scraped(&self) -> Vec<Vec<i64>> {
        (0..self.fleet.len()).map(|target| self.fleet.asked(target)).collect()
    }

    /// A sentence about what was played.
    pub(super) fn head(&self, arguments: &Arguments) -> String {
        let name = arguments.scenario.to_possible_value();
        let name = name.as_ref().map_or("", |name| name.get_name());
        format!(
            "{name}: {} targets every {}, {} nodes in all, {} s, into {}",
            self.fleet.len(),
            model::duration::format(self.interval),
            self.cluster.setups().len(),
            (now() - self.from) / 1000,
            arguments.backend.name(),
        )
    }

    /// Copies the logs of all nodes, and what those that run say of themselves.
    pub(super) async fn keep_logs(&mut self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)?;
        for node in self.cluster.running() {
            let page = ask::text(&node.url("/metrics")).await;
            let page = page.unwrap_or_else(|error| format!("{error:#}"));
            std::fs::write(folder.join(format!("{}.metrics", node.setup.name)), page)?;
        }
        for setup in self.cluster.setups() {
            if setup.log.exists() {
                std::fs::copy(&setup.log, folder.join(format!("{}.log", setup.name)))?;
            }
        }
        Ok(())
    }

    /// The last words of the nodes that run.
    pub(super) fn log_tails(&self) -> String {
        self.cluster.log_tails()
    }

    /// Asks all nodes to end, and expects them to end well.
    pub(super) async fn clear(mut self) -> anyhow::Result<()> {
        let running: Vec<usize> = (0..self.cluster.setups().len())
            .filter(|node| self.cluster.is_running(*node))
            .collect();
        self.stop(&running).await?;
        if self.backend.kind() != BackendKind::Ledger {
            self.backend.away(&self.ledger).await?;
        }
        Ok(())
    }
}

/// Which configuration the nodes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// The one to begin with.
    First,
    /// One that concerns no target.
    Unrelated,
    /// One that gives half of the targets another label.
    HalfRelabelled,
}

/// Whether [`Variant::HalfRelabelled`] concerns a target: every address with an odd end.
fn is_relabelled(target: usize) -> bool {
    // Addresses begin at 1 behind each dot, see `exporter`.
    (target % 250).is_multiple_of(2)
}

/// What a node scrapes, and where it writes to.
fn configuration(interval: Duration, variant: Variant) -> String {
    let interval = model::duration::format(interval);
    let level = if variant == Variant::Unrelated { "debug" } else { "info" };
    let unrelated = match variant {
        Variant::Unrelated => {
            "\nprometheus.relabel \"unused\" {\n  forward_to = [prometheus.remote_write.backend.receiver]\n}\n"
        }
        _ => "",
    };
    let half = match variant {
        Variant::HalfRelabelled => {
            "\n  rule {\n    source_labels = [\"__address__\"]\n    \
             regex         = \"[0-9.]+[13579]:[0-9]+\"\n    \
             target_label  = \"release\"\n    replacement   = \"2\"\n  }\n"
        }
        _ => "",
    };
    format!(
        r#"logging {{
  level = "{level}"
}}
{unrelated}
discovery.http "targets" {{
  url              = sys.env("TESTNET_TARGETS_URL")
  refresh_interval = "5s"
}}

discovery.relabel "targets" {{
  targets = discovery.http.targets.targets

  rule {{
    target_label = "release"
    replacement  = "1"
  }}
{half}}}

prometheus.scrape "targets" {{
  targets         = discovery.relabel.targets.output
  forward_to      = [prometheus.remote_write.backend.receiver]
  job_name        = "targets"
  scrape_interval = "{interval}"
  scrape_timeout  = "{interval}"

  clustering {{
    enabled = true
  }}
}}

prometheus.remote_write "backend" {{
  wal {{
    max_size = "256MiB"
  }}

  endpoint {{
    url = sys.env("TESTNET_WRITE_URL")

    // The ledger wants to know who writes.
    headers = {{
      "X-Testnet-Node" = sys.env("TESTNET_NODE"),
    }}

    queue_config {{
      batch_send_deadline = "200ms"
    }}
  }}
}}
"#
    )
}
