//! What `prometheus.remote_write` takes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use client::{Client, MemoryDialer};
use delivery::{ConfigError, EndpointConfig, LogConfig, MetadataConfig, Protocol, QueueConfig};
use http::{HeaderMap, HeaderName, HeaderValue};
use model::Labels;
use syntax::{Arguments, ByteSize, Choice, Problems, Step};
use url::Url;
use xxhash_rust::xxh64::xxh64;

use super::unavailable::{AzureAd, GoogleIam, SigV4};
use crate::components::http_client::{self, HttpClient};
use crate::components::rule::{self, Rule};
use crate::components::{Refusal, source};

#[cfg(test)]
mod tests;

/// Everything that can be written.
#[derive(Debug, Arguments)]
#[arguments(validate = Self::validate)]
pub(crate) struct Input {
    /// Labels that every series gets which does not have them itself.
    #[arg(default = BTreeMap::new())]
    external_labels: BTreeMap<String, String>,
    /// Where to deliver; each is independent of the others.
    #[arg(rename = "endpoint", block)]
    endpoints: Vec<Endpoint>,
    /// The log on disk.
    #[arg(block, default)]
    wal: Wal,
}

/// `endpoint`
#[derive(Debug, Clone, PartialEq, Arguments)]
#[arguments(validate = Self::validate)]
pub(super) struct Endpoint {
    /// Where requests are posted.
    url: String,
    /// What metrics and logs call it. Renaming it begins a new log.
    #[arg(default = String::new())]
    name: String,
    /// How long one request may take.
    #[arg(default = Duration::from_secs(30))]
    remote_timeout: Duration,
    /// Headers of every request.
    #[arg(default = BTreeMap::new())]
    headers: BTreeMap<String, String>,
    /// Whether exemplars are sent.
    #[arg(default = true)]
    send_exemplars: bool,
    /// Whether native histograms are sent.
    #[arg(default = false)]
    send_native_histograms: bool,
    /// The version of the protocol: 1.0, or 2.0. Unless it is said, requests are of 1.0, but for those
    /// with what another node may have written, too. Where a backend does not know 2.0, all are of 1.0.
    protobuf_message: Option<Message>,
    /// Whether requests go to all addresses of the host in turn; only `false` can be honoured.
    #[arg(default = false)]
    round_robin_dns: bool,
    /// The client that sends. HTTP/2 is not offered unless `enable_http2` says so.
    #[arg(squash)]
    client: HttpClient,
    /// The queue.
    #[arg(block, default)]
    queue_config: Queue,
    /// What is told of metric families.
    #[arg(block, default)]
    metadata_config: Metadata,
    /// Rules that are applied to every series before it is sent.
    #[arg(rename = "write_relabel_config", block)]
    rules: Vec<Rule>,
    /// Signing for AWS; not available.
    #[arg(block)]
    sigv4: Option<SigV4>,
    /// Signing in to Azure; not available.
    #[arg(block)]
    azuread: Option<AzureAd>,
    /// Signing in to Google; not available.
    #[arg(block)]
    google_iam: Option<GoogleIam>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
enum Message {
    #[choice("prometheus.WriteRequest")]
    V1,
    #[choice("io.prometheus.write.v2.Request")]
    V2,
}

/// `queue_config`
#[derive(Debug, Clone, PartialEq, Arguments)]
#[arguments(validate = Self::validate)]
struct Queue {
    /// Samples per shard that are kept in memory, ready to send.
    #[arg(default = 10_000)]
    capacity: usize,
    /// Fewest requests in flight when there is something to send.
    #[arg(default = 1)]
    min_shards: usize,
    /// Most requests in flight.
    #[arg(default = 50)]
    max_shards: usize,
    /// Samples in a request at most.
    #[arg(default = 2_000)]
    max_samples_per_send: usize,
    /// How long a sample waits for others to fill its request, at most. It never waits longer than
    /// 500 ms after it came, which is what a crash can cost of it, as long as the disk takes it.
    #[arg(default = Duration::from_secs(5))]
    batch_send_deadline: Duration,
    /// The pause after the first failure of a request.
    #[arg(default = Duration::from_millis(30))]
    min_backoff: Duration,
    /// The longest pause between two attempts.
    #[arg(default = Duration::from_secs(5))]
    max_backoff: Duration,
    /// Whether a request that the backend answers with 429 is sent again.
    #[arg(default = true)]
    retry_on_http_429: bool,
    /// Samples older than this are not sent; 0 sends everything.
    #[arg(default = Duration::ZERO)]
    sample_age_limit: Duration,
}

/// `metadata_config`
#[derive(Debug, Clone, PartialEq, Arguments)]
#[arguments(validate = Self::validate)]
struct Metadata {
    /// Whether anything is told.
    #[arg(default = true)]
    send: bool,
    /// How often everything known is told.
    #[arg(default = Duration::from_secs(60))]
    send_interval: Duration,
    /// Families in a request at most.
    #[arg(default = 2_000)]
    max_samples_per_send: usize,
}

impl Queue {
    fn validate(&self, problems: &mut Problems<'_>) {
        report(problems, self.config().problems());
    }

