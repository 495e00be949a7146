//! Crashes, leaves, restarts, partitions.

use std::time::Duration;

use foca::{Member, State as Liveness};

use super::net::{Net, at, peer, seeded};
use crate::{Cause, Event, Output, State, Swim};

#[test]
fn a_crash_is_found_by_everybody_within_a_few_seconds() {
    let mut net = Net::cluster(6, &[1]);
    net.crash(4);
    let crashed = net.now;
    let took = net.run_until("it is found", |net| net.agree(5));
    assert!(took < Duration::from_secs(9), "{took:?}");
    let mut heard = 0;
    for port in [1, 2, 3, 5, 6] {
        let downs: Vec<&Event> =
            net.events(port).filter(|event| matches!(event, Event::Down { .. })).collect();
        let [Event::Down { peer, cause: Cause::Failed, last_heard }] = downs[..] else {
            panic!("{downs:?}")
        };
        assert_eq!(peer.address, at(4));
        // Who knew it by more than hearsay says until when it surely lived.
        let under_way = Duration::from_millis(1);
        assert!(last_heard.is_none_or(|heard| heard <= crashed + under_way), "{downs:?}");
        heard += usize::from(last_heard.is_some());
    }
    assert!(heard > 0);
}

#[test]
fn nobody_dies_while_all_is_well() {
    let mut net = Net::cluster(5, &[1]);
    net.run_for(Duration::from_secs(600));
    assert_eq!(net.events, []);
    for swim in net.nodes.values() {
        let counters = swim.counters();
        assert_eq!((counters.refused_total(), counters.inconsistencies), (0, 0));
        assert_eq!(counters.probes_failed, 0);
    }
}

#[test]
fn a_leave_is_announced_and_then_known_to_all_at_once() {
    let mut net = Net::cluster(6, &[1]);
    net.act(at(2), Swim::leave);
    net.run_until("all know that it leaves", |net| {
        net.nodes.values_mut().all(|swim| swim.view().participants().count() == 5)
    });
    net.run_for(Duration::from_secs(30));
    let name = peer("b", 2, 0).name;
    let state = net.node(1).view().find(&name).map(|peer| peer.state);
    assert_eq!(state, Some(State::Leaving), "it stays until it departs");

    net.forget();
    net.act(at(2), Swim::depart);
    let took = net.run_until("it may end", |net| net.departed.contains(&at(2)));
    assert!(took < Duration::from_millis(300), "{took:?}");
    net.crash(2);
    let took = net.run_until("all know that it left", |net| net.agree(5));
    assert!(took < Duration::from_millis(300), "{took:?}");
    for port in [1, 3, 4, 5, 6] {
        let left = |event: &Event| matches!(event, Event::Down { cause: Cause::Left, .. });
        assert_eq!(net.events(port).filter(|event| left(event)).count(), 1);
    }
}

#[test]
fn whoever_has_departed_never_comes_back_by_itself() {
    let mut net = Net::cluster(3, &[1]);
    net.act(at(2), Swim::depart);
    // It goes on running, and the others go on sending to it for a moment.
    net.run_for(Duration::from_secs(30));
    assert_eq!(net.node(2).me().generation, 1000);
    for port in [1, 3] {
        assert_eq!(net.node(port).view().peers.len(), 2);
    }
    assert_eq!(net.node(2).poll_timeout(), None);
}

#[test]
fn a_node_alone_departs_at_once() {
    let mut net = Net::new(&[]);
    net.boot(peer("a", 1, 7), crate::Config::default());
    net.act(at(1), Swim::depart);
    assert!(net.departed.contains(&at(1)));
}

#[test]
fn a_restart_at_the_same_address_is_seen_before_the_crash_is() {
    let mut net = Net::cluster(4, &[1]);
    // With its machine: a closed port would be noticed sooner.
    net.vanish(3);
    net.run_for(Duration::from_millis(500));
    net.vanished.clear();
    net.boot(peer("c", 3, 1001), seeded());
    let took = net.run_until("all see its new life", |net| net.agree(4));
    assert!(took < Duration::from_millis(1500), "{took:?}");
    assert!(!net.events(1).any(|event| matches!(event, Event::Down { .. })));
    assert!(net.events(1).any(|event| matches!(event, Event::Changed { .. })));
}

