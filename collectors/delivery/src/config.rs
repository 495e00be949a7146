//! What one endpoint is told: where to send, in which protocol, how fast and how patiently.

use std::time::Duration;

use http::HeaderMap;
use model::Labels;
use model::relabel::Rules;
use url::Url;

/// The version of remote write to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// `prometheus.WriteRequest`: understood everywhere.
    #[default]
    V1,
    /// `io.prometheus.write.v2.Request`: smaller, with metadata and start timestamps in place, and
    /// a refused sample takes no neighbour along. Falls back to 1.0 when the backend answers 415.
    V2,
}

/// Everything about one endpoint but how to connect, which is the HTTP client's.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// What telemetry and log lines call the endpoint.
    pub name: String,
    /// Where requests are posted.
    pub url: Url,
    /// How long one request may take, from connecting to the end of the answer.
    pub remote_timeout: Duration,
    /// Additional headers. Those that the protocol itself sets cannot be overridden.
    pub headers: HeaderMap,
    /// The `User-Agent`.
    pub user_agent: String,
    /// The protocol to begin with.
    pub protocol: Protocol,
    /// Whether exemplars are sent.
    pub send_exemplars: bool,
    /// Whether native histograms are sent.
    pub send_native_histograms: bool,
    /// Labels added to every series that does not have them itself.
    pub external_labels: Labels,
    /// Rules applied to every series, external labels included, before it is sent.
    pub write_relabel: Rules,
    /// The queue.
    pub queue: QueueConfig,
    /// What is told of metric families.
    pub metadata: MetadataConfig,
    /// The durable log.
    pub log: LogConfig,
}

impl EndpointConfig {
    /// An endpoint with the defaults of `prometheus.remote_write`.
    pub fn new(name: impl Into<String>, url: Url) -> Self {
        Self {
            name: name.into(),
            url,
            remote_timeout: Duration::from_secs(30),
            headers: HeaderMap::new(),
            user_agent: concat!("Shoal/", env!("CARGO_PKG_VERSION")).to_owned(),
            protocol: Protocol::V1,
            send_exemplars: true,
            send_native_histograms: false,
            external_labels: Labels::default(),
            write_relabel: Rules::default(),
            queue: QueueConfig::default(),
            metadata: MetadataConfig::default(),
            log: LogConfig::default(),
        }
    }
}

/// How samples become requests, and how requests are repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueConfig {
    /// Samples per shard that are kept in memory, ready to send; what is behind them is read back
    /// from the log. At least [`Self::max_samples_per_send`].
    pub capacity: usize,
    /// Fewest requests in flight when there is something to send. At least 1.
    pub min_shards: usize,
    /// Most requests in flight. At least [`Self::min_shards`], at most [`Self::MAX_SHARDS`].
    pub max_shards: usize,
    /// Samples in a request at most. At least 1.
    pub max_samples_per_send: usize,
    /// How long a sample waits for others to fill its request. Requests are sealed into the log
    /// after [`Self::MAX_UNSEALED`] at the latest, so that little is lost with the process.
    pub batch_send_deadline: Duration,
    /// The pause after the first failure of a request.
    pub min_backoff: Duration,
    /// The longest pause between two attempts, unless the backend asks for a longer one.
    pub max_backoff: Duration,
    /// Whether a 429 is repeated; otherwise it drops the request like every other 4xx.
    pub retry_on_http_429: bool,
    /// Samples older than this are not sent; zero sends everything.
    pub sample_age_limit: Duration,
}

impl QueueConfig {
    /// Bound on the shards, so that a mistaken configuration cannot open thousands of connections.
    pub const MAX_SHARDS: usize = 1024;
    /// The longest a sample stays in memory alone: what `kill -9` can lose.
    pub const MAX_UNSEALED: Duration = Duration::from_millis(500);

    /// How long an open frame waits before it is sealed into the log.
    pub fn seal_after(&self) -> Duration {
        self.batch_send_deadline.min(Self::MAX_UNSEALED)
    }
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            min_shards: 1,
            max_shards: 50,
            max_samples_per_send: 2_000,
            batch_send_deadline: Duration::from_secs(5),
            min_backoff: Duration::from_millis(30),
            max_backoff: Duration::from_secs(5),
            retry_on_http_429: true,
            sample_age_limit: Duration::ZERO,
        }
    }
}

