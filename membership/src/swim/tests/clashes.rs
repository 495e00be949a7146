//! Two live nodes of one name.

use std::time::Duration;

use super::net::{Net, at, peer, seeded};
use crate::{Config, Event, Key, Keyring, State, Swim};

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

/// The newcomer, at 22, is no part of the cluster, and all others know the first by the name.
fn has_stayed_out(net: &mut Net) {
    assert_eq!(net.node(22).me().state, State::Joining);
    assert!(!net.events(22).any(|event| matches!(event, Event::Joined { .. })));
    for port in [1, 2, 3] {
        let known = net.node(port).view().find(&peer("b", 0, 0).name).map(|peer| peer.address);
        assert_eq!(known, Some(at(2)));
    }
}

#[test]
fn the_newcomer_does_not_come_in_by_a_seed_that_has_just_begun_and_knows_nobody() {
    let mut net = Net::cluster(3, &[1]);
    net.boot(peer("b", 22, 2000), seeded());
    net.run_for(Duration::from_secs(20));
    net.crash(1);
    net.boot(peer("a", 1, 2001), seeded());
    // It is asked before anybody else has told it of the cluster.
    net.act(at(22), |swim, now| swim.handle_seeds(&[at(1)], now));
    net.run_for(Duration::from_secs(120));
    has_stayed_out(&mut net);
    for port in [1, 2, 3] {
        assert!(net.events(port).all(|event| match event {
            Event::Down { peer, .. } | Event::Changed { to: peer, .. } => peer.name.as_str() != "b",
            _ => true,
        }));
    }
}

/// As before, and the way between the two is broken: then only whoever told of the first can say that
/// it lives.
#[test]
fn who_told_of_the_first_is_asked_again_before_a_seed_that_knows_nobody_is_believed() {
    let mut net = Net::cluster(3, &[3]);
    net.apart.extend([(at(2), at(22)), (at(22), at(2))]);
    net.boot(peer("b", 22, 2000), seeded());
    net.run_for(Duration::from_secs(20));
    assert_eq!(net.node(22).name_clash().map(|peer| peer.address), Some(at(2)));
    net.crash(1);
    net.boot(peer("a", 1, 2001), seeded());
    net.act(at(22), |swim, now| swim.handle_seeds(&[at(1)], now));
    net.run_for(Duration::from_secs(120));
    has_stayed_out(&mut net);
}

#[test]
fn a_node_that_looks_for_its_earlier_life_forms_no_cluster_of_its_own() {
    let mut net = Net::cluster(3, &[1]);
    net.vanish(2);
    let config = Config { bootstrap_timeout: Duration::from_secs(1), ..seeded() };
    net.boot(peer("b", 22, 2000), config);
    let took = net.run_until("it is in", |net| net.agree(3));
    assert!(!net.events(22).any(|event| matches!(event, Event::Formed)), "{:#?}", net.events);
    // Nobody says that the machine is gone: that much time the earlier life has to answer.
    assert!(took < Duration::from_millis(2500), "{took:?}");
}

#[test]
fn a_newcomer_that_does_not_reach_the_first_alone_stays_out_too() {
    for config in [seeded(), keyed()] {
        // Nobody answers, or somebody refuses in the name of the first, as a firewall may.
        for refused in [false, true] {
            let mut net = Net::new(&[1]);
            for (port, name) in (1..=3).zip('a'..) {
                net.boot(peer(&name.to_string(), port, 1000), config.clone());
            }
            net.run_until("all see all", |net| net.agree(3));
            net.forget();
            for way in [(at(2), at(22)), (at(22), at(2))] {
                net.apart.insert(way);
                if refused {
                    net.closed.insert(way);
                }
            }
            net.boot(peer("b", 22, 2000), config.clone());
            net.run_for(Duration::from_secs(120));
            assert_eq!(net.node(22).name_clash().map(|peer| peer.address), Some(at(2)));
            for port in [1, 2, 3] {
                assert_eq!(net.node(port).name_clash(), None);
                let disturbed = |e: &Event| matches!(e, Event::Down { .. } | Event::Changed { .. });
                assert!(!net.events(port).any(disturbed), "{:#?}", net.events);
            }
            // The ways stay as they are, and the first is gone: the other takes its place.
            net.crash(2);
            let took = net.run_until("the other is in", |net| net.agree(3));
            assert!(took < Duration::from_secs(15), "{took:?}");
        }
    }
}