    fn config(&self) -> QueueConfig {
        QueueConfig {
            capacity: self.capacity,
            min_shards: self.min_shards,
            max_shards: self.max_shards,
            max_samples_per_send: self.max_samples_per_send,
            batch_send_deadline: self.batch_send_deadline,
            min_backoff: self.min_backoff,
            max_backoff: self.max_backoff,
            retry_on_http_429: self.retry_on_http_429,
            sample_age_limit: self.sample_age_limit,
        }
    }
}

impl Metadata {
    fn validate(&self, problems: &mut Problems<'_>) {
        report(problems, self.config().problems());
    }

    fn config(&self) -> MetadataConfig {
        MetadataConfig {
            send: self.send,
            send_interval: self.send_interval,
            max_samples_per_send: self.max_samples_per_send,
        }
    }
}

/// Says what cannot be honoured of a block, each at its argument; of two that contradict each other
/// at one that is written.
fn report(problems: &mut Problems<'_>, errors: Vec<ConfigError>) {
    for error in errors {
        if !error.against.is_none_or(|other| problems.are_known(&[error.field, other])) {
            continue;
        }
        let fields = [Some(error.field), error.against];
        let written = fields.into_iter().flatten().find(|field| problems.is_written(field));
        problems.field(written.unwrap_or(error.field), error.to_string());
    }
}

/// How long Alloy keeps data at most that could not be delivered.
const KEEP: Duration = Duration::from_secs(8 * 3600);
/// How often Alloy cuts its log; Shoal gives back what was delivered at once.
const TRUNCATE: Duration = Duration::from_secs(2 * 3600);
/// How long Alloy keeps data at least.
const KEEP_AT_LEAST: Duration = Duration::from_secs(5 * 60);

/// `wal`
#[derive(Debug, Clone, PartialEq, Arguments)]
#[arguments(validate = Self::validate)]
struct Wal {
    /// Only the default can be honoured: what was delivered is given back at once.
    #[arg(default = TRUNCATE)]
    truncate_frequency: Duration,
    /// Only the default can be honoured: what was delivered is given back at once.
    #[arg(default = KEEP_AT_LEAST)]
    min_keepalive_time: Duration,
    /// What could not be delivered for so long is dropped.
    #[arg(default = KEEP)]
    max_keepalive_time: Duration,
    /// What the log of each endpoint takes of the disk at most, at least 1MiB; beyond it the oldest is
    /// dropped. What a node takes over from others that left may take as much again. Alloy has no
    /// such bound.
    #[arg(default = ByteSize(LogConfig::default().max_bytes))]
    max_size: ByteSize,
}

/// Room for the requests of a small node; with less, a single one could be most of the log.
const LEAST_SIZE: u64 = 1 << 20;

impl Wal {
    fn validate(&self, problems: &mut Problems<'_>) {
        let why = "the log gives back what was delivered at once; remove this argument";
        if self.truncate_frequency != TRUNCATE {
            problems.field("truncate_frequency", why);
        }
        if self.min_keepalive_time != KEEP_AT_LEAST {
            problems.field("min_keepalive_time", why);
        }
        if self.max_keepalive_time.is_zero() {
            problems.field("max_keepalive_time", "max_keepalive_time must be greater than 0");
        }
        if self.max_size.0 < LEAST_SIZE {
            problems.field("max_size", "max_size must be at least 1MiB");
        }
    }

    fn config(&self) -> LogConfig {
        LogConfig {
            max_age: self.max_keepalive_time,
            max_bytes: self.max_size.0,
            ..LogConfig::default()
        }
    }
}

/// An endpoint as it is wanted, comparable with what runs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    endpoint: Endpoint,
    /// Which one it is of those without a name that have one URL, from 0.
    place: usize,
    external_labels: BTreeMap<String, String>,
    log: LogConfig,
}

impl Input {
    fn validate(&self, problems: &mut Problems<'_>) {
        for name in self.external_labels.keys() {
            if !model::names::is_label_name(name, model::names::Scheme::Legacy) {
                let at = [Step::Key(name.clone())];
                problems.key("external_labels", &at, format!("{name:?} is no label name"));
            }
        }
        let mut names = BTreeSet::new();
        for (index, Endpoint { name, .. }) in self.endpoints.iter().enumerate() {
            if !name.is_empty() && !names.insert(name) {
                let text = format!("another endpoint has the name {name:?}, too");
                problems.nth_block("endpoint", index, text);
            }
        }
    }

