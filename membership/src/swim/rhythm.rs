//! When to gossip: at once when there is news, then a few times in quick succession, then at leisure
//! until everything has been passed on often enough.

use std::time::{Duration, Instant};

/// How often this node gossips while there is something to pass on.
const INTERVAL: Duration = Duration::from_millis(200);

/// How soon after the last time it gossips while the news is fresh, and how many rounds that lasts:
/// news of a death has a few legs to go, and whoever the first wave misses is to get it from the next.
const EAGER_INTERVAL: Duration = Duration::from_millis(50);
const EAGER_ROUNDS: u8 = 4;

/// How many times in a row it may gossip at once.
const BURST: u32 = 4;

#[derive(Debug)]
pub(super) struct Rhythm {
    last: Instant,
    /// When a burst is complete again.
    spent_until: Instant,
    /// How many rounds are still to be eager.
    eager: u8,
    /// Whether something has come up since the last round.
    fresh: bool,
    next: Option<Instant>,
}

impl Rhythm {
    pub(super) fn new(now: Instant) -> Self {
        Self { last: now, spent_until: now, eager: 0, fresh: false, next: None }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Something has come up that others do not know yet.
    pub(super) fn news(&mut self) {
        self.fresh = true;
        self.eager = EAGER_ROUNDS;
    }

    /// There is nothing to pass on, or nobody to pass it on to.
    pub(super) fn stop(&mut self) {
        self.next = None;
        self.eager = 0;
        self.fresh = false;
    }

    /// There is something to pass on.
    pub(super) fn wait(&mut self, now: Instant) {
        let after = if self.eager > 0 { EAGER_INTERVAL } else { INTERVAL };
        let mut wanted = self.last + after;
        if self.fresh {
            let burst = EAGER_INTERVAL * (BURST - 1);
            let credit = self.spent_until.checked_sub(burst).unwrap_or(now);
            wanted = wanted.min(credit);
        }
        let wanted = wanted.max(now);
        self.next = Some(self.next.map_or(wanted, |next| next.min(wanted)));
    }

    /// A round was made.
    pub(super) fn gossiped(&mut self, now: Instant) {
        self.last = now;
        self.spent_until = self.spent_until.max(now) + EAGER_INTERVAL;
        self.eager = self.eager.saturating_sub(1);
        self.fresh = false;
        self.next = None;
    }
}
