//! What a request carries, of each kind.

use model::{Batch, Buckets, Exemplar, Family, Histogram, HistogramSample, Sample, Span};

use super::attached::Attached;
use super::body::Body;
use super::families::is_told;
use crate::telemetry::Counts;

/// A sample, a native histogram or an exemplar.
pub(super) trait Item {
    /// Milliseconds since the Unix epoch.
    fn timestamp(&self) -> i64;
    /// The series, in the arena of the batch.
    fn series(&self) -> Span;
    /// Writes it with the labels that the series is sent with, from a batch and with what that says of
    /// its family, if that is wanted. Whether it is written, or was before: in 2.0 a sample takes the
    /// exemplars of its series along, and an exemplar does not travel without one.
    fn push(
        &self,
        body: &mut Body,
        labels: &[u8],
        from: (&Batch, bool),
        exemplars: &mut Attached,
    ) -> bool;
    /// Roughly how many bytes it takes, labels of the series not counted, where that may be many.
    fn size_beside_labels(&self, batch: &Batch) -> usize;
    /// So many of them.
    fn counts(count: u32) -> Counts;
}

/// A family as it is told along with a series.
fn told(batch: &Batch, family: u32) -> Option<&Family> {
    batch.family(family).filter(|family| is_told(family))
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
    fn push(
        &self,
        body: &mut Body,
        labels: &[u8],
        (batch, metadata): (&Batch, bool),
        exemplars: &mut Attached,
    ) -> bool {
        let family = if metadata { told(batch, self.family) } else { None };
        let own = body.takes_along(exemplars, batch, self.labels);
        body.push_sample(labels, self, family, exemplars.along(batch, own));
        true
    }

    #[inline]
    fn size_beside_labels(&self, _: &Batch) -> usize {
        0
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

    fn push(
        &self,
        body: &mut Body,
        labels: &[u8],
        (batch, metadata): (&Batch, bool),
        exemplars: &mut Attached,
    ) -> bool {
        let family = if metadata { told(batch, self.family) } else { None };
        let own = body.takes_along(exemplars, batch, self.labels);
        body.push_histogram(labels, self, family, exemplars.along(batch, own));
        true
    }

    fn size_beside_labels(&self, _: &Batch) -> usize {
        let Histogram { positive_spans, negative_spans, buckets, custom_bounds, .. } =
            &*self.histogram;
        let spans = positive_spans.len() + negative_spans.len();
        let buckets = match buckets {
            Buckets::Integer { positive_deltas, negative_deltas, .. } => {
                positive_deltas.len() + negative_deltas.len()
            }
            Buckets::Float { positive_counts, negative_counts, .. } => {
                positive_counts.len() + negative_counts.len()
            }
        };
        // A varint, or a double, each.
        8 * (2 * spans + buckets + custom_bounds.len())
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

    fn push(
        &self,
        body: &mut Body,
        labels: &[u8],
        (batch, _): (&Batch, bool),
        exemplars: &mut Attached,
    ) -> bool {
        if body.is_v2() {
            return !exemplars.has(batch, self.series);
        }
        body.push_exemplar(labels, batch.labels(self.labels).as_encoded(), self);
        true
    }

    fn size_beside_labels(&self, batch: &Batch) -> usize {
        batch.labels(self.labels).as_encoded().len()
    }

    fn counts(count: u32) -> Counts {
        Counts { exemplars: count, ..Counts::default() }
    }
}
