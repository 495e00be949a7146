//! Nodes as real processes on hosts of their own, with real partitions between them.
//! `cargo test -p testnet --features real-programs --test namespaces`, as root on Linux; a program
//! that is missing fails the suite with the line that installs it.

use std::time::Duration;

use testnet::process::{World, eventually, http};

mod lab;

use lab::Lab;

/// How long anything may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many peers the node on `host` sees, itself included; whoever cannot be asked fails.
async fn sees(lab: &mut Lab, host: usize) -> anyhow::Result<f64> {
    let Some(node) = lab.nodes[host].as_mut() else { anyhow::bail!("no node on host {host}") };
    node.child.check_alive()?;
    let page = http::text(&node.url("/metrics")).await?;
    Ok(http::metric(&page, "cluster_node_peers"))
}

/// Waits until each of `hosts` sees so many peers.
async fn until_they_see(lab: &mut Lab, hosts: &[usize], peers: f64) -> anyhow::Result<()> {
    let what = format!("{hosts:?} to see {peers} peers");
    eventually(&what, PATIENCE, async || {
        for host in hosts {
            let seen = sees(lab, *host).await?;
            anyhow::ensure!(seen == peers, "host {host} sees {seen}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_cluster_of_five_hosts_lives_through_partitions_a_one_way_link_and_a_pulled_cable()
-> anyhow::Result<()> {
    const ALL: [usize; 5] = [0, 1, 2, 3, 4];
    let world = World::new()?;
    let mut lab = Lab::new(&world, ALL.len()).await?;
    for host in ALL {
        lab.start(host)?;
    }
    until_they_see(&mut lab, &ALL, 5.0).await?;

    // Two and three, each side on its own; then they are one again.
    lab.switch.cut(&[0, 1], &[2, 3, 4]).await?;
    lab.switch.cut(&[2, 3, 4], &[0, 1]).await?;
    until_they_see(&mut lab, &[0, 1], 2.0).await?;
    until_they_see(&mut lab, &[2, 3, 4], 3.0).await?;
    lab.switch.heal().await?;
    until_they_see(&mut lab, &ALL, 5.0).await?;

    // What one host sends to one other is lost: everybody else stands between them, and nobody dies.
    let failures = |lab: &Lab| -> anyhow::Result<usize> {
        let nodes = lab.nodes.iter().flatten();
        let logs = nodes.map(|node| node.child.log()).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(logs.iter().map(|log| log.matches("peer failed").count()).sum())
    };
    let before = failures(&lab)?;
    lab.switch.cut(&[1], &[3]).await?;
    // Long enough for every probe, suspicion and verdict there may be.
    tokio::time::sleep(Duration::from_secs(20)).await;
    until_they_see(&mut lab, &ALL, 5.0).await?;
    assert_eq!(failures(&lab)?, before, "a link that is closed one way is nobody's death");
    lab.switch.heal().await?;

    // A host vanishes: nothing says that it is gone. It comes back as it was.
    lab.switch.cable(4, false).await?;
    until_they_see(&mut lab, &[0, 1, 2, 3], 4.0).await?;
    lab.switch.cable(4, true).await?;
    until_they_see(&mut lab, &ALL, 5.0).await?;

    for node in lab.nodes.iter_mut().filter_map(Option::take) {
        node.child.end(PATIENCE).await?;
    }
    drop(lab);
    world.end().await;
    Ok(())
}
