use std::time::Duration;

use super::*;

fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

fn gone(who: &Name, last_heard: Option<Instant>) -> Gone {
    Gone { name: who.clone(), cause: ChangeCause::Failed, last_heard }
}

#[test]
fn the_moves_of_a_key_follow_from_the_changes() {
    let begin = Instant::now();
    let (a, b, c) = (name("a"), name("b"), name("c"));
    let mut history = History::default();
    let at = |second| begin + Duration::from_secs(second);
    let joined =
        |second, who: &Name| Change { at: at(second), joined: vec![who.clone()], left: vec![] };
    history.push_change(joined(1, &a));
    history.push_change(joined(2, &b));
    history.push_change(joined(3, &c));
    history.push_change(Change { at: at(4), joined: vec![], left: vec![gone(&a, None)] });
    for key in (0..100u64).map(|number| Key::of("c", [number.to_le_bytes()])) {
        let owner = |names: &[&Name]| {
            let ranking: Ranking = names.iter().copied().collect();
            ranking.of(key).next().cloned()
        };
        let steps = [
            (0, None),
            (1, owner(&[&a])),
            (2, owner(&[&a, &b])),
            (3, owner(&[&a, &b, &c])),
            (4, owner(&[&b, &c])),
        ];
        let expected: Vec<KeyMove> = steps
            .windows(2)
            .filter(|pair| pair[0].1 != pair[1].1)
            .map(|pair| KeyMove {
                at: at(pair[1].0),
                from: pair[0].1.clone(),
                to: pair[1].1.clone(),
                cause: if pair[1].0 == 4 { ChangeCause::Failed } else { ChangeCause::Joined },
            })
            .collect();
        let arrival = |second, changes| {
            let cause = ChangeCause::Targets;
            Arrival { at: at(second), cause, changes }
        };
        // Nobody took part when it came, and whoever came first got it.
        assert_eq!(history.moves(key, &arrival(0, 0), [&b, &c]), expected);
        // What was before it came is none of its moves, even if it came at the same instant.
        let later = history.moves(key, &arrival(3, 3), [&b, &c]);
        assert_eq!(later[0].to, steps[3].1);
        assert_eq!((later[0].at, &later[0].from), (at(3), &None));
        assert_eq!(later[0].cause, ChangeCause::Targets);
        assert_eq!(
            later[1..],
            expected.iter().filter(|m| m.at > at(3)).cloned().collect::<Vec<_>>()
        );
    }
}

#[test]
fn who_had_a_key_before_the_first_change_that_is_kept_is_not_made_up() {
    let (a, b) = (name("a"), name("b"));
    let mut history = History::default();
    let at = Instant::now();
    let arrival = Arrival { at, cause: ChangeCause::Targets, changes: 0 };
    for _ in 0..CHANGES {
        history.push_change(Change { at, joined: vec![], left: vec![] });
    }
    let moves = history.moves(Key::from(1), &arrival, [&a]);
    assert_eq!(moves.len(), 1, "all is known: {moves:?}");
    history.push_change(Change { at, joined: vec![b.clone()], left: vec![] });
    let key = (0..).map(Key::from).find(|key| {
        let ranking: Ranking = [&a, &b].into_iter().collect();
        ranking.of(*key).next() == Some(&b)
    });
    let moves = history.moves(key.expect("b has some"), &arrival, [&a, &b]);
    let told: Vec<ChangeCause> = moves.iter().map(|m| m.cause).collect();
    assert_eq!(told, [ChangeCause::Joined]);
}

#[test]
fn a_node_out_of_reach_was_heard_last_before_it_went_and_one_that_came_back_is_in_reach() {
    let (a, b) = (name("a"), name("b"));
    let begin = Instant::now();
    let at = |second| begin + Duration::from_secs(second);
    let mut history = History::default();
    let change = |second, joined, left| Change { at: at(second), joined, left };
    history.push_change(change(1, vec![a.clone(), b.clone()], vec![]));
    assert_eq!(history.last_heard(&a), None);
    history.push_change(change(5, vec![], vec![gone(&a, Some(at(3)))]));
    history.push_change(change(9, vec![], vec![gone(&b, None)]));
    assert_eq!((history.last_heard(&a), history.last_heard(&b)), (Some(at(3)), None));
    history.push_change(change(10, vec![a.clone()], vec![]));
    assert_eq!(history.last_heard(&a), None);
}

/// This node started, or stopped, to collect a key of the component `c`.
fn record(key: u64, at: Instant, stopped: Option<StopReason>) -> Record {
    Record {
        at,
        component: ComponentId::from("c"),
        key: Key::from(key),
        stopped,
        cause: ChangeCause::Targets,
        from: None,
        last_tick: None,
        first_tick: None,
        last_heard: None,
        took: Duration::ZERO,
        overlap: false,
    }
}

