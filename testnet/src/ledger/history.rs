//! What was stored of one series.

use model::is_stale;

/// The ticks of one series, oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    ticks: Vec<Stored>,
    /// The newest tick ever, even when its record is gone.
    newest: Option<(i64, f64)>,
    /// Ticks older than this have been forgotten, though counted.
    forgotten_before: Option<i64>,
}

/// One tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stored {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// The value that was stored first.
    pub value: f64,
    /// How often it was stored.
    pub times: u16,
    /// Which nodes stored it, one bit for each.
    pub by: u64,
}

/// What storing one more sample meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Effect {
    /// The tick was stored before.
    pub(super) double: bool,
    /// It was stored before with another value.
    pub(super) conflict: bool,
    /// It is older than the newest, and new.
    pub(super) late: bool,
    /// By how much the number of missing ticks changed.
    pub(super) missing: i64,
}

impl History {
    /// The newest tick and its value.
    pub(super) fn newest(&self) -> Option<(i64, f64)> {
        self.newest
    }

    /// Whether a sample is stored of the tick at this instant: one that is less than an interval
    /// away, since a late one bears its own time.
    pub(super) fn has(&self, at: i64, interval: i64) -> bool {
        let first = self.ticks.partition_point(|tick| tick.at <= at - interval);
        self.ticks.get(first).is_some_and(|tick| tick.at < at + interval)
    }

    pub(super) fn ticks(&self) -> &[Stored] {
        &self.ticks
    }

    /// The ticks before this instant are forgotten, if any are.
    pub(super) fn forgotten_before(&self) -> Option<i64> {
        self.forgotten_before
    }

    /// Stores a sample of the node with this bit. `interval` is in milliseconds; `keep` is how
    /// many ticks are remembered.
    pub(super) fn store(
        &mut self,
        at: i64,
        value: f64,
        by: u64,
        interval: i64,
        keep: usize,
    ) -> Effect {
        let effect = self.effect(at, value, by, interval);
        if self.newest.is_none_or(|(newest, _)| newest <= at) {
            self.newest = Some((at, value));
        }
        if self.ticks.len() > keep.max(2) {
            let gone = self.ticks.len() / 2;
            self.ticks.drain(..gone);
            self.forgotten_before = Some(self.ticks[0].at);
        }
        effect
    }

    fn effect(&mut self, at: i64, value: f64, by: u64, interval: i64) -> Effect {
        // Nearly always it comes behind the last.
        let place = match self.ticks.last() {
            Some(last) if last.at < at => Err(self.ticks.len()),
            _ => self.ticks.binary_search_by_key(&at, |tick| tick.at),
        };
        match place {
            Ok(index) => {
                let tick = &mut self.ticks[index];
                let conflict = tick.value.to_bits() != value.to_bits();
                tick.times = tick.times.saturating_add(1);
                tick.by |= by;
                Effect { double: true, conflict, ..Effect::default() }
            }
            // What is forgotten cannot be told from what was missing.
            Err(0) if self.forgotten_before.is_some_and(|before| at < before) => {
                Effect { late: true, ..Effect::default() }
            }
            Err(index) => {
                let before = index.checked_sub(1).and_then(|before| self.ticks.get(before));
                let after = self.ticks.get(index);
                let tick = Stored { at, value, times: 1, by };
                let late = self.newest.is_some_and(|(newest, _)| at < newest);
                let missing = missing(before, Some(&tick), interval)
                    + missing(Some(&tick), after, interval)
                    - missing(before, after, interval);
                self.ticks.insert(index, tick);
                Effect { late, missing, ..Effect::default() }
            }
        }
    }

    /// Ticks that are missing between two.
    pub(super) fn missing_between(before: &Stored, after: &Stored, interval: i64) -> u64 {
        missing(Some(before), Some(after), interval).unsigned_abs()
    }

    /// Ticks that are missing at the end, if the series should have gone on until then.
    pub(super) fn missing_until(&self, until: i64, interval: i64) -> i64 {
        let end = Stored { at: until, value: 0.0, times: 0, by: 0 };
        missing(self.ticks.last(), Some(&end), interval)
    }
}

/// Ticks that should have been between two, unless the series ended with the first.
fn missing(before: Option<&Stored>, after: Option<&Stored>, interval: i64) -> i64 {
    match (before, after) {
        (Some(before), Some(after)) if !is_stale(before.value) => {
            // To the nearest: a late sample bears its true time.
            ((after.at - before.at + interval / 2) / interval - 1).max(0)
        }
        _ => 0,
    }
}
