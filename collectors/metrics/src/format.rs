//! Which format a response is in.

use crate::config::Protocol;
use crate::page::PageError;

#[cfg(test)]
mod tests;

/// How a page has to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus text, any version.
    Prometheus,
    /// OpenMetrics text, any version.
    OpenMetrics,
    /// Delimited protobuf messages.
    Protobuf,
}

impl From<Protocol> for Format {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::PrometheusProto => Self::Protobuf,
            Protocol::OpenMetricsText1_0_0 | Protocol::OpenMetricsText0_0_1 => Self::OpenMetrics,
            Protocol::PrometheusText1_0_0 | Protocol::PrometheusText0_0_4 => Self::Prometheus,
        }
    }
}

/// The format that a `Content-Type` names; the fallback for one that names none.
pub(crate) fn format_of(
    content_type: Option<&str>,
    fallback: Option<Protocol>,
) -> Result<Format, PageError> {
    content_type.and_then(named).or(fallback.map(Format::from)).ok_or_else(|| {
        PageError::ContentType(content_type.unwrap_or_default().chars().take(100).collect())
    })
}

fn named(content_type: &str) -> Option<Format> {
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next()?.to_ascii_lowercase();
    match media_type.as_str() {
        "text/plain" => Some(Format::Prometheus),
        "application/openmetrics-text" => Some(Format::OpenMetrics),
        "application/vnd.google.protobuf" => {
            let parameter = |name: &str, value: &str| {
                content_type.split(';').skip(1).filter_map(|part| part.split_once('=')).any(
                    |(n, v)| {
                        n.trim().eq_ignore_ascii_case(name)
                            && v.trim().trim_matches('"').eq_ignore_ascii_case(value)
                    },
                )
            };
            let is_ours = parameter("proto", "io.prometheus.client.MetricFamily")
                && parameter("encoding", "delimited");
            is_ours.then_some(Format::Protobuf)
        }
        _ => None,
    }
}
