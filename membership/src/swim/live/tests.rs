use super::*;
use crate::State;

#[test]
fn nothing_that_was_heard_of_a_process_is_told_of_the_next_one() {
    let (mut live, begin) = (Live::default(), Instant::now());
    let peer = Peer {
        name: Name::new("a").expect("a valid name"),
        address: ([10, 0, 0, 1], 1).into(),
        generation: 7,
        state: State::Joining,
    };
    live.insert(peer.clone(), begin);
    live.heard(&peer, 5, begin);
    let known = |live: &Live| {
        let known = live.called(&peer.name).expect("it is there");
        (known.since, known.last_heard())
    };
    let later = begin + Duration::from_secs(5);
    let before = live.insert(Peer { state: State::Participant, ..peer.clone() }, later);
    assert_eq!(before.map(|before| before.last_heard), Some(None), "it is the same process");
    assert_eq!(known(&live), (begin, Some(begin)));
    let before = live.insert(Peer { generation: 8, ..peer.clone() }, later);
    assert_eq!(before.map(|before| before.last_heard), Some(Some(begin)));
    assert_eq!(known(&live), (later, None));
}
