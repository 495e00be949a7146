//! How many nodes it takes before anybody starts anything.

use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// `--cluster.wait-for-size` and `--cluster.wait-timeout`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GateConfig {
    /// The least number of nodes that take part or are leaving, this one included; 0 and 1 mean no
    /// waiting.
    pub wait_for_size: usize,
    /// How long to wait for them; zero means for ever. Counted anew each time they become too few.
    pub wait_timeout: Duration,
}

/// Whether new targets may be started. While it is closed nobody starts anything new, and what
/// runs keeps running: with too few nodes to share the load, taking over the load of others
/// is what brings down the next one.
#[derive(Debug)]
pub struct Gate {
    config: GateConfig,
    enough: bool,
    /// When waiting ends.
    deadline: Option<Instant>,
    /// Waiting was in vain.
    expired: bool,
}

impl Gate {
    pub(super) fn new(config: GateConfig, now: Instant) -> Self {
        let mut gate = Self { config, enough: true, deadline: None, expired: false };
        gate.update(0, now);
        gate
    }

    /// Takes over how many nodes there are; whether the gate has changed.
    pub(super) fn update(&mut self, nodes: usize, now: Instant) -> bool {
        let before = self.is_open();
        let enough = self.config.wait_for_size <= 1 || nodes >= self.config.wait_for_size;
        if enough {
            self.deadline = None;
            self.expired = false;
        } else if self.enough && !self.config.wait_timeout.is_zero() {
            self.deadline = Some(now + self.config.wait_timeout);
        }
        self.enough = enough;
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.deadline = None;
            self.expired = true;
        }
        self.is_open() != before
    }

    /// Whether new targets may be started.
    pub fn is_open(&self) -> bool {
        self.enough || self.expired
    }

    /// Whether it is open although there are too few nodes: waiting was in vain.
    pub fn is_expired(&self) -> bool {
        self.expired
    }

    /// When waiting ends, while it has an end.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The least number of nodes, as configured.
    pub fn wait_for_size(&self) -> usize {
        self.config.wait_for_size
    }
}
