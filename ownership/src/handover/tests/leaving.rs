//! A node that leaves gives away everything, and its news must not overtake its seals.

use super::*;
use crate::handover::limits::SOON_LIMIT;

/// `b` has asked `a`, which leaves, for its key; the machines, the key, and the question's number.
fn leaving(now: Instant) -> (Handover, Handover, Target, u64) {
    let (mut a, mut b, target) = pair(now);
    a.lost(&target, Some(&name("b")), MoveCause::Left, now);
    b.gained(&target, Some(&name("a")), MoveCause::Left, now);
    b.handle_timeout(now);
    let (_, id, body) = asked(&mut b);
    a.handle_question(1, &body, true, now).expect("it is a question");
    assert!(matches!(outputs(&mut a)[..], [Output::Stop { seal: true, .. }]));
    (a, b, target, id)
}

/// The same, after `b` got the key with its seal and began to collect it.
fn given(now: Instant) -> (Handover, Handover, Target) {
    let (mut a, mut b, target, id) = leaving(now);
    a.handle_seal(&target, Some(seal(7)), now);
    a.handle_timeout(now);
    b.handle_answer(id, &answered(&mut a), now).expect("it is the answer");
    assert!(matches!(outputs(&mut b)[..], [Output::Start(_)]));
    (a, b, target)
}

fn has_left(machine: &mut Handover, now: Instant) {
    machine.peer_down(&name("a"), false);
    machine.handle_timeout(now);
}

#[test]
fn the_answer_of_a_node_that_has_left_meanwhile_counts() {
    let now = Instant::now();
    let (mut a, mut b, target, id) = leaving(now);
    a.handle_seal(&target, Some(seal(7)), now);
    a.handle_timeout(now);
    let answer = answered(&mut a);
    assert_eq!(a.remaining(), 0);
    // Its farewell, a datagram, is quicker than its answer.
    has_left(&mut b, now);
    assert_eq!(outputs(&mut b), []);
    b.handle_answer(id, &answer, now).expect("it is the answer");
    let start = outputs(&mut b);
    assert!(
        matches!(&start[..], [Output::Start(Start { seal: Some(found), .. })] if *found == seal(7)),
        "{start:?}"
    );
}

#[test]
fn a_question_to_a_node_that_has_left_and_fails_is_not_repeated() {
    let now = Instant::now();
    let (_, mut b, target, id) = leaving(now);
    has_left(&mut b, now);
    b.handle_failure(id, Failure::Lost, now);
    // Nobody else is left to ask.
    let start = outputs(&mut b);
    assert!(matches!(&start[..], [Output::Start(Start { seal: None, .. })]), "{start:?}");
    assert_eq!(b.standing(&target), Some(Standing::Active));
}

/// `b` is told to leave while the seal is on its way to it, so that `a` claims the key back from one that
/// does not know yet that it has it.
#[test]
fn what_is_claimed_back_while_its_seal_travels_is_waited_for() {
    let now = Instant::now();
    let (mut a, mut b, target, id) = leaving(now);
    for machine in [&mut a, &mut b] {
        machine.peer_up(&name("c"), now);
    }
    a.handle_seal(&target, Some(seal(7)), now);
    a.handle_timeout(now);
    let answer = answered(&mut a);

    a.gained(&target, Some(&name("b")), MoveCause::Left, now);
    b.lost(&target, Some(&name("a")), MoveCause::Left, now);
    a.handle_timeout(now);
    let (to, back, body) = asked(&mut a);
    assert_eq!(to, name("b"));
    b.handle_question(1, &body, true, now).expect("it is a question");
    b.handle_timeout(now);
    a.handle_answer(back, &answered(&mut b), now).expect("it is the answer");
    a.handle_timeout(now);
    assert_eq!(outputs(&mut a), [], "nobody else is asked, and nothing begins");

    b.handle_answer(id, &answer, now).expect("it is the answer");
    assert!(matches!(outputs(&mut b)[..], [Output::Start(Start { seal: Some(_), .. })]));
    let later = a.poll_timeout().expect("it asks again");
    assert!(later < now + Duration::from_millis(100));
    a.handle_timeout(later);
    let (to, back, body) = asked(&mut a);
    assert_eq!(to, name("b"));
    b.handle_question(2, &body, true, later).expect("it is a question");
    assert!(matches!(outputs(&mut b)[..], [Output::Stop { seal: true, .. }]));
    b.handle_seal(&target, Some(seal(8)), later);
    b.handle_timeout(later);
    a.handle_answer(back, &answered(&mut b), later).expect("it is the answer");
    let start = outputs(&mut a);
    assert!(
        matches!(&start[..], [Output::Start(Start { seal: Some(found), .. })] if *found == seal(8)),
        "{start:?}"
    );
}

