//! Two live nodes of one name.

use std::time::Duration;

use super::net::{Net, at, peer, seeded};
use crate::{Event, State, Swim};

#[test]
fn the_newcomer_stays_out_and_names_both() {
    let mut net = Net::cluster(3, &[1]);
    net.boot(peer("b", 22, 2000), seeded());
    net.run_for(Duration::from_secs(120));
    let clashes: Vec<&Event> =
        net.events(22).filter(|event| matches!(event, Event::NameClash { .. })).collect();
    let [Event::NameClash { mine, theirs }] = clashes[..] else {
        panic!("it says so once: {clashes:?}");
    };
    assert_eq!((mine.address, theirs.address), (at(22), at(2)));
    assert_eq!(net.node(22).me().state, State::Joining);
    assert_eq!(net.node(22).name_clash().map(|peer| peer.address), Some(at(2)));
    // The first is undisturbed, and nobody has heard of the other.
    for port in [1, 2, 3] {
        assert_eq!(
            net.node(port).view().find(&peer("b", 0, 0).name).map(|p| p.address),
            Some(at(2))
        );
        assert!(!net.events(port).any(|e| matches!(e, Event::Down { .. } | Event::Changed { .. })));
    }
}

#[test]
fn the_newcomer_comes_in_when_the_first_is_gone() {
    let mut net = Net::cluster(3, &[1]);
    net.boot(peer("b", 22, 2000), seeded());
    net.run_for(Duration::from_secs(10));
    net.crash(2);
    let took = net.run_until("it is in", |net| net.agree(3));
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(net.node(22).name_clash(), None);
}

#[test]
fn a_newcomer_that_is_a_seed_s_namesake_stays_out() {
    let mut net = Net::cluster(1, &[1]);
    net.boot(peer("a", 22, 2000), seeded());
    net.run_for(Duration::from_secs(30));
    assert!(net.node(22).name_clash().is_some());
    assert_eq!(net.node(1).size(), 1);
    assert_eq!(net.node(1).name_clash(), None);
}

#[test]
fn of_two_namesakes_that_joined_apart_the_first_stays() {
    for first in [2, 22] {
        let second = if first == 2 { 22 } else { 2 };
        let mut net = Net::new(&[1, 9]);
        net.island.extend([at(1), at(first)]);
        net.boot(peer("a", 1, 7), seeded());
        net.boot(peer("b", first, 7), seeded());
        net.run_for(Duration::from_secs(20));
        net.boot(peer("z", 9, 7), seeded());
        net.boot(peer("b", second, 8), seeded());
        net.run_for(Duration::from_secs(20));
        assert_eq!(net.node(first).size(), 2);
        assert_eq!(net.node(second).size(), 2);
        net.island.clear();
        net.run_until("the second stands down", |net| net.node(second).name_clash().is_some());
        net.run_until("the rest is one", |net| {
            let ports = [1, 9, first];
            ports.iter().all(|port| {
                let view = net.node(*port).view();
                let b = view.find(&peer("b", 0, 0).name).map(|peer| peer.address);
                view.participants().count() == 3 && b == Some(at(first))
            })
        });
        assert_eq!(net.node(first).name_clash(), None);
        net.forget();
        net.run_for(Duration::from_secs(120));
        let flaps = net.events(1).filter(|event| !matches!(event, Event::NameClash { .. })).count();
        assert_eq!(flaps, 0, "it is quiet afterwards: {:#?}", net.events);
    }
}

#[test]
fn namesakes_of_the_same_second_are_told_apart() {
    let mut net = Net::cluster(2, &[1]);
    net.boot(peer("z", 8, 7), seeded());
    net.boot(peer("z", 9, 7), seeded());
    net.run_for(Duration::from_secs(60));
    let out = [8, 9].into_iter().filter(|port| net.node(*port).name_clash().is_some()).count();
    assert_eq!(out, 1);
    assert_eq!(net.node(1).view().participants().count(), 3);
}

#[test]
fn a_namesake_stands_down_to_a_node_that_is_leaving_only_until_it_is_gone() {
    let mut net = Net::cluster(3, &[1]);
    net.act(at(2), Swim::leave);
    net.boot(peer("b", 22, 2000), seeded());
    net.run_for(Duration::from_secs(5));
    assert!(net.node(22).name_clash().is_some());
    net.act(at(2), Swim::depart);
    net.run_until("it may end", |net| net.departed.contains(&at(2)));
    net.crash(2);
    net.run_until("the other is in", |net| net.agree(3));
}
