use super::*;

fn from() -> SocketAddr {
    "127.0.0.1:7".parse().expect("an address")
}

#[test]
fn whoever_waits_for_a_number_learns_where_it_came_from_once() {
    let mut awaited = Awaited::default();
    let (arrived, mut at) = oneshot::channel();
    awaited.add([1; 16], arrived);
    assert_eq!(awaited.take(&datagram([2; 16]), from()), Check::Strange);
    at.try_recv().expect_err("nothing arrived");
    assert_eq!(awaited.take(&datagram([1; 16]), from()), Check::Known);
    assert_eq!(at.try_recv(), Ok(from()));
    // Each is sent several times, which is no reason to complain.
    assert_eq!(awaited.take(&datagram([1; 16]), from()), Check::Known);
}

#[test]
fn other_datagrams_are_left_to_gossip() {
    let mut awaited = Awaited::default();
    let datagram = datagram([1; 16]);
    let long = [datagram.as_slice(), b"x"].concat();
    for other in [&datagram[..23], &long, &datagram[1..], b"", b"\x01gossip"] {
        assert_eq!(awaited.take(other, from()), Check::Other, "{other:?}");
    }
}

#[test]
fn who_gave_up_makes_room_and_too_many_are_refused() {
    let mut awaited = Awaited::default();
    let number = |n: usize| {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&n.to_le_bytes());
        nonce
    };
    let mut waiting = Vec::new();
    for n in 0..AWAITED {
        let (arrived, at) = oneshot::channel();
        awaited.add(number(n), arrived);
        waiting.push(at);
    }
    let (arrived, mut at) = oneshot::channel();
    awaited.add(number(AWAITED), arrived);
    assert_eq!(at.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    waiting.clear();
    let (arrived, mut at) = oneshot::channel();
    awaited.add(number(AWAITED), arrived);
    assert_eq!(awaited.take(&datagram(number(AWAITED)), from()), Check::Known);
    assert_eq!(at.try_recv(), Ok(from()));
    for n in AWAITED..=AWAITED + ARRIVED {
        let (arrived, _at) = oneshot::channel();
        awaited.add(number(n), arrived);
        awaited.take(&datagram(number(n)), from());
    }
    assert_eq!(awaited.take(&datagram(number(AWAITED)), from()), Check::Strange, "long ago");
    assert_eq!(awaited.arrived.len(), ARRIVED);
}
