//! What a destination says about itself: counters with the meaning of Prometheus' remote storage.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

mod reading;

pub use reading::{Reading, Value};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to the number.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
    }

    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Replaces the number.
    pub fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    /// Raises the number to `value` if it is below.
    pub fn raise(&self, value: i64) {
        self.0.fetch_max(value, Relaxed);
    }

    /// The number.
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// A counter for each thing that a request carries.
#[derive(Debug, Default)]
pub struct PerKind {
    /// Samples that are numbers.
    pub samples: Counter,
    /// Native histograms.
    pub histograms: Counter,
    /// Exemplars.
    pub exemplars: Counter,
    /// Metadata of families.
    pub metadata: Counter,
}

impl PerKind {
    /// Adds the contents of a frame.
    pub fn add(&self, counts: Counts) {
        self.samples.add(counts.samples.into());
        self.histograms.add(counts.histograms.into());
        self.exemplars.add(counts.exemplars.into());
        self.metadata.add(counts.metadata.into());
    }
}

/// How much of each thing is in a frame, a request or a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Samples that are numbers.
    pub samples: u32,
    /// Native histograms.
    pub histograms: u32,
    /// Exemplars.
    pub exemplars: u32,
    /// Metadata of families.
    pub metadata: u32,
}

impl Counts {
    /// Samples of both kinds, which is what requests are sized by.
    pub fn weight(self) -> usize {
        self.samples as usize + self.histograms as usize
    }

    /// Everything.
    pub fn total(self) -> u64 {
        [self.samples, self.histograms, self.exemplars, self.metadata]
            .into_iter()
            .map(u64::from)
            .sum()
    }

    /// What is in here and not in `other`.
    pub fn minus(self, other: Self) -> Self {
        Self {
            samples: self.samples.saturating_sub(other.samples),
            histograms: self.histograms.saturating_sub(other.histograms),
            exemplars: self.exemplars.saturating_sub(other.exemplars),
            metadata: self.metadata.saturating_sub(other.metadata),
        }
    }
}

/// Why something was dropped on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// A `write_relabel_config` dropped the series, or left it without labels.
    Relabelled,
    /// Older than `sample_age_limit`.
    TooOld,
    /// The log reached its size cap and gave up its oldest segment.
    LogFull,
    /// Waited in the log for longer than its age cap.
    LogAge,
    /// The disk took nothing more, and neither did the memory kept for that case.
    DiskFull,
    /// The frame was damaged on disk.
    Corrupt,
    /// The backend has another value for the same instant.
    Double,
    /// The backend has something newer of the series already, or takes nothing so old or so new.
    OutOfOrder,
    /// Refused together with doubles, in one of too many frames to try every sample of each alone.
    Untried,
    /// No request holds it.
    TooLarge,
    /// An exemplar of which no sample is sent: remote write 2.0 has no place for it.
    NoSample,
}

impl DropReason {
    /// Every reason, in the order of the counters.
    pub const ALL: [Self; 11] = [
        Self::Relabelled,
        Self::TooOld,
        Self::LogFull,
        Self::LogAge,
        Self::DiskFull,
        Self::Corrupt,
        Self::Double,
        Self::OutOfOrder,
        Self::Untried,
        Self::TooLarge,
        Self::NoSample,
    ];

    /// The value of the `reason` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Relabelled => "dropped_series",
            Self::TooOld => "too_old",
            Self::LogFull => "log_full",
            Self::LogAge => "log_age",
            Self::DiskFull => "disk_full",
            Self::Corrupt => "corrupt",
            Self::Double => "double",
            Self::OutOfOrder => "out_of_order",
            Self::Untried => "untried",
            Self::TooLarge => "too_large",
            Self::NoSample => "no_sample",
        }
    }
}

