//! What this node's discovery lost lately.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::limits::{DROPPED_FOR, DROPPED_KEYS};
use crate::Key;
use crate::handover::Target;

/// Targets that were known and are not any more. Bounded in number and in time.
#[derive(Debug, Clone, Default)]
pub(super) struct Dropped {
    at: BTreeMap<Target, Instant>,
    order: VecDeque<(Instant, Target)>,
}

impl Dropped {
    pub(super) fn insert(&mut self, target: Target, now: Instant) {
        self.order.push_back((now, target.clone()));
        self.at.insert(target, now);
        self.expire(now);
    }

    pub(super) fn remove(&mut self, target: &Target) {
        self.at.remove(target);
    }

    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((at, target)) = self.order.front() {
            let stale = self.at.get(target) != Some(at);
            let old = now.saturating_duration_since(*at) > DROPPED_FOR;
            if !stale && !old && self.order.len() <= DROPPED_KEYS {
                break;
            }
            if !stale {
                self.at.remove(target);
            }
            self.order.pop_front();
        }
    }

    /// Those of one component between two keys, both included, in order.
    pub(super) fn between(&self, first: Target, last: Target) -> impl Iterator<Item = Key> {
        self.at.range(first..=last).map(|(target, _)| target.key)
    }
}
