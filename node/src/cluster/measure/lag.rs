//! The longest within the last minute. It is the same for whoever asks, and however often.

use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// What is forgotten at one time.
const SLOT: Duration = Duration::from_secs(10);

/// One more than a minute has, because the latest is not over yet.
const SLOTS: usize = 7;

/// The largest of the durations that were noted within the last 60 to 70 seconds.
#[derive(Debug, Default)]
pub(super) struct Lag {
    /// When the first was noted.
    began: Option<Instant>,
    slots: [Slot; SLOTS],
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Which of all the slots since the beginning.
    number: u64,
    longest: Duration,
}

impl Lag {
    pub(super) fn note(&mut self, lag: Duration, now: Instant) {
        self.began.get_or_insert(now);
        let number = self.number(now);
        let slot = &mut self.slots[(number % SLOTS as u64) as usize];
        if slot.number != number {
            *slot = Slot { number, longest: Duration::ZERO };
        }
        slot.longest = slot.longest.max(lag);
    }

    pub(super) fn longest(&self, now: Instant) -> Duration {
        let number = self.number(now);
        let recent = self.slots.iter().filter(|slot| number < slot.number + SLOTS as u64);
        recent.map(|slot| slot.longest).max().unwrap_or_default()
    }

    fn number(&self, now: Instant) -> u64 {
        let began = self.began.unwrap_or(now);
        now.saturating_duration_since(began).as_secs() / SLOT.as_secs()
    }
}
