use std::collections::BTreeSet;
use std::time::Duration;

use model::Seal;
use ownership::handover::checkpoints::{Stamp, parcels};
use ownership::handover::{CLAIM_TIMEOUT, Standing, Target};
use rand_chacha::rand_core::SeedableRng;

use ownership::ComponentId;

use super::*;

mod forming;

fn component() -> ComponentId {
    ComponentId::from("prometheus.scrape.default")
}

fn keys(count: u64) -> Vec<Key> {
    (0..count).map(|number| Key::of(&component(), [number.to_le_bytes()])).collect()
}

fn peer(name: &str, port: u16) -> Peer {
    Peer {
        name: Name::new(name).expect("a valid name"),
        address: SocketAddr::from(([10, 0, 0, 1], port)),
        generation: 7,
        state: State::Joining,
    }
}

fn core(config: Config, now: Instant) -> Core {
    Core::new(peer("a", 1), config, ChaCha12Rng::seed_from_u64(1), now)
}

/// What a core started and stopped since it was last asked.
#[derive(Debug, Default, PartialEq, Eq)]
struct Moves {
    started: BTreeSet<Key>,
    stopped: BTreeMap<Key, StopReason>,
}

fn moves(core: &mut Core) -> Moves {
    let mut moves = Moves::default();
    while let Some(output) = core.poll_output() {
        match output {
            Output::Start { key, .. } => assert!(moves.started.insert(key)),
            Output::Stop { key, reason, .. } => {
                assert_eq!(moves.stopped.insert(key, reason), None);
            }
            _ => {}
        }
    }
    moves
}

/// Tells `core`, which is clustered, that `others` have become participants.
fn others(core: &mut Core, others: &[&str], now: Instant) {
    for other in others {
        core.hear(Event::Up(Peer { state: State::Participant, ..peer(other, 9) }), now);
    }
    core.settle(now);
}

#[test]
fn a_node_without_clustering_owns_everything_once_it_takes_part() {
    let now = Instant::now();
    let mut core = core(Config::default(), now);
    core.set_keys(&component(), keys(10), now);
    assert_eq!(moves(&mut core), Moves::default());
    core.participate(now);
    assert_eq!(moves(&mut core).started, keys(10).into_iter().collect());
    assert_eq!(core.running(&component()).count(), 10);
    assert_eq!(core.poll_timeout(), None);
    assert_eq!(core.handle_datagram(b"x", now), Err(Refusal::Out));
    assert_eq!(core.view().participants().count(), 1);
}

#[test]
fn targets_that_come_and_go_start_and_stop() {
    let now = Instant::now();
    let mut core = core(Config::default(), now);
    core.participate(now);
    core.set_keys(&component(), keys(10), now);
    moves(&mut core);
    let later = keys(15)[5..].to_vec();
    core.set_keys(&component(), later, now);
    let found = moves(&mut core);
    assert_eq!(found.started, keys(15)[10..].iter().copied().collect());
    let gone = keys(5).into_iter().map(|key| (key, StopReason::Gone)).collect();
    assert_eq!(found.stopped, gone);
    core.set_keys(&component(), vec![], now);
    assert_eq!(moves(&mut core).stopped.len(), 10);
    assert_eq!(core.running(&component()).count(), 0);
}

#[test]
fn a_join_and_a_crash_move_keys_to_and_fro() {
    let now = Instant::now();
    let clustered = Config { membership: Some(membership::Config::default()), ..Config::default() };
    let mut core = core(clustered, now);
    moves(&mut core);
    core.participate(now);
    core.set_keys(&component(), keys(1000), now);
    assert_eq!(moves(&mut core).started.len(), 1000);

    others(&mut core, &["b"], now);
    // Make before break: nothing stops before b claims it.
    assert_eq!(moves(&mut core), Moves::default());
    let b = peer("b", 9).name;
    let yielded = yielding(&core);
    assert!((400..600).contains(&yielded.len()), "{}", yielded.len());
    for key in &yielded {
        assert_eq!(core.placement(*key).owner, Some(b.clone()));
        assert_eq!(core.ranking(*key)[0], b);
    }

    let gone = Peer { state: State::Participant, ..peer("b", 9) };
    core.hear(Event::Down { peer: gone, cause: Cause::Failed, last_heard: None }, now);
    core.settle(now);
    assert_eq!(moves(&mut core), Moves::default());
    assert!(yielding(&core).is_empty());
    assert_eq!(core.running(&component()).count(), 1000);
    let causes: Vec<ChangeCause> =
        core.moves(&component(), yielded[0]).iter().map(|m| m.cause).collect();
    assert_eq!(causes, [ChangeCause::Targets, ChangeCause::Joined, ChangeCause::Failed]);
}

