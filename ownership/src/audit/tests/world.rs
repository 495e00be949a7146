//! Nodes in virtual time whose discovery finds targets at different times.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use membership::Name;
use model::Seal;

use crate::handover::{self, Checkpoints, Failure, Handover, MoveCause, Target};
use crate::{Assignment, Audit, ComponentId, Key};

use super::super::{Facts, Fingerprint, Output, Report};

/// How long a message takes.
const LATENCY: Duration = Duration::from_millis(5);

pub(super) fn name(node: usize) -> Name {
    Name::new(&format!("n{node}")).expect("a valid name")
}

pub(super) fn component() -> ComponentId {
    ComponentId::from("prometheus.scrape.default")
}

pub(super) fn target(number: u64) -> Target {
    let component = component();
    let key = Key::of(&component, [number.to_le_bytes()]);
    Target { component, key }
}

/// One node.
pub(super) struct Node {
    pub(super) assignment: Assignment,
    pub(super) handover: Handover,
    pub(super) audit: Audit,
    pub(super) collects: BTreeSet<Key>,
    pub(super) config: Option<Fingerprint>,
    /// How far its clock is ahead, in microseconds.
    pub(super) ahead: i64,
    open: bool,
}

enum Event {
    Claim { to: usize, from: usize, id: u64, body: Bytes },
    Claimed { to: usize, id: u64, body: Option<Bytes> },
    Audit { to: usize, from: usize, id: u64, body: Bytes },
    Audited { to: usize, id: u64, body: Option<Bytes> },
    Sealed { node: usize, target: Target },
}

pub(super) struct World {
    pub(super) nodes: Vec<Node>,
    pub(super) now: Instant,
    started: Instant,
    events: BTreeMap<(Instant, u64), Event>,
    sequence: u64,
    /// Who asked what this node answers under a number.
    claims: BTreeMap<(usize, u64), (usize, u64)>,
    /// Bytes of all bodies of the audit.
    pub(super) bytes: usize,
    pub(super) questions: usize,
}

impl World {
    /// So many nodes that take part and know nothing.
    pub(super) fn new(count: usize) -> Self {
        let now = Instant::now();
        let names: Vec<Name> = (0..count).map(name).collect();
        let node = |me: usize| {
            let mut assignment = Assignment::default();
            assignment.change(&names, &[], |_| {});
            let (mut handover, mut audit) = (Handover::new(&name(me)), Audit::new(&name(me)));
            for other in &names {
                handover.peer_up(other, now);
                audit.peer_up(other, now);
            }
            let (collects, config) = (BTreeSet::new(), Some(Fingerprint([7; 32])));
            Node { assignment, handover, audit, collects, config, ahead: 0, open: true }
        };
        let nodes = (0..count).map(node).collect();
        let (events, claims) = (BTreeMap::new(), BTreeMap::new());
        Self { nodes, now, started: now, events, sequence: 0, claims, bytes: 0, questions: 0 }
    }

