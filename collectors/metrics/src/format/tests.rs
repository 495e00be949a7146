use super::*;

#[test]
fn content_types_name_formats() {
    for (content_type, format) in [
        ("text/plain; version=0.0.4; charset=utf-8", Some(Format::Prometheus)),
        ("Text/Plain", Some(Format::Prometheus)),
        ("application/openmetrics-text; version=1.0.0", Some(Format::OpenMetrics)),
        (
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
            Some(Format::Protobuf),
        ),
        ("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily", None),
        ("text/html", None),
        ("", None),
    ] {
        assert_eq!(format_of(Some(content_type), None).ok(), format, "{content_type}");
    }
}

#[test]
fn the_fallback_is_for_what_names_no_format() {
    let fallback = Some(Protocol::OpenMetricsText0_0_1);
    assert_eq!(format_of(None, fallback), Ok(Format::OpenMetrics));
    assert_eq!(format_of(Some("text/html"), fallback), Ok(Format::OpenMetrics));
    assert_eq!(format_of(Some("text/plain"), fallback), Ok(Format::Prometheus));
    assert_eq!(
        format_of(Some("text/html"), None).unwrap_err().to_string(),
        "the content type \"text/html\" names no exposition format, and there is no \
         scrape_fallback_protocol"
    );
}
