use std::net::Ipv6Addr;

use super::*;
use crate::swim::sync::INSTEAD_MAX;
use crate::{Name, SYNC_MAX};

#[test]
fn however_many_compare_their_state_within_a_second_contradictions_are_bounded() {
    let mut quota = Contradictions::default();
    let start = Instant::now();
    assert_eq!(quota.take(100, start), 100);
    assert_eq!(quota.take(100, start + Duration::from_millis(500)), CONTRADICTIONS - 100);
    assert_eq!(quota.take(100, start + Duration::from_millis(999)), 0);
    assert_eq!(quota.take(500, start + Duration::from_secs(1)), CONTRADICTIONS);
}

#[test]
fn the_most_peers_with_the_longest_names_fit_one_body() {
    let peer = |number: usize| Peer {
        name: Name::new(&format!("{number:0width$}", width = Name::MAX))
            .expect("as long as may be"),
        address: SocketAddr::new(Ipv6Addr::from(u128::MAX).into(), u16::MAX),
        generation: u64::MAX,
        state: State::Participant,
    };
    let members = (0..PEERS_MAX).map(|number| Member::new(peer(number), u16::MAX, Liveness::Down));
    let answer = Answer::Members { buckets: u64::MAX, members: members.collect() };
    let reply = Reply { from: peer(0), instance: u64::MAX, answer };
    let body = codec::body(&reply);
    assert!(body.len() < SYNC_MAX * 3 / 4, "{} bytes", body.len());
    let read: Reply = codec::parse_body(&body).expect("a body is read as it was written");
    assert!(matches!(read.answer, Answer::Members { members, .. } if members.len() == PEERS_MAX));
}

#[test]
fn no_more_are_asked_in_somebody_s_place_than_it_may_name() {
    use rand::SeedableRng;
    let start = Instant::now();
    let at = |port| SocketAddr::from(([10, 0, 0, 1], port));
    let peer = |name: &str, port| Peer {
        name: Name::new(name).expect("a valid name"),
        address: at(port),
        generation: 7,
        state: State::Joining,
    };
    let config = crate::Config { seeded: true, ..crate::Config::default() };
    let rng = rand_chacha::ChaCha12Rng::seed_from_u64(1);
    let mut swim = Swim::new(peer("a", 1), config, rng, start);
    let asked = |swim: &mut Swim| {
        let outputs = std::iter::from_fn(|| swim.poll_output());
        outputs.filter(|output| matches!(output, Output::Sync { .. })).count()
    };
    assert_eq!(asked(&mut swim), 0);
    swim.handle_seeds(&[at(2)], start);
    assert_eq!(asked(&mut swim), 1);
    let answer = Answer::Out { instead: (10..60_000).map(at).collect() };
    let reply = Reply { from: peer("b", 2), instance: 2, answer };
    let body = swim.outbox.envelope.wrap(Kind::SyncAnswer, &codec::body(&reply));
    swim.handle_sync_reply(at(2), &body, start).expect("an answer");
    assert_eq!(asked(&mut swim), INSTEAD_MAX);
    // One that is no seed leads nowhere.
    swim.handle_sync_reply(at(10), &body, start).expect("an answer");
    assert_eq!(asked(&mut swim), 0);
}
