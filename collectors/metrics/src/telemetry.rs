//! What a scraper says about itself.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows; read from any thread.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The number.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts more.
    pub fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Counts one more.
    pub fn increment(&self) {
        self.add(1);
    }
}

/// A number that goes up and down; read from any thread.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// The number.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Replaces the number.
    pub fn set(&self, value: usize) {
        self.0.store(value as u64, Ordering::Relaxed);
    }
}

/// Counts of one scraper.
#[derive(Debug, Default)]
pub struct Telemetry {
    /// Targets that are scraped.
    pub targets: Gauge,
    /// Series that are known of the targets.
    pub series: Gauge,
    /// Bytes that this knowledge takes.
    pub series_bytes: Gauge,
    /// Scrapes that succeeded.
    pub scrapes: Counter,
    /// Scrapes that failed, for whatever reason.
    pub scrapes_failed: Counter,
    /// Ticks that passed while the scrape before was still under way, and those that a machine slept
    /// through.
    pub ticks_missed: Counter,
    /// Ticks that fell between two owners, and that neither collected.
    pub ticks_missed_in_moves: Counter,
    /// Scrapes whose response began later than a tenth of the interval after the tick; they carry
    /// the time of the response.
    pub ticks_late: Counter,
    /// Ticks whose scrape could not begin within a tenth of the interval, or not at all, whatever the
    /// target did: this node has too much to do, or stood still. Ticks that passed while the scrape
    /// before waited for this node count, those that passed while it waited for its target do not.
    pub ticks_overdue: Counter,
    /// Of these, the ticks that passed while the sink had no room for the samples of the scrape before.
    pub ticks_held: Counter,
    /// Samples handed to the sink, histograms included, staleness markers and `up` not.
    pub samples: Counter,
    /// Staleness markers handed to the sink.
    pub stale_markers: Counter,
    /// Exemplars handed to the sink.
    pub exemplars: Counter,
    /// Bytes of uncompressed bodies.
    pub body_bytes: Counter,
    /// Pages that could not be read.
    pub malformed_pages: Counter,
    /// Samples left out because the page had the same series twice.
    pub duplicates: Counter,
    /// Samples left out because their own timestamp is further ahead than ten minutes.
    pub out_of_bounds: Counter,
    /// Scrapes failed by `sample_limit`.
    pub exceeded_sample_limit: Counter,
    /// Scrapes failed by `body_size_limit`.
    pub exceeded_body_size_limit: Counter,
    /// Scrapes failed by one of the label limits.
    pub exceeded_label_limits: Counter,
    /// Scrapes failed by `target_limit`.
    pub exceeded_target_limit: Counter,
    /// Scrapes failed by `native_histogram_bucket_limit`.
    pub exceeded_bucket_limit: Counter,
    /// Pages whose series were those of the page before, in the same order: the cheap way.
    pub pages_unchanged: Counter,
    /// Seals without their series, because those were too many.
    pub seals_without_series: Counter,
    /// Lines that did not make it into the failure log.
    pub failure_log_lost: Counter,
}
