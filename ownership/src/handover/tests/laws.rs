//! What holds whatever happens.

use std::time::Duration;

use proptest::prelude::*;

use super::world::{Truth, Weather, World};
use crate::Key;

const CALM: Weather = Weather { loss: 0, latency: 40, news: 400, sealing: 30 };

/// Long enough for everything to be given up, offered and claimed again.
const QUIET: Duration = Duration::from_secs(60);

/// A seal that is ready after the answer has gone is asked for again: a pause, three messages and
/// what an answer waits for its other keys.
const LONGEST_GAP: Duration = Duration::from_millis(20 + 3 * 40 + 25);

/// Who comes back while its farewell is still on its way is perhaps sent on to somebody who has heard
/// the farewell only, and from there back: two pauses and four messages more.
const LONGEST_GAP_OF_A_RETURN: Duration =
    LONGEST_GAP.saturating_add(Duration::from_millis(2 * 50 + 4 * 40));

/// For how long after such a return that may be so: as long as the news of it takes, and such a gap.
const SENT_ROUND_FOR: Duration =
    LONGEST_GAP_OF_A_RETURN.saturating_add(Duration::from_millis(CALM.news));

/// Begins with so many nodes, all settled.
fn settled(nodes: usize, extra: usize, keys: u64, weather: Weather, seed: u64) -> World {
    let mut world = World::new(nodes + extra, keys, weather, seed);
    for node in 0..nodes {
        world.become_true(node, Truth::Participant);
        world.run(Duration::from_secs(5));
    }
    world.run(QUIET);
    world.assert_settled();
    world
}

/// Lets a node leave as a process does: it goes once nothing is left to give away.
fn leave(world: &mut World, node: usize) {
    // Who joins has told somebody, and if there is only one to be told, that one.
    for _ in 0..1000 {
        if world.knows_others(node) {
            break;
        }
        world.run(Duration::from_millis(10));
    }
    assert!(world.knows_others(node), "n{node} hears of nobody");
    world.become_true(node, Truth::Leaving);
    for _ in 0..400 {
        if world.remaining(node) == 0 {
            break;
        }
        world.run(Duration::from_millis(50));
    }
    assert_eq!(world.remaining(node), 0, "n{node} drains");
    // The last answers are on their way.
    world.run(Duration::from_millis(100));
    world.become_true(node, Truth::Out);
}

/// So many nodes come to others, one after the other, and leave all at once.
fn go_from_busy_machines(seed: u64, nodes: usize, crowd: usize, weather: Weather, pauses: &[u64]) {
    let mut world = settled(nodes, crowd, 30, CALM, seed);
    let crowd = nodes..nodes + crowd;
    for node in crowd.clone() {
        world.become_true(node, Truth::Participant);
        world.run(Duration::from_secs(3));
    }
    world.run(QUIET);
    world.assert_settled();
    assert_eq!((world.doubles, world.overlaps), (0, 0), "coming");
    world.set_weather(weather);
    let mut leaving: Vec<usize> = crowd.collect();
    for node in &leaving {
        world.become_true(*node, Truth::Leaving);
        world.run(Duration::from_millis(pauses[node - nodes]));
    }
    for _ in 0..4000 {
        leaving.retain(|node| {
            let left = world.remaining(*node) > 0;
            if !left {
                world.become_true(*node, Truth::Out);
            }
            left
        });
        world.run(Duration::from_millis(5));
    }
    assert!(leaving.is_empty(), "{leaving:?} are left");
    world.run(QUIET);
    world.assert_settled();
    assert_eq!((world.doubles, world.overlaps), (0, 0), "going");
}

/// A node comes to others or leaves them, and after a while every other key goes, for one node after the
/// other.
fn go_in_a_move(
    seed: u64,
    nodes: usize,
    joins: bool,
    (sealing, latency): (u64, u64),
    before: u64,
    pauses: &[u64],
) {
    let mut world = settled(nodes, 1, 40, CALM, seed);
    world.set_weather(Weather { sealing, latency, ..CALM });
    let moves = if joins { nodes } else { 0 };
    let truth = if joins { Truth::Participant } else { Truth::Leaving };
    world.become_true(moves, truth);
    world.run(Duration::from_millis(before));
    let left: Vec<Key> = world.keys().iter().step_by(2).copied().collect();
    let first = world.below(nodes as u64 + 1) as usize;
    for (step, pause) in pauses[..=nodes].iter().enumerate() {
        world.find((first + step) % (nodes + 1), &left);
        world.run(Duration::from_millis(*pause));
    }
    let gone: Vec<Key> = world.shrink(left.clone()).iter().copied().collect();
    for _ in 0..2000 {
        if world.truth(moves) == Truth::Leaving && world.remaining(moves) == 0 {
            world.become_true(moves, Truth::Out);
        }
        world.run(Duration::from_millis(5));
    }
    assert_ne!(world.truth(moves), Truth::Leaving, "it drains");
    world.run(QUIET);
    world.assert_settled();
    for key in gone {
        let ended = world.ends.get(&key).copied().unwrap_or_default();
        assert_eq!(ended, u64::from(!left.contains(&key)), "{key}");
    }
}

