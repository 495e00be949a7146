//! A backend that is away while the log has little room.

use std::path::Path;

use anyhow::ensure;
use testnet::exporter::{self, Fleet};
use testnet::ledger::{Behaviour, Ledger, Limits};
use testnet::process::{Cluster, World, eventually, http};

use crate::continuity::{SLOW, slowed};
use crate::world::{self, PATIENCE, configuration, setup};

const TARGETS: usize = 10;
const SERIES: usize = 500;
/// `wal { max_size }` in bytes.
const ROOM: u64 = 1 << 20;
/// A request at most, and the files beside the log; both are far below.
const BESIDE: u64 = 256 << 10;

const DROPPED: &str = "prometheus_remote_storage_samples_dropped_total";

/// Bytes of all files in a folder and below.
fn size(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // A file may have been removed since it was listed.
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes += size(&entry.path())?,
            Ok(metadata) => bytes += metadata.len(),
            Err(_) => {}
        }
    }
    Ok(bytes)
}

#[tokio::test]
async fn an_outage_costs_nothing_below_the_cap_of_the_log_and_the_oldest_beyond_it()
-> anyhow::Result<()> {
    let world = World::new()?;
    let limits = Limits { interval: i64::try_from(SLOW.as_millis())?, ..Limits::default() };
    let ledger = Ledger::start(limits, &world.tasks, &world.cancel).await?;
    let pages =
        exporter::Config { targets: TARGETS, series: SERIES, ..exporter::Config::default() };
    let fleet = Fleet::start(pages, &world.tasks, &world.cancel).await?;
    let text = slowed(&configuration(&world::addresses(&fleet, TARGETS))).replace(
        "remote_write \"backend\" {\n",
        "remote_write \"backend\" {\n  wal {\n    max_size = \"1MiB\"\n  }\n\n",
    );
    let config = world::write(&world, &text)?;
    let mut cluster =
        Cluster::start(&world, setup(&config), 1, |node| ledger.write_url(node)).await?;
    let storage = cluster.setups()[0].storage.clone();
    let node = cluster.node(0);
    let metrics = node.url("/metrics");

    // Everything is delivered; how much of what came in was dropped.
    let delivered = async || {
        eventually("everything to be delivered", PATIENCE, async || {
            let page = http::text(&metrics).await?;
            let [taken, sent, dropped] = [
                "shoal_delivery_samples_in_total",
                "prometheus_remote_storage_samples_total",
                DROPPED,
            ]
            .map(|name| http::metric(&page, name));
            ensure!(sent > 0.0 && taken == sent + dropped, "{taken}: {sent} sent, {dropped} not");
            Ok(dropped)
        })
        .await
    };

    delivered().await?;
    ledger.behave(Behaviour::Refuse(503));
    eventually("a third of the room to be taken", PATIENCE, async || {
        let waiting = http::metric(&http::text(&metrics).await?, "shoal_delivery_queue_bytes");
        ensure!(waiting > ROOM as f64 / 3.0, "{waiting} bytes wait");
        Ok(())
    })
    .await?;
    ledger.behave(Behaviour::Accept);
    assert_eq!(delivered().await?, 0.0);
    let report = ledger.report(None).await?;
    assert_eq!(report.totals.missing, 0, "{:?}", report.totals);

    ledger.behave(Behaviour::Refuse(503));
    eventually("the log to be full twice over", PATIENCE, async || {
        node.child.check_alive()?;
        let page = http::text(&metrics).await?;
        let on_disk = size(&storage)?;
        assert!(on_disk <= ROOM + BESIDE, "{on_disk} bytes on the disk");
        let dropped = http::metric(&page, DROPPED);
        let waiting = http::metric(&page, "prometheus_remote_storage_samples_pending");
        ensure!(dropped > waiting, "{dropped} dropped, {waiting} wait");
        Ok(())
    })
    .await?;
    ledger.behave(Behaviour::Accept);
    let lost = delivered().await?;
    let page = http::text(&metrics).await?;
    let full = page.lines().filter(|line| line.contains("reason=\"log_full\""));
    let full: Vec<&str> = full.collect();
    assert_eq!(http::metric(&full.join("\n"), DROPPED), lost, "nothing else dropped anything");
    let log = node.child.log()?;
    assert!(log.contains("dropped the oldest of the log"), "{log}");
    cluster.take(0).child.end(PATIENCE).await?;
    let totals = ledger.report(None).await?.totals;
    assert_eq!(totals.missing as f64, lost, "{totals:?}");
    assert_eq!((totals.doubles, totals.late), (0, 0), "{totals:?}");
    world.end().await;
    Ok(())
}
