use std::time::Duration;

use delivery::wire::{self, v1};

use super::contender::Contender;
use super::figures::{Figures, ratios};
use super::measure::Load;
use super::parts::{Effort, Parts};
use super::sink::count_v1;
use super::verdict;

#[test]
fn samples_are_counted_without_decoding() {
    let series = |samples| v1::TimeSeries {
        labels: vec![v1::Label { name: "a".into(), value: "b".repeat(200) }],
        samples: (0..samples).map(|n| v1::Sample { value: 1.5, timestamp: n }).collect(),
        ..v1::TimeSeries::default()
    };
    let metadata = v1::MetricMetadata { metric_family_name: "x".into(), ..Default::default() };
    let request = v1::WriteRequest {
        timeseries: vec![series(1), series(0), series(3)],
        metadata: vec![metadata],
    };
    assert_eq!(count_v1(&wire::encode_v1(&request)), Some(4));
    assert_eq!(count_v1(&wire::compress(&[])), Some(0));
    assert_eq!(count_v1(&wire::compress(&[0x0A, 0x05])), None, "it breaks off");
    assert_eq!(count_v1(b"no snappy at all"), None);
}

#[test]
fn a_load_is_written_as_targets_by_series() {
    assert_eq!("200x5000".parse(), Ok(Load { targets: 200, series: 5000 }));
    for bad in ["", "200", "200x", "x5", "0x5", "-1x5"] {
        assert!(bad.parse::<Load>().is_err(), "{bad}");
    }
}

/// A million samples of ten series.
fn figures(program: Contender, cpu_seconds: f64, resident: u64) -> Figures {
    Figures {
        program,
        load: Load { targets: 1, series: 1 },
        samples: 1_000_000,
        cpu_seconds,
        sent_bytes: 0,
        resident,
        active_series: 10,
    }
}

#[test]
fn ratios_are_those_of_shoal_to_each_other() {
    let all = [figures(Contender::Vmagent, 4.0, 400), figures(Contender::Shoal, 1.0, 100)];
    assert_eq!(ratios(&all), "1x1          shoal / vmagent      CPU 0.25, memory 0.25\n");
}

#[test]
fn every_goal_that_is_missed_is_named() {
    let prometheus = figures(Contender::Prometheus, 4.0, 1_000);
    let vmagent = figures(Contender::Vmagent, 2.0, 250);
    let with = |cpu_seconds, resident| {
        let shoal = figures(Contender::Shoal, cpu_seconds, resident);
        verdict::of_load(&[prometheus.clone(), vmagent.clone(), shoal])
    };
    let good = Parts { parser: 500.0, join: Duration::from_millis(50) };
    let mut goals = with(1.0, 250);
    goals.extend(verdict::of_node(good, Duration::from_millis(200)));
    assert_eq!(goals.len(), 6);
    verdict::judge(&goals).expect("each is just met");

    let slow = Parts { parser: 499.9, join: Duration::from_micros(50_100) };
    let mut goals = with(1.01, 251);
    goals.extend(verdict::of_node(slow, Duration::from_millis(201)));
    expect_test::expect![[r#"
        6 of 6 goals missed:
          1x1, CPU over the better of the others: 0.505, goal at most 0.5: MISSED
          1x1, memory over Prometheus agent's: 0.251, goal at most 0.25: MISSED
          1x1, memory over vmagent's: 1.004, goal at most 1: MISSED
          start to ready, ms: 201.000, goal at most 200: MISSED
          parser, MB/s: 499.900, goal at least 500: MISSED
          a join, ms: 50.100, goal at most 50: MISSED"#]]
    .assert_eq(&verdict::judge(&goals).expect_err("none is met").to_string());

    let goals = with(f64::NAN, 250);
    let missed = verdict::judge(&goals).expect_err("no number meets no goal").to_string();
    assert!(missed.starts_with("1 of 3 goals missed:"), "{missed}");
    assert!(verdict::of_load(&[prometheus, vmagent]).is_empty(), "there is nothing to judge");
}

#[test]
fn the_parts_are_measured() {
    let Parts { parser, join } = Parts::measure(Effort::QUICK);
    assert!(parser.is_finite() && parser > 0.0, "{parser} MB/s");
    assert!(join > Duration::ZERO);
}
