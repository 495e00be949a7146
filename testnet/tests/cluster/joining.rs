//! Nodes whose first configuration takes its time, and nodes that never have one.

use std::collections::BTreeMap;

use anyhow::Context as _;
use testnet::process::{Cluster, NODE_NAME, Node, World, eventually, http};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::world::{self, PATIENCE, addresses, configuration, fleet, setup};

/// So many that no node is without any, wherever they are: who collects what depends on a port.
const TARGETS: usize = 40;

/// How often it is looked whether anything has changed that must not: once a second would be enough for a
/// node to be a participant everywhere.
const LOOKS: usize = 40;
const RHYTHM: std::time::Duration = std::time::Duration::from_millis(50);

/// A document that every configuration needs, at a path that is the name of its node. Whoever asks waits
/// until it is known what it is answered.
struct Documents {
    url: String,
    answers: watch::Sender<BTreeMap<String, u16>>,
    /// Ends with it.
    _tasks: JoinSet<()>,
}

impl Documents {
    async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let (answers, known) = watch::channel(BTreeMap::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut streams = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let known = known.clone();
                streams.spawn(async move {
                    // Whoever asked may be gone.
                    let _ = answer(stream, known).await;
                });
            }
        });
        Ok(Self { url, answers, _tasks: tasks })
    }

    /// From now on a node is answered with this status.
    fn answer(&self, node: &str, status: u16) {
        self.answers.send_modify(|answers| {
            answers.insert(node.to_owned(), status);
        });
    }

    /// What a configuration says that needs one.
    fn block(&self) -> String {
        format!(
            r#"
remote.http "needed" {{
  url            = "{}" + sys.env("{NODE_NAME}")
  poll_frequency = "10m"
  poll_timeout   = "5m"
}}
"#,
            self.url
        )
    }
}

async fn answer(
    stream: TcpStream,
    mut known: watch::Receiver<BTreeMap<String, u16>>,
) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    stream.read_line(&mut request).await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 2 {
        line.clear();
    }
    let node = request.split(['/', ' ']).nth(2).unwrap_or_default().to_owned();
    let status = known.wait_for(|known| known.contains_key(&node)).await?[&node];
    let answer =
        format!("HTTP/1.1 {status} told\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    stream.write_all(answer.as_bytes()).await?;
    Ok(stream.shutdown().await?)
}

/// What a node says of the cluster: the state of each peer, and the targets of each owner.
async fn seen(node: &Node) -> anyhow::Result<(BTreeMap<String, String>, BTreeMap<String, u64>)> {
    let cluster = http::json(&node.url("/api/v1/cluster")).await?;
    let (mut states, mut owned) = (BTreeMap::new(), BTreeMap::new());
    for peer in cluster["peers"].as_array().into_iter().flatten() {
        let text = |what: &str| peer[what].as_str().unwrap_or_default().to_owned();
        states.insert(text("name"), text("state"));
        owned.insert(text("name"), peer["targets"].as_u64().context("no number of targets")?);
    }
    Ok((states, owned))
}

async fn collected(node: &Node) -> anyhow::Result<f64> {
    Ok(http::metric(&http::text(&node.url("/metrics")).await?, "shoal_cluster_targets_local"))
}

fn states(known: &[(&str, &str)]) -> BTreeMap<String, String> {
    known.iter().map(|(name, state)| ((*name).to_owned(), (*state).to_owned())).collect()
}

/// Waits until the first node sees these peers.
async fn until_seen(first: &Node, known: &[(&str, &str)]) -> anyhow::Result<()> {
    eventually(&format!("the first to see {known:?}"), PATIENCE, async || {
        let (seen, _) = seen(first).await?;
        anyhow::ensure!(seen == states(known), "{seen:?}");
        Ok(())
    })
    .await
}

/// Nothing changes that the first node sees of these peers, and it collects as much as it did.
async fn stays(first: &Node, known: &[(&str, &str)], share: f64) -> anyhow::Result<()> {
    let mut rhythm = tokio::time::interval(RHYTHM);
    for _ in 0..LOOKS {
        rhythm.tick().await;
        let (seen, owners) = seen(first).await?;
        anyhow::ensure!(seen == states(known), "{seen:?}");
        for (name, state) in known {
            // Whoever takes part owns what the others do not.
            let owns = owners.get(*name).is_some_and(|owned| *owned > 0);
            anyhow::ensure!(owns == (*state == "participant"), "{name} is {state}: {owners:?}");
        }
        let now = collected(first).await?;
        anyhow::ensure!(now == share, "{share} ran, and {now} run now");
    }
    Ok(())
}

