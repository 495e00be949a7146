//! One scrape: from the request to the batches in the sink.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};
use model::{Batch, Predecessor, Seal};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, timeout};

use crate::buffers::Buffers;
use crate::clock::Clock;
use crate::page::{Families, Known, Page, PageError, Shape, push_stale};
use crate::reader::{Moment, Reading};
use crate::report::{self, Report};
use crate::{Fetch, FetchError, Fetched, ScrapeConfig, ScrapeTarget, Telemetry};

/// What all scrapes of a scraper share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) sink: mpsc::Sender<Arc<Batch>>,
    pub(crate) families: Families,
    pub(crate) buffers: Buffers,
    /// Bounds the scrapes under way.
    pub(crate) slots: Semaphore,
    /// Bounds the memory of the scrapes under way, in KiB: that of the bodies and of the batches
    /// that they become.
    pub(crate) room: Semaphore,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) clock: Clock,
}

/// Memory of all scrapes under way, in KiB. Above that they wait for each other.
pub(crate) const ROOM: u32 = 256 << 10;
/// Memory of a scrape beside that for its page, in KiB.
const ROOM_AT_LEAST: u32 = 16;

/// One scrape to be done.
#[derive(Debug)]
pub(crate) struct Scrape {
    pub(crate) key: u64,
    pub(crate) tick: i64,
    pub(crate) target: Arc<ScrapeTarget>,
    pub(crate) config: Arc<ScrapeConfig>,
    pub(crate) fetch: Arc<dyn Fetch>,
    /// What every request says that may take as long as the configuration allows.
    pub(crate) headers: Arc<HeaderMap>,
    pub(crate) known: Known,
    /// The timestamp of the scrape before; 0 when there was none.
    pub(crate) before: i64,
    /// Whether another node may collect it, too.
    pub(crate) overlap: bool,
    /// Who collected it before, if this is the first time here.
    pub(crate) predecessor: Option<Predecessor>,
    /// Bytes of the page before.
    pub(crate) body: usize,
    /// Fail without asking.
    pub(crate) forced: Option<String>,
}

/// What a scrape came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) key: u64,
    pub(crate) tick: i64,
    pub(crate) known: Known,
    pub(crate) timestamp: i64,
    pub(crate) began: i64,
    /// How long the target took, of the duration.
    pub(crate) fetching: Duration,
    /// From the beginning until the batches were made; that the sink takes them comes after it.
    pub(crate) duration: Duration,
    /// Ticks that the sink took so far, which have been counted.
    pub(crate) held: usize,
    pub(crate) samples: usize,
    pub(crate) body: usize,
    pub(crate) error: Option<String>,
}

impl Outcome {
    /// Of what was done with a target without a look at it.
    fn without_scrape(key: u64, known: Known, now: i64) -> Self {
        Self {
            key,
            tick: 0,
            known,
            timestamp: now,
            began: now,
            fetching: Duration::ZERO,
            duration: Duration::ZERO,
            held: 0,
            samples: 0,
            body: 0,
            error: None,
        }
    }
}

