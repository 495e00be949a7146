//! Targets that are shared among nodes, and what was scraped on its way to the ledger.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use testnet::exporter::Fleet;
use testnet::ledger::{Behaviour, Ledger, Limits, Tick};
use testnet::process::{Cluster, World, eventually, http};

use crate::moves::{history, takeovers};
use crate::world::{self, INTERVAL, PATIENCE, addresses, configuration, fleet, setup};

async fn ledger(world: &World) -> anyhow::Result<Ledger> {
    let interval = i64::try_from(INTERVAL.as_millis())?;
    let limits = Limits { interval, ..Limits::default() };
    Ledger::start(limits, &world.tasks, &world.cancel).await
}

#[tokio::test]
async fn targets_have_one_owner_through_a_join_a_leave_and_a_kill() -> anyhow::Result<()> {
    const TARGETS: usize = 60;
    let world = World::new()?;
    let ledger = ledger(&world).await?;
    let fleet = fleet(&world, TARGETS).await?;
    let config = world::write(&world, &configuration(&addresses(&fleet, TARGETS)))?;
    let write_url = |node: &str| ledger.write_url(node);
    let mut cluster = Cluster::start(&world, setup(&config), 3, write_url).await?;

    let three = owners_of(&ledger, &mut cluster, TARGETS, 3).await?;

    let joined = cluster.add(write_url)?;
    cluster.spawn(joined)?.ready().await?;
    let four = owners_of(&ledger, &mut cluster, TARGETS, 4).await?;
    let moved = three.iter().filter(|(target, owner)| four[*target] != **owner);
    let moved: Vec<_> = moved.map(|(target, _)| four[target].as_str()).collect();
    assert!(moved.iter().all(|to| *to == "node-4"), "moved elsewhere: {moved:?}");
    assert_eq!(moved.len(), shares(&four)["node-4"]);
    assert!(moved.len() < TARGETS / 2, "{} of {TARGETS} moved", moved.len());

    cluster.take(1).child.end(PATIENCE).await?;
    let left = owners_of(&ledger, &mut cluster, TARGETS, 3).await?;
    for (target, owner) in four.iter().filter(|(_, owner)| *owner != "node-2") {
        assert_eq!(left[target], *owner, "{target} moved, though its owner stayed");
    }

    cluster.take(2).child.kill().await?;
    let killed = owners_of(&ledger, &mut cluster, TARGETS, 2).await?;
    for (target, owner) in left.iter().filter(|(_, owner)| *owner != "node-3") {
        assert_eq!(killed[target], *owner, "{target} moved, though its owner lives");
    }
    let of_the_dead = left.iter().filter(|(_, owner)| *owner == "node-3");
    gaps_are_within_what_is_told(&ledger, &mut cluster, of_the_dead.map(|(t, _)| t)).await?;
    world.end().await;
    Ok(())
}

/// Compares what the ledger misses of targets whose owner was killed with what a node says of the gap.
async fn gaps_are_within_what_is_told(
    ledger: &Ledger,
    cluster: &mut Cluster,
    targets: impl Iterator<Item = &String>,
) -> anyhow::Result<()> {
    let report = ledger.report(None).await?;
    let mut compared = 0;
    for target in targets {
        let found = report.targets.iter().find(|t| t.label("instance") == Some(target));
        let ticks = found.map_or(&[][..], |found| &found.ticks);
        let of_the_dead = |tick: &&Tick| tick.by.iter().any(|by| by == "node-3");
        let last = ticks.iter().rfind(of_the_dead).context("it collected it")?.at;
        let next = ticks.iter().find(|tick| tick.at > last).context("it is collected again")?.at;
        // To the nearest: a late sample bears its true time.
        let ticks = (next - last) as f64 / 1e3 / INTERVAL.as_secs_f64();
        let lost = (ticks.round() - 1.0) * INTERVAL.as_secs_f64();
        let history = history(cluster, 0, target).await?;
        let crash = takeovers(&history).find(|start| start["cause"] == "crash");
        let crash = crash.with_context(|| format!("{target}: {history:#?}"))?;
        let gap = crash["gap_at_most_seconds"].as_f64().with_context(|| crash.to_string())?;
        anyhow::ensure!(lost <= gap, "{target}: {lost} s lost, {crash}");
        anyhow::ensure!(crash["gap_seconds"].is_null(), "nobody measured it: {crash}");
        compared += 1;
    }
    anyhow::ensure!(compared > 0, "the dead node collected nothing");
    Ok(())
}

