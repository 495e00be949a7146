//! Nodes with a cluster key, and strangers.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use membership::{Config, Key, Keyring, Name, Output, Peer, State, Swim};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use testnet::process::{Cluster, Setup, World, eventually, http as ask};

use crate::formation::{NOTHING, everybody_sees};
use crate::world::{self, PATIENCE, setup};

/// How many nodes are attacked.
const NODES: usize = 3;

/// How long, and how many datagrams a second are tried. A machine that is busy sends fewer: then it tries
/// again, and what it sends in the end has to be half as many at least. A quarter of that at least has to be
/// read: what the system drops because nobody comes for it costs a node nothing.
const FLOOD: Duration = Duration::from_secs(4);
const RATE: u32 = 100_000;
const TRIES: usize = 5;

fn line(byte: u8) -> String {
    format!("{byte:02x}").repeat(32) + "\n"
}

fn write_keys(world: &World, keys: &[u8]) -> anyhow::Result<PathBuf> {
    let file = world.folder("keys")?.join("keys");
    let lines: String = keys.iter().map(|byte| line(*byte)).collect();
    std::fs::write(&file, lines)?;
    Ok(file)
}

fn keyed(config: &Path, keys: &Path) -> Setup {
    let mut setup = setup(config);
    setup.flags.push(format!("--cluster.key-file={}", keys.display()));
    setup
}

async fn start(world: &World, keys: &[u8]) -> anyhow::Result<(Cluster, PathBuf)> {
    let config = world::write(world, NOTHING)?;
    let file = write_keys(world, keys)?;
    let none = |_: &str| String::new();
    let mut cluster = Cluster::start(world, keyed(&config, &file), NODES, none).await?;
    everybody_sees(&mut cluster, NODES as f64).await?;
    Ok((cluster, file))
}

/// A figure of every node.
async fn figures(cluster: &mut Cluster, name: &str) -> anyhow::Result<Vec<f64>> {
    let mut figures = Vec::new();
    for node in cluster.running() {
        let page = ask::text(&node.url("/metrics")).await?;
        let line = |line: &&str| line.starts_with(name);
        let values = page.lines().filter(line).filter_map(|line| line.rsplit(' ').next());
        figures.push(values.filter_map(|value| value.parse::<f64>().ok()).sum());
    }
    Ok(figures)
}

/// Fails if any node has lost sight of another, or was taken for dead, since its start.
async fn nobody_was_lost(cluster: &mut Cluster) -> anyhow::Result<()> {
    everybody_sees(cluster, NODES as f64).await?;
    let labels = format!("{{cluster_name={:?},event=\"node_leave\"}}", cluster.name());
    let leaves = format!("cluster_node_gossip_received_events_total{labels}");
    for name in [leaves.as_str(), "shoal_cluster_rejoins_total"] {
        let counts = figures(cluster, name).await?;
        anyhow::ensure!(counts.iter().all(|count| *count == 0.0), "{name}: {counts:?}");
    }
    Ok(())
}

#[tokio::test]
async fn keys_are_changed_on_a_running_cluster_without_a_flap() -> anyhow::Result<()> {
    let world = World::new()?;
    let (mut cluster, _) = start(&world, &[1]).await?;
    for step in [&[1, 2][..], &[2, 1], &[2]] {
        write_keys(&world, step)?;
        let ids: Vec<String> = step.iter().map(|k| Key::new(&[*k; 32]).id().to_string()).collect();
        for node in cluster.running() {
            let (status, body) = ask::ask(Method::POST, &node.url("/-/reload")).await?;
            anyhow::ensure!(status.is_success(), "{body:?}");
            let url = node.url("/metrics");
            eventually("the keys to be read", PATIENCE, async || {
                let page = ask::text(&url).await?;
                let count = ask::metric(&page, "shoal_cluster_key_info");
                anyhow::ensure!(count == ids.len() as f64, "{count} keys");
                let seals = format!("{{key_id=\"{}\",seals=\"true\"}} 1", ids[0]);
                anyhow::ensure!(page.contains(&seals), "{page}");
                Ok(())
            })
            .await?;
        }
    }
    nobody_was_lost(&mut cluster).await?;
    let refused = figures(&mut cluster, "shoal_cluster_refused_total{reason=\"key\"}").await?;
    anyhow::ensure!(refused.iter().all(|count| *count == 0.0), "{refused:?}");
    world.end().await;
    Ok(())
}

