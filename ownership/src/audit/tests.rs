use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

mod world;

use world::{World, component, name, target};

/// Long enough for targets that discovery lost to be believed to be there.
const QUIET: Duration = Duration::from_secs(180);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The nodes in the order of their rank for a target.
fn ranking(world: &World, number: u64) -> Vec<usize> {
    let names = world.nodes[0].assignment.ranking(target(number).key);
    names.iter().map(|name| name.as_str()[1..].parse().expect("a number")).collect()
}

/// Every node knows the targets below `count`, and all has settled.
fn settled(nodes: usize, count: u64) -> World {
    let mut world = World::new(nodes);
    let all: BTreeSet<u64> = (0..count).collect();
    (0..nodes).for_each(|node| world.learn(node, &all));
    world.run(seconds(30));
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever discovery finds where and when: once it is quiet, every known target is collected by
    /// exactly one node, the highest-ranked that knows it.
    #[test]
    fn every_known_target_is_collected_by_the_first_who_knows_it(
        steps in proptest::collection::vec(
            (0..4usize, proptest::collection::btree_set(0..24u64, 0..24), 0..20u64),
            1..12,
        ),
    ) {
        let mut world = World::new(4);
        let mut known = vec![BTreeSet::new(); 4];
        for (node, targets, pause) in steps {
            world.learn(node, &targets);
            known[node] = targets;
            world.run(seconds(pause));
        }
        world.run(QUIET);
        for number in 0..24 {
            let first = ranking(&world, number).into_iter().find(|n| known[*n].contains(&number));
            let collectors = world.collectors(number);
            prop_assert_eq!(&collectors, &first.into_iter().collect::<Vec<_>>(), "{}", number);
        }
        for node in 0..4 {
            let figures = world.report(node).figures;
            prop_assert_eq!((figures.unowned, figures.doubled), (0, 0), "n{}", node);
        }
    }

    /// Digests are equal exactly when the sets are, whatever their order.
    #[test]
    fn digests_tell_sets_apart(
        a in proptest::collection::btree_set(any::<u64>(), 0..40),
        b in proptest::collection::btree_set(any::<u64>(), 0..40),
    ) {
        let digest = |keys: &BTreeSet<u64>| keys.iter().rev().map(|k| Key::from(*k)).collect();
        let (of_a, of_b): (Digest, Digest) = (digest(&a), digest(&b));
        prop_assert_eq!(of_a == of_b, a == b);
        let sums = |keys: &BTreeSet<u64>| digest::sums(keys.iter().map(|k| Key::from(*k)));
        prop_assert_eq!(sums(&a) == sums(&b), a == b);
    }

    /// Foreign bytes cost a counter.
    #[test]
    fn any_bytes_are_answered_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut world = settled(2, 4);
        let refused = world.with(0, |audit, facts, _| audit.handle_question(&body, facts)).is_err();
        prop_assert!(refused);
        prop_assert_eq!(world.report(0).figures.counters.malformed, 1);
    }
}

#[test]
fn nodes_that_agree_exchange_digests_alone() {
    let mut world = settled(3, 300);
    let (questions, bytes) = (world.questions, world.bytes);
    world.run(seconds(60));
    let (questions, bytes) = (world.questions - questions, world.bytes - bytes);
    // Three nodes ask two others each, every 5 s or a little more.
    assert!((60..=80).contains(&questions), "{questions}");
    assert!(bytes / questions < 200, "{} bytes each", bytes / questions);
}