/// What is told of metric families. Protocol 2.0 carries it with every series; 1.0 in requests of
/// their own.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataConfig {
    /// Whether anything is told.
    pub send: bool,
    /// How often everything known is sent (1.0).
    pub send_interval: Duration,
    /// Families in a request at most (1.0).
    pub max_samples_per_send: usize,
}

impl Default for MetadataConfig {
    fn default() -> Self {
        Self { send: true, send_interval: Duration::from_secs(60), max_samples_per_send: 2_000 }
    }
}

/// Bounds of the durable log of one endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct LogConfig {
    /// Bytes on disk at most; the oldest segment goes first. Holds hours of a busy node, and is
    /// small beside the disk of any machine that Shoal runs on; a guess.
    pub max_bytes: u64,
    /// Frames older than this are dropped.
    pub max_age: Duration,
    /// Bytes of a segment, the unit in which disk space is given back.
    pub segment_bytes: u64,
    /// How often what was written is forced to the disk. What `kill -9` takes does not depend on
    /// it; what a power failure takes does.
    pub sync_interval: Duration,
    /// Bytes of sealed frames that are kept in memory while the disk refuses them.
    pub unwritten_bytes: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            max_bytes: 10 << 30,
            max_age: Duration::from_secs(8 * 3600),
            segment_bytes: 64 << 20,
            sync_interval: Duration::from_secs(1),
            unwritten_bytes: 32 << 20,
        }
    }
}

/// A field of an [`EndpointConfig`] that cannot be honoured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct ConfigError {
    /// The field, as the configuration language calls it.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl EndpointConfig {
    /// A name for the directory of the endpoint's log: the same for as long as name and URL are, so
    /// that a changed configuration finds the queue of the one before. Query and password of the
    /// URL take part in the hash alone.
    pub fn directory_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let name: String = self.name.chars().take(40).map(plain).collect();
        let identity = [self.name.as_bytes(), &[0], self.url.as_str().as_bytes()].concat();
        format!("{name}-{:016x}", xxhash_rust::xxh3::xxh3_64(&identity))
    }

    /// Finds the first field that cannot be honoured.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let queue = &self.queue;
        let wrong = |field, problem: String| Err(ConfigError { field, problem });
        if !matches!(self.url.scheme(), "http" | "https") || self.url.host().is_none() {
            return wrong("url", format!("must be http:// or https:// with a host: {}", self.url));
        }
        if self.remote_timeout.is_zero() {
            return wrong("remote_timeout", "must be greater than 0s".to_owned());
        }
        if queue.max_samples_per_send == 0 {
            return wrong("max_samples_per_send", "must be at least 1".to_owned());
        }
        if queue.min_shards == 0 {
            return wrong("min_shards", "must be at least 1".to_owned());
        }
        if queue.max_shards < queue.min_shards {
            let least = queue.min_shards;
            return wrong("max_shards", format!("must be at least min_shards, which is {least}"));
        }
        if queue.max_shards > QueueConfig::MAX_SHARDS {
            return wrong("max_shards", format!("must be at most {}", QueueConfig::MAX_SHARDS));
        }
        if queue.capacity == 0 {
            return wrong("capacity", "must be at least 1".to_owned());
        }
        if queue.batch_send_deadline.is_zero() {
            return wrong("batch_send_deadline", "must be greater than 0s".to_owned());
        }
        if queue.min_backoff.is_zero() || queue.max_backoff < queue.min_backoff {
            let problem = "must be greater than 0s and no longer than max_backoff";
            return wrong("min_backoff", problem.to_owned());
        }
        if self.metadata.send && self.metadata.send_interval.is_zero() {
            return wrong("send_interval", "must be greater than 0s".to_owned());
        }
        if self.metadata.send && self.metadata.max_samples_per_send == 0 {
            return wrong("metadata_config.max_samples_per_send", "must be at least 1".to_owned());
        }
        Ok(())
    }
}
