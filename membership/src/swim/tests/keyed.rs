//! Nodes that share a key, and somebody on the network who recorded what they said.

use std::time::Duration;

use bytes::Bytes;

use super::net::{Net, at, peer, seeded};
use crate::{Config, Key, Keyring, Peer, Refusal};

fn ring(bytes: &[u8]) -> Keyring {
    let keys = bytes.iter().map(|byte| Key::new(&[*byte; Key::BYTES]));
    Keyring::new(keys.collect()).expect("a few keys, each once")
}

fn with(keys: &[u8]) -> Config {
    Config { keyring: ring(keys), ..seeded() }
}

fn cluster(nodes: u16) -> Net {
    let mut net = Net::new(&[1]);
    for (port, name) in (1..=nodes).zip('a'..) {
        net.boot(peer(&name.to_string(), port, 1000), with(&[1]));
    }
    net.run_until("all see all", |net| net.agree(usize::from(nodes)));
    net
}

/// Everything that was sent to `port`.
fn recorded(net: &Net, port: u16) -> Vec<Bytes> {
    let to = net.sent.iter().filter(|(_, to, _)| *to == at(port));
    to.map(|(.., datagram)| datagram.clone()).collect()
}

#[test]
fn nodes_with_one_key_form_a_cluster_and_keep_it_through_crash_and_restart() {
    let mut net = cluster(5);
    net.crash(2);
    net.run_until("b is gone", |net| net.agree(4));
    net.boot(peer("b", 2, 2000), with(&[1]));
    net.run_until("b is back", |net| net.agree(5));
    assert!(net.nodes.values().all(|swim| swim.counters().inconsistencies == 0));
}

#[test]
fn keys_change_on_a_running_cluster_without_a_flap() {
    let mut net = cluster(4);
    net.forget();
    for step in [&[1, 2][..], &[2, 1], &[2]] {
        for port in 1..=4 {
            // One node after the other, while they talk.
            net.act(at(port), |swim, _| swim.set_keyring(ring(step)));
            net.run_for(Duration::from_secs(3));
        }
    }
    net.run_for(Duration::from_secs(30));
    assert!(net.agree(4));
    assert!(net.events.is_empty(), "{:?}", net.events);
    for swim in net.nodes.values() {
        assert_eq!(swim.counters().refused_total(), 0);
    }
}

#[test]
fn a_node_with_another_key_is_not_heard() {
    let mut net = cluster(2);
    let mut theirs = Net::new(&[]);
    theirs.boot(peer("x", 1, 7), with(&[2]));
    theirs.boot(peer("b", 2, 7), with(&[2]));
    theirs.act(at(1), |swim, now| swim.handle_seeds(&[at(2)], now));
    theirs.run_for(Duration::from_secs(15));
    let before = net.node(2).digest();
    let foreign = recorded(&theirs, 2);
    assert!(!foreign.is_empty());
    for datagram in foreign {
        let now = net.now;
        let refusal = net.node(2).handle_datagram(&datagram, now).expect_err("another key");
        let (theirs, mine) = (ring(&[2]).ids()[0], ring(&[1]).ids());
        assert_eq!(refusal, Refusal::Key { theirs, mine });
    }
    assert_eq!(net.node(2).digest(), before);
}

#[test]
fn what_was_recorded_changes_nothing_when_it_is_sent_again() {
    let mut net = cluster(4);
    net.run_for(Duration::from_secs(30));
    net.crash(4);
    net.run_until("d is gone", |net| net.agree(3));
    let tape: Vec<Bytes> = net.sent.iter().map(|(.., datagram)| datagram.clone()).collect();
    // Until what is under way has arrived.
    net.run_for(Duration::from_millis(10));
    net.forget();
    for datagram in &tape {
        for port in 1..=3 {
            net.act(at(port), |swim, now| {
                let refusal = swim.handle_datagram(datagram, now).expect_err("it is a recording");
                let reason = refusal.reason();
                // Most were for others, or from this node itself.
                let reasons = ["replayed", "stale", "misdirected", "name_clash"];
                assert!(reasons.contains(&reason), "{refusal}");
            });
        }
    }
    assert!(net.events.is_empty(), "{:?}", net.events);
    assert!(net.agree(3));
}