/// What it had not written down yet is lost with the process.
#[test]
fn another_process_of_a_deputy_is_not_taken_to_have_what_the_one_before_was_sent() {
    let now = Instant::now();
    let participant = |generation| Peer { generation, state: State::Participant, ..peer("b", 9) };
    for (generation, forgotten) in [(7, false), (8, true)] {
        let membership = Some(membership::Config::default());
        let mut core = core(Config { membership, ..Config::default() }, now);
        core.participate(now);
        core.set_keys(&component(), keys(3), now);
        core.hear(Event::Up(participant(7)), now);
        let seal = Seal { version: 1, last_tick: 5, payload: Bytes::new() };
        core.checkpoint(&component(), vec![(keys(3)[0], seal)]);
        core.positions.deputies().for_each(|deputy| *deputy = Some(peer("b", 9).name));
        let (from, to) = (participant(7), participant(generation));
        core.hear(Event::Changed { from, to, last_heard: None }, now);
        assert_eq!(core.positions.deputies().all(|deputy| deputy.is_none()), forgotten);
    }
}

/// Nothing but a process begins anew; and one that ended without a word may have collected until then.
#[test]
fn a_participant_that_begins_anew_has_crashed() {
    for (generation, cause, overlaps) in
        [(8, ChangeCause::Failed, true), (7, ChangeCause::Withdrawn, false)]
    {
        let now = Instant::now();
        let membership = Some(membership::Config::default());
        let mut core = core(Config { membership, ..Config::default() }, now);
        core.participate(now);
        let before = Peer { state: State::Participant, ..peer("b", 9) };
        core.hear(Event::Up(before.clone()), now);
        core.settle(now);
        core.set_keys(&component(), keys(100), now);
        while core.poll_output().is_some() {}
        let anew = Peer { generation, ..peer("b", 9) };
        core.hear(Event::Changed { from: before, to: anew, last_heard: Some(now) }, now);
        core.settle(now);
        let starts = std::iter::from_fn(|| core.poll_output()).filter_map(|output| match output {
            Output::Start { overlap, .. } => Some(overlap),
            _ => None,
        });
        let starts: Vec<bool> = starts.collect();
        assert!(!starts.is_empty() && starts.iter().all(|overlap| *overlap == overlaps));
        let change = core.history().changes().next_back().expect("it has left");
        assert_eq!(change.left[0].cause, cause);
        // So that it can be told how long its targets were not collected.
        assert_eq!(change.left[0].last_heard, overlaps.then_some(now));
    }
}

