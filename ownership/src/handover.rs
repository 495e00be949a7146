//! How keys change hands without a gap: claims, seals and offers.
//!
//! [`Handover`] is told what the assignment makes of this node's keys, and what other nodes ask and
//! answer; it says what to collect and what not. The states of a key:
//!
//! * *idle*: not this node's, or nothing is known of it;
//! * *claiming*: this node's, but another is asked for it first, since it may be collecting it;
//! * *active*: collected here;
//! * *yielding*: collected here, though another's, until that one claims it: make before break. A key
//!   that nobody claims is offered to its owner, which heals partitions: who collects it too says so;
//! * *sealing*: claimed by another; its collector was told to stop.
//!
//! Every question is answered for each key on its own, and every answer leaves the key with exactly
//! one of the two nodes, as long as the answer arrives. Where it does not, the one who asked goes on
//! after a while, so that an overlap is possible and a gap is not.
//!
//! The machine is pure: inputs in, then [`Handover::handle_timeout`], then
//! [`Handover::poll_output`] until there is nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use membership::Name;

use crate::{ComponentId, Key, NodeHash, rank};

mod answering;
mod asking;
pub mod checkpoints;
mod covering;
mod given;
mod held;
mod limits;
mod offered;
mod offering;
mod output;
mod phase;
mod sending;
#[cfg(test)]
mod tests;
mod under_way;
mod wire;

pub use limits::{
    ANSWER_MAX, BATCH_KEYS, CHECKPOINT_BYTES, CHECKPOINT_KEPT, CHECKPOINT_MAX, CHECKPOINT_RENEWED,
    CLAIM_TIMEOUT, QUESTION_MAX, QUESTIONS_WAITING, SEAL_MAX, SEAL_TIMEOUT,
};
pub use output::{
    Failure, HandoverCounters, MoveCause, Output, Standing, Start, StopReason, Target,
};

pub use answering::Local;
pub use checkpoints::Checkpoints;

use answering::Waiting;
use given::Given;
use limits::{FRESH_FOR, SEAL_MARGIN};
use offered::Offered;
use phase::{Claiming, Phase};
use under_way::UnderWay;

/// A question or an answer that cannot be acted upon. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed: {0}")]
pub struct Malformed(pub(super) String);

/// Why a question is not answered. The state is as before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// It is no question.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is for another node: an address has a new owner.
    #[error("the question is for node {0}")]
    Misdirected(Name),
    /// Too many questions wait for seals. Asking again helps.
    #[error("too many questions wait for an answer: ask again")]
    Busy,
}

/// What this node collects, and how that becomes what it should collect.
pub struct Handover {
    me: NodeHash,
    /// Tells this process from others that had or will have its name.
    life: u64,
    /// The others that take part or are leaving, with what [`NodeHash::hash`] is.
    present: BTreeMap<Name, u64>,
    /// Those of these that are new, until when: their discovery may not have found everything yet.
    fresh: VecDeque<(Instant, Name)>,
    /// Who of these has gone since the last look, and whether it failed.
    departed: Vec<(Name, bool)>,
    /// How long collecting a target once may take, of the components for which [`SEAL_TIMEOUT`] would not do.
    busy: BTreeMap<ComponentId, Duration>,
    /// Everything that is not idle.
    held: BTreeMap<ComponentId, BTreeMap<Key, Phase>>,
    /// When to look at which key. What is no longer due then is skipped.
    timers: BTreeSet<(Instant, Target)>,
    /// What is to be asked of whom.
    queues: BTreeMap<(Name, asking::Matter), BTreeSet<Target>>,
    /// Questions under way.
    asked: UnderWay,
    /// When a node last answered.
    heard: BTreeMap<Name, Instant>,
    next_id: u64,
    /// Questions of others that wait for seals.
    waiting: BTreeMap<u64, Waiting>,
    /// Who waits for the seal of a key: the question, and the place in it.
    waiters: BTreeMap<Target, Vec<(u64, usize)>>,
    given: Given,
    offered: Offered,
    /// Until when a key that nobody seals is looked for again before it is collected.
    settles: Option<Instant>,
    /// When this node began to own keys.
    began: Option<Instant>,
    counters: HandoverCounters,
    outputs: VecDeque<Output>,
    /// Grows with every change of how a key stands.
    version: u64,
}