/// Nodes out of five that come or leave, one after the other, with a pause after each.
fn come_and_go(seed: u64, nodes: usize, steps: &[(usize, u64)]) {
    let mut world = settled(nodes, 5 - nodes, 40, CALM, seed);
    let (mut farewells, mut returns) = ([None; 5], Vec::new());
    for &(node, pause) in steps {
        let others = (0..5).any(|n| n != node && world.truth(n) == Truth::Participant);
        match world.truth(node) {
            Truth::Out => {
                let farewell = farewells[node].map(|at| world.age() - at);
                if farewell.is_some_and(|ago| ago < Duration::from_millis(CALM.news)) {
                    returns.push(world.age());
                }
                world.become_true(node, Truth::Participant);
            }
            // The last one has nobody to give anything to.
            Truth::Participant if others => {
                leave(&mut world, node);
                farewells[node] = Some(world.age());
            }
            _ => {}
        }
        world.run(Duration::from_millis(pause));
    }
    world.run(QUIET);
    world.assert_settled();
    for gap in &world.gaps {
        let explained = returns.iter().any(|&at| gap.end > at && gap.end <= at + SENT_ROUND_FOR);
        let longest = if explained { LONGEST_GAP_OF_A_RETURN } else { LONGEST_GAP };
        assert!(gap.length <= longest, "{gap:?}, returns at {returns:?}");
    }
    assert_eq!(world.overlaps, 0);
}

/// One that gave its keys back to a node that had come again heard only then that the node had left, and
/// asked the third for them.
#[test]
fn who_returns_while_its_farewell_is_on_its_way_is_sent_round_and_gets_its_seal() {
    come_and_go(4778866975680823542, 3, &[(0, 187), (0, 0)]);
}

