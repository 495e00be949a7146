//! Log lines about a condition that lasts: one a minute.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// How often the same complaint is repeated, in milliseconds.
const EVERY_MS: i64 = 60_000;

/// Lets one line through a minute and counts the others.
#[derive(Debug)]
pub(crate) struct Throttle {
    next_ms: AtomicI64,
    kept_back: AtomicU64,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { next_ms: AtomicI64::new(i64::MIN), kept_back: AtomicU64::new(0) }
    }
}

impl Throttle {
    /// Whether to write a line now; if so, how many were kept back since the last one.
    pub(crate) fn allows(&self, now_ms: i64) -> Option<u64> {
        let next = self.next_ms.load(Relaxed);
        let after = now_ms.saturating_add(EVERY_MS);
        // A clock that was set back must not silence the line for longer than a minute.
        let due = now_ms >= next || next > after;
        if due && self.next_ms.compare_exchange(next, after, Relaxed, Relaxed).is_ok() {
            return Some(self.kept_back.swap(0, Relaxed));
        }
        self.kept_back.fetch_add(1, Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_says_how_many_were_kept_back() {
        let throttle = Throttle::default();
        assert_eq!(throttle.allows(0), Some(0));
        assert_eq!(throttle.allows(1), None);
        assert_eq!(throttle.allows(59_999), None);
        assert_eq!(throttle.allows(60_000), Some(2));
        assert_eq!(throttle.allows(-60_001), Some(0), "the clock was set back");
    }
}
