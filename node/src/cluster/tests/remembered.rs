//! Peers of an earlier life of a node, for which it looks without a seed.

use std::time::{SystemTime, UNIX_EPOCH};

use super::*;

#[tokio::test]
async fn a_node_of_this_host_alone_looks_for_earlier_peers_on_this_host_alone() {
    let b = start(options("b", &[])).await;
    let seen = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let page = serde_json::json!({ "cluster": "tests", "peers": [
        { "name": "b", "address": b.address, "seen": seen },
        { "name": "c", "address": "192.0.2.1:12345", "seen": seen },
    ]});
    let storage = tempfile::tempdir().expect("a directory");
    let directory = storage.path().join("cluster");
    std::fs::create_dir(&directory).expect("it is new");
    std::fs::write(directory.join("peers.json"), page.to_string()).expect("it can be written");
    let a = start_with(options("a", &[]), storage).await;
    let state = a.until("it finds b", |state| state.joined && state.peers.len() == 2).await;
    let elsewhere = state.seeds.iter().find(|seed| !seed.address.ip().is_loopback());
    assert_eq!(elsewhere, None, "who is there could not reach it");
    // It is missed all the same.
    let missing: Vec<String> = state.missing.iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["c at 192.0.2.1:12345"]);
}
