//! How many seals one answer holds.

use super::*;
use crate::handover::limits::SEALS_PER_ANSWER;

/// Two of these are more than an answer holds.
fn large() -> Seal {
    Seal { payload: Bytes::from(vec![7; SEALS_PER_ANSWER / 2 + 1]), ..seal(77) }
}

/// `b` has claimed three keys at once, of which `a` has large seals; the machines, and the question's number.
fn sealed(now: Instant) -> (Handover, Handover, u64) {
    let (mut a, mut b) = (Handover::new(&name("a")), Handover::new(&name("b")));
    let owned = |key: &Key| NodeHash::new(&name("b")).score(*key) > a.me.score(*key);
    let keys: Vec<Key> = (0u64..).map(Key::from).filter(owned).take(3).collect();
    let targets: Vec<Target> = keys.iter().map(|key| Target::new(&component(), *key)).collect();
    for target in &targets {
        a.gained(target, None, MoveCause::Targets, now);
    }
    a.peer_up(&name("b"), now);
    b.peer_up(&name("a"), now);
    for target in &targets {
        a.lost(target, Some(&name("b")), MoveCause::Joined, now);
        b.gained(target, None, MoveCause::Joined, now);
    }
    outputs(&mut a);
    b.handle_timeout(now);
    let (_, id, body) = asked(&mut b);
    a.handle_question(1, &body, true, now).expect("it is a question");
    assert_eq!(outputs(&mut a).len(), 3, "all are stopped");
    for target in &targets {
        a.handle_seal(target, Some(large()), now);
    }
    a.handle_timeout(now);
    (a, b, id)
}

/// How many targets are started, each with its seal.
fn started(machine: &mut Handover) -> usize {
    let outputs = outputs(machine);
    for output in &outputs {
        let Output::Start(start) = output else { panic!("{output:?}") };
        assert!(start.seal == Some(large()) && !start.overlap);
    }
    outputs.len()
}

/// `b` asks again, and `a` answers.
fn again(a: &mut Handover, b: &mut Handover) {
    let at = b.poll_timeout().expect("it asks again");
    b.handle_timeout(at);
    let (_, id, body) = asked(b);
    a.handle_question(2, &body, true, at).expect("it is a question");
    b.handle_answer(id, &answered(a), at).expect("it is the answer");
}

#[test]
fn a_seal_for_which_an_answer_has_no_room_comes_with_the_next() {
    let now = Instant::now();
    let (mut a, mut b, id) = sealed(now);
    b.handle_answer(id, &answered(&mut a), now).expect("it is the answer");
    assert_eq!((started(&mut b), a.remaining()), (2, 1));
    again(&mut a, &mut b);
    assert_eq!((started(&mut b), a.remaining()), (1, 0));
}

#[test]
fn seals_that_were_given_already_come_as_an_answer_has_room_for_them() {
    let now = Instant::now();
    let (mut a, mut b, id) = sealed(now);
    // The answer with the first two is lost.
    answered(&mut a);
    b.handle_failure(id, Failure::Lost, now);
    for started_now in [2, 1] {
        again(&mut a, &mut b);
        assert_eq!(started(&mut b), started_now);
    }
    assert_eq!((b.running(&component()).count(), a.remaining()), (3, 0));
}
