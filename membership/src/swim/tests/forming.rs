//! How nodes become a cluster, and how they do not.

use std::time::Duration;

use super::net::{Net, at, peer, seeded};
use crate::{Config, Event, SeedResult, State};

#[test]
fn a_node_without_seeds_is_a_cluster_at_once() {
    let mut net = Net::new(&[]);
    net.boot(peer("a", 1, 7), Config::default());
    assert!(net.events(1).any(|event| *event == Event::Formed));
    assert_eq!(net.node(1).view().participants().count(), 1);
    assert_eq!(net.resolutions, 0);
}

#[test]
fn a_node_whose_only_seed_is_itself_is_a_cluster_at_once() {
    let mut net = Net::new(&[1]);
    net.boot(peer("a", 1, 7), seeded());
    assert_eq!(net.node(1).me().state, State::Participant);
}

/// The name of a service may lead to its first instance alone for a while.
#[test]
fn a_node_whose_names_lead_to_itself_alone_waits_before_it_is_a_cluster() {
    let mut net = Net::new(&[1]);
    net.boot(peer("a", 1, 7), Config { named_seeds: true, ..seeded() });
    waits(&mut net, Duration::from_secs(10));
}

#[test]
fn a_node_that_its_seed_leads_back_to_itself_is_a_cluster_of_its_own() {
    let mut net = Net::new(&[2]);
    net.boot(peer("a", 1, 7), seeded());
    // The address of a service that forwards to the only node there is.
    let mut question = None;
    net.act(at(1), |swim, now| {
        swim.handle_sync_failure(at(2), crate::SyncFailure::Unreachable("refused".into()), now);
        swim.handle_seeds(&[at(2)], now);
        while let Some(output) = swim.poll_output() {
            if let crate::Output::Sync { to, body } = output {
                question = Some((to, body));
            }
        }
        let (to, body) = question.take().expect("the seed is asked again");
        let answer = swim.handle_sync(&body, now).expect("a node answers itself");
        swim.handle_sync_reply(to, &answer, now).expect("and understands the answer");
    });
    assert_eq!(net.node(1).seeds()[0].result, SeedResult::Itself);
    assert_eq!(net.node(1).me().state, State::Participant);
}

/// The first node waits for so long, and is a cluster of its own then.
fn waits(net: &mut Net, wait: Duration) {
    const BESIDE: Duration = Duration::from_millis(100);
    net.run_for(wait - BESIDE);
    assert_eq!(net.node(1).me().state, State::Joining);
    net.run_for(2 * BESIDE);
    assert_eq!(net.node(1).me().state, State::Participant);
}

#[test]
fn a_node_whose_seeds_are_silent_waits_before_it_is_a_cluster() {
    let mut net = Net::new(&[2, 3]);
    net.boot(peer("a", 1, 7), seeded());
    waits(&mut net, Duration::from_secs(10));
}

#[test]
fn a_node_whose_names_do_not_exist_yet_waits_before_it_is_a_cluster() {
    let mut net = Net::new(&[]);
    net.boot(peer("a", 1, 7), seeded());
    net.run_for(Duration::from_secs(9));
    assert_eq!(net.node(1).me().state, State::Joining);
    net.run_for(Duration::from_secs(2));
    assert_eq!(net.node(1).me().state, State::Participant);
}

#[test]
fn a_failing_name_server_never_makes_a_cluster() {
    let mut net = Net::new(&[]);
    net.seeds = Err("server failure".to_owned());
    net.boot(peer("a", 1, 7), seeded());
    net.run_for(Duration::from_secs(600));
    assert_eq!(net.node(1).me().state, State::Joining);
    assert_eq!(net.node(1).resolution_error(), Some("server failure"));
    assert!(net.resolutions > 100, "it goes on trying: {}", net.resolutions);
    net.seeds = Ok(vec![at(1)]);
    net.run_for(Duration::from_secs(6));
    assert_eq!(net.node(1).me().state, State::Participant);
}

#[test]
fn seeds_behind_a_name_server_that_recovers_are_joined_and_nothing_is_formed() {
    let mut net = Net::new(&[]);
    net.boot(peer("b", 2, 7), Config::default());
    net.seeds = Err("server failure".to_owned());
    net.boot(peer("a", 1, 7), seeded());
    net.run_for(Duration::from_secs(60));
    assert_eq!(net.node(1).me().state, State::Joining);
    net.seeds = Ok(vec![at(2)]);
    net.run_until("they are one", |net| net.agree(2));
    assert!(net.events(1).all(|event| *event != Event::Formed));
}