/// A key that went round among those that leave came back to one that had given it away, from the one
/// that had once given it to it.
#[test]
fn a_seal_that_was_given_before_is_no_seal() {
    let weather = Weather { loss: 0, latency: 236, news: 10, sealing: 396 };
    let pauses = [21, 18, 36, 1, 7, 20, 17, 29, 19, 23];
    go_from_busy_machines(3520637826764437308, 1, 9, weather, &pauses);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Joins and leaves, one after the other or on top of each other.
    #[test]
    fn planned_moves_leave_no_key_alone(
        seed in any::<u64>(),
        nodes in 1..4usize,
        steps in proptest::collection::vec((0..5usize, 0..3000u64), 1..6),
    ) {
        come_and_go(seed, nodes, &steps);
    }

    /// Many nodes join at once, and leave at once: nobody knows everybody, and those that are asked
    /// first have nothing.
    #[test]
    fn a_crowd_that_comes_and_goes_leaves_no_key_alone_and_doubles_none(
        seed in any::<u64>(),
        nodes in 1..4usize,
        crowd in 2..9usize,
        pauses in proptest::collection::vec(0..60u64, 9),
    ) {
        let mut world = settled(nodes, crowd, 30, CALM, seed);
        let crowd = nodes..nodes + crowd;
        for node in crowd.clone() {
            world.become_true(node, Truth::Participant);
            world.run(Duration::from_millis(pauses[node - nodes]));
        }
        world.run(Duration::from_secs(15));
        world.assert_settled();
        prop_assert_eq!((world.doubles, world.overlaps), (0, 0), "coming");
        let mut leaving: Vec<usize> = crowd.collect();
        for node in &leaving {
            world.become_true(*node, Truth::Leaving);
            world.run(Duration::from_millis(pauses[node - nodes]));
        }
        for _ in 0..400 {
            leaving.retain(|node| {
                let left = world.remaining(*node) > 0;
                if !left {
                    world.run(Duration::from_millis(100));
                    world.become_true(*node, Truth::Out);
                }
                left
            });
            world.run(Duration::from_millis(50));
        }
        prop_assert!(leaving.is_empty(), "{leaving:?} are left");
        world.run(QUIET);
        world.assert_settled();
        prop_assert!(world.longest_gap() <= LONGEST_GAP, "{:?}", world.longest_gap());
        prop_assert_eq!((world.doubles, world.overlaps), (0, 0), "going");
    }

    /// The same on machines that are busy: scrapes are under way when targets are claimed, messages
    /// take their time, and who has nothing left is gone at once. What nobody says anything of for too
    /// long is collected all the same, which may be an overlap and is called one; nothing else is
    /// doubled.
    #[test]
    fn a_crowd_that_goes_from_busy_machines_leaves_nothing_in_two_hands_by_mistake(
        seed in any::<u64>(),
        nodes in 1..4usize,
        crowd in 2..10usize,
        sealing in 0..1200u64,
        latency in 1..300u64,
        news in 0..600u64,
        pauses in proptest::collection::vec(0..60u64, 10),
    ) {
        go_from_busy_machines(seed, nodes, crowd, Weather { loss: 0, latency, news, sealing }, &pauses);
    }

    /// Whatever is lost, delayed or dead: in the end every key has one collector.
    #[test]
    fn in_the_end_every_key_has_one_collector(
        seed in any::<u64>(),
        loss in 0..40u64,
        news in 0..4000u64,
        sealing in prop_oneof![0..50u64, 0..14_000u64],
        steps in proptest::collection::vec((0..5usize, 0..4000u64, 0..3u8), 1..10),
    ) {
        let weather = Weather { loss, latency: 200, news, sealing };
        let mut world = settled(2, 3, 20, CALM, seed);
        world.set_weather(weather);
        for (node, pause, what) in steps {
            match (world.truth(node), what) {
                (Truth::Out | Truth::Crashed, _) => world.become_true(node, Truth::Participant),
                (Truth::Participant, 0) => world.become_true(node, Truth::Crashed),
                (Truth::Participant, _) => world.become_true(node, Truth::Leaving),
                (Truth::Leaving, 0) => world.become_true(node, Truth::Crashed),
                (Truth::Leaving, _) => world.become_true(node, Truth::Out),
            }
            world.run(Duration::from_millis(pause));
        }
        world.set_weather(CALM);
        world.run(2 * QUIET);
        world.assert_settled();
    }

    /// Targets go while they change hands: discoveries find that out one after the other, collectors take
    /// their time to stop, and who leaves is gone at once. Whoever was the last to know the series ends
    /// them, and nobody else.
    #[test]
    fn a_target_that_goes_while_it_changes_hands_is_ended_once(
        seed in any::<u64>(),
        nodes in 2..5usize,
        joins in any::<bool>(),
        sealing in 0..3000u64,
        latency in 1..300u64,
        before in 0..1500u64,
        pauses in proptest::collection::vec(0..400u64, 5),
    ) {
        go_in_a_move(seed, nodes, joins, (sealing, latency), before, &pauses);
    }

    /// News takes a fraction of what a node waits before it begins.
    #[test]
    fn nodes_that_begin_together_collect_nothing_twice(
        seed in any::<u64>(),
        pauses in proptest::collection::vec(0..700u64, 2..5),
    ) {
        let weather = Weather { news: 100, ..CALM };
        let mut world = World::new(pauses.len(), 40, weather, seed);
        for (node, pause) in pauses.into_iter().enumerate() {
            world.become_true(node, Truth::Participant);
            world.run(Duration::from_millis(pause));
        }
        world.run(QUIET);
        world.assert_settled();
        prop_assert_eq!(world.doubles, 0);
    }

    /// What does not move is not touched.
    #[test]
    fn a_join_or_a_leave_touches_only_what_it_moves(
        seed in any::<u64>(),
        nodes in 2..5usize,
        join in any::<bool>(),
    ) {
        let mut world = settled(nodes, 1, 100, CALM, seed);
        let (before, starts, stops) = (world.owners(), world.starts, world.stops);
        if join {
            world.become_true(nodes, Truth::Participant);
        } else {
            leave(&mut world, 0);
        }
        world.run(QUIET);
        world.assert_settled();
        let after = world.owners();
        let moved = before.iter().filter(|(key, owner)| after[*key] != **owner).count() as u64;
        prop_assert_eq!((world.starts - starts, world.stops - stops), (moved, moved));
    }
}

#[test]
fn a_crash_costs_its_detection_and_marks_what_may_be_stored_twice() {
    let mut world = settled(3, 0, 90, CALM, 7);
    let mine = world.owners().values().filter(|owner| **owner == Some(1)).count() as u64;
    world.become_true(1, Truth::Crashed);
    world.run(Duration::from_secs(3));
    world.assert_settled();
    assert_eq!(world.overlaps, mine);
}
