//! A few machines in virtual time, over exchanges that are slow, lossy and out of order, with news
//! of each other that arrives late and at different times.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use membership::Name;

use super::{assignment, component, name, seal};
use crate::handover::{
    CLAIM_TIMEOUT, Checkpoints, Failure, Handover, MoveCause, Output, Standing, StopReason, Target,
};
use crate::{Assignment, Key};

/// What is true of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Out,
    Participant,
    Leaving,
    Crashed,
}

/// How the world is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    /// Of a hundred messages, so many are lost.
    pub loss: u64,
    /// The longest that a message takes, in milliseconds.
    pub latency: u64,
    /// The longest that news takes, in milliseconds.
    pub news: u64,
    /// The longest that a collector takes to stop, in milliseconds.
    pub sealing: u64,
}

struct Node {
    name: Name,
    machine: Handover,
    assignment: Assignment,
    /// What it last heard of the others, and in which version.
    heard: BTreeMap<usize, u64>,
    /// What its collectors do.
    collects: BTreeSet<Key>,
    /// When it is going to be woken.
    wake: Option<Instant>,
}

enum Event {
    News { to: usize, about: usize, truth: Truth, version: u64 },
    Question { from: usize, to: usize, id: u64, body: Bytes },
    Answer { to: usize, id: u64, body: Bytes },
    Failure { to: usize, id: u64, failure: Failure },
    Seal { node: usize, life: u64, target: Target },
    Wake { node: usize },
}

pub(super) struct World {
    now: Instant,
    begin: Instant,
    weather: Weather,
    rng: u64,
    keys: Arc<[Key]>,
    nodes: Vec<Option<Node>>,
    truths: Vec<(Truth, u64)>,
    queue: BTreeMap<(Instant, u64), Event>,
    sequence: u64,
    /// Questions that wait: who asked, and under which number.
    open: BTreeMap<u64, (usize, u64, usize)>,
    /// By key, since when nobody collects it.
    bare: BTreeMap<Key, Instant>,
    /// How long keys, once collected, were collected by nobody; in order of their ends.
    pub gaps: Vec<Gap>,
    pub starts: u64,
    pub stops: u64,
    pub overlaps: u64,
    /// How often a key was started that another node collected.
    pub doubles: u64,
    /// How often each key was ended since it last began without a seal.
    pub ends: BTreeMap<Key, u64>,
}

/// A time in which nobody collected a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    pub length: Duration,
    /// How old the world was when it ended.
    pub end: Duration,
}

/// How long a node that has just begun looks around.
pub(super) const SETTLE: Duration = Duration::from_millis(500);

/// How much may happen in one go. A minute among ten nodes is a few thousand events; a machine that
/// wakes itself at once, again and again, is to fail and not to hang.
const MOST: usize = 1_000_000;

impl World {
    pub(super) fn new(nodes: usize, keys: u64, weather: Weather, seed: u64) -> Self {
        let key = |number: u64| Key::of("c", [number.to_le_bytes()]);
        let now = Instant::now();
        Self {
            now,
            begin: now,
            weather,
            rng: seed | 1,
            keys: (0..keys).map(key).collect(),
            nodes: (0..nodes).map(|_| None).collect(),
            truths: vec![(Truth::Out, 0); nodes],
            queue: BTreeMap::new(),
            sequence: 0,
            open: BTreeMap::new(),
            bare: BTreeMap::new(),
            gaps: Vec::new(),
            starts: 0,
            stops: 0,
            overlaps: 0,
            doubles: 0,
            ends: BTreeMap::new(),
        }
    }

    /// The discovery of a node finds only `left` of the keys.
    pub(super) fn find(&mut self, at: usize, left: &[Key]) {
        let now = self.now;
        let Some(node) = &mut self.nodes[at] else { return };
        let mut gone = Vec::new();
        node.assignment.set_keys(&component(), left.to_vec(), |moved| {
            assert_eq!(moved.to, None, "nothing is new");
            gone.push(Target::new(moved.component, moved.key));
        });
        for target in gone {
            node.machine.gone(&target, now);
        }
        self.settle(at);
    }

