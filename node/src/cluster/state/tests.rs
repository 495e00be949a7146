use super::*;

fn peer(name: &str, is_self: bool) -> PeerStatus {
    PeerStatus::participant(name, "10.0.0.1:80".parse().expect("an address"), is_self)
}

fn lookup(seed: &str, outcome: &str) -> SeedLookup {
    SeedLookup { seed: seed.to_owned(), outcome: outcome.to_owned(), detail: String::new() }
}

/// A node that found nobody by the seeds of these outcomes.
fn alone(lookups: Vec<SeedLookup>) -> ClusterState {
    ClusterState {
        enabled: true,
        joined: true,
        ready: true,
        peers: vec![peer("a", true)],
        lookups,
        expected_size: 1,
        ..ClusterState::default()
    }
}

const CONSEQUENCE: &str =
    "nodes with the same seeds are clusters of their own, each of which collects everything";

#[test]
fn a_node_that_is_alone_names_the_seeds_that_lead_nowhere() {
    let lookups = ["dns+gone", "dns+here", "dns+lost"]
        .map(|seed| lookup(seed, if seed == "dns+here" { "found" } else { "unknown" }));
    let mut state = alone(lookups.to_vec());
    state.out_of_reach = vec![OutOfReach {
        seed: "dns+here".to_owned(),
        address: "192.0.2.1:80".parse().expect("an address"),
        reason: "it listens on loopback only".to_owned(),
    }];
    assert_eq!(
        state.notes(),
        [format!(
            "no other node is found by the seeds dns+gone (it does not exist), dns+here (nobody there \
             could reach this node), dns+lost (it does not exist): {CONSEQUENCE}"
        )]
    );
    assert_eq!(state.absent().len(), 3);
    // Whoever finds others all the same needs none of them.
    state.peers.push(peer("b", false));
    assert_eq!((state.notes(), state.absent()), (Vec::new(), Vec::new()));
}

#[test]
fn seeds_that_lead_to_the_node_itself_are_no_news_and_a_long_list_is_cut() {
    assert_eq!(alone(vec![lookup("dns+me", "found")]).notes(), [""; 0]);
    let many = (0..9).map(|n| lookup(&format!("dns+n{n}"), "unknown")).collect();
    let notes = alone(many).notes();
    assert!(notes[0].contains("dns+n4 (it does not exist) and 4 more: "), "{notes:?}");
}

#[test]
fn whoever_has_not_joined_says_that_its_seeds_do_not_exist() {
    let state = ClusterState { joined: false, ..alone(vec![lookup("dns+gone", "unknown")]) };
    assert_eq!(state.why_not_joined().as_deref(), Some("dns+gone: it does not exist"));
    assert_eq!(state.notes(), [""; 0], "why it is not ready is said already");
}