    /// The discovery of a node finds exactly these.
    pub(super) fn learn(&mut self, node: usize, targets: &BTreeSet<u64>) {
        let (me, now) = (name(node), self.now);
        let this = &mut self.nodes[node];
        let keys = targets.iter().map(|number| target(*number).key).collect();
        let (mut gained, mut come, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        this.assignment.set_keys(&component(), keys, |moved| {
            let target = Target::new(moved.component, moved.key);
            match moved.to {
                None => gone.push(target),
                Some(to) => {
                    come.push(target.clone());
                    gained.extend((*to == me).then_some(target));
                }
            }
        });
        this.audit.targets_changed(&gone, &come, now);
        gone.iter().for_each(|target| this.handover.gone(target, now));
        for target in gained {
            let holder = this.audit.holder(&target);
            this.handover.gained(&target, holder.as_ref(), MoveCause::Targets, now);
        }
        self.settle(node);
    }

    pub(super) fn close(&mut self, node: usize) {
        self.nodes[node].open = false;
    }

    /// A node loses another one from its view, which goes on seeing it, and takes over its targets.
    pub(super) fn lose_sight(&mut self, node: usize, of: usize) {
        let (other, now) = (name(of), self.now);
        let this = &mut self.nodes[node];
        this.handover.peer_down(&other, true);
        this.audit.peer_down(&other);
        let Node { assignment, handover, .. } = this;
        assignment.change(&[], std::slice::from_ref(&other), |moved| {
            let target = Target::new(moved.component, moved.key);
            handover.gained(&target, Some(&other), MoveCause::Failed, now);
        });
        self.settle(node);
    }

    /// It sees it again.
    pub(super) fn find_again(&mut self, node: usize, other: usize) {
        let (other, now) = (name(other), self.now);
        let this = &mut self.nodes[node];
        this.handover.peer_up(&other, now);
        this.audit.peer_up(&other, now);
        let Node { assignment, handover, .. } = this;
        assignment.change(std::slice::from_ref(&other), &[], |moved| {
            let target = Target::new(moved.component, moved.key);
            handover.lost(&target, moved.to, MoveCause::Joined, now);
        });
        self.settle(node);
    }

    fn clock(&self, node: usize) -> i64 {
        (self.now - self.started).as_micros() as i64 + self.nodes[node].ahead
    }

    pub(super) fn with<T>(
        &mut self,
        node: usize,
        look: impl FnOnce(&mut Audit, Facts<'_>, Instant) -> T,
    ) -> T {
        let (clock, now) = (self.clock(node), self.now);
        let Node { assignment, handover, audit, config, open, .. } = &mut self.nodes[node];
        let facts = Facts { assignment, handover, open: *open, config: *config, clock };
        look(audit, facts, now)
    }

    pub(super) fn report(&mut self, node: usize) -> Report {
        self.with(node, Audit::report)
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        for node in 0..self.nodes.len() {
            self.settle(node);
        }
        loop {
            let event = self.events.first_key_value().map(|((at, _), _)| *at);
            let timers = self.nodes.iter().flat_map(|node| {
                node.handover.poll_timeout().into_iter().chain(node.audit.poll_timeout())
            });
            let Some(next) = timers.chain(event).min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            while self.events.first_key_value().is_some_and(|((at, _), _)| *at <= self.now) {
                let (_, event) = self.events.pop_first().expect("it was looked at");
                self.happen(event);
            }
            for node in 0..self.nodes.len() {
                self.settle(node);
            }
        }
        self.now = end;
    }

    fn happen(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Claim { to, from, id, body } => {
                self.sequence += 1;
                let number = self.sequence;
                let this = &mut self.nodes[to];
                let local = (&this.assignment, &Checkpoints::default());
                if this.handover.handle_question(number, &body, local, now).is_ok() {
                    self.claims.insert((to, number), (from, id));
                } else {
                    self.schedule(Event::Claimed { to: from, id, body: None });
                }
                self.settle(to);
            }
            Event::Claimed { to, id, body } => {
                match body {
                    Some(body) => {
                        self.nodes[to].handover.handle_answer(id, &body, now).expect("well formed");
                    }
                    None => self.nodes[to].handover.handle_failure(id, Failure::Declined, now),
                }
                self.settle(to);
            }
            Event::Audit { to, from, id, body } => {
                self.bytes += body.len();
                let answer = self.with(to, |audit, facts, _| audit.handle_question(&body, facts));
                self.schedule(Event::Audited { to: from, id, body: answer.ok() });
            }
            Event::Audited { to, id, body } => {
                self.bytes += body.as_ref().map_or(0, Bytes::len);
                self.with(to, |audit, facts, now| match body {
                    Some(body) => {
                        audit.handle_answer(id, &body, facts, now).expect("well formed");
                    }
                    None => audit.handle_failure(id),
                });
                self.settle(to);
            }
            Event::Sealed { node, target } => {
                let seal = Seal { version: 1, last_tick: 1, payload: Bytes::new() };
                self.nodes[node].handover.handle_seal(&target, Some(seal), now);
                self.settle(node);
            }
        }
    }

    /// Does what a node wants done.
    fn settle(&mut self, node: usize) {
        let now = self.now;
        self.nodes[node].audit.handle_timeout(now);
        while let Some(output) = self.nodes[node].audit.poll_output() {
            let handover = &mut self.nodes[node].handover;
            match output {
                Output::Ask { to, id, body } => {
                    self.questions += 1;
                    let to = self.number(&to);
                    self.schedule(Event::Audit { to, from: node, id, body });
                }
                Output::Cover { target, owner, holder, overlap } => {
                    handover.cover(&target, &owner, holder.as_ref(), overlap, now);
                }
                Output::Relinquish { target, to } => drop(handover.relinquish(&target, &to, now)),
            }
        }
        self.nodes[node].handover.handle_timeout(now);
        while let Some(output) = self.nodes[node].handover.poll_output() {
            match output {
                handover::Output::Ask { to, id, body } => {
                    let to = self.number(&to);
                    self.schedule(Event::Claim { to, from: node, id, body });
                }
                handover::Output::Answer { id, body } => {
                    let (to, id) = self.claims.remove(&(node, id)).expect("it was asked");
                    self.schedule(Event::Claimed { to, id, body: Some(body) });
                }
                handover::Output::Start(start) => {
                    assert!(self.nodes[node].collects.insert(start.target.key), "started twice");
                }
                handover::Output::Stop { target, seal, .. } => {
                    assert!(self.nodes[node].collects.remove(&target.key), "stopped twice");
                    if seal {
                        self.schedule(Event::Sealed { node, target });
                    }
                }
            }
        }
    }

    fn number(&self, name: &Name) -> usize {
        name.as_str()[1..].parse().expect("names are numbers")
    }

    fn schedule(&mut self, event: Event) {
        self.sequence += 1;
        self.events.insert((self.now + LATENCY, self.sequence), event);
    }

    /// Who collects a target.
    pub(super) fn collectors(&self, number: u64) -> Vec<usize> {
        let key = target(number).key;
        let collects = |node: &usize| self.nodes[*node].collects.contains(&key);
        (0..self.nodes.len()).filter(collects).collect()
    }
}
