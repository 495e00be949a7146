//! Nodes compare what they know and what they collect, with which configuration and by which clock.
//!
//! Who owns a key follows from its hash. That its owner also knows the target does not: discovery of
//! one node may be behind that of another, or its configuration may differ. So every node asks every
//! other for digests of its keys, and for the keys themselves where these differ. Then it knows
//!
//! * which targets nobody collects: the highest-ranked node that knows one stands in for the owner,
//!   see [`Output::Cover`];
//! * which targets are collected twice;
//! * whose discovery is behind, and whose configuration is another one;
//! * by how much the clocks differ.
//!
//! The machine is pure: inputs in, then [`Audit::handle_timeout`], then [`Audit::poll_output`] until
//! there is nothing. What it needs to know of keys is handed in as [`Facts`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::Instant;

use bytes::Bytes;
use membership::Name;
use serde::{Deserialize, Serialize};

use crate::handover::{Handover, Standing, Target};
use crate::{Assignment, ComponentId, Key, NodeHash};

mod answering;
mod difference;
mod digest;
mod dropped;
mod duty;
mod limits;
mod report;
mod rota;
mod skew;
#[cfg(test)]
mod tests;
mod wire;

pub use difference::Why;
pub use digest::Digest;
pub use limits::{ANSWER_MAX, AUDIT_TIMEOUT, QUESTION_MAX};
pub use report::{Divergence, Figures, Finding, PeerAudit, Report};
pub use skew::Skew;

use difference::Difference;
use digest::{BUCKETS, Digests};
use dropped::Dropped;
use limits::{HURRY, INTERVAL, pace};
use rota::Rota;
use skew::Clock;
use wire::{Answer, Ask, Component, Keys, Question, Said};

/// A question or an answer that cannot be acted upon. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed: {0}")]
pub struct Malformed(pub(super) String);

/// Why a question is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// It is no question.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is for another node: an address has a new owner.
    #[error("the question is for node {0}")]
    Misdirected(Name),
}

/// The SHA-256 of a configuration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Reads what [`fmt::Display`] writes: 64 hexadecimal digits; `None` when it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// What the audit looks at.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The keys that this node knows, and their owners.
    pub assignment: &'a Assignment,
    /// How they stand here.
    pub handover: &'a Handover,
    /// Whether new targets may be started.
    pub open: bool,
    /// The configuration that runs here, once one does.
    pub config: Option<Fingerprint>,
    /// The clock of this node, in microseconds since the Unix epoch.
    pub clock: i64,
}

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Hand `body` to another node's [`Audit::handle_question`], and what comes of it to
    /// [`Audit::handle_answer`] or [`Audit::handle_failure`], within [`AUDIT_TIMEOUT`].
    Ask {
        /// Whom to ask.
        to: Name,
        /// To tell answers apart.
        id: u64,
        /// At most [`QUESTION_MAX`] bytes.
        body: Bytes,
    },
    /// Collect what its owner does not: see [`Handover::cover`].
    Cover {
        /// Which.
        target: Target,
        /// Whose it is.
        owner: Name,
        /// Who has stood in so far.
        holder: Option<Name>,
        /// Whether the owner might collect it after all.
        overlap: bool,
    },
    /// Stop what another node collects, too: see [`Handover::relinquish`].
    Relinquish {
        /// Which.
        target: Target,
        /// The other one.
        to: Name,
    },
}

/// What happened since the start. Every number only grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditCounters {
    /// Questions to peers.
    pub asked: u64,
    /// Of these, how many got no answer.
    pub failed: u64,
    /// Questions of peers that were answered.
    pub answered: u64,
    /// Questions and answers that could not be read, or did not fit.
    pub malformed: u64,
}

/// What this node has found out about the others, and how it goes on finding out.
pub struct Audit {
    me: NodeHash,
    /// Those that have answered once, by the hash of their name: in a large cluster the rota takes many
    /// minutes to come round.
    peers: BTreeMap<u64, Peer>,
    /// All of them.
    rota: Rota,
    asked: BTreeMap<u64, Asked>,
    next_id: u64,
    /// When the next peer may be asked.
    slot: Option<Instant>,
    dropped: Dropped,
    digests: Digests,
    counters: AuditCounters,
    outputs: VecDeque<Output>,
}

/// What another node has said.
#[derive(Debug, Clone)]
struct Peer {
    name: Name,
    answered: Option<Instant>,
    clock: Clock,
    config: Option<Fingerprint>,
    differences: BTreeMap<ComponentId, Difference>,
    /// Components to be looked into, and from which bucket on.
    todo: VecDeque<(ComponentId, u16)>,
    /// Components of which it did not collect what it should, when it was asked last. Once is nothing:
    /// keys are on their way.
    strayed: BTreeSet<ComponentId>,
    /// What it owns and does not collect, if this node is the next to know it: and why.
    unowned: BTreeMap<Target, (Why, Instant)>,
}