#[test]
fn a_node_that_was_restarted_believes_nothing_that_was_said_to_its_earlier_life() {
    let mut net = cluster(4);
    net.run_for(Duration::from_secs(60));
    let tape = recorded(&net, 1);
    net.crash(1);
    net.run_until("a is gone", |net| net.agree(3));
    net.crash(4);
    net.run_until("d is gone", |net| net.agree(2));
    net.boot(peer("a", 1, 2000), with(&[1]));
    net.act(at(1), |swim, now| swim.handle_seeds(&[at(2)], now));
    net.run_until("a is back", |net| net.agree(3));
    net.forget();
    assert!(tape.len() > 10);
    for datagram in &tape {
        net.act(at(1), |swim, now| {
            let refusal = swim.handle_datagram(datagram, now).expect_err("it is a recording");
            assert!(["replayed", "stale"].contains(&refusal.reason()), "{refusal}");
        });
    }
    net.run_for(Duration::from_secs(60));
    assert!(net.events.is_empty(), "{:?}", net.events);
    assert!(net.agree(3));
}

#[test]
fn a_node_that_lost_its_files_believes_nothing_of_its_earlier_life_although_it_comes_to_stand_above_it()
 {
    let mut net = cluster(3);
    net.run_for(Duration::from_secs(60));
    let before = net.node(1).me().generation;
    let tape = recorded(&net, 1);
    net.crash(1);
    net.run_until("a is gone", |net| net.agree(2));
    net.boot(peer("a", 1, before - 5), with(&[1]));
    net.act(at(1), |swim, now| swim.handle_seeds(&[at(2)], now));
    net.run_until("a is back", |net| net.agree(3));
    assert!(net.node(1).me().generation > before);
    assert!(tape.len() > 10);
    for datagram in &tape {
        net.act(at(1), |swim, now| {
            let refusal = swim.handle_datagram(datagram, now).expect_err("it is a recording");
            assert!(["replayed", "stale"].contains(&refusal.reason()), "{refusal}");
        });
    }
}

#[test]
fn who_has_not_heard_of_a_restart_hears_of_it_from_the_node_itself() {
    let mut net = cluster(2);
    net.crash(2);
    // At the same address, before anybody noticed: a asks for b's earlier life.
    let reborn = Peer { generation: 2000, ..peer("b", 2, 2000) };
    net.seeds = Ok(Vec::new());
    net.boot(reborn, Config { seeded: false, ..with(&[1]) });
    net.run_until("a has heard", |net| {
        net.agree(2) && net.node(1).peers().iter().all(|status| status.peer.generation >= 2000)
    });
}

#[test]
fn halves_that_restart_their_nodes_while_apart_become_one_again() {
    let mut net = cluster(6);
    net.island = [4, 5, 6].map(at).into();
    net.run_until("each half is alone", |net| net.nodes.values().all(|swim| swim.size() == 3));
    // Each half knows only earlier lives of the other, and gossip alone has to do.
    for (port, name) in [(2, "b"), (3, "c"), (5, "e")] {
        net.crash(port);
        net.seeds = Ok(vec![at(if port < 4 { 1 } else { 4 })]);
        net.boot(peer(name, port, 2000), with(&[1]));
    }
    net.run_until("each half is whole", |net| net.nodes.values().all(|swim| swim.size() == 3));
    net.run_for(Duration::from_secs(300));
    net.seeds = Ok(Vec::new());
    net.island.clear();
    let took = net.run_until("all see all", |net| net.agree(6));
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert!(net.nodes.values().all(|swim| swim.counters().inconsistencies == 0));
}
