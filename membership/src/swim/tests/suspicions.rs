//! Who is taken for dead, how fast, and who is not.

use std::time::Duration;

use super::net::{Net, at, peer, seeded};
use crate::{Cause, Config, Event, Knock, Swim};

/// A cluster of nodes called n1, n2, ... that is settled.
fn cluster(nodes: u16, config: &Config) -> Net {
    let mut net = Net::new(&[1]);
    for port in 1..=nodes {
        net.boot(peer(&format!("n{port}"), port, 1000), config.clone());
        net.run_for(Duration::from_millis(20));
    }
    net.run_until("all see all", |net| net.agree(usize::from(nodes)));
    net.run_for(Duration::from_secs(5));
    net.forget();
    net
}

fn deaths(net: &Net) -> Vec<String> {
    let dead = net.events.iter().filter(|(_, event)| matches!(event, Event::Down { .. }));
    dead.map(|(at, event)| format!("{at}: {event:?}")).collect()
}

/// The median of how long it takes until every survivor knows, over some deaths of one node.
fn median(nodes: u16, deaths: u64, die: impl Fn(&mut Net, u16)) -> Duration {
    let mut net = cluster(nodes, &seeded());
    let mut took = Vec::new();
    for death in 1..=deaths {
        // Not in step with anybody's rounds.
        net.run_for(Duration::from_millis(1000 + 137 * death));
        die(&mut net, nodes);
        let survivors = net.nodes.len();
        took.push(net.run_until("it is known", |net| net.agree(survivors)));
        net.vanished.clear();
        net.boot(peer(&format!("n{nodes}"), nodes, 1000 + death), seeded());
        net.run_until("it is back", |net| net.agree(usize::from(nodes)));
    }
    assert!(net.nodes.values().all(|swim| swim.counters().rejoins == 0), "nobody else died");
    took.sort_unstable();
    took[took.len() / 2]
}

#[test]
fn a_machine_that_vanishes_is_missed_everywhere_within_a_few_seconds() {
    let small = median(10, 9, Net::vanish);
    assert!(small < Duration::from_millis(2500), "{small:?}");
    let large = median(100, 9, Net::vanish);
    assert!(large < Duration::from_secs(4), "{large:?}");
}

#[test]
fn a_process_that_crashes_is_missed_everywhere_within_half_a_second() {
    for nodes in [3, 10, 30] {
        let took = median(nodes, 15, Net::crash);
        assert!(took < Duration::from_millis(500), "{nodes}: {took:?}");
    }
}

#[test]
fn a_report_that_nobody_listens_there_does_a_live_peer_no_harm() {
    let mut net = cluster(4, &seeded());
    for _ in 0..50 {
        net.act(at(1), |swim, now| swim.handle_unreachable(at(2), now));
        net.run_for(Duration::from_millis(100));
    }
    assert!(net.node(1).counters().knocks > 0, "it looked");
    assert!(net.events.is_empty(), "{:?}", net.events);
    assert!(net.nodes.values().all(|swim| swim.counters().suspicions_started == 0));
}

#[test]
fn reports_without_end_make_a_node_knock_ten_times_a_second() {
    let mut net = cluster(4, &seeded());
    for _ in 0..1000 {
        net.act(at(1), |swim, now| swim.handle_unreachable(at(2), now));
        net.run_for(Duration::from_millis(1));
    }
    let knocks = net.node(1).counters().knocks;
    assert!((9..=11).contains(&knocks), "{knocks}");
}

#[test]
fn reports_without_end_about_a_closed_port_count_no_more_than_what_was_found() {
    let mut net = cluster(10, &seeded());
    // Silent to all, but closed to one: nobody else agrees, so that the suspicion lasts.
    net.closed.insert((at(1), at(2)));
    for port in (1..=10).filter(|port| *port != 2) {
        net.cut.insert((at(port), at(2)));
        net.cut.insert((at(2), at(port)));
    }
    let mut reports = 0;
    while net.node(1).size() == 10 {
        net.act(at(1), |swim, now| swim.handle_unreachable(at(2), now));
        net.run_for(Duration::from_millis(1));
        reports += 1;
    }
    let found = net.node(1).counters().evidence_of_death;
    assert!(reports > 500 && found <= reports / 100 + 1, "{found} of {reports}");
}

#[test]
fn a_closed_port_of_an_earlier_life_says_nothing_against_a_later_one() {
    let mut net = cluster(5, &seeded());
    net.vanish(2);
    net.act(at(3), |swim, now| swim.handle_unreachable(at(2), now));
    net.vanished.clear();
    // It is back before the knock is answered, and the one that knocked hears of that from others.
    net.cut.insert((at(2), at(3)));
    net.boot(peer("n2", 2, 2000), seeded());
    net.run_until("all know of its new life", |net| {
        let new = |swim: &Swim| swim.peers().iter().any(|known| known.peer.generation >= 2000);
        [1, 3, 4, 5].into_iter().all(|port| new(net.node(port)))
    });
    net.act(at(3), |swim, now| swim.handle_knock(at(2), Knock::Refused, now));
    assert_eq!(net.node(3).counters().evidence_of_death, 0);
    net.cut.clear();
    net.run_until("all is well", |net| net.agree(5));
    assert_eq!(net.node(3).counters().suspicions_started, 0);
}

#[test]
fn a_firewall_between_two_nodes_kills_neither() {
    let mut net = cluster(5, &seeded());
    for (from, to) in [(at(1), at(2)), (at(2), at(1))] {
        net.closed.insert((from, to));
        net.cut.insert((from, to));
    }
    net.run_for(Duration::from_secs(120));
    assert_eq!(deaths(&net), Vec::<String>::new());
    assert!(net.agree(5));
}

