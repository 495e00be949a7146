use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use model::Seal;

use super::limits::{
    FETCHED_WITHIN, FRESH_FOR, HOLD, REQUESTS_PER_PEER, RETRY_PAUSE, SEAL_MAX, SOON_PAUSE,
};
use super::*;
use crate::Assignment;

mod answers;
mod crowd;
mod laws;
mod leaving;
mod restarts;
mod world;

fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

fn component() -> ComponentId {
    ComponentId::from("c")
}

/// A key that `first` ranks higher for than any of `others`.
fn key_of(first: &str, others: &[&str]) -> Key {
    let owns = |key: &Key| {
        let score = |who: &str| NodeHash::new(&name(who)).score(*key);
        others.iter().all(|other| score(first) > score(other))
    };
    (0u64..).map(Key::from).find(owns).expect("there is one")
}

fn seal(tick: i64) -> Seal {
    Seal { version: 1, last_tick: tick, payload: Bytes::from_static(b"what is known") }
}

fn outputs(machine: &mut Handover) -> Vec<Output> {
    std::iter::from_fn(|| machine.poll_output()).collect()
}

/// What a machine asks, and nothing else.
fn asked(machine: &mut Handover) -> (Name, u64, Bytes) {
    match outputs(machine).as_slice() {
        [Output::Ask { to, id, body }] => (to.clone(), *id, body.clone()),
        other => panic!("no question: {other:?}"),
    }
}

/// What a machine answers, and nothing else.
fn answered(machine: &mut Handover) -> Bytes {
    match outputs(machine).as_slice() {
        [Output::Answer { body, .. }] => body.clone(),
        other => panic!("no answer: {other:?}"),
    }
}

/// Two machines that know each other, of which `a` collects `target`, which is `b`'s by rank.
fn pair(now: Instant) -> (Handover, Handover, Target) {
    let (mut a, mut b) = (Handover::new(&name("a")), Handover::new(&name("b")));
    let target = Target::new(&component(), key_of("b", &["a"]));
    a.gained(&target, None, MoveCause::Targets, now);
    assert!(matches!(outputs(&mut a)[..], [Output::Start(_)]));
    a.peer_up(&name("b"), now);
    b.peer_up(&name("a"), now);
    (a, b, target)
}

/// The same once `b` knows of its key, and the number and the body of its question to `a`.
fn claiming(now: Instant) -> (Handover, Handover, Target, u64, Bytes) {
    let (mut a, mut b, target) = pair(now);
    a.lost(&target, Some(&name("b")), MoveCause::Joined, now);
    b.gained(&target, None, MoveCause::Joined, now);
    b.handle_timeout(now);
    let (to, id, body) = asked(&mut b);
    assert_eq!(to, name("a"));
    (a, b, target, id, body)
}

#[test]
fn a_claim_brings_the_seal_and_the_start_and_nobody_else_is_asked() {
    let now = Instant::now();
    let (mut a, mut b, target, id, body) = claiming(now);

    a.handle_question(9, &body, true, now).expect("it is a question");
    a.handle_timeout(now);
    let stop = outputs(&mut a);
    assert!(
        matches!(&stop[..], [Output::Stop { reason: StopReason::Moved { to }, seal: true, .. }]
            if *to == name("b")),
        "{stop:?}"
    );
    assert_eq!(a.running(&component()).count(), 0);
    a.handle_seal(&target, Some(seal(77)), now);
    a.handle_timeout(now);
    let answer = answered(&mut a);

    b.handle_answer(id, &answer, now).expect("it is the answer");
    let start = outputs(&mut b);
    let [Output::Start(start)] = &start[..] else { panic!("{start:?}") };
    assert_eq!(start.seal, Some(seal(77)));
    assert_eq!((start.overlap, &start.from), (false, &Some(name("a"))));
    assert_eq!(a.standing(&target), None);
    assert_eq!(b.standing(&target), Some(Standing::Active));
    assert_eq!((a.counters().given, b.counters().sealed), (1, 1));
}

