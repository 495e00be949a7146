//! Many targets, one timer: who is due, who is under way, who has to stop.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use model::{Batch, Predecessor, Seal, tick};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::buffers::Buffers;
use crate::clock::Clock;
use crate::failure_log::FailureLog;
use crate::page::{Families, Known};
use crate::scrape::{Outcome, ROOM, Scrape, Shared, headers, known_of, pass_on};
use crate::{
    Command, Fetch, FirstTick, ScrapeConfig, ScrapeTarget, StopReason, Takeover, Telemetry,
};

mod target;
#[cfg(test)]
mod tests;

use target::{Missed, Stop, Target, millis, signed};

/// Commands that wait to be carried out. More make the sender wait.
const COMMANDS: usize = 1024;
/// Scrapes under way at once: what 10,000 dead targets at a pace of 15 s need with a timeout
/// of 10 s, and less than the sockets that a process may have.
const SLOTS: usize = 8192;
/// The longest sleep of the timer. The wall clock may be set meanwhile, and a tick is a matter of
/// the wall clock.
const MAX_SLEEP: Duration = Duration::from_secs(1);
/// How long the samples of a target are marked as possible doubles at least, in milliseconds, when the
/// last owner may not have stopped: what it takes a cluster to notice, with a margin.
const OVERLAP: i64 = 30_000;
/// And for how many intervals at least: the first scrape may be an interval away.
const OVERLAP_INTERVALS: i64 = 2;
/// A clock that goes back by more milliseconds than this was set; less is a correction.
const SET_BACK: i64 = 1000;

/// Scrapes the targets of one component, on this node.
///
/// One task holds all state and a heap of due times; each scrape is a task of its own that takes
/// the target's knowledge along and brings it back. A target has at most one scrape under way.
#[derive(Debug)]
pub struct Scraper {
    commands: mpsc::Receiver<Command>,
    config: Arc<ScrapeConfig>,
    fetch: Arc<dyn Fetch>,
    headers: Arc<HeaderMap>,
    shared: Arc<Shared>,
    failures: FailureLog,
    first_tick: Option<Arc<dyn FirstTick>>,
    /// Boxed, so that the table has room to spare for places, not for targets.
    targets: HashMap<u64, Box<Target>, BuildHasherDefault<DefaultHasher>>,
    /// What starts at which instant.
    due: BTreeMap<i64, Vec<Due>>,
    running: JoinSet<Outcome>,
    generation: u64,
    /// The clock when it was last looked at.
    seen: i64,
    series: Series,
}

/// What the gauges say of all targets.
#[derive(Debug, Default)]
struct Series {
    count: usize,
    bytes: usize,
}

/// A scrape to start; of a target with several, only the newest generation counts.
#[derive(Debug, Clone, Copy)]
struct Due {
    key: u64,
    generation: u64,
}

impl Scraper {
    /// A scraper, and where it takes commands from. Batches go to `sink`, which bounds how far
    /// the scraper runs ahead: it waits for room.
    pub fn new(
        config: Arc<ScrapeConfig>,
        fetch: Arc<dyn Fetch>,
        sink: mpsc::Sender<Arc<Batch>>,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> (Self, mpsc::Sender<Command>) {
        let (sender, commands) = mpsc::channel(COMMANDS);
        let shared = Arc::new(Shared {
            sink,
            families: Families::default(),
            buffers: Buffers::default(),
            slots: Semaphore::new(SLOTS),
            room: Semaphore::new(ROOM as usize),
            telemetry,
            clock,
        });
        let file = config.scrape_failure_log_file.clone();
        let failures = FailureLog::new(file, Arc::clone(&shared.telemetry));
        let scraper = Self {
            commands,
            headers: Arc::new(headers(&config)),
            config,
            fetch,
            shared,
            failures,
            first_tick: None,
            targets: HashMap::default(),
            due: BTreeMap::new(),
            running: JoinSet::new(),
            generation: 0,
            seen: clock.now(),
            series: Series::default(),
        };
        (scraper, sender)
    }

    /// The same, with somebody who hears of first ticks.
    pub fn with_first_tick(mut self, first_tick: Arc<dyn FirstTick>) -> Self {
        self.first_tick = Some(first_tick);
        self
    }

    /// Scrapes until `cancel`. What is under way then is dropped: who wants every sample stops the
    /// targets first and waits for their seals.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut listening = true;
        let mut timer = pin!(tokio::time::sleep(Duration::ZERO));
        let mut set_for = None;
        loop {
            let next = self.due.keys().next().copied();
            if next != set_for || timer.is_elapsed() {
                timer.as_mut().reset(Instant::now() + self.sleep());
                set_for = next;
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                command = self.commands.recv(), if listening => match command {
                    Some(command) => self.obey(command),
                    None => listening = false,
                },
                Some(outcome) = self.running.join_next() => {
                    let mut ended = Some(outcome);
                    while let Some(outcome) = ended {
                        match outcome {
                            Ok(outcome) => self.note(outcome),
                            Err(error) => std::panic::resume_unwind(error.into_panic()),
                        }
                        ended = self.running.try_join_next();
                    }
                }
                () = &mut timer => self.start_due(),
            }
        }
        self.failures.close().await;
    }

