//! Nodes in one process, over real sockets on loopback.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::*;
use crate::server::config::HttpConfig;
use crate::telemetry::Registry;

mod checkpoints;
mod remembered;
mod resets;

/// Far beyond what any step takes, so that a loaded machine fails no test.
const PATIENCE: Duration = Duration::from_secs(30);

struct TestNode {
    started: Started,
    address: SocketAddr,
    registry: Registry,
    _server: JoinSet<()>,
    storage: tempfile::TempDir,
    _http: watch::Sender<Arc<HttpConfig>>,
}

fn options(name: &str, join: &[SocketAddr]) -> Options {
    Options {
        enabled: true,
        node_name: Some(name.to_owned()),
        join_addresses: join.iter().map(ToString::to_string).collect(),
        name: "tests".to_owned(),
        bootstrap_timeout: Duration::from_secs(60),
        ..Options::default()
    }
}

async fn start(options: Options) -> TestNode {
    start_with(options, tempfile::tempdir().expect("a directory")).await
}

async fn start_with(options: Options, storage: tempfile::TempDir) -> TestNode {
    start_behind(options, storage, serve).await
}

/// Starts a node whose HTTP is served so.
async fn start_behind<F: Future<Output = ()> + Send + 'static>(
    options: Options,
    storage: tempfile::TempDir,
    serve: impl FnOnce(TcpListener, Handle) -> F,
) -> TestNode {
    let listen = "127.0.0.1:0".parse().expect("an address");
    let node = Node::bind(options, listen, storage.path()).await.expect("loopback can be bound");
    let address = node.me().address;
    let (http, config) = watch::channel(Arc::new(HttpConfig::default()));
    let peers = PeerAccess::new(None, config, node.seal()).expect("plain HTTP");
    let registry = Registry::default();
    let me = node.me().name.to_string();
    let (started, listener) = node.start(peers, &registry).expect("a thread");
    // Nobody is ever told of a node without a name, however soon after the start.
    assert_eq!(started.handle.state().borrow().node_name, me);
    let listener = TcpListener::from_std(listener).expect("inside a runtime");
    let mut server = JoinSet::new();
    server.spawn(serve(listener, started.handle.clone()));
    started.handle.participate().await.expect("it runs");
    TestNode { started, address, registry, _server: server, storage, _http: http }
}

/// The peer API and nothing else.
async fn serve(listener: TcpListener, handle: Handle) {
    let mut connections = JoinSet::new();
    while let Ok((stream, source)) = listener.accept().await {
        connections.spawn(converse(stream, source.ip(), handle.clone()));
    }
}

async fn converse(stream: TcpStream, source: IpAddr, handle: Handle) {
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let handle = handle.clone();
        async move {
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await?.to_bytes();
            Ok::<_, hyper::Error>(match handle.seal().hear(Some(source), &path, body) {
                Ok(Arrival::Question(question)) => {
                    let answer = act(&handle, &path, question.payload.clone()).await;
                    answer.map(|body| Full::new(question.answer(&path, body)))
                }
                Ok(Arrival::Introduce(body)) => http::Response::new(Full::new(body)),
                Err(refusal) => refused(refusal.to_string()).map(Full::new),
            })
        }
    });
    // Each question comes over a connection of its own, so that some can be treated otherwise.
    let connection = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A peer that goes away mid-request is part of the tests.
    let _ = connection.await;
}

async fn act(handle: &Handle, path: &str, body: Bytes) -> http::Response<Bytes> {
    match path {
        SYNC_PATH => told(handle.sync(body).await),
        CLAIM_PATH => told(handle.claim(body).await),
        CHECKPOINT_PATH => {
            told(handle.checkpoint(body).await.map(|kept| kept.map(|()| Bytes::new())))
        }
        _ => refused("no such path".to_owned()),
    }
}

fn told<E: ToString>(answer: Result<Result<Bytes, E>, Closed>) -> http::Response<Bytes> {
    match answer {
        Ok(Ok(answer)) => http::Response::new(answer),
        Ok(Err(refusal)) => refused(refusal.to_string()),
        Err(closed) => refused(closed.to_string()),
    }
}

fn refused(text: String) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::from(text));
    *response.status_mut() = http::StatusCode::FORBIDDEN;
    response
}

