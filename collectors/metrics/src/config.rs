//! What a scrape job asks for, checked and free of the configuration language.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use model::names::Scheme;

#[cfg(test)]
mod tests;

/// Everything that decides how the targets of one job are scraped.
///
/// Limits are counts or bytes; 0 means that there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct ScrapeConfig {
    /// The `job` label of targets that bring none.
    pub job_name: String,
    /// Whether labels of the page win over labels of the target.
    pub honor_labels: bool,
    /// Whether timestamps of the page win over the tick.
    pub honor_timestamps: bool,
    /// Whether series that bring their own timestamps get staleness markers too.
    pub track_timestamps_staleness: bool,
    /// Query parameters of the request.
    pub params: BTreeMap<String, Vec<String>>,
    /// Time between two ticks of a target.
    pub scrape_interval: Duration,
    /// Time from the request to the last byte; at most the interval.
    pub scrape_timeout: Duration,
    /// What is asked for, dearest first.
    pub scrape_protocols: Vec<Protocol>,
    /// What a page is taken for whose content type says nothing useful; `None` fails that scrape.
    pub scrape_fallback_protocol: Option<Protocol>,
    /// Path of the request.
    pub metrics_path: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Whether gzip is asked for.
    pub enable_compression: bool,
    /// Bytes of an uncompressed body; a longer one fails the scrape.
    pub body_size_limit: u64,
    /// Samples of a page; more fail the scrape.
    pub sample_limit: usize,
    /// Targets on this node; more fail every scrape.
    pub target_limit: usize,
    /// Labels of a series, those of the target included; more fail the scrape.
    pub label_limit: usize,
    /// Bytes of a label name; more fail the scrape.
    pub label_name_length_limit: usize,
    /// Bytes of a label value; more fail the scrape.
    pub label_value_length_limit: usize,
    /// Whether `scrape_timeout_seconds`, `scrape_sample_limit` and `scrape_body_size_bytes` are
    /// written too.
    pub extra_metrics: bool,
    /// Which names a page may use.
    pub name_validation: Scheme,
    /// What the target is asked to do with names that are not legacy names.
    pub name_escaping: NameEscaping,
    /// Whether native histograms of a page are taken; `false` takes their classic form.
    pub scrape_native_histograms: bool,
    /// Whether the classic form is taken beside a native histogram.
    pub scrape_classic_histograms: bool,
    /// Whether classic histograms become native ones with custom buckets.
    pub convert_classic_histograms_to_nhcb: bool,
    /// Buckets of a native histogram; more are merged, and fail the scrape if that is not enough.
    pub native_histogram_bucket_limit: usize,
    /// Smallest growth from bucket to bucket; finer histograms are merged. 0 asks for nothing.
    pub native_histogram_min_bucket_factor: f64,
    /// Whether a counter that says when it began gets a zero at that instant.
    pub start_timestamp_zero_ingestion: bool,
    /// Whether `__type__` and `__unit__` become labels of a series.
    pub enable_type_and_unit_labels: bool,
    /// A file that gets one line of JSON for each failed scrape.
    pub scrape_failure_log_file: Option<PathBuf>,
}

impl Default for ScrapeConfig {
    fn default() -> Self {
        Self {
            job_name: String::new(),
            honor_labels: false,
            honor_timestamps: true,
            track_timestamps_staleness: false,
            params: BTreeMap::new(),
            scrape_interval: Duration::from_secs(60),
            scrape_timeout: Duration::from_secs(10),
            scrape_protocols: Protocol::TEXT.to_vec(),
            scrape_fallback_protocol: Some(Protocol::PrometheusText0_0_4),
            metrics_path: "/metrics".into(),
            scheme: "http".into(),
            enable_compression: true,
            body_size_limit: 0,
            sample_limit: 0,
            target_limit: 0,
            label_limit: 0,
            label_name_length_limit: 0,
            label_value_length_limit: 0,
            extra_metrics: false,
            name_validation: Scheme::Legacy,
            name_escaping: NameEscaping::Underscores,
            scrape_native_histograms: false,
            scrape_classic_histograms: false,
            convert_classic_histograms_to_nhcb: false,
            native_histogram_bucket_limit: 0,
            native_histogram_min_bucket_factor: 0.0,
            start_timestamp_zero_ingestion: false,
            enable_type_and_unit_labels: false,
            scrape_failure_log_file: None,
        }
    }
}

