//! Nodes whose cluster has a key.

use membership::{Channel, Key, Keyring, Reply};
use ownership::handover::{self, MoveCause, Target};
use ownership::{ComponentId, audit};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::super::peer::PREFIX;
use super::targets::pair_with;
use super::*;

const SYNC: &str = "/api/v1/peer/sync";
const TARGETS: &str = "/api/v1/peer/targets";

fn line(byte: u8) -> String {
    format!("{byte:02x}").repeat(32) + "\n"
}

fn id(byte: u8) -> String {
    Key::new(&[byte; 32]).id().to_string()
}

fn keyed(keys: &[u8]) -> Setup {
    let keys = keys.iter().map(|byte| line(*byte)).collect();
    Setup { clustered: true, keys: Some(keys), ..Setup::default() }
}

/// Somebody who has these keys, and speaks for himself.
fn insider(keys: &[u8]) -> Channel {
    let keys = keys.iter().map(|byte| Key::new(&[*byte; 32])).collect();
    let keyring = Keyring::new(keys).expect("a few keys, each once");
    Channel::new("", keyring, &mut ChaCha12Rng::seed_from_u64(1))
}

async fn until(world: &World, what: &str, so: impl Fn(&cluster::ClusterState) -> bool) {
    let mut state = world.cluster.handle.state();
    match tokio::time::timeout(PATIENCE, state.wait_for(|state| so(state))).await {
        Ok(state) => drop(state.expect("the loop runs")),
        Err(_) => panic!("{what}: never; {:#?}", world.cluster.handle.state().borrow()),
    }
}

#[tokio::test]
async fn nodes_with_one_key_share_targets_and_list_them() {
    let (a, b, _subscriptions) = pair_with(Some(line(1))).await;
    for world in [&a, &b] {
        let all = world.json("/api/v1/targets").await;
        assert_eq!((&all["total"], &all["partial"]), (&json!(100), &json!(false)));
        assert_eq!(world.cluster.handle.state().borrow().keys, [id(1)]);
        let (_, page) = world.get("/metrics").await;
        let info = format!("shoal_cluster_key_info{{key_id=\"{}\",seals=\"true\"}} 1", id(1));
        assert!(page.contains(&info), "{page}");
    }
}

#[tokio::test]
async fn the_peer_api_is_closed_to_strangers_and_the_pages_are_not() {
    let world = start(keyed(&[1])).await;
    for path in [SYNC, TARGETS, "/api/v1/peer/anything"] {
        let (status, body) =
            world.post_body(path, Bytes::from_static(b"\x01\x00\x01\0\0\0\0\0x")).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        assert!(String::from_utf8_lossy(&body).contains("not sealed"), "{path}");
        let sealed = insider(&[2]).question(world.address).seal(path, Bytes::from_static(b"x"));
        let (status, body) = world.post_body(path, sealed).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains(&id(1)) && text.contains(&id(2)), "{text}");
    }
    assert_eq!(world.get("/-/ready").await.0, StatusCode::OK);
    assert_eq!(world.get("/api/v1/targets").await.0, StatusCode::OK);
    let (_, page) = world.get("/metrics").await;
    for reason in ["unsealed", "key"] {
        let line = format!("shoal_cluster_refused_total{{reason=\"{reason}\"}} 3");
        assert!(page.contains(&line), "{page}");
    }
}

/// Has the node tell somebody which life of it this is.
async fn introduce(world: &World, insider: &mut Channel) {
    let first = insider.question(world.address);
    let sealed = first.seal(TARGETS, Bytes::from_static(&[0, 0, 5]));
    let (status, body) = world.post_body(TARGETS, sealed).await;
    assert_eq!(status, StatusCode::OK);
    match first.open(&insider.opener(), TARGETS, body).expect("the node has the key") {
        Reply::Introduction(life) => insider.introduce(world.address, life),
        Reply::Answer(_) => panic!("nobody had introduced the node"),
    }
}

#[tokio::test]
async fn a_body_that_was_recorded_is_answered_once() {
    let world = start(keyed(&[1])).await;
    let mut insider = insider(&[1]);
    let wanted = || Bytes::from_static(&[0, 0, 5]);
    introduce(&world, &mut insider).await;
    let second = insider.question(world.address);
    let recorded = second.seal(TARGETS, wanted());
    let (_, body) = world.post_body(TARGETS, recorded.clone()).await;
    let answer = second.open(&insider.opener(), TARGETS, body).expect("an answer");
    assert_eq!(answer, Reply::Answer(vec![0, 0]));
    let (status, body) = world.post_body(TARGETS, recorded).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(String::from_utf8_lossy(&body), "it was received before\n");
}

