//! The side that is asked: claims in, seals out.

use std::time::{Duration, Instant};

use bytes::Bytes;
use membership::Name;
use model::Seal;

use super::given::Gift;
use super::limits::{
    CLAIM_BACK, CLAIM_TIMEOUT, FRESH_FOR, HOLD, LINGER, QUESTIONS_WAITING, SEAL_MAX,
    SEALS_PER_ANSWER, SOON_LIMIT,
};
use super::phase::{Claiming, Phase, Sealing, Stage};
use super::wire::{self, Answer, Ask, Had, Outcome, Question};
use super::{Checkpoints, Handover, MoveCause, Output, QuestionError, Start, StopReason, Target};
use crate::Assignment;

/// A question that waits for seals.
#[derive(Debug)]
pub(super) struct Waiting {
    from: Name,
    targets: Vec<Target>,
    outcomes: Vec<Option<Outcome>>,
    /// How many outcomes are still missing.
    missing: usize,
    /// Bytes of seals so far.
    bytes: usize,
    due: Instant,
}

impl Waiting {
    /// Whether the answer has room for no more seals. One that has room for one has room for a long one,
    /// so that there is progress.
    fn is_full(&self) -> bool {
        self.bytes > SEALS_PER_ANSWER
    }
}

/// What is claimed.
struct Claimed {
    from: Name,
    life: u64,
    targets: Vec<Target>,
    had: Vec<Had>,
}

/// Who claims a key.
#[derive(Clone, Copy)]
struct Claimant<'a> {
    name: &'a Name,
    /// Which process of that name.
    life: u64,
    /// Until when it had the key, by the clock of this node and but for the time that its question took.
    had: Option<Instant>,
}

impl Claimant<'_> {
    /// Whether it has had what it was given here, since it had the key later.
    fn has_had(self, gift: &Gift) -> bool {
        self.had.is_some_and(|had| gift.at < had)
    }

    /// Whether something was given to this process. One before it of its name may have collected since.
    fn was_given(self, gift: &Gift) -> bool {
        gift.to == *self.name && gift.life.is_none_or(|life| life == self.life)
    }
}

/// What a node knows of targets beside what it collects.
pub trait Local {
    /// Whether its components announce a target.
    fn knows(&self, target: &Target) -> bool;

    /// What it keeps as a deputy of what `owner` said before its process of this `life`.
    fn kept(&self, target: &Target, owner: &Name, life: u64) -> Option<Seal>;
}

/// What its components announce, and the checkpoints that it keeps.
impl Local for (&Assignment, &Checkpoints) {
    fn knows(&self, target: &Target) -> bool {
        self.0.knows(&target.component, target.key)
    }

    fn kept(&self, target: &Target, owner: &Name, life: u64) -> Option<Seal> {
        self.1.find_before(target, owner, life).cloned()
    }
}

/// It knows all targets, or none, and keeps nothing.
impl Local for bool {
    fn knows(&self, _: &Target) -> bool {
        *self
    }

    fn kept(&self, _: &Target, _: &Name, _: u64) -> Option<Seal> {
        None
    }
}

/// What a claimant is told of a key that it is given.
fn given(seal: Option<Seal>, cause: MoveCause) -> Outcome {
    match seal {
        Some(seal) => Outcome::Sealed { seal: seal.into(), cause },
        None => Outcome::Unsealed { cause },
    }
}

impl Handover {
    /// Handles the question of another node. [`Output::Answer`] with this `id` follows, within the
    /// time that a claim may take.
    ///
    /// # Errors
    /// When there will be no answer.
    pub fn handle_question(
        &mut self,
        id: u64,
        body: &[u8],
        local: impl Local,
        now: Instant,
    ) -> Result<(), QuestionError> {
        let question = Question::decode(body).inspect_err(|_| self.counters.malformed += 1)?;
        if question.to != *self.me.name() || question.from == *self.me.name() {
            return Err(QuestionError::Misdirected(question.to));
        }
        match question.ask {
            Ask::Offer(groups) => {
                let targets = wire::targets(&groups);
                let from = question.from;
                let outcomes =
                    targets.iter().map(|target| self.offered(target, &from, &local, now));
                let outcomes = outcomes.collect();
                self.answer(id, outcomes);
            }
            Ask::Claim { life, groups, had } => {
                if self.waiting.len() >= QUESTIONS_WAITING {
                    return Err(QuestionError::Busy);
                }
                let (from, targets) = (question.from, wire::targets(&groups));
                self.claimed(id, Claimed { from, life, targets, had }, &local, now);
            }
        }
        Ok(())
    }