impl ScrapeConfig {
    /// Every contradiction in the configuration, in the words of its arguments.
    pub fn check(&self) -> Result<(), Vec<ConfigError>> {
        let mut errors = Vec::new();
        if self.scrape_interval.is_zero() {
            errors.push(ConfigError::ZeroInterval);
        }
        if self.scrape_timeout.is_zero() {
            errors.push(ConfigError::ZeroTimeout);
        }
        if self.scrape_timeout > self.scrape_interval {
            errors.push(ConfigError::TimeoutPastInterval {
                timeout: self.scrape_timeout,
                interval: self.scrape_interval,
            });
        }
        if self.scrape_protocols.is_empty() {
            errors.push(ConfigError::NoProtocol);
        }
        for (index, protocol) in self.scrape_protocols.iter().enumerate() {
            if self.scrape_protocols[..index].contains(protocol) {
                errors.push(ConfigError::ProtocolTwice(*protocol));
            }
        }
        // Elsewhere there are none; an empty list has its own mistake.
        if self.scrape_native_histograms
            && !self.scrape_protocols.is_empty()
            && !self.scrape_protocols.contains(&Protocol::PrometheusProto)
        {
            errors.push(ConfigError::NativeHistogramsWithoutProtobuf);
        }
        if !matches!(self.scheme.as_str(), "http" | "https") {
            errors.push(ConfigError::Scheme(self.scheme.clone()));
        }
        if self.name_escaping == NameEscaping::AllowUtf8 && self.name_validation == Scheme::Legacy {
            errors.push(ConfigError::Utf8NamesAskedForButNotAllowed);
        }
        let factor = self.native_histogram_min_bucket_factor;
        if !factor.is_finite() || factor < 0.0 {
            errors.push(ConfigError::BucketFactor(factor));
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// The `Accept` header: the protocols in order, with falling weights.
    pub fn accept_header(&self) -> String {
        let mut weight = Protocol::ALL.len() + 1;
        let mut header = String::new();
        for protocol in &self.scrape_protocols {
            header.push_str(protocol.media_type());
            if matches!(protocol, Protocol::PrometheusText1_0_0 | Protocol::OpenMetricsText1_0_0) {
                header.push_str(";escaping=");
                header.push_str(self.name_escaping.as_str());
            }
            header.push_str(&format!(";q=0.{weight},"));
            weight -= 1;
        }
        header.push_str(&format!("*/*;q=0.{weight}"));
        header
    }
}

/// A way to expose metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Delimited protobuf messages, the only one with native histograms.
    PrometheusProto,
    /// OpenMetrics 1.0.
    OpenMetricsText1_0_0,
    /// OpenMetrics 0.0.1.
    OpenMetricsText0_0_1,
    /// Prometheus text with quoted names.
    PrometheusText1_0_0,
    /// Prometheus text.
    PrometheusText0_0_4,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::PrometheusProto,
        Self::OpenMetricsText1_0_0,
        Self::OpenMetricsText0_0_1,
        Self::PrometheusText1_0_0,
        Self::PrometheusText0_0_4,
    ];

    /// The default without native histograms.
    pub const TEXT: [Self; 4] = [
        Self::OpenMetricsText1_0_0,
        Self::OpenMetricsText0_0_1,
        Self::PrometheusText1_0_0,
        Self::PrometheusText0_0_4,
    ];

    /// The name in the configuration, `OpenMetricsText1.0.0` for example.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PrometheusProto => "PrometheusProto",
            Self::OpenMetricsText1_0_0 => "OpenMetricsText1.0.0",
            Self::OpenMetricsText0_0_1 => "OpenMetricsText0.0.1",
            Self::PrometheusText1_0_0 => "PrometheusText1.0.0",
            Self::PrometheusText0_0_4 => "PrometheusText0.0.4",
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::PrometheusProto => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
            }
            Self::OpenMetricsText1_0_0 => "application/openmetrics-text;version=1.0.0",
            Self::OpenMetricsText0_0_1 => "application/openmetrics-text;version=0.0.1",
            Self::PrometheusText1_0_0 => "text/plain;version=1.0.0",
            Self::PrometheusText0_0_4 => "text/plain;version=0.0.4",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the target is asked to do with names outside the legacy alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NameEscaping {
    /// Replace foreign characters by underscores.
    #[default]
    Underscores,
    /// Write dots as `_dot_`, other foreign characters as underscores.
    Dots,
    /// Prefix `U__` and write foreign characters as code points.
    Values,
    /// Leave the names alone and quote them.
    AllowUtf8,
}

impl NameEscaping {
    /// The name in the configuration and in the `Accept` header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Underscores => "underscores",
            Self::Dots => "dots",
            Self::Values => "values",
            Self::AllowUtf8 => "allow-utf-8",
        }
    }
}

/// A contradiction in a [`ScrapeConfig`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// See the message.
    #[error("scrape_interval must be longer than nothing")]
    ZeroInterval,
    /// See the message.
    #[error("scrape_timeout must be longer than nothing")]
    ZeroTimeout,
    /// See the message.
    #[error("scrape_timeout ({timeout:?}) must not be longer than scrape_interval ({interval:?})")]
    TimeoutPastInterval {
        /// What was given as `scrape_timeout`.
        timeout: Duration,
        /// What was given as `scrape_interval`.
        interval: Duration,
    },
    /// See the message.
    #[error("scrape_protocols must name at least one protocol")]
    NoProtocol,
    /// See the message.
    #[error("scrape_protocols names {0} twice")]
    ProtocolTwice(Protocol),
    /// See the message.
    #[error("scrape_native_histograms needs PrometheusProto in scrape_protocols")]
    NativeHistogramsWithoutProtobuf,
    /// See the message.
    #[error("scheme must be \"http\" or \"https\", not {0:?}")]
    Scheme(String),
    /// See the message.
    #[error(
        "metric_name_escaping_scheme \"allow-utf-8\" needs metric_name_validation_scheme \"utf8\""
    )]
    Utf8NamesAskedForButNotAllowed,
    /// See the message.
    #[error("native_histogram_min_bucket_factor must be a finite number from 0 on, not {0}")]
    BucketFactor(f64),
}
