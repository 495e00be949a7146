//! What each part of Lifeguard does by itself: with it, and without.

use std::time::Duration;

use foca::Message;
use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;

use super::net::{Net, at, peer, seeded};
use crate::envelope::Envelope;
use crate::swim::packet::Packet;
use crate::swim::trailer::Rumour;
use crate::{Config, Keyring};

/// A cluster of nodes called n1, n2, ... that is settled.
fn cluster(nodes: u16, config: &Config) -> Net {
    let mut net = Net::new(&[1]);
    for port in 1..=nodes {
        net.boot(peer(&format!("n{port}"), port, 1000), config.clone());
    }
    net.run_until("all see all", |net| net.agree(usize::from(nodes)));
    net.run_for(Duration::from_secs(5));
    net.forget();
    net
}

/// A datagram that was sent, as its receiver reads it: its message, and the rumours in it.
fn read(datagram: &[u8]) -> (Message<crate::Peer>, Vec<Rumour>) {
    let rng = &mut ChaCha12Rng::seed_from_u64(1);
    let mut envelope = Envelope::new("", Keyring::default(), rng);
    let payload = envelope.open(datagram).expect("it is of this cluster");
    let packet = Packet::parse(&payload).expect("it is well-formed");
    (packet.header.message, packet.trailer.rumours)
}

#[test]
fn messages_of_a_suspect_put_the_verdict_off() {
    let lives = |evidence| {
        let mut net = cluster(6, &Config { evidence, ..seeded() });
        for port in 1..=5 {
            net.cut.insert((at(port), at(6)));
        }
        let gone = |net: &mut Net| (1..=5).any(|port| net.node(port).size() == 5);
        let took = net.run_until("somebody takes it for dead", gone);
        let seen: u64 = (1..=5).map(|port| net.node(port).counters().evidence_of_life).sum();
        (took, seen)
    };
    let ((with, seen), (without, unseen)) = (lives(true), lives(false));
    assert!(seen > 0 && unseen == 0, "{seen} signs of life, and {unseen}");
    assert!(with > 2 * without, "it lives for {with:?}, and {without:?} if nobody listens to it");
}

/// Whether n1 holds a suspicion about the node at `port`.
fn suspects(net: &mut Net, port: u16) -> bool {
    net.node(1)
        .peers()
        .iter()
        .any(|known| known.peer.address == at(port) && known.suspicion.is_some())
}

#[test]
fn a_suspect_is_told_before_anything_else() {
    // Whether each datagram of n1 to the suspect n8 begins with the suspicion about it, while others are
    // suspected as well.
    let told = |buddy| {
        let mut net = cluster(10, &Config { buddy, ..seeded() });
        net.vanish(9);
        for port in 1..=7 {
            net.cut.extend([(at(8), at(port)), (at(port), at(8))]);
        }
        net.run_until("n1 suspects both", |net| suspects(net, 8) && suspects(net, 9));
        net.forget();
        net.run_until("one of both is over", |net| !suspects(net, 8) || !suspects(net, 9));
        let suspect = peer("n8", 8, 1000).name.hash_bytes();
        let to_it = net.sent.iter().filter(|(from, to, _)| (*from, *to) == (at(1), at(8)));
        let read = to_it.map(|(.., datagram)| read(datagram));
        // Which is the verdict, and no suspicion any more.
        let held = read.filter(|(message, _)| *message != Message::TurnUndead);
        let first = held.map(|(_, rumours)| rumours.first().map(|rumour| rumour.suspect));
        first.map(|first| first == Some(suspect)).collect::<Vec<bool>>()
    };
    let (with, without) = (told(true), told(false));
    assert!(!with.is_empty() && with.iter().all(|first| *first), "{with:?}");
    assert!(without.iter().any(|first| !first), "{without:?}");
}

#[test]
fn a_node_that_hears_nobody_asks_more_and_more_slowly() {
    let pings = |local_health| {
        let mut net = cluster(20, &Config { local_health, ..seeded() });
        net.stalled.insert(at(3));
        net.run_for(Duration::from_secs(10));
        let asked = |(from, _, datagram): &&(_, _, bytes::Bytes)| {
            *from == at(3) && matches!(read(datagram).0, Message::Ping(_))
        };
        net.sent.iter().filter(asked).count()
    };
    let (with, without) = (pings(true), pings(false));
    assert!(without > 20, "{without} pings in ten seconds");
    assert!(3 * with <= without, "{with} pings, and {without} if it trusts itself");
}
