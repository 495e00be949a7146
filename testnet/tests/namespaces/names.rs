//! Seeds that a name server knows.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use hickory_resolver::proto::rr::RData;
use hickory_resolver::proto::rr::rdata::SRV;
use http::Method;
use serde_json::Value;
use testnet::process::{World, eventually, http as ask};

use super::lab::{Lab, PATIENCE, PORT};
use super::server::{Records, Server, Zone, address, name};

/// Gives all nodes these flags in place of the list of seeds.
fn found_by(lab: &mut Lab, flags: &[&str]) {
    for setup in &mut lab.setups {
        setup.seeds.clear();
        setup.flags.extend([
            "--cluster.enabled".to_owned(),
            format!("--cluster.node-name={}", setup.name),
            format!("--cluster.advertise-address={}", setup.address()),
            "--cluster.rejoin-interval=1s".to_owned(),
        ]);
        setup.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
    }
}

/// How long nodes wait before they begin alone.
const ALONE_AFTER: Duration = Duration::from_secs(2);

/// No node begins alone for what the server says, although it has heard that for longer than it would wait.
async fn nobody_begins_alone(lab: &mut Lab, server: &Server, hosts: usize) -> anyhow::Result<()> {
    for host in 0..hosts {
        eventually("a node to hear the same for long", PATIENCE, async || {
            let told_for = server.told_for(host);
            anyhow::ensure!(told_for > ALONE_AFTER, "node-{host} has heard it for {told_for:?}");
            Ok(())
        })
        .await?;
        let cluster = lab.cluster(host).await?;
        anyhow::ensure!(cluster["joined"] == false, "node-{host} has begun alone: {cluster}");
    }
    Ok(())
}

#[tokio::test]
async fn a_service_record_makes_one_cluster_and_nobody_begins_alone_while_the_server_fails()
-> anyhow::Result<()> {
    const HOSTS: usize = 4;
    let world = World::new()?;
    let mut lab = Lab::new(&world, HOSTS).await?;
    let server = Server::start().await?;
    let seeds = "--cluster.join-addresses=dnssrv+_shoal._tcp.lab.example";
    let wait = format!("--cluster.bootstrap-timeout={}s", ALONE_AFTER.as_secs());
    found_by(&mut lab, &[seeds, &wait]);
    (0..HOSTS).try_for_each(|host| lab.start(host))?;
    // Long after each might have formed a cluster of its own, had it been told that there is nobody.
    for host in 0..HOSTS {
        lab.node(host)?;
        let url = lab.setups[host].url("/-/ready");
        eventually("the name server to be blamed", PATIENCE, async || {
            let (status, text) = ask::ask(Method::GET, &url).await?;
            let text = String::from_utf8_lossy(&text);
            anyhow::ensure!(status == 503 && text.contains("_shoal._tcp.lab.example"), "{text}");
            Ok(())
        })
        .await?;
    }
    nobody_begins_alone(&mut lab, &server, HOSTS).await?;

    let mut zone = Records::new();
    let instance =
        |host: usize| RData::SRV(SRV::new(1, 1, PORT, name(&format!("node-{host}.lab.example."))));
    zone.insert("_shoal._tcp.lab.example".to_owned(), (0..HOSTS).map(instance).collect());
    for host in 0..HOSTS {
        zone.insert(format!("node-{host}.lab.example"), vec![address(host)]);
    }
    // That there are no IPv6 addresses is an answer, but not the whole of it.
    server.has(Zone::HalfBroken(zone.clone()));
    nobody_begins_alone(&mut lab, &server, HOSTS).await?;
    server.has(Zone::Whole(zone));
    lab.everybody_sees_all(PATIENCE).await?;
    for host in 0..HOSTS {
        // Each must have heard what the others see.
        eventually("one view", PATIENCE, async || {
            let cluster = lab.cluster(host).await?;
            anyhow::ensure!(cluster["joined"] == true && cluster["converged"] == true, "{cluster}");
            Ok(())
        })
        .await?;
        // Nor at the moment at which the server recovered, before a seed could answer.
        let log = std::fs::read_to_string(&lab.setups[host].log)?;
        anyhow::ensure!(!log.contains("a cluster of its own"), "node-{host} began alone: {log}");
        anyhow::ensure!(log.contains("joined the cluster"), "node-{host} says how it came: {log}");
    }
    lab.end(world).await
}

