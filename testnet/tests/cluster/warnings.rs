//! What nodes warn of in their logs.

use testnet::process::{Cluster, Node, World, eventually, http};
use tokio::process::Command;

use crate::formation::NOTHING;
use crate::world::{self, PATIENCE, setup};

/// The lines of a log that say so.
fn lines<'a>(log: &'a str, text: &str) -> Vec<&'a str> {
    log.lines().filter(|line| line.contains(text)).collect()
}

#[tokio::test]
async fn a_node_that_other_hosts_may_reach_warns_that_it_has_no_key() -> anyhow::Result<()> {
    const WARNING: &str = "neither encrypted nor authenticated";
    let world = World::new()?;
    let config = world::write(&world, NOTHING)?;
    let keys = world.folder("keys")?.join("keys");
    std::fs::write(&keys, "01".repeat(32) + "\n")?;
    let none = |_: &str| String::new();
    // Nobody is asked there: the address is told to others, of which there are none.
    let [here, everywhere, elsewhere] = ["127.0.0.1", "0.0.0.0", "192.0.2.1"];
    for (listen, advertise, has_key, warns) in [
        (here, here, false, false),
        (here, elsewhere, false, true),
        (here, elsewhere, true, false),
        (everywhere, here, false, true),
        (everywhere, here, true, false),
    ] {
        let mut cluster = Cluster::prepare(&world, setup(&config), 1, none)?;
        let node = &mut cluster.setups_mut()[0];
        node.ip = listen.parse()?;
        node.log.set_file_name(format!("{listen}-{advertise}-{has_key}.log"));
        node.seeds.clear();
        let address = format!("{advertise}:{}", node.port);
        let listen = node.address().to_string();
        node.flags.push("--cluster.enabled=true".to_owned());
        node.flags.push(format!("--cluster.advertise-address={address}"));
        if has_key {
            node.flags.push(format!("--cluster.key-file={}", keys.display()));
        }
        cluster.spawn(0)?.ready().await?;
        let page = http::text(&cluster.node(0).url("/metrics")).await?;
        let log = cluster.node(0).child.log()?;
        let told = lines(&log, WARNING);
        let case = format!("{listen} as {address}, a key: {has_key}: {log}");
        anyhow::ensure!(told.len() == usize::from(warns), "{case}");
        for line in told {
            for part in ["warn", &address, &listen, "--cluster.key-file", "shoal key new"] {
                anyhow::ensure!(line.contains(part), "no {part:?} in {line}");
            }
        }
        let gauge = http::metric(&page, "shoal_cluster_unencrypted");
        anyhow::ensure!(gauge == f64::from(u8::from(warns)), "{gauge}: {case}");
        cluster.take(0).child.end(PATIENCE).await?;
    }
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn the_second_of_one_name_says_so_with_both_addresses_and_the_first_is_undisturbed()
-> anyhow::Result<()> {
    let world = World::new()?;
    let config = world::write(&world, NOTHING)?;
    let none = |_: &str| String::new();
    let mut cluster = Cluster::start(&world, setup(&config), 2, none).await?;
    let clone = cluster.add(none)?;
    let setup = &mut cluster.setups_mut()[clone];
    setup.name = "node-2".to_owned();
    let mine = setup.address().to_string();
    let theirs = cluster.setups()[1].address().to_string();
    cluster.spawn(clone)?;
    let url = cluster.node(clone).url("/-/ready");
    eventually("the newcomer to say why it stays out", PATIENCE, async || {
        let (status, text) = http::ask(::http::Method::GET, &url).await?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let both = text.contains(&mine) && text.contains(&theirs);
        anyhow::ensure!(status == 503 && both, "{status}: {text}");
        Ok(())
    })
    .await?;
    let log = cluster.node(clone).child.log()?;
    let told = lines(&log, "another live node has this node's name");
    let [line] = told[..] else { anyhow::bail!("{} lines: {log}", told.len()) };
    for part in ["error", "node-2", &mine, &theirs, "--cluster.node-name"] {
        anyhow::ensure!(line.contains(part), "no {part:?} in {line}");
    }
    for (index, name) in [(0, "node-1"), (1, "node-2")] {
        let state = http::json(&cluster.node(index).url("/api/v1/cluster")).await?;
        let peers = state["peers"].as_array().into_iter().flatten();
        let peers: Vec<_> = peers.map(|peer| (&peer["address"], &peer["state"])).collect();
        anyhow::ensure!(peers.len() == 2 && state["name_clash"].is_null(), "{name}: {state}");
        anyhow::ensure!(peers.iter().all(|peer| peer.1 == "participant"), "{name}: {peers:?}");
        anyhow::ensure!(peers.iter().all(|peer| *peer.0 != mine.as_str()), "{name}: {peers:?}");
        let log = cluster.node(index).child.log()?;
        for disturbance in ["peer failed", "changed its address", "has this node's name"] {
            anyhow::ensure!(lines(&log, disturbance).is_empty(), "{name}: {log}");
        }
    }
    drop(cluster);
    world.end().await;
    Ok(())
}

/// What `shoal check` prints about a node, and whether it says that all is well.
async fn check(node: &Node) -> anyhow::Result<(bool, String)> {
    let mut command = Command::new(&node.setup.program);
    command.args(["shoal", "check", "--address"]).arg(node.setup.address().to_string());
    let output = tokio::time::timeout(PATIENCE, command.output()).await??;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

#[tokio::test]
async fn a_seed_that_does_not_exist_is_named_wherever_one_looks_until_another_node_is_there()
-> anyhow::Result<()> {
    // No name server is asked about names of this kind: there are none.
    const SEED: &str = "dns+shoal.invalid";
    let world = World::new()?;
    let config = world::write(&world, NOTHING)?;
    let mut cluster = Cluster::prepare(&world, setup(&config), 2, |_| String::new())?;
    let first = cluster.setups()[0].address().to_string();
    for (node, seed) in cluster.setups_mut().iter_mut().zip([SEED, &first]) {
        node.seeds = vec![seed.to_owned()];
        node.flags.push("--cluster.bootstrap-timeout=500ms".to_owned());
    }
    cluster.spawn(0)?.ready().await?;
    let node = cluster.node(0);
    let ready = http::text(&node.url("/-/ready")).await?;
    anyhow::ensure!(ready.contains(SEED) && ready.contains("expected 2"), "{ready}");
    let state = http::json(&node.url("/api/v1/cluster")).await?;
    anyhow::ensure!(state["expected_size"] == 2 && state["size"] == 1, "{state}");
    let page = http::text(&node.url("/clustering")).await?;
    anyhow::ensure!(
        page.contains("no other node is found by the seed dns+shoal.invalid"),
        "{page}"
    );
    let (well, said) = check(node).await?;
    anyhow::ensure!(!well && said.contains("dns+shoal.invalid does not exist"), "{said}");

    cluster.spawn(1)?.ready().await?;
    let node = cluster.node(0);
    eventually("the first to have nothing to tell", PATIENCE, async || {
        let state = http::json(&node.url("/api/v1/cluster")).await?;
        let notes = state["notes"].as_array().map(Vec::len);
        anyhow::ensure!(state["size"] == 2 && state["expected_size"] == 2, "{state}");
        anyhow::ensure!(notes == Some(0), "{state}");
        let (well, said) = check(node).await?;
        anyhow::ensure!(well, "{said}");
        Ok(())
    })
    .await?;
    drop(cluster);
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn a_node_of_another_cluster_is_refused_and_both_names_are_told() -> anyhow::Result<()> {
    let world = World::new()?;
    let config = world::write(&world, NOTHING)?;
    let mut cluster = Cluster::prepare(&world, setup(&config), 2, |_| String::new())?;
    let first = cluster.setups()[0].address().to_string();
    for (node, name) in cluster.setups_mut().iter_mut().zip(["harbour", "lighthouse"]) {
        node.flags.retain(|flag| !flag.starts_with("--cluster.name="));
        node.flags.push(format!("--cluster.name={name}"));
        node.seeds = vec![first.clone()];
    }
    cluster.spawn(0)?.ready().await?;
    cluster.spawn(1)?;
    let url = cluster.node(1).url("/-/ready");
    eventually("the newcomer to say that it was refused", PATIENCE, async || {
        let (status, text) = http::ask(::http::Method::GET, &url).await?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let both = text.contains("harbour") && text.contains("lighthouse");
        anyhow::ensure!(status == 503 && both && text.contains(&first), "{status}: {text}");
        Ok(())
    })
    .await?;
    let page = http::text(&cluster.node(0).url("/metrics")).await?;
    let refused = page
        .lines()
        .find_map(|line| line.strip_prefix("shoal_cluster_refused_total{reason=\"cluster\"} "));
    let refused: f64 = refused.unwrap_or_default().parse()?;
    anyhow::ensure!(refused > 0.0, "{page}");
    anyhow::ensure!(http::metric(&page, "cluster_node_peers") == 1.0, "{page}");
    let log = cluster.node(0).child.log()?;
    let told = lines(&log, "different --cluster.name");
    // One a minute, which a busy machine may take.
    let [line, ..] = told[..] else { anyhow::bail!("nothing of it: {log}") };
    anyhow::ensure!(told.len() <= 3, "{} lines: {log}", told.len());
    for part in ["warn", "refused", "127.0.0.1", "harbour", "lighthouse"] {
        anyhow::ensure!(line.contains(part), "no {part:?} in {line}");
    }
    drop(cluster);
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn a_node_that_listens_for_other_hosts_and_sends_them_to_themselves_warns_of_it()
-> anyhow::Result<()> {
    let world = World::new()?;
    let config = world::write(&world, NOTHING)?;
    let none = |_: &str| String::new();
    for (listen, warns) in [([0, 0, 0, 0], true), ([127, 0, 0, 1], false)] {
        let mut cluster = Cluster::prepare(&world, setup(&config), 1, none)?;
        let node = &mut cluster.setups_mut()[0];
        node.log.set_file_name(format!("{warns}.log"));
        node.seeds.clear();
        node.ip = listen.into();
        let advertise = format!("127.0.0.1:{}", node.port);
        node.flags.push("--cluster.enabled=true".to_owned());
        node.flags.push(format!("--cluster.advertise-address={advertise}"));
        cluster.spawn(0)?.ready().await?;
        let log = cluster.node(0).child.log()?;
        let told = lines(&log, "advertises a loopback address");
        anyhow::ensure!(told.len() == usize::from(warns), "{listen:?}: {log}");
        for line in told {
            for part in ["warn", &advertise, "--cluster.advertise-address"] {
                anyhow::ensure!(line.contains(part), "no {part:?} in {line}");
            }
        }
        cluster.take(0).child.end(PATIENCE).await?;
    }
    world.end().await;
    Ok(())
}