/// What the other one collected may wait there to be delivered still, so it matters whose the key was.
#[test]
fn who_stopped_a_key_and_could_not_seal_it_is_the_one_before_all_the_same() {
    for answer_is_lost in [false, true] {
        let mut now = Instant::now();
        let (mut a, mut b, target, id, body) = claiming(now);
        a.handle_question(id, &body, true, now).expect("it is a question");
        assert!(matches!(outputs(&mut a)[..], [Output::Stop { seal: true, .. }]));
        a.handle_seal(&target, None, now);
        a.handle_timeout(now);
        let (mut id, mut answer) = (id, answered(&mut a));
        if answer_is_lost {
            b.handle_failure(id, Failure::Lost, now);
            now += RETRY_PAUSE;
            b.handle_timeout(now);
            let (_, again, body) = asked(&mut b);
            a.handle_question(again, &body, true, now).expect("it is a question");
            a.handle_timeout(now);
            (id, answer) = (again, answered(&mut a));
        }
        b.handle_answer(id, &answer, now).expect("it is the answer");
        let start = outputs(&mut b);
        let [Output::Start(start)] = &start[..] else { panic!("{start:?}") };
        assert_eq!((&start.seal, start.overlap, &start.from), (&None, false, &Some(name("a"))));
        assert_eq!((a.counters().given_unsealed, b.counters().unsealed), (1, 1));
        assert_eq!(b.counters().idle, 0);
    }
}

/// Its page may take longer than most, and no tick is lost meanwhile.
#[test]
fn a_seal_is_waited_for_as_long_as_a_scrape_may_take() {
    for (busy, sealed_after, arrives) in
        [(10, 14, true), (10, 16, false), (60, 61, true), (60, 66, false)]
    {
        let mut now = Instant::now();
        let (mut a, mut b, target, id, body) = claiming(now);
        for machine in [&mut a, &mut b] {
            machine.set_busy(&component(), Duration::from_secs(busy));
        }
        a.handle_question(1, &body, true, now).expect("it is a question");
        outputs(&mut a);
        let (mut id, mut number, seals_at) = (id, 1, now + Duration::from_secs(sealed_after));
        let start = 'started: loop {
            let due = [&a, &b].into_iter().filter_map(Handover::poll_timeout).min();
            let before = now;
            now = due.expect("something is due");
            if before < seals_at {
                now = now.min(seals_at);
            }
            if before < seals_at && now >= seals_at {
                a.handle_seal(&target, Some(seal(77)), now);
            }
            a.handle_timeout(now);
            b.handle_timeout(now);
            if let Some(Output::Answer { body, .. }) = outputs(&mut a).first() {
                b.handle_answer(id, body, now).expect("it is the answer");
            }
            for output in outputs(&mut b) {
                match output {
                    Output::Ask { id: next, body, .. } => {
                        (id, number) = (next, number + 1);
                        a.handle_question(number, &body, true, now).expect("it is a question");
                    }
                    Output::Start(start) => break 'started start,
                    other => panic!("{other:?}"),
                }
            }
        };
        assert_eq!((start.seal.is_some(), start.overlap), (arrives, false), "{busy} s");
    }
}

/// The one that joins hears of its target after the other has heard of it.
#[test]
fn what_another_gave_moved_for_its_reason_and_not_because_discovery_found_it() {
    for (own, expected) in [
        (MoveCause::Targets, MoveCause::Joined),
        (MoveCause::Reloaded, MoveCause::Joined),
        (MoveCause::Gate, MoveCause::Gate),
    ] {
        let now = Instant::now();
        let (mut a, mut b, target) = pair(now);
        a.lost(&target, Some(&name("b")), MoveCause::Joined, now);
        b.gained(&target, None, own, now);
        b.handle_timeout(now);
        let (_, id, body) = asked(&mut b);
        a.handle_question(1, &body, true, now).expect("it is a question");
        outputs(&mut a);
        a.handle_seal(&target, Some(seal(1)), now);
        a.handle_timeout(now);
        b.handle_answer(id, &answered(&mut a), now).expect("it is the answer");
        let start = outputs(&mut b);
        let [Output::Start(start)] = &start[..] else { panic!("{start:?}") };
        assert_eq!((start.cause, &start.from), (expected, &Some(name("a"))));
    }
}