#[test]
fn a_node_that_hears_and_says_nothing_for_a_while_condemns_nobody() {
    let mut net = cluster(20, &seeded());
    for seconds in [2, 8, 30] {
        net.stalled.extend([at(3), at(4), at(5)]);
        net.run_for(Duration::from_secs(seconds));
        net.resume();
        net.run_until("all is well again", |net| net.agree(20));
        net.run_for(Duration::from_secs(30));
        let healthy = net.events.iter().filter(|(_, event)| match event {
            Event::Down { peer, .. } => !(3..=5).contains(&peer.address.port()),
            _ => false,
        });
        assert_eq!(healthy.count(), 0, "{:#?}", deaths(&net));
    }
}

#[test]
fn a_node_that_cannot_hear_doubts_itself_and_recovers() {
    let mut net = cluster(10, &seeded());
    net.stalled.insert(at(3));
    net.run_for(Duration::from_secs(4));
    assert!(net.node(3).local_health() >= 4, "{}", net.node(3).local_health());
    net.resume();
    net.run_for(Duration::from_secs(60));
    assert_eq!(net.node(3).local_health(), 0);
}

#[test]
fn a_node_that_talks_but_does_not_hear_is_dead_to_the_others_in_the_end() {
    let mut net = cluster(6, &seeded());
    for port in 1..=5 {
        net.cut.insert((at(port), at(6)));
    }
    let took =
        net.run_until("it is dead to them", |net| (1..=5).all(|port| net.node(port).size() == 5));
    assert!(took < Duration::from_secs(30), "{took:?}");
    let healthy =
        |event: &Event| matches!(event, Event::Down { peer, .. } if peer.address != at(6));
    assert!(!(1..=5).any(|port| net.events(port).any(healthy)));
}

#[test]
fn a_node_that_comes_back_from_isolation_takes_nobody_with_it() {
    let mut net = cluster(6, &seeded());
    net.island.insert(at(6));
    net.run_for(Duration::from_secs(600));
    assert_eq!(net.node(6).size(), 1, "it found itself alone");
    net.forget();
    net.island.clear();
    net.run_until("it is back", |net| net.agree(6));
    net.run_for(Duration::from_secs(60));
    for port in 1..=5 {
        let gone = net.events(port).filter(|event| matches!(event, Event::Down { .. })).count();
        assert_eq!(gone, 0, "{:#?}", deaths(&net));
    }
}

#[test]
fn with_every_part_switched_off_it_is_plain_swim_and_works() {
    let plain = Config {
        local_health: false,
        dynamic_suspicion: false,
        buddy: false,
        evidence: false,
        ..seeded()
    };
    let mut net = cluster(6, &plain);
    net.crash(4);
    net.run_until("it is found", |net| net.agree(5));
    assert!(net.nodes.values().all(|swim| swim.counters().knocks == 0));
    assert!(net.nodes.values().all(|swim| swim.local_health() == 0));
    net.mute.insert(at(2));
    net.run_for(Duration::from_secs(10));
    net.mute.clear();
    net.run_until("it is back", |net| net.agree(5));
}

#[test]
fn what_is_known_of_a_peer_is_told() {
    let mut net = cluster(5, &seeded());
    let now = net.now;
    let digest = net.node(1).digest();
    let statuses = net.node(1).peers();
    for status in &statuses {
        assert_eq!(status.view_digest, Some(digest));
        assert!(status.last_heard.is_some_and(|at| at <= now && now - at < Duration::from_secs(5)));
        assert_eq!(status.round_trip, Some(Duration::from_millis(2)));
        assert_eq!(status.suspicion, None);
    }
    assert!(net.node(1).converged(now));
    net.vanish(5);
    net.run_until("it is suspected", |net| net.node(1).counters().suspicions_started > 0);
    let now = net.now;
    let suspicion = net.node(1).peers().iter().find_map(|status| status.suspicion);
    let suspicion = suspicion.expect("there is one");
    assert!(suspicion.since <= now && suspicion.deadline > now);
    net.run_until("all know", |net| net.agree(4));
    let now = net.now;
    assert!(!net.node(1).converged(now), "nobody has told of its new view yet");
    net.run_until("and say so", |net| {
        let now = net.now;
        net.nodes.values().all(|swim: &Swim| swim.converged(now))
    });
    assert!(net.events(1).any(|e| matches!(e, Event::Down { cause: Cause::Failed, .. })));
    assert_eq!(net.node(1).counters().suspicions_confirmed, 1);
}

#[test]
fn the_time_of_a_suspicion_follows_the_size_that_the_cluster_has() {
    let config = seeded();
    let mut net = cluster(40, &config);
    for size in [40, 8] {
        for port in size + 1..40 {
            net.crash(port);
        }
        net.run_until("all see the rest", |net| net.agree(usize::from(size)));
        net.run_for(Duration::from_secs(5));
        net.vanish(size);
        let suspicion = |swim: &Swim| swim.peers().iter().find_map(|status| status.suspicion);
        net.run_until("it is suspected", |net| suspicion(net.node(1)).is_some());
        let suspicion = suspicion(net.node(1)).expect("it is suspected");
        assert_eq!(suspicion.confirmations, 0);
        let time = suspicion.deadline - suspicion.since;
        // Longer where its own probe just failed, since it may be to blame.
        let doubt = 1 + u32::from(net.node(1).local_health());
        assert_eq!(time, doubt * 6 * config.suspicion(usize::from(size)), "of {size}");
    }
}
