//! Standing in for an owner that does not know a target: its discovery is behind, or its
//! configuration differs.
//!
//! A covered key is one that this node yields to its owner from the start. So all that holds for
//! yielding holds for it: it is offered now and then, and goes over as soon as the owner claims it.

use std::time::{Duration, Instant};

use membership::Name;

use super::limits::OFFER_UNKNOWN;
use super::phase::{Claiming, Phase, Stage, Yielding};
use super::{Handover, MoveCause, Start, StopReason, Target};

impl Handover {
    /// Collects a key that is `owner`'s, which does not, unless this node is concerned with it
    /// already. `holder` is who covers it so far, and is asked for it first; with `overlap` the owner
    /// might collect it after all.
    pub fn cover(
        &mut self,
        target: &Target,
        owner: &Name,
        holder: Option<&Name>,
        overlap: bool,
        now: Instant,
    ) {
        if self.phase(target).is_some() {
            return;
        }
        self.counters.covered += 1;
        let holder = holder.filter(|name| self.present.contains_key(*name));
        if let Some(holder) = holder {
            let mut claiming = Claiming::new(holder.clone(), MoveCause::Covered, now);
            claiming.lost = Some(owner.clone());
            self.set(target, Phase::Claiming(Box::new(claiming)));
            return self.queue_claim(target);
        }
        let start = Start {
            target: target.clone(),
            seal: None,
            overlap,
            from: None,
            took: Duration::ZERO,
            cause: MoveCause::Covered,
        };
        self.start(start);
        let mut yielding = Yielding::new(Some(owner.clone()), MoveCause::Covered, now);
        yielding.unknown = !overlap;
        yielding.stage = Stage::Paused(now + OFFER_UNKNOWN);
        self.set(target, Phase::Yielding(Box::new(yielding)));
    }

    /// `to`, which ranks higher, collects a key too that this node only yields: one of them is enough.
    /// Whether this node stopped.
    pub fn relinquish(&mut self, target: &Target, to: &Name, now: Instant) -> bool {
        let Some(Phase::Yielding(yielding)) = self.phase(target) else { return false };
        let cause = yielding.cause;
        if !self.outranks_me(to, target.key) {
            return false;
        }
        self.counters.doubled += 1;
        self.forget(target);
        self.given.let_go(target, now);
        self.stop(target, StopReason::Moved { to: to.clone() }, false, cause);
        true
    }
}
