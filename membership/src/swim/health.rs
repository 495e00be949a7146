//! How far this node trusts itself.
//!
//! Lifeguard's local health multiplier: whoever finds that its own probes fail, or that others
//! suspect it, is more likely to be slow itself than surrounded by the dead. It then gives everybody
//! more time.
//!
//! The paper's third sign, indirect probes that not even a negative answer comes back from, has no
//! counterpart here, since nobody sends negative answers. What it tells is told by silence: when a
//! probe fails and nobody at all was heard from since it began, neither those asked to probe instead,
//! it counts twice.

use std::time::Duration;

#[cfg(test)]
mod tests;

/// The worst score, as the paper has it: everything takes nine times as long.
pub(super) const WORST: u8 = 8;

#[derive(Debug)]
pub(super) struct Health {
    enabled: bool,
    score: u8,
}

impl Health {
    pub(super) fn new(enabled: bool) -> Self {
        Self { enabled, score: 0 }
    }

    /// 0 (well) to [`WORST`].
    pub(super) fn score(&self) -> u8 {
        self.score
    }

    pub(super) fn probe_answered(&mut self) {
        self.score = self.score.saturating_sub(1);
    }

    /// `deaf`: nobody was heard from since the probe began.
    pub(super) fn probe_failed(&mut self, deaf: bool) {
        self.worsen(1 + u8::from(deaf));
    }

    /// Others took this node for dead, and it had to contradict.
    pub(super) fn refuted(&mut self) {
        self.worsen(1);
    }

    fn worsen(&mut self, by: u8) {
        if self.enabled {
            self.score = (self.score + by).min(WORST);
        }
    }

    /// `time`, as long as this node needs for it in its present state.
    pub(super) fn stretch(&self, time: Duration) -> Duration {
        time * (u32::from(self.score) + 1)
    }
}