#[tokio::test]
async fn peers_are_discovered_by_name_and_remembered_when_the_name_server_lies()
-> anyhow::Result<()> {
    const HOSTS: usize = 3;
    let world = World::new()?;
    let mut lab = Lab::new(&world, HOSTS).await?;
    let server = Server::start().await?;
    let pods = "shoal.lab.example".to_owned();
    server.has(Zone::Whole(Records::from([(pods.clone(), (0..HOSTS).map(address).collect())])));
    let discover = "--cluster.discover-peers=provider=dns names=shoal.lab.example type=host";
    found_by(&mut lab, &[discover]);
    lab.start_all().await?;

    // The name leads to a host without a node, and later nowhere; a node dies and is started again.
    for records in [vec![address(100)], Vec::new()] {
        server.has(Zone::Whole(Records::from([(pods.clone(), records)])));
        if let Some(dead) = lab.nodes[2].take() {
            dead.child.kill().await?;
        }
        lab.start(2)?;
        lab.everybody_sees_all(PATIENCE).await?;
        eventually("node-2 to be ready", PATIENCE, async || {
            let cluster = lab.cluster(2).await?;
            anyhow::ensure!(cluster["ready"] == true && cluster["size"] == HOSTS, "{cluster}");
            Ok(())
        })
        .await?;
    }
    lab.end(world).await
}

#[tokio::test]
async fn a_node_that_listens_on_loopback_stays_out_where_a_name_leads_to_another_host()
-> anyhow::Result<()> {
    const BOOTSTRAP: Duration = Duration::from_secs(1);
    let world = World::new()?;
    let mut lab = Lab::new(&world, 1).await?;
    let server = Server::start().await?;
    let pods = Records::from([("shoal.lab.example".to_owned(), vec![address(0)])]);
    server.has(Zone::Whole(pods));
    lab.start_all().await?;

    // On the switch, whose loopback is this test's.
    let mut setup = lab.setups[0].clone();
    setup.program = lab.switch.program_here(&world, Path::new(env!("CARGO_BIN_EXE_testnet")))?;
    setup.name = "hidden".to_owned();
    setup.ip = Ipv4Addr::LOCALHOST.into();
    setup.storage.set_file_name("hidden");
    setup.log.set_file_name("hidden.log");
    setup.seeds = vec![format!("dns+shoal.lab.example:{PORT}")];
    setup.flags.push(format!("--cluster.bootstrap-timeout={}s", BOOTSTRAP.as_secs()));
    let mut hidden = setup.start()?;
    let url = hidden.url("/-/ready");
    let told = async || {
        let (status, text) = ask::ask(Method::GET, &url).await?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let why = text.contains("--server.http.listen-addr");
        anyhow::ensure!(status == 503 && why, "{status}: {text}");
        Ok(())
    };
    eventually("the node to say why nobody could reach it", PATIENCE, told).await?;
    // And it goes on saying so, long after it might have begun on its own: nothing else tells that it never
    // does than time.
    let since = Instant::now();
    while since.elapsed() < 5 * BOOTSTRAP {
        hidden.child.check_alive()?;
        told().await?;
        let cluster = ask::json(&hidden.url("/api/v1/cluster")).await?;
        anyhow::ensure!(cluster["joined"] == false, "it has begun alone: {cluster}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (_, check) = ask::ask(Method::POST, &hidden.url("/api/v1/cluster/check")).await?;
    let check: Value = serde_json::from_slice(&check)?;
    let [paths] = check["paths"].as_array().map_or(&[][..], Vec::as_slice) else {
        anyhow::bail!("there is one place out of reach: {check}");
    };
    let problem = paths["problem"].as_str().unwrap_or_default();
    let named = problem.contains("shoal.lab.example") && problem.contains("listens on loopback");
    anyhow::ensure!(check["ok"] == false && named, "{check}");
    anyhow::ensure!(paths["address"] == format!("{}:{PORT}", address(0)), "{check}");
    let cluster = lab.cluster(0).await?;
    anyhow::ensure!(cluster["size"] == 1, "the other one knows of it: {cluster}");
    hidden.child.end(PATIENCE).await?;
    lab.end(world).await
}
