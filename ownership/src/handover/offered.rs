//! Who offered what to this node before it could claim it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use membership::Name;

use super::Target;
use super::limits::{GIVEN_KEYS, OFFERED_FOR};

/// Offers that came too early, before discovery had found the target or while another node was asked for
/// it: the key is claimed from there then, instead of being looked for. Bounded in time and number; what is
/// forgotten too early costs a search.
#[derive(Debug, Default)]
pub(super) struct Offered {
    /// By whom, and until when that is remembered.
    by: BTreeMap<Target, (Name, Instant)>,
    order: VecDeque<(Instant, Target)>,
}

impl Offered {
    pub(super) fn insert(&mut self, target: Target, by: Name, now: Instant) {
        self.expire(now);
        if self.order.len() < GIVEN_KEYS {
            let until = now + OFFERED_FOR;
            self.order.push_back((until, target.clone()));
            self.by.insert(target, (by, until));
        }
    }

    /// Who offered a target, once, unless that was long ago. An offer may come before the news of who makes
    /// it: it is kept until that one `is_known`.
    pub(super) fn take(
        &mut self,
        target: &Target,
        now: Instant,
        is_known: impl FnOnce(&Name) -> bool,
    ) -> Option<Name> {
        let (by, until) = self.by.get(target)?;
        if now < *until && !is_known(by) {
            return None;
        }
        let (by, until) = self.by.remove(target)?;
        (now < until).then_some(by)
    }

    fn expire(&mut self, now: Instant) {
        while let Some((until, target)) = self.order.front().filter(|(until, _)| *until <= now) {
            // An offer that was repeated since is remembered for longer.
            if self.by.get(target).is_some_and(|(_, last)| last == until) {
                self.by.remove(target);
            }
            self.order.pop_front();
        }
    }
}
