//! Many nodes that are as new as the one that asks.

use super::*;
use crate::handover::limits::{CLAIM_TIMEOUT, FOLLOWS, OFFERED_FOR, OFFERED_WITHIN};

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

/// The last in the ranking, which has collected the key all the time and hears of the first.
fn holder(last: &Name, first: &Name, target: &Target, now: Instant) -> Handover {
    let mut old = Handover::new(last);
    old.gained(target, None, MoveCause::Targets, now);
    outputs(&mut old);
    old.peer_up(first, now);
    old.lost(target, Some(first), MoveCause::Joined, now);
    old
}

/// Hands the offer of `old`, which is due, to `first`; when it is made.
fn offer(old: &mut Handover, first: &mut Handover) -> Instant {
    let offers = old.poll_timeout().expect("it offers");
    old.handle_timeout(offers);
    let (_, id, body) = asked(old);
    first.handle_question(1, &body, true, offers).expect("it is a question");
    old.handle_answer(id, &answered(first), offers).expect("it is the answer");
    offers
}

/// `first` claims the key from `old`, at once, and gets its seal.
fn claim_from_the_old(first: &mut Handover, last: &Name, old: &mut Handover, now: Instant) {
    first.handle_timeout(now);
    let (to, id, body) = asked(first);
    assert_eq!(to, *last);
    old.handle_question(2, &body, true, now).expect("it is a question");
    let stop = outputs(old);
    let [Output::Stop { target, seal: true, .. }] = &stop[..] else { panic!("{stop:?}") };
    old.handle_seal(target, Some(seal(7)), now);
    old.handle_timeout(now);
    first.handle_answer(id, &answered(old), now).expect("it is the answer");
    let start = outputs(first);
    assert!(
        matches!(&start[..], [Output::Start(Start { seal: Some(found), .. })] if *found == seal(7)),
        "{start:?}"
    );
}

/// Lets nodes that are as new, and so not sure, answer what is asked; how often.
fn ask_the_new(first: &mut Handover, now: Instant) -> u8 {
    ask_some_of_the_new(first, u8::MAX, now)
}

/// The same, of the first `most` questions.
fn ask_some_of_the_new(first: &mut Handover, most: u8, now: Instant) -> u8 {
    let mut count = 0;
    while count < most {
        let questions = outputs(first);
        let [Output::Ask { to, id, body }] = &questions[..] else {
            assert_eq!(questions, []);
            return count;
        };
        let mut new = Handover::new(to);
        new.handle_question(1, body, true, now).expect("it is a question");
        first.handle_answer(*id, &answered(&mut new), now).expect("it is the answer");
        first.handle_timeout(now);
        count += 1;
    }
    count
}

#[test]
fn one_that_has_asked_enough_in_vain_waits_for_an_offer() {
    let now = Instant::now();
    let (names, mut first, target) = crowd(now);
    assert_eq!(ask_the_new(&mut first, now), FOLLOWS + 1);
    assert!(matches!(first.standing(&target), Some(Standing::Claiming { .. })));

    let mut old = holder(&names[39], &names[0], &target, now);
    let offers = offer(&mut old, &mut first);
    assert!(offers < now + OFFERED_WITHIN);
    claim_from_the_old(&mut first, &names[39], &mut old, offers);
}

#[test]
fn an_offer_that_comes_while_the_last_of_enough_is_asked_is_claimed() {
    let now = Instant::now();
    let (names, mut first, target) = crowd(now);
    let mut old = holder(&names[39], &names[0], &target, now);
    assert_eq!(ask_some_of_the_new(&mut first, FOLLOWS, now), FOLLOWS);
    let (to, id, body) = asked(&mut first);
    let offers = offer(&mut old, &mut first);
    first.handle_timeout(offers);
    assert_eq!(outputs(&mut first), [], "another is being asked");

    let mut new = Handover::new(&to);
    new.handle_question(1, &body, true, offers).expect("it is a question");
    first.handle_answer(id, &answered(&mut new), offers).expect("it is the answer");
    claim_from_the_old(&mut first, &names[39], &mut old, offers);
}

#[test]
fn an_offer_weighs_more_than_one_who_says_that_nobody_has_it() {
    let now = Instant::now();
    let (names, mut first, target) = crowd(now);
    let mut old = holder(&names[39], &names[0], &target, now);
    let (to, id, _) = asked(&mut first);
    let offers = offer(&mut old, &mut first);
    let idle = wire::Answer { from: to, outcomes: vec![wire::Outcome::Idle] };
    first.handle_answer(id, &idle.encode(), offers).expect("it is the answer");
    claim_from_the_old(&mut first, &names[39], &mut old, offers);
}

#[test]
fn one_whose_question_stays_without_an_answer_claims_from_who_offers() {
    let now = Instant::now();
    let (names, mut first, target) = crowd(now);
    let mut old = holder(&names[39], &names[0], &target, now);
    let (silent, id, _) = asked(&mut first);
    assert_ne!(silent, names[39]);
    let offers = offer(&mut old, &mut first);
    assert!(offers < now + CLAIM_TIMEOUT);
    let due = first.poll_timeout().expect("it waits no longer than that");
    first.handle_timeout(due);
    assert_eq!(due, now + CLAIM_TIMEOUT);
    claim_from_the_old(&mut first, &names[39], &mut old, due);
    // What the silent one says in the end changes nothing.
    let idle = wire::Answer { from: silent, outcomes: vec![wire::Outcome::Idle] };
    first.handle_answer(id, &idle.encode(), due).expect("it is an answer");
    assert_eq!(outputs(&mut first), []);
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
                new.handle_question(1, body, true, later).expect("it is a question");
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
    first.handle_question(1, &body, false, offers).expect("it is a question");
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
    assert_eq!(offered.take(&target, now + OFFERED_FOR, |_| true), Some(name("b")));
    assert_eq!(offered.take(&other, now + OFFERED_FOR * 2, |_| true), None);
}

#[test]
fn an_offer_that_comes_before_the_news_of_who_makes_it_is_claimed_after_it() {
    let now = Instant::now();
    let (names, _, target) = crowd(now);
    let mut first = Handover::new(&names[0]);
    names[..39].iter().for_each(|name| first.peer_up(name, now));
    first.gained(&target, None, MoveCause::Joined, now);
    first.handle_timeout(now);
    let mut old = holder(&names[39], &names[0], &target, now);
    let (to, id, _) = asked(&mut first);
    let offers = offer(&mut old, &mut first);
    // The one that is asked does not know; the offer is of nobody that is known so far.
    let unsure = wire::Answer { from: to, outcomes: vec![wire::Outcome::Unsure] };
    first.handle_answer(id, &unsure.encode(), offers).expect("it is the answer");
    first.handle_timeout(offers);
    let (to, id, _) = asked(&mut first);
    assert_ne!(to, names[39]);
    first.peer_up(&names[39], offers);
    let unsure = wire::Answer { from: to, outcomes: vec![wire::Outcome::Unsure] };
    first.handle_answer(id, &unsure.encode(), offers).expect("it is the answer");
    claim_from_the_old(&mut first, &names[39], &mut old, offers);
}
