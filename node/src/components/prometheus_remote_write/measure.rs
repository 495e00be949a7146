//! What a `prometheus.remote_write` tells of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::SystemTime;

use delivery::Telemetry;
use delivery::telemetry::{DurationHistogram, Value};
use model::Batch;

use crate::telemetry::clock;
use crate::telemetry::histogram::Snapshot;
use crate::telemetry::{Exposition, Registration, Registry};

/// What was handed to all endpoints: what dashboards compare with the figures of each one, so that
/// there must be one of each for a component.
#[derive(Debug, Default)]
pub(super) struct Appended {
    samples: AtomicU64,
    histograms: AtomicU64,
    exemplars: AtomicU64,
    untaken: AtomicU64,
    /// The newest timestamp, in milliseconds since the Unix epoch.
    newest: AtomicI64,
}

impl Appended {
    /// Counts what was handed to all endpoints, and what `closed` of them did not take.
    pub(super) fn count(&self, batch: &Batch, closed: usize) {
        let untaken = batch.sample_count() * closed;
        self.untaken.fetch_add(untaken as u64, Ordering::Relaxed);
        self.samples.fetch_add(batch.samples.len() as u64, Ordering::Relaxed);
        self.histograms.fetch_add(batch.histograms.len() as u64, Ordering::Relaxed);
        let samples = batch.samples.iter().map(|sample| sample.timestamp);
        let histograms = batch.histograms.iter().map(|sample| sample.timestamp);
        if let Some(newest) = samples.chain(histograms).max() {
            self.newest.fetch_max(newest, Ordering::Relaxed);
        }
        self.exemplars.fetch_add(batch.exemplars.len() as u64, Ordering::Relaxed);
    }

    pub(super) fn collect(&self, page: &mut Exposition) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64;
        let (samples, histograms) = (read(&self.samples), read(&self.histograms));
        let exemplars = read(&self.exemplars);
        for (name, help, count) in [
            (
                "prometheus_remote_write_wal_samples_appended_total",
                "Samples taken, native histograms included.",
                samples + histograms,
            ),
            ("prometheus_remote_write_wal_exemplars_appended_total", "Exemplars taken.", exemplars),
            (
                "prometheus_remote_storage_samples_in_total",
                "Samples in to remote storage.",
                samples,
            ),
            (
                "prometheus_remote_storage_histograms_in_total",
                "Histograms in to remote storage.",
                histograms,
            ),
            (
                "prometheus_remote_storage_exemplars_in_total",
                "Exemplars in to remote storage.",
                exemplars,
            ),
        ] {
            page.counter(name, help, &[], count);
        }
        page.gauge(
            "prometheus_remote_storage_highest_timestamp_in_seconds",
            "Newest timestamp in to remote storage.",
            &[],
            self.newest.load(Ordering::Relaxed) as f64 / 1e3,
        );
        page.counter(
            "shoal_remote_write_samples_not_taken_total",
            "Samples lost because the log of an endpoint was not open, once for each such endpoint.",
            &[],
            self.untaken.load(Ordering::Relaxed) as f64,
        );
    }
}

#[cfg(test)]
mod tests;

/// Publishes the figures of one endpoint.
pub(super) fn register(
    registry: &Registry,
    labels: &[(&str, &str)],
    telemetry: Arc<Telemetry>,
) -> Registration {
    registry.register(labels, move |page| {
        for reading in telemetry.readings(clock::unix_millis(SystemTime::now())) {
            let labels: Vec<(&str, &str)> = reading.label.into_iter().collect();
            match reading.value {
                Value::Counter(value) => page.counter(reading.name, reading.help, &labels, value),
                Value::Gauge(value) => page.gauge(reading.name, reading.help, &labels, value),
                Value::Histogram { buckets, count, sum } => {
                    let cumulative = buckets.iter().map(|(_, count)| *count).chain([count]);
                    let snapshot =
                        Snapshot::from_cumulative(&DurationHistogram::BOUNDS, cumulative, sum);
                    page.histogram(reading.name, reading.help, &labels, &snapshot);
                }
            }
        }
    })
}