#[test]
fn a_node_whose_name_server_recovers_waits_for_its_seeds_as_long_as_at_its_start() {
    let mut net = Net::new(&[2]);
    let found = std::mem::replace(&mut net.seeds, Err("server failure".to_owned()));
    net.boot(peer("a", 1, 7), seeded());
    net.run_for(Duration::from_secs(60));
    net.seeds = found;
    net.act(at(1), |swim, now| swim.handle_seeds(&[at(2)], now));
    waits(&mut net, Duration::from_secs(10));
}

#[test]
fn the_wait_for_seeds_is_as_much_longer_as_they_could_not_be_looked_up() {
    let mut net = Net::new(&[]);
    net.boot(peer("a", 1, 7), seeded());
    net.run_for(Duration::from_secs(1));
    net.seeds = Err("server failure".to_owned());
    net.act(at(1), |swim, now| swim.handle_seeds_failure("server failure".to_owned(), now));
    net.run_for(Duration::from_secs(60));
    net.seeds = Ok(Vec::new());
    net.act(at(1), |swim, now| swim.handle_seeds(&[], now));
    waits(&mut net, Duration::from_secs(9));
}

/// The server says at first that there is no such name, and then nothing at all.
#[test]
fn a_lookup_that_takes_long_is_no_time_to_form_a_cluster_in() {
    let mut net = Net::new(&[]);
    net.boot(peer("a", 1, 7), seeded());
    net.run_for(Duration::from_secs(1));
    net.silent_server = true;
    net.run_for(Duration::from_secs(60));
    assert_eq!(net.node(1).me().state, State::Joining);
    // It had not waited for three seconds when the server fell silent.
    net.act(at(1), |swim, now| swim.handle_seeds_failure("silence".to_owned(), now));
    net.silent_server = false;
    net.act(at(1), |swim, now| swim.handle_seeds(&[], now));
    net.run_for(Duration::from_secs(6));
    assert_eq!(net.node(1).me().state, State::Joining);
    net.run_for(Duration::from_secs(4));
    assert_eq!(net.node(1).me().state, State::Participant);
}

#[test]
fn a_seed_that_is_known_only_when_the_wait_is_over_has_the_time_to_answer() {
    let mut net = Net::new(&[]);
    net.boot(peer("b", 2, 7), Config::default());
    net.boot(peer("a", 1, 7), seeded());
    net.run_for(Duration::from_millis(9_999));
    assert_eq!(net.node(1).me().state, State::Joining);
    net.seeds = Ok(vec![at(2)]);
    net.act(at(1), |swim, now| swim.handle_seeds(&[at(2)], now));
    net.run_until("they are one", |net| net.agree(2));
    assert!(net.events(1).all(|event| *event != Event::Formed));
}

#[test]
fn another_cluster_s_refusal_never_makes_a_cluster() {
    let mut net = Net::new(&[1]);
    net.boot(peer("a", 1, 7), Config { cluster: "theirs".into(), ..seeded() });
    net.boot(peer("b", 2, 7), Config { cluster: "ours".into(), ..seeded() });
    net.run_for(Duration::from_secs(60));
    assert_eq!(net.node(2).me().state, State::Joining);
    let SeedResult::Refused(why) = &net.node(2).seeds()[0].result else {
        panic!("the seed refused");
    };
    assert!(why.contains("\"ours\""), "it names the cluster it is not of: {why}");
    assert_eq!(net.node(1).size(), 1);
}

#[test]
fn nodes_in_any_order_become_one_cluster() {
    for order in [[1, 2, 3], [3, 2, 1], [2, 3, 1]] {
        let mut net = Net::new(&[1, 2]);
        for port in order {
            net.boot(peer(&format!("n{port}"), port, 7), seeded());
            net.run_for(Duration::from_millis(300));
        }
        net.run_until("they are one", |net| net.agree(3));
    }
}

#[test]
fn a_joining_node_is_a_participant_everywhere_within_a_second() {
    let mut net = Net::cluster(9, &[1]);
    net.boot(peer("z", 20, 7), seeded());
    let took = net.run_until("all see it", |net| net.agree(10));
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(net.events(20).any(|event| matches!(event, Event::Joined { .. })));
}