/// Everything that is counted for one destination. All of it may be read at any time.
#[derive(Debug, Default)]
pub struct Telemetry {
    /// Handed in by collectors.
    pub received: PerKind,
    /// Acknowledged by the backend.
    pub sent: PerKind,
    /// Refused by the backend for good, or answered with a partial write.
    pub failed: PerKind,
    /// Sent again after a failure that may pass.
    pub retried: PerKind,
    dropped: [PerKind; DropReason::ALL.len()],
    /// Handed to another node that sends it.
    pub handed_over: PerKind,
    /// Taken over from another node, to be sent from here.
    pub adopted: PerKind,
    /// Frames of other nodes that wait to be sent from here.
    pub adopted_frames: Gauge,
    /// Times that something was held back so that another node's older samples come first.
    pub holds: Counter,
    /// Holds that were given up because they took too long.
    pub holds_expired: Counter,
    /// Logs that are held back now.
    pub held_back: Gauge,
    /// Sealed and not yet acknowledged or given up: samples.
    pub pending_samples: Gauge,
    /// Sealed and not yet acknowledged or given up: native histograms.
    pub pending_histograms: Gauge,
    /// Sealed and not yet acknowledged or given up: exemplars.
    pub pending_exemplars: Gauge,
    /// Bytes of request bodies that were acknowledged, metadata left out.
    pub sent_bytes: Counter,
    /// Bytes of metadata requests that were acknowledged.
    pub sent_metadata_bytes: Counter,
    /// Attempts at writing a frame to the log that failed.
    pub append_failures: Counter,
    /// Requests in flight at most, now; as many more may be of what another node may have written, too.
    pub shards: Gauge,
    /// Requests in flight that the load calls for, in thousandths.
    pub shards_desired_milli: Gauge,
    /// The lower bound of the shards.
    pub shards_min: Gauge,
    /// The upper bound of the shards.
    pub shards_max: Gauge,
    /// Samples a shard keeps in memory.
    pub shard_capacity: Gauge,
    /// Samples in a request at most.
    pub max_samples_per_send: Gauge,
    /// The newest timestamp handed in, in milliseconds since the Unix epoch.
    pub highest_timestamp: Gauge,
    /// The newest timestamp acknowledged, in milliseconds since the Unix epoch.
    pub highest_sent_timestamp: Gauge,
    /// Bytes of the log that are not acknowledged yet.
    pub queue_bytes: Gauge,
    /// Frames that are not acknowledged yet.
    pub queue_frames: Gauge,
    /// When the oldest of them was sealed, in milliseconds since the Unix epoch; 0 when none waits.
    pub queue_oldest: Gauge,
    /// Bytes of the log's files.
    pub log_bytes: Gauge,
    /// Bytes of frames that wait in memory because the disk refuses them.
    pub unwritten_bytes: Gauge,
    /// Damaged places found in the log.
    pub corruptions: Counter,
    /// Bytes skipped at damaged places.
    pub corrupt_bytes: Counter,
    /// Requests of 1.0 that were halved because the backend named a double.
    pub bisections: Counter,
    /// Times the endpoint was found not to speak 2.0.
    pub fallbacks: Counter,
    /// How long requests took, successful or not.
    pub send_duration: DurationHistogram,
}

impl Telemetry {
    /// What was dropped for a reason.
    pub fn dropped(&self, reason: DropReason) -> &PerKind {
        &self.dropped[reason as usize]
    }
}

/// A histogram of durations with fixed buckets.
#[derive(Debug, Default)]
pub struct DurationHistogram {
    buckets: [Counter; Self::BOUNDS.len() + 1],
    sum_nanos: Counter,
}

impl DurationHistogram {
    /// Upper bounds of the buckets in seconds; a last bucket is for what is above. Those of
    /// Prometheus' `sent_batch_duration_seconds`.
    pub const BOUNDS: [f64; 15] =
        [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 120.0, 300.0];

    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = Self::BOUNDS.partition_point(|bound| *bound < seconds);
        self.buckets[bucket].add(1);
        self.sum_nanos.add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Cumulative counts for the bounds, then of everything.
    pub fn cumulative(&self) -> [u64; Self::BOUNDS.len() + 1] {
        let mut total = 0;
        std::array::from_fn(|index| {
            total += self.buckets[index].get();
            total
        })
    }

    /// Sum of the durations, in seconds.
    pub fn sum(&self) -> f64 {
        self.sum_nanos.get() as f64 / 1e9
    }
}

#[cfg(test)]
mod tests;
