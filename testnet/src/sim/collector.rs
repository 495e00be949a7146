//! The metrics collector of one node, as far as ticks go.
//!
//! It follows the rules of the real one, which are pure and the same code: [`model::tick`] says with
//! which tick a new owner begins, and whether one is at hand that is collected before a target is
//! given away. What it does between a start and a stop follows from these two, so nothing happens at
//! a tick: 10,000 targets cost no more than their moves.

use std::collections::BTreeMap;
use std::time::Duration;

use membership::Name;
use model::tick;
use ownership::{ComponentId, Key};

#[cfg(test)]
mod tests;

/// How long after a scrape its samples are in the durable log, in milliseconds: until then a crash
/// loses them.
pub(super) const UNSEALED: i64 = delivery::QueueConfig::MAX_UNSEALED.as_millis() as i64;

/// Why a target was collected on a node no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// That node collects it.
    Moved(Name),
    /// Nobody was named: this node takes part no more.
    Unowned,
    /// It is not announced any more, and its series were ended.
    Gone,
    /// The process ended as it was asked to.
    Shutdown,
    /// The process was killed.
    Crashed,
    /// It was not: the world ended.
    Open,
}

/// What one node collected of one target, without a break.
#[derive(Debug, Clone)]
pub struct Hold {
    /// Where.
    pub host: usize,
    /// From when, in true time.
    pub since: Duration,
    /// Until when.
    pub until: Duration,
    /// Who collected it before, as far as the node was told.
    pub from: Option<Name>,
    /// The last tick of the owner before, if it left a seal.
    pub sealed: Option<i64>,
    /// Whether the node was told that another may go on collecting it.
    pub overlap: bool,
    /// The first and the last tick that it stored, in milliseconds since the Unix epoch; all between them
    /// were stored, too.
    pub ticks: Option<(i64, i64)>,
    /// Whether the first of them was made up for so late that it bears the time at which it was collected.
    pub late: bool,
    /// Why it ended.
    pub end: End,
}

/// A target that is to be collected.
#[derive(Debug, Clone)]
pub(super) struct Takeover {
    pub component: ComponentId,
    pub key: Key,
    pub sealed: Option<i64>,
    pub overlap: bool,
    pub from: Option<Name>,
}

/// Everything that one process collects.
#[derive(Debug, Default)]
pub(super) struct Collector {
    /// Milliseconds.
    interval: u64,
    runs: BTreeMap<Key, Run>,
}

/// A target that is collected.
#[derive(Debug)]
struct Run {
    takeover: Takeover,
    since: Duration,
    /// The first tick here.
    first: i64,
    /// When it is collected: at that tick, or a little later when it was made up for.
    begins: i64,
    stop: Option<Stop>,
    /// What to do when the stop is done.
    restart: Option<Takeover>,
}

#[derive(Debug)]
struct Stop {
    end: End,
    /// The last tick that is collected.
    last: i64,
    /// Whether a seal is wanted.
    seal: bool,
}

/// A target that has stopped.
#[derive(Debug)]
pub(super) struct Stopped {
    pub component: ComponentId,
    pub hold: Hold,
    /// The tick for the seal, if one is wanted: 0 when nobody has collected any.
    pub seal: Option<i64>,
    pub restart: Option<Takeover>,
}

/// One instant: the truth, and the node's wall clock in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub now: Duration,
    pub clock: i64,
}

impl Collector {
    pub(super) fn new(interval: Duration) -> Self {
        let interval = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
        Self { interval, runs: BTreeMap::new() }
    }

    /// Collects a target from now on, or as soon as it has stopped.
    pub(super) fn start(&mut self, takeover: Takeover, at: Moment) {
        let key = takeover.key;
        match self.runs.get_mut(&key) {
            Some(run) if run.stop.is_some() => run.restart = Some(takeover),
            Some(_) => {}
            None => {
                let last = takeover.sealed.unwrap_or_default();
                let sure = takeover.sealed.is_some() && !takeover.overlap;
                let first = tick::first(key.as_u64(), self.interval, at.clock, last, sure);
                let begins = first.max(at.clock);
                let run = Run { takeover, since: at.now, first, begins, stop: None, restart: None };
                self.runs.insert(key, run);
            }
        }
    }

    /// Stops a target; on which clock it has stopped, unless that was known before.
    pub(super) fn stop(&mut self, key: Key, end: End, seal: bool, at: Moment) -> Option<i64> {
        let interval = self.interval;
        let run = self.runs.get_mut(&key)?;
        run.restart = None;
        if let Some(stop) = &mut run.stop {
            if end == End::Gone {
                stop.end = end;
            }
            return None;
        }
        let takes = duration(key, interval);
        let last = run.begun(interval, at.clock);
        let next = last.map_or(run.first, |last| last + step(interval));
        let under_way = last.map(|last| run.done(last, takes)).filter(|done| *done > at.clock);
        let given_away = seal && matches!(end, End::Moved(_));
        let (last, done) = match under_way {
            Some(done) => (last, done),
            None if given_away && tick::is_at_hand(next, interval, at.clock) => {
                (Some(next), run.done(next, takes))
            }
            None => (last, at.clock),
        };
        let last = last.unwrap_or_default();
        run.stop = Some(Stop { end, last, seal });
        Some(done)
    }

