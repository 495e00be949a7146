//! Moves that lose nothing and store nothing twice, with real processes.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use testnet::exporter::Fleet;
use testnet::ledger::{Behaviour, Ledger, Limits, Totals};
use testnet::process::{Cluster, World, eventually, http};

use crate::moves::{history, takeovers};
use crate::world::{self, INTERVAL, PATIENCE, addresses, configuration, fleet, setup};

/// Longer than in other suites: what is asked for here is that no tick is late by more than a tenth
/// of it, on a machine that is busy with other things.
pub(crate) const SLOW: Duration = Duration::from_secs(3);

const TARGETS: usize = 60;

/// A configuration with [`SLOW`] for the interval that it has.
pub(crate) fn slowed(text: &str) -> String {
    let quoted = |interval| format!("\"{}\"", model::duration::format(interval));
    text.replace(&quoted(INTERVAL), &quoted(SLOW))
}

/// A cluster that scrapes, and the ledger it writes to.
struct Stage {
    world: World,
    ledger: Ledger,
    fleet: Fleet,
    cluster: Cluster,
    /// What was stored by the time that the cluster had formed.
    formed: Totals,
}

impl Stage {
    async fn begin(nodes: usize) -> anyhow::Result<Self> {
        Self::begin_with(nodes, |text| text, |node| node).await
    }

    /// With something changed in the configuration, and nodes that write under other names than their own:
    /// only where all write to the same place do they wait for each other's samples.
    async fn begin_with(
        nodes: usize,
        change: fn(String) -> String,
        writer: fn(&str) -> &str,
    ) -> anyhow::Result<Self> {
        let world = World::new()?;
        let interval = i64::try_from(SLOW.as_millis())?;
        let limits = Limits { interval, ..Limits::default() };
        let ledger = Ledger::start(limits, &world.tasks, &world.cancel).await?;
        let fleet = fleet(&world, TARGETS).await?;
        let text = slowed(&configuration(&addresses(&fleet, TARGETS)));
        let config = world::write(&world, &change(text))?;
        let write_url = |node: &str| ledger.write_url(writer(node));
        let cluster = Cluster::start(&world, setup(&config), nodes, write_url).await?;
        let formed = Totals::default();
        let mut stage = Self { world, ledger, fleet, cluster, formed };
        stage.ticks(3).await?;
        stage.formed = stage.ledger.totals().borrow().clone();
        // From now on it refuses what Prometheus would: samples out of order, and other values for a
        // tick that is stored.
        stage.ledger.behave(Behaviour::Prometheus);
        Ok(stage)
    }

    /// Waits until so many more samples wait on a node than now.
    async fn backlog(&mut self, node: usize, more: f64) -> anyhow::Result<()> {
        let node = self.cluster.node(node);
        let url = node.url("/metrics");
        let waiting = async || {
            let page = http::text(&url).await?;
            anyhow::Ok(http::metric(&page, "prometheus_remote_storage_samples_pending"))
        };
        let wanted = waiting().await? + more;
        eventually("samples to wait", PATIENCE, async || {
            node.child.check_alive()?;
            let waits = waiting().await?;
            anyhow::ensure!(waits >= wanted, "{waits} of {wanted} samples wait");
            Ok(())
        })
        .await
    }

    /// Waits until every target was stored so many times more.
    async fn ticks(&mut self, more: u64) -> anyhow::Result<()> {
        let before = self.ledger.totals().borrow().samples;
        // Each page has five series, and five about the scrape.
        let wanted = before + more * 10 * TARGETS as u64;
        let (ledger, cluster) = (&self.ledger, &mut self.cluster);
        eventually("some more ticks", PATIENCE, async || {
            for node in cluster.running() {
                node.child.check_alive()?;
            }
            let samples = ledger.totals().borrow().samples;
            anyhow::ensure!(samples >= wanted, "{samples} of {wanted} samples");
            Ok(())
        })
        .await
    }

    /// Ends it. Fails unless every tick was stored once since the cluster had formed.
    async fn end_with_every_tick_stored_once(mut self) -> anyhow::Result<()> {
        let (formed, totals) = (&self.formed, self.ledger.totals().borrow().clone());
        let since = |what: fn(&Totals) -> u64| what(&totals).saturating_sub(what(formed));
        let found =
            (since(|t| t.missing), since(|t| t.doubles), since(|t| t.stale), since(|t| t.rejected));
        let mut figures = String::new();
        for node in self.cluster.running() {
            let page = http::text(&node.url("/metrics")).await?;
            let wanted = |line: &&str| {
                line.starts_with("shoal_handover") || line.starts_with("shoal_scrape_ticks")
            };
            figures.extend(page.lines().filter(wanted).map(|line| format!("{line}\n")));
        }
        let tails = self.cluster.log_tails();
        self.world.end().await;
        anyhow::ensure!(
            found == (0, 0, 0, 0),
            "missing, stored twice, ended, refused: {found:?} of {}\n{figures}\n{tails}",
            totals.samples
        );
        Ok(())
    }
}