impl Peer {
    /// One that has said nothing yet.
    fn new(name: &Name) -> Self {
        Self {
            name: name.clone(),
            answered: None,
            clock: Clock::default(),
            config: None,
            differences: BTreeMap::new(),
            todo: VecDeque::new(),
            strayed: BTreeSet::new(),
            unowned: BTreeMap::new(),
        }
    }
}

/// A question under way.
#[derive(Debug, Clone)]
struct Asked {
    to: Name,
    at: Instant,
    about: Option<(ComponentId, u16)>,
}

impl Audit {
    /// Nobody is known yet. `me` is this node.
    pub fn new(me: &Name) -> Self {
        Self {
            me: NodeHash::new(me),
            peers: BTreeMap::new(),
            rota: Rota::default(),
            asked: BTreeMap::new(),
            next_id: 0,
            slot: None,
            dropped: Dropped::default(),
            digests: Digests::default(),
            counters: AuditCounters::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Another node takes part, or is leaving.
    pub fn peer_up(&mut self, name: &Name, now: Instant) {
        if name == self.me.name() || self.rota.contains(name) {
            return;
        }
        // Nodes that start together do not ask together.
        let spread = self.me.score(Key::from(NodeHash::new(name).hash())) % 1024;
        self.rota.add(name.clone(), now + INTERVAL.mul_f64(spread as f64 / 1024.0));
    }

    /// Another node is gone, or takes no part any more.
    pub fn peer_down(&mut self, name: &Name) {
        self.peers.remove(&name.hash());
        self.rota.remove(name);
    }

    /// This node knows other targets now: those of `gone` no more, and those of `come` again.
    pub fn targets_changed<'a>(
        &mut self,
        gone: impl IntoIterator<Item = &'a Target>,
        come: impl IntoIterator<Item = &'a Target>,
        now: Instant,
    ) {
        gone.into_iter().for_each(|target| self.dropped.insert(target.clone(), now));
        come.into_iter().for_each(|target| self.dropped.remove(target));
        self.rota.hasten(now + HURRY);
    }

    /// How far the clock of a peer is ahead, as far as is known.
    pub fn skew(&self, name: &Name) -> Option<Skew> {
        self.peers.get(&name.hash())?.clock.skew()
    }

    /// Who stands in for the owner of a target that is new to this node, as far as is known.
    pub fn holder(&self, target: &Target) -> Option<Name> {
        let holds = |peer: &Peer| {
            let difference = peer.differences.get(&target.component);
            difference.and_then(|difference| difference.extra.get(&target.key)) == Some(&true)
        };
        self.peers.values().find(|peer| holds(peer)).map(|peer| peer.name.clone())
    }

    /// Handles the answer to an [`Output::Ask`].
    ///
    /// # Errors
    /// When it is no answer to that question.
    pub fn handle_answer(
        &mut self,
        id: u64,
        body: &[u8],
        facts: Facts<'_>,
        now: Instant,
    ) -> Result<(), Malformed> {
        let Some(asked) = self.asked.remove(&id) else { return Ok(()) };
        let answer = Answer::decode(body).and_then(|answer| match answer.from == asked.to {
            true => Ok(answer),
            false => Err(Malformed(format!("it is from {}, not from {}", answer.from, asked.to))),
        });
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.counters.malformed += 1;
                self.settle(&asked.to);
                return Err(error);
            }
        };
        if !self.rota.contains(&asked.to) {
            return Ok(());
        }
        let peer = self.peers.entry(asked.to.hash()).or_insert_with(|| Peer::new(&asked.to));
        peer.answered = Some(now);
        peer.config = answer.config;
        let round_trip = now.saturating_duration_since(asked.at);
        peer.clock.note(answer.clock, facts.clock, round_trip, now);
        self.rota.end(&asked.to);
        match (answer.said, asked.about) {
            (Said::Summary(components), None) => self.summarize(&asked.to, &components, facts),
            (Said::Keys(keys), Some((component, first))) => {
                self.compare(&asked.to, component, first, &keys, facts, now);
            }
            _ => {
                self.counters.malformed += 1;
                self.settle(&asked.to);
                return Err(Malformed("it answers another question".to_owned()));
            }
        }
        self.look_on(&asked.to, facts, now);
        Ok(())
    }

    /// Notes that an [`Output::Ask`] got no answer. The peer is asked again at the usual rhythm.
    pub fn handle_failure(&mut self, id: u64) {
        if let Some(asked) = self.asked.remove(&id) {
            self.counters.failed += 1;
            self.settle(&asked.to);
        }
    }

    /// Does what is due at `now`. To be called after every input.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.dropped.expire(now);
        while self.slot.is_none_or(|slot| slot <= now) {
            let Some(name) = self.rota.due(now).cloned() else { break };
            self.slot = Some(now + pace(self.rota.len()));
            let spread = self.me.score(Key::from(NodeHash::new(&name).hash())) % 256;
            let next = now + INTERVAL + INTERVAL.mul_f64(spread as f64 / 2048.0);
            self.rota.begin(&name, Some(next));
            self.ask(&name, Ask::Summary, None, now);
        }
    }

    /// When [`Audit::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = self.rota.next()?;
        Some(self.slot.map_or(due, |slot| due.max(slot)))
    }

    /// What is to be done next, in order; `None` when nothing is.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn ask(&mut self, to: &Name, ask: Ask, about: Option<(ComponentId, u16)>, now: Instant) {
        let id = self.next_id;
        self.next_id += 1;
        self.counters.asked += 1;
        self.asked.insert(id, Asked { to: to.clone(), at: now, about });
        let question = Question { from: self.me.name().clone(), to: to.clone(), ask };
        self.outputs.push_back(Output::Ask { to: to.clone(), id, body: question.encode() });
    }

    /// A question came to nothing.
    fn settle(&mut self, name: &Name) {
        if let Some(peer) = self.peers.get_mut(&name.hash()) {
            peer.todo.clear();
        }
        self.rota.end(name);
    }

    /// Compares digests: what has to be looked into?
    fn summarize(&mut self, name: &Name, components: &[Component], facts: Facts<'_>) {
        self.digests.follow(facts.assignment);
        let theirs: BTreeMap<&str, &Component> =
            components.iter().map(|component| (component.component.as_str(), component)).collect();
        let Some(peer) = self.peers.get_mut(&name.hash()) else { return };
        let mut all: BTreeSet<ComponentId> = self.digests.known.keys().cloned().collect();
        all.extend(theirs.keys().map(|component| ComponentId::from(*component)));
        peer.todo.clear();
        peer.differences.retain(|component, _| all.contains(component));
        let strayed = std::mem::take(&mut peer.strayed);
        for component in all {
            let said = theirs.get(&*component);
            let known = self.digests.known.get(&component).copied().unwrap_or_default();
            let expected =
                self.digests.expected.get(&component).and_then(|all| all.get(&name.hash()));
            let same = said.map(|said| said.known).unwrap_or_default() == known;
            let right = said.map(|said| said.collected).unwrap_or_default()
                == expected.copied().unwrap_or_default();
            if same && right {
                peer.differences.remove(&component);
                continue;
            }
            if !same || strayed.contains(&component) || peer.differences.contains_key(&component) {
                peer.todo.push_back((component.clone(), 0));
            }
            if !right {
                peer.strayed.insert(component);
            }
        }
    }

    /// Compares keys.
    fn compare(
        &mut self,
        name: &Name,
        component: ComponentId,
        first: u16,
        keys: &Keys,
        facts: Facts<'_>,
        now: Instant,
    ) {
        let Some(peer) = self.peers.get_mut(&name.hash()) else { return };
        let next = keys.next.min(BUCKETS as u16).max(first);
        let difference = peer.differences.entry(component.clone()).or_default();
        difference.truncated &= first > 0;
        let before = difference.take(first, next);
        let within = keys.buckets.iter().filter(|bucket| (first..next).contains(&bucket.number));
        for bucket in within {
            difference.compare(&before, (&component, name), bucket, &facts, now);
        }
        for (key, since) in &difference.doubled {
            let target = Target::new(&component, *key);
            let yields =
                matches!(facts.handover.standing(&target), Some(Standing::Yielding { .. }));
            if yields && now.saturating_duration_since(*since) >= Why::Unknown.patience() {
                self.outputs.push_back(Output::Relinquish { target, to: name.clone() });
            }
        }
        if difference.is_empty() && !difference.truncated {
            peer.differences.remove(&component);
        }
        // One that says nothing new is not asked for ever.
        if next > first && next < BUCKETS as u16 {
            peer.todo.push_front((component, next));
        }
    }

    /// Asks what is still to be asked; when nothing is, draws the conclusions.
    fn look_on(&mut self, name: &Name, facts: Facts<'_>, now: Instant) {
        let Some(peer) = self.peers.get_mut(&name.hash()) else { return };
        let Some((component, first)) = peer.todo.pop_front() else {
            return self.conclude(name, facts, now);
        };
        let assignment = facts.assignment;
        let ask = Ask::Keys {
            component: component.to_string(),
            first,
            known: digest::sums(assignment.owners(&component).map(|(key, _)| key)),
            collected: digest::sums(assignment.owned(&component, name)),
        };
        self.rota.begin(name, None);
        self.ask(name, ask, Some((component, first)), now);
    }
}