    /// What becomes of an offer. A claim that has not been asked elsewhere yet is asked there.
    fn offered(
        &mut self,
        target: &Target,
        from: &Name,
        local: &impl Local,
        now: Instant,
    ) -> Outcome {
        match self.phase_mut(target) {
            Some(Phase::Active) => Outcome::Mine,
            Some(Phase::Claiming(claiming)) if !claiming.gone => {
                let settles = matches!(claiming.stage, Stage::Settling(_));
                let elsewhere = claiming.ask != *from && !matches!(claiming.stage, Stage::Asked(_));
                if settles || elsewhere {
                    claiming.ask = from.clone();
                    self.queue_claim(target);
                } else if claiming.ask != *from {
                    // Should the one who is asked not have it, this one does.
                    self.offered.insert(target.clone(), from.clone(), now);
                }
                Outcome::Later
            }
            Some(Phase::Yielding(_) | Phase::Sealing(_)) => Outcome::Later,
            None if local.knows(target) => Outcome::Later,
            Some(Phase::Claiming(_)) | None => {
                self.offered.insert(target.clone(), from.clone(), now);
                Outcome::Unknown
            }
        }
    }

    fn claimed(&mut self, id: u64, claimed: Claimed, local: &impl Local, now: Instant) {
        let fresh = self.began.is_none_or(|began| now < began + FRESH_FOR);
        let Claimed { from, life, targets, had } = claimed;
        let mut waiting = Waiting {
            from: from.clone(),
            targets: Vec::new(),
            outcomes: Vec::with_capacity(targets.len()),
            missing: 0,
            bytes: 0,
            due: now + HOLD,
        };
        let mut until = vec![None; targets.len()];
        for Had { place, ago } in had {
            if let Some(until) = until.get_mut(usize::from(place)) {
                *until = now.checked_sub(Duration::from_millis(ago.into()));
            }
        }
        for (place, (target, had)) in targets.iter().zip(until).enumerate() {
            let sure = !fresh && local.knows(target);
            let claimant = Claimant { name: &from, life, had };
            let mut outcome = self.claim(target, claimant, sure, now);
            if let Some(Outcome::Idle | Outcome::Unsure) = outcome
                && let Some(seal) = self.kept(target, claimant, local)
            {
                let sure = outcome == Some(Outcome::Idle);
                outcome = Some(Outcome::Kept { seal: seal.into(), sure });
            }
            let outcome = match outcome {
                None => {
                    waiting.missing += 1;
                    self.waiters.entry(target.clone()).or_default().push((id, place));
                    None
                }
                Some(Outcome::Sealed { .. } | Outcome::Kept { .. }) if waiting.is_full() => {
                    Some(Outcome::Soon)
                }
                Some(outcome) => {
                    if let Outcome::Sealed { seal, .. } | Outcome::Kept { seal, .. } = &outcome {
                        waiting.bytes += seal.length();
                    }
                    self.given.fetched(target);
                    Some(outcome)
                }
            };
            waiting.outcomes.push(outcome);
        }
        if waiting.missing == 0 {
            return self.answer(id, waiting.outcomes.into_iter().flatten().collect());
        }
        waiting.targets = targets;
        self.waiting.insert(id, waiting);
    }