#[test]
fn history_is_bounded() {
    let mut history = History::default();
    for _ in 0..10_000 {
        let at = Instant::now();
        history.push_change(Change { at, joined: vec![], left: vec![] });
        history.push_record(record(1, at, None), 1);
    }
    assert_eq!(history.changes().count(), CHANGES);
    assert_eq!((history.records().count(), history.tickless.len()), (RECORDS, RECORDS));
    assert!(history.has_forgotten());
}

#[test]
fn the_last_two_doings_of_every_target_are_kept_however_many_there_are() {
    let (mut history, at, keys) = (History::default(), Instant::now(), 10_000);
    for key in 0..keys {
        history.push_record(record(key, at, None), key as usize);
    }
    assert!(!history.has_forgotten());
    for key in 0..keys {
        history.push_record(record(key, at, None), keys as usize);
        history.note_first_tick(&ComponentId::from("c"), Key::from(key), 1, at);
    }
    assert_eq!((history.records().count() as u64, history.has_forgotten()), (2 * keys, false));
    // With fewer targets fewer are kept, and what is forgotten waits for no tick.
    history.push_record(record(0, at, None), 0);
    assert_eq!((history.records().count(), history.has_forgotten()), (RECORDS, true));
    assert_eq!(history.tickless.len(), 1);
    history.note_first_tick(&ComponentId::from("c"), Key::from(0), 2, at);
    assert_eq!(history.records().next_back().expect("the last").first_tick, Some(2));
}

#[test]
fn a_key_came_from_whoever_had_it_when_it_was_started_first() {
    let (mut history, begin) = (History::default(), Instant::now());
    let at = |second| begin + Duration::from_secs(second);
    let (b, c) = (name("b"), name("c"));
    let from = |who: &Name, cause, key, second| {
        let record = record(key, at(second), None);
        Record { from: Some(who.clone()), cause, ..record }
    };
    history.push_record(from(&b, ChangeCause::Joined, 1, 1), 1);
    history.push_record(record(2, at(2), None), 1);
    history.push_record(from(&c, ChangeCause::Left, 1, 3), 1);
    let came = |key, second| history.came("c", Key::from(key), at(second));
    assert_eq!(came(1, 0), Some((&b, ChangeCause::Joined)));
    assert_eq!(came(1, 1), Some((&b, ChangeCause::Joined)));
    assert_eq!(came(1, 2), Some((&c, ChangeCause::Left)));
    assert_eq!((came(2, 0), came(3, 0), came(1, 4)), (None, None, None));
    assert_eq!(history.came("d", Key::from(1), at(0)), None);
    // Nobody remembers whether the first was the first.
    for _ in 0..RECORDS {
        history.push_record(from(&c, ChangeCause::Left, 1, 4), 1);
    }
    assert_eq!(history.came("c", Key::from(1), at(0)), None);
    assert_eq!(history.came("c", Key::from(1), at(4)), None);
    history.push_record(from(&c, ChangeCause::Left, 1, 5), 1);
    assert_eq!(history.came("c", Key::from(1), at(5)), Some((&c, ChangeCause::Left)));
}

#[test]
fn a_first_tick_is_of_the_start_before_it() {
    let mut history = History::default();
    let (begin, component) = (Instant::now(), ComponentId::from("c"));
    let at = |second| begin + Duration::from_secs(second);
    for (key, second, stopped) in
        [(1, 1, None), (2, 2, None), (1, 3, Some(StopReason::Gone)), (1, 5, None)]
    {
        history.push_record(record(key, at(second), stopped), 2);
    }
    let first_ticks = |history: &History| -> Vec<Option<i64>> {
        history.records().map(|record| record.first_tick).collect()
    };
    // It is told late: by then the key was started once more.
    history.note_first_tick(&component, Key::from(1), 100, at(4));
    assert_eq!(first_ticks(&history), [Some(100), None, None, None]);
    history.note_first_tick(&component, Key::from(1), 200, at(6));
    history.note_first_tick(&ComponentId::from("d"), Key::from(2), 300, at(6));
    history.note_first_tick(&component, Key::from(3), 300, at(6));
    assert_eq!(first_ticks(&history), [Some(100), None, None, Some(200)]);
    // A component that begins anew tells what is no first tick for the cluster.
    history.note_first_tick(&component, Key::from(1), 400, at(7));
    assert_eq!(first_ticks(&history), [Some(100), None, None, Some(200)]);
}
