use super::*;

fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

fn seal(tick: i64, bytes: usize) -> Seal {
    Seal { version: 1, last_tick: tick, payload: Bytes::from(vec![7; bytes]) }
}

fn target(key: u64) -> Target {
    Target::new(&ComponentId::from("c"), Key::from(key))
}

fn put(kept: &mut Checkpoints, from: &str, stamp: (u64, u64), seal: Seal) {
    let (generation, number) = stamp;
    let stamp = Stamp { generation, number };
    kept.put(target(1), (name(from), stamp), seal, Instant::now());
}

#[test]
fn a_parcel_that_was_overtaken_changes_nothing() {
    let mut kept = Checkpoints::default();
    for (stamp, tick) in [((1, 1), 1), ((1, 3), 3), ((1, 2), 2), ((2, 0), 4), ((1, 9), 5)] {
        put(&mut kept, "a", stamp, seal(tick, 0));
    }
    // What the owner before said last comes after what its successor said first.
    put(&mut kept, "b", (1, 1), seal(6, 0));
    put(&mut kept, "a", (2, 1), seal(5, 0));
    assert_eq!((kept.len(), kept.count), (1, 2));
    assert_eq!(kept.find_before(&target(1), &name("a"), 3), Some(&seal(5, 0)));
    assert_eq!(kept.take(&target(1), Some(&name("b"))), Some(seal(6, 0)));
    assert!(kept.is_empty() && kept.bytes() == 0, "{kept:?}");
}

#[test]
fn what_is_not_renewed_is_forgotten_and_what_is_only_renewed_is_no_change() {
    let mut kept = Checkpoints::default();
    let begin = Instant::now();
    let at = |share: f64| begin + CHECKPOINT_KEPT.mul_f64(share);
    let mut put = |key, number, share| {
        let stamp = Stamp { generation: 1, number };
        kept.put(target(key), (name("a"), stamp), seal(1, 10), at(share));
        kept.expire(at(share));
        (kept.len(), kept.changes())
    };
    assert_eq!(put(1, 1, 0.0), (1, 1));
    assert_eq!(put(2, 2, 0.0), (2, 2));
    assert_eq!(put(1, 3, 0.5), (2, 2));
    assert_eq!(put(1, 4, 1.1), (1, 3));
    assert_eq!(put(3, 5, 2.2), (1, 5));
    assert_eq!((kept.components().len(), kept.order.len(), kept.evicted()), (1, 1, 0));
}

#[test]
fn owners_that_follow_each_other_leave_a_few_seals() {
    let mut kept = Checkpoints::default();
    for owner in 0..10 {
        put(&mut kept, &format!("n{owner}"), (1, 1), seal(owner, 0));
    }
    assert_eq!((kept.len(), kept.count), (1, OWNERS));
    assert_eq!(kept.take(&target(1), None), Some(seal(9, 0)));
}

#[test]
fn the_last_checkpoint_of_the_owner_survives_a_restart_and_is_given_once() {
    let (a, b) = (name("a"), name("b"));
    let (mut kept, mut stamp, now) = (Checkpoints::default(), Stamp::default(), Instant::now());
    for tick in 1..3 {
        let seals = vec![(target(1), Some(seal(tick, 10)))];
        let (bodies, left_out) = parcels(&a, &b, &mut stamp, seals);
        assert_eq!((bodies.len(), left_out), (1, 0));
        kept.handle(&b, &bodies[0], now).expect("it is for b");
        kept.handle(&a, &bodies[0], now).expect_err("it is not for a");
    }
    let mut kept = Checkpoints::restore(&kept.save(), now).expect("it was saved");
    assert_eq!(kept.len(), 1);
    let changes = kept.changes();
    assert_eq!(kept.take(&target(1), Some(&b)), None);
    assert_eq!(kept.changes(), changes);
    assert_eq!(kept.take(&target(1), Some(&a)), Some(seal(2, 10)));
    assert!(kept.changes() > changes, "what was taken is not to be found after a restart");
    assert_eq!(kept.take(&target(1), None), None);
    assert_eq!(kept.bytes(), 0);
    Checkpoints::restore(b"nonsense", now).expect_err("it is none");
}

#[test]
fn checkpoints_are_bounded_on_their_way_and_where_they_are_kept() {
    let (a, b) = (name("a"), name("b"));
    let many = (0..200).map(|key| (target(key), Some(seal(1, 1 << 19)))).collect();
    let (mut kept, mut stamp, now) = (Checkpoints::default(), Stamp::default(), Instant::now());
    let (bodies, left_out) = parcels(&a, &b, &mut stamp, many);
    assert_eq!(left_out, 0);
    for body in &bodies {
        assert!(body.len() <= CHECKPOINT_MAX);
        kept.handle(&b, body, now).expect("it is for b");
    }
    assert!(kept.bytes() <= CHECKPOINT_BYTES);
    assert_eq!(kept.evicted(), 200 - kept.len() as u64);
    // The newest are there, the oldest are not.
    assert_eq!(kept.take(&target(0), Some(&a)), None);
    assert!(kept.take(&target(199), None).is_some());
    let huge = vec![(target(1), Some(seal(1, CHECKPOINT_PARCEL)))];
    assert_eq!(parcels(&a, &b, &mut stamp, huge), (vec![], 1));
    // The same few again and again leave nothing behind.
    for number in 0..5000 {
        let stamp = Stamp { generation: 1, number };
        kept.put(target(300), (a.clone(), stamp), seal(1, 0), now);
    }
    assert!(kept.order.len() < 4000);
}

#[test]
fn what_is_gone_is_kept_no_longer_and_what_a_process_said_itself_is_not_told_to_it() {
    let (a, b) = (name("a"), name("b"));
    let (mut kept, now) = (Checkpoints::default(), Instant::now());
    let mut stamp = Stamp { generation: 7, number: 0 };
    let mut say = |kept: &mut Checkpoints, seal: Option<Seal>| {
        let (bodies, _) = parcels(&a, &b, &mut stamp, vec![(target(1), seal)]);
        kept.handle(&b, &bodies[0], now).expect("it is for b");
    };
    say(&mut kept, Some(seal(1, 0)));
    let told = |kept: &Checkpoints, generation| {
        kept.find_before(&target(1), &name("a"), generation).map(|seal| seal.last_tick)
    };
    assert_eq!((told(&kept, 7), told(&kept, 8)), (None, Some(1)));
    assert_eq!(kept.find_before(&target(1), &b, 8), None);
    put(&mut kept, "b", (1, 1), seal(2, 0));
    say(&mut kept, None);
    assert_eq!(told(&kept, 8), None);
    assert_eq!(kept.take(&target(1), None), Some(seal(2, 0)));
}