    fn sleep(&self) -> Duration {
        let Some(at) = self.due.keys().next() else { return MAX_SLEEP };
        let millis = at.saturating_sub(self.shared.clock.now());
        Duration::from_millis(u64::try_from(millis).unwrap_or_default()).min(MAX_SLEEP)
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Start { key, target, takeover } => self.start(key, target, takeover),
            Command::Stop { key, reason, seal } => self.stop(key, reason, seal),
            Command::Reconfigure { config, fetch } => {
                let file = config.scrape_failure_log_file.clone();
                self.failures.redirect(file);
                self.headers = Arc::new(headers(&config));
                self.config = config;
                self.fetch = fetch;
            }
            Command::Targets(answer) => {
                let statuses = self.targets.iter().map(|(key, target)| target.status(*key));
                let mut statuses: Vec<_> = statuses.collect();
                statuses.sort_unstable_by_key(|status| status.key);
                // Whoever asked may have gone.
                drop(answer.send(statuses));
            }
        }
        self.shared.telemetry.targets.set(self.targets.len());
    }

    fn start(&mut self, key: u64, target: Arc<ScrapeTarget>, takeover: Takeover) {
        let now = self.shared.clock.now();
        let interval = millis(target.interval);
        match self.targets.get_mut(&key) {
            Some(known) if known.stop.is_some() => known.restart = Some((target, takeover)),
            Some(known) => {
                let paced = known.target.interval == target.interval;
                known.target = target;
                if !paced && known.known.is_some() {
                    let tick =
                        tick::next(key, interval, tick::after(now, known.last_timestamp, interval));
                    self.schedule(key, tick);
                }
            }
            None => {
                let seal = takeover.seal.as_ref();
                let last_tick = seal.map_or(0, |seal| seal.last_tick);
                let sure = seal.is_some() && !takeover.overlap;
                let first = tick::first(key, interval, now, last_tick, sure);
                let before = tick::before_first(first, interval, last_tick, sure);
                let mut new = Box::new(Target::new(target, before, known_of(seal)));
                if takeover.overlap {
                    let intervals = signed(interval).saturating_mul(OVERLAP_INTERVALS);
                    new.overlap_until = now.saturating_add(OVERLAP.max(intervals));
                }
                let node = takeover.from.clone();
                new.predecessor = node.map(|node| Predecessor { node, until: now });
                self.series.weigh(&mut new);
                self.targets.insert(key, new);
                let missed = tick::missed_between(before, first, interval);
                self.shared.telemetry.ticks_missed_in_moves.add(missed);
                self.schedule(key, first);
            }
        }
    }

    fn stop(&mut self, key: u64, reason: StopReason, seal: Option<oneshot::Sender<Seal>>) {
        let now = self.shared.clock.now();
        let Some(target) = self.targets.get_mut(&key) else { return };
        target.restart = None;
        match &mut target.stop {
            Some(stop) => {
                // The last word counts, except that the end of the series cannot be taken back.
                if stop.reason != StopReason::Gone && !stop.ending {
                    stop.reason = reason;
                }
                stop.seals.extend(seal);
            }
            None => {
                let seals = seal.into_iter().collect();
                target.stop = Some(Stop { reason, ending: false, seals });
            }
        }
        if target.known.is_some() && !target.finishes_first(now) {
            self.finish_stop(key);
        }
    }

    /// Carries a stop out, unless something of the target is under way, which comes back here when it is over.
    fn finish_stop(&mut self, key: u64) {
        let now = self.shared.clock.now();
        let Some(target) = self.targets.get_mut(&key) else { return };
        if target.known.is_none() {
            return;
        }
        let (Some(stop), Some(known)) = (target.stop.take(), target.known.take()) else { return };
        if !stop.seals.is_empty() && target.predecessor.is_some() {
            // Nothing was collected here. So whoever goes on can wait for who came before only by way
            // of this node; the target is under way until that is in the queue.
            target.stop = Some(stop);
            let predecessor = target.predecessor.take();
            let overlap = target.overlap_until > now;
            let batch = Batch { overlap, predecessor, ..Batch::default() };
            let shared = self.shared.clone();
            self.running.spawn(async move { pass_on(key, known, batch, &shared).await });
            return;
        }
        if !stop.seals.is_empty() {
            let (seal, complete) = crate::seal::seal(target.last_timestamp, &known);
            if !complete {
                self.shared.telemetry.seals_without_series.increment();
            }
            for answer in stop.seals {
                // Whoever asked may have gone.
                drop(answer.send(seal.clone()));
            }
        }
        if stop.reason == StopReason::Gone {
            // The markers are a kind of scrape: the target is under way until they are written.
            target.stop =
                Some(Stop { reason: StopReason::Shutdown, ending: true, seals: Vec::new() });
            let scrape = self.scrape(key, 0, known);
            let shared = self.shared.clone();
            self.running.spawn(async move { scrape.end(&shared).await });
        } else {
            self.remove(key);
        }
    }

    fn remove(&mut self, key: u64) {
        let Some(target) = self.targets.remove(&key) else { return };
        self.series.count -= target.series;
        self.series.bytes -= target.series_bytes;
        if let Some((target, takeover)) = target.restart {
            self.start(key, target, takeover);
        }
        self.publish();
    }

    fn start_due(&mut self) {
        let now = self.shared.clock.now();
        if now < self.seen.saturating_sub(SET_BACK) {
            self.follow_clock_back(now);
        }
        self.seen = now;
        while let Some(due) = self.due.first_entry()
            && *due.key() <= now
        {
            for due in due.remove() {
                self.start_one(due, now);
            }
        }
    }

    fn start_one(&mut self, due: Due, now: i64) {
        let Some(target) = self.targets.get_mut(&due.key) else { return };
        if target.generation != due.generation {
            return;
        }
        let interval = millis(target.target.interval);
        let tick = target.next;
        if now - tick > signed(interval) {
            if target.stop.is_some() {
                return self.finish_stop(due.key);
            }
            // The clock was set ahead, or the machine slept: what passed is missed.
            let (tick, missed) = tick::following(due.key, interval, tick - 1, now);
            self.shared.telemetry.ticks_missed.add(missed);
            self.shared.telemetry.ticks_overdue.add(missed);
            return self.schedule(due.key, tick);
        }
        let Some(known) = target.known.take() else { return };
        let scrape = self.scrape(due.key, tick, known);
        let shared = self.shared.clone();
        self.running.spawn(async move { scrape.run(&shared).await });
    }

    /// The ticks that were waited for lie too far ahead now.
    fn follow_clock_back(&mut self, now: i64) {
        let keys: Vec<u64> = self.targets.keys().copied().collect();
        for key in keys {
            let target = &self.targets[&key];
            if target.stop.is_some() {
                // It may wait for a tick that is far now.
                self.finish_stop(key);
                continue;
            }
            let interval = millis(target.target.interval);
            let last = tick::after(now, target.last_timestamp, interval);
            self.schedule(key, tick::next(key, interval, last));
        }
    }

    fn scrape(&self, key: u64, tick: i64, known: Known) -> Scrape {
        let target = &self.targets[&key];
        let limit = self.config.target_limit;
        let count = self.targets.len();
        let forced = (limit > 0 && count > limit)
            .then(|| format!("target_limit exceeded (number of targets: {count}, limit: {limit})"));
        Scrape {
            key,
            tick,
            target: target.target.clone(),
            config: self.config.clone(),
            fetch: self.fetch.clone(),
            headers: self.headers.clone(),
            known,
            before: target.last_timestamp,
            overlap: target.overlap_until > self.seen,
            predecessor: target.predecessor.clone(),
            body: target.body,
            forced,
        }
    }

    /// Takes back what a scrape brings.
    fn note(&mut self, outcome: Outcome) {
        let now = self.shared.clock.now();
        let key = outcome.key;
        let Some(target) = self.targets.get_mut(&key) else { return };
        if let Some(error) = &outcome.error {
            tracing::debug!(target = %target.target.url, %error, "a scrape failed");
            self.failures.write(now, &target.target, error);
        }
        // A tick of 0 is the end of the target.
        if outcome.tick != 0
            && !std::mem::replace(&mut target.collected, true)
            && let Some(first_tick) = &self.first_tick
        {
            first_tick.collected(key, outcome.tick);
        }
        let interval = millis(target.target.interval);
        let (next, missed) = tick::following(key, interval, outcome.timestamp, now);
        let missed = Missed::of(&outcome, interval, missed);
        target.take(outcome);
        self.series.weigh(target);
        let stopping = target.stop.is_some();
        self.publish();
        if stopping {
            return self.finish_stop(key);
        }
        if let Some(missed) = missed {
            missed.count(&self.shared.telemetry);
        }
        self.schedule(key, next);
    }

    fn schedule(&mut self, key: u64, tick: i64) {
        let Some(target) = self.targets.get_mut(&key) else { return };
        self.generation += 1;
        target.generation = self.generation;
        target.next = tick;
        let at = target.start();
        let due = Due { key, generation: self.generation };
        self.due.entry(at).or_default().push(due);
    }

    fn publish(&self) {
        self.shared.telemetry.series.set(self.series.count);
        self.shared.telemetry.series_bytes.set(self.series.bytes);
        self.shared.telemetry.targets.set(self.targets.len());
    }
}

impl Series {
    /// Keeps the sums, when what is known of a target has changed.
    fn weigh(&mut self, target: &mut Target) {
        let (series, bytes) =
            target.known.as_ref().map_or((0, 0), |known| (known.len(), known.bytes()));
        self.count = self.count - target.series + series;
        self.bytes = self.bytes - target.series_bytes + bytes;
        target.series = series;
        target.series_bytes = bytes;
    }
}