#[tokio::test]
async fn a_node_takes_part_once_its_first_configuration_runs_and_never_if_it_cannot()
-> anyhow::Result<()> {
    let world = World::new()?;
    let fleet = fleet(&world, TARGETS).await?;
    let documents = Documents::start().await?;
    let text = configuration(&addresses(&fleet, TARGETS)) + &documents.block();
    let config = world::write(&world, &text)?;
    let away = |_: &str| "http://127.0.0.1:9/write".to_owned();
    let all = TARGETS as f64;
    documents.answer("node-1", 200);
    let mut cluster = Cluster::start(&world, setup(&config), 1, away).await?;
    let (participant, joining) = ("participant", "joining");

    // The second joins while it waits for its document: it is seen, and nobody gives it anything.
    let second = cluster.add(away)?;
    cluster.spawn(second)?;
    until_seen(cluster.node(0), &[("node-1", participant), ("node-2", joining)]).await?;
    eventually("the second to join", PATIENCE, async || {
        let log = cluster.node(second).child.log()?;
        anyhow::ensure!(log.contains("joined the cluster"), "{log}");
        Ok(())
    })
    .await?;
    let known = [("node-1", participant), ("node-2", joining)];
    stays(cluster.node(0), &known, all).await?;

    documents.answer("node-2", 200);
    cluster.node(second).ready().await?;
    let known = [("node-1", participant), ("node-2", participant)];
    until_seen(cluster.node(0), &known).await?;
    let mut share = 0.0;
    eventually("both to share the targets", PATIENCE, async || {
        share = collected(cluster.node(0)).await?;
        let theirs = collected(cluster.node(second)).await?;
        anyhow::ensure!(share + theirs == all && share > 0.0 && theirs > 0.0, "{share}, {theirs}");
        Ok(())
    })
    .await?;

    // The third waits, and is then told that there is no document: it says so, and is gone.
    let third = cluster.add(away)?;
    cluster.spawn(third)?;
    let known = [("node-1", participant), ("node-2", participant), ("node-3", joining)];
    until_seen(cluster.node(0), &known).await?;
    stays(cluster.node(0), &known, share).await?;
    documents.answer("node-3", 404);
    let status = cluster.node(third).child.wait(PATIENCE).await?;
    let log = cluster.take(third).child.log()?;
    anyhow::ensure!(!status.success() && log.contains("remote.http.needed"), "{status}: {log}");
    let known = [("node-1", participant), ("node-2", participant)];
    until_seen(cluster.node(0), &known).await?;
    stays(cluster.node(0), &known, share).await?;
    for node in cluster.running() {
        let log = node.child.log()?;
        let told: Vec<&str> = log.lines().filter(|line| line.contains("peer=node-3")).collect();
        anyhow::ensure!(told.iter().any(|line| line.contains("peer left")), "{told:?}");
        anyhow::ensure!(!told.iter().any(|line| line.contains(participant)), "{told:?}");
    }
    world.end().await;
    Ok(())
}

/// What a node says while it waits for its configuration.
const WAITING: &str = "its configuration is not loaded yet";

