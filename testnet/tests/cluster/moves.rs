//! What a move cost, as any node tells.

use rustix::process::Signal;
use serde_json::Value;
use testnet::process::{Cluster, World, eventually, http};

use crate::audit::all_run;
use crate::world::{self, PATIENCE, addresses, configuration, fleet, setup};

/// What nodes did about a target, as a node tells.
pub(crate) async fn history(
    cluster: &mut Cluster,
    node: usize,
    target: &str,
) -> anyhow::Result<Vec<Value>> {
    let path = format!("/api/v1/explain?target=http://{target}/metrics");
    let answer = http::json(&cluster.node(node).url(&path)).await?;
    anyhow::ensure!(answer["missing"] == serde_json::json!([]), "{answer}");
    Ok(answer["matches"][0]["history"].as_array().cloned().unwrap_or_default())
}

/// The starts that took a target over from a node that took part.
pub(crate) fn takeovers(history: &[Value]) -> impl Iterator<Item = &Value> {
    history.iter().filter(|action| action["action"] == "start" && action["from"] != "")
}

#[tokio::test]
async fn two_nodes_that_collect_a_target_at_once_are_told_with_how_long_they_did()
-> anyhow::Result<()> {
    const TARGETS: usize = 20;
    let world = World::new()?;
    let fleet = fleet(&world, TARGETS).await?;
    let config = world::write(&world, &configuration(&addresses(&fleet, TARGETS)))?;
    let away = |_: &str| "http://127.0.0.1:9/write".to_owned();
    let mut cluster = Cluster::start(&world, setup(&config), 2, away).await?;
    let url = cluster.node(0).url("/metrics");
    let collects = async || {
        let page = http::text(&url).await?;
        anyhow::Ok(http::metric(&page, "shoal_cluster_targets_local") as usize)
    };
    eventually("the targets to be shared", PATIENCE, async || {
        let collects = collects().await?;
        anyhow::ensure!((1..TARGETS).contains(&collects), "{collects}");
        Ok(())
    })
    .await?;
    // Alive, but of no use to anybody; it does not know that it is taken for dead.
    cluster.node(1).child.signal(Signal::STOP)?;
    eventually("the other node to collect everything", PATIENCE, async || {
        let collects = collects().await?;
        anyhow::ensure!(collects == TARGETS, "{collects}");
        Ok(())
    })
    .await?;
    // Each of them: what it took over and gave back in between has no gap.
    let scrapes = || (0..TARGETS).map(|target| fleet.scrapes(target)).collect::<Vec<_>>();
    let before = scrapes();
    eventually("it to have collected all that", PATIENCE, async || {
        let now = scrapes();
        anyhow::ensure!(now.iter().zip(&before).all(|(now, before)| now > before), "{now:?}");
        Ok(())
    })
    .await?;
    cluster.node(1).child.signal(Signal::CONT)?;
    let targets = addresses(&fleet, TARGETS);
    eventually("the overlap to end and to be told", PATIENCE, async || {
        let mut overlaps = 0;
        for target in &targets {
            let history = history(&mut cluster, 0, target).await?;
            for crash in takeovers(&history).filter(|start| start["cause"] == "crash") {
                anyhow::ensure!(crash["overlap"] == true, "{crash}");
                let seconds = crash["overlap_seconds"].as_f64().unwrap_or_default();
                anyhow::ensure!(seconds > 0.0, "{history:#?}");
                anyhow::ensure!(crash["gap_seconds"] == Value::Null, "{crash}");
                let gap = crash["gap_at_most_seconds"].as_f64().unwrap_or_default();
                anyhow::ensure!(gap > 0.0, "{crash}");
                overlaps += 1;
            }
        }
        anyhow::ensure!(overlaps > 0, "nothing was taken over");
        Ok(())
    })
    .await?;
    // The same in sums, asked of the node that did not do it.
    let moves_url = cluster.node(1).url("/api/v1/moves");
    let moves = eventually("both nodes to tell what moved", PATIENCE, async || {
        let moves = http::json(&moves_url).await?;
        anyhow::ensure!(moves["partial"] == false, "{moves}");
        Ok(moves)
    })
    .await?;
    let lines = moves["moves"].as_array().into_iter().flatten();
    let crash = |line: &&Value| {
        line["action"] == "start" && line["cause"] == "crash" && line["node"] == "node-1"
    };
    let crashes: Vec<&Value> = lines.filter(crash).collect();
    anyhow::ensure!(!crashes.is_empty(), "{moves}");
    for crash in crashes {
        anyhow::ensure!(crash["from"] == "node-2", "{crash}");
        anyhow::ensure!(crash["gaps_bounded"] == crash["targets"], "{crash}");
        anyhow::ensure!(crash["overlaps"] == crash["targets"], "{crash}");
    }
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn what_moves_to_a_node_that_joins_is_put_down_to_that() -> anyhow::Result<()> {
    const TARGETS: usize = 30;
    let world = World::new()?;
    let fleet = fleet(&world, TARGETS).await?;
    let targets = addresses(&fleet, TARGETS);
    let config = world::write(&world, &configuration(&targets))?;
    let away = |_: &str| "http://127.0.0.1:9/write".to_owned();
    let mut cluster = Cluster::start(&world, setup(&config), 2, away).await?;
    all_run(&mut cluster, TARGETS).await?;
    let third = cluster.add(away)?;
    cluster.spawn(third)?.ready().await?;
    let url = cluster.node(0).url("/metrics");
    eventually("the first to know of the third", PATIENCE, async || {
        let peers = http::metric(&http::text(&url).await?, "cluster_node_peers");
        anyhow::ensure!(peers == 3.0, "{peers} peers");
        Ok(())
    })
    .await?;
    all_run(&mut cluster, TARGETS).await?;

    // A claim that is not answered in time starts its target before the other has stopped.
    eventually("both sides of every move to be told", PATIENCE, async || {
        let mut moved = 0;
        for target in &targets {
            let history = history(&mut cluster, 0, target).await?;
            // A node that got no answer takes a target without knowing why it moves.
            let answered = |start: &&Value| start["node"] == "node-3" && start["overlap"] == false;
            for start in takeovers(&history).filter(answered) {
                let stops = history.iter().filter(|action| {
                    action["action"] == "stop"
                        && action["node"] == start["from"]
                        && action["to"] == "node-3"
                });
                let causes: Vec<&Value> = stops.map(|stop| &stop["cause"]).collect();
                anyhow::ensure!(causes == ["join"], "{history:#?}");
                anyhow::ensure!(start["cause"] == "join", "{history:#?}");
                // The new owner may have known the target only after it had joined.
                let path = format!("/api/v1/explain?target=http://{target}/metrics");
                let told = http::json(&cluster.node(third).url(&path)).await?;
                let moves = &told["matches"][0]["moves"];
                let came = moves.as_array().into_iter().flatten().any(|moved| {
                    moved["to"] == "node-3"
                        && moved["from"] == start["from"]
                        && moved["cause"] == "join"
                });
                anyhow::ensure!(came, "{told:#}");
                moved += 1;
            }
        }
        anyhow::ensure!(moved > 0, "nothing moved to node-3");
        Ok(())
    })
    .await?;
    world.end().await;
    Ok(())
}
