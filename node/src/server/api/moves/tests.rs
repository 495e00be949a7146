use ownership::Key;

use super::*;
use crate::cluster::Recorded;

fn done(at: i64, last_tick: Option<i64>, last_heard: Option<i64>) -> Done {
    let record = Recorded {
        at,
        action: "start".to_owned(),
        from: "a".to_owned(),
        to: "b".to_owned(),
        cause: "crash".to_owned(),
        last_tick,
        first_tick: Some((at / 1000 + 1) * 1000),
        last_heard,
        took_micros: u64::try_from(at % 1000).expect("it is positive"),
        overlap: last_tick.is_none(),
    };
    Done { component: "prometheus.scrape.a".to_owned(), key: Key::from(0), record }
}

#[test]
fn what_happens_within_a_second_for_one_reason_is_summed_up() {
    let stop = |at| {
        let mut done = done(at, None, None);
        done.record = Recorded { action: "stop".to_owned(), overlap: false, ..done.record };
        done
    };
    let open = |at| {
        let mut done = done(at, Some(1_000_000), None);
        done.record.first_tick = None;
        done
    };
    let done = [
        done(1_000_100, Some(1_000_000), None),
        done(1_000_900, Some(998_000), None),
        done(1_000_500, None, Some(999_500)),
        stop(1_000_300),
        done(1_001_000, None, None),
        open(1_001_000),
    ];
    let sums = |count| sums(&done, |_| NonZeroU64::new(1000), count);
    let all = sums(10);
    let told: Vec<_> = all.iter().map(|sum| (sum.at, sum.started, sum.targets)).collect();
    assert_eq!(told, [(1_001_000, true, 2), (1_000_300, false, 1), (1_000_100, true, 3)]);
    let three = &all[2];
    assert_eq!((three.gaps_measured, three.gap), (2, 2000));
    assert_eq!((three.gaps_bounded, three.gap_at_most), (1, 2000));
    assert_eq!((three.overlaps, three.took_micros), (1, 900));
    assert_eq!(three.gaps_open, 0);
    assert_eq!((all[0].gaps_measured, all[0].gaps_bounded, all[0].gaps_open), (0, 0, 1));
    assert_eq!(sums(1), all[..1], "the newest are wanted");
    // It is too late for a first tick once it has stopped.
    let left = super::sums(&[open(1_001_000), stop(1_001_500)], |_| NonZeroU64::new(1000), 10);
    assert_eq!(left.iter().map(|sum| sum.gaps_open).sum::<u64>(), 0);
}

fn sum() -> Sum {
    Sum {
        at: 1_000,
        cause: "join".to_owned(),
        from: "a".to_owned(),
        to: "b".to_owned(),
        started: true,
        targets: 3,
        gaps_measured: 3,
        gap: 0,
        gaps_bounded: 0,
        gap_at_most: 0,
        gaps_open: 0,
        overlaps: 0,
        took_micros: 4_000,
    }
}

fn heard(node: &str, sums: &[Sum]) -> Result<Vec<Move>, String> {
    let sums = Sums { truncated: true, sums: sums.to_vec() };
    let (truncated, moves) = read(node, &wire::encode(&sums).expect("it can be said"))?;
    assert!(truncated);
    Ok(moves)
}

#[test]
fn a_node_is_believed_what_it_did_and_nothing_else() {
    let moves = heard("b", &[sum()]).expect("b may have started it");
    let moved = &moves[0];
    assert_eq!((moved.node.as_str(), moved.action, moved.cause), ("b", "start", "join"));
    assert_eq!((moved.gap_seconds, moved.gap_at_most_seconds), (Some(0.0), None));
    assert_eq!(moved.at, "1970-01-01T00:00:01.000Z");
    let stop = Sum { started: false, ..sum() };
    assert!(heard("a", std::slice::from_ref(&stop)).is_ok());
    let lies: [(&str, Sum); 7] = [
        ("a", sum()),
        ("b", stop),
        ("b", Sum { cause: "<b>".to_owned(), ..sum() }),
        ("b", Sum { from: "no\nname".to_owned(), ..sum() }),
        ("b", Sum { from: "x".repeat(64), ..sum() }),
        ("b", Sum { at: i64::MIN, ..sum() }),
        ("b", Sum { at: i64::MAX, ..sum() }),
    ];
    for (node, lie) in lies {
        assert!(heard(node, &[sum(), lie.clone()]).is_err(), "{node}: {lie:?}");
    }
    let many = vec![sum(); MAX_LIMIT + 2];
    assert!(heard("b", &many).is_err());
    assert!(heard("b", &many[1..]).is_ok());
    assert!(read("b", &[0xff; 64]).is_err());
}

#[test]
fn nobody_can_ask_for_more_than_there_may_be() {
    let asked = |count: u64| decode_question(&wire::encode(&count).expect("it can be said"));
    assert_eq!((asked(7), asked(u64::MAX)), (Ok(7), Ok(MAX_LIMIT + 1)));
    assert!(decode_question(&[]).is_err());
}