    /// The endpoints, in their order.
    pub(super) fn endpoints(self) -> Result<Vec<Wanted>, Refusal> {
        let mut unnamed: BTreeMap<String, usize> = BTreeMap::new();
        let wanted = |endpoint: Endpoint| {
            let place = match endpoint.name.as_str() {
                "" => {
                    let before = unnamed.entry(endpoint.url.clone()).or_default();
                    *before += 1;
                    *before - 1
                }
                _ => 0,
            };
            let (external_labels, log) = (self.external_labels.clone(), self.wal.config());
            Wanted { endpoint, place, external_labels, log }
        };
        let wanted: Vec<Wanted> = self.endpoints.into_iter().map(wanted).collect();
        for wanted in &wanted {
            wanted.config()?;
        }
        Ok(wanted)
    }
}

impl Endpoint {
    fn validate(&self, problems: &mut Problems<'_>) {
        source::check_url(problems, "url", &self.url);
        if self.round_robin_dns {
            let text = "requests cannot be spread over the addresses of a host";
            problems.field("round_robin_dns", text);
        }
        for (name, value) in &self.headers {
            let at = [Step::Key(name.clone())];
            if name.parse::<HeaderName>().is_err() {
                problems.key("headers", &at, format!("the header {name:?} cannot be sent"));
            } else if client::is_reserved_header(name) {
                let text = format!(
                    "the header {name:?} is set by what is sent and how; use the \
                     arguments and blocks for credentials and hosts"
                );
                problems.key("headers", &at, text);
            }
            if value.parse::<HeaderValue>().is_err() {
                let text = format!("the value of the header {name:?} cannot be sent");
                problems.secret_part("headers", &at, text);
            }
        }
        if self.remote_timeout.is_zero() {
            problems.field("remote_timeout", "remote_timeout must be greater than 0s");
        }
    }

    /// What tells endpoints apart: the name, else the URL and the place among those of one URL, from 0.
    fn identity(&self, place: usize) -> String {
        match (self.name.as_str(), place) {
            ("", 0) => self.url.clone(),
            // No URL has a blank.
            ("", place) => format!("{} {place}", self.url),
            (name, _) => name.to_owned(),
        }
    }

    /// [`Self::identity`], fit for the name of a directory.
    fn key(&self, place: usize) -> String {
        let word = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let readable: String = self.name.chars().map(word).take(32).collect();
        let begin = if readable.is_empty() { "url".to_owned() } else { readable };
        format!("{begin}-{:016x}", xxh64(self.identity(place).as_bytes(), 0))
    }

    fn config(&self, url: Url, place: usize) -> EndpointConfig {
        let (protocol, overlap_protocol) = match self.protobuf_message {
            None => (Protocol::V1, Protocol::V2),
            Some(Message::V1) => (Protocol::V1, Protocol::V1),
            Some(Message::V2) => (Protocol::V2, Protocol::V2),
        };
        EndpointConfig {
            remote_timeout: self.remote_timeout,
            headers: self.headers.iter().filter_map(|(n, v)| header(n, v)).collect::<HeaderMap>(),
            protocol,
            overlap_protocol,
            send_exemplars: self.send_exemplars,
            send_native_histograms: self.send_native_histograms,
            queue: self.queue_config.config(),
            metadata: self.metadata_config.config(),
            ..EndpointConfig::new(self.shown_name(place), url)
        }
    }

    /// The value of the label `remote_name`.
    fn shown_name(&self, place: usize) -> String {
        if self.name.is_empty() {
            format!("{:06x}", xxh64(self.identity(place).as_bytes(), 0) & 0xFF_FFFF)
        } else {
            self.name.clone()
        }
    }
}

fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, value.parse().ok()?))
}

impl Wanted {
    /// What tells endpoints apart, fit for the name of a directory.
    pub(super) fn key(&self) -> String {
        self.endpoint.key(self.place)
    }

    /// How long what was not delivered is kept.
    pub(super) fn max_age(&self) -> Duration {
        self.log.max_age
    }

    /// The configuration of its delivery.
    pub(super) fn config(&self) -> Result<EndpointConfig, Refusal> {
        let url = Url::parse(&self.endpoint.url).map_err(Refusal::new)?;
        let config = EndpointConfig {
            external_labels: Labels::from_pairs(&self.external_labels),
            write_relabel: rule::compile(&self.endpoint.rules)?,
            log: self.log.clone(),
            ..self.endpoint.config(url, self.place)
        };
        config.validate().map_err(Refusal::new)?;
        Ok(config)
    }

    /// The client that sends.
    pub(super) fn client(&self, memory: Option<&MemoryDialer>) -> Result<Client, Refusal> {
        http_client::client(&self.endpoint.client.config(false), memory)
    }
}