/// Milliseconds since the Unix epoch.
fn now() -> anyhow::Result<i64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_millis())?)
}

/// Waits until each of so many targets has one owner, told by ticks after this instant, and
/// returns the owners.
async fn owners(
    ledger: &Ledger,
    cluster: &mut Cluster,
    targets: usize,
) -> anyhow::Result<BTreeMap<String, String>> {
    let since = now()?;
    let settled = eventually("each target to have one owner", PATIENCE, async || {
        for node in cluster.running() {
            node.child.check_alive()?;
        }
        // Only what is recent counts: a move may have left a tick with two owners behind.
        let recent = since.max(now()? - 6 * i64::try_from(INTERVAL.as_millis())?);
        let owners = ledger.report(None).await?.owners(3, recent)?;
        anyhow::ensure!(owners.len() == targets, "{} of {targets} have", owners.len());
        Ok(owners)
    });
    settled.await.with_context(|| cluster.log_tails())
}

/// How many targets each node owns.
fn shares(owners: &BTreeMap<String, String>) -> BTreeMap<&str, usize> {
    let mut shares = BTreeMap::new();
    for owner in owners.values() {
        *shares.entry(owner.as_str()).or_default() += 1;
    }
    shares
}

/// The owners, once as many nodes as expected have a share.
async fn owners_of(
    ledger: &Ledger,
    cluster: &mut Cluster,
    targets: usize,
    nodes: usize,
) -> anyhow::Result<BTreeMap<String, String>> {
    eventually("every node to have a share", PATIENCE, async || {
        let owners = owners(ledger, cluster, targets).await?;
        let found = shares(&owners).len();
        anyhow::ensure!(found == nodes, "{found} nodes have one");
        Ok(owners)
    })
    .await
}

