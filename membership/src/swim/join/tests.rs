use std::net::Ipv6Addr;

use super::*;
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