impl Handover {
    /// Nothing is collected yet. `me` is this node.
    pub fn new(me: &Name) -> Self {
        Self {
            me: NodeHash::new(me),
            life: 0,
            present: BTreeMap::new(),
            fresh: VecDeque::new(),
            departed: Vec::new(),
            busy: BTreeMap::new(),
            held: BTreeMap::new(),
            timers: BTreeSet::new(),
            queues: BTreeMap::new(),
            asked: UnderWay::default(),
            heard: BTreeMap::new(),
            next_id: 0,
            waiting: BTreeMap::new(),
            waiters: BTreeMap::new(),
            given: Given::default(),
            offered: Offered::default(),
            settles: None,
            began: None,
            counters: HandoverCounters::default(),
            outputs: VecDeque::new(),
            version: 0,
        }
    }

    /// The same, with a number that no other process of this name has: what others gave to an earlier one
    /// is not given to this one.
    #[must_use]
    pub fn in_life(self, life: u64) -> Self {
        Self { life, ..self }
    }

    /// Another node takes part, or is leaving: it can be asked.
    pub fn peer_up(&mut self, name: &Name, now: Instant) {
        if name != self.me.name() {
            if !self.present.contains_key(name) {
                self.present.insert(name.clone(), NodeHash::new(name).hash());
                self.fresh.push_back((now + FRESH_FOR, name.clone()));
            }
            self.departed.retain(|(departed, _)| departed != name);
        }
    }

    /// Another node is gone, or takes no part any more. With `failed` nobody knows whether it still
    /// collects. To be followed by what that means for keys, then by [`Handover::handle_timeout`].
    pub fn peer_down(&mut self, name: &Name, failed: bool) {
        self.fresh.retain(|(_, fresh)| fresh != name);
        if self.present.remove(name).is_some() {
            self.departed.push((name.clone(), failed));
        }
        self.heard.remove(name);
    }

    /// Collecting a target of `component` once may take so long: who stops in the middle of that seals only
    /// then.
    pub fn set_busy(&mut self, component: &ComponentId, busy: Duration) {
        if busy + SEAL_MARGIN > SEAL_TIMEOUT {
            self.busy.insert(component.clone(), busy);
        } else {
            self.busy.remove(component);
        }
    }

    /// This node is new, among others that may be as new: until `until` it may not have heard of all of
    /// them. A key that nobody seals is not collected before, and is asked for once more then, so that
    /// nodes that begin at the same moment do not all begin with everything. The keys of a node
    /// that failed do not wait.
    pub fn settle(&mut self, until: Instant) {
        self.settles = Some(until);
    }

    /// A key is this node's now. `before` is who owned it, if the assignment says so; else the key is
    /// new to this node, and whoever ranks highest among the others may be collecting it.
    pub fn gained(
        &mut self,
        target: &Target,
        before: Option<&Name>,
        cause: MoveCause,
        now: Instant,
    ) {
        self.began.get_or_insert(now);
        let asked = match before {
            Some(name) if self.present.contains_key(name) => Some(name.clone()),
            // Nobody took it from a node that failed. One that left gave it to somebody.
            Some(_) if cause == MoveCause::Failed => None,
            _ => {
                let by = self.offered.take(target, now, |name| self.present.contains_key(name));
                by.or_else(|| self.highest(target.key, None))
            }
        };
        match self.phase_mut(target) {
            Some(Phase::Claiming(claiming)) => {
                claiming.lost = None;
                claiming.gone = false;
            }
            Some(Phase::Active) => {}
            Some(phase @ Phase::Yielding(_)) => *phase = Phase::Active,
            Some(Phase::Sealing(sealing)) => {
                sealing.mine = true;
                sealing.gone = false;
            }
            None => match asked {
                Some(name) => {
                    self.counters.claimed += 1;
                    let claiming = Claiming::new(name, cause, now);
                    self.set(target, Phase::Claiming(Box::new(claiming)));
                    self.queue_claim(target);
                }
                None => {
                    // The one it was given to has died with it: its seal may still be here.
                    let gift = self.given.remove(target);
                    let seal = gift.filter(|gift| Some(&gift.to) == before).and_then(|g| g.seal);
                    let overlap = cause == MoveCause::Failed;
                    if seal.is_none() && !overlap && self.is_settling(now) {
                        let claiming = Claiming::new(self.me.name().clone(), cause, now);
                        self.set(target, Phase::Claiming(Box::new(claiming)));
                        return self.look_again(target);
                    }
                    let from = before.cloned();
                    let took = Duration::ZERO;
                    let target = target.clone();
                    self.start(Start { target, seal, overlap, from, took, cause });
                }
            },
        }
    }

