//! The side that asks: claims out, outcomes in.

use std::time::{Duration, Instant};

use membership::Name;
use model::Seal;

use super::limits::{
    CLAIM_TIMEOUT, FOLLOWS, KEEP_PAUSE, NEWS_PAUSE, OFFER_AFTER, OFFERED_WITHIN, RETRY_PAUSE,
    SOON_PAUSE, WAY_PAUSE,
};
use super::phase::{Claiming, Phase, Stage, Yielding};
use super::wire::{Answer, Outcome};
use super::{Failure, Handover, Malformed, MoveCause, Start, Target};
use crate::rank;

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Matter {
    Claim,
    Offer,
}

impl Handover {
    /// Handles the answer to an [`super::Output::Ask`].
    ///
    /// # Errors
    /// When it is no answer to that question; the keys are asked for again.
    pub fn handle_answer(&mut self, id: u64, body: &[u8], now: Instant) -> Result<(), Malformed> {
        let Some(asked) = self.asked.get(id) else { return Ok(()) };
        let answer = Answer::decode(body).and_then(|answer| {
            let (got, wanted) = (answer.outcomes.len(), asked.targets.len());
            if got != wanted || answer.from != asked.to {
                let text = format!("{got} outcomes of {} for {wanted} keys", answer.from);
                return Err(Malformed(text));
            }
            Ok(answer)
        });
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.counters.malformed += 1;
                self.handle_failure(id, Failure::Lost, now);
                return Err(error);
            }
        };
        let Some(asked) = self.asked.remove(id) else { return Ok(()) };
        // Who has left meanwhile is remembered by nobody.
        if self.present.contains_key(&asked.to) {
            self.heard.insert(asked.to.clone(), now);
        }
        for (target, outcome) in asked.targets.iter().zip(answer.outcomes) {
            match asked.matter {
                Matter::Claim => self.take_outcome(id, &asked.to, target, outcome, now),
                Matter::Offer => self.take_standing(id, &asked.to, target, &outcome, now),
            }
        }
        Ok(())
    }

    /// Notes that an [`super::Output::Ask`] got no answer.
    pub fn handle_failure(&mut self, id: u64, failure: Failure, now: Instant) {
        let Some(asked) = self.asked.remove(id) else { return };
        self.counters.failed += 1;
        let gone = !self.present.contains_key(&asked.to);
        for target in &asked.targets {
            match asked.matter {
                Matter::Claim => {
                    let Some(claiming) = self.claiming(id, target) else { continue };
                    claiming.unheard |= failure == Failure::Lost;
                    claiming.stage = Stage::Paused(now + RETRY_PAUSE);
                    // Who stands in for another asks for what is not its own from the start.
                    let left = claiming.lost.is_some() && claiming.cause != MoveCause::Covered;
                    let unwanted = claiming.gone || left;
                    if unwanted && !claiming.is_on_its_way() {
                        self.forget(target);
                    } else if gone {
                        self.ask_after(target, &asked.to, now);
                    } else {
                        self.arm(target);
                    }
                }
                Matter::Offer => self.put_offer_off(id, target, now),
            }
        }
    }

    pub(super) fn queue_claim(&mut self, target: &Target) {
        let Some(Phase::Claiming(claiming)) = self.phase_mut(target) else { return };
        claiming.stage = Stage::Queued;
        let to = claiming.ask.clone();
        self.queues.entry((to, Matter::Claim)).or_default().insert(target.clone());
        self.arm(target);
    }

    /// A pause has ended, or time is up.
    pub(super) fn claim_due(&mut self, target: &Target, now: Instant) {
        let Some(Phase::Claiming(claiming)) = self.phase(target) else { return };
        // As long as the other node answers, it is alive, and there are only many keys to ask for.
        let heard = self.heard.get(&claiming.ask).map(|heard| *heard + CLAIM_TIMEOUT);
        let limit = claiming.since + self.soon_limit(&target.component);
        let deadline = heard.map_or(claiming.deadline, |heard| {
            claiming.deadline.max(heard.min(limit.max(claiming.deadline)))
        });
        if deadline <= now {
            self.counters.timed_out += 1;
            // Another may have said that it collects the key, and is there.
            if self.ask_offering(target, now) {
                return;
            }
            return self.start_unasked(target, true, now);
        }
        match self.phase_mut(target) {
            Some(Phase::Claiming(claiming)) if matches!(claiming.stage, Stage::Paused(_)) => {
                self.queue_claim(target);
            }
            Some(Phase::Claiming(claiming)) if matches!(claiming.stage, Stage::Settling(_)) => {
                self.claim_settled(target, now);
            }
            Some(Phase::Claiming(claiming)) => {
                claiming.deadline = deadline;
                self.arm(target);
            }
            _ => {}
        }
    }

    /// Nobody seals a key that was claimed: it is collected all the same, unless it has become another's
    /// meanwhile. `silent` is whether the one that was asked has said nothing, and may go on collecting; an
    /// earlier process of this node's name may have gone on after what others keep of it, too.
    pub(super) fn start_unasked(&mut self, target: &Target, silent: bool, now: Instant) {
        let Some(Phase::Claiming(claiming)) = self.phase_mut(target) else { return };
        // Who says that it does not collect the key is not the one before.
        let from = silent.then(|| claiming.ask.clone());
        let (took, cause) = (now.saturating_duration_since(claiming.since), claiming.cause);
        if claiming.lost.is_some() || claiming.gone {
            return self.forget(target);
        }
        let kept = claiming.kept.take();
        let (target, overlap) = (target.clone(), silent || kept.is_some());
        self.start(Start { target, seal: kept, overlap, from, took, cause });
    }

    /// Whether this node is too new to believe that nobody collects a key.
    pub(super) fn is_settling(&self, now: Instant) -> bool {
        self.settles.is_some_and(|until| now < until)
    }

    /// What is collected here goes to another. A node that has settled only now may have begun it
    /// just when the news of another new node was on its way, which looks for it in vain among those it
    /// knows to rank higher: so it is offered to that one at once.
    pub(super) fn yield_to(&self, to: Option<Name>, cause: MoveCause, now: Instant) -> Phase {
        let mut yielding = Yielding::new(to, cause, now);
        if self.settles.is_some_and(|until| now < until + OFFER_AFTER) {
            yielding.stage = Stage::Paused(now);
        }
        Phase::Yielding(Box::new(yielding))
    }

    /// Nobody collects a key that is claimed, as far as this node knows: it looks again once it has
    /// settled.
    pub(super) fn look_again(&mut self, target: &Target) {
        if let Some(until) = self.settles {
            self.look_again_at(target, until);
        }
    }

    /// Asks anew at an instant, unless whoever collects the key offers it before.
    fn look_again_at(&mut self, target: &Target, until: Instant) {
        if let Some(Phase::Claiming(claiming)) = self.phase_mut(target) {
            claiming.stage = Stage::Settling(until);
            // By then everybody may know more.
            claiming.follows = 0;
            claiming.without.clear();
            claiming.pointed.clear();
            claiming.deadline = until + CLAIM_TIMEOUT;
            self.arm(target);
        }
    }

    /// This node has settled. Whoever ranks highest among those it knows of by now is asked for a key
    /// that nobody collected before.
    fn claim_settled(&mut self, target: &Target, now: Instant) {
        let asked = self.highest(target.key, None);
        let Some(Phase::Claiming(claiming)) = self.phase_mut(target) else { return };
        let Some(name) = asked.filter(|_| claiming.lost.is_none()) else {
            return self.start_unasked(target, false, now);
        };
        claiming.ask = name;
        claiming.tried = false;
        claiming.deadline = now + CLAIM_TIMEOUT;
        self.queue_claim(target);
    }

    /// The claim of a key that travels in the question `id`.
    fn claiming(&mut self, id: u64, target: &Target) -> Option<&mut Claiming> {
        match self.phase_mut(target)? {
            Phase::Claiming(claiming) if claiming.stage == Stage::Asked(id) => Some(claiming),
            _ => None,
        }
    }

    /// Whether the claim of a key travels in a question that has no answer yet.
    pub(super) fn is_asked(&self, target: &Target) -> bool {
        let Some(Phase::Claiming(claiming)) = self.phase(target) else { return false };
        matches!(claiming.stage, Stage::Asked(_))
    }

    fn take_outcome(
        &mut self,
        id: u64,
        from: &Name,
        target: &Target,
        outcome: Outcome,
        now: Instant,
    ) {
        let travels = self.given.travels(target, from, now);
        let patience = self.soon_limit(&target.component);
        let Some(claiming) = self.claiming(id, target) else { return };
        claiming.unheard = false;
        match outcome {
            Outcome::Sealed { seal, cause } => {
                self.take_over(target, from, Some(seal.into()), cause, now);
            }
            Outcome::Unsealed { cause } => self.take_over(target, from, None, cause, now),
            // Where it is, the target is ended, too.
            _ if claiming.gone && outcome != Outcome::Soon => self.forget(target),
            Outcome::Elsewhere(name) => self.follow(target, from, name, now),
            // What it was given here it has not got yet.
            Outcome::Unsure | Outcome::Kept { sure: false, .. } if travels => {
                claiming.deadline = now + CLAIM_TIMEOUT;
                claiming.stage = Stage::Paused(now + WAY_PAUSE);
                self.arm(target);
            }
            Outcome::Unsure => self.ask_on(target, Some(from), now),
            Outcome::Keep if claiming.lost.is_some() => self.forget(target),
            Outcome::Keep => {
                claiming.deadline = now + KEEP_PAUSE + CLAIM_TIMEOUT;
                claiming.stage = Stage::Paused(now + KEEP_PAUSE);
                self.counters.kept += 1;
                self.arm(target);
            }
            Outcome::Soon if now < claiming.since + patience => {
                claiming.promised = true;
                claiming.deadline = now + CLAIM_TIMEOUT;
                claiming.stage = Stage::Paused(now + SOON_PAUSE);
                self.arm(target);
            }
            Outcome::Soon => {
                self.counters.timed_out += 1;
                self.start_unasked(target, true, now);
            }
            Outcome::Kept { seal, sure } => {
                let seal = Seal::from(seal);
                if claiming.kept.as_ref().is_none_or(|kept| kept.last_tick < seal.last_tick) {
                    claiming.kept = Some(seal);
                }
                if sure {
                    self.give_up(target, now);
                } else {
                    self.ask_on(target, Some(from), now);
                }
            }
            _ => self.give_up(target, now),
        }
    }

    /// Somebody does not have a key, and says who has, or claims it from there.
    fn follow(&mut self, target: &Target, from: &Name, named: Name, now: Instant) {
        let known = self.present.contains_key(&named);
        let patience = self.soon_limit(&target.component);
        let me = self.me.name().clone();
        let Some(Phase::Claiming(claiming)) = self.phase_mut(target) else { return };
        if !claiming.pointed.contains(from) {
            claiming.pointed.push(from.clone());
        }
        if named == me {
            return self.ask_on(target, None, now);
        }
        if !known {
            // News of that one is on its way.
            let from = from.clone();
            return self.ask_next(target, from, Some(NEWS_PAUSE), now);
        }
        if claiming.pointed.contains(&named) && now < claiming.since + patience {
            // They point at each other: it is on its way from one to the other.
            claiming.follows = claiming.follows.saturating_sub(1);
            return self.ask_next(target, named, Some(WAY_PAUSE), now);
        }
        let denied = claiming.without.iter().position(|name| *name == named);
        let pause = denied.map(|place| {
            // Meanwhile it may have got it.
            claiming.without.swap_remove(place);
            SOON_PAUSE
        });
        self.ask_next(target, named, pause, now);
    }

    /// Somebody does not have a key, and does not know who has. Whoever ranks highest of those that
    /// have said nothing is asked: before many nodes joined at once, it was the owner.
    pub(super) fn ask_on(&mut self, target: &Target, from: Option<&Name>, now: Instant) {
        let Some(Phase::Claiming(claiming)) = self.phase_mut(target) else { return };
        claiming.without.extend(from.cloned());
        let heard: Vec<Name> = claiming.without.iter().chain(&claiming.pointed).cloned().collect();
        if self.ask_offering(target, now) {
            return;
        }
        let silent = self.present.iter().filter(|(name, _)| !heard.contains(name));
        let next = silent.map(|(name, hash)| (rank::score(target.key, *hash), name)).max();
        if let Some((_, next)) = next {
            let next = next.clone();
            return self.ask_next(target, next, None, now);
        }
        // Who named another was asking for it itself, and may have got it meanwhile.
        let present = &self.present;
        let asking = match self.held.get_mut(&target.component).and_then(|k| k.get_mut(&target.key))
        {
            Some(Phase::Claiming(claiming)) => {
                claiming.pointed.retain(|name| present.contains_key(name));
                claiming.pointed.pop()
            }
            _ => None,
        };
        match asking {
            Some(name) => self.ask_next(target, name, Some(WAY_PAUSE), now),
            None => self.give_up(target, now),
        }
    }

    /// The one that was asked has left. It gave everything to somebody before it went, and that may be
    /// one that had nothing when it was asked.
    pub(super) fn ask_after(&mut self, target: &Target, left: &Name, now: Instant) {
        if let Some(Phase::Claiming(claiming)) = self.phase_mut(target) {
            if claiming.gone {
                return self.forget(target);
            }
            claiming.without.clear();
            claiming.pointed.clear();
        }
        self.ask_on(target, Some(left), now);
    }

    /// Asks who offered a key while another was asked for it; whether somebody did. That one says that it
    /// collects the key, so this is not one of the [`FOLLOWS`] attempts to find out who does. Each
    /// offer is worth one question, and after [`Handover::soon_limit`] none any more: who offers what it does not
    /// give for as long as that is broken.
    fn ask_offering(&mut self, target: &Target, now: Instant) -> bool {
        let Some(Phase::Claiming(claiming)) = self.phase(target) else { return false };
        let wanted = claiming.lost.is_none() && !claiming.gone;
        if !wanted || now >= claiming.since + self.soon_limit(&target.component) {
            return false;
        }
        let offered = self.offered.take(target, now, |name| self.present.contains_key(name));
        let Some(name) = offered else { return false };
        self.ask_at(target, name, now);
        self.queue_claim(target);
        true
    }

    /// Nobody has a key, as far as can be found out.
    fn give_up(&mut self, target: &Target, now: Instant) {
        if self.ask_offering(target, now) {
            return;
        }
        self.counters.idle += 1;
        if self.is_settling(now) {
            return self.look_again(target);
        }
        self.start_unasked(target, false, now);
    }

    /// Enough have been asked, and others have not: one of them may collect the key. As soon as it hears
    /// of this node it offers it.
    fn ask_no_more(&mut self, target: &Target, now: Instant) {
        if self.ask_offering(target, now) {
            return;
        }
        let Some(Phase::Claiming(claiming)) = self.phase_mut(target) else { return };
        if std::mem::replace(&mut claiming.waited, true) {
            return self.give_up(target, now);
        }
        self.look_again_at(target, now + OFFERED_WITHIN);
    }

    /// Asks another node, or the same again, at once or after a pause; unless enough have been asked.
    fn ask_next(&mut self, target: &Target, next: Name, pause: Option<Duration>, now: Instant) {
        let Some(Phase::Claiming(claiming)) = self.phase_mut(target) else { return };
        if claiming.follows >= FOLLOWS {
            return self.ask_no_more(target, now);
        }
        claiming.follows += 1;
        let at = now + pause.unwrap_or_default();
        self.ask_at(target, next, at);
        match pause {
            Some(_) => self.arm(target),
            None => self.queue_claim(target),
        }
    }

    /// Another node is to be asked at an instant, or the same again; all its time is ahead of it.
    fn ask_at(&mut self, target: &Target, next: Name, at: Instant) {
        let Some(Phase::Claiming(claiming)) = self.phase_mut(target) else { return };
        claiming.ask = next;
        claiming.tried = false;
        claiming.deadline = at + CLAIM_TIMEOUT;
        claiming.stage = Stage::Paused(at);
        self.counters.followed += 1;
    }

    /// The other node has stopped a key, for this reason; a seal is missing where its collector had none in
    /// time.
    fn take_over(
        &mut self,
        target: &Target,
        from: &Name,
        seal: Option<Seal>,
        theirs: MoveCause,
        now: Instant,
    ) {
        let Some(Phase::Claiming(claiming)) = self.phase(target) else { return };
        let took = now.saturating_duration_since(claiming.since);
        let cause = claiming.cause.given_for(theirs);
        let (lost, gone) = (claiming.lost.clone(), claiming.gone);
        match &seal {
            Some(seal) => {
                self.counters.sealed += 1;
                self.counters.seal_bytes += seal.payload.len() as u64;
            }
            None => self.counters.unsealed += 1,
        }
        let from = Some(from.clone());
        let start = Start { target: target.clone(), seal, overlap: false, from, took, cause };
        match lost.clone() {
            Some(to) if gone => {
                self.forget(target);
                return self.given.insert(start.target, (to, None), start.seal, cause, now);
            }
            None if gone => return self.end(start, now),
            _ => self.start(start),
        }
        if lost.is_some() {
            let yielding = self.yield_to(lost, cause, now);
            self.set(target, yielding);
        }
    }
}