#[test]
fn what_happened_before_a_target_was_known_is_none_of_its_moves() {
    let now = Instant::now();
    let clustered = Config { membership: Some(membership::Config::default()), ..Config::default() };
    let mut core = core(clustered, now);
    let at = |second| now + Duration::from_secs(second);
    let told = |core: &Core, key: Key| -> Vec<(u64, ChangeCause)> {
        let moves = core.moves(&component(), key);
        let moves = moves.into_iter().map(|m| ((m.at - now).as_secs(), m.cause));
        moves.collect()
    };
    let (known, unknown) = (keys(40), keys(41)[40]);
    let (first, later) = known.split_at(20);
    core.set_keys(&component(), first.to_vec(), now);
    assert!(first.iter().all(|key| told(&core, *key).is_empty()), "nobody takes part");
    core.participate(at(1));
    others(&mut core, &["b"], at(2));
    core.set_keys(&component(), known.clone(), at(3));
    others(&mut core, &["c"], at(4));

    let taken = |key: Key, second| {
        let by_c = core.ranking(key)[0].as_str() == "c";
        by_c.then_some((second, ChangeCause::Joined))
    };
    for key in first {
        let of_b = core.ranking(*key).iter().find(|name| name.as_str() != "c").cloned();
        let of_b = of_b.filter(|name| name.as_str() == "b").map(|_| (2, ChangeCause::Joined));
        let expected = [(1, ChangeCause::Joined)].into_iter().chain(of_b).chain(taken(*key, 4));
        assert_eq!(told(&core, *key), expected.collect::<Vec<_>>());
    }
    for key in later {
        let expected = [(3, ChangeCause::Targets)].into_iter().chain(taken(*key, 4));
        assert_eq!(told(&core, *key), expected.collect::<Vec<_>>());
    }
    assert!(later.iter().any(|key| taken(*key, 4).is_some()), "c got some");
    assert_eq!(told(&core, unknown), []);

    // One that went and came back is new.
    core.set_keys(&component(), known[1..].to_vec(), at(5));
    assert_eq!(told(&core, known[0]), []);
    core.set_keys(&component(), known.clone(), at(6));
    assert_eq!(told(&core, known[0]), [(6, ChangeCause::Targets)]);
    // As are all those of a component that starts over, here because of another configuration.
    let config = |byte: &str| Fingerprint::parse(&byte.repeat(32)).expect("64 digits");
    core.set_keys(&component(), vec![], at(7));
    core.set_config(config("01"), at(7));
    core.set_config(config("02"), at(7));
    core.set_keys(&component(), known.clone(), at(8));
    assert!(known.iter().all(|key| told(&core, *key) == [(8, ChangeCause::Reloaded)]));
}

/// The keys that a core collects though they are another's.
fn yielding(core: &Core) -> Vec<Key> {
    let standings = core.handover().standings();
    standings
        .filter(|(_, _, standing)| matches!(standing, Standing::Yielding { .. }))
        .map(|(_, key, _)| key)
        .collect()
}

#[test]
fn the_keys_of_a_node_that_crashed_are_started_at_once_and_marked() {
    let now = Instant::now();
    let clustered = Config { membership: Some(membership::Config::default()), ..Config::default() };
    let mut core = core(clustered, now);
    moves(&mut core);
    core.participate(now);
    others(&mut core, &["b"], now);
    core.set_keys(&component(), keys(100), now);
    // b may be collecting what is new to this node, so it is asked.
    assert_eq!(moves(&mut core), Moves::default());
    assert!(!core.collects_its_own());
    let asked = core.handover().standings().count();
    assert!((30..70).contains(&asked), "{asked}");

    let gone = Peer { state: State::Participant, ..peer("b", 9) };
    let last_heard = Some(now);
    let now = now + Duration::from_secs(2);
    core.hear(Event::Down { peer: gone, cause: Cause::Failed, last_heard }, now);
    core.settle(now);
    let mut started = 0;
    while let Some(output) = core.poll_output() {
        if let Output::Start { overlap, .. } = output {
            assert!(overlap, "b may be alive, only out of sight");
            started += 1;
        }
    }
    assert_eq!(started, 100);
    assert!(core.collects_its_own());
    let from_b = core.history().records().filter(|record| record.from.is_some());
    let told: Vec<_> = from_b.map(|r| (r.overlap, &r.stopped, r.last_tick, r.last_heard)).collect();
    assert!(!told.is_empty());
    assert!(told.iter().all(|told| *told == (true, &None, None, last_heard)), "{told:?}");
}