#[test]
fn two_clusters_that_formed_apart_become_one() {
    let mut net = Net::new(&[1, 2]);
    net.island = [at(1)].into();
    net.boot(peer("a", 1, 7), seeded());
    net.boot(peer("b", 2, 7), seeded());
    net.run_for(Duration::from_secs(15));
    assert!(net.events(1).any(|event| *event == Event::Formed));
    assert!(net.events(2).any(|event| *event == Event::Formed));
    net.island.clear();
    let took = net.run_until("they are one", |net| net.agree(2));
    assert!(took < Duration::from_secs(67), "{took:?}");
}

#[test]
fn a_node_without_seeds_is_found_by_one_that_has_it_as_a_seed() {
    let mut net = Net::new(&[1]);
    net.boot(peer("a", 1, 7), Config::default());
    net.boot(peer("b", 2, 7), seeded());
    net.run_until("they are one", |net| net.agree(2));
}

#[test]
fn a_node_that_cannot_resolve_its_seeds_is_joined_by_the_others() {
    let mut net = Net::new(&[1, 2]);
    net.boot(peer("a", 1, 7), seeded());
    net.seeds = Err("server failure".to_owned());
    net.boot(peer("b", 2, 7), seeded());
    // Only a knows where b is.
    net.act(at(1), |swim, now| swim.handle_seeds(&[at(1), at(2)], now));
    net.run_until("they are one", |net| net.agree(2));
}

