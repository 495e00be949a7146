//! The README's first command.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use testnet::process::{Child, World, eventually, http};
use tokio::process::Command;

use crate::world::PATIENCE;

/// So many that no node is without any, wherever they are: who collects what depends on a port.
const TARGETS: usize = 40;

/// Starts a small cluster, and waits until its nodes answer. Returns where they do.
async fn up(world: &World, arguments: &[&str]) -> anyhow::Result<(Child, Vec<String>)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testnet"));
    command.args(["up", "--nodes=2", "--series=5", "--interval=1s"]);
    command.arg(format!("--targets={TARGETS}")).args(arguments);
    // What is killed cannot clean up after itself.
    command.env("TMPDIR", world.folder("tmp")?);
    let mut child = Child::spawn("up", command, &world.folder("up")?.join("log"))?;
    let nodes = eventually("two nodes to answer", PATIENCE, async || {
        child.check_alive()?;
        let log = child.log()?;
        let words = log.split_whitespace().filter(|word| word.starts_with("http://"));
        let urls = words.filter_map(|url| url.strip_suffix('/'));
        let ready: Vec<String> = urls.map(|url| format!("{url}/-/ready")).collect();
        anyhow::ensure!(ready.len() == 2, "{log}");
        for url in &ready {
            http::text(url).await?;
        }
        Ok(ready)
    });
    let nodes = nodes.await?;
    Ok((child, nodes))
}

async fn nobody_answers(nodes: &[String]) -> anyhow::Result<()> {
    eventually("the nodes to be gone", PATIENCE, async || {
        for url in nodes {
            anyhow::ensure!(http::text(url).await.is_err(), "{url} still answers");
        }
        Ok(())
    })
    .await
}

fn report(file: &Path) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&std::fs::read(file)?)?)
}

#[tokio::test]
async fn up_ends_in_time_and_reports_every_tick_of_every_target() -> anyhow::Result<()> {
    let world = World::new()?;
    let file = world.folder("up")?.join("report.json");
    let path = file.to_str().context("a plain path")?;
    let (mut child, nodes) = up(&world, &["--for=12s", "--report", path]).await?;
    let status = child.wait(PATIENCE).await?;
    assert!(status.success(), "{status}\n{}", child.log_tail());
    nobody_answers(&nodes).await?;

    let report = report(&file)?;
    let targets = report["targets"].as_array().context("a list of targets")?;
    assert_eq!(targets.len(), TARGETS);
    for target in targets {
        let ticks = target["ticks"].as_array().context("a list of ticks")?;
        assert!(ticks.len() >= 3, "{target}");
        for tick in ticks {
            let by = tick["by"].as_array().context("a list of nodes")?;
            assert!(!by.is_empty() && tick["times"].as_u64() >= Some(1), "{tick}");
        }
    }
    let by_node = report["totals"]["by_node"].as_object().context("figures of nodes")?;
    assert_eq!(by_node.keys().collect::<Vec<_>>(), ["node-1", "node-2"]);
    world.end().await;
    Ok(())
}

/// The rows of the last table that was written as a whole.
fn last_table(log: &str) -> Option<Vec<Vec<&str>>> {
    let (whole, _) = log.rsplit_once("\nledger: ")?;
    let (_, table) = whole.rsplit_once("node      peers   targets   samples/s   moved\n")?;
    Some(table.lines().map(|row| row.split_whitespace().collect()).collect())
}

