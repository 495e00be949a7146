//! What a move cost: the time without a tick.

use std::num::NonZeroU64;

use model::tick;
use ownership::Key;

use super::question::Recorded;

#[cfg(test)]
mod tests;

/// For how long a target had no tick when it changed hands: ticks missed times the interval, in
/// milliseconds, so that a move that misses none has a gap of 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The node before said what its last tick was, and that it stopped: the ticks between that and the
    /// first that was collected here. Whether a scrape failed is in `up`, not here.
    Measured(u64),
    /// It could not, be it dead or out of reach: no more than this, if it collected the target for as long
    /// as it was heard from. Where it had the target from another that died just before, it may be more.
    AtMost(u64),
    /// Nothing was collected here so far: it is known with the first tick.
    Open,
}

impl Gap {
    /// The gap before a start of a target with this key and interval; `None` of a stop,
    /// where nobody collected it before, and where nothing is known of who did.
    ///
    /// Of a node that is out of reach, what is sure is that it lived when it was last heard from. The
    /// tick before that may have been under way still, since a scrape takes up to an interval; the one
    /// before it was collected.
    pub fn of(record: &Recorded, key: Key, interval: NonZeroU64) -> Option<Self> {
        if record.action != "start" {
            return None;
        }
        let (key, interval) = (key.as_u64(), interval.get());
        let step = i64::try_from(interval).ok()?;
        // A seal of a target that was never collected says 0.
        let last_tick = record.last_tick.filter(|last| *last > 0);
        let sure = last_tick.is_some() && !record.overlap;
        let alive = record.last_heard.map(|heard| tick::last(key, interval, heard - step));
        let collected = last_tick.max(alive)?;
        let Some(first_tick) = record.first_tick else { return Some(Self::Open) };
        let missed = tick::missed_between(collected, first_tick, interval);
        let gap = u64::try_from(missed).ok()?.checked_mul(interval)?;
        Some(if sure { Self::Measured(gap) } else { Self::AtMost(gap) })
    }

    /// The gap in seconds, where it was measured.
    pub fn measured_seconds(self) -> Option<f64> {
        match self {
            Self::Measured(gap) => Some(gap as f64 / 1e3),
            Self::AtMost(_) | Self::Open => None,
        }
    }

    /// What it was at most, in seconds, where that is all that is known.
    pub fn at_most_seconds(self) -> Option<f64> {
        match self {
            Self::Measured(_) | Self::Open => None,
            Self::AtMost(gap) => Some(gap as f64 / 1e3),
        }
    }
}