/// Bodies and bytes received, bodies and bytes sent, and questions without an answer.
fn counted(page: &str) -> [usize; 5] {
    ["rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "tx_packets_failed"]
        .map(|what| count(page, &format!("cluster_transport_stream_{what}_total ")))
}

/// The value of a metric with a space behind its name and labels.
fn count(page: &str, metric: &str) -> usize {
    let value = page.lines().find_map(|line| line.strip_prefix(metric)).expect("it is there");
    value.parse().expect("a count")
}

#[tokio::test]
async fn every_answer_is_counted_as_sent_refusals_included() {
    let world = start(keyed(&[1])).await;
    assert_eq!(counted(&world.get("/metrics").await.1), [0; 5], "it is alone");
    let (mut insider, mut stranger) = (insider(&[1]), insider(&[2]));
    let wanted = || Bytes::from_static(&[0, 0, 5]);
    let mut expected = [0; 5];
    let mut asked = async |path: &str, body: Bytes, status: StatusCode| {
        let heard = body.len();
        let (answered, answer) = world.post_body(path, body).await;
        assert_eq!(answered, status, "{path}");
        for (count, more) in expected.iter_mut().zip([1, heard, 1, answer.len(), 0]) {
            *count += more;
        }
        assert_eq!(counted(&world.get("/metrics").await.1), expected, "{path}: {status}");
        answer
    };
    let question = insider.question(world.address);
    let answer = asked(TARGETS, question.seal(TARGETS, wanted()), StatusCode::OK).await;
    match question.open(&insider.opener(), TARGETS, answer).expect("the node has the key") {
        Reply::Introduction(life) => insider.introduce(world.address, life),
        Reply::Answer(_) => panic!("nobody had introduced the node"),
    }
    let good = insider.question(world.address).seal(TARGETS, wanted());
    asked(TARGETS, good.clone(), StatusCode::OK).await;
    // Recorded, of another key, of none, about nothing, and of no sense.
    asked(TARGETS, good, StatusCode::FORBIDDEN).await;
    let other = stranger.question(world.address).seal(TARGETS, wanted());
    asked(TARGETS, other, StatusCode::FORBIDDEN).await;
    asked(TARGETS, Bytes::from_static(b"hello"), StatusCode::FORBIDDEN).await;
    let nothing = "/api/v1/peer/nothing";
    let unknown = insider.question(world.address).seal(nothing, wanted());
    asked(nothing, unknown, StatusCode::NOT_FOUND).await;
    let senseless = insider.question(world.address).seal(TARGETS, Bytes::from_static(b"\xff"));
    asked(TARGETS, senseless, StatusCode::BAD_REQUEST).await;
}

#[tokio::test]
async fn a_node_with_another_key_stays_out_and_says_which_key_it_lacks() {
    let a = start(keyed(&[1])).await;
    let mut strangers = Vec::new();
    for keys in [&[2][..], &[]] {
        let keys = (!keys.is_empty()).then(|| keys.iter().map(|byte| line(*byte)).collect());
        let join = vec![a.address];
        let b = Setup { clustered: true, name: "b", join, keys, ..Setup::default() };
        let stranger = begin(Setup { bootstrap_timeout: SHORT, ..b }).await;
        until(&stranger, "it is refused", |state| {
            let told = |seed: &cluster::SeedStatus| seed.result.starts_with("refused: ");
            !state.joined && state.seeds.iter().any(told)
        })
        .await;
        let told = stranger.cluster.handle.state().borrow().seeds[0].result.clone();
        let expected = if stranger.cluster.handle.seal().keyring().is_empty() {
            "has a cluster key".to_owned()
        } else {
            format!("it has {}", id(1))
        };
        assert!(told.contains(&expected), "{told}");
        strangers.push((stranger, expected));
    }
    outwait().await;
    for (stranger, expected) in strangers {
        stranger.assert_out(&["refused", &expected]).await;
    }
    assert_eq!(a.cluster.handle.state().borrow().peers.len(), 1);
}

#[tokio::test]
async fn keys_are_read_again_on_reload_and_a_bad_file_changes_nothing() {
    let world = start(keyed(&[1])).await;
    let path = world._storage.path().join("keys");
    let write = |text: &str| std::fs::write(&path, text).expect("a file");
    let keys = || world.cluster.handle.state().borrow().keys.clone();
    write(&(line(2) + &line(1)));
    assert_eq!(world.send(Method::POST, "/-/reload", "").await.0, StatusCode::OK);
    until(&world, "two keys", |state| state.keys == [id(2), id(1)]).await;
    for bad in ["nonsense", "", "# none"] {
        write(bad);
        let (status, text) = world.send(Method::POST, "/-/reload", "").await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
        assert!(text.contains("stay as they were"), "{text}");
        assert_eq!(keys(), [id(2), id(1)]);
        assert_eq!(world.cluster.handle.seal().keyring().ids().len(), 2);
    }
}

/// What some node asks that has mistaken this one for another: questions and their bodies.
fn misdirected() -> [(&'static str, Bytes); 3] {
    let [from, to] = ["y", "z"].map(|name| membership::Name::new(name).expect("a valid name"));
    let target = Target::new(&ComponentId::from("c"), ownership::Key::from(1));
    let now = std::time::Instant::now();
    let mut handover = ownership::Handover::new(&from);
    handover.peer_up(&to, now);
    handover.gained(&target, Some(&to), MoveCause::Left, now);
    handover.handle_timeout(now);
    let claim = match handover.poll_output() {
        Some(handover::Output::Ask { body, .. }) => body,
        other => panic!("no claim: {other:?}"),
    };
    let seal = model::Seal { version: 1, last_tick: 1, payload: Bytes::new() };
    let (mut parcels, _) = handover::checkpoints::parcels(
        &from,
        &to,
        &mut handover::checkpoints::Stamp::default(),
        vec![(target, Some(seal))],
    );
    let mut audit = ownership::Audit::new(&from);
    audit.peer_up(&to, now);
    audit.handle_timeout(audit.poll_timeout().expect("it will ask"));
    let summary = match audit.poll_output() {
        Some(audit::Output::Ask { body, .. }) => body,
        other => panic!("no question: {other:?}"),
    };
    [("claim", claim), ("checkpoint", parcels.remove(0)), ("audit", summary)]
}

#[tokio::test]
async fn a_body_for_another_node_is_counted() {
    let world = start(keyed(&[1])).await;
    let mut insider = insider(&[1]);
    introduce(&world, &mut insider).await;
    for (before, (question, body)) in misdirected().into_iter().enumerate() {
        assert_eq!(refused(&world, "misdirected").await, before, "before {question}");
        let path = format!("{PREFIX}{question}");
        let sealed = insider.question(world.address).seal(&path, body);
        let (status, text) = world.post_body(&path, sealed).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{question}");
        assert_eq!(String::from_utf8_lossy(&text), "it is meant for node \"z\"\n", "{question}");
        assert_eq!(refused(&world, "misdirected").await, before + 1, "{question}");
    }
    assert_eq!(refused(&world, "malformed").await, 0);
}

/// How many were refused for a reason.
async fn refused(world: &World, reason: &str) -> usize {
    let page = world.get("/metrics").await.1;
    count(&page, &format!("shoal_cluster_refused_total{{reason=\"{reason}\"}} "))
}

#[tokio::test]
async fn a_body_that_makes_no_sense_is_counted_whatever_it_is_for() {
    let world = start(keyed(&[1])).await;
    let mut insider = insider(&[1]);
    introduce(&world, &mut insider).await;
    let questions =
        "checkpoint claim audit describe history moves pending adopt targets check".split(' ');
    for (before, question) in questions.enumerate() {
        assert_eq!(refused(&world, "malformed").await, before, "before {question}");
        let path = format!("{}{question}", PREFIX);
        let senseless = Bytes::from_static(b"\xff");
        let sealed = insider.question(world.address).seal(&path, senseless);
        let (status, text) = world.post_body(&path, sealed).await;
        let text = String::from_utf8_lossy(&text);
        assert_eq!(status, StatusCode::BAD_REQUEST, "{question}: {text}");
        assert_eq!(refused(&world, "malformed").await, before + 1, "{question}: {text}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_counted_where_only_nodes_ask() {
    let world = start(keyed(&[1])).await;
    let long = Bytes::from(vec![0; membership::SYNC_MAX + Channel::OVERHEAD + 1]);
    for (path, counted) in [("/-/reload", 0), (SYNC, 1), (TARGETS, 2)] {
        let (status, _) = world.post_body(path, long.clone()).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        assert_eq!(refused(&world, "too_long").await, counted, "{path}");
    }
}
