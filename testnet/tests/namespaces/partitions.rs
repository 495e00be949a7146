//! Nodes that do not reach each other, and then do again.

use std::time::{Duration, Instant};

use testnet::process::{World, eventually};

use super::lab::{Lab, PATIENCE};

/// Until survivors know of hosts that are gone. The simulator has a median of 1.97 s for ten nodes; this is
/// for a machine that is busy.
const FOUND_OUT: Duration = Duration::from_secs(15);

/// Until a healed cluster is one again, with the intervals that nodes have unless told.
const HEALED: Duration = Duration::from_secs(60);

/// Until everybody has the new address of a node that is started elsewhere: its own start, joining, and
/// the two seconds that its earlier life has to answer. Beside another five nodes an attempt or two to join
/// may be lost, after which it waits for some seconds.
pub(crate) const MOVED: Duration = Duration::from_secs(30);

pub(crate) fn say(what: &str, took: Duration) -> std::io::Result<()> {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "{what}: {:.1} s", took.as_secs_f64())
}

#[tokio::test]
async fn a_cluster_of_five_hosts_lives_through_partitions_a_one_way_link_and_a_pulled_cable()
-> anyhow::Result<()> {
    let world = World::new()?;
    let mut lab = Lab::new(&world, 5).await?;
    lab.start_all().await?;

    // Two and three, each side on its own; then they are one again.
    lab.switch.cut(&[0, 1], &[2, 3, 4]).await?;
    lab.switch.cut(&[2, 3, 4], &[0, 1]).await?;
    say("the two know of the three", lab.agree(&[0, 1], FOUND_OUT).await?)?;
    say("the three know of the two", lab.agree(&[2, 3, 4], FOUND_OUT).await?)?;
    lab.switch.heal().await?;
    say("one again", lab.everybody_sees_all(HEALED).await?)?;

    // What one host sends to one other is lost: everybody else stands between them, and nobody dies.
    let before = lab.failures()?;
    lab.switch.cut(&[1], &[3]).await?;
    // Long enough for every probe, suspicion and verdict there may be.
    tokio::time::sleep(Duration::from_secs(20)).await;
    lab.everybody_sees_all(PATIENCE).await?;
    assert_eq!(lab.failures()?, before, "a link that is closed one way is nobody's death");
    lab.switch.heal().await?;

    // A host vanishes: nothing says that it is gone. It comes back as it was.
    lab.switch.cable(4, false).await?;
    say("the cable is missed", lab.agree(&[0, 1, 2, 3], FOUND_OUT).await?)?;
    lab.switch.cable(4, true).await?;
    say("the cable is back", lab.everybody_sees_all(HEALED).await?)?;
    lab.end(world).await
}

#[tokio::test]
async fn a_node_that_died_comes_back_on_another_host_and_the_old_address_is_forgotten()
-> anyhow::Result<()> {
    let world = World::new()?;
    let mut lab = Lab::new(&world, 5).await?;
    (0..4).try_for_each(|host| lab.start(host))?;
    lab.agree(&[0, 1, 2, 3], PATIENCE).await?;
    // The whole machine is gone, its files are on another one.
    lab.switch.cable(3, false).await?;
    if let Some(dead) = lab.nodes[3].take() {
        dead.child.kill().await?;
    }
    let (old, new) = (lab.setups[3].address(), lab.setups[4].address());
    lab.setups[3].program = lab.setups[4].program.clone();
    lab.setups[3].ip = lab.setups[4].ip;
    lab.start(3)?;
    let begin = Instant::now();
    eventually("everybody to have the new address, and not the old one", MOVED, async || {
        for host in 0..4 {
            let text = lab.cluster(host).await?["peers"].to_string();
            let [has_new, has_old] = [new, old].map(|at| text.contains(&at.to_string()));
            anyhow::ensure!(has_new && !has_old, "{old} has become {new}; node-{host}: {text}");
        }
        Ok(())
    })
    .await?;
    say("the new address is known to all", begin.elapsed())?;
    lab.agree(&[0, 1, 2, 3], PATIENCE).await?;
    lab.end(world).await
}
