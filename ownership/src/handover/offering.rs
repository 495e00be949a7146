//! Keys that are another's, and that nobody claims: they are offered to their owner.

use std::time::{Duration, Instant};

use membership::Name;

use super::asking::Matter;
use super::limits::{OFFER_EVERY, OFFER_UNKNOWN};
use super::phase::{Phase, Stage, Yielding};
use super::wire::Outcome;
use super::{Handover, StopReason, Target};
use crate::{Key, NodeHash};

impl Handover {
    /// A key has gone unclaimed for a while.
    pub(super) fn offer_due(&mut self, target: &Target) {
        let Some(Phase::Yielding(yielding)) = self.phase_mut(target) else { return };
        let Some(to) = yielding.to.clone() else { return };
        yielding.stage = Stage::Queued;
        self.counters.offered += 1;
        self.queues.entry((to, Matter::Offer)).or_default().insert(target.clone());
    }

    fn yielding(&mut self, id: u64, target: &Target) -> Option<&mut Yielding> {
        match self.phase_mut(target)? {
            Phase::Yielding(yielding) if yielding.stage == Stage::Asked(id) => Some(yielding),
            _ => None,
        }
    }

    /// What the owner of a key said to its offer.
    pub(super) fn take_standing(
        &mut self,
        id: u64,
        from: &Name,
        target: &Target,
        outcome: &Outcome,
        now: Instant,
    ) {
        let pause = self.jitter(from, OFFER_EVERY);
        let Some(yielding) = self.yielding(id, target) else { return };
        let cause = yielding.cause;
        match outcome {
            Outcome::Mine => {
                self.counters.doubled += 1;
                self.forget(target);
                self.given.let_go(target, now);
                self.stop(target, StopReason::Moved { to: from.clone() }, false, cause);
            }
            Outcome::Unknown => {
                yielding.unknown = true;
                yielding.stage = Stage::Paused(now + OFFER_UNKNOWN);
                self.counters.unknown += 1;
                self.arm(target);
            }
            _ => {
                yielding.unknown = false;
                yielding.stage = Stage::Paused(now + pause);
                self.arm(target);
            }
        }
    }

    /// An offer could not be delivered.
    pub(super) fn put_offer_off(&mut self, id: u64, target: &Target, now: Instant) {
        let Some(to) = self.yielding(id, target).and_then(|yielding| yielding.to.clone()) else {
            return;
        };
        let pause = self.jitter(&to, OFFER_EVERY);
        if let Some(yielding) = self.yielding(id, target) {
            yielding.stage = Stage::Paused(now + pause);
            self.arm(target);
        }
    }

    /// A pause and up to a quarter more, the same for all keys between two nodes, so that these
    /// travel together.
    fn jitter(&self, to: &Name, pause: Duration) -> Duration {
        let spread = self.me.score(Key::from(NodeHash::new(to).hash())) % 256;
        pause + pause.mul_f64(spread as f64 / 1024.0)
    }
}
