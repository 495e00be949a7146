use super::*;

#[test]
fn the_default_accept_header_is_that_of_prometheus() {
    assert_eq!(
        ScrapeConfig::default().accept_header(),
        "application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.6,\
         application/openmetrics-text;version=0.0.1;q=0.5,\
         text/plain;version=1.0.0;escaping=underscores;q=0.4,\
         text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    );
}

#[test]
fn all_contradictions_are_reported_at_once() {
    let config = ScrapeConfig {
        scrape_interval: Duration::from_secs(1),
        scrape_timeout: Duration::from_secs(2),
        scrape_protocols: vec![Protocol::PrometheusProto, Protocol::PrometheusProto],
        scheme: "gopher".into(),
        name_escaping: NameEscaping::AllowUtf8,
        native_histogram_min_bucket_factor: f64::NAN,
        ..ScrapeConfig::default()
    };
    let errors = config.check().unwrap_err();
    assert_eq!(errors.len(), 5, "{errors:?}");
    assert_eq!(
        errors[0].to_string(),
        "scrape_timeout (2s) must not be longer than scrape_interval (1s)"
    );
}

#[test]
fn native_histograms_need_the_protocol_that_has_them() {
    let check = |protocols: &[Protocol]| {
        let config = ScrapeConfig {
            scrape_native_histograms: true,
            scrape_protocols: protocols.to_vec(),
            ..ScrapeConfig::default()
        };
        config.check()
    };
    let refused = Err(vec![ConfigError::NativeHistogramsWithoutProtobuf]);
    assert_eq!(check(&Protocol::TEXT), refused);
    assert_eq!(check(&[Protocol::OpenMetricsText1_0_0, Protocol::PrometheusProto]), Ok(()));
    assert_eq!(check(&[]), Err(vec![ConfigError::NoProtocol]));
}

#[test]
fn the_default_has_no_contradiction() {
    ScrapeConfig::default().check().unwrap();
}