#[test]
fn a_node_joins_but_does_not_take_part_until_it_is_able_to() {
    use rand::SeedableRng;
    let mut net = Net::cluster(2, &[1]);
    let rng = rand_chacha::ChaCha12Rng::seed_from_u64(3);
    let swim = crate::Swim::new(peer("c", 3, 7), seeded(), rng, net.now);
    net.nodes.insert(at(3), swim);
    net.act(at(3), |_, _| {});
    net.run_for(Duration::from_secs(5));
    let view = net.node(1).view();
    assert_eq!((view.peers.len(), view.participants().count()), (3, 2));
    net.act(at(3), crate::Swim::participate);
    let took = net.run_until("it takes part", |net| net.agree(3));
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn at_most_as_many_seeds_are_asked_as_was_said() {
    let mut net = Net::new(&(10..30).collect::<Vec<_>>());
    net.boot(peer("a", 1, 7), Config { max_join_peers: 4, ..seeded() });
    assert_eq!(net.node(1).counters().syncs, 4);
    let mut net = Net::new(&(10..30).collect::<Vec<_>>());
    net.boot(peer("a", 1, 7), Config { max_join_peers: 0, ..seeded() });
    assert_eq!(net.node(1).counters().syncs, 20);
}

/// With a jitter of a tenth from time to time.
#[test]
fn a_node_that_has_joined_looks_its_seeds_up_as_often_as_was_said() {
    for (seconds, about) in [(10, 60), (60, 10), (0, 0)] {
        let mut net = Net::new(&[2]);
        net.boot(peer("b", 2, 7), Config::default());
        let rejoin_interval = Duration::from_secs(seconds);
        net.boot(peer("a", 1, 7), Config { rejoin_interval, ..seeded() });
        net.run_until("they are one", |net| net.agree(2));
        // What was due before they met comes still.
        net.run_for(Duration::from_secs(5));
        let before = net.resolutions;
        net.run_for(Duration::from_secs(600));
        let resolved = net.resolutions - before;
        let expected = about - about / 10..=about + about / 9;
        assert!(expected.contains(&resolved), "every {seconds} s: {resolved} in ten minutes");
    }
}

#[test]
fn an_earlier_peer_leads_back_to_the_cluster_when_names_cannot_be_resolved() {
    let mut net = Net::cluster(2, &[1]);
    net.seeds = Err("server failure".to_owned());
    net.boot(peer("c", 3, 7), seeded());
    net.act(at(3), |swim, now| swim.handle_remembered(&[at(9), at(2)], now));
    net.run_until("they are one", |net| net.agree(3));
}

#[test]
fn earlier_peers_that_are_gone_or_of_another_cluster_are_no_reason_to_form_or_not_to() {
    let mut net = Net::new(&[5]);
    net.boot(peer("x", 4, 7), Config { cluster: "theirs".into(), ..Config::default() });
    net.boot(peer("a", 1, 7), seeded());
    net.act(at(1), |swim, now| swim.handle_remembered(&[at(2), at(4)], now));
    waits(&mut net, Duration::from_secs(10));
    let refused = |seed: &&crate::SeedStatus| matches!(seed.result, SeedResult::Refused(_));
    assert_eq!(net.node(1).seeds().iter().filter(refused).count(), 1);

    net.seeds = Err("server failure".to_owned());
    net.boot(peer("b", 3, 7), seeded());
    net.act(at(3), |swim, now| swim.handle_remembered(&[at(2)], now));
    net.run_for(Duration::from_secs(60));
    assert_eq!(net.node(3).me().state, State::Joining);
}

#[test]
fn a_seed_that_refuses_is_not_taken_for_gone_when_it_is_late_now_and_then() {
    let mut net = Net::new(&[2]);
    net.boot(peer("x", 2, 7), Config { cluster: "theirs".into(), ..Config::default() });
    net.boot(peer("a", 1, 7), seeded());
    net.run_for(Duration::from_secs(30));
    for _ in 0..10 {
        for _ in 0..2 {
            let late = crate::SyncFailure::Unreachable("timed out".into());
            net.act(at(1), |swim, now| swim.handle_sync_failure(at(2), late, now));
        }
        assert!(matches!(net.node(1).seeds()[0].result, SeedResult::Refused(_)));
        // It is asked again meanwhile, and refuses.
        net.run_for(Duration::from_secs(6));
        assert_eq!(net.node(1).me().state, State::Joining);
    }
    net.island = [at(2)].into();
    net.run_until("it is gone for good", |net| net.node(1).me().state == State::Participant);
    assert!(matches!(net.node(1).seeds()[0].result, SeedResult::Unreachable(_)));
}

#[test]
fn a_seed_that_refused_is_gone_only_after_three_whole_answers_without_it() {
    let mut net = Net::new(&[2]);
    net.boot(peer("x", 2, 7), Config { cluster: "theirs".into(), ..Config::default() });
    net.boot(peer("a", 1, 7), seeded());
    net.run_for(Duration::from_secs(30));
    let refused = |net: &mut Net| {
        let seed = net.node(1).seeds().iter().find(|seed| seed.address == at(2));
        seed.is_some_and(|seed| matches!(seed.result, SeedResult::Refused(_)))
    };
    for _ in 0..5 {
        // What leads to it again begins the count anew.
        net.act(at(1), |swim, now| swim.handle_seeds(&[at(2)], now));
        for _ in 0..2 {
            net.act(at(1), |swim, now| swim.handle_seeds(&[], now));
        }
        // Nor does an answer count that is short of something.
        for _ in 0..2 {
            let error = || "server failure".to_owned();
            net.act(at(1), |swim, now| swim.handle_some_seeds(&[at(9)], error(), now));
            net.act(at(1), |swim, now| swim.handle_seeds_failure(error(), now));
        }
        assert!(refused(&mut net));
        assert_eq!(net.node(1).me().state, State::Joining);
    }
    // It goes on refusing, and is asked no more once it is gone.
    net.seeds = Ok(Vec::new());
    net.run_until("it is on its own", |net| net.node(1).me().state == State::Participant);
    assert!(!refused(&mut net));
}

#[test]
fn a_node_without_seeds_finds_its_lost_peers_where_they_were() {
    let mut net = Net::new(&[1]);
    net.boot(peer("a", 1, 7), Config::default());
    net.boot(peer("b", 2, 7), seeded());
    net.run_until("they are one", |net| net.agree(2));
    net.seeds = Ok(Vec::new());
    net.island = [at(1)].into();
    net.run_for(Duration::from_secs(30));
    assert_eq!((net.node(1).size(), net.node(2).size()), (1, 1));
    net.act(at(1), |swim, now| swim.handle_remembered(&[at(2)], now));
    net.island.clear();
    let took = net.run_until("they are one", |net| net.agree(2));
    assert!(took < Duration::from_secs(67), "{took:?}");
}

#[test]
fn a_long_memory_keeps_no_node_from_its_seeds() {
    let mut net = Net::new(&[2]);
    net.boot(peer("b", 2, 7), Config::default());
    net.boot(peer("a", 1, 7), Config { max_join_peers: 1, ..seeded() });
    let earlier: Vec<_> = (10..100).map(at).collect();
    net.act(at(1), |swim, now| swim.handle_remembered(&earlier, now));
    let took = net.run_until("they are one", |net| net.agree(2));
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn an_address_that_is_configured_and_remembered_counts_as_configured() {
    let mut net = Net::new(&[2]);
    net.boot(peer("a", 1, 7), seeded());
    net.act(at(1), |swim, now| swim.handle_remembered(&[at(2), at(3)], now));
    let kinds = |net: &mut Net| -> Vec<(u16, bool)> {
        let seeds = net.node(1).seeds().iter();
        seeds.map(|seed| (seed.address.port(), seed.remembered)).collect()
    };
    assert_eq!(kinds(&mut net), [(2, false), (3, true)]);
    net.act(at(1), |swim, now| swim.handle_seeds(&[at(3)], now));
    assert_eq!(kinds(&mut net), [(3, false)]);
    net.act(at(1), |swim, now| swim.handle_remembered(&[], now));
    assert_eq!(kinds(&mut net), [(3, false)]);
}

/// A round asks five of the twenty.
#[test]
fn nodes_with_many_seeds_of_which_one_lives_are_one_cluster() {
    let seeds: Vec<u16> = (100..120).collect();
    for alive in [100, 107, 119] {
        let mut net = Net::new(&seeds);
        net.boot(peer("seed", alive, 7), Config::default());
        for port in 1..=16 {
            net.boot(peer(&format!("n{port}"), port, 7), seeded());
        }
        let took = net.run_until("they are one", |net| net.agree(17));
        assert!(took < Duration::from_secs(10), "{took:?}");
        assert!((1..=16).all(|port| net.events(port).all(|event| *event != Event::Formed)));
    }
}

/// Each takes a second to be given up.
#[test]
fn a_node_forms_no_cluster_before_it_has_tried_each_of_its_seeds_and_then_it_does() {
    let mut net = Net::new(&(100..130).collect::<Vec<_>>());
    net.island = [at(1)].into();
    net.boot(peer("a", 1, 7), Config { max_join_peers: 1, ..seeded() });
    let tried = |net: &mut Net| {
        let untried = |seed: &&crate::SeedStatus| seed.result == SeedResult::Untried;
        30 - net.node(1).seeds().iter().filter(untried).count()
    };
    net.run_for(Duration::from_secs(10));
    assert!(tried(&mut net) < 30);
    assert_eq!(net.node(1).me().state, State::Joining);
    let took =
        net.run_until("it is on its own", |net| net.node(1).me().state == State::Participant);
    assert_eq!(tried(&mut net), 30);
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[test]
fn a_node_that_has_lost_the_others_goes_round_its_seeds() {
    let mut net = Net::new(&(2..=31).collect::<Vec<_>>());
    net.boot(peer("b", 17, 7), Config::default());
    net.boot(peer("a", 1, 7), seeded());
    net.run_until("they are one", |net| net.agree(2));
    net.crash(17);
    net.run_until("it is alone", |net| net.node(1).size() == 1);
    // Thirty seeds are six rounds, the last of them five seconds apart.
    net.run_for(Duration::from_secs(30));
    let lost = net.now;
    net.run_for(Duration::from_secs(33));
    for seed in net.node(1).seeds() {
        assert!(seed.at.is_some_and(|at| at >= lost), "{seed:?}");
    }
}

/// Whoever is asked last has been told of the others, and so of the one who asks.
#[test]
fn nodes_that_start_together_and_hear_of_themselves_stay_who_they_are() {
    for between in [0, 1, 2, 3, 5, 100, 300] {
        let mut net = Net::new(&[1, 2, 3]);
        for port in 1..=3 {
            net.boot(peer(&format!("n{port}"), port, 7), seeded());
            net.run_for(Duration::from_millis(between));
        }
        net.run_until("they are one", |net| net.agree(3));
        net.run_for(Duration::from_secs(60));
        let raised = |event: &Event| match event {
            Event::Me { from, to } => from.generation != to.generation,
            _ => false,
        };
        let raised: Vec<_> = net.events.iter().filter(|(_, event)| raised(event)).collect();
        assert!(raised.is_empty(), "{between} ms: {raised:?}");
    }
}

#[test]
fn a_node_that_is_told_that_it_is_dead_before_it_joins_says_otherwise() {
    let mut net = Net::cluster(2, &[1]);
    net.crash(2);
    net.run_until("it is dead", |net| net.node(1).size() == 1);
    // The same life as far as its generation says.
    net.boot(peer("b", 2, 1000), seeded());
    net.run_until("they are one", |net| net.agree(2));
    assert!(net.node(2).me().generation > 1000);
}
