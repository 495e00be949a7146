//! Nodes that find each other, and that end.

use testnet::process::{Cluster, World, eventually, http};

use crate::world::{self, PATIENCE, setup};

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