/// Datagrams that nodes of this cluster with key 1 really sent, and that were meant for others.
fn recorded(cluster: &str) -> Vec<Bytes> {
    let mut now = Instant::now();
    let node = |name: &str, port: u16, now| {
        let me = Peer {
            name: Name::new(name).expect("a short name"),
            address: (Ipv4Addr::LOCALHOST, port).into(),
            generation: 1,
            state: State::Joining,
        };
        let keyring = Keyring::new(vec![Key::new(&[1; 32])]).expect("one key");
        let config =
            Config { cluster: cluster.to_owned(), keyring, seeded: true, ..Config::default() };
        Swim::new(me, config, ChaCha12Rng::seed_from_u64(port.into()), now)
    };
    let mut nodes: BTreeMap<SocketAddr, Swim> = BTreeMap::new();
    for (name, port) in [("x", 1), ("y", 2)] {
        nodes.insert((Ipv4Addr::LOCALHOST, port).into(), node(name, port, now));
    }
    let [x, y] = [1, 2].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let mut tape = Vec::new();
    for round in 0..200 {
        now += Duration::from_millis(50);
        let mut sent = Vec::new();
        let drain = |at: SocketAddr, swim: &mut Swim, sent: &mut Vec<_>| {
            while let Some(output) = swim.poll_output() {
                sent.push((at, output));
            }
        };
        for (at, swim) in &mut nodes {
            drain(*at, swim, &mut sent);
            if round == 0 {
                swim.handle_seeds(&[x, y], now);
                drain(*at, swim, &mut sent);
                swim.participate(now);
                drain(*at, swim, &mut sent);
            }
            swim.handle_timeout(now);
            drain(*at, swim, &mut sent);
        }
        for (from, output) in sent {
            match output {
                Output::Transmit { to, datagram } => {
                    tape.push(datagram.clone());
                    let swim = nodes.get_mut(&to).expect("one of the two");
                    let _ = swim.handle_datagram(&datagram, now);
                    drain(to, swim, &mut Vec::new());
                }
                Output::Sync { to, body } => {
                    let swim = nodes.get_mut(&to).expect("one of the two");
                    let answer = swim.handle_sync(&body, now);
                    drain(to, swim, &mut Vec::new());
                    let swim = nodes.get_mut(&from).expect("one of the two");
                    let _ = swim.handle_sync_reply(to, &answer.expect("our cluster"), now);
                    drain(from, swim, &mut Vec::new());
                }
                _ => {}
            }
        }
    }
    assert!(tape.len() > 20, "{} datagrams", tape.len());
    tape
}

/// What a stranger can send: noise, pieces, other clusters, recordings, and forgeries that differ
/// from the real thing in their last bits only.
fn ammunition(cluster: &str) -> Vec<Bytes> {
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let tape = recorded(cluster);
    let mut ammunition = Vec::new();
    for genuine in &tape {
        let mut noise = vec![0; rng.random_range(0..1400)];
        rng.fill(&mut noise[..]);
        let mut foreign = genuine.to_vec();
        foreign[8] ^= 1;
        let mut forged = genuine.to_vec();
        let tail = forged.len() - 60;
        rng.fill(&mut forged[tail..]);
        let cut = genuine.slice(..rng.random_range(0..genuine.len()));
        let long = [&genuine[..], &[0; 1400]].concat();
        ammunition.extend([noise, foreign, forged, long].map(Bytes::from));
        ammunition.extend([genuine.clone(), cut]);
    }
    ammunition
}

/// Sends to `target` until `stop`, no faster than [`RATE`]; how many it were.
fn flood(target: SocketAddr, ammunition: &[Bytes], stop: &AtomicBool) -> u64 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback can be bound");
    let begin = Instant::now();
    let mut sent = 0u64;
    'all: loop {
        for datagram in ammunition {
            if stop.load(Ordering::Relaxed) {
                break 'all;
            }
            // A buffer that is full is no reason to stop.
            sent += u64::from(socket.send_to(datagram, target).is_ok());
            while begin.elapsed().as_secs_f64() * f64::from(RATE) < sent as f64 {
                std::thread::yield_now();
            }
        }
    }
    sent
}

#[tokio::test]
async fn a_hundred_thousand_hostile_datagrams_a_second_cost_no_node_its_membership()
-> anyhow::Result<()> {
    let world = World::new()?;
    let (mut cluster, _) = start(&world, &[1]).await?;
    // All of it at one node: the others are what it must not lose sight of.
    let target = cluster.setups()[0].address();
    let ammunition: Arc<[Bytes]> = ammunition(cluster.name()).into();
    // Of floods of which enough was read the fastest is the best; any of them is better than the others.
    let rank = |(sent, read): (f64, f64)| (read >= sent / 4.0, sent);
    let mut best = attack(&mut cluster, target, &ammunition).await?;
    for _ in 1..TRIES {
        if rank(best) >= (true, f64::from(RATE) * 0.95) {
            break;
        }
        let flood = attack(&mut cluster, target, &ammunition).await?;
        if rank(flood) > rank(best) {
            best = flood;
        }
    }
    let (sent, read) = best;
    if sent < f64::from(RATE) * 0.95 {
        let line = format_args!(
            "THE FLOOD WAS SLOWER THAN {RATE} datagrams/s: {sent:.0} in the best try; this machine is busy\n"
        );
        std::io::Write::write_fmt(&mut std::io::stderr(), line)?;
    }
    anyhow::ensure!(sent >= f64::from(RATE) / 2.0, "only {sent:.0} datagrams/s could be sent");
    anyhow::ensure!(read >= sent / 4.0, "only {read:.0} datagrams/s of {sent:.0} were read");
    for reason in ["key", "cluster", "forged", "replayed", "too_short", "too_long", "version"] {
        let name = format!("shoal_cluster_refused_total{{reason=\"{reason}\"}}");
        let counts = figures(&mut cluster, &name).await?;
        let expected = reason != "key";
        anyhow::ensure!((counts[0] > 0.0) == expected, "{reason}: {counts:?}");
    }
    world.end().await;
    Ok(())
}

