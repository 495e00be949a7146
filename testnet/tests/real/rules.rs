//! The alert rules that Shoal comes with, in a real Prometheus that scrapes real nodes: quiet in health,
//! and told of what is wrong, with the names that an operator looks for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use http::{Method, StatusCode};
use serde_json::Value;
use testnet::process::{Cluster, NodeSetup, World, eventually, http as ask, real};

use crate::Backend;
use crate::ops::ops;
use crate::world::{PATIENCE, setup, write};

/// A configuration in which nothing is collected.
const SOUND: &str = "logging {\n  level = \"info\"\n}\n";

/// The same, and a component that needs somebody who is not there.
const LACKING: &str = "discovery.http \"gone\" {\n  url = \"http://127.0.0.1:9/\"\n}\n";

/// The nodes beside the three of a cluster: one that is alone, and was told to expect others; one that
/// has the name of another; and one of another cluster, which nobody scrapes.
const HERMIT: usize = 3;
const NAMESAKE: usize = 4;
const STRANGER: usize = 5;
const NODES: usize = 6;

/// The rules, but for how long something has to last; and how many alerts they have.
fn hasty() -> anyhow::Result<(String, usize)> {
    let text = std::fs::read_to_string(ops().join("alerts.yaml"))?;
    let mut alerts = 0;
    let line = |line: &str| match line.split_once("for: ") {
        Some((indent, _)) if indent.trim().is_empty() => {
            alerts += 1;
            format!("{indent}for: 1s\n")
        }
        _ => format!("{line}\n"),
    };
    let hasty: String = text.lines().map(line).collect();
    anyhow::ensure!(alerts == text.matches("- alert: ").count() && alerts > 20, "{alerts}");
    Ok((hasty, alerts))
}

/// The same rules and targets, with each node known by its name.
fn configuration(rules: &Path, nodes: &[(&str, &NodeSetup)]) -> String {
    let targets: String = nodes
        .iter()
        .map(|(name, setup)| {
            format!("  - targets: ['{}']\n    labels: {{instance: {name}}}\n", setup.address())
        })
        .collect();
    format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 500ms}}\nrule_files: ['{}']\n\
         scrape_configs:\n- job_name: shoal\n  static_configs:\n{targets}",
        rules.display()
    )
}

/// What fires: the alert and whom it is about. An error while anything is about to.
async fn firing(prometheus: &Backend) -> anyhow::Result<BTreeSet<String>> {
    let answer = ask::json(&format!("{}/api/v1/alerts", prometheus.base)).await?;
    let alerts = answer["data"]["alerts"].as_array().into_iter().flatten();
    let name = |alert: &Value| {
        anyhow::ensure!(alert["state"] == "firing", "{alert}");
        let label = |name: &str| alert["labels"][name].as_str();
        let about = label("instance").or(label("cluster_name")).unwrap_or_default();
        // Whoever is woken reads this: it is to name the same one.
        let summary = alert["annotations"]["summary"].as_str().unwrap_or_default();
        anyhow::ensure!(!about.is_empty() && summary.contains(about), "{alert}");
        let words = [label("alertname"), Some(about), label("reason")];
        Ok(words.into_iter().flatten().collect::<Vec<_>>().join(" "))
    };
    alerts.map(name).collect()
}

/// Waits until these alerts fire, and no others.
async fn until_firing(prometheus: &mut Backend, expected: &[String]) -> anyhow::Result<()> {
    let expected: BTreeSet<String> = expected.iter().cloned().collect();
    eventually(&format!("{expected:?} to fire"), PATIENCE, async || {
        prometheus.child.check_alive()?;
        let firing = firing(prometheus).await?;
        anyhow::ensure!(firing == expected, "{firing:?}");
        Ok(())
    })
    .await
}

/// Fails unless Prometheus understands all rules, and can work all of them out with what nodes say.
async fn all_are_worked_out(prometheus: &Backend, alerts: usize) -> anyhow::Result<()> {
    let url = format!("{}/api/v1/rules", prometheus.base);
    eventually("all rules to be worked out", PATIENCE, async || {
        let answer = ask::json(&url).await?;
        let groups = answer["data"]["groups"].as_array().into_iter().flatten();
        let rules: Vec<&Value> =
            groups.flat_map(|group| group["rules"].as_array().into_iter().flatten()).collect();
        anyhow::ensure!(rules.len() == alerts, "{} of {alerts}", rules.len());
        anyhow::ensure!(rules.iter().all(|rule| rule["health"] == "ok"), "{rules:?}");
        Ok(())
    })
    .await
}

