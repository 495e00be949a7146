//! Samples on their way from a collector to a destination.

use std::sync::Arc;

use crate::histogram::Histogram;
use crate::labels::LabelsRef;

#[cfg(test)]
mod tests;

/// The value that says "this series has ended": the NaN that Prometheus reserves for it.
pub const STALE_NAN: f64 = f64::from_bits(0x7FF0_0000_0000_0002);

/// Whether a value is the staleness marker; an ordinary NaN is not.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN.to_bits()
}

/// A piece of a scrape: labels in one arena, and what was measured in flat vectors that point
/// into it.
///
/// Batches are shared (`Arc<Batch>`) between the destinations that receive them and never changed
/// once sent. Senders of batches keep them to a few thousand samples, so that a bounded channel of
/// batches is a bound on memory.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Label sets one after another, each as [`LabelsRef`] describes.
    pub arena: Vec<u8>,
    /// Samples with one number for a value, staleness markers among them.
    pub samples: Vec<Sample>,
    /// Samples with a native histogram for a value.
    pub histograms: Vec<HistogramSample>,
    /// Exemplars of the series in this batch.
    pub exemplars: Vec<Exemplar>,
    /// What the page said of its metric families: type, help and unit. Shared, because thousands of
    /// targets say the same, in every scrape.
    pub families: Vec<Arc<Family>>,
    /// Whether another node may have written the same (series, timestamp) pairs: such samples
    /// travel in frames of their own, so that a refused double takes no neighbour along.
    pub overlap: bool,
    /// The node that collected these series before, when the series have just moved: what it has
    /// not delivered yet goes to the backend before this batch and everything behind it.
    pub predecessor: Option<Predecessor>,
}

/// Who collected some series before, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Predecessor {
    /// The name of that node.
    pub node: Arc<str>,
    /// When it handed its last sample of them to its delivery, at the latest, in milliseconds since
    /// the Unix epoch, by its own clock where that is known. The moment of the takeover is a good
    /// answer, too: a second or two of inaccuracy are allowed for.
    pub until: i64,
}

impl Batch {
    /// Appends a label set to the arena.
    pub fn push_labels(&mut self, labels: LabelsRef<'_>) -> Span {
        self.close_labels_from(self.arena.len(), |arena| {
            arena.extend_from_slice(labels.as_encoded());
        })
    }

    /// Appends whatever `write` puts into the arena as one label set.
    pub fn write_labels(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        self.close_labels_from(self.arena.len(), write)
    }

    fn close_labels_from(&mut self, start: usize, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        write(&mut self.arena);
        let span = Span::new(start, self.arena.len());
        debug_assert!(self.labels(span).is_canonical(), "{}", self.labels(span));
        span
    }

    /// Appends a label set and a sample of it.
    pub fn push(&mut self, labels: LabelsRef<'_>, timestamp: i64, value: f64) {
        let labels = self.push_labels(labels);
        self.samples.push(Sample {
            labels,
            family: Sample::NO_FAMILY,
            timestamp,
            start_timestamp: 0,
            value,
        });
    }

    /// The label set that a span of this batch names.
    #[inline]
    pub fn labels(&self, span: Span) -> LabelsRef<'_> {
        LabelsRef::from_encoded(&self.arena[span.start as usize..span.end as usize])
    }

    /// The family of a sample, where the page named one.
    pub fn family(&self, family: u32) -> Option<&Family> {
        self.families.get(family as usize).map(AsRef::as_ref)
    }

    /// Whether there is nothing to deliver.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
            && self.histograms.is_empty()
            && self.exemplars.is_empty()
            && self.families.is_empty()
    }

    /// Samples of both kinds: what `scrape_samples_*` and queue depths count.
    pub fn sample_count(&self) -> usize {
        self.samples.len() + self.histograms.len()
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.samples.clear();
        self.histograms.clear();
        self.exemplars.clear();
        self.families.clear();
        self.overlap = false;
        self.predecessor = None;
    }
}

/// A range of [`Batch::arena`], in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte behind the last.
    pub end: u32,
}

impl Span {
    /// A range of the arena.
    ///
    /// # Panics
    ///
    /// When the arena is past 4 GiB: batches are bounded to a few thousand samples, so that is a
    /// bug.
    pub fn new(start: usize, end: usize) -> Self {
        let narrow = |at| u32::try_from(at).expect("a batch is far smaller than 4 GiB");
        Self { start: narrow(start), end: narrow(end) }
    }
}

/// One number of one series at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// The series, in the arena of the batch.
    pub labels: Span,
    /// Index into [`Batch::families`], or [`Sample::NO_FAMILY`].
    pub family: u32,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// When the counter began, in milliseconds since the Unix epoch; 0 when the page did not say.
    pub start_timestamp: i64,
    /// The value; [`STALE_NAN`] ends the series.
    pub value: f64,
}

impl Sample {
    /// The page named no family for this sample.
    pub const NO_FAMILY: u32 = u32::MAX;
}

/// One native histogram of one series at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSample {
    /// The series, in the arena of the batch.
    pub labels: Span,
    /// Index into [`Batch::families`], or [`Sample::NO_FAMILY`].
    pub family: u32,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// When the histogram began, in milliseconds since the Unix epoch; 0 when unknown.
    pub start_timestamp: i64,
    /// The histogram: rare and large, so it is shared with the batches that relabelling makes of
    /// this one.
    pub histogram: Arc<Histogram>,
}

/// An exemplar: a single observation that points at a trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar {
    /// The series it belongs to, in the arena of the batch.
    pub series: Span,
    /// Its own labels (`trace_id`, ...), in the arena of the batch.
    pub labels: Span,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The observed value.
    pub value: f64,
}

/// What a page says of a metric family.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Family {
    /// The family's name, without the suffixes of its series.
    pub name: Box<str>,
    /// Its type.
    pub kind: MetricKind,
    /// Its `HELP`, unescaped.
    pub help: Box<str>,
    /// Its `UNIT`.
    pub unit: Box<str>,
}

/// The type of a metric family. The numbers are those of remote write's `MetricType`, in both
/// versions of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum MetricKind {
    /// `untyped`, `unknown`, or nothing said.
    #[default]
    Unknown = 0,
    /// A value that only grows.
    Counter = 1,
    /// A value that goes up and down.
    Gauge = 2,
    /// Buckets of observations.
    Histogram = 3,
    /// Buckets of a gauge.
    GaugeHistogram = 4,
    /// Quantiles computed by the target.
    Summary = 5,
    /// Constant facts as labels.
    Info = 6,
    /// One of a set of states.
    StateSet = 7,
}