impl TestNode {
    /// Waits until the node sees the cluster so.
    async fn until(&self, what: &str, so: impl Fn(&ClusterState) -> bool) -> Arc<ClusterState> {
        let mut state = self.started.handle.state();
        // What is returned is locked, and to be let go of before anybody looks again: a loop that wants to
        // write in between would be waited for, and would wait.
        let waited = tokio::time::timeout(PATIENCE, async {
            state.wait_for(|state| so(state)).await.map(|state| Arc::clone(&state))
        });
        match waited.await {
            Ok(state) => state.expect("the loop runs"),
            Err(_) => {
                panic!("{what}: never; last seen {:#?}", self.started.handle.state().borrow())
            }
        }
    }

    /// Waits until this series is not 0. Figures are those of the loop's last turn.
    async fn until_counted(&self, series: &str) {
        let mut rhythm = tokio::time::interval(Duration::from_millis(20));
        let counted = async {
            loop {
                rhythm.tick().await;
                let page = self.registry.text();
                let count =
                    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
                if count.is_some_and(|count| count != "0") {
                    break;
                }
            }
        };
        tokio::time::timeout(PATIENCE, counted)
            .await
            .unwrap_or_else(|_| panic!("{series} stays 0"));
    }

    async fn until_participants(&self, names: &[&str]) {
        self.until(&format!("{names:?} take part"), |state| {
            let participants = state.peers.iter().filter(|peer| peer.state == "participant");
            participants.map(|peer| peer.name.as_str()).eq(names.iter().copied())
        })
        .await;
    }
}

fn targets(count: u64) -> Snapshot {
    (0..count).map(|n| Announced::new(Key::of("c", [n.to_le_bytes()]), format!("t{n}"))).collect()
}

/// What a collector of these tests knows of a target.
fn seal_of(key: Key) -> model::Seal {
    let payload = Bytes::from(key.to_string());
    model::Seal { version: 1, last_tick: 7, payload }
}

/// Applies deltas until `count` targets run.
async fn runs(subscription: &mut Subscription, running: &mut Vec<Key>, count: usize) {
    while running.len() != count {
        let next = tokio::time::timeout(PATIENCE, subscription.next()).await;
        match next.expect("a change in time").expect("the cluster runs") {
            Delta::Start { key, seal, from, overlap } => {
                // Whoever had it before has left its seal, and nobody had to guess.
                assert_eq!(seal.is_some(), from.is_some(), "{key} from {from:?}");
                assert!(seal.is_none_or(|seal| seal == seal_of(key)));
                assert!(!overlap);
                running.push(key);
            }
            Delta::Stop { key, seal, .. } => {
                running.retain(|other| *other != key);
                if let Some(wanted) = seal {
                    let _ = wanted.send(seal_of(key));
                }
            }
        }
    }
}

#[tokio::test]
async fn a_node_on_its_own_owns_everything_and_goes_at_once() {
    let node = start(Options { enabled: false, ..options("a", &[]) }).await;
    node.until_participants(&["a"]).await;
    let handle = node.started.handle.clone();
    let mut subscription = handle.subscribe("c").await;
    subscription.announce(targets(100));
    runs(&mut subscription, &mut Vec::new(), 100).await;
    assert_eq!(handle.running("c").await.expect("it runs").len(), 100);
    handle.depart().await.expect("it runs");
    assert!(subscription.next().await.is_none());
    assert_eq!(handle.running("c").await, Err(Closed));
    node.started.join();
}

