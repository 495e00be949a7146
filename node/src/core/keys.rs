//! From the participants to what this node collects.

use std::time::{Duration, Instant};

use bytes::Bytes;
use membership::Name;
use model::Seal;
use ownership::handover::{self, Failure, Malformed, QuestionError, Start, Target};
use ownership::{ComponentId, Key};

use super::arrivals::Arrival;
use super::{Change, ChangeCause, Core, Gone, Output, Record, StopReason};

/// How long a node that has just become a participant collects nothing but what others give it. Those
/// that form a cluster at the same moment become participants within a few milliseconds, and each hears of
/// the others by gossip, which takes up to three probe periods of 300 ms where datagrams get lost and
/// a fraction of one otherwise. What was collected before has an owner who is asked, so nothing
/// waits for this but targets that nobody collects yet.
pub(super) const SETTLE: Duration = Duration::from_millis(500);

/// What the assignment says about a key that this node is concerned with.
enum Turn {
    Gained { before: Option<Name> },
    Lost { to: Option<Name> },
    Gone,
}

impl Core {
    /// Makes `keys` all the targets of `component`, which this node shares with the others. The
    /// order is of no consequence, a repeated key counts once. No keys at all is how a component
    /// ends.
    pub fn set_keys(&mut self, component: &ComponentId, keys: Vec<Key>, now: Instant) {
        let me = self.me().name.clone();
        let mut turns = Vec::new();
        let (mut come, mut gone, mut unowned) = (Vec::new(), Vec::new(), Vec::new());
        let handover = &self.handover;
        let standing = |target: &Target| handover.standing(target).is_some();
        self.assignment.set_keys(component, keys, |moved| {
            let target = Target::new(component, moved.key);
            match moved.to {
                Some(to) if *to == me => {
                    turns.push((target.clone(), Turn::Gained { before: None }));
                    come.push(target);
                }
                Some(to) => {
                    if standing(&target) {
                        // It was gone and is back, while it was on its way here.
                        turns.push((target.clone(), Turn::Lost { to: Some(to.clone()) }));
                    }
                    come.push(target);
                }
                // Gone, or no key of anybody yet. It may run here even if the view gave it to another.
                None => {
                    turns.push((target.clone(), Turn::Gone));
                    unowned.push(moved.key);
                    gone.push(target);
                }
            }
        });
        let cause = self.cause_of_targets(now);
        self.arrive(component, &come, unowned, cause, now);
        if !come.is_empty() || !gone.is_empty() {
            self.audit.targets_changed(&gone, &come, now);
        }
        for (target, mut turn) in turns {
            if let Turn::Gained { before } = &mut turn {
                // Somebody may have stood in for this node.
                *before = self.audit.holder(&target);
            }
            self.take(&target, turn, cause, now);
        }
        self.hand_over(now);
    }

    /// Collecting a target of `component` once may take so long.
    pub fn set_busy(&mut self, component: &ComponentId, busy: Duration) {
        self.handover.set_busy(component, busy);
    }

    /// Notes which targets of `component` are new or gone: those that `came` have an owner, the others
    /// have none, be it that they are gone or that nobody takes part yet.
    fn arrive(
        &mut self,
        component: &ComponentId,
        came: &[Target],
        unowned: Vec<Key>,
        cause: ChangeCause,
        now: Instant,
    ) {
        let known = |key: &Key| self.assignment.knows(component, *key);
        let (new, gone): (Vec<Key>, Vec<Key>) = unowned.into_iter().partition(known);
        if came.is_empty() && new.is_empty() && gone.is_empty() {
            return;
        }
        if !self.assignment.has(component) {
            return self.arrivals.end(component);
        }
        let came = came.iter().map(|target| target.key).chain(new);
        let arrival = Arrival { at: now, cause, changes: self.history.changes_ever() };
        self.arrivals.change(component, came, gone, arrival);
    }

    /// Handles another node's claim, which came under a number of the driver's choosing;
    /// [`Output::ClaimReply`] of this number follows within the time a claim may take.
    ///
    /// # Errors
    /// When there will be no answer; the asker is to be told the error's text along with an error
    /// status.
    pub fn handle_claim(
        &mut self,
        id: u64,
        body: &[u8],
        now: Instant,
    ) -> Result<(), QuestionError> {
        let local = (&self.assignment, &self.checkpoints);
        let result = self.handover.handle_question(id, body, local, now);
        self.settle(now);
        result
    }