#[test]
fn a_seal_that_was_given_long_ago_is_not_given_again() {
    let now = Instant::now();
    let (mut a, mut b, target) = given(now);
    // It collected it meanwhile, and has given it away.
    let later = now + SOON_LIMIT;
    b.gone(&target, now);
    outputs(&mut b);
    b.gained(&target, None, MoveCause::Left, later);
    b.handle_timeout(later);
    let (_, id, body) = asked(&mut b);
    a.handle_question(2, &body, true, later).expect("it is a question");
    b.handle_answer(id, &answered(&mut a), later).expect("it is the answer");
    b.handle_timeout(later);
    let start = outputs(&mut b);
    assert!(matches!(&start[..], [Output::Start(Start { seal: None, .. })]), "{start:?}");
}

#[test]
fn a_seal_is_not_given_again_to_one_that_has_given_the_key_away_since() {
    let now = Instant::now();
    let (mut a, mut b, target) = given(now);

    let later = now + Duration::from_millis(300);
    let mut c = Handover::new(&name("c"));
    c.peer_up(&name("b"), later);
    c.gained(&target, Some(&name("b")), MoveCause::Joined, later);
    c.handle_timeout(later);
    let (_, _, body) = asked(&mut c);
    b.peer_up(&name("c"), later);
    b.lost(&target, Some(&name("c")), MoveCause::Joined, later);
    b.handle_question(1, &body, true, later).expect("it is a question");
    b.handle_seal(&target, Some(seal(8)), later);
    b.handle_timeout(later);
    outputs(&mut b);

    // Whoever has it from `c` by now collects it.
    let later = later + Duration::from_millis(300);
    b.peer_down(&name("c"), false);
    b.gained(&target, Some(&name("c")), MoveCause::Left, later);
    b.handle_timeout(later);
    let (to, _, body) = asked(&mut b);
    assert_eq!(to, name("a"));
    a.handle_question(2, &body, true, later).expect("it is a question");
    let answer = wire::Answer::decode(&answered(&mut a)).expect("it is an answer");
    assert_eq!(answer.outcomes, [wire::Outcome::Unsure]);
}

#[test]
fn a_seal_is_not_given_again_to_one_whose_target_came_back() {
    let now = Instant::now();
    let (mut a, mut b, target) = given(now);
    // Its discovery flaps: what it has collected since is in no seal.
    let later = now + Duration::from_secs(5);
    b.gone(&target, later);
    outputs(&mut b);
    b.gained(&target, None, MoveCause::Targets, later);
    b.handle_timeout(later);
    let (_, _, body) = asked(&mut b);
    a.handle_question(2, &body, true, later + Duration::from_millis(40)).expect("a question");
    let answer = wire::Answer::decode(&answered(&mut a)).expect("it is an answer");
    assert_eq!(answer.outcomes, [wire::Outcome::Unsure]);
}

#[test]
fn a_claim_that_tells_of_keys_it_does_not_hold_is_malformed() {
    let groups = vec![wire::Group { component: "c".to_owned(), keys: vec![1] }];
    let had = vec![wire::Had { place: 1, ago: 0 }];
    let ask = wire::Ask::Claim { life: 0, groups, had };
    let question = wire::Question { from: name("a"), to: name("b"), ask };
    assert!(wire::Question::decode(&question.encode()).is_err());
}

/// What became of the target on both nodes, after it went while `a` was stopping it for `b`.
fn goes(
    mut meanwhile: impl FnMut(&mut Handover, &mut Handover, &Target, Instant),
) -> [Vec<Output>; 2] {
    let now = Instant::now();
    let (mut a, mut b, target, id) = leaving(now);
    a.gone(&target, now);
    b.gone(&target, now);
    assert_eq!(b.remaining(), 1, "a drain waits for it");
    meanwhile(&mut a, &mut b, &target, now);
    a.handle_seal(&target, Some(seal(7)), now);
    a.handle_timeout(now);
    let mut of_a = outputs(&mut a);
    let answer = of_a.iter().position(|output| matches!(output, Output::Answer { .. }));
    if let Some(Output::Answer { body, .. }) = answer.map(|place| of_a.remove(place)) {
        b.handle_answer(id, &body, now).expect("it is the answer");
    }
    [of_a, outputs(&mut b)]
}

fn is_ended(outputs: &[Output]) -> bool {
    matches!(outputs, [
        Output::Start(Start { seal: Some(found), .. }),
        Output::Stop { reason: StopReason::Gone, seal: false, .. },
    ] if *found == seal(7))
}

