//! Bodies about moves from anybody: claims and offers, comparisons, checkpoints, and the answers to
//! them; raw bytes, and what a real peer sent with bytes of it changed. No machine panics, answers are
//! no longer than allowed, and what is refused leaves nothing behind.

#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use membership::Name;
use model::Seal;
use ownership::audit::{self, Audit, Facts};
use ownership::handover::checkpoints::{Stamp, parcels};
use ownership::handover::{self, Checkpoints, Handover, MoveCause, Target};
use ownership::{Assignment, ComponentId, Key};

/// What arrives: something genuine by its number with bytes changed, or raw bytes.
type Arrival = (u8, Vec<(u16, u8)>, Vec<u8>);

const TARGETS: u64 = 16;

struct Node {
    assignment: Assignment,
    handover: Handover,
    audit: Audit,
}

fn name(number: usize) -> Name {
    Name::new(["victim", "peer"][number]).expect("a short name")
}

fn targets() -> Vec<Target> {
    let component = ComponentId::from("prometheus.scrape.fuzz");
    let key = |number: u64| Key::of(&component, [number.to_le_bytes()]);
    (0..TARGETS).map(key).map(|key| Target { component: component.clone(), key }).collect()
}

impl Node {
    /// One of the two, which knows that both take part and collects what it owns.
    fn new(number: usize, now: Instant) -> Self {
        let (me, other) = (name(number), name(1 - number));
        let mut assignment = Assignment::default();
        assignment.change(&[me.clone(), other.clone()], &[], |_| {});
        let mut handover = Handover::new(&me);
        handover.peer_up(&other, now);
        let targets = targets();
        let keys = targets.iter().map(|target| target.key).collect();
        let mut gained = Vec::new();
        assignment.set_keys(&targets[0].component, keys, |moved| {
            if moved.to == Some(&me) {
                gained.push(moved.key);
            }
        });
        for target in targets.iter().filter(|target| gained.contains(&target.key)) {
            handover.gained(target, Some(&other), MoveCause::Joined, now);
        }
        let mut audit = Audit::new(&me);
        audit.peer_up(&other, now);
        Self { assignment, handover, audit }
    }

    fn compare<T>(&mut self, act: impl FnOnce(&mut Audit, Facts<'_>) -> T) -> T {
        let facts = Facts {
            assignment: &self.assignment,
            handover: &self.handover,
            open: true,
            config: None,
            clock: 1,
        };
        act(&mut self.audit, facts)
    }

    /// Everything that it wants to ask or to answer.
    fn said(&mut self, now: Instant, found: &mut Vec<Vec<u8>>) {
        self.handover.handle_timeout(now);
        self.audit.handle_timeout(now);
        while let Some(output) = self.handover.poll_output() {
            match output {
                handover::Output::Ask { body, .. } => {
                    assert!(body.len() <= handover::QUESTION_MAX);
                    found.push(body.to_vec());
                }
                handover::Output::Answer { body, .. } => {
                    assert!(body.len() <= handover::ANSWER_MAX);
                    found.push(body.to_vec());
                }
                handover::Output::Stop { target, seal: true, .. } => {
                    let seal = Seal {
                        version: 1,
                        last_tick: 1,
                        payload: bytes::Bytes::from_static(b"series"),
                    };
                    self.handover.handle_seal(&target, Some(seal), now);
                }
                _ => {}
            }
        }
        while let Some(output) = self.audit.poll_output() {
            if let audit::Output::Ask { body, .. } = output {
                assert!(body.len() <= audit::QUESTION_MAX);
                found.push(body.to_vec());
            }
        }
    }
}

fuzz_target!(|arrivals: Vec<Arrival>| {
    let mut now = Instant::now();
    let (mut victim, mut peer) = (Node::new(0, now), Node::new(1, now));
    let mut shelf = Checkpoints::default();
    let mut genuine = Vec::new();
    let seal = Seal { version: 1, last_tick: 1, payload: bytes::Bytes::from_static(b"position") };
    // One tells of all, and one that half of them are gone.
    let mut stamp = Stamp::default();
    for gone in [TARGETS, TARGETS / 2] {
        let seals = targets().into_iter().zip(0..);
        let seals = seals.map(|(target, at)| (target, (at < gone).then(|| seal.clone()))).collect();
        let (bodies, _) = parcels(&name(1), &name(0), &mut stamp, seals);
        genuine.extend(bodies.iter().map(|body| body.to_vec()));
    }
    for (number, (which, edits, raw)) in arrivals.into_iter().take(64).enumerate() {
        now += Duration::from_millis(300);
        peer.said(now, &mut genuine);
        victim.said(now, &mut genuine);
        let mut bytes = genuine.get(usize::from(which)).cloned().unwrap_or(raw);
        for (at, change) in edits {
            if let Some(byte) = bytes.get_mut(usize::from(at)) {
                *byte ^= change;
            }
        }
        let id = number as u64;
        let _ = victim.handover.handle_question(id, &bytes, true, now);
        let _ = victim.handover.handle_answer(id, &bytes, now);
        if let Ok(answer) = victim.compare(|audit, facts| audit.handle_question(&bytes, facts)) {
            assert!(answer.len() <= audit::ANSWER_MAX);
            genuine.push(answer.to_vec());
        }
        let _ = victim.compare(|audit, facts| audit.handle_answer(id, &bytes, facts, now));
        let before = shelf.len();
        if shelf.handle(&name(0), &bytes, now).is_err() {
            assert_eq!(shelf.len(), before, "what is refused changes nothing");
        }
        let again = Checkpoints::restore(&shelf.save(), now).expect("what was saved is read");
        assert_eq!(again.len(), shelf.len());
        let _ = Checkpoints::restore(&bytes, now);
        shelf.expire(now);
        victim.said(now, &mut genuine);
        genuine.truncate(256);
    }
});
