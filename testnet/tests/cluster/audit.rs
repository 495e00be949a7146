//! What nodes find when they compare themselves, and what moves are put down to.

use std::time::SystemTime;

use anyhow::Context;
use serde_json::{Value, json};
use testnet::ledger::{Ledger, Limits};
use testnet::process::{Cluster, World, eventually, http};

use crate::divergence::Divergence;
use crate::world::{self, INTERVAL, PATIENCE, addresses, configuration, fleet, setup};

#[tokio::test]
async fn what_its_owner_does_not_know_is_collected_by_the_deputy_and_the_label_is_named()
-> anyhow::Result<()> {
    let world = World::new()?;
    let limits = Limits { interval: i64::try_from(INTERVAL.as_millis())?, ..Limits::default() };
    let ledger = Ledger::start(limits, &world.tasks, &world.cancel).await?;
    let mut two = Divergence::begin(&world, |node| ledger.write_url(node)).await?;
    // Any node answers for all.
    for node in [0, 1] {
        let audit = two.audit(node).await?;
        anyhow::ensure!(audit["partial"] == false, "{audit}");
        for address in &two.lost {
            let targets = audit["targets"].as_array().into_iter().flatten();
            let found = targets.filter(|target| target["labels"]["instance"] == address.as_str());
            let found: Vec<&Value> = found.collect();
            let told = |name: &str| found.iter().map(|target| &target[name]).collect::<Vec<_>>();
            anyhow::ensure!(told("state") == [&json!("covered")], "{address}: {audit}");
            anyhow::ensure!(told("node") == [&json!("node-1")], "{address}: {audit}");
            anyhow::ensure!(told("peer") == [&json!("node-2")], "{address}: {audit}");
            let why = "node-2 owns it and does not know it";
            anyhow::ensure!(told("why") == [&json!(why)], "{address}: {audit}");
        }
        let divergence = &audit["peers"][0]["divergences"][0];
        let component = &divergence["component"];
        anyhow::ensure!(component == "prometheus.scrape.targets", "{divergence}");
        let examples = divergence["examples"].as_array().into_iter().flatten();
        let url = format!("http://{}/metrics", two.relabelled);
        let named = examples.filter(|example| example["url"] == url.as_str());
        let labels: Vec<&Value> = named.map(|example| &example["labels"]).collect();
        let (here, there) =
            if node == 0 { (Value::Null, json!("b")) } else { (json!("b"), Value::Null) };
        let expected = json!([{"label": "zone", "here": here, "there": there}]);
        anyhow::ensure!(labels == [&expected], "{divergence}");
        let meaning = divergence["meaning"].as_str().unwrap_or_default();
        anyhow::ensure!(meaning.contains("label zone"), "{meaning}");
    }
    // They are stored all the time, by the one who stands in.
    let since =
        i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis())?;
    let (cluster, lost) = (&mut two.cluster, &two.lost);
    eventually("what the second node does not know to be stored", PATIENCE, async || {
        cluster.running().try_for_each(|node| node.child.check_alive())?;
        let report = ledger.report(None).await?;
        for address in lost {
            let target = report.targets.iter().find(|t| t.label("instance") == Some(address));
            let ticks = target.map_or(&[][..], |target| &target.ticks);
            let recent = ticks.iter().filter(|tick| tick.at >= since);
            let by: Vec<&String> = recent.flat_map(|tick| &tick.by).collect();
            anyhow::ensure!(by.len() >= 3, "{address}: {by:?}");
            anyhow::ensure!(by.iter().all(|by| *by == "node-1"), "{address}: {by:?}");
        }
        Ok(())
    })
    .await?;
    drop(two);
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn a_node_with_another_configuration_is_named_until_it_reloads_the_same() -> anyhow::Result<()>
{
    let world = World::new()?;
    let folder = world.folder("config")?;
    let files = [folder.join("one.alloy"), folder.join("two.alloy")];
    std::fs::write(&files[0], "logging {\n  level = \"info\"\n}\n")?;
    std::fs::write(&files[1], "logging {\n  level = \"debug\"\n}\n")?;
    let away = |_: &str| "http://127.0.0.1:9/write".to_owned();
    let mut cluster = Cluster::prepare(&world, setup(&files[0]), 2, away)?;
    cluster.setups_mut()[1].config = files[1].clone();
    for node in 0..2 {
        cluster.spawn(node)?;
    }
    both_tell_of_drift(&mut cluster, true).await?;

    std::fs::copy(&files[0], &files[1])?;
    let url = cluster.node(1).url("/-/reload");
    let (status, answer) = http::ask(::http::Method::POST, &url).await?;
    anyhow::ensure!(status.is_success(), "{status} {answer:?}");
    both_tell_of_drift(&mut cluster, false).await?;
    world.end().await;
    Ok(())
}