    /// What becomes of a claim; nothing as long as the seal is awaited. `sure` is whether this node
    /// would know who collects the key.
    fn claim(
        &mut self,
        target: &Target,
        claimant: Claimant<'_>,
        sure: bool,
        now: Instant,
    ) -> Option<Outcome> {
        let from = claimant.name;
        let outranks = self.outranks_me(from, target.key);
        if let Some(Phase::Claiming(claiming)) = self.phase(target)
            && claiming.ask == *from
            && let Some(gift) = self.gift(target, claimant, now)
        {
            // Given to the one who asks, who got no answer, and claimed back from it.
            return Some(gift);
        }
        match self.phase_mut(target) {
            Some(Phase::Active) if !outranks => Some(Outcome::Keep),
            Some(Phase::Active) => {
                // News: this node has not heard of the claimant yet.
                self.begin_sealing(target, claimant, true, MoveCause::Joined, now);
                None
            }
            Some(Phase::Yielding(yielding)) => {
                let cause = yielding.cause;
                self.begin_sealing(target, claimant, false, cause, now);
                None
            }
            Some(Phase::Sealing(sealing)) if sealing.to == *from => {
                sealing.life = claimant.life;
                None
            }
            Some(Phase::Sealing(sealing)) => Some(Outcome::Elsewhere(sealing.to.clone())),
            Some(Phase::Claiming(claiming)) if claiming.gone && claiming.ask != *from => {
                // That one knows the target, so its series go on: it gets what is on its way.
                claiming.lost = Some(from.clone());
                Some(Outcome::Soon)
            }
            Some(Phase::Claiming(claiming)) => Some(match &claiming.lost {
                _ if claiming.gone => Outcome::Unsure,
                None if !outranks => Outcome::Keep,
                // Neither has it, and both ask on.
                _ if claiming.ask == *from || matches!(claiming.stage, Stage::Settling(_)) => {
                    Outcome::Unsure
                }
                _ => Outcome::Elsewhere(claiming.ask.clone()),
            }),
            None => Some(self.recall(target, claimant, sure, now)),
        }
    }

    fn begin_sealing(
        &mut self,
        target: &Target,
        Claimant { name: to, life, .. }: Claimant<'_>,
        mine: bool,
        cause: MoveCause,
        now: Instant,
    ) {
        let deadline = now + self.seal_timeout(&target.component);
        let sealing = Sealing::new((to.clone(), life), mine, cause, deadline);
        self.set(target, Phase::Sealing(Box::new(sealing)));
        self.stop(target, StopReason::Moved { to: to.clone() }, true, cause);
    }

    /// What this node says of a key that it does not hold.
    fn recall(&self, target: &Target, claimant: Claimant<'_>, sure: bool, now: Instant) -> Outcome {
        let from = claimant.name;
        if let Some(gift) = self.given.find(target) {
            // Of a node that claimed lately the news may still be on its way.
            let lately = now.saturating_duration_since(gift.at) < CLAIM_BACK;
            if gift.to != *from && (lately || self.present.contains_key(&gift.to)) {
                return Outcome::Elsewhere(gift.to.clone());
            }
            if claimant.was_given(gift) && claimant.has_had(gift) {
                // Where it went from there, others know.
                return Outcome::Unsure;
            }
        }
        if let Some(gift) = self.gift(target, claimant, now) {
            return gift;
        }
        let highest = self.highest(target.key, Some(from)).is_none();
        if sure && highest { Outcome::Idle } else { Outcome::Unsure }
    }

    /// The last that this node knows of what an earlier process of the claimant's name left: what it said
    /// itself, or what it was given.
    fn kept(&self, target: &Target, claimant: Claimant<'_>, local: &impl Local) -> Option<Seal> {
        let before = |gift: &&Gift| {
            let earlier = gift.to == *claimant.name && !claimant.was_given(gift);
            earlier && !claimant.has_had(gift)
        };
        let given = self.given.find(target).filter(before).and_then(|gift| gift.seal.clone());
        let said = local.kept(target, claimant.name, claimant.life);
        said.into_iter().chain(given).max_by_key(|seal| seal.last_tick)
    }

    /// The seal that was given to a node lately, for that node: it got no answer, or it would not ask. Who
    /// asks much later, or says that it has had the key since, asks for it anew.
    fn gift(&self, target: &Target, to: Claimant<'_>, now: Instant) -> Option<Outcome> {
        let lately = |at: Instant| now.saturating_duration_since(at) < SOON_LIMIT;
        let mine = |gift: &&Gift| to.was_given(gift) && lately(gift.at) && !to.has_had(gift);
        let gift = self.given.find(target).filter(mine)?;
        Some(given(gift.seal.clone(), gift.cause))
    }