#[tokio::test]
async fn two_nodes_share_targets_and_a_leaver_hands_its_own_over() {
    let a = start(options("a", &[])).await;
    a.until_participants(&["a"]).await;
    let mut of_a = a.started.handle.subscribe("c").await;
    let mut at_a = Vec::new();
    of_a.announce(targets(200));
    runs(&mut of_a, &mut at_a, 200).await;

    let b = start(options("b", &[a.address])).await;
    a.until_participants(&["a", "b"]).await;
    // The other one does not know them yet.
    a.until_counted("shoal_handover_yielding").await;
    let mut of_b = b.started.handle.subscribe("c").await;
    of_b.announce(targets(200));
    b.until_participants(&["a", "b"]).await;
    let state = a.until("shares are counted", |s| s.peers.iter().all(|p| p.targets > 0)).await;
    let share = |name: &str| state.components["c"].owners[name];
    assert_eq!(share("a") + share("b"), 200);
    let mut at_b = Vec::new();
    runs(&mut of_a, &mut at_a, share("a")).await;
    runs(&mut of_b, &mut at_b, share("b")).await;
    assert!(at_a.iter().all(|key| !at_b.contains(key)));

    let placed = a.started.handle.place(vec![at_b[0]]).await.expect("it runs");
    assert_eq!((placed[0].owner.as_str(), placed[0].deputy.as_str()), ("b", "a"));

    b.started.handle.leave().await.expect("it runs");
    let mut left_at_b = at_b.clone();
    tokio::join!(runs(&mut of_a, &mut at_a, 200), runs(&mut of_b, &mut left_at_b, 0));
    b.started.handle.drained().await.expect("it runs");
    b.started.handle.depart().await.expect("it runs");
    a.until("b is gone", |state| state.peers.len() == 1).await;
    let question = KeyQuestion { component: "c".to_owned(), key: at_b[0] };
    let history = a.started.handle.explain(question).await.expect("it runs");
    assert_eq!(history.ranking, ["a"]);
    let moves: Vec<_> = history.moves.iter().map(|m| (m.from.as_str(), m.to.as_str())).collect();
    assert!(moves.ends_with(&[("a", "b"), ("b", "a")]), "{moves:?}");
    assert!(history.running && history.records.last().is_some_and(|r| r.action == "start"));
}

#[tokio::test]
async fn nodes_of_other_clusters_are_strangers() {
    let a = start(options("a", &[])).await;
    let other = Options { name: "other".to_owned(), ..options("b", &[a.address]) };
    let b = start(other).await;
    let state = b
        .until("the seed refuses", |state| {
            state.seeds.iter().any(|seed| seed.result.starts_with("refused: "))
        })
        .await;
    assert!(state.seeds[0].result.contains("cluster"), "{:?}", state.seeds);
    assert!(!state.joined);
    a.until_counted("shoal_cluster_refused_total{reason=\"cluster\"}").await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_node_counts_what_icmp_says_of_a_peer_that_crashed_and_goes_on() {
    let a = start(options("a", &[])).await;
    let b = start(options("b", &[a.address])).await;
    a.until_participants(&["a", "b"]).await;
    let TestNode { started, _server, storage, .. } = b;
    drop(_server);
    tokio::task::spawn_blocking(|| started.crash()).await.expect("the loop ends");
    a.until_counted("shoal_cluster_icmp_unreachable_total").await;
    a.until("b is missing", |state| state.peers.len() == 1).await;
    let page = a.registry.text();
    for line in [
        "cluster_transport_rx_packets_failed_total 0",
        "cluster_transport_tx_packets_failed_total 0",
        "shoal_cluster_icmp_ignored_total 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is missing in\n{page}");
    }
    let b = start_with(options("b", &[]), storage).await;
    a.until_participants(&["a", "b"]).await;
    drop(b);
}

/// The request that asked for it may be given up at any time.
#[tokio::test(start_paused = true)]
async fn keys_that_are_read_again_are_those_of_both_ways_or_of_neither() {
    let node = start(options("a", &[])).await;
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("keys");
    std::fs::write(&file, keys::fresh()).expect("a file");
    // The loop is too busy to take a question.
    let (questions, mut asked) = tokio::sync::mpsc::channel(1);
    questions.try_send(question::Question::Participate).expect("there is room for one");
    let handle = Handle { questions, key_file: Some(file.into()), ..node.started.handle.clone() };
    let before = handle.seal().keyring();
    let patience = Duration::from_secs(1);
    tokio::time::timeout(patience, handle.reload_keys()).await.expect_err("there is no room");
    assert_eq!(handle.seal().keyring(), before);

    asked.recv().await.expect("the first question");
    handle.reload_keys().await.expect("a key");
    let Ok(question::Question::Keys { keyring }) = asked.try_recv() else {
        panic!("datagrams keep their keys");
    };
    assert!(keyring != before && handle.seal().keyring() == keyring);
}