/// Waits until each of two nodes says of the other whether that one runs another configuration.
async fn both_tell_of_drift(cluster: &mut Cluster, drift: bool) -> anyhow::Result<()> {
    for (node, peer) in [(0, "node-2"), (1, "node-1")] {
        let url = |path: &str| cluster.setups()[node].url(path);
        let (metrics, audit) = (url("/metrics"), url("/api/v1/audit"));
        eventually("a node to compare configurations with the other", PATIENCE, async || {
            cluster.running().try_for_each(|node| node.child.check_alive())?;
            let page = http::text(&metrics).await?;
            let told = page.lines().find(|line| line.starts_with("shoal_config_drift"));
            let value = told.and_then(|line| line.rsplit(' ').next());
            anyhow::ensure!(value == Some(if drift { "1" } else { "0" }), "{told:?}");
            let audit = http::json(&audit).await?;
            anyhow::ensure!(audit["config_drift"] == u64::from(drift), "{audit}");
            let [told] = audit["peers"].as_array().map_or(&[][..], Vec::as_slice) else {
                anyhow::bail!("there is one other node: {audit}")
            };
            anyhow::ensure!(told["name"] == peer && told["config_differs"] == drift, "{told}");
            let sha = told["config_sha256"].as_str().unwrap_or_default();
            anyhow::ensure!(sha.len() == 64, "{told}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn moves_are_put_down_to_the_reload_that_brought_them_about() -> anyhow::Result<()> {
    const TARGETS: usize = 30;
    let world = World::new()?;
    let fleet = fleet(&world, TARGETS).await?;
    let text = configuration(&addresses(&fleet, TARGETS));
    let config = world::write(&world, &text)?;
    let away = |_: &str| "http://127.0.0.1:9/write".to_owned();
    let mut cluster = Cluster::start(&world, setup(&config), 2, away).await?;
    all_run(&mut cluster, TARGETS).await?;

    world::write(&world, &text.replace("job_name        = \"targets\"", "job_name = \"others\""))?;
    for node in cluster.running() {
        let (status, answer) = http::ask(::http::Method::POST, &node.url("/-/reload")).await?;
        anyhow::ensure!(status.is_success(), "{status} {answer:?}");
    }
    all_run(&mut cluster, TARGETS).await?;
    for target in addresses(&fleet, TARGETS) {
        let url = format!("/api/v1/explain?target=http://{target}/metrics");
        let answer = http::json(&cluster.node(0).url(&url)).await?;
        let history = answer["matches"][0]["history"].as_array().cloned().unwrap_or_default();
        let starts = history.iter().filter(|action| action["action"] == "start");
        let causes: Vec<&Value> = starts.map(|action| &action["cause"]).collect();
        anyhow::ensure!(
            !causes.is_empty() && causes.iter().all(|cause| *cause == "reload"),
            "{causes:?}: {answer}"
        );
    }
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn what_nobody_collects_is_counted_and_named_until_its_owner_knows_it_again()
-> anyhow::Result<()> {
    const TARGETS: usize = 20;
    let world = World::new()?;
    let fleet = fleet(&world, TARGETS).await?;
    let folder = world.folder("config")?;
    let files = [folder.join("one.alloy"), folder.join("two.alloy")];
    let targets = addresses(&fleet, TARGETS);
    for file in &files {
        std::fs::write(file, configuration(&targets))?;
    }
    let away = |_: &str| "http://127.0.0.1:9/write".to_owned();
    let mut cluster = Cluster::prepare(&world, setup(&files[0]), 2, away)?;
    cluster.setups_mut()[1].config = files[1].clone();
    for node in 0..2 {
        cluster.spawn(node)?;
    }
    all_run(&mut cluster, TARGETS).await?;
    counts_unowned(&mut cluster, &[]).await?;

    // The second node forgets one of its own, which the first goes on to know. That it may be gone for
    // good keeps the first from taking over for a while.
    let listing = http::json(&cluster.node(0).url("/api/v1/targets")).await?;
    let rows = listing["targets"].as_array().into_iter().flatten();
    let mut of_second = rows.filter(|target| target["owner"] == "node-2");
    let lost = of_second.next().and_then(|target| target["labels"]["instance"].as_str());
    let lost = lost.context("node-2 owns some")?.to_owned();
    let kept: Vec<String> = targets.iter().filter(|target| **target != lost).cloned().collect();
    let reload = cluster.node(1).url("/-/reload");
    for (known, unowned) in [(&kept, &[lost.as_str()][..]), (&targets, &[])] {
        std::fs::write(&files[1], configuration(known))?;
        let (status, answer) = http::ask(::http::Method::POST, &reload).await?;
        anyhow::ensure!(status.is_success(), "{status} {answer:?}");
        counts_unowned(&mut cluster, unowned).await?;
    }
    world.end().await;
    Ok(())
}

/// Waits until the first node says of these targets that nobody collects them, and of no others.
async fn counts_unowned(cluster: &mut Cluster, targets: &[&str]) -> anyhow::Result<()> {
    let url = |path: &str| cluster.setups()[0].url(path);
    let (metrics, audit) = (url("/metrics"), url("/api/v1/audit"));
    eventually("a node to count what nobody collects", PATIENCE, async || {
        cluster.running().try_for_each(|node| node.child.check_alive())?;
        let page = http::text(&metrics).await?;
        let count = format!("shoal_targets_unowned {}\n", targets.len());
        anyhow::ensure!(page.contains(&count), "not {count}");
        let audit = http::json(&audit).await?;
        let named = audit["targets"].as_array().into_iter().flatten();
        let named = named.filter(|target| target["state"] == "unowned");
        let named: Vec<&Value> = named.map(|target| &target["labels"]["instance"]).collect();
        anyhow::ensure!(named == targets, "{audit}");
        Ok(())
    })
    .await
}

/// Waits until each of so many targets is collected by its owner.
pub(crate) async fn all_run(cluster: &mut Cluster, targets: usize) -> anyhow::Result<()> {
    let url = cluster.node(0).url("/api/v1/targets");
    eventually("every target to be collected by its owner", PATIENCE, async || {
        let listing = http::json(&url).await?;
        let rows = listing["targets"].as_array().into_iter().flatten();
        let settled = rows.filter(|target| target["owner"] == target["node"]).count();
        anyhow::ensure!(settled == targets && listing["total"] == targets, "{listing}");
        Ok(())
    })
    .await
}
