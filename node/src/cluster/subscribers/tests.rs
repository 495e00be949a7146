use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::oneshot;

use super::*;
use crate::cluster::subscription::{Announced, Reason};

struct Component {
    announce: watch::Sender<Snapshot>,
    deltas: mpsc::Receiver<Vec<Delta>>,
}

fn subscribe(subscribers: &mut Subscribers, name: &str, room: usize) -> Component {
    let (announce, announced) = watch::channel(Snapshot::from([]));
    let (pieces, deltas) = mpsc::channel(room);
    subscribers.add(ComponentId::from(name), announced, pieces, Default::default());
    Component { announce, deltas }
}

fn start(key: u64) -> Delta {
    Delta::start(Key::from(key))
}

fn stop(key: u64, to: Option<&str>) -> Delta {
    let reason = to.map_or(Reason::Gone, |to| Reason::Moved { to: Arc::from(to) });
    Delta::Stop { key: Key::from(key), reason, seal: None }
}

/// What a component hears now: `+key` and `-key`.
fn heard(component: &mut Component) -> Vec<String> {
    let mut heard = Vec::new();
    while let Ok(piece) = component.deltas.try_recv() {
        heard.extend(piece.into_iter().map(|delta| match delta {
            Delta::Start { key, .. } => format!("+{}", key.as_u64()),
            Delta::Stop { key, .. } => format!("-{}", key.as_u64()),
        }));
    }
    heard
}

#[test]
fn an_announcement_is_news_once() {
    let mut subscribers = Subscribers::default();
    let component = subscribe(&mut subscribers, "a", 1);
    assert_eq!(subscribers.news(), []);
    component.announce.send_replace([Announced::new(Key::from(7), "x")].into());
    assert_eq!(
        subscribers.news(),
        [News {
            component: "a".into(),
            keys: vec![Key::from(7)],
            pace: None,
            busy: Duration::ZERO
        }]
    );
    assert_eq!(subscribers.news(), []);
}

#[test]
fn a_dropped_subscription_has_no_targets_any_more() {
    let mut subscribers = Subscribers::default();
    let component = subscribe(&mut subscribers, "a", 1);
    subscribers.news();
    drop(component);
    assert_eq!(
        subscribers.news(),
        [News { component: "a".into(), keys: vec![], pace: None, busy: Duration::ZERO }]
    );
    assert_eq!(subscribers.news(), []);
}

#[test]
fn what_does_not_fit_waits_and_keeps_its_order() {
    let mut subscribers = Subscribers::default();
    let mut component = subscribe(&mut subscribers, "a", 1);
    let many = u64::try_from(DELTAS_PER_PIECE).expect("small") + 1;
    (0..many).rev().for_each(|key| subscribers.tell(&"a".into(), start(key)));
    subscribers.flush();
    assert_eq!(subscribers.backlog(), 1);
    assert_eq!(heard(&mut component).len(), DELTAS_PER_PIECE);
    subscribers.flush();
    assert_eq!(heard(&mut component), ["+0"]);
    assert_eq!(subscribers.backlog(), 0);
}

#[test]
fn deltas_about_one_key_that_nobody_heard_of_become_one_or_none() {
    for (deltas, hears) in [
        (vec![start(1), stop(1, None)], &[] as &[&str]),
        (vec![start(1), stop(1, None), start(1)], &["+1"]),
        (vec![stop(1, Some("b")), start(1)], &[]),
        (vec![stop(1, None), start(1)], &[]),
        (vec![stop(1, Some("b")), stop(1, None)], &["-1"]),
        (vec![start(1), start(2), stop(1, None), start(3)], &["+2", "+3"]),
    ] {
        let mut subscribers = Subscribers::default();
        let mut component = subscribe(&mut subscribers, "a", 1);
        deltas.into_iter().for_each(|delta| subscribers.tell(&"a".into(), delta));
        subscribers.flush();
        assert_eq!(heard(&mut component), hears);
    }
}

