//! Telemetry as a list of named readings, for whoever renders it.

use super::{Counter, DropReason, DurationHistogram, Gauge, PerKind, Telemetry};

/// One number of a [`Telemetry`], with the name that Prometheus' dashboards know it by.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The name of the metric.
    pub name: &'static str,
    /// Its help.
    pub help: &'static str,
    /// A label beyond those that name the endpoint.
    pub label: Option<(&'static str, &'static str)>,
    /// The number.
    pub value: Value,
}

/// The value of a reading.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Only grows.
    Counter(f64),
    /// Goes up and down.
    Gauge(f64),
    /// Durations in seconds.
    Histogram {
        /// Upper bounds, and how many were at or below each.
        buckets: Vec<(f64, u64)>,
        /// How many in all.
        count: u64,
        /// Their sum.
        sum: f64,
    },
}

impl Telemetry {
    /// Every reading; those of one name come one after another.
    pub fn readings(&self, now_ms: i64) -> Vec<Reading> {
        let mut list = List(Vec::with_capacity(64));
        self.read_counters(&mut list);
        self.read_queue(&mut list, now_ms);
        list.0
    }

    fn read_counters(&self, list: &mut List) {
        list.counter(
            "shoal_delivery_samples_in_total",
            "Samples handed to the endpoint.",
            &self.received.samples,
        );
        list.counter(
            "shoal_delivery_histograms_in_total",
            "Histograms handed to the endpoint.",
            &self.received.histograms,
        );
        list.counter(
            "shoal_delivery_exemplars_in_total",
            "Exemplars handed to the endpoint.",
            &self.received.exemplars,
        );
        list.per_kind(
            &self.sent,
            [
                ("prometheus_remote_storage_samples_total", "Samples sent and acknowledged."),
                ("prometheus_remote_storage_histograms_total", "Histograms sent and acknowledged."),
                ("prometheus_remote_storage_exemplars_total", "Exemplars sent and acknowledged."),
                ("prometheus_remote_storage_metadata_total", "Metadata sent and acknowledged."),
            ],
        );
        list.per_kind(
            &self.failed,
            [
                ("prometheus_remote_storage_samples_failed_total", "Samples refused for good."),
                (
                    "prometheus_remote_storage_histograms_failed_total",
                    "Histograms refused for good.",
                ),
                ("prometheus_remote_storage_exemplars_failed_total", "Exemplars refused for good."),
                ("prometheus_remote_storage_metadata_failed_total", "Metadata refused for good."),
            ],
        );
        list.per_kind(
            &self.retried,
            [
                ("prometheus_remote_storage_samples_retried_total", "Samples sent again."),
                ("prometheus_remote_storage_histograms_retried_total", "Histograms sent again."),
                ("prometheus_remote_storage_exemplars_retried_total", "Exemplars sent again."),
                ("prometheus_remote_storage_metadata_retried_total", "Metadata sent again."),
            ],
        );
        self.read_dropped(list);
        list.counter(
            "prometheus_remote_storage_bytes_total",
            "Bytes of data sent, metadata left out, after compression.",
            &self.sent_bytes,
        );
        list.counter(
            "prometheus_remote_storage_metadata_bytes_total",
            "Bytes of metadata sent, after compression.",
            &self.sent_metadata_bytes,
        );
        list.counter(
            "prometheus_remote_storage_enqueue_retries_total",
            "Attempts at writing to the log that failed.",
            &self.append_failures,
        );
        let cumulative = self.send_duration.cumulative();
        list.push(
            "prometheus_remote_storage_sent_batch_duration_seconds",
            "How long requests took.",
            None,
            Value::Histogram {
                buckets: DurationHistogram::BOUNDS.into_iter().zip(cumulative).collect(),
                count: cumulative[DurationHistogram::BOUNDS.len()],
                sum: self.send_duration.sum(),
            },
        );
        list.counter(
            "shoal_delivery_log_corruptions_total",
            "Damaged places found in the log.",
            &self.corruptions,
        );
        list.counter(
            "shoal_delivery_log_corrupt_bytes_total",
            "Bytes skipped at damaged places of the log.",
            &self.corrupt_bytes,
        );
        list.counter(
            "shoal_delivery_bisections_total",
            "Requests halved because the backend named a double.",
            &self.bisections,
        );
        list.counter(
            "shoal_delivery_handed_over_samples_total",
            "Samples that another node sends in place of this one.",
            &self.handed_over.samples,
        );
        list.counter(
            "shoal_delivery_adopted_samples_total",
            "Samples that this node sends in place of another.",
            &self.adopted.samples,
        );
        list.counter(
            "shoal_delivery_holds_total",
            "Times that samples waited for older ones of another node.",
            &self.holds,
        );
        list.counter(
            "shoal_delivery_holds_expired_total",
            "Holds that were given up because they took too long.",
            &self.holds_expired,
        );
        list.counter(
            "shoal_delivery_protocol_fallbacks_total",
            "Times the endpoint was found not to speak 2.0.",
            &self.fallbacks,
        );
    }