#[test]
fn a_seal_that_is_too_long_comes_as_its_tick_alone_and_is_counted() {
    let now = Instant::now();
    for (length, arrives, cut) in [(SEAL_MAX, SEAL_MAX, 0), (SEAL_MAX + 1, 0, 1)] {
        let (mut a, mut b, target, id, body) = claiming(now);
        a.handle_question(9, &body, true, now).expect("it is a question");
        assert!(matches!(outputs(&mut a)[..], [Output::Stop { seal: true, .. }]));
        let payload = Bytes::from(vec![7; length]);
        a.handle_seal(&target, Some(Seal { payload, ..seal(77) }), now);
        a.handle_timeout(now);
        b.handle_answer(id, &answered(&mut a), now).expect("it is the answer");
        let start = outputs(&mut b);
        let [Output::Start(start)] = &start[..] else { panic!("no start") };
        let seal = start.seal.as_ref().expect("the tick arrives in any case");
        assert_eq!((seal.last_tick, seal.payload.len()), (77, arrives));
        assert_eq!((a.counters().seals_cut, a.counters().given), (cut, 1));
        assert!(!start.overlap);
    }
}

#[test]
fn a_node_that_leaves_waits_for_those_whom_it_told_to_ask_again() {
    let now = Instant::now();
    let (mut a, mut b, target) = pair(now);
    a.lost(&target, Some(&name("b")), MoveCause::Left, now);
    b.gained(&target, Some(&name("a")), MoveCause::Left, now);
    b.handle_timeout(now);
    let (_, id, body) = asked(&mut b);
    a.handle_question(1, &body, true, now).expect("it is a question");
    assert!(matches!(outputs(&mut a)[..], [Output::Stop { seal: true, .. }]));
    // A scrape is under way, and takes longer than an answer may.
    let late = now + HOLD;
    a.handle_timeout(late);
    b.handle_answer(id, &answered(&mut a), late).expect("it is an answer");
    a.handle_seal(&target, Some(seal(77)), late);
    a.handle_timeout(late);
    assert_eq!((a.standing(&target), a.remaining()), (None, 1), "b has not got it");

    let again = late + SOON_PAUSE;
    b.handle_timeout(again);
    let (_, id, body) = asked(&mut b);
    a.handle_question(2, &body, true, again).expect("it is a question");
    assert_eq!(a.remaining(), 0);
    b.handle_answer(id, &answered(&mut a), again).expect("it is an answer");
    let start = outputs(&mut b);
    assert!(matches!(&start[..], [Output::Start(start)] if start.seal == Some(seal(77))));
}

#[test]
fn a_node_that_leaves_waits_for_nobody_who_does_not_ask_again() {
    let now = Instant::now();
    let (mut a, mut b, target) = pair(now);
    a.lost(&target, Some(&name("b")), MoveCause::Left, now);
    b.gained(&target, Some(&name("a")), MoveCause::Left, now);
    b.handle_timeout(now);
    let (_, _, body) = asked(&mut b);
    a.handle_question(1, &body, true, now).expect("it is a question");
    a.handle_timeout(now + HOLD);
    a.handle_seal(&target, Some(seal(77)), now + HOLD);
    outputs(&mut a);
    let until = now + HOLD + FETCHED_WITHIN;
    while let Some(due) = a.poll_timeout().filter(|due| *due < until) {
        a.handle_timeout(due);
        assert_eq!(a.remaining(), 1);
    }
    assert_eq!(a.poll_timeout(), Some(until));
    a.handle_timeout(until);
    assert_eq!(a.remaining(), 0);
}

