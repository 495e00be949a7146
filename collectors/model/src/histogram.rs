//! Native histograms, as scraped and as remote write carries them.

/// A native (sparse, exponential or custom-bucket) histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Resolution: -4 to 8 for exponential buckets, -53 for custom ones.
    pub schema: i32,
    /// Observations within this distance of zero fall into the zero bucket.
    pub zero_threshold: f64,
    /// Sum of the observations; [`crate::STALE_NAN`] ends the series.
    pub sum: f64,
    /// Whether the histogram began anew at this sample.
    pub reset: ResetHint,
    /// Which buckets of positive observations are present.
    pub positive_spans: Vec<BucketSpan>,
    /// Which buckets of negative observations are present.
    pub negative_spans: Vec<BucketSpan>,
    /// The counts.
    pub buckets: Buckets,
    /// Upper bounds, for custom buckets (schema -53).
    pub custom_bounds: Vec<f64>,
}

/// A run of consecutive buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketSpan {
    /// Gap to the previous span; for the first, the index of its first bucket.
    pub offset: i32,
    /// Number of buckets in the run.
    pub length: u32,
}

/// The counts of a histogram: integers, or floats for histograms that were computed.
#[derive(Debug, Clone, PartialEq)]
pub enum Buckets {
    /// Whole counts; buckets as differences to the one before.
    Integer {
        /// All observations.
        count: u64,
        /// Observations in the zero bucket.
        zero_count: u64,
        /// Differences between consecutive positive buckets.
        positive_deltas: Vec<i64>,
        /// Differences between consecutive negative buckets.
        negative_deltas: Vec<i64>,
    },
    /// Absolute counts as floats.
    Float {
        /// All observations.
        count: f64,
        /// Observations in the zero bucket.
        zero_count: f64,
        /// Counts of the positive buckets.
        positive_counts: Vec<f64>,
        /// Counts of the negative buckets.
        negative_counts: Vec<f64>,
    },
}

/// Whether a histogram began anew; the numbers are those of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum ResetHint {
    /// Not known: the reader has to compare.
    #[default]
    Unknown = 0,
    /// Began anew.
    Yes = 1,
    /// Goes on.
    No = 2,
    /// A gauge: the notion does not apply.
    Gauge = 3,
}
