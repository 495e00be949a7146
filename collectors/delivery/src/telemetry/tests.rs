use super::*;

#[test]
fn a_duration_falls_into_the_first_bucket_that_holds_it() {
    let histogram = DurationHistogram::default();
    for millis in [5, 6, 400_000] {
        histogram.observe(Duration::from_millis(millis));
    }
    let cumulative = histogram.cumulative();
    assert_eq!((cumulative[0], cumulative[1], cumulative[14], cumulative[15]), (1, 2, 2, 3));
    assert!((histogram.sum() - 400.011).abs() < 1e-9);
}

#[test]
fn readings_carry_the_names_that_dashboards_know() {
    let telemetry = Telemetry::default();
    telemetry.dropped(DropReason::TooOld).add(Counts { samples: 3, ..Counts::default() });
    telemetry.highest_timestamp.raise(1_500);
    telemetry.queue_oldest.set(1_000);
    let readings = telemetry.readings(4_000);
    let value = |name: &str, label| {
        let mut found = readings.iter().filter(|r| r.name == name && r.label == label);
        found.next().map(|reading| reading.value.clone())
    };
    let dropped = "prometheus_remote_storage_samples_dropped_total";
    assert_eq!(value(dropped, Some(("reason", "too_old"))), Some(Value::Counter(3.0)));
    assert_eq!(value(dropped, Some(("reason", "double"))), Some(Value::Counter(0.0)));
    let newest = "shoal_delivery_highest_timestamp_seconds";
    assert_eq!(value(newest, None), Some(Value::Gauge(1.5)));
    assert_eq!(value("shoal_delivery_queue_oldest_seconds", None), Some(Value::Gauge(3.0)));
}

#[test]
fn readings_of_one_name_stand_together() {
    let readings = Telemetry::default().readings(0);
    let mut seen = Vec::new();
    for reading in &readings {
        if seen.last() != Some(&reading.name) {
            assert!(!seen.contains(&reading.name), "{} comes twice", reading.name);
            seen.push(reading.name);
        }
    }
}