#[test]
fn a_claim_that_outranks_is_honoured_before_the_news_of_the_claimant() {
    let now = Instant::now();
    let (mut a, mut b, target) = pair(now);
    a.peer_down(&name("b"), false);
    a.handle_timeout(now);
    b.gained(&target, None, MoveCause::Joined, now);
    b.handle_timeout(now);
    let (_, _, body) = asked(&mut b);
    a.handle_question(1, &body, true, now).expect("it is a question");
    assert!(matches!(outputs(&mut a)[..], [Output::Stop { seal: true, .. }]));
    a.handle_seal(&target, None, now);
    // Should the claimant never turn up, the key is claimed back.
    assert!(matches!(a.standing(&target), Some(Standing::Claiming { .. })));
    for _ in 0..200 {
        let Some(at) = a.poll_timeout() else { break };
        a.handle_timeout(at);
        for output in outputs(&mut a) {
            if let Output::Ask { id, .. } = output {
                a.handle_failure(id, Failure::Lost, at);
            }
        }
    }
    assert_eq!(a.standing(&target), Some(Standing::Active));
}

#[test]
fn a_claim_that_does_not_outrank_is_refused_until_the_views_agree() {
    let now = Instant::now();
    let (mut a, mut b) = (Handover::new(&name("a")), Handover::new(&name("b")));
    let target = Target::new(&component(), key_of("a", &["b"]));
    a.gained(&target, None, MoveCause::Targets, now);
    outputs(&mut a);
    b.peer_up(&name("a"), now);
    // To b it seems that a is leaving.
    b.gained(&target, Some(&name("a")), MoveCause::Left, now);
    b.handle_timeout(now);
    let (_, id, body) = asked(&mut b);
    a.handle_question(1, &body, true, now).expect("it is a question");
    let answer = answered(&mut a);
    b.handle_answer(id, &answer, now).expect("it is the answer");
    assert_eq!(outputs(&mut b), []);
    assert_eq!(b.counters().kept, 1);
    b.lost(&target, Some(&name("a")), MoveCause::Joined, now);
    b.handle_timeout(now + Duration::from_secs(60));
    assert_eq!(b.standing(&target), None);
    assert_eq!(a.standing(&target), Some(Standing::Active));
}

#[test]
fn silence_is_taken_for_an_overlap() {
    let now = Instant::now();
    let (_, mut b, target) = pair(now);
    b.gained(&target, None, MoveCause::Joined, now);
    b.handle_timeout(now);
    asked(&mut b);
    b.handle_timeout(now + CLAIM_TIMEOUT);
    let start = outputs(&mut b);
    assert!(
        matches!(&start[..], [Output::Start(Start { overlap: true, seal: None, .. })]),
        "{start:?}"
    );
    assert_eq!(b.counters().timed_out, 1);
}

#[test]
fn an_answer_that_was_lost_is_given_again() {
    let now = Instant::now();
    let (mut a, mut b, target) = pair(now);
    b.gained(&target, None, MoveCause::Joined, now);
    b.handle_timeout(now);
    let (_, id, body) = asked(&mut b);
    a.handle_question(1, &body, true, now).expect("it is a question");
    a.lost(&target, Some(&name("b")), MoveCause::Joined, now);
    a.handle_seal(&target, Some(seal(5)), now);
    a.handle_timeout(now);
    assert_eq!(outputs(&mut a).len(), 2);
    b.handle_failure(id, Failure::Lost, now);
    let later = b.poll_timeout().expect("it tries again");
    b.handle_timeout(later);
    let (_, id, body) = asked(&mut b);
    a.handle_question(2, &body, true, later).expect("it is a question");
    let answer = answered(&mut a);
    b.handle_answer(id, &answer, later).expect("it is the answer");
    let start = outputs(&mut b);
    assert!(
        matches!(&start[..], [Output::Start(Start { overlap: false, seal: Some(found), .. })]
            if *found == seal(5)),
        "{start:?}"
    );
}