#[test]
fn a_target_that_its_owner_does_not_know_is_the_deputys_until_it_does() {
    let mut world = settled(3, 50);
    let more: BTreeSet<u64> = (0..51).collect();
    let order = ranking(&world, 50);
    let (owner, deputy) = (order[0], order[1]);
    world.learn(deputy, &more);
    world.learn(order[2], &more);
    world.run(seconds(2));
    assert!(world.collectors(50).is_empty());
    let report = world.report(deputy);
    assert_eq!(report.figures.unowned, 1);
    assert_eq!(report.unowned[0].target, target(50));
    assert_eq!(
        (&report.unowned[0].peer, report.unowned[0].why),
        (&name(owner), Some(Why::Unknown))
    );
    // Only one node says so.
    assert_eq!(world.report(order[2]).figures.unowned, 0);

    world.run(seconds(8));
    assert_eq!(world.collectors(50), [deputy]);
    let report = world.report(deputy);
    assert_eq!((report.figures.unowned, report.figures.covered), (0, 1));
    assert_eq!(report.covered[0].peer, name(owner));
    let divergence = &report.peers[&name(owner)].divergences[0];
    assert_eq!((&divergence.component, divergence.lacking, divergence.extra), (&component(), 1, 0));
    // The owner knows that it is behind.
    assert_eq!(world.report(owner).peers[&name(deputy)].divergences[0].extra, 1);

    world.learn(owner, &more);
    world.run(Duration::from_millis(50));
    assert_eq!(world.collectors(50), [owner], "it is claimed at once");
    world.run(seconds(12));
    assert!((0..3).all(|node| world.report(node).figures.divergent == 0));
}

#[test]
fn a_target_that_discovery_lost_is_not_taken_up_by_those_who_are_behind() {
    let mut world = settled(3, 50);
    let order = ranking(&world, 7);
    let fewer: BTreeSet<u64> = (0..50).filter(|number| *number != 7).collect();
    world.learn(order[0], &fewer);
    // A discovery that refreshes every minute finds it out meanwhile.
    world.run(seconds(90));
    assert!(world.collectors(7).is_empty());
    let report = world.report(order[1]);
    assert_eq!(report.unowned[0].why, Some(Why::Dropped));
    assert_eq!(report.peers[&name(order[0])].divergences[0].dropped, 1);
    // If not, it is there after all.
    world.run(seconds(60));
    assert_eq!(world.collectors(7), [order[1]]);
}

#[test]
fn who_has_two_above_it_that_know_nothing_stands_in_and_gives_way() {
    let mut world = settled(4, 20);
    let order = ranking(&world, 20);
    let more: BTreeSet<u64> = (0..21).collect();
    world.learn(order[2], &more);
    world.run(seconds(20));
    assert_eq!(world.collectors(20), [order[2]]);
    world.learn(order[1], &more);
    world.run(seconds(30));
    assert_eq!(world.collectors(20), [order[1]], "the deputy knows it, too");
    world.learn(order[0], &more);
    world.run(seconds(30));
    assert_eq!(world.collectors(20), [order[0]]);
}

#[test]
fn while_the_gate_is_closed_nobody_stands_in_and_all_is_counted() {
    let mut world = settled(2, 20);
    let order = ranking(&world, 20);
    world.close(order[1]);
    world.learn(order[1], &(0..21).collect());
    world.run(seconds(60));
    assert!(world.collectors(20).is_empty());
    assert_eq!(world.report(order[1]).figures.unowned, 1);
}

#[test]
fn what_two_nodes_collect_is_told_by_the_higher_ranked_with_the_name_of_the_other() {
    let mut world = settled(2, 20);
    world.lose_sight(1, 0);
    world.run(seconds(30));
    let twice: Vec<u64> = (0..20).filter(|number| ranking(&world, *number)[0] == 0).collect();
    assert!(!twice.is_empty() && twice.len() < 20);
    for number in 0..20 {
        let expected = if twice.contains(&number) { vec![0, 1] } else { vec![1] };
        assert_eq!(world.collectors(number), expected, "{number}");
    }
    let report = world.report(0);
    assert_eq!(report.figures.doubled, twice.len());
    let told: BTreeSet<_> = report.doubled.iter().map(|found| &found.target).cloned().collect();
    assert_eq!(told, twice.iter().map(|number| target(*number)).collect());
    let named = |found: &Finding| found.peer == name(1) && found.since.is_some();
    assert!(report.doubled.iter().all(named), "{:?}", report.doubled);
    // The other one collects what is its own, as far as it knows.
    assert_eq!(world.report(1).figures.doubled, 0);

    world.find_again(1, 0);
    world.run(seconds(30));
    assert!(twice.iter().all(|number| world.collectors(*number) == [0]));
    let left: Vec<_> = (0..2).map(|node| world.report(node).figures.doubled).collect();
    assert_eq!(left, [0, 0]);
}