#[tokio::test]
async fn the_page_has_the_names_that_dashboards_ask_for() {
    let a = start(options("a", &[])).await;
    let b = start(options("b", &[a.address])).await;
    a.until_participants(&["a", "b"]).await;
    b.until_participants(&["a", "b"]).await;
    let page = a.registry.text();
    for line in [
        "cluster_node_info{cluster_name=\"tests\",state=\"participant\"} 1",
        "cluster_node_peers{cluster_name=\"tests\",state=\"participant\"} 2",
        "cluster_node_peers{cluster_name=\"tests\",state=\"viewer\"} 0",
        "cluster_node_gossip_alive_peers{cluster_name=\"tests\"} 2",
        "cluster_minimum_size{cluster_name=\"tests\"} 0",
        "cluster_ready_for_traffic{cluster_name=\"tests\"} 1",
        "cluster_node_gossip_health_score{cluster_name=\"tests\"} 0",
        "cluster_node_gossip_proto_version{cluster_name=\"tests\"} 1",
        "shoal_cluster_expected_size{cluster_name=\"tests\"} 2",
        "shoal_cluster_missing_peers{cluster_name=\"tests\"} 0",
        "shoal_cluster_joined{cluster_name=\"tests\"} 1",
        "shoal_cluster_seeds{cluster_name=\"tests\",result=\"joined\"} 0",
        "shoal_cluster_name_clash{cluster_name=\"tests\"} 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is missing in\n{page}");
    }
    // B has asked a to let it in, and told its components that it is.
    let page = b.registry.exposition();
    for name in [
        "cluster_transport_stream_rx_packets_total",
        "cluster_transport_stream_rx_bytes_total",
        "cluster_transport_stream_tx_packets_total",
        "cluster_transport_stream_tx_bytes_total",
    ] {
        assert!(page.samples(name).iter().all(|(_, count)| *count > 0.0), "{name} is 0");
        assert_eq!(page.samples(name).len(), 1, "{name} is missing");
    }
    let text = page.text();
    for name in [
        "cluster_transport_streams ",
        "cluster_transport_stream_tx_packets_failed_total ",
        "cluster_node_updating{cluster_name=\"tests\"} ",
        "cluster_node_update_duration_seconds_bucket{cluster_name=\"tests\",le=",
        "shoal_cluster_loop_lag_seconds ",
    ] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name} is missing in\n{text}");
    }
    let told = "cluster_node_update_duration_seconds_count{cluster_name=\"tests\"} ";
    let told = text.lines().find_map(|line| line.strip_prefix(told)).expect("it is there");
    assert_ne!(told, "0", "that it took part was told before that a does");
}

#[tokio::test]
async fn below_the_minimum_size_nothing_is_started() {
    let a = start(Options { wait_for_size: 2, ..options("a", &[]) }).await;
    a.until_participants(&["a"]).await;
    let mut of_a = a.started.handle.subscribe("c").await;
    of_a.announce(targets(10));
    let state = a.until("targets are known", |s| s.components.contains_key("c")).await;
    assert!(!state.ready);
    assert_eq!(state.components["c"].local, 0);
    let b = start(Options { wait_for_size: 2, ..options("b", &[a.address]) }).await;
    let state =
        a.until("two are enough", |state| state.ready && state.count("participant") == 2).await;
    assert_eq!(state.minimum_size, 2);
    let mut at_a = Vec::new();
    let placed = a.started.handle.place(targets(10).iter().map(|t| t.key).collect()).await;
    let own = placed.expect("it runs").iter().filter(|placed| placed.owner == "a").count();
    runs(&mut of_a, &mut at_a, own).await;
    drop(b);
}

#[tokio::test]
async fn a_component_that_ends_gives_up_its_targets() {
    let a = start(options("a", &[])).await;
    let handle = &a.started.handle;
    let subscription = handle.subscribe("c").await;
    subscription.announce(targets(10));
    let _local = handle.subscribe_local("d");
    a.until("targets run", |s| s.components.get("c").is_some_and(|c| c.local == 10)).await;
    let listed: Vec<_> =
        handle.listed().iter().map(|l| (l.component.to_string(), l.clustered)).collect();
    assert_eq!(listed, [("c".to_owned(), true), ("d".to_owned(), false)]);
    drop(subscription);
    a.until("targets are gone", |state| state.components.is_empty()).await;
    assert_eq!(handle.listed().len(), 1);
}

#[tokio::test]
async fn a_node_that_comes_back_without_its_seeds_finds_its_peers_where_they_were() {
    let a = start(options("a", &[])).await;
    let b = start(options("b", &[a.address])).await;
    b.until_participants(&["a", "b"]).await;
    b.started.handle.depart().await.expect("it runs");
    let TestNode { started, storage, .. } = b;
    started.join();
    a.until("b left", |state| state.peers.len() == 1).await;
    let state = a.until("nobody is missing", |state| state.missing.is_empty()).await;
    assert_eq!(state.notes(), [""; 0], "who said farewell is not missed");

    let b = start_with(options("b", &[]), storage).await;
    b.until_participants(&["a", "b"]).await;
    a.until_participants(&["a", "b"]).await;
}