    /// What there was, of which only `left` is left from now on for whoever looks.
    pub(super) fn shrink(&mut self, left: Vec<Key>) -> Arc<[Key]> {
        std::mem::replace(&mut self.keys, left.into())
    }

    pub(super) fn keys(&self) -> Arc<[Key]> {
        Arc::clone(&self.keys)
    }

    pub(super) fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// How old the world is.
    pub(super) fn age(&self) -> Duration {
        self.now - self.begin
    }

    /// The longest that a key was collected by nobody.
    pub(super) fn longest_gap(&self) -> Duration {
        self.gaps.iter().map(|gap| gap.length).max().unwrap_or_default()
    }

    pub(super) fn truth(&self, node: usize) -> Truth {
        self.truths[node].0
    }

    /// Lets a node take part, leave, crash or go.
    pub(super) fn become_true(&mut self, node: usize, truth: Truth) {
        self.truths[node] = (truth, self.truths[node].1 + 1);
        let version = self.truths[node].1;
        match truth {
            Truth::Participant => self.boot(node),
            Truth::Leaving => self.hear(node, node, truth, version),
            Truth::Out | Truth::Crashed => {
                if let Some(ended) = self.nodes[node].take() {
                    for key in ended.collects {
                        self.uncover(key);
                    }
                    if truth == Truth::Crashed {
                        // Only of what can be planned is there anything to promise.
                        self.bare.clear();
                    }
                }
            }
        }
        for to in 0..self.nodes.len() {
            if to != node && self.nodes[to].is_some() {
                let detection = if truth == Truth::Crashed { 1500 } else { 0 };
                let after = detection + self.below(self.weather.news);
                self.schedule(after, Event::News { to, about: node, truth, version });
            }
        }
    }

    fn boot(&mut self, index: usize) {
        let name = name(&format!("n{index}"));
        let mut machine = Handover::new(&name);
        machine.settle(self.now + SETTLE);
        let node = Node {
            machine,
            name,
            assignment: assignment(&self.keys),
            heard: BTreeMap::new(),
            collects: BTreeSet::new(),
            wake: None,
        };
        self.nodes[index] = Some(node);
        // It has joined, so it knows of the others what is true, or nearly.
        for about in 0..self.nodes.len() {
            let (truth, version) = self.truths[about];
            if about != index && matches!(truth, Truth::Participant | Truth::Leaving) {
                self.hear(index, about, truth, version);
            }
        }
        let version = self.truths[index].1;
        self.hear(index, index, Truth::Participant, version);
    }

    /// A node hears of another, or of itself, as a core does.
    fn hear(&mut self, at: usize, about: usize, truth: Truth, version: u64) {
        let who = name(&format!("n{about}"));
        let now = self.now;
        let Some(node) = &mut self.nodes[at] else { return };
        let heard = node.heard.entry(about).or_default();
        if *heard >= version {
            return;
        }
        *heard = version;
        let (joined, left, cause) = match truth {
            Truth::Participant => (vec![who.clone()], vec![], MoveCause::Joined),
            Truth::Leaving | Truth::Out => (vec![], vec![who.clone()], MoveCause::Left),
            Truth::Crashed => (vec![], vec![who.clone()], MoveCause::Failed),
        };
        match truth {
            Truth::Participant | Truth::Leaving => node.machine.peer_up(&who, now),
            Truth::Out | Truth::Crashed => node.machine.peer_down(&who, truth == Truth::Crashed),
        }
        let me = node.name.clone();
        let mut turns = Vec::new();
        let machine = &node.machine;
        node.assignment.change(&joined, &left, |moved| {
            let target = Target::new(moved.component, moved.key);
            let gained = moved.to == Some(&me);
            if gained || machine.standing(&target).is_some() {
                turns.push((target, gained, moved.from.cloned(), moved.to.cloned()));
            }
        });
        for (target, gained, from, to) in turns {
            if gained {
                node.machine.gained(&target, from.as_ref(), cause, now);
            } else {
                node.machine.lost(&target, to.as_ref(), cause, now);
            }
        }
        self.settle(at);
    }

