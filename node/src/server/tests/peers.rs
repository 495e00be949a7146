//! What a node tells of its cluster, and the check of paths.

use super::*;

async fn two() -> (World, World) {
    let a = start(Setup { clustered: true, ..Setup::default() }).await;
    let b = start(Setup { name: "b", clustered: true, join: vec![a.address], ..Setup::default() });
    let b = b.await;
    for world in [&a, &b] {
        let mut state = world.cluster.handle.state();
        let both = state.wait_for(|state| state.count("participant") == 2);
        tokio::time::timeout(PATIENCE, both).await.expect("in time").expect("the loop runs");
    }
    (a, b)
}

async fn post(world: &World, path: &str) -> (StatusCode, Value) {
    let (status, body) = world.send(Method::POST, path, "").await;
    (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("{status}: {body}")))
}

#[tokio::test]
async fn a_node_tells_all_it_knows_of_its_cluster() {
    let (a, b) = two().await;
    let cluster = loop {
        let answer = b.json("/api/v1/cluster").await;
        let cluster: Cluster = serde_json::from_value(answer).expect("a cluster");
        let settled = cluster.ready && cluster.converged && cluster.local_health == 0;
        let peer = &cluster.peers[0];
        let heard = peer.last_heard.is_some() && peer.round_trip_seconds.is_some();
        if settled && heard && peer.digest.is_some() && peer.suspicion.is_none() {
            break cluster;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((cluster.node.as_str(), cluster.size, cluster.expected_size), ("b", 2, 2));
    assert_eq!((cluster.unready.as_str(), cluster.notes.len()), ("", 0));
    let names: Vec<(&str, bool)> =
        cluster.peers.iter().map(|peer| (peer.name.as_str(), peer.is_self)).collect();
    assert_eq!(names, [("a", false), ("b", true)]);
    assert_eq!(cluster.peers[0].address, a.address.to_string());
    // Of the present: neither the epoch nor nothing.
    assert!(cluster.peers[0].since.starts_with("20"), "{}", cluster.peers[0].since);
    assert!(cluster.peers[0].generation > 1_600_000_000, "{}", cluster.peers[0].generation);
    assert_eq!(cluster.lookups[0].seed, a.address.to_string());
    assert_eq!((cluster.lookups[0].outcome.as_str(), cluster.seeds.len()), ("found", 1));
    assert_eq!(cluster.seeds[0].result, "joined");
    assert!(cluster.seeds[0].at.is_some());
}

#[tokio::test]
async fn a_node_that_has_joined_and_takes_no_part_yet_is_a_viewer_to_the_others() {
    let a = start(Setup { clustered: true, ..Setup::default() }).await;
    let join = vec![a.address];
    let b = Setup { name: "b", clustered: true, join, participates: false, ..Setup::default() };
    let b = begin(b).await;
    let listed = async |state: &str| {
        let is = |peer: &cluster::PeerStatus| peer.name == "b" && peer.state == state;
        let mut seen = a.cluster.handle.state();
        let seen = seen.wait_for(|cluster| cluster.peers.iter().any(is));
        drop(tokio::time::timeout(PATIENCE, seen).await.expect("in time").expect("the loop runs"));
        a.json("/api/v0/web/peers").await
    };
    let peers = |state: &str| {
        json!([
            {"name": "a", "addr": a.address.to_string(), "isSelf": true, "state": "participant"},
            {"name": "b", "addr": b.address.to_string(), "isSelf": false, "state": state},
        ])
    };
    assert_eq!(listed("joining").await, peers("viewer"));
    b.cluster.handle.participate().await.expect("it runs");
    assert_eq!(listed("participant").await, peers("participant"));
}

#[tokio::test]
async fn a_check_finds_all_paths_open_where_they_are() {
    let (a, b) = two().await;
    let (status, answer) = post(&b, "/api/v1/cluster/check").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let check: Check = serde_json::from_value(answer).expect("a check");
    let [paths] = check.paths.as_slice() else { panic!("there is one other: {check:#?}") };
    assert_eq!((paths.name.as_str(), &paths.address), ("a", &a.address.to_string()));
    let found = [paths.tcp, paths.peer_api, paths.udp_out, paths.udp_in];
    assert_eq!(found, [Path::Ok; 4], "{paths:#?}");
    assert!(check.ok && paths.problem.is_empty(), "{check:#?}");
    assert_eq!(b.get("/api/v1/cluster/check").await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_check_tells_nobody_there_from_somebody_who_refuses() {
    let closed = free_port().await;
    let of_another = start(Setup {
        name: "x",
        clustered: true,
        keys: Some(cluster::keys::fresh()),
        ..Setup::default()
    });
    let other = of_another.await;
    let join = vec![closed, other.address];
    let world = begin(Setup { clustered: true, join, ..Setup::default() }).await;
    let mut state = world.cluster.handle.state();
    let resolved = state.wait_for(|state| state.seeds.len() == 2);
    tokio::time::timeout(PATIENCE, resolved).await.expect("in time").expect("the loop runs");
    let (_, answer) = post(&world, "/api/v1/cluster/check").await;
    let check: Check = serde_json::from_value(answer).expect("a check");
    assert!(!check.ok);
    assert!(check.problems[0].starts_with("this node has not joined a cluster"), "{check:#?}");
    let of = |address: SocketAddr| {
        let paths = check.paths.iter().find(|paths| paths.address == address.to_string());
        paths.unwrap_or_else(|| panic!("{address} is not in {check:#?}"))
    };
    assert_eq!((of(closed).tcp, of(closed).udp_out), (Path::Failed, Path::Untested));
    assert!(of(closed).problem.contains("no TCP connection"), "{:#?}", of(closed));
    let refused = of(other.address);
    assert_eq!((refused.tcp, refused.peer_api), (Path::Ok, Path::Failed), "{refused:#?}");
    let (status, text) = world.get("/-/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains(&format!("{}: refused", other.address)), "{text}");
}

/// An address where nobody listens.
async fn free_port() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    listener.local_addr().expect("bound")
}

#[tokio::test]
async fn a_seed_that_is_about_to_stop_says_so_to_a_check() {
    let (a, b) = two().await;
    // Its event loop ends, and with it its gossip; its HTTP still answers.
    a.cluster.handle.depart().await.expect("it runs");
    let (_, answer) = post(&b, "/api/v1/cluster/check").await;
    let check: Check = serde_json::from_value(answer).expect("a check");
    let paths = &check.paths[0];
    assert_eq!((paths.tcp, paths.peer_api), (Path::Ok, Path::Failed), "{check:#?}");
    assert!(paths.problem.contains("about to stop"), "{}", paths.problem);
}

#[tokio::test]
async fn only_one_check_at_a_time_is_made() {
    let (_a, b) = two().await;
    let ask = || b.send(Method::POST, "/api/v1/cluster/check", "");
    let (first, second) = tokio::join!(ask(), ask());
    let mut statuses = [first.0, second.0];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS]);
}

#[tokio::test]
async fn a_namesake_is_named_wherever_one_looks() {
    let a = start(Setup { clustered: true, ..Setup::default() }).await;
    let twin = begin(Setup { clustered: true, join: vec![a.address], ..Setup::default() }).await;
    let mut state = twin.cluster.handle.state();
    let clash = state.wait_for(|state| state.name_clash.is_some());
    tokio::time::timeout(PATIENCE, clash).await.expect("in time").expect("the loop runs");
    let (status, ready) = twin.get("/-/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let page = twin.get("/clustering").await.1;
    for text in [ready, page] {
        for address in [a.address, twin.address] {
            assert!(text.contains(&address.to_string()), "{address} is not in {text}");
        }
        assert!(text.contains("--cluster.node-name"), "{text}");
    }
    let metrics = twin.get("/metrics").await.1;
    assert!(metrics.contains("shoal_cluster_name_clash{cluster_name=\"\"} 1\n"), "{metrics}");
    let info = format!(
        "shoal_cluster_name_clash_info{{cluster_name=\"\",name=\"a\",address=\"{}\",\
         other_address=\"{}\"}} 1\n",
        twin.address, a.address
    );
    assert!(metrics.contains(&info), "{info} is missing in\n{metrics}");
    let told = twin.json("/api/v1/cluster").await;
    let clash = format!("a at {}, while this node is at {}", a.address, twin.address);
    assert_eq!(told["name_clash"], clash);
    let metrics = a.get("/metrics").await.1;
    assert!(!metrics.contains("shoal_cluster_name_clash_info"), "{metrics}");
    assert_eq!(a.get("/-/ready").await.1, "Shoal is ready.\n");
}

#[tokio::test]
async fn a_node_that_leaves_is_not_ready_and_says_why() {
    let (_a, b) = two().await;
    b.cluster.handle.leave().await.expect("it runs");
    let mut state = b.cluster.handle.state();
    let leaving = state.wait_for(|state| state.me().is_some_and(|me| me.state == "leaving"));
    tokio::time::timeout(PATIENCE, leaving).await.expect("in time").expect("the loop runs");
    let (status, text) = b.get("/-/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("leaving its cluster"), "{text}");
}
