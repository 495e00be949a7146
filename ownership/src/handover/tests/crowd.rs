//! Many nodes that are as new as the one that asks.

use super::*;
use crate::handover::limits::{FOLLOWS, OFFERED_FOR, OFFERED_WITHIN};

/// Forty nodes in the order of their rank for a key, the first of which claims it.
fn crowd(now: Instant) -> (Vec<Name>, Handover, Target) {
    let target = Target::new(&component(), Key::from(7));
    let mut names: Vec<Name> = (0..40).map(|number| name(&format!("n{number}"))).collect();
    names.sort_by_key(|name| std::cmp::Reverse(NodeHash::new(name).score(target.key)));
    let mut first = Handover::new(&names[0]);
    names.iter().for_each(|name| first.peer_up(name, now));
    first.gained(&target, None, MoveCause::Joined, now);
    first.handle_timeout(now);
    (names, first, target)
}

/// Lets nodes that are as new, and so not sure, answer what is asked; how often.
fn ask_the_new(first: &mut Handover, now: Instant) -> u8 {
    let mut count = 0;
    loop {
        let questions = outputs(first);
        let [Output::Ask { to, id, body }] = &questions[..] else {
            assert_eq!(questions, []);
            return count;
        };
        let mut new = Handover::new(to);
        new.handle_question(1, body, |_| true, now).expect("it is a question");
        first.handle_answer(*id, &answered(&mut new), now).expect("it is the answer");
        first.handle_timeout(now);
        count += 1;
    }
}

#[test]
fn one_that_has_asked_enough_in_vain_waits_for_an_offer() {
    let now = Instant::now();
    let (names, mut first, target) = crowd(now);
    assert_eq!(ask_the_new(&mut first, now), FOLLOWS + 1);
    assert!(matches!(first.standing(&target), Some(Standing::Claiming { .. })));

    // The last in the ranking has collected it all the time.
    let mut old = Handover::new(&names[39]);
    old.gained(&target, None, MoveCause::Targets, now);
    outputs(&mut old);
    old.peer_up(&names[0], now);
    old.lost(&target, Some(&names[0]), MoveCause::Joined, now);
    let offers = old.poll_timeout().expect("it offers");
    assert!(offers < now + OFFERED_WITHIN);
    old.handle_timeout(offers);
    let (_, _, body) = asked(&mut old);
    first.handle_question(1, &body, |_| true, offers).expect("it is a question");
    answered(&mut first);
    first.handle_timeout(offers);
    let (to, id, body) = asked(&mut first);
    assert_eq!(to, names[39]);
    old.handle_question(2, &body, |_| true, offers).expect("it is a question");
    outputs(&mut old);
    old.handle_seal(&target, Some(seal(7)), offers);
    old.handle_timeout(offers);
    first.handle_answer(id, &answered(&mut old), offers).expect("it is the answer");
    let start = outputs(&mut first);
    assert!(
        matches!(&start[..], [Output::Start(Start { seal: Some(found), .. })] if *found == seal(7)),
        "{start:?}"
    );
}

#[test]
fn what_nobody_offers_is_collected_after_a_second_round() {
    let now = Instant::now();
    let (_, mut first, target) = crowd(now);
    ask_the_new(&mut first, now);
    let later = first.poll_timeout().expect("it waits for an offer");
    assert_eq!(later, now + OFFERED_WITHIN);
    first.handle_timeout(later);
    let mut count = 0;
    let start = loop {
        match &outputs(&mut first)[..] {
            [Output::Ask { to, id, body }] => {
                let mut new = Handover::new(to);
                new.handle_question(1, body, |_| true, later).expect("it is a question");
                first.handle_answer(*id, &answered(&mut new), later).expect("it is the answer");
                first.handle_timeout(later);
                count += 1;
            }
            [Output::Start(start)] => break start.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((count, start.seal, start.target), (FOLLOWS + 1, None, target));
}

#[test]
fn an_offer_that_came_before_the_target_was_known_says_whom_to_ask() {
    let now = Instant::now();
    let (names, _, target) = crowd(now);
    let mut first = Handover::new(&names[0]);
    names.iter().for_each(|name| first.peer_up(name, now));
    let mut old = Handover::new(&names[39]);
    old.gained(&target, None, MoveCause::Targets, now);
    outputs(&mut old);
    old.peer_up(&names[0], now);
    old.lost(&target, Some(&names[0]), MoveCause::Joined, now);
    let offers = old.poll_timeout().expect("it offers");
    old.handle_timeout(offers);
    let (_, _, body) = asked(&mut old);
    first.handle_question(1, &body, |_| false, offers).expect("it is a question");
    answered(&mut first);
    // Its discovery finds it.
    first.gained(&target, None, MoveCause::Targets, offers);
    first.handle_timeout(offers);
    assert_eq!(asked(&mut first).0, names[39]);
}

#[test]
fn an_offer_of_long_ago_says_nothing() {
    let now = Instant::now();
    let mut offered = Offered::default();
    let (target, other) =
        (Target::new(&component(), Key::from(7)), Target::new(&component(), Key::from(8)));
    offered.insert(target.clone(), name("a"), now);
    let again = now + OFFERED_FOR / 2;
    offered.insert(target.clone(), name("b"), again);
    // What expires at the first of them does not touch the second.
    offered.insert(other.clone(), name("c"), now + OFFERED_FOR);
    assert_eq!(offered.take(&target, now + OFFERED_FOR), Some(name("b")));
    assert_eq!(offered.take(&other, now + OFFERED_FOR * 2), None);
}
