//! Moves that lose nothing and store nothing twice, with real processes.

use testnet::exporter::Fleet;
use testnet::ledger::{Ledger, Limits, Totals};
use testnet::process::{Cluster, World, eventually, http};

use crate::world::{self, INTERVAL, PATIENCE, addresses, configuration, fleet, setup};

const TARGETS: usize = 60;

/// A cluster that scrapes, and the ledger it writes to.
struct Stage {
    world: World,
    ledger: Ledger,
    fleet: Fleet,
    cluster: Cluster,
}

impl Stage {
    async fn begin(nodes: usize) -> anyhow::Result<Self> {
        let world = World::new()?;
        let interval = i64::try_from(INTERVAL.as_millis())?;
        let limits = Limits { interval, ..Limits::default() };
        let ledger = Ledger::start(limits, &world.tasks, &world.cancel).await?;
        let fleet = fleet(&world, TARGETS).await?;
        let config = world::write(&world, &configuration(&addresses(&fleet, TARGETS)))?;
        let write_url = |node: &str| ledger.write_url(node);
        let cluster = Cluster::start(&world, setup(&config), nodes, write_url).await?;
        let mut stage = Self { world, ledger, fleet, cluster };
        stage.ticks(3).await?;
        Ok(stage)
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

    /// Ends it, and says what was stored. Nodes that still run end all at once.
    async fn end(self) -> anyhow::Result<Totals> {
        let totals = self.ledger.totals().borrow().clone();
        if totals.missing + totals.doubles + totals.stale > 0 {
            println_tails(&self.cluster);
        }
        self.world.end().await;
        Ok(totals)
    }
}

fn println_tails(cluster: &Cluster) {
    // Only seen when the test fails.
    let tails = cluster.log_tails();
    std::io::Write::write_all(&mut std::io::stderr(), tails.as_bytes()).ok();
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
    let totals = stage.end().await?;
    assert_eq!((totals.missing, totals.doubles, totals.stale), (0, 0, 0), "{totals:?}");
    Ok(())
}

#[tokio::test]
async fn a_node_that_is_drained_over_http_hands_over_and_stops() -> anyhow::Result<()> {
    let mut stage = Stage::begin(2).await?;
    let url = stage.cluster.node(1).url("/-/drain");
    let (status, answer) = http::ask(::http::Method::POST, &url).await?;
    assert!(status.is_success(), "{status} {answer:?}");
    // The signal that orchestrators send after that is not the second one.
    stage.cluster.take(1).child.end(PATIENCE).await?;
    stage.ticks(3).await?;
    assert_eq!(stage.fleet.len(), TARGETS);
    let totals = stage.end().await?;
    assert_eq!((totals.missing, totals.doubles, totals.stale), (0, 0, 0), "{totals:?}");
    Ok(())
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
    let totals = stage.end().await?;
    assert_eq!((totals.missing, totals.doubles, totals.stale), (0, 0, 0), "{totals:?}");
    Ok(())
}