/// Waits until a node answers, and says that it waits for its configuration.
async fn until_waiting(node: &Node) -> anyhow::Result<()> {
    let url = node.url("/-/ready");
    eventually("a node to say what it waits for", PATIENCE, async || {
        let (status, text) = http::ask(::http::Method::GET, &url).await?;
        let text = String::from_utf8_lossy(&text).into_owned();
        anyhow::ensure!(status == 503 && text.contains(WAITING), "{status}: {text}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_seed_whose_configuration_is_not_loaded_yet_answers_and_no_second_cluster_begins()
-> anyhow::Result<()> {
    let world = World::new()?;
    let documents = Documents::start().await?;
    let config = world::write(&world, &documents.block())?;
    let mut cluster = Cluster::prepare(&world, setup(&config), 2, |_| String::new())?;
    let seed = cluster.setups()[0].address().to_string();
    for node in cluster.setups_mut() {
        node.seeds = vec![seed.clone()];
        node.flags.push("--cluster.bootstrap-timeout=500ms".to_owned());
    }
    documents.answer("node-2", 200);
    cluster.spawn(0)?;
    until_waiting(cluster.node(0)).await?;
    let page = http::text(&cluster.node(0).url("/metrics")).await?;
    anyhow::ensure!(http::metric(&page, "cluster_node_peers") == 1.0, "{page}");
    let page = http::text(&cluster.node(0).url("/")).await?;
    anyhow::ensure!(page.contains(WAITING), "{page}");

    // The second is ready, which it is not before it has joined: it has joined the first.
    cluster.spawn(1)?.ready().await?;
    let known = states(&[("node-1", "joining"), ("node-2", "participant")]);
    for index in 0..2 {
        eventually("both to see both", PATIENCE, async || {
            let (seen, _) = seen(cluster.node(index)).await?;
            anyhow::ensure!(seen == known, "{seen:?}");
            Ok(())
        })
        .await?;
    }
    until_waiting(cluster.node(0)).await?;

    documents.answer("node-1", 200);
    cluster.node(0).ready().await?;
    let participant = "participant";
    until_seen(cluster.node(1), &[("node-1", participant), ("node-2", participant)]).await?;
    let log = cluster.node(1).child.log()?;
    anyhow::ensure!(!log.contains("peer failed"), "{log}");
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn a_node_that_is_told_to_stop_before_its_configuration_is_loaded_says_farewell()
-> anyhow::Result<()> {
    let world = World::new()?;
    let documents = Documents::start().await?;
    let config = world::write(&world, &documents.block())?;
    documents.answer("node-1", 200);
    let nowhere = |_: &str| String::new();
    let mut cluster = Cluster::start(&world, setup(&config), 1, nowhere).await?;
    let alone = [("node-1", "participant")];
    for asked_over_http in [false, true] {
        let index = cluster.add(nowhere)?;
        let name = cluster.setups()[index].name.clone();
        cluster.spawn(index)?;
        until_seen(cluster.node(0), &[alone[0], (name.as_str(), "joining")]).await?;
        until_waiting(cluster.node(index)).await?;
        let mut node = cluster.take(index);
        if asked_over_http {
            let url = node.url("/-/drain");
            let (status, text) = http::ask(::http::Method::POST, &url).await?;
            anyhow::ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(&text));
            let status = node.child.wait(PATIENCE).await?;
            anyhow::ensure!(status.success(), "{status}");
        } else {
            node.child.end(PATIENCE).await?;
        }
        until_seen(cluster.node(0), &alone).await?;
        let log = cluster.node(0).child.log()?;
        let of_it = format!("peer={name}");
        let told: Vec<&str> = log.lines().filter(|line| line.contains(&of_it)).collect();
        anyhow::ensure!(told.iter().any(|line| line.contains("peer left")), "{told:?}");
        anyhow::ensure!(!told.iter().any(|line| line.contains("peer failed")), "{told:?}");
    }
    world.end().await;
    Ok(())
}

#[tokio::test]
async fn a_node_whose_configuration_asks_for_a_password_asks_for_it_before_all_of_it_is_loaded()
-> anyhow::Result<()> {
    let world = World::new()?;
    let documents = Documents::start().await?;
    let password = world.folder("secrets")?.join("password");
    std::fs::write(&password, "open sesame")?;
    let auth = |password: &str| {
        format!(
            "{}http {{\n  auth {{\n    basic {{\n      username = \"ali\"\n      \
             password = {password}\n    }}\n  }}\n}}\n",
            documents.block()
        )
    };
    // What is written behind the document does not wait for it.
    let file = format!(
        "local.file \"password\" {{\n  filename  = {:?}\n  is_secret = true\n}}\n",
        password.display().to_string()
    );
    let cases = [auth("\"open sesame\""), auth("local.file.password.content") + &file];
    for (index, text) in cases.iter().enumerate() {
        let config = world::write(&world, text)?;
        let mut cluster = Cluster::prepare(&world, setup(&config), 1, |_| String::new())?;
        cluster.setups_mut()[0].log.set_file_name(format!("password-{index}.log"));
        cluster.spawn(0)?;
        let node = cluster.node(0);
        let url = node.url("/metrics");
        eventually("a node to ask for a password", PATIENCE, async || {
            node.child.check_alive()?;
            let (status, _) = http::ask(::http::Method::GET, &url).await?;
            anyhow::ensure!(status == 401, "{status}");
            Ok(())
        })
        .await?;
        cluster.take(0).child.end(PATIENCE).await?;
    }
    world.end().await;
    Ok(())
}
