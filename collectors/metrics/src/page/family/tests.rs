use super::*;

fn family(name: &str, kind: MetricKind) -> Family {
    Family { name: name.into(), kind, help: "".into(), unit: "".into() }
}

#[test]
fn a_series_belongs_by_name_and_suffix() {
    use MetricKind::{Counter, Gauge, GaugeHistogram, Histogram, Info, Summary};
    for (series, name, kind, belongs_to) in [
        ("a", "a", Gauge, true),
        ("a{b=\"c\"}", "a", Gauge, true),
        ("a {b=\"c\"}", "a", Gauge, true),
        ("ab", "a", Gauge, false),
        ("a_total", "a", Counter, true),
        ("a_total{}", "a_total", Counter, true),
        ("a_total", "a", Gauge, false),
        ("a_bucket{le=\"1\"}", "a", Histogram, true),
        ("a_sum", "a", Histogram, true),
        ("a_gsum", "a", Histogram, false),
        ("a_gsum", "a", GaugeHistogram, true),
        ("a{quantile=\"1\"}", "a", Summary, true),
        ("a_count", "a", Summary, true),
        ("a_bucket", "a", Summary, false),
        ("a_info", "a", Info, true),
        ("{\"a.b\",c=\"d\"}", "a.b", Gauge, true),
        ("{c=\"d\",\"a.b_sum\"}", "a.b", Summary, true),
        ("{\"a.c\"}", "a.b", Gauge, false),
    ] {
        assert_eq!(belongs(series, &family(name, kind)), belongs_to, "{series} of {name} {kind:?}");
    }
}

#[test]
fn equal_families_are_kept_once_and_thrown_out_when_nobody_has_them() {
    let families = Families::default();
    let one = families.intern(1, || family("a", MetricKind::Gauge));
    let two = families.intern(1, || unreachable!("it is there already"));
    assert!(Arc::ptr_eq(&one, &two));
    for hash in 2..3000 {
        families.intern(hash, || family("b", MetricKind::Gauge));
    }
    let table = families.0.lock().unwrap();
    assert!(table.by_hash.len() < 2 * SWEEP_FLOOR);
    assert!(table.by_hash.contains_key(&1));
}