#[test]
fn what_nobody_claims_is_offered_and_stops_when_the_owner_has_it() {
    let now = Instant::now();
    let (mut a, mut b, target) = pair(now);
    a.lost(&target, Some(&name("b")), MoveCause::Joined, now);
    b.peer_down(&name("a"), false);
    b.gained(&target, None, MoveCause::Targets, now);
    b.handle_timeout(now);
    assert!(matches!(outputs(&mut b)[..], [Output::Start(_)]));
    let at = a.poll_timeout().expect("it offers");
    a.handle_timeout(at);
    let (to, id, body) = asked(&mut a);
    assert_eq!(to, name("b"));
    b.handle_question(1, &body, true, at).expect("it is a question");
    let answer = answered(&mut b);
    a.handle_answer(id, &answer, at).expect("it is the answer");
    assert!(matches!(outputs(&mut a)[..], [Output::Stop { seal: false, .. }]));
    assert_eq!(a.counters().doubled, 1);
    // Whom it asks for the key later is not to give it what it has had since.
    assert_eq!(a.given.had(&target), Some(at));
}

#[test]
fn an_owner_that_does_not_know_the_target_leaves_it_where_it_is() {
    let now = Instant::now();
    let (mut a, mut b, target) = pair(now);
    a.lost(&target, Some(&name("b")), MoveCause::Joined, now);
    assert_eq!(a.remaining(), 1);
    let at = a.poll_timeout().expect("it offers");
    a.handle_timeout(at);
    let (_, id, body) = asked(&mut a);
    b.handle_question(1, &body, false, at).expect("it is a question");
    let answer = answered(&mut b);
    a.handle_answer(id, &answer, at).expect("it is the answer");
    assert_eq!(outputs(&mut a), []);
    let unknown = a.standing(&target);
    assert!(matches!(unknown, Some(Standing::Yielding { unknown: true, .. })), "{unknown:?}");
    // A drain does not wait for what nobody could take; but b is new, and its discovery may be slow.
    assert_eq!((a.remaining(), a.counters().unknown), (1, 1));
    a.handle_timeout(now + FRESH_FOR);
    assert_eq!(a.remaining(), 0);
}

#[test]
fn a_slow_collector_keeps_no_other_key_waiting() {
    let now = Instant::now();
    let (mut a, mut b) = (Handover::new(&name("a")), Handover::new(&name("b")));
    let keys: Vec<Key> =
        (0u64..).map(Key::from).filter(|key| *key >= key_of("b", &["a"])).take(20).collect();
    let owned = |key: &&Key| NodeHash::new(&name("b")).score(**key) > a.me.score(**key);
    let targets: Vec<Target> =
        keys.iter().filter(owned).map(|key| Target::new(&component(), *key)).collect();
    for target in &targets {
        a.gained(target, None, MoveCause::Targets, now);
    }
    a.peer_up(&name("b"), now);
    b.peer_up(&name("a"), now);
    for target in &targets {
        b.gained(target, None, MoveCause::Joined, now);
    }
    b.handle_timeout(now);
    let (_, id, body) = asked(&mut b);
    outputs(&mut a);
    a.handle_question(1, &body, true, now).expect("it is a question");
    outputs(&mut a);
    for target in &targets[1..] {
        a.handle_seal(target, Some(seal(1)), now);
    }
    let at = a.poll_timeout().expect("it answers");
    assert!(at <= now + Duration::from_millis(25));
    a.handle_timeout(at);
    let answer = answered(&mut a);
    b.handle_answer(id, &answer, at).expect("it is the answer");
    assert_eq!(outputs(&mut b).len(), targets.len() - 1);
    // The last one is asked for again, and comes when it is ready.
    let at = b.poll_timeout().expect("it asks again");
    b.handle_timeout(at);
    let (_, id, body) = asked(&mut b);
    a.handle_question(2, &body, true, at).expect("it is a question");
    a.handle_seal(&targets[0], Some(seal(2)), at);
    a.handle_timeout(at);
    let answer = answered(&mut a);
    b.handle_answer(id, &answer, at).expect("it is the answer");
    assert_eq!(b.running(&component()).count(), targets.len());
}

