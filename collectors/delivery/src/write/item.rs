//! What a request carries, of each kind.

use model::{Batch, Exemplar, HistogramSample, Sample, Span};

use super::body::Body;
use crate::telemetry::Counts;

/// A sample, a native histogram or an exemplar.
pub(super) trait Item {
    /// Milliseconds since the Unix epoch.
    fn timestamp(&self) -> i64;
    /// The series, in the arena of the batch.
    fn series(&self) -> Span;
    /// Writes it with the labels that the series is sent with.
    fn push(&self, body: &mut Body, labels: &[u8], batch: &Batch, metadata: bool);
    /// So many of them.
    fn counts(count: u32) -> Counts;
}

impl Item for Sample {
    #[inline]
    fn timestamp(&self) -> i64 {
        self.timestamp
    }

    #[inline]
    fn series(&self) -> Span {
        self.labels
    }

    #[inline]
    fn push(&self, body: &mut Body, labels: &[u8], batch: &Batch, metadata: bool) {
        let family = if metadata { batch.family(self.family) } else { None };
        body.push_sample(labels, self, family);
    }

    fn counts(count: u32) -> Counts {
        Counts { samples: count, ..Counts::default() }
    }
}

impl Item for HistogramSample {
    fn timestamp(&self) -> i64 {
        self.timestamp
    }

    fn series(&self) -> Span {
        self.labels
    }

    fn push(&self, body: &mut Body, labels: &[u8], batch: &Batch, metadata: bool) {
        let family = if metadata { batch.family(self.family) } else { None };
        body.push_histogram(labels, self, family);
    }

    fn counts(count: u32) -> Counts {
        Counts { histograms: count, ..Counts::default() }
    }
}

impl Item for Exemplar {
    fn timestamp(&self) -> i64 {
        self.timestamp
    }

    fn series(&self) -> Span {
        self.series
    }

    fn push(&self, body: &mut Body, labels: &[u8], batch: &Batch, _: bool) {
        body.push_exemplar(labels, batch.labels(self.labels).as_encoded(), self);
    }

    fn counts(count: u32) -> Counts {
        Counts { exemplars: count, ..Counts::default() }
    }
}