#[test]
fn a_restart_at_another_address_takes_the_place_of_the_dead() {
    let mut net = Net::cluster(4, &[1]);
    net.crash(3);
    net.run_for(Duration::from_millis(500));
    net.boot(peer("c", 33, 1001), seeded());
    let took = net.run_until("all see it", |net| net.agree(4));
    assert!(took < Duration::from_secs(3), "{took:?}");
    let name = peer("c", 0, 0).name;
    assert_eq!(net.node(1).view().find(&name).map(|peer| peer.address), Some(at(33)));
}

#[test]
fn a_restart_with_a_clock_that_went_back_still_outranks_its_past() {
    let mut net = Net::cluster(4, &[1]);
    net.crash(3);
    net.boot(peer("c", 3, 5), seeded());
    let took = net.run_until("all see it", |net| net.agree(4));
    assert!(took < Duration::from_millis(1500), "{took:?}");
    assert!(net.node(3).me().generation > 1000);
}

#[test]
fn a_node_that_everybody_took_for_dead_comes_back_by_itself() {
    let mut net = Net::cluster(4, &[1]);
    net.mute.insert(at(3));
    net.run_until("it is taken for dead", |net| net.node(1).size() == 3);
    net.mute.clear();
    let took = net.run_until("it is back", |net| net.agree(4));
    assert!(took < Duration::from_secs(90), "{took:?}");
    assert!(net.node(3).me().generation > 1000);
}

#[test]
fn two_nodes_that_lost_each_other_find_each_other_again() {
    let mut net = Net::cluster(2, &[1, 2]);
    net.island.insert(at(1));
    net.run_until("both are alone", |net| net.nodes.values().all(|swim| swim.size() == 1));
    assert!(net.events(1).any(|event| *event == Event::Isolated));
    net.run_for(Duration::from_secs(3600));
    net.island.clear();
    let took = net.run_until("they are one", |net| net.agree(2));
    assert!(took < Duration::from_secs(70), "{took:?}");
}

#[test]
fn a_partition_of_any_length_heals() {
    // The dead are forgotten after an hour; the seeds never are.
    for length in [5, 60, 3700] {
        let mut net = Net::cluster(6, &[1, 6]);
        net.island.extend([at(1), at(2), at(3)]);
        net.run_for(Duration::from_secs(length));
        net.island.clear();
        let took = net.run_until("they are one", |net| net.agree(6));
        assert!(took < Duration::from_secs(90), "after {length} s: {took:?}");
    }
}

#[test]
fn a_refuted_suspicion_kills_nobody() {
    let mut net = Net::cluster(3, &[1]);
    let victim = net.node(1).peers().into_iter().find(|status| status.peer.address == at(2));
    let victim = victim.expect("it is alive").peer;
    // Node 1 suspects node 2, by a probe that was lost, and hears the refutation.
    net.mute.insert(at(2));
    net.run_until("it is suspected", |net| {
        net.node(1).peers().iter().any(|status| status.peer == victim && status.suspicion.is_some())
    });
    net.mute.clear();
    net.run_for(Duration::from_secs(60));
    assert!(net.agree(3));
    assert_eq!(net.node(2).me(), &victim, "it did not have to come back");
    assert!(!net.events.iter().any(|(_, event)| matches!(event, Event::Down { .. })));
    assert!(net.node(1).counters().suspicions_refuted > 0);
}

#[test]
fn a_full_sync_does_not_revive_the_dead() {
    let mut net = Net::cluster(3, &[1]);
    let dead = net.node(3).me().clone();
    net.crash(3);
    net.run_until("it is found", |net| net.agree(2));
    net.forget();
    net.act(at(1), |swim, now| {
        let alive = Member::new(dead.clone(), 9, Liveness::Alive);
        swim.merge(vec![alive], true, now);
        swim.settle(now);
    });
    assert_eq!(net.node(1).size(), 2);
    net.run_for(Duration::from_secs(60));
    assert!(net.agree(2));
}

