//! Where each key stands, and when it has to be looked at.

use std::time::{Duration, Instant};

use super::limits::{SEAL_MARGIN, SEAL_TIMEOUT, SOON_LIMIT};
use super::phase::Phase;
use super::{Handover, Target};
use crate::ComponentId;

impl Handover {
    /// How long a collector may take to stop and seal a target of a component.
    pub(super) fn seal_timeout(&self, component: &ComponentId) -> Duration {
        self.busy.get(component).map_or(SEAL_TIMEOUT, |busy| *busy + SEAL_MARGIN)
    }

    /// How long a claimant follows a node that seals a target of a component.
    pub(super) fn soon_limit(&self, component: &ComponentId) -> Duration {
        SOON_LIMIT.max(self.seal_timeout(component) + SEAL_MARGIN)
    }

    pub(super) fn phase(&self, target: &Target) -> Option<&Phase> {
        self.held.get(&target.component)?.get(&target.key)
    }

    pub(super) fn phase_mut(&mut self, target: &Target) -> Option<&mut Phase> {
        self.version += 1;
        self.held.get_mut(&target.component)?.get_mut(&target.key)
    }

    pub(super) fn set(&mut self, target: &Target, phase: Phase) {
        self.version += 1;
        if let Some(due) = phase.due() {
            self.timers.insert((due, target.clone()));
        }
        self.held.entry(target.component.clone()).or_default().insert(target.key, phase);
    }

    /// Notes when a key has to be looked at, after its phase was changed in place.
    pub(super) fn arm(&mut self, target: &Target) {
        if let Some(due) = self.phase(target).and_then(Phase::due) {
            self.timers.insert((due, target.clone()));
        }
    }

    pub(super) fn forget(&mut self, target: &Target) {
        self.version += 1;
        if let Some(keys) = self.held.get_mut(&target.component) {
            keys.remove(&target.key);
            if keys.is_empty() {
                self.held.remove(&target.component);
            }
        }
    }

    pub(super) fn pop_timer(&mut self, now: Instant) -> Option<(Instant, Target)> {
        self.timers.first().filter(|(at, _)| *at <= now)?;
        self.timers.pop_first()
    }
}