    /// Handles the answer to an [`Output::Claim`].
    ///
    /// # Errors
    /// When it is no answer; the keys are asked for again.
    pub fn handle_claim_reply(
        &mut self,
        id: u64,
        body: &[u8],
        now: Instant,
    ) -> Result<(), Malformed> {
        let result = self.handover.handle_answer(id, body, now);
        self.settle(now);
        result
    }

    /// Notes that an [`Output::Claim`] got no answer.
    pub fn handle_claim_failure(&mut self, id: u64, failure: Failure, now: Instant) {
        self.handover.handle_failure(id, failure, now);
        self.settle(now);
    }

    /// Takes what a collector left of a target that it has stopped, where an [`Output::Stop`] wanted
    /// it; `None` when there is nothing.
    pub fn handle_seal(
        &mut self,
        component: &ComponentId,
        key: Key,
        seal: Option<Seal>,
        now: Instant,
    ) {
        self.handover.handle_seal(&Target::new(component, key), seal, now);
        self.settle(now);
    }

    /// Whether this node collects all that it owns. What it collects beyond that, until the owner takes
    /// it, does not count. Costs a look at every key.
    pub fn collects_its_own(&self) -> bool {
        let me = &self.me().name;
        let collects = |component: &ComponentId, key| {
            let standing = self.handover.standing(&Target::new(component, key));
            standing.is_some_and(|standing| standing.collects())
        };
        self.assignment.components().all(|(component, _)| {
            self.assignment.owned(component, me).all(|key| collects(component, key))
        })
    }

    /// How many keys wait to be taken by others: 0 once a node that leaves may go.
    pub fn remaining(&self) -> usize {
        self.handover.remaining()
    }

    /// Notes the first tick that was collected of a key since it was started last, by `at`.
    pub fn note_first_tick(&mut self, component: &ComponentId, key: Key, tick: i64, at: Instant) {
        self.history.note_first_tick(component, key, tick, at);
    }

    /// How keys change hands: standings and counters.
    pub fn handover(&self) -> &handover::Handover {
        &self.handover
    }

    /// Acts on what membership found out.
    pub(super) fn move_keys(&mut self, now: Instant) {
        let turned = self.gate.update(self.present, now);
        if turned {
            self.outputs.push_back(Output::Gate { open: self.gate.is_open() });
        }
        if !self.joined.is_empty() || !self.left.is_empty() {
            self.move_participants(now);
        }
        if turned && self.gate.is_open() {
            self.resume(now);
        }
        self.hand_over(now);
    }

    /// Takes over who joined and left.
    fn move_participants(&mut self, now: Instant) {
        let mut joined: Vec<Name> = std::mem::take(&mut self.joined).into_iter().collect();
        let mut left: Vec<_> = std::mem::take(&mut self.left).into_values().collect();
        joined.retain(|name| !self.assignment.contains(name));
        left.retain(|gone| self.assignment.contains(&gone.name));
        let change = Change { at: now, joined, left };
        if self.seeded && change.joined.contains(&self.me().name) {
            self.handover.settle(now + SETTLE);
        }
        if !change.joined.is_empty() || !change.left.is_empty() {
            self.apply(&change, now);
            self.positions.press();
            self.history.push_change(change);
        }
    }

    fn apply(&mut self, change: &Change, now: Instant) {
        let me = self.me().name.clone();
        let left: Vec<Name> = change.left.iter().map(|gone| gone.name.clone()).collect();
        let mut turns = Vec::new();
        let handover = &self.handover;
        self.assignment.change(&change.joined, &left, |moved| {
            let target = Target::new(moved.component, moved.key);
            let turn = match (moved.from, moved.to) {
                (from, Some(to)) if *to == me => Turn::Gained { before: from.cloned() },
                // It may run here though it is another's already.
                (_, to) if handover.standing(&target).is_some() => Turn::Lost { to: to.cloned() },
                _ => return,
            };
            // Who crashed beside one that left is not asked, and may go on.
            turns.push((target, turn, change.cause(moved.from)));
        });
        for (target, turn, cause) in turns {
            self.take(&target, turn, cause, now);
        }
        let withdrawn = |gone: &Gone| gone.name == me && gone.cause == ChangeCause::Withdrawn;
        if change.left.iter().any(withdrawn) {
            self.handover.withdraw(now);
        }
    }