async fn reload(cluster: &mut Cluster, node: usize, accepted: bool) -> anyhow::Result<()> {
    let url = cluster.node(node).url("/-/reload");
    let (status, text) = ask::ask(Method::POST, &url).await?;
    let expected = if accepted { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    anyhow::ensure!(status == expected, "{status}: {}", String::from_utf8_lossy(&text));
    Ok(())
}

/// The nodes, none of which runs, and the configuration of the second one.
fn prepare(world: &World) -> anyhow::Result<(Cluster, PathBuf)> {
    let config = write(world, SOUND)?;
    let own = world.folder("own")?.join("config.alloy");
    std::fs::copy(&config, &own)?;
    let mut cluster = Cluster::prepare(world, setup(&config), NODES, |_| String::new())?;
    let setups = cluster.setups_mut();
    let of = |name: &str| format!("--cluster.name={name}");
    setups[1].config.clone_from(&own);
    let hermit = &mut setups[HERMIT];
    hermit.seeds = vec![hermit.address().to_string()];
    hermit.flags.extend([of("hermitage"), "--cluster.wait-for-size=3".to_owned()]);
    setups[NAMESAKE].name = setups[0].name.clone();
    setups[STRANGER].seeds = vec![setups[0].address().to_string()];
    setups[STRANGER].flags.push(of("strangers"));
    Ok((cluster, own))
}

#[tokio::test]
async fn the_alert_rules_are_quiet_in_health_and_fire_in_trouble() -> anyhow::Result<()> {
    let world = World::new()?;
    let (mut cluster, own) = prepare(&world)?;
    let name = cluster.name().to_owned();
    let about = |alert: &str| format!("{alert} {name}");
    let (rules, alerts) = hasty()?;
    let file = world.folder("rules")?.join("alerts.yaml");
    std::fs::write(&file, rules)?;
    let names = ["node-1", "node-2", "node-3", "hermit", "namesake"];
    let nodes: Vec<_> = names.into_iter().zip(cluster.setups()).collect();
    let config = configuration(&file, &nodes);
    let command = |folder: &Path, port| real::prometheus(folder, port, &config);
    let mut prometheus = Backend::start(&world, "prometheus", "/-/ready", command).await?;

    for node in 0..3 {
        cluster.spawn(node)?;
    }
    // For longer than an alert takes to fire: it is not because nothing was looked at that none does.
    let three = "count(min_over_time(cluster_node_gossip_alive_peers[5s]) == 3 \
                 and count_over_time(cluster_node_gossip_alive_peers[5s]) > 3)";
    prometheus.becomes(three, 3.0).await?;
    all_are_worked_out(&prometheus, alerts).await?;
    until_firing(&mut prometheus, &[]).await?;

    cluster.spawn(HERMIT)?;
    until_firing(&mut prometheus, &["ShoalBelowMinimumSize hermit".to_owned()]).await?;
    cluster.take(HERMIT).child.end(PATIENCE).await?;
    until_firing(&mut prometheus, &[]).await?;

    cluster.spawn(NAMESAKE)?;
    let mut out = vec![about("ShoalSplit")];
    let alerts = ["ShoalNameClash", "ShoalNotCollecting", "ShoalNotConverged", "ShoalNotJoined"];
    out.extend(alerts.map(|alert| format!("{alert} namesake")));
    until_firing(&mut prometheus, &out).await?;
    cluster.take(NAMESAKE).child.end(PATIENCE).await?;
    until_firing(&mut prometheus, &[]).await?;

    std::fs::write(&own, format!("{SOUND}{LACKING}"))?;
    reload(&mut cluster, 1, true).await?;
    let mut drifted =
        vec![about("ShoalConfigurationsDiffer"), "ShoalComponentsUnhealthy node-2".to_owned()];
    until_firing(&mut prometheus, &drifted).await?;
    std::fs::write(&own, "no configuration")?;
    reload(&mut cluster, 1, false).await?;
    drifted.push("ShoalReloadFailed node-2".to_owned());
    until_firing(&mut prometheus, &drifted).await?;
    std::fs::write(&own, SOUND)?;
    reload(&mut cluster, 1, true).await?;
    until_firing(&mut prometheus, &[]).await?;

    cluster.take(2).child.kill().await?;
    until_firing(&mut prometheus, &[about("ShoalNodeMissing")]).await?;
    cluster.spawn(2)?;
    until_firing(&mut prometheus, &[]).await?;

    // The last, since what was refused once counts for minutes.
    cluster.spawn(STRANGER)?;
    until_firing(&mut prometheus, &["ShoalStrangers node-1 cluster".to_owned()]).await?;
    drop(cluster);
    world.end().await;
    Ok(())
}