    /// Takes a target that has stopped.
    pub(super) fn finish(&mut self, host: usize, key: Key, now: Duration) -> Option<Stopped> {
        let run = self.runs.remove(&key)?;
        let late = run.is_late(self.interval);
        let Run { takeover, since, first, stop, restart, .. } = run;
        let Stop { end, last, seal } = stop?;
        let Takeover { component, sealed, overlap, from, .. } = takeover;
        let ticks = (last >= first).then_some((first, last));
        // Who has collected nothing hands on what it was given, as far as that can be relied on.
        let given = sealed.unwrap_or_default();
        let given = tick::before_first(first, self.interval, given, !overlap);
        let left = ticks.map_or(given, |(_, last)| last);
        let hold = Hold { host, since, until: now, from, sealed, overlap, ticks, late, end };
        Some(Stopped { component, hold, seal: seal.then_some(left), restart })
    }

    /// The process ends, `abruptly` or when all has stopped: what it collected.
    pub(super) fn end(&mut self, host: usize, end: &End, at: Moment) -> Vec<(Key, Hold)> {
        let interval = self.interval;
        let runs = std::mem::take(&mut self.runs);
        let hold = |(key, run): (Key, Run)| {
            let clock = if *end == End::Crashed { at.clock - UNSEALED } else { at.clock };
            let mut last = run.stored(interval, clock);
            if let Some(stop) = &run.stop {
                last = last.map(|last| last.min(stop.last));
            }
            let ticks = last.filter(|last| *last >= run.first).map(|last| (run.first, last));
            let late = run.is_late(interval);
            let Takeover { sealed, overlap, from, .. } = run.takeover;
            let (since, until, end) = (run.since, at.now, end.clone());
            (key, Hold { host, since, until, from, sealed, overlap, ticks, late, end })
        };
        runs.into_iter().map(hold).collect()
    }

    /// The wall clock was set: what runs goes on with the first tick of the new time, as if it had been
    /// handed over with the last of the old one. What is stopping goes on by the monotonic clock.
    pub(super) fn follow_clock(&mut self, before: Moment, after: Moment) {
        let interval = self.interval;
        for (key, run) in self.runs.iter_mut().filter(|(_, run)| run.stop.is_none()) {
            if let Some(last) = run.begun(interval, before.clock) {
                run.takeover.sealed = Some(last);
            }
            let last = run.takeover.sealed.unwrap_or_default();
            let after = tick::after(after.clock, last, interval);
            run.first = tick::next(key.as_u64(), interval, after);
            run.begins = run.first;
        }
    }

    /// How far each is that runs: its last tick that was collected here and stored, by component.
    pub(super) fn positions(&self, at: Moment) -> BTreeMap<ComponentId, Vec<(Key, i64)>> {
        let mut positions: BTreeMap<ComponentId, Vec<(Key, i64)>> = BTreeMap::new();
        for (key, run) in self.runs.iter().filter(|(_, run)| run.stop.is_none()) {
            if let Some(last) = run.stored(self.interval, at.clock - UNSEALED) {
                let component = run.takeover.component.clone();
                positions.entry(component).or_default().push((*key, last));
            }
        }
        positions
    }

    /// What runs, without those that are stopping.
    pub(super) fn running(&self) -> Vec<Key> {
        self.runs.iter().filter(|(_, run)| run.stop.is_none()).map(|(key, _)| *key).collect()
    }
}

impl Run {
    /// The last tick of which the scrape has begun.
    fn begun(&self, interval: u64, clock: i64) -> Option<i64> {
        if clock < self.begins {
            return None;
        }
        Some(tick::last(self.takeover.key.as_u64(), interval, clock).max(self.first))
    }

    /// The last tick of which the scrape was done by then.
    fn stored(&self, interval: u64, clock: i64) -> Option<i64> {
        let takes = duration(self.takeover.key, interval);
        let mut last = self.begun(interval, clock);
        while let Some(tick) = last.filter(|tick| self.done(*tick, takes) > clock) {
            last = Some(tick - step(interval)).filter(|tick| *tick >= self.first);
        }
        last
    }

    /// Whether the first tick bears another time than its own.
    fn is_late(&self, interval: u64) -> bool {
        self.begins - self.first > step(interval) / 10
    }

    /// When the scrape of a tick is done.
    fn done(&self, tick: i64, takes: i64) -> i64 {
        if tick == self.first { self.begins + takes } else { tick + takes }
    }
}

fn step(interval: u64) -> i64 {
    i64::try_from(interval).unwrap_or(i64::MAX)
}

/// How long the scrapes of a target take, in milliseconds: milliseconds mostly, and a fifth of the
/// interval for every fiftieth, whose page is long.
pub(super) fn duration(key: Key, interval: u64) -> i64 {
    let draw = key.as_u64() >> 16;
    if draw.is_multiple_of(50) { step(interval) / 5 } else { 2 + (draw % 43) as i64 }
}