#[tokio::test]
async fn a_cluster_says_who_is_missing() {
    let a = start(options("a", &[])).await;
    let b = start(options("b", &[a.address])).await;
    a.until_participants(&["a", "b"]).await;
    b.until_participants(&["a", "b"]).await;
    let address = b.address;
    // A crash: the loop ends without a farewell.
    let TestNode { started, _server, storage, .. } = b;
    drop(_server);
    tokio::task::spawn_blocking(|| started.crash()).await.expect("the loop ends");
    let state = a.until("b is missing", |state| state.peers.len() == 1).await;
    assert_eq!(state.notes(), [format!("cluster of 1, expected 2 (missing: b at {address})")]);
    assert!(a.registry.text().contains("shoal_cluster_missing_peers{cluster_name=\"tests\"} 1\n"));
    // It knows of its peer, finds it, and is missed no more.
    let b = start_with(options("b", &[]), storage).await;
    a.until("b is back", |state| state.expected_size == 2 && state.missing.is_empty()).await;
    drop(b);
}

#[tokio::test]
async fn a_node_alone_says_how_many_it_expected() {
    let nobody: SocketAddr = "127.0.0.1:1".parse().expect("an address");
    let hasty = Options {
        bootstrap_timeout: Duration::from_millis(100),
        wait_for_size: 5,
        ..options("a", &[nobody])
    };
    let a = start(hasty).await;
    let state = a.until("it takes part", ClusterState::is_participant).await;
    assert_eq!(
        state.notes(),
        [
            "cluster of 1, expected 5 (missing: 127.0.0.1:1)",
            "nothing new is started before the cluster has 5 nodes"
        ]
    );
    assert!(state.collecting, "it collects all that it may");
}

#[tokio::test]
async fn a_node_alone_misses_whoever_is_meant_by_a_name_that_does_not_exist_until_another_is_there()
{
    let mut mistaken = options("a", &[]);
    // No name server is asked about names of this kind: there are none.
    mistaken.join_addresses = vec!["dns+shoal.invalid".to_owned()];
    mistaken.bootstrap_timeout = Duration::from_millis(100);
    let a = start(mistaken).await;
    let state = a.until("it takes part", ClusterState::is_participant).await;
    let notes = state.notes();
    assert_eq!(
        notes[0],
        "cluster of 1, expected 2 (missing: whoever is meant by dns+shoal.invalid)"
    );
    assert!(notes[1].contains("dns+shoal.invalid (it does not exist)"), "{notes:?}");
    a.until_counted("shoal_cluster_seed_lookups{cluster_name=\"tests\",result=\"unknown\"}").await;
    assert!(a.registry.text().contains("shoal_cluster_expected_size{cluster_name=\"tests\"} 2\n"));

    let _b = start(options("b", &[a.address])).await;
    let state = a.until("nobody is missed", |state| state.peers.len() == 2).await;
    assert_eq!((state.expected_size, state.notes()), (2, Vec::new()));
}

#[tokio::test]
async fn a_node_of_this_host_alone_does_not_start_with_seeds_elsewhere() {
    let storage = tempfile::tempdir().expect("a directory");
    let elsewhere = options("a", &["192.0.2.1:12345".parse().expect("an address")]);
    let listen = "127.0.0.1:0".parse().expect("an address");
    let error = Node::bind(elsewhere, listen, storage.path()).await.expect_err("nobody reaches it");
    let error = error.to_string();
    assert!(error.contains("192.0.2.1:12345") && error.contains("--server.http.listen-addr"));
}

#[tokio::test]
async fn two_nodes_of_one_name_are_told_apart_by_the_newcomer() {
    let a = start(options("a", &[])).await;
    let clone = start(options("a", &[a.address])).await;
    let state = clone.until("it knows", |state| state.name_clash.is_some()).await;
    let (name, address, other_address) = ("a".to_owned(), clone.address, a.address);
    assert_eq!(state.name_clash, Some(NameClash { name, address, other_address }));
    assert!(!state.joined && !state.is_participant());
    clone.until_counted("shoal_cluster_name_clash{cluster_name=\"tests\"}").await;
    let state = a.started.handle.state().borrow().clone();
    assert_eq!((state.is_participant(), &state.name_clash), (true, &None));
}