    /// A key is another node's now, that of `to`; or nobody's.
    pub fn lost(&mut self, target: &Target, to: Option<&Name>, cause: MoveCause, now: Instant) {
        if to.is_none_or(|to| !self.outranks_me(to, target.key)) {
            // Only who takes no part any more loses to one that ranks lower.
            self.began = None;
        }
        match self.phase_mut(target) {
            Some(Phase::Claiming(claiming)) => match to {
                // It may come all the same, and must not fall to the ground then.
                Some(to) if claiming.is_on_its_way() => {
                    claiming.lost = Some(to.clone());
                    claiming.gone = false;
                }
                _ => self.forget(target),
            },
            Some(Phase::Yielding(yielding)) if yielding.to.as_ref() == to => {}
            Some(Phase::Active | Phase::Yielding(_)) => {
                let yielding = self.yield_to(to.cloned(), cause, now);
                self.set(target, yielding);
            }
            Some(Phase::Sealing(sealing)) => {
                sealing.mine = false;
                sealing.gone = false;
            }
            None => {}
        }
    }

    /// The component does not announce the target any more.
    pub fn gone(&mut self, target: &Target, now: Instant) {
        match self.phase_mut(target) {
            Some(Phase::Active | Phase::Yielding(_)) => {
                self.forget(target);
                self.given.let_go(target, now);
                self.stop(target, StopReason::Gone, false, MoveCause::Targets);
            }
            // The other may have stopped it for this node already, and then nobody but this one can end it.
            Some(Phase::Claiming(claiming)) if claiming.is_on_its_way() => {
                claiming.gone = true;
                claiming.lost = None;
            }
            Some(Phase::Claiming(_)) => self.forget(target),
            // Whoever claimed it knows it, or ends it once the seal is there.
            Some(Phase::Sealing(sealing)) => {
                sealing.mine = false;
                sealing.gone = true;
            }
            None => {}
        }
    }

    /// This node takes no part any more: whatever runs here stops.
    pub fn withdraw(&mut self, now: Instant) {
        self.version += 1;
        for (component, keys) in std::mem::take(&mut self.held) {
            for (key, phase) in keys {
                if phase.standing().collects() {
                    let target = Target::new(&component, key);
                    self.given.let_go(&target, now);
                    self.stop(&target, StopReason::Unowned, false, MoveCause::Withdrawn);
                }
            }
        }
        self.queues.clear();
        self.timers.clear();
        self.asked.clear();
    }

    /// Does what is due at `now`. To be called after every input.
    pub fn handle_timeout(&mut self, now: Instant) {
        for (name, failed) in std::mem::take(&mut self.departed) {
            self.bury(&name, failed, now);
        }
        while let Some((_, target)) = self.pop_timer(now) {
            match self.phase(&target) {
                Some(phase) if phase.due().is_some_and(|due| due <= now) => {}
                _ => continue,
            }
            match self.phase_mut(&target) {
                Some(Phase::Claiming(_)) => self.claim_due(&target, now),
                Some(Phase::Yielding(_)) => self.offer_due(&target),
                Some(Phase::Sealing(_)) => self.handle_seal(&target, None, now),
                Some(Phase::Active) | None => {}
            }
        }
        self.answer_due(now);
        self.given.expire(now);
        while self.fresh.front().is_some_and(|(until, _)| *until <= now) {
            self.fresh.pop_front();
        }
        if self.fresh.is_empty() {
            // So that room for all nodes of a large cluster is not kept for ever.
            self.fresh.shrink_to_fit();
        }
        self.send(now);
    }