    /// The gate has opened: what is this node's and was not started is started now.
    fn resume(&mut self, now: Instant) {
        let me = self.me().name.clone();
        let mut targets = Vec::new();
        for (component, _) in self.assignment.components() {
            for key in self.assignment.owned(component, &me) {
                targets.push(Target::new(component, key));
            }
        }
        for target in targets {
            self.take(&target, Turn::Gained { before: None }, ChangeCause::Gate, now);
        }
    }

    fn take(&mut self, target: &Target, turn: Turn, cause: ChangeCause, now: Instant) {
        match turn {
            Turn::Gained { before } => {
                // What runs here already is only told that it may stay.
                if self.gate.is_open() || self.handover.standing(target).is_some() {
                    self.handover.gained(target, before.as_ref(), cause, now);
                }
            }
            Turn::Lost { to } => self.handover.lost(target, to.as_ref(), cause, now),
            Turn::Gone => self.handover.gone(target, now),
        }
    }

    /// Does what the handover wants done.
    pub(super) fn hand_over(&mut self, now: Instant) {
        self.compare(now);
        self.handover.handle_timeout(now);
        while let Some(output) = self.handover.poll_output() {
            match output {
                handover::Output::Ask { to, id, body } => self.claim(&to, id, body, now),
                handover::Output::Answer { id, body } => {
                    self.outputs.push_back(Output::ClaimReply { id, body });
                }
                handover::Output::Start(start) => self.start(start, now),
                handover::Output::Stop { target, reason, seal, cause } => {
                    self.stop(target, reason, seal, cause, now);
                }
            }
        }
        self.send_pressing_checkpoints(now);
        let moves = self.handover.poll_timeout();
        let gate = self.gate.deadline();
        self.next_move = gate.into_iter().chain(moves).chain(self.audit.poll_timeout()).min();
    }

    fn claim(&mut self, to: &Name, id: u64, body: Bytes, now: Instant) {
        match self.address_of(to) {
            Some(to) => self.outputs.push_back(Output::Claim { to, id, body }),
            // It is tried again, and given up after a while.
            None => self.handover.handle_failure(id, Failure::Declined, now),
        }
    }

    fn start(&mut self, start: Start, now: Instant) {
        let Start { target, seal, overlap, from, took, cause } = start;
        // An owner that could not say anything may have left something with its deputy; and where
        // nobody knows who it was, what is here is all that there is. What comes from elsewhere is
        // older if it is what this node itself gave to an owner that then died.
        let checkpoint = self.checkpoints.take(&target, from.as_ref());
        let given = seal.as_ref().map(|seal| seal.last_tick);
        let checkpoint = checkpoint.filter(|checkpoint| Some(checkpoint.last_tick) > given);
        // Whoever said it went on after that, for as long as nobody knows.
        let overlap = overlap || checkpoint.is_some();
        let seal = checkpoint.or(seal);
        if let Some(seal) = &seal {
            self.positions.begin(&target, seal);
        }
        // Whoever stopped has said all there is to say, and may have stopped long ago.
        let unheard = from.as_ref().filter(|_| overlap);
        let last_heard = unheard.and_then(|from| self.history.last_heard(from));
        let Target { component, key } = target;
        let record = Record {
            at: now,
            component: component.clone(),
            key,
            stopped: None,
            cause,
            from: from.clone(),
            last_tick: seal.as_ref().map(|seal| seal.last_tick),
            first_tick: None,
            last_heard,
            took,
            overlap,
        };
        self.history.push_record(record, self.handover.held());
        self.outputs.push_back(Output::Start { component, key, seal, overlap, from });
    }

    fn stop(
        &mut self,
        Target { component, key }: Target,
        reason: StopReason,
        seal: bool,
        cause: ChangeCause,
        now: Instant,
    ) {
        let record = Record {
            at: now,
            component: component.clone(),
            key,
            stopped: Some(reason.clone()),
            cause,
            from: None,
            last_tick: None,
            first_tick: None,
            last_heard: None,
            took: Duration::ZERO,
            overlap: false,
        };
        self.history.push_record(record, self.handover.held());
        self.outputs.push_back(Output::Stop { component, key, reason, seal });
    }
}