#[test]
fn what_went_on_its_way_is_ended_by_who_gets_its_seal() {
    let [a, b] = goes(|_, _, _, _| {});
    assert!(a.is_empty() && is_ended(&b), "{a:?} {b:?}");
    // Back in time, it goes on.
    let [a, b] = goes(|_, b, target, now| {
        b.gained(target, Some(&name("a")), MoveCause::Targets, now);
    });
    assert!(a.is_empty() && matches!(&b[..], [Output::Start(_)]), "{a:?} {b:?}");
    // Nobody waits for it any more.
    let [a, b] = goes(|a, _, _, now| {
        a.peer_down(&name("b"), true);
        a.handle_timeout(now);
    });
    assert!(is_ended(&a), "{a:?} {b:?}");
}

/// One for which discovery still finds it asks for it where it was sent on to.
#[test]
fn what_went_for_one_node_alone_is_passed_on_to_who_claims_it() {
    let [_, b] = goes(|_, b, target, now| {
        b.peer_up(&name("c"), now);
        let groups = wire::group(&BTreeSet::from([target.clone()]));
        let ask = wire::Ask::Claim { life: 0, groups, had: Vec::new() };
        let question = wire::Question { from: name("c"), to: name("b"), ask }.encode();
        b.handle_question(5, &question, false, now).expect("it is a question");
        let soon = wire::Answer::decode(&answered(b)).expect("an answer");
        assert_eq!(soon.outcomes, [wire::Outcome::Soon]);
    });
    assert_eq!(b, []);
}

/// The one that was asked may have stopped, and says so again; until then nobody else has the seal.
#[test]
fn a_claim_that_got_no_answer_is_kept_when_the_key_becomes_another_s() {
    for fails_first in [false, true] {
        let now = Instant::now();
        let (mut a, mut b, target, id, body) = claiming(now);
        a.handle_question(1, &body, true, now).expect("it is a question");
        outputs(&mut a);
        a.handle_seal(&target, Some(seal(77)), now);
        a.handle_timeout(now);
        answered(&mut a);

        let to = name("c");
        b.peer_up(&to, now);
        if fails_first {
            b.handle_failure(id, Failure::Lost, now);
            b.lost(&target, Some(&to), MoveCause::Joined, now);
        } else {
            b.lost(&target, Some(&to), MoveCause::Joined, now);
            b.handle_failure(id, Failure::Lost, now);
        }
        // A drain waits for it, too.
        assert_eq!(b.remaining(), 1);
        let later = now + RETRY_PAUSE;
        b.handle_timeout(later);
        let (_, id, body) = asked(&mut b);
        a.handle_question(2, &body, true, later).expect("it is a question");
        a.handle_timeout(later);
        b.handle_answer(id, &answered(&mut a), later).expect("it is the answer");
        let start = outputs(&mut b);
        assert!(
            matches!(&start[..], [Output::Start(Start { seal: Some(found), .. })] if *found == seal(77)),
            "{start:?}"
        );
        let standing = b.standing(&target);
        assert!(
            matches!(&standing, Some(Standing::Yielding { to: Some(found), .. }) if *found == to),
            "{standing:?}"
        );
    }
}

/// Whoever says that it did nothing has not stopped for the one who asked.
#[test]
fn a_claim_that_was_declined_ends_when_the_key_becomes_another_s() {
    for (failures, lost_at, kept) in [
        (&[Failure::Declined][..], 0, false),
        (&[Failure::Declined], 1, false),
        (&[Failure::Lost, Failure::Declined], 2, true),
    ] {
        let mut now = Instant::now();
        let (_, mut b, target, mut id, _) = claiming(now);
        b.peer_up(&name("c"), now);
        let lose = |b: &mut Handover, at, now| {
            if at == lost_at {
                b.lost(&target, Some(&name("c")), MoveCause::Joined, now);
            }
        };
        lose(&mut b, 0, now);
        for (place, failure) in failures.iter().enumerate() {
            b.handle_failure(id, *failure, now);
            lose(&mut b, place + 1, now);
            now += RETRY_PAUSE;
            b.handle_timeout(now);
            if let [Output::Ask { id: next, .. }] = outputs(&mut b)[..] {
                id = next;
            }
        }
        assert_eq!(b.standing(&target).is_some(), kept, "{failures:?}");
        assert_eq!(b.remaining(), usize::from(kept));
    }
}

/// It asked for what is another's from the start, and asks again.
#[test]
fn a_node_that_stands_in_asks_again_when_it_was_declined() {
    let now = Instant::now();
    let (_, mut b, target) = pair(now);
    b.peer_up(&name("c"), now);
    b.cover(&target, &name("c"), Some(&name("a")), false, now);
    b.handle_timeout(now);
    let (to, id, _) = asked(&mut b);
    assert_eq!(to, name("a"));
    b.handle_failure(id, Failure::Declined, now);
    b.handle_timeout(now + RETRY_PAUSE);
    assert_eq!(asked(&mut b).0, name("a"));
}
