use super::*;

fn shown(config: &ScrapeConfig, report: Option<&Report>) -> Vec<String> {
    let mut batch = Batch::default();
    let labels = Labels::from_pairs([("Zone", "z"), ("job", "j")]);
    write(&mut batch, &labels, report, config, Duration::from_secs(9), 5);
    let shown = batch.samples.iter().map(|sample| {
        let family = batch.family(sample.family).unwrap();
        let labels = batch.labels(sample.labels);
        assert!(labels.is_canonical());
        assert_eq!(labels.get("__name__"), Some(&*family.name));
        assert_eq!(labels.get("Zone"), Some("z"));
        let kind = labels.get("__type__").unwrap_or_default();
        let unit = labels.get("__unit__").unwrap_or_default();
        let stale = model::is_stale(sample.value);
        let value = if stale { "stale".into() } else { sample.value.to_string() };
        format!("{} {value} @{} {kind} {unit}", family.name, sample.timestamp)
    });
    shown.collect()
}

#[test]
fn a_scrape_reports_about_itself() {
    let report = Report {
        up: true,
        duration: Duration::from_millis(250),
        samples: 7,
        series_added: 2,
        body: None,
    };
    assert_eq!(
        shown(&ScrapeConfig::default(), Some(&report)),
        [
            "up 1 @5  ",
            "scrape_duration_seconds 0.25 @5  ",
            "scrape_samples_scraped 7 @5  ",
            "scrape_samples_post_metric_relabeling 7 @5  ",
            "scrape_series_added 2 @5  ",
        ]
    );
    let config = ScrapeConfig {
        extra_metrics: true,
        sample_limit: 10,
        enable_type_and_unit_labels: true,
        ..ScrapeConfig::default()
    };
    assert_eq!(
        shown(&config, Some(&report))[4..],
        [
            "scrape_series_added 2 @5 gauge ",
            "scrape_timeout_seconds 9 @5 gauge seconds",
            "scrape_sample_limit 10 @5 gauge ",
            "scrape_body_size_bytes -1 @5 gauge bytes",
        ]
    );
}

#[test]
fn the_report_ends_with_the_target() {
    assert!(shown(&ScrapeConfig::default(), None).iter().all(|line| line.contains(" stale @5")));
}