/// It ran all the while, so it has to hear of both; what comes back is not what it knows.
#[test]
fn a_target_that_comes_back_with_a_seal_is_stopped_and_started_again() {
    let seal = |tick| Seal { version: 1, last_tick: tick, payload: Bytes::new() };
    let sealed = |tick| Delta::Start {
        key: Key::from(1),
        seal: Some(seal(tick)),
        overlap: false,
        from: None,
    };
    let wants = || {
        let (wanted, given) = oneshot::channel();
        let reason = Reason::Moved { to: Arc::from("b") };
        (Delta::Stop { key: Key::from(1), reason, seal: Some(wanted) }, given)
    };
    let mut subscribers = Subscribers::default();
    let mut component = subscribe(&mut subscribers, "a", 1);
    let told = |subscribers: &mut Subscribers, component: &mut Component, deltas: Vec<Delta>| {
        deltas.into_iter().for_each(|delta| subscribers.tell(&"a".into(), delta));
        let backlog = subscribers.backlog();
        subscribers.flush();
        let heard = heard(component);
        assert_eq!(backlog, heard.len());
        heard
    };
    assert_eq!(
        told(&mut subscribers, &mut component, vec![stop(1, Some("b")), sealed(7)]),
        ["-1", "+1"]
    );
    assert_eq!(
        told(&mut subscribers, &mut component, vec![stop(1, Some("b")), sealed(7), stop(1, None)]),
        ["-1"]
    );
    let (wanting, _) = wants();
    assert_eq!(told(&mut subscribers, &mut component, vec![wanting, start(1)]), ["-1", "+1"]);
    // Whoever wants it last gets what is known of it.
    let (first, second) = (wants(), wants());
    for delta in [first.0, start(1), second.0] {
        subscribers.tell(&"a".into(), delta);
    }
    subscribers.flush();
    let piece = component.deltas.try_recv().expect("a piece");
    let [Delta::Stop { seal: Some(wanted), .. }] = <[Delta; 1]>::try_from(piece).expect("one")
    else {
        panic!("no stop");
    };
    wanted.send(seal(8)).expect("somebody waits");
    let (mut early, mut late) = (first.1, second.1);
    assert!(early.try_recv().is_err());
    assert_eq!(late.try_recv(), Ok(seal(8)));
    let (wanting, mut given) = wants();
    assert_eq!(told(&mut subscribers, &mut component, vec![sealed(7), wanting]), [] as [&str; 0]);
    assert_eq!(given.try_recv(), Ok(seal(7)));
}

/// Nobody else can end the series that the seal knows.
#[test]
fn a_target_that_came_with_a_seal_and_went_before_anybody_heard_of_it_is_started_and_ended() {
    let sealed = || {
        let seal = Some(Seal { version: 1, last_tick: 7, payload: Bytes::new() });
        Delta::Start { key: Key::from(1), seal, overlap: false, from: None }
    };
    for (deltas, hears) in [
        (vec![sealed(), stop(1, None)], &["+1", "-1"] as &[&str]),
        (vec![sealed(), stop(1, None), stop(1, None)], &["+1", "-1"]),
        // It is back: what the seal knows goes on.
        (vec![sealed(), stop(1, None), start(1)], &["+1"]),
        (vec![sealed(), stop(1, Some("b"))], &[]),
    ] {
        let mut subscribers = Subscribers::default();
        let mut component = subscribe(&mut subscribers, "a", 1);
        deltas.into_iter().for_each(|delta| subscribers.tell(&"a".into(), delta));
        let backlog = subscribers.backlog();
        subscribers.flush();
        let piece = component.deltas.try_recv().unwrap_or_default();
        assert_eq!(backlog, piece.len());
        let seals = piece.iter().all(|delta| match delta {
            Delta::Start { seal, .. } => seal.is_some(),
            Delta::Stop { reason, .. } => *reason == Reason::Gone,
        });
        assert!(seals, "{piece:?}");
        let heard = piece.iter().map(|delta| match delta {
            Delta::Start { key, .. } => format!("+{}", key.as_u64()),
            Delta::Stop { key, .. } => format!("-{}", key.as_u64()),
        });
        assert_eq!(heard.collect::<Vec<_>>(), hears);
    }
}

#[test]
fn a_second_subscription_takes_the_place_of_the_first() {
    let mut subscribers = Subscribers::default();
    let mut first = subscribe(&mut subscribers, "a", 1);
    let mut second = subscribe(&mut subscribers, "a", 1);
    assert_eq!(first.deltas.try_recv().expect_err("nothing"), TryRecvError::Disconnected);
    drop(first);
    assert_eq!(subscribers.news(), []);
    subscribers.tell(&"a".into(), start(3));
    subscribers.flush();
    assert_eq!(heard(&mut second), ["+3"]);
}

#[test]
fn a_slow_component_does_not_hold_up_another() {
    let mut subscribers = Subscribers::default();
    let _slow = subscribe(&mut subscribers, "slow", 1);
    let mut quick = subscribe(&mut subscribers, "quick", 1);
    subscribers.tell(&"slow".into(), start(1));
    subscribers.flush();
    subscribers.tell(&"slow".into(), start(3));
    subscribers.tell(&"quick".into(), start(4));
    subscribers.flush();
    assert_eq!(heard(&mut quick), ["+4"]);
    assert_eq!(subscribers.backlog(), 1);
}
