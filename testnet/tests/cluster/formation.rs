//! Nodes that find each other, and that end.

use testnet::process::{Cluster, World, eventually, http};

use crate::world::{self, PATIENCE, addresses, configuration, fleet, setup};

/// A configuration in which nothing is collected.
pub(crate) const NOTHING: &str = "logging {\n  level = \"info\"\n}\n";

/// Waits until every node that runs sees as many peers, itself included.
pub(crate) async fn everybody_sees(cluster: &mut Cluster, peers: f64) -> anyhow::Result<()> {
    eventually(&format!("everybody to see {peers} peers"), PATIENCE, async || {
        for node in cluster.running() {
            node.child.check_alive()?;
            let page = http::text(&node.url("/metrics")).await?;
            let seen = http::metric(&page, "cluster_node_peers");
            anyhow::ensure!(seen == peers, "{} sees {seen}", node.setup.name);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn nodes_find_each_other_and_notice_who_leaves_and_who_dies() -> anyhow::Result<()> {
    let world = World::new()?;
    let config = world::write(&world, NOTHING)?;
    let no_backend = |_: &str| String::new();
    let mut cluster = Cluster::start(&world, setup(&config), 3, no_backend).await?;
    everybody_sees(&mut cluster, 3.0).await?;

    let joined = cluster.add(no_backend)?;
    cluster.spawn(joined)?.ready().await?;
    everybody_sees(&mut cluster, 4.0).await?;

    cluster.take(1).child.end(PATIENCE).await?;
    everybody_sees(&mut cluster, 3.0).await?;

    cluster.take(2).child.kill().await?;
    everybody_sees(&mut cluster, 2.0).await?;

    // A node that comes back under its name is the node it was.
    cluster.spawn(2)?.ready().await?;
    everybody_sees(&mut cluster, 3.0).await?;
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn a_node_ends_with_who_started_it() -> anyhow::Result<()> {
    let world = World::new()?;
    let config = world::write(&world, NOTHING)?;
    let mut cluster = Cluster::start(&world, setup(&config), 1, |_: &str| String::new()).await?;
    cluster.take(0).child.close_stdin(PATIENCE).await?;
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn what_runs_goes_on_when_the_cluster_gets_too_small() -> anyhow::Result<()> {
    // So many that neither of two nodes is without any, wherever they are.
    const TARGETS: usize = 40;
    let world = World::new()?;
    let fleet = fleet(&world, TARGETS).await?;
    let config = world::write(&world, &configuration(&addresses(&fleet, TARGETS)))?;
    let mut setup = setup(&config);
    setup.flags.push("--cluster.wait-for-size=2".to_owned());
    let away = |_: &str| "http://127.0.0.1:9/write".to_owned();
    let figure = async |url: String, name: &'static str| {
        Ok::<f64, anyhow::Error>(http::metric(&http::text(&url).await?, name))
    };
    let collected = async |url: String| figure(url, "shoal_cluster_targets_local").await;
    let all = TARGETS as f64;

    // Alone it is ready, since others may wait for that, but it starts nothing.
    let mut cluster = Cluster::start(&world, setup, 1, away).await?;
    let first = cluster.node(0).url("/metrics");
    let ready = http::text(&cluster.node(0).url("/-/ready")).await?;
    anyhow::ensure!(ready.contains("nothing new is started"), "{ready}");
    eventually("the first to know its targets", PATIENCE, async || {
        anyhow::ensure!(figure(first.clone(), "shoal_cluster_targets").await? == all);
        Ok(())
    })
    .await?;
    anyhow::ensure!(collected(first.clone()).await? == 0.0, "it starts nothing alone");

    let second = cluster.add(away)?;
    cluster.spawn(second)?.ready().await?;
    let second_page = cluster.node(second).url("/metrics");
    let mut share = 0.0;
    eventually("all targets to be collected", PATIENCE, async || {
        share = collected(first.clone()).await?;
        let theirs = collected(second_page.clone()).await?;
        anyhow::ensure!(share + theirs == all && share > 0.0, "{share} and {theirs}");
        Ok(())
    })
    .await?;

    cluster.take(second).child.kill().await?;
    eventually("the first to see that it is alone", PATIENCE, async || {
        anyhow::ensure!(figure(first.clone(), "cluster_ready_for_traffic").await? == 0.0);
        Ok(())
    })
    .await?;
    let log = cluster.node(0).child.log()?;
    for line in ["minimum cluster size is reached", "minimum cluster size is not met"] {
        anyhow::ensure!(log.contains(line), "no {line:?} in {log}");
    }
    let state = http::json(&cluster.node(0).url("/api/v1/cluster")).await?;
    anyhow::ensure!(state["ready"] == true && state["expected_size"] == 2, "{state}");
    anyhow::ensure!(state["missing"][0]["name"] == "node-2", "{state}");
    let now = collected(first.clone()).await?;
    anyhow::ensure!(now == share, "{share} ran, and {now} run now");

    cluster.spawn(second)?.ready().await?;
    eventually("all targets to be collected again", PATIENCE, async || {
        let (ours, theirs) =
            (collected(first.clone()).await?, collected(second_page.clone()).await?);
        anyhow::ensure!(ours + theirs == all, "{ours} and {theirs}");
        Ok(())
    })
    .await?;
    drop(cluster);
    Ok(())
}

#[tokio::test]
async fn whoever_has_waited_long_enough_for_others_starts_all_the_same() -> anyhow::Result<()> {
    const TARGETS: usize = 12;
    let world = World::new()?;
    let fleet = fleet(&world, TARGETS).await?;
    let config = world::write(&world, &configuration(&addresses(&fleet, TARGETS)))?;
    let mut setup = setup(&config);
    let flags = ["--cluster.wait-for-size=3", "--cluster.wait-timeout=2s"];
    setup.flags.extend(flags.map(str::to_owned));
    let away = |_: &str| "http://127.0.0.1:9/write".to_owned();
    let begin = std::time::Instant::now();
    let mut cluster = Cluster::start(&world, setup, 1, away).await?;
    let url = cluster.node(0).url("/metrics");
    eventually("all targets to be collected", PATIENCE, async || {
        let page = http::text(&url).await?;
        let local = http::metric(&page, "shoal_cluster_targets_local");
        anyhow::ensure!(local == TARGETS as f64, "{local}");
        Ok(())
    })
    .await?;
    anyhow::ensure!(begin.elapsed() >= std::time::Duration::from_secs(2), "{:?}", begin.elapsed());
    let log = cluster.node(0).child.log()?;
    anyhow::ensure!(log.contains("the deadline for the minimum cluster size has passed"), "{log}");
    world.end().await;
    Ok(())
}
