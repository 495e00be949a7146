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
        assert_eq!(start.seal, quick.then(|| seal(77)));
        // And it is told again as often as this one asks.
        a.handle_question(3, &body, true, now).expect("it is a question");
        let again = wire::Answer::decode(&answered(&mut a)).expect("an answer");
        let sealed = matches!(again.outcomes[..], [wire::Outcome::Sealed(_)]);
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
    let (parcels, _) = checkpoints::parcels(&b_name, &a_name, vec![(target.clone(), seal(5))]);
    let mut kept = Checkpoints::default();
    kept.handle(&a_name, &parcels[0]).expect("it is for a");
    let mut a = Handover::new(&a_name);
    a.peer_up(&b_name, now);
    a.gained(&Target::new(&component(), key_of("a", &["b"])), None, MoveCause::Targets, now);
    a.handle_timeout(now);
    outputs(&mut a);

    for (asked_at, expected) in [(now, None), (now + FRESH_FOR, Some(seal(5)))] {
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
        assert_eq!((&start.seal, start.overlap), (&expected, expected.is_some()));
    }
    // Another has no claim to it.
    assert_eq!(kept.find(&target, &name("c")), None);
    assert_eq!(kept.len(), 1);
}
