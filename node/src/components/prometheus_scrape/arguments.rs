//! What `prometheus.scrape` takes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use metrics::{ConfigError, NameEscaping, Protocol, ScrapeConfig};
use model::names::Scheme;
use syntax::{Arguments, ByteSize, Choice, FromValue, IntoValue, Mismatch, Problems, Type, Value};

use crate::components::http_client::HttpClient;
use crate::components::receiver::MetricsReceiver;
use crate::components::targets::Targets;

#[cfg(test)]
mod tests;

/// Everything that can be written.
#[derive(Debug, Arguments)]
#[arguments(validate = Self::validate)]
pub(crate) struct Input {
    /// What to scrape.
    pub targets: Targets,
    /// Where the samples go.
    pub forward_to: Vec<Arc<MetricsReceiver>>,
    /// The `job` label of targets that bring none; the component's id unless said otherwise.
    job_name: Option<String>,
    /// Whether labels of a page win over labels of the target.
    #[arg(default = false)]
    honor_labels: bool,
    /// Whether timestamps of a page win over the time of the scrape.
    #[arg(default = true)]
    honor_timestamps: bool,
    /// Whether series that bring their own timestamps get staleness markers too.
    #[arg(default = false)]
    track_timestamps_staleness: bool,
    /// Query parameters of the request.
    #[arg(default = BTreeMap::new())]
    params: BTreeMap<String, Vec<String>>,
    /// Time between two scrapes of a target.
    #[arg(default = Duration::from_secs(60))]
    scrape_interval: Duration,
    /// How long a scrape may take; at most `scrape_interval`.
    #[arg(default = Duration::from_secs(10))]
    scrape_timeout: Duration,
    /// What is asked for, dearest first; with `scrape_native_histograms` the default begins with
    /// `PrometheusProto`.
    scrape_protocols: Option<Vec<ProtocolName>>,
    /// What a page is taken for whose content type says nothing useful; if empty, it is refused.
    #[arg(default = Fallback(Some(ProtocolName::PrometheusText0_0_4)))]
    scrape_fallback_protocol: Fallback,
    /// Path of the request.
    #[arg(default = "/metrics".to_owned())]
    metrics_path: String,
    /// `http` or `https`.
    #[arg(default = "http".to_owned())]
    scheme: String,
    /// Bytes of an uncompressed page; 0 is no limit.
    #[arg(default = ByteSize(0))]
    body_size_limit: ByteSize,
    /// Samples of a page; 0 is no limit.
    #[arg(default = 0)]
    sample_limit: usize,
    /// Targets of this component on this node; 0 is no limit.
    #[arg(default = 0)]
    target_limit: usize,
    /// Labels of a series; 0 is no limit.
    #[arg(default = 0)]
    label_limit: usize,
    /// Bytes of a label's name; 0 is no limit.
    #[arg(default = 0)]
    label_name_length_limit: usize,
    /// Bytes of a label's value; 0 is no limit.
    #[arg(default = 0)]
    label_value_length_limit: usize,
    /// Whether three more series about each scrape are written.
    #[arg(default = false)]
    extra_metrics: bool,
    /// Deprecated: the same as `scrape_native_histograms`, and not beside `scrape_protocols`.
    #[arg(default = false)]
    enable_protobuf_negotiation: bool,
    /// Whether gzip is asked for.
    #[arg(default = true)]
    enable_compression: bool,
    /// Which names a page may use.
    #[arg(default = ValidationName::Legacy)]
    metric_name_validation_scheme: ValidationName,
    /// How a target is asked to write names that are not legacy names; `underscores`, or
    /// `allow-utf-8` if such names may be used.
    #[arg(default = EscapingName::Unset)]
    metric_name_escaping_scheme: EscapingName,
    /// Whether native histograms are taken.
    #[arg(default = false)]
    scrape_native_histograms: bool,
    /// Whether the classic form is taken beside a native histogram.
    #[arg(default = false)]
    scrape_classic_histograms: bool,
    /// Whether classic histograms become native ones with custom buckets.
    #[arg(default = false)]
    convert_classic_histograms_to_nhcb: bool,
    /// Buckets of a native histogram; 0 is no limit.
    #[arg(default = 0)]
    native_histogram_bucket_limit: usize,
    /// Smallest growth from one bucket to the next; 0 asks for nothing.
    #[arg(default = 0.0)]
    native_histogram_min_bucket_factor: f64,
    /// A file that gets a line for each failed scrape.
    #[arg(default = String::new())]
    scrape_failure_log_file: String,
    /// Whether type, help and unit are kept with each series; only `false` can be honoured.
    #[arg(default = false, stability = experimental)]
    honor_metadata: bool,
    /// Whether type and unit become labels.
    #[arg(default = false, stability = experimental)]
    enable_type_and_unit_labels: bool,
    /// Whether a counter that says when it began gets a zero at that instant.
    #[arg(default = false, stability = experimental)]
    start_timestamp_zero_ingestion: bool,
    /// The client that asks.
    #[arg(squash)]
    pub client: HttpClient,
    /// Sharing of the targets among the nodes of the cluster.
    #[arg(block)]
    clustering: Option<Clustering>,
}

