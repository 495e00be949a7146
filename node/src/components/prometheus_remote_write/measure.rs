//! What a `prometheus.remote_write` tells of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use delivery::Telemetry;
use delivery::telemetry::{DurationHistogram, Value};
use model::Batch;

use crate::telemetry::clock;
use crate::telemetry::histogram::Snapshot;
use crate::telemetry::{Exposition, Registration, Registry};

/// What was handed to all endpoints.
#[derive(Debug, Default)]
pub(super) struct Appended {
    samples: AtomicU64,
    exemplars: AtomicU64,
    untaken: AtomicU64,
}

impl Appended {
    /// Counts what was handed to all endpoints, and what `closed` of them did not take.
    pub(super) fn count(&self, batch: &Batch, closed: usize) {
        let untaken = batch.sample_count() * closed;
        self.untaken.fetch_add(untaken as u64, Ordering::Relaxed);
        self.samples.fetch_add(batch.sample_count() as u64, Ordering::Relaxed);
        self.exemplars.fetch_add(batch.exemplars.len() as u64, Ordering::Relaxed);
    }

    pub(super) fn collect(&self, page: &mut Exposition) {
        page.counter(
            "prometheus_remote_write_wal_samples_appended_total",
            "Samples taken.",
            &[],
            self.samples.load(Ordering::Relaxed) as f64,
        );
        page.counter(
            "prometheus_remote_write_wal_exemplars_appended_total",
            "Exemplars taken.",
            &[],
            self.exemplars.load(Ordering::Relaxed) as f64,
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
