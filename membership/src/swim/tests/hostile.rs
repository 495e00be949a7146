//! Input that no well-behaved node sends.

use std::time::Duration;

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

use super::net::{Net, at, peer, seeded};
use crate::envelope::Envelope;
use crate::{Config, DATAGRAM_MAX, Keyring, Kind, Refusal};

/// What a stranger without a key can make.
fn envelope(cluster: &str) -> Envelope {
    Envelope::new(cluster, Keyring::default(), &mut ChaCha12Rng::seed_from_u64(1))
}

/// A datagram that the node at port 1 sends to node b at port 2.
fn datagram_to_b(net: &mut Net) -> Vec<u8> {
    let find = |net: &Net| {
        let mut sent = net.sent.iter();
        sent.find(|(from, to, _)| (*from, *to) == (at(1), at(2))).map(|sent| sent.2.to_vec())
    };
    net.forget();
    net.run_until("a sends to b", |net| find(net).is_some());
    find(net).expect("it was sent")
}

#[test]
fn whatever_is_not_for_this_node_is_counted_by_reason_and_changes_nothing() {
    let mut net = Net::cluster(3, &[1]);
    let good = datagram_to_b(&mut net);
    let now = net.now;
    let version = [&[9u8][..], &good[1..]].concat();
    let suite = [&good[..1], &[7u8], &good[2..]].concat();
    let kind = [&good[..2], &[1u8], &good[3..]].concat();
    let cut = good[..good.len() - 3].to_vec();
    let long = [&good[..], &vec![0; DATAGRAM_MAX]].concat();
    let mut theirs = Net::new(&[]);
    theirs.boot(peer("x", 1, 7), Config { cluster: "theirs".into(), ..seeded() });
    theirs.boot(peer("b", 2, 7), Config { cluster: "theirs".into(), ..seeded() });
    theirs.act(at(1), |swim, now| swim.handle_seeds(&[at(2)], now));
    theirs.run_for(Duration::from_secs(15));
    let foreign = datagram_to_b(&mut theirs);
    let cases: [(&str, &[u8]); 8] = [
        ("too_short", &good[..5]),
        ("too_long", &long),
        ("version", &version),
        ("suite", &suite),
        ("kind", &kind),
        ("malformed", &cut),
        ("cluster", &foreign),
        ("misdirected", &good),
    ];
    for (reason, bytes) in cases {
        // What is meant for b is not meant for c.
        let victim = if reason == "misdirected" { 3 } else { 2 };
        let before = (net.node(victim).digest(), net.node(victim).counters().clone());
        let refusal = net.node(victim).handle_datagram(bytes, now).expect_err(reason);
        assert_eq!(refusal.reason(), reason, "{refusal}");
        let index = Refusal::NAMES.iter().position(|name| *name == reason).expect("a reason");
        let mut expected = before.1;
        expected.refused[index] += 1;
        assert_eq!(net.node(victim).counters(), &expected);
        assert_eq!(net.node(victim).digest(), before.0);
        assert_eq!(net.node(victim).poll_output(), None);
    }
}

#[test]
fn a_foreign_cluster_is_named() {
    let foreign = envelope("theirs").wrap(Kind::Gossip, b"x");
    let refusal = envelope("ours").open(&foreign).expect_err("it is foreign");
    let (theirs, mine) = ("theirs".to_owned(), "ours".to_owned());
    assert_eq!(refusal, Refusal::Cluster { theirs, mine });
}

#[test]
fn a_forged_length_costs_no_memory() {
    let mut net = Net::cluster(2, &[1]);
    let now = net.now;
    let envelope = envelope("");
    // A name of a terabyte.
    let forged = [&[253u8][..], &(1u64 << 40).to_le_bytes()].concat();
    let datagram = envelope.wrap(Kind::Gossip, &forged);
    let refusal = net.node(1).handle_datagram(&datagram, now).expect_err("it is forged");
    assert_eq!(refusal.reason(), "malformed");
    let body = envelope.wrap(Kind::SyncQuestion, &forged);
    let refusal = net.node(1).handle_sync(&body, now).expect_err("it is forged");
    assert_eq!(refusal.reason(), "malformed");
}

#[test]
fn the_longest_names_and_addresses_fit_into_a_datagram() {
    let mut net = Net::new(&[]);
    let long = |n: u16| {
        let name = format!("{n:0>63}");
        let address = format!("[2001:db8:1111:2222:3333:4444:5555:{n:x}]:65535");
        let address = address.parse().expect("an address");
        crate::Peer { address, generation: u64::MAX / 2, ..peer(&name, 1, 0) }
    };
    let config = || Config { cluster: "c".repeat(63), ..seeded() };
    net.seeds = Ok(vec![long(1).address]);
    for n in 1..=40 {
        net.boot(long(n), config());
    }
    net.run_until("all see all", |net| net.agree(40));
    // Indirect probes name three peers.
    net.mute.insert(long(7).address);
    net.run_until("it is found", |net| {
        net.nodes.iter().all(|(at, swim)| *at == long(7).address || swim.size() == 39)
    });
    let longest = net.sent.iter().map(|(.., datagram)| datagram.len()).max();
    assert!(longest.is_some_and(|length| length <= DATAGRAM_MAX), "{longest:?}");
    for swim in net.nodes.values() {
        assert_eq!(swim.counters().inconsistencies, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_datagram_does_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), port in 1u16..4) {
        let mut net = Net::cluster(3, &[1]);
        let now = net.now;
        let envelope = envelope("");
        for datagram in [bytes.clone(), envelope.wrap(Kind::Gossip, &bytes).to_vec()] {
            prop_assert!(net.node(port).handle_datagram(&datagram, now).is_err());
        }
        for kind in [Kind::SyncQuestion, Kind::SyncAnswer] {
            let body = envelope.wrap(kind, &bytes);
            let _ = net.node(port).handle_sync(&body, now);
            let _ = net.node(port).handle_sync_reply(at(9), &body, now);
        }
        prop_assert!(net.agree(3));
    }

    #[test]
    fn no_flipped_bits_do_harm_that_does_not_heal(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..6)
    ) {
        let mut net = Net::cluster(3, &[1]);
        let mut datagram = datagram_to_b(&mut net);
        for (index, bit) in flips {
            let index = index.index(datagram.len());
            datagram[index] ^= 1 << bit;
        }
        net.act(at(2), |swim, now| { let _ = swim.handle_datagram(&datagram, now); });
        // A forged name or state may be believed, without a key; it does not last.
        net.run_until("all agree again", |net| net.agree(3));
    }
}
