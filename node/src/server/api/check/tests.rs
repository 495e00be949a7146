use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;

use super::exchange::may_send;
use super::places::{chosen, places};
use super::*;
use crate::cluster::{PeerStatus, SeedStatus};

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn peer(name: &str, at: &str, is_self: bool) -> PeerStatus {
    PeerStatus::participant(name, address(at), is_self)
}

fn seed(at: &str, outcome: &'static str, remembered: bool) -> SeedStatus {
    let result = outcome.to_owned();
    SeedStatus { address: address(at), result, outcome, at: None, remembered }
}

fn state() -> ClusterState {
    ClusterState {
        peers: vec![peer("a", "10.0.0.1:80", true), peer("b", "10.0.0.2:80", false)],
        seeds: vec![
            seed("10.0.0.1:80", "itself", false),
            seed("10.0.0.2:80", "joined", false),
            seed("10.0.0.3:80", "unreachable", false),
            seed("10.0.0.4:80", "unreachable", true),
            seed("[fd00::3]:80", "unreachable", false),
        ],
        missing: vec![crate::cluster::Missing {
            name: Some("d".to_owned()),
            address: address("10.0.0.4:80"),
        }],
        ..ClusterState::default()
    }
}

#[test]
fn others_are_checked_wherever_they_are_known_from() {
    let places = places(&state());
    let places: Vec<(String, &str)> =
        places.iter().map(|(at, name)| (at.to_string(), name.as_str())).collect();
    assert_eq!(
        places,
        [
            ("10.0.0.2:80".to_owned(), "b"),
            ("10.0.0.3:80".to_owned(), ""),
            ("10.0.0.4:80".to_owned(), "d")
        ]
    );
}

/// A node with live peers in front of those that matter, by their addresses.
fn large(peers: u8) -> ClusterState {
    let state = state();
    let peer = |n: u8| peer(&format!("p{n}"), &format!("10.0.0.{}:1", n + 1), false);
    ClusterState { peers: state.peers.into_iter().chain((0..peers).map(peer)).collect(), ..state }
}

#[test]
fn whoever_is_missing_is_checked_first_and_of_the_others_some_by_chance() {
    let state = large(200);
    let draw = |seed| chosen(&state, MAX_CHECKED, &mut ChaCha12Rng::seed_from_u64(seed));
    let (first, left_out) = draw(1);
    // One seed that is silent, one that is missing; a live peer beside the two hundred.
    assert_eq!((first.len(), left_out), (MAX_CHECKED, 203 - MAX_CHECKED));
    for silent in ["10.0.0.3:80", "10.0.0.4:80"] {
        assert!(first[..2].iter().any(|(at, _)| *at == address(silent)), "{first:?}");
    }
    let (second, _) = draw(2);
    assert_ne!(first[2..], second[2..]);
    let (all, left_out) = chosen(&large(3), MAX_CHECKED, &mut ChaCha12Rng::seed_from_u64(1));
    assert_eq!((all.len(), left_out), (6, 0));
}

fn lookup(seed: &str, outcome: &str) -> SeedLookup {
    let outcome = outcome.to_owned();
    SeedLookup { seed: seed.to_owned(), outcome, detail: String::new() }
}

#[test]
fn a_node_that_has_found_nobody_for_what_is_wrong_with_its_seeds_says_so() {
    let alone = ClusterState {
        enabled: true,
        joined: true,
        peers: vec![peer("a", "10.0.0.1:80", true)],
        ..ClusterState::default()
    };
    let said = |state: ClusterState| problems(&state).join("; ");
    assert_eq!(said(alone.clone()), "");
    let unknown = ClusterState { lookups: vec![lookup("dns+x", "unknown")], ..alone.clone() };
    assert_eq!(said(unknown.clone()), "no other node is found: dns+x does not exist");
    let with_another = ClusterState { peers: large(0).peers, ..unknown };
    assert_eq!(said(with_another), "");
    let error = Some("x: no answer".to_owned());
    let failed = ClusterState { seeds_error: error, ..alone.clone() };
    assert_eq!(said(failed.clone()), "its seeds cannot all be used: x: no answer");
    let outside = ClusterState { joined: false, ..failed };
    assert_eq!(said(outside), "this node has not joined a cluster: x: no answer");
    let off = ClusterState { enabled: false, joined: false, ..alone };
    assert_eq!(said(off), "", "there is no cluster to join");
}

#[test]
fn a_seed_out_of_reach_is_a_path_that_fails() {
    let lost = OutOfReach {
        seed: "dns+x".to_owned(),
        address: address("192.0.2.1:80"),
        reason: "this node listens on loopback only".to_owned(),
    };
    let paths = Paths::out_of_reach(&lost);
    assert_eq!((paths.address.as_str(), paths.tcp), ("192.0.2.1:80", Path::Untested));
    let problem = "left out, though dns+x leads there: this node listens on loopback only";
    assert_eq!(paths.problem, problem);
}

#[test]
fn nobody_makes_a_node_send_to_a_third_party() {
    let from = Some(address("192.0.2.7:4711").ip());
    for (to, allowed) in [
        ("192.0.2.7:80", true),
        ("10.0.0.2:80", true),
        ("10.0.0.3:80", true),
        ("10.0.0.2:81", false),
        ("10.0.0.4:80", false),
        ("192.0.2.8:80", false),
    ] {
        let sent = may_send(&state(), from, address(to));
        assert_eq!(sent.is_ok(), allowed, "{to}: {sent:?}");
    }
    let mapped = Some(address("[::ffff:192.0.2.7]:4711").ip());
    may_send(&state(), mapped, address("192.0.2.7:80")).expect("it is the same address");
    may_send(&state(), None, address("192.0.2.7:80")).expect_err("nobody knows who asks");
}

#[test]
fn a_probe_reads_back_and_garbage_is_refused() {
    let probe = Probe { out: [1; 16], back: [2; 16], address: address("[fd00::1]:9") };
    assert_eq!(Probe::decode(&probe.encode()), Ok(probe));
    for garbage in [&b""[..], &[0xff; 64], &probe.encode()[..20]] {
        Probe::decode(garbage).expect_err("it is no probe");
    }
    Probed::decode(&[0xff; 64]).expect_err("it is no answer");
}