#[tokio::test]
async fn a_rolling_restart_loses_no_tick_and_stores_none_twice() -> anyhow::Result<()> {
    let mut stage = Stage::begin(3).await?;
    for node in 0..3 {
        stage.cluster.take(node).child.end(PATIENCE).await?;
        stage.ticks(2).await?;
        stage.cluster.spawn(node)?.ready().await?;
        stage.ticks(2).await?;
    }
    stage.end_with_every_tick_stored_once().await
}

#[tokio::test]
async fn a_node_that_is_drained_over_http_hands_over_and_stops() -> anyhow::Result<()> {
    let mut stage = Stage::begin(2).await?;
    let url = stage.cluster.node(1).url("/-/drain");
    let (status, answer) = http::ask(::http::Method::POST, &url).await?;
    assert!(status.is_success(), "{status} {answer:?}");
    // Nothing else tells it to.
    let status = stage.cluster.take(1).child.wait(PATIENCE).await?;
    assert!(status.success(), "{status}");
    stage.ticks(3).await?;
    assert_eq!(stage.fleet.len(), TARGETS);
    stage.end_with_every_tick_stored_once().await
}

#[tokio::test]
async fn a_backend_of_remote_write_2_0_gets_every_tick_once_through_a_join_and_a_leave()
-> anyhow::Result<()> {
    let newer = |text: String| {
        let url = "url = sys.env(\"TESTNET_WRITE_URL\")";
        let newer = format!("{url}\n    protobuf_message = \"io.prometheus.write.v2.Request\"");
        text.replace(url, &newer)
    };
    let mut stage = Stage::begin_with(2, newer, |node| node).await?;
    let ledger = stage.ledger.clone();
    let joined = stage.cluster.add(|node| ledger.write_url(node))?;
    stage.cluster.spawn(joined)?.ready().await?;
    stage.ticks(2).await?;
    stage.cluster.take(0).child.end(PATIENCE).await?;
    stage.ticks(2).await?;
    let totals = stage.ledger.totals().borrow().clone();
    assert_eq!(totals.samples_v2, totals.samples, "not all of it is 2.0: {totals:?}");
    assert!(totals.by_node.get("node-3") > Some(&0), "nothing moved: {totals:?}");
    stage.end_with_every_tick_stored_once().await
}

#[tokio::test]
async fn scaling_out_and_in_loses_no_tick_and_stores_none_twice() -> anyhow::Result<()> {
    let mut stage = Stage::begin(2).await?;
    for _ in 0..2 {
        let ledger = stage.ledger.clone();
        let index = stage.cluster.add(|node| ledger.write_url(node))?;
        stage.cluster.spawn(index)?.ready().await?;
        stage.ticks(2).await?;
    }
    for node in [3, 2] {
        stage.cluster.take(node).child.end(PATIENCE).await?;
        stage.ticks(2).await?;
    }
    // What left has taken its memory along; what took over tells.
    let mut causes = BTreeSet::new();
    for target in addresses(&stage.fleet, TARGETS) {
        for start in takeovers(&history(&mut stage.cluster, 1, &target).await?) {
            let told = ["gap_seconds", "gap_at_most_seconds", "overlap", "overlap_seconds"];
            let told = told.map(|name| start[name].clone());
            anyhow::ensure!(told == [json!(0.0), Value::Null, json!(false), json!(0.0)], "{start}");
            causes.insert(start["cause"].as_str().unwrap_or_default().to_owned());
        }
    }
    anyhow::ensure!(causes.contains("leave"), "{causes:?}");
    stage.end_with_every_tick_stored_once().await
}

#[tokio::test]
async fn the_heir_of_two_that_left_is_killed_and_delivers_before_them_though_they_start_first()
-> anyhow::Result<()> {
    let mut stage = Stage::begin_with(3, |text| text, |_| "backend").await?;
    stage.ledger.behave(Behaviour::Refuse(503));
    stage.backlog(0, 1.0).await?;
    stage.backlog(1, 1.0).await?;
    let [mut one, mut other] = [0, 1].map(|node| stage.cluster.take(node).child);
    let (ended, other_ended) = tokio::join!(one.terminate(PATIENCE), other.terminate(PATIENCE));
    anyhow::ensure!(ended?.success() && other_ended?.success(), "{}", stage.cluster.log_tails());
    // Nobody has to look for what they had not delivered.
    for log in [one.log()?, other.log()?] {
        let said = log.lines().find(|line| line.contains("another node delivers what is left"));
        anyhow::ensure!(said.is_some_and(|line| line.contains("node-3")), "{log}");
    }
    // What the heir collects stands behind what it adopted.
    stage.backlog(2, 10.0 * TARGETS as f64).await?;
    stage.cluster.take(2).child.kill().await?;
    for node in [0, 1] {
        stage.cluster.spawn(node)?;
    }
    // They find nobody who could tell them who collected before.
    for node in [0, 1] {
        stage.cluster.node(node).ready().await?;
        stage.backlog(node, 1.0).await?;
    }
    stage.cluster.spawn(2)?.ready().await?;
    stage.ledger.behave(Behaviour::Prometheus);
    stage.ticks(8).await?;
    let totals = stage.ledger.totals().borrow().clone();
    let rejected = totals.rejected - stage.formed.rejected;
    let tails = stage.cluster.log_tails();
    stage.world.end().await;
    anyhow::ensure!(rejected == 0, "{rejected} samples came too late: {totals:?}\n{tails}");
    Ok(())
}