/// A page that could not be had or not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Forced(String),
    #[error("no complete answer within the scrape timeout of {0:?}")]
    Timeout(Duration),
    #[error("{0}")]
    Fetch(#[from] FetchError),
    #[error("{0}")]
    Page(#[from] PageError),
}

impl Scrape {
    /// Does it. The batches are in the sink when this returns; dropping the future before loses
    /// the scrape.
    pub(crate) async fn run(mut self, shared: &Shared) -> Outcome {
        // Neither is ever closed, so there is nothing to learn from an error.
        let _slot = shared.slots.acquire().await;
        let _room = shared.room.acquire_many(self.room()).await;
        let start = Instant::now();
        let began = shared.clock.now();
        if began - self.tick > self.tolerance() {
            shared.telemetry.ticks_overdue.increment();
        }
        let mut body = shared.buffers.take(self.body);
        let fetched = self.fetch(&mut body).await;
        let fetching = start.elapsed();
        let timestamp = self.timestamp(&fetched, began, shared);
        let bytes = body.len();
        let mut report = Report { body: Some(bytes), ..Report::default() };
        let result = match fetched {
            Ok(fetched) => self.read(&body, &fetched, timestamp, &mut report, shared).await,
            Err(failure) => Err(failure),
        };
        shared.buffers.put(body);
        report.duration = start.elapsed();
        let error = result.as_ref().err().map(ToString::to_string);
        let mut batches = self.take(result, &mut report, timestamp, shared);
        self.write_report(&mut batches, Some(&report), timestamp);
        for batch in &mut batches {
            batch.overlap = self.overlap;
            batch.predecessor = self.predecessor.clone();
        }
        let held = send(batches, Some(self.target.interval), shared).await;
        Outcome {
            key: self.key,
            tick: self.tick,
            known: self.known,
            timestamp,
            began,
            fetching,
            duration: report.duration,
            held,
            samples: report.samples,
            body: bytes,
            error,
        }
    }

    /// KiB that the page will probably need: itself, and its samples with all their labels.
    fn room(&self) -> u32 {
        let page = u32::try_from(self.body / 1024).unwrap_or(ROOM);
        page.saturating_mul(4).saturating_add(ROOM_AT_LEAST).min(ROOM)
    }

    async fn fetch(&self, body: &mut Vec<u8>) -> Result<Fetched, Failure> {
        if let Some(error) = &self.forced {
            return Err(Failure::Forced(error.clone()));
        }
        let own;
        let headers = if self.target.timeout == self.config.scrape_timeout {
            &*self.headers
        } else {
            own = with_timeout(&self.headers, self.target.timeout);
            &own
        };
        let limit = self.config.body_size_limit;
        let fetch = self.fetch.fetch(&self.target.url, headers, limit, body);
        match timeout(self.target.timeout, fetch).await {
            Ok(fetched) => Ok(fetched?),
            Err(_) => Err(Failure::Timeout(self.target.timeout)),
        }
    }

    /// The tick; or, where the response (or the failed attempt) began later than a tenth of the
    /// interval after it, the truth. The next tick is chosen after that.
    fn timestamp(&self, fetched: &Result<Fetched, Failure>, started: i64, shared: &Shared) -> i64 {
        let began = match fetched {
            Ok(fetched) => {
                let since = i64::try_from(fetched.began.elapsed().as_millis()).unwrap_or_default();
                shared.clock.now() - since
            }
            Err(_) => started,
        };
        if began - self.tick <= self.tolerance() {
            return self.tick;
        }
        shared.telemetry.ticks_late.increment();
        began
    }

    /// By how many milliseconds a sample may be later than the tick that it carries.
    fn tolerance(&self) -> i64 {
        i64::try_from(self.target.interval.as_millis()).unwrap_or(i64::MAX) / 10
    }

    async fn read(
        &self,
        body: &[u8],
        fetched: &Fetched,
        timestamp: i64,
        report: &mut Report,
        shared: &Shared,
    ) -> Result<Page, Failure> {
        let interval = i64::try_from(self.target.interval.as_millis()).unwrap_or(i64::MAX);
        let before = if self.before > 0 { self.before } else { timestamp - interval };
        let moment = Moment { timestamp, now: shared.clock.now(), before };
        let shape = Shape::new(&self.config, &self.target.labels);
        let content_type = fetched.content_type.as_deref();
        let mut room = Vec::new();
        let mut reading = Reading::begin(body, &mut room, |page| {
            let (families, config) = (&shared.families, &self.config);
            Reading::new(page, content_type, &shape, &self.known, families, config, moment)
        })?;
        loop {
            let more = reading.step();
            report.samples = reading.samples();
            if !more? {
                break;
            }
            // A large page must not keep other tasks from their work.
            tokio::task::yield_now().await;
        }
        Ok(reading.finish()?)
    }

    /// The batches of a scrape, and the counts of it.
    fn take(
        &mut self,
        result: Result<Page, Failure>,
        report: &mut Report,
        timestamp: i64,
        shared: &Shared,
    ) -> Vec<Batch> {
        let telemetry = &shared.telemetry;
        telemetry.body_bytes.add(report.body.unwrap_or_default());
        let mut page = match result {
            Ok(page) => page,
            Err(failure) => {
                telemetry.scrapes_failed.increment();
                count_failure(&failure, telemetry);
                if matches!(failure, Failure::Fetch(FetchError::TooLong(_))) {
                    report.body = None;
                }
                return self.end_series(timestamp, telemetry);
            }
        };
        telemetry.scrapes.increment();
        if page.is_unchanged() {
            telemetry.pages_unchanged.increment();
        }
        telemetry.samples.add(page.samples - page.duplicates - page.out_of_bounds);
        telemetry.duplicates.add(page.duplicates);
        telemetry.out_of_bounds.add(page.out_of_bounds);
        telemetry.stale_markers.add(page.stale);
        telemetry.exemplars.add(page.exemplars);
        report.up = true;
        report.series_added = page.series_added;
        page.remember(&mut self.known);
        page.batches
    }

    /// Staleness markers for all series that are known.
    fn end_series(&mut self, timestamp: i64, telemetry: &Telemetry) -> Vec<Batch> {
        let mut batches = Vec::new();
        let mut count = 0;
        self.known.end(|labels| {
            count += 1;
            push_stale(&mut batches, count, labels, timestamp);
        });
        telemetry.stale_markers.add(count);
        batches
    }

    fn write_report(&self, batches: &mut Vec<Batch>, report: Option<&Report>, timestamp: i64) {
        if batches.is_empty() {
            batches.push(Batch::default());
        }
        let batch = batches.last_mut().expect("there is one now");
        let Scrape { config, target, .. } = self;
        report::write(batch, &target.labels, report, config, target.timeout, timestamp);
    }

    /// Ends the target: staleness markers for its series and for those about it.
    pub(crate) async fn end(mut self, shared: &Shared) -> Outcome {
        let now = shared.clock.now();
        let timestamp = now.max(self.before.saturating_add(1));
        let mut batches = self.end_series(timestamp, &shared.telemetry);
        if self.before > 0 {
            self.write_report(&mut batches, None, timestamp);
            for batch in &mut batches {
                batch.predecessor = self.predecessor.clone();
            }
            send(batches, None, shared).await;
        }
        Outcome::without_scrape(self.key, Known::default(), now)
    }
}

/// Hands on who collected a target before, without anything collected of it.
pub(crate) async fn pass_on(key: u64, known: Known, batch: Batch, shared: &Shared) -> Outcome {
    send(vec![batch], None, shared).await;
    Outcome::without_scrape(key, known, shared.clock.now())
}

/// What a scrape of this configuration asks for.
pub(crate) fn headers(config: &ScrapeConfig) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let accept = HeaderValue::try_from(config.accept_header()).expect("media types are ASCII");
    headers.insert(ACCEPT, accept);
    let encoding = if config.enable_compression { "gzip" } else { "identity" };
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encoding));
    with_timeout(&headers, config.scrape_timeout)
}