#[test]
fn nonsense_changes_nothing_and_is_counted() {
    let now = Instant::now();
    let (mut a, mut b, target) = pair(now);
    for body in [&b""[..], b"\xff\xff\xff\xff", &[0; 64], &vec![7; QUESTION_MAX + 1]] {
        let refused = a.handle_question(1, body, true, now);
        assert!(matches!(refused, Err(QuestionError::Malformed(_))), "{refused:?}");
    }
    assert_eq!(a.counters().malformed, 4);
    b.gained(&target, None, MoveCause::Joined, now);
    b.handle_timeout(now);
    let (_, id, body) = asked(&mut b);
    let refused = b.handle_question(1, &body, true, now);
    assert!(matches!(refused, Err(QuestionError::Misdirected(_))), "{refused:?}");
    b.handle_answer(id, b"nonsense", now).expect_err("it is no answer");
    assert!(matches!(b.standing(&target), Some(Standing::Claiming { .. })));
    assert_eq!(a.standing(&target), Some(Standing::Active));
}

#[test]
fn claims_wait_in_bounded_number_and_size() {
    let now = Instant::now();
    let mut b = Handover::new(&name("b"));
    b.peer_up(&name("a"), now);
    for key in 0..10_000 {
        b.gained(&Target::new(&component(), Key::from(key)), None, MoveCause::Joined, now);
    }
    b.handle_timeout(now);
    let questions = outputs(&mut b);
    assert_eq!(questions.len(), REQUESTS_PER_PEER);
    for question in questions {
        let Output::Ask { body, .. } = question else { panic!("{question:?}") };
        assert!(body.len() <= QUESTION_MAX);
        let question = wire::Question::decode(&body).expect("it is what the other reads");
        let wire::Ask::Claim { groups, .. } = question.ask else { panic!("{question:?}") };
        assert_eq!(groups.iter().map(|group| group.keys.len()).sum::<usize>(), BATCH_KEYS);
    }
}

#[test]
fn a_claim_of_more_keys_than_one_may_have_is_refused() {
    let now = Instant::now();
    let mut a = Handover::new(&name("a"));
    for (keys, right) in [(BATCH_KEYS, true), (BATCH_KEYS + 1, false)] {
        // In two groups, so that it is not each that is counted.
        let group = |keys: Range<usize>| wire::Group {
            component: "c".to_owned(),
            keys: keys.map(|key| key as u64).collect(),
        };
        let groups = vec![group(0..keys / 2), group(keys / 2..keys)];
        let ask = wire::Ask::Claim { life: 0, groups, had: Vec::new() };
        let body = wire::Question { from: name("b"), to: name("a"), ask }.encode();
        let answered = a.handle_question(1, &body, true, now);
        assert_eq!(answered.is_ok(), right, "{keys}: {answered:?}");
    }
    assert_eq!(a.counters().malformed, 1);
}

#[test]
fn of_questions_that_wait_for_seals_one_too_many_is_to_be_asked_again() {
    let now = Instant::now();
    let (mut a, _, target, _, body) = claiming(now);
    let most = QUESTIONS_WAITING as u64;
    for id in 0..most {
        a.handle_question(id, &body, true, now).expect("there is room");
    }
    assert!(matches!(outputs(&mut a)[..], [Output::Stop { .. }]), "once, and nobody is answered");
    let refused = a.handle_question(most, &body, true, now);
    assert_eq!(refused, Err(QuestionError::Busy));
    a.handle_seal(&target, Some(seal(77)), now);
    a.handle_timeout(now);
    let answers = outputs(&mut a);
    assert_eq!(answers.len(), QUESTIONS_WAITING);
    assert!(answers.iter().all(|output| matches!(output, Output::Answer { id, .. } if *id < most)));
    a.handle_question(most, &body, true, now).expect("there is room again");
}

/// Shared by the tests of laws: an assignment that knows these keys.
fn assignment(keys: &Arc<[Key]>) -> Assignment {
    let mut assignment = Assignment::default();
    assignment.set_keys(&component(), keys.to_vec(), |_| {});
    assignment
}