#[test]
fn a_deputy_goes_on_from_the_checkpoint_of_an_owner_that_crashed() {
    let now = Instant::now();
    let clustered = Config { membership: Some(membership::Config::default()), ..Config::default() };
    let mut core = core(clustered, now);
    moves(&mut core);
    core.participate(now);
    core.set_keys(&component(), keys(100), now);
    others(&mut core, &["b"], now);
    // Those of b are claimed by it, and collected there.
    let of_b = yielding(&core);
    for key in &of_b {
        core.handover.gone(&Target::new(&component(), *key), now);
    }
    core.settle(now);
    moves(&mut core);
    let (a, b) = (peer("a", 1).name, peer("b", 9).name);
    let known = |key: Key| Seal { version: 1, last_tick: 5, payload: Bytes::from(key.to_string()) };
    let seals =
        of_b.iter().map(|key| (Target::new(&component(), *key), Some(known(*key)))).collect();
    for body in parcels(&b, &a, &mut Stamp::default(), seals).0 {
        core.handle_checkpoints(&body, now).expect("it is for this node");
    }
    let gone = Peer { state: State::Participant, ..peer("b", 9) };
    core.hear(Event::Down { peer: gone, cause: Cause::Failed, last_heard: None }, now);
    core.settle(now);
    let mut started = 0;
    while let Some(output) = core.poll_output() {
        if let Output::Start { key, seal, from, .. } = output {
            assert_eq!((seal, from), (Some(known(key)), Some(b.clone())));
            started += 1;
        }
    }
    assert_eq!(started, of_b.len());
    assert!(core.checkpoints().is_empty());
}

/// The process that said it may have gone on, be it that nobody knows who that was: its next one does not
/// know the target yet, and this node stands in.
#[test]
fn a_checkpoint_is_no_seal_to_rely_on() {
    let now = Instant::now();
    let clustered = Config { membership: Some(membership::Config::default()), ..Config::default() };
    let mut core = core(clustered, now);
    core.participate(now);
    others(&mut core, &["b"], now);
    let (a, b, target) =
        (peer("a", 1).name, peer("b", 9).name, Target::new(&component(), keys(1)[0]));
    let seal = Seal { version: 1, last_tick: 5, payload: Bytes::new() };
    let seals = vec![(target.clone(), Some(seal.clone()))];
    let (bodies, _) = parcels(&b, &a, &mut Stamp::default(), seals);
    core.handle_checkpoints(&bodies[0], now).expect("it is for this node");
    moves(&mut core);
    core.handover.cover(&target, &b, None, false, now);
    core.settle(now);
    let start = std::iter::from_fn(|| core.poll_output()).find_map(|output| match output {
        Output::Start { seal, overlap, .. } => Some((seal, overlap)),
        _ => None,
    });
    assert_eq!(start, Some((Some(seal), true)));
}

#[test]
fn what_this_node_collects_is_checkpointed_with_the_deputy() {
    let now = Instant::now();
    let mut core = core(Config::default(), now);
    core.participate(now);
    core.set_keys(&component(), keys(3), now);
    moves(&mut core);
    let seal = Seal { version: 1, last_tick: 5, payload: Bytes::new() };
    let seals = keys(3).into_iter().map(|key| (key, seal.clone())).collect();
    // Nobody else is there.
    assert_eq!(core.checkpoint(&component(), seals), 0);
    assert_eq!(core.poll_output(), None);
}

#[test]
fn many_changes_at_once_move_each_key_at_most_once() {
    let now = Instant::now();
    let clustered = Config { membership: Some(membership::Config::default()), ..Config::default() };
    let mut core = core(clustered, now);
    moves(&mut core);
    core.set_keys(&component(), keys(1000), now);
    // This node and nineteen others become participants in one step: `moves` asserts the rest.
    let names: Vec<String> = (0..19).map(|n| format!("n{n}")).collect();
    let to = Peer { state: State::Participant, ..peer("a", 1) };
    core.hear(Event::Me { from: peer("a", 1), to }, now);
    others(&mut core, &names.iter().map(String::as_str).collect::<Vec<_>>(), now);
    // All of them may be collecting something already: they are asked, and none is started yet.
    assert_eq!(moves(&mut core), Moves::default());
    let claiming = core.handover().standings().count();
    assert!((20..90).contains(&claiming), "{claiming}");
}

