use super::exchange::may_send;
use super::*;
use crate::cluster::PeerStatus;

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn peer(name: &str, at: &str, is_self: bool) -> PeerStatus {
    PeerStatus {
        name: name.to_owned(),
        address: address(at),
        state: "participant",
        generation: 1,
        is_self,
        suspected: false,
        since: 0,
        targets: 0,
    }
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