/// One flood, during which nobody is lost; how many datagrams a second it had, and how many of them the
/// node read.
async fn attack(
    cluster: &mut Cluster,
    target: SocketAddr,
    ammunition: &Arc<[Bytes]>,
) -> anyhow::Result<(f64, f64)> {
    let received = "cluster_transport_rx_packets_total";
    let before = figures(cluster, received).await?[0];
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, ammunition) = (Arc::clone(&stop), Arc::clone(ammunition));
    let begin = Instant::now();
    // Not on this runtime: a thread that never waits would keep it from asking the nodes.
    let flood = std::thread::spawn(move || flood(target, &ammunition, &stopped));
    while begin.elapsed() < FLOOD {
        nobody_was_lost(cluster).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let took = begin.elapsed().as_secs_f64();
    let sent = flood.join().expect("the flood ends") as f64 / took;
    nobody_was_lost(cluster).await?;
    let read = (figures(cluster, received).await?[0] - before) / took;
    let line = format_args!("{sent:.0} datagrams/s sent, {read:.0} read by one node\n");
    std::io::Write::write_fmt(&mut std::io::stderr(), line)?;
    Ok((sent, read))
}

/// Datagrams of the self-test that nobody waits for: they have no seal, and anybody can make them.
fn unasked(count: usize) -> Vec<Vec<u8>> {
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let datagram = |_| [&b"shoalchk"[..], &rng.random::<[u8; 16]>()].concat();
    (0..count).map(datagram).collect()
}

#[tokio::test]
async fn datagrams_of_a_self_test_are_counted_when_nobody_waits_for_them() -> anyhow::Result<()> {
    /// Few enough for the buffer of a socket that nobody reads for a while.
    const UNASKED: usize = 50;
    let stale = "shoal_cluster_refused_total{reason=\"stale\"}";
    let world = World::new()?;
    let (mut cluster, _) = start(&world, &[1]).await?;
    // Each datagram is sent several times, and those of a self-test that somebody began are all expected.
    let before = eventually("a self-test that nobody refuses", PATIENCE, async || {
        let before = figures(&mut cluster, stale).await?;
        let url = cluster.node(0).url("/api/v1/cluster/check");
        let (_, body) = ask::ask(Method::POST, &url).await?;
        let check: serde_json::Value = serde_json::from_slice(&body)?;
        let paths = check["paths"].as_array().map(Vec::len);
        anyhow::ensure!(check["ok"] == true && paths == Some(NODES - 1), "{check}");
        let after = figures(&mut cluster, stale).await?;
        anyhow::ensure!(before == after, "{before:?} became {after:?}");
        Ok(after)
    })
    .await?;

    let target = cluster.setups()[0].address();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    for datagram in unasked(UNASKED) {
        socket.send_to(&datagram, target)?;
    }
    let mut expected = before;
    expected[0] += UNASKED as f64;
    eventually("all of them to be counted, where they came", PATIENCE, async || {
        let counts = figures(&mut cluster, stale).await?;
        anyhow::ensure!(counts == expected, "{counts:?}, not {expected:?}");
        Ok(())
    })
    .await?;
    nobody_was_lost(&mut cluster).await?;
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn a_node_that_cannot_read_its_keys_does_not_start() -> anyhow::Result<()> {
    let world = World::new()?;
    let config = world::write(&world, NOTHING)?;
    let file = world.folder("keys")?.join("keys");
    std::fs::write(&file, "no key\n")?;
    let none = |_: &str| String::new();
    let mut cluster = Cluster::prepare(&world, keyed(&config, &file), 1, none)?;
    cluster.spawn(0)?;
    let mut node = cluster.take(0);
    let status = node.child.wait(PATIENCE).await?;
    let log = node.child.log()?;
    anyhow::ensure!(!status.success() && log.contains("line 1: not a key"), "{status}: {log}");
    world.end().await;
    Ok(())
}
