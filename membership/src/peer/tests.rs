use foca::Identity;
use proptest::prelude::*;

use super::*;

fn peer(generation: u64, state: State, port: u16) -> Peer {
    let name = Name::new("a").expect("a valid name");
    Peer { name, address: SocketAddr::from(([10, 0, 0, 1], port)), generation, state }
}

#[test]
fn a_later_life_outranks_and_in_it_a_later_state() {
    let order = [
        peer(1, State::Joining, 9),
        peer(1, State::Participant, 8),
        peer(1, State::Leaving, 7),
        peer(2, State::Joining, 6),
        peer(2, State::Joining, 7),
    ];
    for pair in order.windows(2) {
        assert!(pair[1].outranks(&pair[0]) && !pair[0].outranks(&pair[1]));
    }
}

#[test]
fn the_generation_grows_even_when_the_clock_does_not() {
    assert_eq!(Peer::generation_at_boot(1_700_000_000, 0), 1_700_000_000);
    assert_eq!(Peer::generation_at_boot(5, 1_700_000_000), 1_700_000_001);
    assert_eq!(Peer::generation_at_boot(5, 5), 6);
    assert_eq!(Peer::generation_at_boot(5, u64::MAX), u64::MAX);
}

#[test]
fn a_peer_never_renews_itself() {
    assert_eq!(peer(1, State::Participant, 1).renew(), None);
}

proptest! {
    #[test]
    fn of_two_different_peers_of_a_name_exactly_one_outranks(
        a in (0u64..3, 0usize..3, 1u16..4), b in (0u64..3, 0usize..3, 1u16..4)
    ) {
        let states = [State::Joining, State::Participant, State::Leaving];
        let (a, b) = (peer(a.0, states[a.1], a.2), peer(b.0, states[b.1], b.2));
        prop_assert_eq!(a != b, a.outranks(&b) != b.outranks(&a));
        prop_assert_eq!(a == b, a.digest() == b.digest());
    }
}
