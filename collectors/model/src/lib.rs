//! What every collector speaks: labels, batches of samples, seals, relabelling and ticks.
//!
//! The crate is pure: it knows no clock, no socket and no file. Its types are shaped by the hot
//! path from a scraped page to a remote-write request:
//!
//! * [`Labels`] are kept in the encoding of remote write's `repeated Label` field, so that a
//!   sender copies them instead of encoding them;
//! * a [`Batch`] is one arena of such labels and flat vectors that point into it, so that a page
//!   of thousands of series costs a handful of allocations.
//!
//! ```
//! use model::{Batch, Labels};
//!
//! let up = Labels::from_pairs([("__name__", "up"), ("job", "node")]);
//! let mut batch = Batch::default();
//! batch.push(up.borrowed(), 1_700_000_000_000, 1.0);
//!
//! let sample = &batch.samples[0];
//! assert_eq!(batch.labels(sample.labels).get("job"), Some("node"));
//! ```

mod batch;
pub mod duration;
pub mod go_regex;
mod histogram;
mod labels;
pub mod names;
pub mod relabel;
mod seal;
pub mod tick;

pub use batch::{
    Batch, Exemplar, Family, HistogramSample, MetricKind, Predecessor, STALE_NAN, Sample, Span,
    is_stale,
};
pub use histogram::{BucketSpan, Buckets, Histogram, ResetHint};
pub use labels::{Labels, LabelsRef, PairIter, encode_label, encode_labels};
pub use seal::Seal;