#[test]
fn hearsay_of_a_death_is_a_suspicion_that_the_living_refute() {
    let mut net = Net::cluster(3, &[1]);
    let alive = net.node(3).me().clone();
    net.act(at(1), |swim, now| {
        swim.merge(vec![Member::new(alive.clone(), 0, Liveness::Down)], true, now);
        swim.settle(now);
    });
    assert_eq!(net.node(1).size(), 3);
    assert!(net.node(1).peers().iter().any(|status| status.suspicion.is_some()));
    net.run_for(Duration::from_secs(10));
    assert!(!net.node(1).peers().iter().any(|status| status.suspicion.is_some()));
    assert_eq!(net.node(3).me(), &alive);
    assert!(net.agree(3));
}

#[test]
fn what_gossip_missed_either_side_of_a_state_sync_tells_the_other() {
    for asker in [1, 2] {
        let mut net = Net::cluster(2, &[1]);
        net.run_for(Duration::from_secs(1));
        let missed = peer("x", 99, 7);
        net.act(at(1), |swim, now| {
            swim.merge(vec![Member::alive(missed.clone())], false, now);
            swim.settle(now);
        });
        assert_eq!((net.node(1).size(), net.node(2).size()), (3, 2));
        net.act(at(asker), |swim, now| {
            let other = at(3 - asker);
            let ask = swim.ask_for_state();
            assert!(swim.ask(other, ask, now));
        });
        // Before anybody could have gossiped about it.
        net.run_for(Duration::from_millis(15));
        assert_eq!(net.node(2).size(), 3, "{asker} asked");
    }
}

#[test]
fn what_a_view_shows_is_exactly_what_the_events_told() {
    let mut net = Net::new(&[1]);
    let mut alive = std::collections::BTreeMap::new();
    for port in 1..=5 {
        net.boot(peer(&format!("n{port}"), port, 7), seeded());
    }
    net.run_for(Duration::from_secs(5));
    net.crash(3);
    net.act(at(4), Swim::depart);
    net.run_for(Duration::from_secs(30));
    net.boot(peer("n3", 33, 8), seeded());
    net.run_for(Duration::from_secs(30));
    for event in net.events(1) {
        match event {
            Event::Up(peer) => assert!(alive.insert(peer.name.clone(), peer.clone()).is_none()),
            Event::Down { peer, .. } => {
                assert_eq!(alive.remove(&peer.name).as_ref(), Some(peer));
            }
            Event::Changed { from, to, .. } => {
                assert_eq!(alive.insert(to.name.clone(), to.clone()).as_ref(), Some(from));
            }
            _ => {}
        }
    }
    let view = net.node(1).view();
    let others: Vec<_> = view.peers.iter().filter(|peer| **peer != view.me).collect();
    assert_eq!(others, alive.values().collect::<Vec<_>>());
}

#[test]
fn a_state_sync_in_a_large_cluster_tells_only_what_differs() {
    let mut net = Net::cluster(2, &[1]);
    net.run_for(Duration::from_millis(500));
    let crowd: Vec<Member<_>> =
        (0..2000).map(|n| Member::alive(peer(&format!("node-{n}"), 100 + n, 7))).collect();
    let missed = peer("x", 99, 7);
    for port in [1, 2] {
        let mut members = crowd.clone();
        if port == 1 {
            members.push(Member::alive(missed.clone()));
        }
        net.act(at(port), |swim, now| {
            swim.merge(members, false, now);
            swim.settle(now);
        });
    }
    let now = net.now;
    let ask = net.node(2).ask_for_state();
    assert!(net.node(2).ask(at(1), ask, now));
    let mut question = None;
    while let Some(output) = net.node(2).poll_output() {
        if let Output::Sync { body, .. } = output {
            question = Some(body);
        }
    }
    let question = question.expect("it asks");
    assert!(question.len() < 800, "{} bytes", question.len());
    let answer = net.node(1).handle_sync(&question, now).expect("a good question");
    while net.node(1).poll_output().is_some() {}
    assert!(answer.len() < 4000, "{} bytes for one of 2,000", answer.len());
    net.node(2).handle_sync_reply(at(1), &answer, now).expect("a good answer");
    assert_eq!(net.node(2).digest(), net.node(1).digest());
}