#[tokio::test]
async fn the_table_shows_what_each_node_collects_delivers_and_took_over() -> anyhow::Result<()> {
    let world = World::new()?;
    let (mut child, ready) = up(&world, &[]).await?;
    eventually("a table of a cluster that has settled", PATIENCE, async || {
        child.check_alive()?;
        let log = child.log()?;
        let table = last_table(&log).with_context(|| log.clone())?;
        let [one, two, together] = table.as_slice() else { anyhow::bail!("{table:?}") };
        let mut targets = 0.0;
        for ((row, name), ready) in [one, two].into_iter().zip(["node-1", "node-2"]).zip(&ready) {
            let page = http::text(&ready.replace("/-/ready", "/metrics")).await?;
            let own = http::metric(&page, "prometheus_scrape_targets_gauge");
            let moved = http::metric(&page, "prometheus_scrape_targets_moved_total");
            let expected = [name, "2", &own.to_string(), row[3], &moved.to_string()];
            anyhow::ensure!(row == &expected, "{row:?} is not {expected:?}");
            // Each page has five series, and five about the scrape, each second.
            let rate: f64 = row[3].parse()?;
            anyhow::ensure!((rate - own * 10.0).abs() <= own * 2.0, "{row:?}");
            targets += own;
        }
        let all = TARGETS.to_string();
        anyhow::ensure!(
            targets == TARGETS as f64 && together == &["together", &all, "of", &all],
            "{table:?}"
        );
        Ok(())
    })
    .await?;
    child.interrupt_group()?;
    let status = child.wait(PATIENCE).await?;
    assert!(status.success(), "{status}\n{}", child.log_tail());
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn an_interrupt_ends_all_of_it() -> anyhow::Result<()> {
    let world = World::new()?;
    let (mut child, nodes) = up(&world, &[]).await?;
    child.interrupt_group()?;
    let status = child.wait(PATIENCE).await?;
    assert!(status.success(), "{status}\n{}", child.log_tail());
    let answers = tokio::time::timeout(Duration::from_secs(5), nobody_answers(&nodes)).await;
    answers.context("nodes still run after their parent has ended")??;
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn nothing_outlives_what_is_killed() -> anyhow::Result<()> {
    let world = World::new()?;
    let (child, nodes) = up(&world, &[]).await?;
    child.kill().await?;
    nobody_answers(&nodes).await?;
    world.end().await;
    Ok(())
}

/// What a user would change in the built-in configuration: names, a label, a rule.
const CONFIG: &str = r#"
discovery.http "mine" {
  url = sys.env("TESTNET_TARGETS_URL")
}

discovery.relabel "odd" {
  targets = discovery.http.mine.targets

  rule {
    source_labels = ["__address__"]
    regex         = `.*[13579]:\d+`
    action        = "keep"
  }
}

prometheus.scrape "mine" {
  targets         = discovery.relabel.odd.output
  forward_to      = [prometheus.remote_write.mine.receiver]
  job_name        = "of-my-own"
  scrape_interval = "1s"
  scrape_timeout  = "1s"

  clustering {
    enabled = true
  }
}

prometheus.remote_write "mine" {
  external_labels = { node = sys.env("TESTNET_NODE") }

  endpoint {
    url = sys.env("TESTNET_WRITE_URL")
  }
}
"#;

#[tokio::test]
async fn up_runs_the_configuration_that_it_is_given() -> anyhow::Result<()> {
    let world = World::new()?;
    let folder = world.folder("up")?;
    let (config, file) = (folder.join("mine.alloy"), folder.join("report.json"));
    std::fs::write(&config, CONFIG)?;
    let config = format!("--config={}", config.display());
    let path = format!("--report={}", file.display());
    let (mut child, _) = up(&world, &[&config, &path, "--for=8s"]).await?;
    let status = child.wait(PATIENCE).await?;
    assert!(status.success(), "{status}\n{}", child.log_tail());

    let report = report(&file)?;
    let targets = report["targets"].as_array().context("a list of targets")?;
    // A target that changes hands is there once for each of its nodes.
    let mut instances = BTreeSet::new();
    for target in targets {
        let labels = &target["labels"];
        assert_eq!(labels["job"], "of-my-own", "{labels}");
        let ticks = target["ticks"].as_array().context("a list of ticks")?;
        assert!(!ticks.is_empty(), "{labels} was written by nobody");
        for tick in ticks {
            let by = tick["by"].as_array().context("a list of nodes")?;
            let its_own = !by.is_empty() && by.iter().all(|node| *node == labels["node"]);
            assert!(its_own, "{labels} was written by {by:?}");
        }
        instances.insert(labels["instance"].as_str().context("an instance")?);
    }
    assert_eq!(instances.len(), TARGETS / 2, "half of the targets");
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn up_says_what_is_wrong_with_the_configuration_that_it_is_given() -> anyhow::Result<()> {
    let world = World::new()?;
    let folder = world.folder("up")?;
    let config = folder.join("wrong.alloy");
    std::fs::write(&config, "prometheus.scrape \"mine\" { targest = [] }\n")?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_testnet"));
    command.args(["up", "--nodes=1", "--targets=1", "--config"]).arg(&config);
    command.env("TMPDIR", world.folder("tmp")?);
    let mut child = Child::spawn("up", command, &folder.join("log"))?;
    let status = child.wait(PATIENCE).await?;
    assert!(!status.success(), "{status}");
    let log = child.log()?;
    assert!(log.contains("wrong.alloy:1:28: error: unknown attribute \"targest\""), "{log}");
    world.end().await;
    Ok(())
}
