//! Who offered what to this node before it could claim it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use membership::Name;

use super::Target;
use super::limits::{GIVEN_KEYS, OFFERED_FOR};

/// Offers that came too early, before discovery had found the target or while another node was asked for
/// it: the key is claimed from there then, instead of being looked for. Bounded in time and number; what is forgotten too early costs a search.
#[derive(Debug, Default)]
pub(super) struct Offered {
    by: BTreeMap<Target, Name>,
    order: VecDeque<(Instant, Target)>,
}

impl Offered {
    pub(super) fn insert(&mut self, target: Target, by: Name, now: Instant) {
        self.expire(now);
        if self.order.len() < GIVEN_KEYS {
            self.order.push_back((now + OFFERED_FOR, target.clone()));
            self.by.insert(target, by);
        }
    }

    pub(super) fn take(&mut self, target: &Target) -> Option<Name> {
        self.by.remove(target)
    }

    fn expire(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            // An offer that was repeated is forgotten a little early.
            if let Some((_, target)) = self.order.pop_front() {
                self.by.remove(&target);
            }
        }
    }
}