    /// Takes what a collector knows about a target that it has stopped, in answer to an
    /// [`Output::Stop`]; nothing when there is nothing.
    pub fn handle_seal(&mut self, target: &Target, seal: Option<Seal>, now: Instant) {
        let Some(Phase::Sealing(sealing)) = self.phase(target) else { return };
        let (to, mine, cause) = (sealing.to.clone(), sealing.mine, sealing.cause);
        let (life, to_gone, gone) = (sealing.life, sealing.to_gone, sealing.gone);
        let seal = seal.map(|seal| self.cut(seal));
        self.forget(target);
        match &seal {
            Some(_) => self.counters.given += 1,
            None => self.counters.given_unsealed += 1,
        }
        let claimant = (to.clone(), Some(life));
        self.given.insert(target.clone(), claimant, seal.clone(), cause, now);
        self.tell_waiters(target, &to, (seal.as_ref(), cause), now);
        if mine && to_gone {
            let (target, from, took) = (target.clone(), Some(to), Duration::ZERO);
            self.start(Start { target, seal, overlap: false, from, took, cause });
        } else if gone && to_gone {
            // Neither does the one that claimed it say that it is gone.
            let (target, from, took) = (target.clone(), Some(to), Duration::ZERO);
            self.end(Start { target, seal, overlap: false, from, took, cause }, now);
        } else if mine {
            // It is still this node's, as far as it knows: it makes sure that it is in good hands.
            let mut claiming = Claiming::new(to, cause, now);
            claiming.stage = Stage::Paused(now + CLAIM_BACK);
            claiming.deadline = now + CLAIM_BACK + CLAIM_TIMEOUT;
            self.set(target, Phase::Claiming(Box::new(claiming)));
        }
    }

    /// A seal that is too long is cut down to its tick.
    fn cut(&mut self, seal: Seal) -> Seal {
        if seal.payload.len() <= SEAL_MAX {
            return seal;
        }
        self.counters.seals_cut += 1;
        Seal { payload: Bytes::new(), ..seal }
    }

    /// Puts the outcome of a key into the answers that wait for it.
    fn tell_waiters(
        &mut self,
        target: &Target,
        to: &Name,
        (seal, cause): (Option<&Seal>, MoveCause),
        now: Instant,
    ) {
        for (id, place) in self.waiters.remove(target).unwrap_or_default() {
            let Some(waiting) = self.waiting.get_mut(&id) else { continue };
            let outcome = match seal {
                _ if waiting.from != *to => Outcome::Elsewhere(to.clone()),
                None => {
                    self.given.fetched(target);
                    given(None, cause)
                }
                Some(_) if waiting.is_full() => Outcome::Soon,
                Some(seal) => {
                    self.given.fetched(target);
                    waiting.bytes += seal.payload.len();
                    waiting.due = waiting.due.min(now + LINGER);
                    given(Some(seal.clone()), cause)
                }
            };
            if waiting.outcomes[place].replace(outcome).is_none() {
                waiting.missing -= 1;
            }
            if waiting.missing == 0 {
                waiting.due = now;
            }
        }
    }

    /// Answers what is complete or has waited for long enough.
    pub(super) fn answer_due(&mut self, now: Instant) {
        let due = |waiting: &Waiting| waiting.due <= now;
        let ids: Vec<u64> =
            self.waiting.iter().filter(|(_, waiting)| due(waiting)).map(|(id, _)| *id).collect();
        for id in ids {
            let Some(waiting) = self.waiting.remove(&id) else { continue };
            let outcomes = waiting.outcomes.into_iter().zip(&waiting.targets);
            let outcomes = outcomes.map(|(outcome, target)| match outcome {
                None => Outcome::Soon,
                // Since it was asked, it has got what it did not have.
                Some(Outcome::Elsewhere(_) | Outcome::Unsure) if self.collects(target) => {
                    Outcome::Soon
                }
                Some(outcome) => outcome,
            });
            let outcomes = outcomes.collect();
            self.answer(id, outcomes);
        }
        if self.waiting.is_empty() {
            self.waiters.clear();
        }
    }

    fn collects(&self, target: &Target) -> bool {
        self.standing(target).is_some_and(|standing| standing.collects())
    }

    /// When the next answer is due.
    pub(super) fn answers_due(&self) -> Option<Instant> {
        self.waiting.values().map(|waiting| waiting.due).min()
    }

    fn answer(&mut self, id: u64, outcomes: Vec<Outcome>) {
        let body = Answer { from: self.me.name().clone(), outcomes }.encode();
        self.outputs.push_back(Output::Answer { id, body });
    }
}