    fn settle(&mut self, at: usize) {
        let now = self.now;
        let Some(node) = &mut self.nodes[at] else { return };
        node.machine.handle_timeout(now);
        let mut outputs = 0;
        while let Some(output) = self.nodes[at].as_mut().and_then(|n| n.machine.poll_output()) {
            outputs += 1;
            assert!(outputs <= MOST, "n{at} has no end of things to do");
            self.act(at, output);
        }
        let Some(node) = &mut self.nodes[at] else { return };
        let due = node.machine.poll_timeout().map(|due| due.max(now));
        if node.wake != due {
            node.wake = due;
            if let Some(due) = due {
                self.schedule_at(due, Event::Wake { node: at });
            }
        }
    }

    fn act(&mut self, at: usize, output: Output) {
        match output {
            Output::Ask { to, id, body } => {
                let to: usize = to.as_str()[1..].parse().expect("a number");
                if self.lost() {
                    let timeout = u64::try_from(CLAIM_TIMEOUT.as_millis()).expect("it is short");
                    let failure = Failure::Lost;
                    self.schedule(timeout, Event::Failure { to: at, id, failure });
                } else {
                    let after = self.latency();
                    self.schedule(after, Event::Question { from: at, to, id, body });
                }
            }
            Output::Answer { id, body } => {
                let Some((from, number, _)) = self.open.remove(&id) else { return };
                if self.lost() {
                    let (id, failure) = (number, Failure::Lost);
                    self.schedule(1000, Event::Failure { to: from, id, failure });
                } else {
                    let after = self.latency();
                    self.schedule(after, Event::Answer { to: from, id: number, body });
                }
            }
            Output::Start(start) => {
                self.starts += 1;
                self.overlaps += u64::from(start.overlap);
                let key = start.target.key;
                if start.seal.is_none() {
                    // For a discovery that is behind it begins anew, and ends anew.
                    self.ends.remove(&key);
                }
                let taken = self.nodes.iter().flatten().any(|node| node.collects.contains(&key));
                self.doubles += u64::from(taken);
                let node = self.nodes[at].as_mut().expect("it runs");
                assert!(node.collects.insert(key), "n{at} starts {key} twice");
                self.cover(key);
            }
            Output::Stop { target, reason, seal, .. } => {
                self.stops += 1;
                if reason == StopReason::Gone {
                    *self.ends.entry(target.key).or_default() += 1;
                }
                let node = self.nodes[at].as_mut().expect("it runs");
                assert!(node.collects.contains(&target.key), "n{at} stops what it has not");
                if seal {
                    let (after, life) = (self.below(self.weather.sealing), self.truths[at].1);
                    // It collects until it has stopped.
                    self.schedule(after, Event::Seal { node: at, life, target });
                } else {
                    node.collects.remove(&target.key);
                    self.uncover(target.key);
                }
            }
        }
    }

    fn cover(&mut self, key: Key) {
        if let Some(since) = self.bare.remove(&key) {
            self.gaps.push(Gap { length: self.now - since, end: self.age() });
        }
    }

    fn uncover(&mut self, key: Key) {
        let covered = self.nodes.iter().flatten().any(|node| node.collects.contains(&key));
        if !covered {
            self.bare.entry(key).or_insert(self.now);
        }
    }

