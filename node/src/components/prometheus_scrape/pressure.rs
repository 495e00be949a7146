//! Whether this node keeps up with its targets.

use std::collections::VecDeque;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// How often a scraper's counts are looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Looks that are judged together: those of the last minute.
const LOOKS: usize = 4;

/// One tick in so many may be overdue: less is a busy moment.
const TOLERATED: u64 = 20;

/// So many of the last minute, at least: one slow tick of a single target is no overload.
const LEAST: u64 = 3;

/// The counts of the last looks.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    looks: VecDeque<Counted>,
}

/// What has been counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Ticks that this node began too late, or not at all.
    pub overdue: u64,
    /// Those of them that passed while the destination did not take the samples before.
    pub held: u64,
    /// Scrapes, whatever came of them.
    pub scrapes: u64,
}

impl Pressure {
    /// Takes the counts of one more look; what is wrong, in words, if this node does not keep up.
    pub(super) fn look(&mut self, counted: Counted) -> Option<String> {
        let before = self.looks.front().copied().unwrap_or_default();
        self.looks.push_back(counted);
        if self.looks.len() > LOOKS {
            self.looks.pop_front();
        }
        let overdue = counted.overdue.saturating_sub(before.overdue);
        let held = counted.held.saturating_sub(before.held);
        let scrapes = counted.scrapes.saturating_sub(before.scrapes);
        let overloaded = overdue >= LEAST && overdue * TOLERATED > scrapes;
        overloaded.then(|| {
            let why = if held * 2 > overdue {
                "most waited for the destination to take the samples before: what the component \
                 forwards to is slow, or this node needs more CPU"
            } else {
                "most waited for their turn: add nodes, or give this one more CPU"
            };
            format!(
                "overloaded: {overdue} scrapes of the last minute began later than a tenth of their \
                 interval, or not at all, beside {scrapes} in all; {why}"
            )
        })
    }
}