#[test]
fn thousands_of_differences_are_paged_and_bounded() {
    let mut world = World::new(2);
    let all: BTreeSet<u64> = (0..20_000).collect();
    world.learn(0, &all);
    world.run(seconds(40));
    // Its own half, and what it could keep of the other.
    let collected = world.nodes[0].collects.len();
    assert!((15_000..20_000).contains(&collected), "{collected}");
    let report = world.report(0);
    assert!(report.unowned.len() <= report::NAMED);
    let divergence = &report.peers[&name(1)].divergences[0];
    assert!(divergence.truncated && divergence.lacking <= limits::DIFFERENCES);
    // The other one learns of as many as it keeps, in pages.
    let divergence = &world.report(1).peers[&name(0)].divergences[0];
    assert!(divergence.truncated && divergence.extra <= limits::DIFFERENCES);
    world.learn(1, &all);
    world.run(seconds(60));
    assert!((0..2).all(|node| world.report(node).figures.divergent == 0));
    assert_eq!(world.nodes.iter().map(|node| node.collects.len()).sum::<usize>(), 20_000);
}

#[test]
fn another_configuration_is_seen_and_none_is_no_other() {
    let mut world = settled(3, 10);
    world.nodes[1].config = Some(Fingerprint([8; 32]));
    world.nodes[2].config = None;
    world.run(seconds(12));
    assert_eq!(world.report(0).figures.drifted, 1);
    assert!(world.report(0).peers[&name(1)].drifted);
    assert_eq!(world.report(1).figures.drifted, 1);
    assert_eq!(world.report(2).figures.drifted, 0);
}

#[test]
fn the_clock_of_a_peer_is_known_to_half_a_round_trip() {
    let mut world = settled(2, 10);
    world.nodes[1].ahead = 200_000;
    world.run(seconds(90));
    let skew = world.report(0).peers[&name(1)].skew.expect("it was measured");
    assert_eq!((skew.micros, skew.error), (200_000, Duration::from_millis(5)));
    let back = world.report(1).peers[&name(0)].skew.expect("it was measured");
    assert_eq!(back.micros, -200_000);
}

#[test]
fn the_quickest_exchange_tells_the_clock() {
    let (mut clock, now) = (Clock::default(), Instant::now());
    // The clocks agree, but most answers dawdle on the way back.
    for round_trip in [80, 4, 60, 90] {
        let arrived = 1_000_000 + round_trip * 1000;
        clock.note(1_002_000, arrived, Duration::from_millis(round_trip as u64), now);
    }
    let skew = clock.skew().expect("there are samples");
    assert_eq!((skew.micros, skew.error), (0, Duration::from_millis(2)));
    // One that was set since is not what it was, however quick the answers were.
    let later = now + seconds(61);
    clock.note(1_305_000, 1_010_000, Duration::from_millis(10), later);
    let skew = clock.skew().expect("there is a sample");
    assert_eq!((skew.micros, skew.error), (300_000, Duration::from_millis(5)));
}

#[test]
fn an_answer_from_another_node_or_to_another_question_is_refused() {
    let mut world = settled(2, 4);
    let question = Question { from: name(1), to: name(0), ask: Ask::Summary }.encode();
    let misdirected = world.with(1, |audit, facts, _| audit.handle_question(&question, facts));
    assert_eq!(misdirected, Err(QuestionError::Misdirected(name(0))));
    world.run(seconds(10));
    let now = world.now + seconds(20);
    let answer = world.with(0, |audit, facts, _| audit.handle_question(&question, facts));
    let answer = answer.expect("it is well formed");
    world.with(1, |audit, facts, _| {
        audit.handle_timeout(now);
        let Some(Output::Ask { id, .. }) = audit.poll_output() else { panic!("it asks") };
        let mut forged = Answer::decode(&answer).expect("it is an answer");
        forged.from = name(5);
        assert!(audit.handle_answer(id, &forged.encode(), facts, now).is_err());
        // What is answered again, or was never asked, is of no consequence.
        assert_eq!(audit.handle_answer(id, &answer, facts, now), Ok(()));
    });
}