#[test]
fn below_the_least_size_nothing_new_starts_and_what_runs_keeps_running() {
    let now = Instant::now();
    let config = Config {
        membership: Some(membership::Config::default()),
        gate: GateConfig { wait_for_size: 3, wait_timeout: Duration::from_secs(30) },
    };
    let mut core = core(config, now);
    moves(&mut core);
    core.participate(now);
    core.set_keys(&component(), keys(900), now);
    others(&mut core, &["b"], now);
    assert_eq!(moves(&mut core), Moves::default());

    core.hear(Event::Up(Peer { state: State::Participant, ..peer("c", 8) }), now);
    core.settle(now);
    let claimed = core.handover().standings().count();
    assert!((200..400).contains(&claimed), "{claimed}");
    assert_eq!(moves(&mut core), Moves::default());
    // Nobody answers, so they are started after a while.
    let now = now + CLAIM_TIMEOUT;
    core.handle_timeout(now);
    let share = moves(&mut core).started;
    assert_eq!(share.len(), claimed);

    // Two of three are gone: their keys are this node's, but it starts none of them.
    for name in ["b", "c"] {
        let gone = Peer { state: State::Participant, ..peer(name, 9) };
        core.hear(Event::Down { peer: gone, cause: Cause::Failed, last_heard: None }, now);
    }
    core.settle(now);
    assert_eq!(moves(&mut core), Moves::default());
    assert!(!core.gate().is_open());
    // A target that vanishes is stopped all the same, a new one waits.
    let mut fewer = keys(901);
    fewer.retain(|key| *key != *share.first().expect("it has a share"));
    core.set_keys(&component(), fewer, now);
    assert_eq!(moves(&mut core).stopped.len(), 1);

    // Waiting ends.
    let later = now + Duration::from_secs(30);
    assert!(core.poll_timeout().is_some_and(|at| at <= later));
    core.handle_timeout(later);
    assert!(core.gate().is_open());
    assert_eq!(moves(&mut core).started.len(), 900 - (share.len() - 1));
    assert_eq!(core.running(&component()).count(), 900);
}

#[test]
fn a_leaving_node_gives_everything_away_but_stays() {
    let now = Instant::now();
    let clustered = Config { membership: Some(membership::Config::default()), ..Config::default() };
    let mut core = core(clustered, now);
    moves(&mut core);
    core.participate(now);
    core.set_keys(&component(), keys(100), now);
    others(&mut core, &["b"], now);
    moves(&mut core);
    core.leave(now);
    // Everything is b's now, and collected here until b claims it.
    assert_eq!(moves(&mut core), Moves::default());
    assert_eq!(core.me().state, State::Leaving);
    assert_eq!(core.remaining(), core.running(&component()).count());
    assert_eq!(yielding(&core).len(), core.remaining());
    assert!(core.collects_its_own(), "it owns nothing, whatever it yields");
    assert!(core.remaining() > 0);
}

#[test]
fn keys_of_a_node_that_crashed_beside_one_that_left_may_be_doubles() {
    let now = Instant::now();
    let clustered = Config { membership: Some(membership::Config::default()), ..Config::default() };
    let mut core = core(clustered, now);
    moves(&mut core);
    core.participate(now);
    others(&mut core, &["b", "z"], now);
    core.set_keys(&component(), keys(100), now);
    core.handle_timeout(now + CLAIM_TIMEOUT);
    moves(&mut core);
    let owner = |core: &Core, key: Key| core.placement(key).owner.expect("there is one");
    let before: BTreeMap<Key, Name> =
        keys(100).into_iter().map(|key| (key, owner(&core, key))).collect();
    // One input tells of both, and of the one first that said that it leaves.
    for (name, cause) in [("b", Cause::Left), ("z", Cause::Failed)] {
        let peer = Peer { state: State::Participant, ..peer(name, 9) };
        core.hear(Event::Down { peer, cause, last_heard: None }, now);
    }
    core.settle(now + CLAIM_TIMEOUT);
    let mut started = BTreeSet::new();
    while let Some(output) = core.poll_output() {
        if let Output::Start { key, overlap, .. } = output {
            assert_eq!(overlap, before[&key].as_str() == "z", "{}", before[&key]);
            started.insert(before[&key].as_str().to_owned());
        }
    }
    assert_eq!(started, BTreeSet::from(["b".to_owned(), "z".to_owned()]));
}