    /// When [`Handover::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(at, _)| *at);
        timer.into_iter().chain(self.answers_due()).chain(self.given.due()).min()
    }

    /// What is to be done next, in order; `None` when nothing is.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The keys of `component` that this node collects, in order.
    pub fn running(&self, component: &str) -> impl Iterator<Item = Key> {
        let keys = self.held.get(component).into_iter().flatten();
        keys.filter(|(_, phase)| phase.standing().collects()).map(|(key, _)| *key)
    }

    /// How every key that is not idle stands.
    pub fn standings(&self) -> impl Iterator<Item = (&ComponentId, Key, Standing)> {
        let keys = |(component, keys)| (std::iter::repeat(component), keys);
        let held = self.held.iter().map(keys);
        held.flat_map(|(component, keys): (_, &BTreeMap<Key, Phase>)| {
            component.zip(keys).map(|(component, (key, phase))| (component, *key, phase.standing()))
        })
    }

    /// The same of one component, by key.
    pub fn standings_of(&self, component: &str) -> impl Iterator<Item = (Key, Standing)> {
        let keys = self.held.get(component).into_iter().flatten();
        keys.map(|(key, phase)| (*key, phase.standing()))
    }

    /// How many keys are not idle.
    pub fn held(&self) -> usize {
        self.held.values().map(BTreeMap::len).sum()
    }

    /// How a key stands; `None` when it is idle.
    pub fn standing(&self, target: &Target) -> Option<Standing> {
        self.phase(target).map(Phase::standing)
    }

    /// How many keys this node has not given away: what a drain waits for. Keys that nobody else
    /// could take, because nobody else takes part or their owner does not know them, do not count; but an
    /// owner that is new has a while to find them.
    pub fn remaining(&self) -> usize {
        let fresh: BTreeSet<&Name> = self.fresh.iter().map(|(_, name)| name).collect();
        let counts = |phase: &&Phase| match phase {
            Phase::Yielding(yielding) => {
                let finds = |to: &Name| !yielding.unknown || fresh.contains(to);
                yielding.to.as_ref().is_some_and(finds)
            }
            Phase::Active | Phase::Sealing(_) => true,
            // It may have stopped elsewhere for this node already.
            Phase::Claiming(claiming) => claiming.is_on_its_way() || claiming.gone,
        };
        let given = self.held.values().flat_map(BTreeMap::values).filter(counts).count();
        // Whoever was promised an answer, or told to ask again, gets it first.
        given + self.waiting.len() + self.given.unfetched()
    }

    /// Changes whenever how a key stands does, and now and then when it does not.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What happened since the start.
    pub fn counters(&self) -> &HandoverCounters {
        &self.counters
    }

    /// Of the present others, and this node unless it is `except`, the one that ranks highest for a
    /// key; `None` when there is none but this node.
    fn highest(&self, key: Key, except: Option<&Name>) -> Option<Name> {
        let others = self.present.iter().filter(|(name, _)| Some(*name) != except);
        let best = others.map(|(name, hash)| (rank::score(key, *hash), name)).max()?;
        let mine = (self.me.score(key), self.me.name());
        // Asked by another, this node is one of the candidates.
        (except.is_none() || best > mine).then(|| best.1.clone())
    }

    fn outranks_me(&self, name: &Name, key: Key) -> bool {
        let theirs = NodeHash::new(name);
        (theirs.score(key), theirs.name()) > (self.me.score(key), self.me.name())
    }

    /// Settles what depended on a node that is gone.
    fn bury(&mut self, name: &Name, failed: bool, now: Instant) {
        let mut claims = Vec::new();
        for (component, keys) in &mut self.held {
            for (key, phase) in keys {
                match phase {
                    Phase::Claiming(claiming) if claiming.ask == *name => {
                        claims.push(Target::new(component, *key));
                    }
                    Phase::Sealing(sealing) if sealing.to == *name => sealing.to_gone = true,
                    _ => {}
                }
            }
        }
        for target in claims {
            if failed {
                self.start_unasked(&target, true, now);
            } else if !self.is_asked(&target) {
                self.ask_after(&target, name, now);
            }
            // Else it answered before it went, and the news was quicker than the answer.
        }
    }

    fn start(&mut self, start: Start) {
        self.set(&start.target, Phase::Active);
        self.given.remove(&start.target);
        self.outputs.push_back(Output::Start(start));
    }

    /// A target that is gone came here while it changed hands: its collector goes on from the seal only to
    /// end what that knows. Without one nothing is known that could be ended.
    fn end(&mut self, start: Start, now: Instant) {
        let target = start.target.clone();
        if start.seal.is_some() {
            self.start(start);
            self.given.let_go(&target, now);
            self.stop(&target, StopReason::Gone, false, MoveCause::Targets);
        }
        self.forget(&target);
    }

    fn stop(&mut self, target: &Target, reason: StopReason, seal: bool, cause: MoveCause) {
        self.outputs.push_back(Output::Stop { target: target.clone(), reason, seal, cause });
    }
}