fn with_timeout(headers: &HeaderMap, timeout: Duration) -> HeaderMap {
    let mut headers = headers.clone();
    let seconds = HeaderValue::try_from(timeout.as_secs_f64().to_string());
    headers.insert(
        HeaderName::from_static("x-prometheus-scrape-timeout-seconds"),
        seconds.expect("a number is ASCII"),
    );
    headers
}

/// Waits for room in the sink: back-pressure ends here. A sink that takes nothing for long is noticed
/// meanwhile: each `interval` that passes is a tick that it took. Returns how many these were.
async fn send(batches: Vec<Batch>, interval: Option<Duration>, shared: &Shared) -> usize {
    let mut held = 0;
    for batch in batches {
        let mut batch = match shared.sink.try_send(Arc::new(batch)) {
            Ok(()) => continue,
            Err(TrySendError::Full(batch) | TrySendError::Closed(batch)) => Some(batch),
        };
        // One place in the row of those who wait, however long that is.
        let mut room = pin!(shared.sink.reserve());
        while let Some(waiting) = batch.take() {
            let patience = interval.unwrap_or(Duration::MAX).max(Duration::from_millis(1));
            match timeout(patience, room.as_mut()).await {
                Ok(Ok(room)) => room.send(waiting),
                Ok(Err(_)) => {
                    tracing::debug!("nobody takes samples any more, dropped a scrape");
                    return held;
                }
                Err(_) => {
                    held += 1;
                    shared.telemetry.ticks_overdue.increment();
                    shared.telemetry.ticks_held.increment();
                    batch = Some(waiting);
                }
            }
        }
    }
    held
}

fn count_failure(failure: &Failure, telemetry: &Telemetry) {
    match failure {
        Failure::Forced(_) => telemetry.exceeded_target_limit.increment(),
        Failure::Timeout(_) => {}
        Failure::Fetch(FetchError::TooLong(_)) => telemetry.exceeded_body_size_limit.increment(),
        Failure::Fetch(_) => {}
        Failure::Page(PageError::SampleLimit(_)) => telemetry.exceeded_sample_limit.increment(),
        Failure::Page(PageError::BucketLimit { .. }) => {
            telemetry.exceeded_bucket_limit.increment();
        }
        Failure::Page(PageError::Labels { error, .. }) if error.is_limit() => {
            telemetry.exceeded_label_limits.increment();
        }
        Failure::Page(_) => telemetry.malformed_pages.increment(),
    }
}

/// What an owner left, as far as it can be used.
pub(crate) fn known_of(seal: Option<&Seal>) -> Known {
    seal.and_then(crate::seal::open).unwrap_or_default()
}
