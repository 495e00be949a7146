//! Processes that follow others of their name before anybody has missed those.

use super::*;

/// It may have collected for a while, and nobody knows until when.
#[test]
fn what_was_given_to_a_process_that_has_ended_is_not_given_to_the_next_one_of_its_name() {
    for quick in [false, true] {
        let now = Instant::now();
        let (mut a, _, target, _, body) = claiming(now);
        a.handle_question(1, &body, true, now).expect("it is a question");
        if !quick {
            a.handle_seal(&target, Some(seal(77)), now);
        }
        a.handle_timeout(now);
        outputs(&mut a);

        let mut next = Handover::new(&name("b")).in_life(1);
        next.peer_up(&name("a"), now);
        next.gained(&target, None, MoveCause::Targets, now);
        next.handle_timeout(now);
        let (_, id, body) = asked(&mut next);
        a.handle_question(2, &body, true, now).expect("it is a question");
        if quick {
            // It was not given yet, so it is for whoever asked last.
            a.handle_seal(&target, Some(seal(77)), now);
        }
        a.handle_timeout(now);
        let answers = outputs(&mut a);
        let Some(Output::Answer { body: answer, .. }) = answers.last() else {
            panic!("{answers:?}")
        };
        next.handle_answer(id, answer, now).expect("it is the answer");
        let starts = outputs(&mut next);
        let [Output::Start(start)] = &starts[..] else { panic!("{starts:?}") };
        // What the one before was given is the best that is known, but it may have gone on from there.
        assert_eq!((&start.seal, start.overlap), (&Some(seal(77)), !quick));
        // And it is told again as often as this one asks.
        a.handle_question(3, &body, true, now).expect("it is a question");
        let again = wire::Answer::decode(&answered(&mut a)).expect("an answer");
        let sealed = matches!(again.outcomes[..], [wire::Outcome::Sealed { .. }]);
        assert_eq!(sealed, quick, "{again:?}");
    }
}

/// What the owner kept of it in memory is gone.
#[test]
fn an_owner_that_was_restarted_at_once_goes_on_from_what_its_deputy_keeps() {
    let now = Instant::now();
    let (a_name, b_name) = (name("a"), name("b"));
    let target = Target::new(&component(), key_of("b", &["a"]));
    let known = assignment(&Arc::from([target.key]));
    let mut stamp = checkpoints::Stamp::default();
    let seals = vec![(target.clone(), Some(seal(5)))];
    let (parcels, _) = checkpoints::parcels(&b_name, &a_name, &mut stamp, seals);
    let mut kept = Checkpoints::default();
    kept.handle(&a_name, &parcels[0], now).expect("it is for a");
    let mut a = Handover::new(&a_name);
    a.peer_up(&b_name, now);
    a.gained(&Target::new(&component(), key_of("a", &["b"])), None, MoveCause::Targets, now);
    a.handle_timeout(now);
    outputs(&mut a);

    // A deputy that is new itself would not know who collects the key, but what was said of it it knows.
    for asked_at in [now, now + FRESH_FOR] {
        let mut b = Handover::new(&b_name).in_life(1);
        b.peer_up(&a_name, asked_at);
        b.gained(&target, None, MoveCause::Targets, asked_at);
        b.handle_timeout(asked_at);
        let (_, id, body) = asked(&mut b);
        a.handle_question(1, &body, (&known, &kept), asked_at).expect("it is a question");
        a.handle_timeout(asked_at);
        let answers = outputs(&mut a);
        let [Output::Answer { body, .. }, ..] = &answers[..] else { panic!("{answers:?}") };
        b.handle_answer(id, body, asked_at).expect("it is the answer");
        let starts = outputs(&mut b);
        let [Output::Start(start)] = &starts[..] else { panic!("{starts:?}") };
        // It may have gone on from there, and so this is no seal to rely on.
        assert_eq!((&start.seal, start.overlap), (&Some(seal(5)), true));
    }
    // Another has no claim to it.
    assert_eq!(kept.find_before(&target, &name("c"), 1), None);
    assert_eq!(kept.len(), 1);
}

/// And goes on from the newest that anybody keeps of it, if nobody collects it.
#[test]
fn what_a_new_deputy_keeps_does_not_end_the_search_for_who_collects() {
    for (c_answers, expected) in [
        (wire::Outcome::Kept { seal: seal(8).into(), sure: true }, (8, true)),
        (wire::Outcome::Kept { seal: seal(3).into(), sure: true }, (5, true)),
        (wire::Outcome::Idle, (5, true)),
        (wire::Outcome::Sealed { seal: seal(4).into(), cause: MoveCause::Joined }, (4, false)),
    ] {
        let now = Instant::now();
        let target = Target::new(&component(), key_of("b", &["a", "c"]));
        let mut b = Handover::new(&name("b")).in_life(1);
        b.peer_up(&name("a"), now);
        b.peer_up(&name("c"), now);
        b.gained(&target, None, MoveCause::Targets, now);
        b.handle_timeout(now);
        let first = wire::Outcome::Kept { seal: seal(5).into(), sure: false };
        for outcome in [first, c_answers] {
            let (from, id, _) = asked(&mut b);
            let answer = wire::Answer { from, outcomes: vec![outcome] }.encode();
            b.handle_answer(id, &answer, now).expect("it is the answer");
            b.handle_timeout(now);
        }
        let starts = outputs(&mut b);
        let [Output::Start(start)] = &starts[..] else { panic!("{starts:?}") };
        let tick = start.seal.as_ref().expect("somebody kept one").last_tick;
        assert_eq!((tick, start.overlap), expected);
    }
}
