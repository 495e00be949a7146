//! One target of a scraper.

use std::sync::Arc;
use std::time::Duration;

use model::{Predecessor, Seal, tick};
use tokio::sync::oneshot;

use crate::page::Known;
use crate::scrape::Outcome;
use crate::{Health, ScrapeTarget, StopReason, Takeover, TargetStatus, Telemetry};

/// Scrapes start together where their ticks lie within the same this many milliseconds: of ten
/// thousand small pages every ten seconds, each costs half of what it costs alone, which is mostly
/// waking up and finding the caches cold. Longer would make for bursts of requests and answers.
const TOGETHER: i64 = 50;

#[derive(Debug)]
pub(super) struct Target {
    pub(super) target: Arc<ScrapeTarget>,
    /// `None` while a scrape is under way, which has it.
    pub(super) known: Option<Known>,
    pub(super) generation: u64,
    /// The next tick.
    pub(super) next: i64,
    /// Until when another node may be collecting it, too.
    pub(super) overlap_until: i64,
    /// Who collected it before, until something has been collected here.
    pub(super) predecessor: Option<Predecessor>,
    /// Whether a tick was collected since the start.
    pub(super) collected: bool,
    /// The last tick, or the later timestamp that its samples got; 0 before the first.
    pub(super) last_timestamp: i64,
    pub(super) body: usize,
    /// What counts into the gauges for this target.
    pub(super) series: usize,
    pub(super) series_bytes: usize,
    pub(super) stop: Option<Stop>,
    /// What to do when the stop is done.
    pub(super) restart: Option<(Arc<ScrapeTarget>, Takeover)>,
    pub(super) health: Health,
    pub(super) last_error: Option<String>,
    pub(super) last_scrape: Option<i64>,
    pub(super) last_duration: Duration,
    pub(super) samples: usize,
}

#[derive(Debug)]
pub(super) struct Stop {
    pub(super) reason: StopReason,
    /// The staleness markers are on their way.
    pub(super) ending: bool,
    pub(super) seals: Vec<oneshot::Sender<Seal>>,
}

impl Target {
    pub(super) fn new(target: Arc<ScrapeTarget>, last_tick: i64, known: Known) -> Self {
        Self {
            target,
            known: Some(known),
            generation: 0,
            next: 0,
            overlap_until: 0,
            predecessor: None,
            collected: false,
            last_timestamp: last_tick,
            body: 0,
            series: 0,
            series_bytes: 0,
            stop: None,
            restart: None,
            health: Health::Unknown,
            last_error: None,
            last_scrape: None,
            last_duration: Duration::ZERO,
            samples: 0,
        }
    }

    /// Whether a tick is to be collected before the target stops: one that has come, so that its scrape
    /// only waits for others to start with, or one at hand of a target that is given away.
    pub(super) fn finishes_first(&self, now: i64) -> bool {
        let Some(stop) = &self.stop else { return false };
        let interval = millis(self.target.interval);
        let moved = stop.reason == StopReason::Moved;
        let given_away = moved && !stop.seals.is_empty();
        // Who wants no seal of a target that moved collects it already.
        let taken = moved && !given_away;
        // What is gone and was never collected here is not missed: it came here to be ended.
        let unseen = stop.reason == StopReason::Gone && !self.collected;
        let has_come =
            (0..=signed(interval)).contains(&now.saturating_sub(self.next)) && !taken && !unseen;
        !stop.ending && (has_come || given_away && tick::is_at_hand(self.next, interval, now))
    }

    /// When the scrape for the next tick starts: at the tick, or later by less than [`TOGETHER`]
    /// and than a hundredth of the interval. By the same each time, where whole hundredths of the
    /// interval are whole milliseconds.
    pub(super) fn start(&self) -> i64 {
        let interval = signed(millis(self.target.interval));
        let step = TOGETHER.min(interval / 100).max(1);
        let past = self.next.rem_euclid(step);
        if past == 0 { self.next } else { self.next.saturating_add(step - past) }
    }

    pub(super) fn take(&mut self, outcome: Outcome) {
        self.known = Some(outcome.known);
        if outcome.tick == 0 {
            // The end of the target, not a scrape of it.
            return;
        }
        self.predecessor = None;
        self.last_timestamp = outcome.timestamp;
        self.body = outcome.body;
        self.health = if outcome.error.is_none() { Health::Up } else { Health::Down };
        self.last_error = outcome.error;
        self.last_scrape = Some(outcome.began);
        self.last_duration = outcome.duration;
        self.samples = outcome.samples;
    }

    pub(super) fn status(&self, key: u64) -> TargetStatus {
        TargetStatus {
            key,
            job: self.target.job().to_owned(),
            url: self.target.url.to_string(),
            health: self.health,
            labels: self.target.labels.clone(),
            last_error: self.last_error.clone(),
            last_scrape: self.last_scrape,
            last_duration: self.last_duration,
            samples: self.samples,
        }
    }
}

/// The ticks that passed during one scrape, by what they were lost to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Missed {
    all: usize,
    /// To this node, which was not ready to scrape, or to read what came.
    turn: usize,
    /// To the sink, which did not take the samples, and not counted yet.
    held: usize,
}

impl Missed {
    /// `after` are the ticks that were missed since the timestamp of the scrape.
    pub(super) fn of(outcome: &Outcome, interval: u64, after: usize) -> Option<Self> {
        // A scrape that is very late has stepped over ticks on the way to its own timestamp.
        let late = outcome.timestamp.saturating_sub(outcome.tick) / signed(interval);
        let all = after + usize::try_from(late).unwrap_or_default();
        if all == 0 {
            return None;
        }
        // Those that would be missed, had the scrape been over so long after its beginning.
        let by = |took: Duration| {
            let took = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
            let at = outcome.began.saturating_add(took);
            tick::following(outcome.key, interval, outcome.tick, at).1.min(all)
        };
        let (begun, fetched, made) =
            (by(Duration::ZERO), by(outcome.fetching), by(outcome.duration));
        let held = (all - made).saturating_sub(outcome.held);
        Some(Self { all, turn: begun + (made - fetched), held })
    }

    pub(super) fn count(self, telemetry: &Telemetry) {
        telemetry.ticks_missed.add(self.all);
        telemetry.ticks_overdue.add(self.turn + self.held);
        telemetry.ticks_held.add(self.held);
    }
}

/// An interval in milliseconds, at least one.
pub(super) fn millis(interval: Duration) -> u64 {
    u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// An interval as a difference of instants.
pub(super) fn signed(interval: u64) -> i64 {
    i64::try_from(interval).unwrap_or(i64::MAX)
}