/// `clustering`
#[derive(Debug, Arguments)]
struct Clustering {
    /// Whether each target is scraped by one node of the cluster only.
    enabled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
enum ProtocolName {
    #[choice("PrometheusProto")]
    PrometheusProto,
    #[choice("OpenMetricsText1.0.0")]
    OpenMetricsText1_0_0,
    #[choice("OpenMetricsText0.0.1")]
    OpenMetricsText0_0_1,
    #[choice("PrometheusText1.0.0")]
    PrometheusText1_0_0,
    #[choice("PrometheusText0.0.4")]
    PrometheusText0_0_4,
}

impl ProtocolName {
    fn protocol(self) -> Protocol {
        match self {
            Self::PrometheusProto => Protocol::PrometheusProto,
            Self::OpenMetricsText1_0_0 => Protocol::OpenMetricsText1_0_0,
            Self::OpenMetricsText0_0_1 => Protocol::OpenMetricsText0_0_1,
            Self::PrometheusText1_0_0 => Protocol::PrometheusText1_0_0,
            Self::PrometheusText0_0_4 => Protocol::PrometheusText0_0_4,
        }
    }
}

/// A protocol, or the empty string.
#[derive(Debug)]
struct Fallback(Option<ProtocolName>);

impl FromValue for Fallback {
    fn kind() -> Type {
        ProtocolName::kind()
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        match value {
            Value::String(name) if name.is_empty() => Ok(Self(None)),
            name => ProtocolName::from_known(name).map(|name| Self(Some(name))),
        }
    }
}

impl IntoValue for Fallback {
    fn to_value(&self) -> Value {
        self.0.map_or_else(|| Value::string(""), |name| name.to_value())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
enum ValidationName {
    #[choice("legacy")]
    Legacy,
    #[choice("utf8")]
    Utf8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
enum EscapingName {
    #[choice("")]
    Unset,
    #[choice("underscores")]
    Underscores,
    #[choice("dots")]
    Dots,
    #[choice("values")]
    Values,
    #[choice("allow-utf-8")]
    AllowUtf8,
}

impl Input {
    fn validate(&self, problems: &mut Problems<'_>) {
        if self.honor_metadata {
            problems.field(
                "honor_metadata",
                "metadata travels with every batch already; remove this argument",
            );
        }
        let both = ["enable_protobuf_negotiation", "scrape_protocols"];
        if self.enable_protobuf_negotiation && self.chosen().is_some() && problems.are_known(&both)
        {
            problems.field(
                both[0],
                "enable_protobuf_negotiation and scrape_protocols exclude each other",
            );
        }
        for error in self.config("").check().err().into_iter().flatten() {
            let fields = fields_of(&error);
            if problems.are_known(fields) {
                // Of two, one that is written.
                let written = fields.iter().find(|field| problems.is_written(field));
                problems.field(written.unwrap_or(&fields[0]), error.to_string());
            }
        }
    }

    /// Whether the targets are shared with the cluster.
    pub(super) fn clustered(&self) -> bool {
        self.clustering.as_ref().is_some_and(|clustering| clustering.enabled)
    }

    /// The configuration of the scraper. `id` is the component's.
    pub(super) fn config(&self, id: &str) -> ScrapeConfig {
        ScrapeConfig {
            job_name: self.job_name.clone().unwrap_or_else(|| id.to_owned()),
            honor_labels: self.honor_labels,
            honor_timestamps: self.honor_timestamps,
            track_timestamps_staleness: self.track_timestamps_staleness,
            params: self.params.clone(),
            scrape_interval: self.scrape_interval,
            scrape_timeout: self.scrape_timeout,
            scrape_protocols: self.protocols(),
            scrape_fallback_protocol: self.scrape_fallback_protocol.0.map(ProtocolName::protocol),
            metrics_path: self.metrics_path.clone(),
            scheme: self.scheme.clone(),
            enable_compression: self.enable_compression,
            body_size_limit: self.body_size_limit.0,
            sample_limit: self.sample_limit,
            target_limit: self.target_limit,
            label_limit: self.label_limit,
            label_name_length_limit: self.label_name_length_limit,
            label_value_length_limit: self.label_value_length_limit,
            extra_metrics: self.extra_metrics,
            name_validation: match self.metric_name_validation_scheme {
                ValidationName::Legacy => Scheme::Legacy,
                ValidationName::Utf8 => Scheme::Utf8,
            },
            name_escaping: self.escaping(),
            scrape_native_histograms: self.native_histograms(),
            scrape_classic_histograms: self.scrape_classic_histograms,
            convert_classic_histograms_to_nhcb: self.convert_classic_histograms_to_nhcb,
            native_histogram_bucket_limit: self.native_histogram_bucket_limit,
            native_histogram_min_bucket_factor: self.native_histogram_min_bucket_factor,
            start_timestamp_zero_ingestion: self.start_timestamp_zero_ingestion,
            enable_type_and_unit_labels: self.enable_type_and_unit_labels,
            scrape_failure_log_file: Some(PathBuf::from(&self.scrape_failure_log_file))
                .filter(|path| !path.as_os_str().is_empty()),
        }
    }

    /// Whether native histograms are taken: the deprecated argument asks for them, too, except where
    /// it is a mistake and nothing follows from it.
    fn native_histograms(&self) -> bool {
        self.scrape_native_histograms
            || (self.enable_protobuf_negotiation && self.chosen().is_none())
    }

    /// The protocols that are written. The default, written out, is as good as not written.
    fn chosen(&self) -> Option<Vec<Protocol>> {
        let names = self.scrape_protocols.as_ref()?;
        let protocols: Vec<Protocol> = names.iter().map(|name| name.protocol()).collect();
        (protocols != Protocol::TEXT).then_some(protocols)
    }

    fn protocols(&self) -> Vec<Protocol> {
        let native = self.native_histograms().then_some(Protocol::PrometheusProto);
        self.chosen().unwrap_or_else(|| native.into_iter().chain(Protocol::TEXT).collect())
    }

    fn escaping(&self) -> NameEscaping {
        match (self.metric_name_escaping_scheme, self.metric_name_validation_scheme) {
            (EscapingName::Underscores, _) | (EscapingName::Unset, ValidationName::Legacy) => {
                NameEscaping::Underscores
            }
            (EscapingName::Dots, _) => NameEscaping::Dots,
            (EscapingName::Values, _) => NameEscaping::Values,
            (EscapingName::AllowUtf8, _) | (EscapingName::Unset, ValidationName::Utf8) => {
                NameEscaping::AllowUtf8
            }
        }
    }
}

/// The arguments that contradict each other or themselves, the one that is best changed first.
fn fields_of(error: &ConfigError) -> &'static [&'static str] {
    match error {
        ConfigError::ZeroInterval => &["scrape_interval"],
        ConfigError::ZeroTimeout => &["scrape_timeout"],
        ConfigError::TimeoutPastInterval { .. } => &["scrape_timeout", "scrape_interval"],
        ConfigError::NoProtocol | ConfigError::ProtocolTwice(_) => &["scrape_protocols"],
        ConfigError::NativeHistogramsWithoutProtobuf => {
            &["scrape_native_histograms", "scrape_protocols"]
        }
        ConfigError::Scheme(_) => &["scheme"],
        ConfigError::Utf8NamesAskedForButNotAllowed => {
            &["metric_name_escaping_scheme", "metric_name_validation_scheme"]
        }
        ConfigError::BucketFactor(_) => &["native_histogram_min_bucket_factor"],
    }
}