    /// Lets everything happen that is due within the next while.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        let mut events = 0;
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) {
            self.now = entry.key().0;
            events += 1;
            let age = self.now - self.begin;
            assert!(events <= MOST, "there is no end of events, {age:?} after the beginning");
            let event = entry.remove();
            self.handle(event);
        }
        self.now = end;
    }

    fn handle(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::News { to, about, truth, version } => self.hear(to, about, truth, version),
            Event::Question { from, to, id, body } => {
                self.sequence += 1;
                let number = self.sequence;
                let failure = match &mut self.nodes[to] {
                    Some(node) => {
                        let local = (&node.assignment, &Checkpoints::default());
                        let heard = node.machine.handle_question(number, &body, local, now);
                        heard.err().map(|_| Failure::Declined)
                    }
                    None => Some(Failure::Lost),
                };
                match failure {
                    None => {
                        self.open.insert(number, (from, id, to));
                        self.settle(to);
                    }
                    Some(failure) => self.schedule(1, Event::Failure { to: from, id, failure }),
                }
            }
            Event::Answer { to, id, body } => {
                if let Some(node) = &mut self.nodes[to] {
                    node.machine.handle_answer(id, &body, now).expect("machines speak well");
                    self.settle(to);
                }
            }
            Event::Failure { to, id, failure } => {
                if let Some(node) = &mut self.nodes[to] {
                    node.machine.handle_failure(id, failure, now);
                    self.settle(to);
                }
            }
            Event::Seal { node: at, life, target } => {
                // A leaving node is still the one that participated.
                let same = self.truths[at].1.saturating_sub(life) <= 1;
                if let (Some(node), true) = (&mut self.nodes[at], same) {
                    if node.collects.remove(&target.key) {
                        node.machine.handle_seal(&target, Some(seal(1)), now);
                        self.uncover(target.key);
                    }
                    self.settle(at);
                }
            }
            Event::Wake { node } => {
                if let Some(woken) = self.nodes[node].as_mut().filter(|n| n.wake == Some(now)) {
                    woken.wake = None;
                    self.settle(node);
                }
            }
        }
    }

    /// Who collects each key, by the index of the node.
    pub(super) fn collectors(&self) -> BTreeMap<Key, Vec<usize>> {
        let of = |key: &Key| {
            let nodes = self.nodes.iter().enumerate();
            let collect = |(index, node): (usize, &Option<Node>)| {
                node.as_ref().is_some_and(|node| node.collects.contains(key)).then_some(index)
            };
            (*key, nodes.filter_map(collect).collect())
        };
        self.keys.iter().map(of).collect()
    }

    /// Whose each key is in truth.
    pub(super) fn owners(&self) -> BTreeMap<Key, Option<usize>> {
        let mut assignment = assignment(&self.keys);
        let participants = (0..self.nodes.len()).filter(|n| self.truth(*n) == Truth::Participant);
        let names: Vec<Name> = participants.map(|index| name(&format!("n{index}"))).collect();
        assignment.change(&names, &[], |_| {});
        let index = |name: &Name| name.as_str()[1..].parse().expect("a number");
        assignment.owners("c").map(|(key, owner)| (key, owner.map(index))).collect()
    }

    /// Panics unless every key has exactly one collector, its owner.
    pub(super) fn assert_settled(&self) {
        let (collectors, owners) = (self.collectors(), self.owners());
        for (key, owner) in owners {
            let Some(owner) = owner else { continue };
            assert_eq!(collectors[&key], [owner], "{key} after {:?}", self.now - self.begin);
        }
        for node in self.nodes.iter().flatten() {
            for (_, key, standing) in node.machine.standings() {
                let settled = matches!(standing, Standing::Active);
                let lonely = matches!(standing, Standing::Yielding { to: None, .. });
                assert!(settled || lonely, "{key} at {} is {standing:?}", node.name);
            }
            assert_eq!(node.machine.running(&component()).count(), node.collects.len());
        }
    }

    /// Whether a node knows of another participant.
    pub(super) fn knows_others(&self, node: usize) -> bool {
        let node = self.nodes[node].as_ref().expect("it runs");
        node.assignment.participants().any(|name| *name != node.name)
    }

    /// How much a node has left to give away.
    pub(super) fn remaining(&self, node: usize) -> usize {
        self.nodes[node].as_ref().map_or(0, |node| node.machine.remaining())
    }

    fn lost(&mut self) -> bool {
        self.below(100) < self.weather.loss
    }

    fn latency(&mut self) -> u64 {
        1 + self.below(self.weather.latency)
    }

    /// A number below `bound`, 0 when that is 0 (xorshift).
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.rng ^= self.rng << 13;
        self.rng ^= self.rng >> 7;
        self.rng ^= self.rng << 17;
        if bound == 0 { 0 } else { (self.rng >> 16) % bound }
    }

    fn schedule(&mut self, millis: u64, event: Event) {
        self.schedule_at(self.now + Duration::from_millis(millis), event);
    }

    fn schedule_at(&mut self, at: Instant, event: Event) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), event);
    }
}
