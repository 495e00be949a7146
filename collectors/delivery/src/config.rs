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
    /// a refused sample takes no neighbour along. To write it costs twice as much CPU.
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
    /// The protocol of requests, until the endpoint is found not to understand 2.0.
    pub protocol: Protocol,
    /// The same of requests with what another node may have written, too.
    pub overlap_protocol: Protocol,
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
            overlap_protocol: Protocol::V2,
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
    /// from the log. At least 1.
    pub capacity: usize,
    /// Fewest requests in flight when there is something to send. At least 1.
    pub min_shards: usize,
    /// Most requests in flight, and as many more of what another node may have written, too. At least
    /// [`Self::min_shards`], at most [`Self::MAX_SHARDS`].
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
    /// The longest a sample stays in memory alone after it came to the endpoint, as long as the disk takes
    /// it: so much of what came `kill -9` can lose, and up to [`LogConfig::unwritten_bytes`] while it does not.
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
    /// How often everything known is sent (1.0); zero only where nothing is.
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
    /// The field beside it that it contradicts, if it is not wrong by itself.
    pub against: Option<&'static str>,
    /// What is wrong with it.
    pub problem: String,
}

impl ConfigError {
    fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self { field, against: None, problem: problem.into() }
    }

    fn against(self, other: &'static str) -> Self {
        Self { against: Some(other), ..self }
    }
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
        if !matches!(self.url.scheme(), "http" | "https") || self.url.host().is_none() {
            let problem = format!("must be http:// or https:// with a host: {}", self.url);
            return Err(ConfigError::new("url", problem));
        }
        if self.remote_timeout.is_zero() {
            return Err(ConfigError::new("remote_timeout", "must be greater than 0s"));
        }
        let rest = self.queue.problems().into_iter().chain(self.metadata.problems()).next();
        rest.map_or(Ok(()), Err)
    }
}

impl QueueConfig {
    /// Every field that cannot be honoured.
    pub fn problems(&self) -> Vec<ConfigError> {
        let mut problems = Vec::new();
        let mut wrong = |error| problems.push(error);
        if self.max_samples_per_send == 0 {
            wrong(ConfigError::new("max_samples_per_send", "must be at least 1"));
        }
        if self.min_shards == 0 {
            wrong(ConfigError::new("min_shards", "must be at least 1"));
        } else if self.min_shards > Self::MAX_SHARDS {
            let problem = format!("must be at most {}", Self::MAX_SHARDS);
            wrong(ConfigError::new("min_shards", problem));
        }
        if self.max_shards == 0 {
            wrong(ConfigError::new("max_shards", "must be at least 1"));
        } else if self.max_shards < self.min_shards && self.min_shards <= Self::MAX_SHARDS {
            let problem = format!("must be at least min_shards, which is {}", self.min_shards);
            wrong(ConfigError::new("max_shards", problem).against("min_shards"));
        }
        if self.max_shards > Self::MAX_SHARDS {
            let problem = format!("must be at most {}", Self::MAX_SHARDS);
            wrong(ConfigError::new("max_shards", problem));
        }
        if self.capacity == 0 {
            wrong(ConfigError::new("capacity", "must be at least 1"));
        }
        if self.batch_send_deadline.is_zero() {
            wrong(ConfigError::new("batch_send_deadline", "must be greater than 0s"));
        }
        if self.min_backoff.is_zero() {
            wrong(ConfigError::new("min_backoff", "must be greater than 0s"));
        }
        if self.max_backoff.is_zero() {
            wrong(ConfigError::new("max_backoff", "must be greater than 0s"));
        } else if self.max_backoff < self.min_backoff {
            let problem =
                format!("must be no longer than max_backoff, which is {:?}", self.max_backoff);
            wrong(ConfigError::new("min_backoff", problem).against("max_backoff"));
        }
        problems
    }
}

impl MetadataConfig {
    /// Every field that cannot be honoured; none matters where nothing is told.
    pub fn problems(&self) -> Vec<ConfigError> {
        let mut problems = Vec::new();
        if self.send && self.send_interval.is_zero() {
            problems
                .push(ConfigError::new("send_interval", "must be greater than 0s").against("send"));
        }
        if self.send && self.max_samples_per_send == 0 {
            let error = ConfigError::new("max_samples_per_send", "must be at least 1");
            problems.push(error.against("send"));
        }
        problems
    }
}
