use delivery::wire::{self, v1};

use super::contender::Contender;
use super::figures::{Figures, ratios};
use super::measure::Load;
use super::sink::count_v1;

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

#[test]
fn ratios_are_those_of_shoal_to_each_other() {
    let load = Load { targets: 1, series: 1 };
    let figures = |program, cpu_seconds, resident| Figures {
        program,
        load,
        samples: 1_000_000,
        cpu_seconds,
        sent_bytes: 0,
        resident,
        active_series: 10,
    };
    let all = [figures(Contender::Vmagent, 4.0, 400), figures(Contender::Shoal, 1.0, 100)];
    assert_eq!(ratios(&all), "1x1          shoal / vmagent      CPU 0.25, memory 0.25\n");
}