#[tokio::test]
async fn a_reload_takes_up_new_targets_and_refuses_nonsense() -> anyhow::Result<()> {
    let world = World::new()?;
    let ledger = ledger(&world).await?;
    let fleet = fleet(&world, 10).await?;
    let config = world::write(&world, &configuration(&addresses(&fleet, 5)))?;
    let write_url = |node: &str| ledger.write_url(node);
    let mut cluster = Cluster::start(&world, setup(&config), 1, write_url).await?;
    owners(&ledger, &mut cluster, 5).await?;

    let reload = cluster.node(0).url("/-/reload");
    world::write(&world, "prometheus.scrape \"targets\" {")?;
    let (status, answer) = http::ask(::http::Method::POST, &reload).await?;
    assert!(status.is_client_error() || status.is_server_error(), "{status} {answer:?}");
    owners(&ledger, &mut cluster, 5).await?;

    world::write(&world, &configuration(&addresses(&fleet, 10)))?;
    let (status, answer) = http::ask(::http::Method::POST, &reload).await?;
    assert!(status.is_success(), "{status} {answer:?}");
    owners(&ledger, &mut cluster, 10).await?;
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn what_was_not_delivered_survives_a_kill_and_arrives_once() -> anyhow::Result<()> {
    const TARGETS: usize = 5;
    let world = World::new()?;
    let ledger = ledger(&world).await?;
    let fleet = fleet(&world, TARGETS).await?;
    let config = world::write(&world, &configuration(&addresses(&fleet, TARGETS)))?;
    let write_url = |node: &str| ledger.write_url(node);
    ledger.behave(Behaviour::Refuse(503));
    let mut cluster = Cluster::start(&world, setup(&config), 1, write_url).await?;
    eventually("a few scrapes", PATIENCE, async || {
        let scrapes = fleet.scrapes(0);
        anyhow::ensure!(scrapes >= 6, "{scrapes} so far");
        Ok(())
    })
    .await?;
    cluster.take(0).child.kill().await?;
    let killed = now()?;
    let scraped = scraped(&fleet);
    assert_eq!(ledger.totals().borrow().samples, 0);

    ledger.behave(Behaviour::Accept);
    cluster.spawn(0)?.ready().await?;
    all_arrives(&ledger, &fleet, &scraped, killed).await?;
    // What would come a second time has come when the node has ended with nothing left to deliver.
    cluster.take(0).child.end(PATIENCE).await?;
    let totals = ledger.report(None).await?.totals;
    assert_eq!(totals.doubles, 0, "{totals:?}");
    world.end().await;
    Ok(())
}

/// How many scrapes of each target a node that was just killed has written down: the last of them it
/// may not have had the time for.
fn scraped(fleet: &Fleet) -> Vec<u64> {
    (0..fleet.len()).map(|target| fleet.scrapes(target) - 1).collect()
}

/// Waits until so many ticks of each target are there from before a node was killed.
async fn all_arrives(
    ledger: &Ledger,
    fleet: &Fleet,
    scraped: &[u64],
    killed: i64,
) -> anyhow::Result<()> {
    eventually("what the first life has scraped", PATIENCE, async || {
        let report = ledger.report(None).await?;
        for (target, scraped) in scraped.iter().enumerate() {
            let name = fleet.address(target).to_string();
            let found = report.targets.iter().find(|t| t.label("instance") == Some(&name));
            let ticks = found.map_or(&[][..], |found| &found.ticks);
            let before = ticks.iter().filter(|tick| tick.at < killed).count() as u64;
            anyhow::ensure!(before >= *scraped, "{before} of {scraped} ticks of {name}");
        }
        Ok(())
    })
    .await
}

/// Waits until the ledger has more samples than now, by at least so many.
async fn more_is_stored(ledger: &Ledger, samples: u64) -> anyhow::Result<()> {
    let mut totals = ledger.totals();
    let wanted = totals.borrow().samples + samples;
    let stored = totals.wait_for(|totals| totals.samples >= wanted);
    tokio::time::timeout(PATIENCE, stored).await.context("nothing is stored")??;
    Ok(())
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_delivery_doubles_only_the_request_that_was_in_flight()
-> anyhow::Result<()> {
    const TARGETS: usize = 5;
    /// Samples of a request, of which one is in flight at a time.
    const REQUEST: u64 = 10;
    let world = World::new()?;
    let ledger = ledger(&world).await?;
    let fleet = fleet(&world, TARGETS).await?;
    let text = configuration(&addresses(&fleet, TARGETS));
    let queue = "batch_send_deadline = \"200ms\"";
    anyhow::ensure!(text.contains(queue), "{text}");
    let small = format!("{queue}\n max_shards = 1\n max_samples_per_send = {REQUEST}");
    let config = world::write(&world, &text.replace(queue, &small))?;
    let write_url = |node: &str| ledger.write_url(node);
    ledger.behave(Behaviour::Alternate(503));
    let mut cluster = Cluster::start(&world, setup(&config), 1, write_url).await?;
    more_is_stored(&ledger, 20 * REQUEST).await?;
    let page = http::text(&cluster.node(0).url("/metrics")).await?;
    let retried = http::metric(&page, "prometheus_remote_storage_samples_retried_total");
    anyhow::ensure!(retried > 0.0, "nothing was refused:\n{page}");
    // What is stored now is not acknowledged, and nothing follows it: a request that was being read as
    // that began may come before.
    ledger.behave(Behaviour::Swallow);
    more_is_stored(&ledger, 1).await?;
    let mut totals = ledger.totals();
    while tokio::time::timeout(Duration::from_secs(1), totals.changed()).await.is_ok() {}
    cluster.take(0).child.kill().await?;
    let killed = now()?;
    let scraped = scraped(&fleet);
    assert_eq!(ledger.totals().borrow().doubles, 0);

    ledger.behave(Behaviour::Accept);
    cluster.spawn(0)?.ready().await?;
    all_arrives(&ledger, &fleet, &scraped, killed).await?;
    cluster.take(0).child.end(PATIENCE).await?;
    let totals = ledger.report(None).await?.totals;
    anyhow::ensure!((1..=REQUEST).contains(&totals.doubles), "{totals:?}");
    anyhow::ensure!(totals.conflicts == 0, "{totals:?}");
    world.end().await;
    Ok(())
}
