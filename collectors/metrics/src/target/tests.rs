use model::names::Scheme;

use super::*;

fn config() -> ScrapeConfig {
    ScrapeConfig { job_name: "node".into(), ..ScrapeConfig::default() }
}

fn prepared(pairs: &[(&str, &str)], config: &ScrapeConfig) -> Result<ScrapeTarget, TargetError> {
    prepare(&Labels::from_pairs(pairs.iter().copied()), config)
}

#[test]
fn an_address_is_enough() {
    let target = prepared(&[("__address__", "db:9100")], &config()).unwrap();
    assert_eq!(target.url, "http://db:9100/metrics");
    assert_eq!(target.labels.to_string(), r#"{instance="db:9100", job="node"}"#);
    assert_eq!(target.interval, Duration::from_secs(60));
    assert_eq!(target.timeout, Duration::from_secs(10));
}

#[test]
fn labels_win_over_the_configuration() {
    let mut config = config();
    config.params.insert("collect".into(), vec!["cpu".into(), "disk io".into()]);
    config.params.insert("none".into(), vec![]);
    let target = prepared(
        &[
            ("__address__", "[::1]:80"),
            ("__scheme__", "https"),
            ("__metrics_path__", "a b?c"),
            ("__param_collect", "mem"),
            ("__param_module", "ä"),
            ("__scrape_interval__", "1m30s"),
            ("__scrape_timeout__", "90s"),
            ("__meta_kubernetes_pod", "x"),
            ("__tmp", "x"),
            ("job", "own"),
            ("instance", "i"),
            ("zone", "z"),
        ],
        &config,
    )
    .unwrap();
    assert_eq!(target.url, "https://[::1]:80/a%20b%3Fc?collect=mem&collect=disk+io&module=%C3%A4");
    assert_eq!(target.labels.to_string(), r#"{instance="i", job="own", zone="z"}"#);
    assert_eq!(target.interval, Duration::from_secs(90));
    assert_eq!(target.timeout, Duration::from_secs(90));
}

#[test]
fn no_port_is_added() {
    let target = prepared(&[("__address__", "db"), ("__scheme__", "https")], &config()).unwrap();
    assert_eq!(target.url, "https://db/metrics");
    assert_eq!(target.labels.get("instance"), Some("db"));
}

#[test]
fn what_is_not_a_target_says_why() {
    for (pairs, message) in [
        (vec![], "the target has no __address__ label"),
        (
            vec![("__address__", "http://db")],
            "__address__ \"http://db\" must be HOST or HOST:PORT; a path belongs into __metrics_path__",
        ),
        (
            vec![("__address__", "db"), ("__scheme__", "ftp")],
            "__scheme__ must be \"http\" or \"https\", not \"ftp\"",
        ),
        (
            vec![("__address__", "db"), ("__scrape_interval__", "0s")],
            "__scrape_interval__ must be longer than nothing",
        ),
        (
            vec![("__address__", "db"), ("__scrape_interval__", "5s")],
            "the scrape timeout 10s is longer than the scrape interval 5s",
        ),
    ] {
        assert_eq!(prepared(&pairs, &config()).unwrap_err().to_string(), message);
    }
    for address in ["a b", ":80", "u:p@db", ""] {
        assert!(prepared(&[("__address__", address)], &config()).is_err(), "{address}");
    }
}

#[test]
fn identity_ignores_what_is_left_behind_and_the_pace() {
    let one = prepared(&[("__address__", "db"), ("__meta_x", "1")], &config()).unwrap();
    let two =
        prepared(&[("__address__", "db"), ("__scrape_interval__", "20s")], &config()).unwrap();
    let other = prepared(&[("__address__", "db"), ("__param_x", "1")], &config()).unwrap();
    assert_eq!(one.identity(), two.identity());
    assert_ne!(one.identity(), other.identity());
}

#[test]
fn a_target_has_no_label_that_its_series_may_not_have() {
    let pairs = [("__address__", "db"), ("a-b", "x")];
    let with = |name_validation| ScrapeConfig { name_validation, ..config() };
    assert!(prepared(&pairs, &with(Scheme::Utf8)).is_ok());
    let legacy = with(Scheme::Legacy);
    let error = prepared(&pairs, &legacy).unwrap_err();
    assert_eq!(error.to_string(), "\"a-b\" is not a label name by metric_name_validation_scheme");
    // What is left behind may have any name.
    assert!(prepared(&[("__address__", "db"), ("__param_a-b", "x")], &legacy).is_ok());
}