#[test]
fn both_meet_each_other_for_as_long_as_there_are_two() {
    let mut net = Net::cluster(3, &[1]);
    net.run_for(Duration::from_secs(60));
    assert_eq!(net.node(2).counters().namesakes, 0);
    net.boot(peer("b", 22, 2000), seeded());
    net.run_for(Duration::from_secs(60));
    let mut before = [2, 22].map(|port| net.node(port).counters().namesakes);
    for minute in 0..10 {
        net.run_for(Duration::from_secs(60));
        let now = [2, 22].map(|port| net.node(port).counters().namesakes);
        assert!(now[0] > before[0] && now[1] > before[1], "{minute}: {before:?} {now:?}");
        before = now;
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
fn a_first_that_is_gone_keeps_nobody_out_whatever_it_was_when_it_was_heard() {
    let mut net = Net::cluster(1, &[1]);
    net.boot_idle(peer("b", 2, 1000), seeded());
    net.run_until("the first is in", |net| net.node(2).is_joined());
    net.boot(peer("b", 22, 2000), seeded());
    net.run_until("it is kept out", |net| net.node(22).name_clash().is_some());
    let first = net.node(22).name_clash().map(|first| first.state);
    assert_eq!(first, Some(State::Joining));
    // The first takes part at last, and is gone before the other has asked it again.
    net.act(at(2), Swim::participate);
    net.run_until("the seed has heard of it", |net| net.node(1).view().participants().count() == 2);
    net.crash(2);
    net.run_until("the first is looked for", |net| net.node(22).is_checking());
    // Nobody else is there, either.
    net.crash(1);
    let took = net.run_until("nobody is named", |net| net.node(22).name_clash().is_none());
    assert!(took < Duration::from_secs(10), "{took:?}");
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
        let flaps = |net: &Net| {
            net.events(1).filter(|event| !matches!(event, Event::NameClash { .. })).count()
        };
        net.forget();
        // News of the second may still be under way, which the first contradicts once.
        net.run_for(Duration::from_secs(10));
        assert!(flaps(&net) <= 1, "it contradicts once: {:#?}", net.events);
        net.forget();
        net.run_for(Duration::from_secs(120));
        assert_eq!(flaps(&net), 0, "it is quiet afterwards: {:#?}", net.events);
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

/// The keys of nodes do not get in the way of telling namesakes apart.
fn keyed() -> Config {
    let keyring = Keyring::new(vec![Key::new(&[7; Key::BYTES])]).expect("one key");
    Config { keyring, ..seeded() }
}

/// A cluster of a, b and c with a key.
fn keyed_cluster() -> Net {
    let mut net = Net::new(&[1]);
    for (port, name) in (1..=3).zip('a'..) {
        net.boot(peer(&name.to_string(), port, 1000), keyed());
    }
    net.run_until("all see all", |net| net.agree(3));
    net.forget();
    net
}

#[test]
fn a_namesake_with_the_key_stays_out_and_the_first_is_undisturbed() {
    let mut net = keyed_cluster();
    // As late a generation as it may have: it is no reason to give way.
    net.boot(peer("b", 22, u64::from(u32::MAX)), keyed());
    net.run_for(Duration::from_secs(120));
    assert_eq!(net.node(22).name_clash().map(|peer| peer.address), Some(at(2)));
    for port in [1, 2, 3] {
        assert_eq!(net.node(port).size(), 3);
        assert!(!net.events(port).any(|e| matches!(e, Event::Down { .. } | Event::Changed { .. })));
        assert_eq!(net.node(port).name_clash(), None);
    }
    net.crash(2);
    let took = net.run_until("the other is in", |net| net.agree(3));
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn a_namesake_without_the_key_is_not_even_heard_of() {
    let mut net = keyed_cluster();
    net.boot(peer("b", 22, 2000), seeded());
    net.run_for(Duration::from_secs(60));
    assert!(!net.node(22).is_joined(), "its seed refuses it");
    for port in [1, 2, 3] {
        assert_eq!(net.events(port).count(), 0);
        assert_eq!(net.node(port).name_clash(), None);
    }
}

#[test]
fn a_namesake_stays_out_while_the_first_is_slow() {
    for config in [seeded(), keyed()] {
        let mut net = Net::new(&[1]);
        for (port, name) in (1..=3).zip('a'..) {
            net.boot(peer(&name.to_string(), port, 1000), config.clone());
        }
        net.run_until("all see all", |net| net.agree(3));
        net.boot(peer("b", 22, 2000), config);
        net.run_for(Duration::from_secs(5));
        assert!(net.node(22).name_clash().is_some());
        // The first says nothing for a second, several times, while the other goes on asking.
        for _ in 0..5 {
            net.stalled.insert(at(2));
            net.run_for(Duration::from_secs(1));
            net.resume();
            net.run_for(Duration::from_secs(10));
        }
        assert!(net.node(22).name_clash().is_some());
        let b = net.node(1).view().find(&peer("b", 0, 0).name).map(|peer| peer.address);
        assert_eq!(b, Some(at(2)));
        net.run_until("the three are one", |net| {
            [1, 2, 3].iter().all(|port| net.node(*port).view().participants().count() == 3)
        });
    }
}

#[test]
fn a_newcomer_of_the_other_side_of_a_partition_gives_way_when_it_heals() {
    for config in [seeded(), keyed()] {
        let mut net = Net::new(&[1, 3]);
        for (port, name) in (1..=4).zip('a'..) {
            net.boot(peer(&name.to_string(), port, 1000), config.clone());
        }
        net.run_until("all see all", |net| net.agree(4));
        // On the side without b, a new b is as good as a restarted one, and comes in.
        net.island.extend([at(3), at(4), at(22)]);
        net.run_until("the halves are alone", |net| net.node(3).size() == 2);
        net.boot(peer("b", 22, 2000), config);
        net.run_until("it is in", |net| {
            net.node(3).view().find(&peer("b", 0, 0).name).map(|b| b.address) == Some(at(22))
        });
        net.run_for(Duration::from_secs(60));
        net.island.clear();
        net.run_until("the newcomer gives way", |net| net.node(22).name_clash().is_some());
        net.run_until("the first is known to all", |net| {
            [1, 2, 3, 4].iter().all(|port| {
                let view = net.node(*port).view();
                let b = view.find(&peer("b", 0, 0).name).map(|b| b.address);
                view.participants().count() == 4 && b == Some(at(2))
            })
        });
        assert_eq!(net.node(2).name_clash(), None);
        let flaps = |net: &Net| {
            net.events(1).filter(|event| !matches!(event, Event::NameClash { .. })).count()
        };
        net.forget();
        // News of the second may still be under way, which the first contradicts once.
        net.run_for(Duration::from_secs(10));
        assert!(flaps(&net) <= 1, "it contradicts once: {:#?}", net.events);
        net.forget();
        net.run_for(Duration::from_secs(120));
        assert_eq!(flaps(&net), 0, "it is quiet afterwards: {:#?}", net.events);
    }
}

#[test]
fn an_identity_that_changes_its_address_after_a_crash_is_in_at_once() {
    for config in [seeded(), keyed()] {
        let mut net = Net::new(&[1]);
        for (port, name) in (1..=3).zip('a'..) {
            net.boot(peer(&name.to_string(), port, 1000), config.clone());
        }
        net.run_until("all see all", |net| net.agree(3));
        net.crash(2);
        // The clock stood still: only what was kept on disk tells the lives apart.
        net.boot(peer("b", 22, 1001), config);
        let took = net.run_until("it is known at its new address", |net| {
            net.agree(3)
                && net.node(3).view().find(&peer("b", 0, 0).name).map(|b| b.address) == Some(at(22))
        });
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}

#[test]
fn a_seed_that_is_kept_out_leads_newcomers_to_the_first() {
    let mut net = Net::cluster(3, &[1]);
    net.boot(peer("b", 22, 2000), seeded());
    net.run_until("it is kept out", |net| net.node(22).name_clash().is_some());
    net.seeds = Ok(vec![at(22)]);
    net.boot(peer("z", 9, 7), seeded());
    let took = net.run_until("the newcomer is in", |net| {
        [1, 2, 3, 9].iter().all(|port| net.node(*port).view().participants().count() == 4)
    });
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(net.events(9).all(|event| *event != Event::Formed));
}

#[test]
fn a_seed_that_is_kept_out_is_somebody_for_whom_newcomers_wait() {
    let mut net = Net::cluster(3, &[1]);
    net.boot(peer("b", 22, 2000), seeded());
    net.run_until("it is kept out", |net| net.node(22).name_clash().is_some());
    net.seeds = Ok(vec![at(22)]);
    // The way to those that it names is closed.
    for port in [1, 2, 3] {
        net.apart.extend([(at(9), at(port)), (at(port), at(9))]);
    }
    net.boot(peer("z", 9, 7), seeded());
    net.run_for(Duration::from_secs(60));
    assert!(!net.node(9).is_joined());
    net.apart.clear();
    net.run_until("the newcomer is in", |net| {
        [1, 2, 3, 9].iter().all(|port| net.node(*port).view().participants().count() == 4)
    });
}

#[test]
fn when_the_first_and_all_others_are_gone_who_was_kept_out_and_its_newcomers_are_a_cluster() {
    let mut net = Net::cluster(2, &[1]);
    net.boot(peer("b", 22, 2000), seeded());
    net.run_until("it is kept out", |net| net.node(22).name_clash().is_some());
    net.crash(1);
    net.crash(2);
    net.seeds = Ok(vec![at(22)]);
    net.boot(peer("z", 9, 7), seeded());
    // The one that was kept out has its old seeds.
    net.seeds = Ok(vec![at(1)]);
    let z = net.now;
    net.run_until("they are one", |net| net.agree(2));
    assert!(net.now - z < Duration::from_secs(40), "{:?}", net.now - z);
}

#[test]
fn a_seed_that_departs_leads_newcomers_to_those_it_leaves() {
    let mut net = Net::cluster(3, &[1]);
    net.act(at(1), Swim::depart);
    net.boot(peer("z", 9, 7), seeded());
    let took = net.run_until("the newcomer is in", |net| {
        [2, 3, 9].iter().all(|port| net.node(*port).view().participants().count() == 3)
    });
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_seed_that_departs_from_a_cluster_that_ends_keeps_nobody_from_forming_one() {
    let mut net = Net::cluster(1, &[1]);
    net.act(at(1), Swim::depart);
    net.boot(peer("z", 9, 7), seeded());
    net.run_for(Duration::from_secs(1));
    net.crash(1);
    let took = net.run_until("it is on its own", |net| net.node(9).is_joined());
    assert!((8..25).contains(&took.as_secs()), "{took:?}");
}