    fn read_dropped(&self, list: &mut List) {
        for (pick, name, help) in DROPPED {
            for reason in DropReason::ALL {
                let value = pick(self.dropped(reason)).get() as f64;
                list.push(name, help, Some(("reason", reason.as_str())), Value::Counter(value));
            }
        }
    }

    fn read_queue(&self, list: &mut List, now_ms: i64) {
        list.gauge(
            "prometheus_remote_storage_samples_pending",
            "Samples waiting to be acknowledged.",
            &self.pending_samples,
            1.0,
        );
        list.gauge(
            "prometheus_remote_storage_histograms_pending",
            "Histograms waiting to be acknowledged.",
            &self.pending_histograms,
            1.0,
        );
        list.gauge(
            "prometheus_remote_storage_exemplars_pending",
            "Exemplars waiting to be acknowledged.",
            &self.pending_exemplars,
            1.0,
        );
        list.gauge(
            "prometheus_remote_storage_shards",
            "Requests in flight at most.",
            &self.shards,
            1.0,
        );
        list.gauge(
            "prometheus_remote_storage_shards_desired",
            "Shards that the load calls for.",
            &self.shards_desired_milli,
            1e-3,
        );
        list.gauge("prometheus_remote_storage_shards_min", "Fewest shards.", &self.shards_min, 1.0);
        list.gauge("prometheus_remote_storage_shards_max", "Most shards.", &self.shards_max, 1.0);
        list.gauge(
            "prometheus_remote_storage_shard_capacity",
            "Samples a shard keeps in memory.",
            &self.shard_capacity,
            1.0,
        );
        list.gauge(
            "prometheus_remote_storage_max_samples_per_send",
            "Samples in a request at most.",
            &self.max_samples_per_send,
            1.0,
        );
        list.gauge(
            "shoal_delivery_highest_timestamp_seconds",
            "Newest timestamp handed to the endpoint.",
            &self.highest_timestamp,
            1e-3,
        );
        list.gauge(
            "prometheus_remote_storage_queue_highest_sent_timestamp_seconds",
            "Newest timestamp acknowledged.",
            &self.highest_sent_timestamp,
            1e-3,
        );
        list.gauge(
            "shoal_delivery_queue_bytes",
            "Bytes waiting to be acknowledged.",
            &self.queue_bytes,
            1.0,
        );
        list.gauge(
            "shoal_delivery_queue_frames",
            "Frames waiting to be acknowledged.",
            &self.queue_frames,
            1.0,
        );
        list.push(
            "shoal_delivery_queue_oldest_seconds",
            "Age of the oldest frame that waits.",
            None,
            Value::Gauge(self.oldest_age_ms(now_ms) as f64 / 1e3),
        );
        list.gauge(
            "shoal_delivery_adopted_frames",
            "Frames of other nodes that wait to be sent from here.",
            &self.adopted_frames,
            1.0,
        );
        list.gauge(
            "shoal_delivery_held_back",
            "Logs that wait for older samples of another node now.",
            &self.held_back,
            1.0,
        );
        list.gauge("shoal_delivery_log_bytes", "Bytes of the log's files.", &self.log_bytes, 1.0);
        list.gauge(
            "shoal_delivery_unwritten_bytes",
            "Bytes that wait in memory because the disk refuses them.",
            &self.unwritten_bytes,
            1.0,
        );
    }

    /// Age of the oldest frame that waits, in milliseconds; 0 when none does.
    pub fn oldest_age_ms(&self, now_ms: i64) -> i64 {
        match self.queue_oldest.get() {
            0 => 0,
            sealed => now_ms.saturating_sub(sealed).max(0),
        }
    }
}

type Pick = fn(&PerKind) -> &Counter;

const DROPPED: [(Pick, &str, &str); 3] = [
    (
        |kinds| &kinds.samples,
        "prometheus_remote_storage_samples_dropped_total",
        "Samples dropped before they were sent.",
    ),
    (
        |kinds| &kinds.histograms,
        "prometheus_remote_storage_histograms_dropped_total",
        "Histograms dropped before they were sent.",
    ),
    (
        |kinds| &kinds.exemplars,
        "prometheus_remote_storage_exemplars_dropped_total",
        "Exemplars dropped before they were sent.",
    ),
];

struct List(Vec<Reading>);

impl List {
    fn push(
        &mut self,
        name: &'static str,
        help: &'static str,
        label: Option<(&'static str, &'static str)>,
        value: Value,
    ) {
        self.0.push(Reading { name, help, label, value });
    }

    fn counter(&mut self, name: &'static str, help: &'static str, counter: &Counter) {
        self.push(name, help, None, Value::Counter(counter.get() as f64));
    }

    fn gauge(&mut self, name: &'static str, help: &'static str, gauge: &Gauge, unit: f64) {
        self.push(name, help, None, Value::Gauge(gauge.get() as f64 * unit));
    }

    fn per_kind(&mut self, kinds: &PerKind, names: [(&'static str, &'static str); 4]) {
        let counters = [&kinds.samples, &kinds.histograms, &kinds.exemplars, &kinds.metadata];
        for ((name, help), counter) in names.into_iter().zip(counters) {
            self.push(name, help, None, Value::Counter(counter.get() as f64));
        }
    }
}
