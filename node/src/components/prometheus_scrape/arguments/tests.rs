use super::*;
use crate::components::testing::decode_at;
use syntax::Stability;

fn config(body: &str) -> ScrapeConfig {
    let body = format!("targets = targets\nforward_to = [receiver]\n{body}");
    let input: Input = decode_at(Stability::Experimental, &body).expect("it is right");
    input.config("prometheus.scrape.it")
}

#[test]
fn what_is_not_written_is_the_default() {
    let id = "prometheus.scrape.it".to_owned();
    assert_eq!(config(""), ScrapeConfig { job_name: id, ..ScrapeConfig::default() });
}

#[test]
fn every_argument_reaches_the_scraper() {
    let config = config(
        r#"
        job_name                           = "job"
        honor_labels                       = true
        honor_timestamps                   = false
        track_timestamps_staleness         = true
        params                             = { a = ["b", "c"] }
        scrape_interval                    = "7s"
        scrape_timeout                     = "3s"
        scrape_protocols                   = ["OpenMetricsText0.0.1", "PrometheusProto"]
        scrape_fallback_protocol           = "OpenMetricsText1.0.0"
        metrics_path                       = "/there"
        scheme                             = "https"
        body_size_limit                    = "1KiB"
        sample_limit                       = 2
        target_limit                       = 3
        label_limit                        = 4
        label_name_length_limit            = 5
        label_value_length_limit           = 6
        extra_metrics                      = true
        enable_protobuf_negotiation        = false
        enable_compression                 = false
        metric_name_validation_scheme      = "utf8"
        metric_name_escaping_scheme        = "dots"
        scrape_native_histograms           = true
        scrape_classic_histograms          = true
        convert_classic_histograms_to_nhcb = true
        native_histogram_bucket_limit      = 7
        native_histogram_min_bucket_factor = 1.5
        scrape_failure_log_file            = "/log"
        enable_type_and_unit_labels        = true
        start_timestamp_zero_ingestion     = true
        "#,
    );
    // Each of them, so that none can be forgotten.
    let expected = ScrapeConfig {
        job_name: "job".to_owned(),
        honor_labels: true,
        honor_timestamps: false,
        track_timestamps_staleness: true,
        params: [("a".to_owned(), vec!["b".to_owned(), "c".to_owned()])].into(),
        scrape_interval: Duration::from_secs(7),
        scrape_timeout: Duration::from_secs(3),
        scrape_protocols: vec![Protocol::OpenMetricsText0_0_1, Protocol::PrometheusProto],
        scrape_fallback_protocol: Some(Protocol::OpenMetricsText1_0_0),
        metrics_path: "/there".to_owned(),
        scheme: "https".to_owned(),
        enable_compression: false,
        body_size_limit: 1024,
        sample_limit: 2,
        target_limit: 3,
        label_limit: 4,
        label_name_length_limit: 5,
        label_value_length_limit: 6,
        extra_metrics: true,
        name_validation: Scheme::Utf8,
        name_escaping: NameEscaping::Dots,
        scrape_native_histograms: true,
        scrape_classic_histograms: true,
        convert_classic_histograms_to_nhcb: true,
        native_histogram_bucket_limit: 7,
        native_histogram_min_bucket_factor: 1.5,
        start_timestamp_zero_ingestion: true,
        enable_type_and_unit_labels: true,
        scrape_failure_log_file: Some("/log".into()),
    };
    assert_eq!(config, expected);
}

#[test]
fn native_histograms_have_protobuf_asked_for_first() {
    let text = Protocol::TEXT.map(|protocol| format!("{:?}", protocol.as_str())).join(", ");
    for body in [
        "scrape_native_histograms = true",
        "enable_protobuf_negotiation = true",
        // The default, written out.
        &format!("enable_protobuf_negotiation = true\nscrape_protocols = [{text}]"),
    ] {
        let config = config(body);
        assert!(config.scrape_native_histograms, "{body}");
        assert_eq!(config.scrape_protocols[0], Protocol::PrometheusProto, "{body}");
        assert_eq!(config.scrape_protocols[1..], Protocol::TEXT, "{body}");
    }
}

#[test]
fn names_are_left_as_they_are_where_any_may_be_used() {
    for more in ["", "\nmetric_name_escaping_scheme = \"\""] {
        let body = format!("metric_name_validation_scheme = \"utf8\"{more}");
        assert_eq!(config(&body).name_escaping, NameEscaping::AllowUtf8, "{more}");
    }
}

#[test]
fn a_page_need_not_be_taken_for_anything() {
    let fallback = config("scrape_fallback_protocol = \"\"").scrape_fallback_protocol;
    assert_eq!(fallback, None);
}
