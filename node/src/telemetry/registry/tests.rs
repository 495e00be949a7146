use super::*;
use crate::telemetry::Histogram;

#[test]
fn samples_of_several_collectors_are_one_family() {
    let registry = Registry::default();
    let _a = registry.register(&[("component_id", "a")], |page| {
        page.gauge("targets", "Targets.", &[], 2.0);
    });
    let _b = registry.register(&[("component_id", "b")], |page| {
        page.gauge("targets", "Targets.", &[("state", "up")], 0.5);
    });
    expect_test::expect![[r#"
        # HELP targets Targets.
        # TYPE targets gauge
        targets{component_id="a"} 2
        targets{component_id="b",state="up"} 0.5
    "#]]
    .assert_eq(&registry.text());
}

#[test]
fn values_and_labels_are_escaped_as_the_format_says() {
    let registry = Registry::default();
    let _r = registry.register(&[], |page| {
        page.gauge("odd", "Back\\slash\nand line.", &[("v", "a\"b\\c\nd")], f64::INFINITY);
        page.gauge("odd", "", &[("v", "nan")], f64::NAN);
    });
    expect_test::expect![[r#"
        # HELP odd Back\\slash\nand line.
        # TYPE odd gauge
        odd{v="a\"b\\c\nd"} +Inf
        odd{v="nan"} NaN
    "#]]
    .assert_eq(&registry.text());
}

#[test]
fn open_metrics_names_counters_by_their_stem() {
    let registry = Registry::default();
    let _r = registry.register(&[], |page| {
        page.counter("sent_bytes_total", "Bytes.", &[], 7.0);
        page.counter("oddly_named", "No suffix.", &[], 1.0);
    });
    expect_test::expect![[r#"
        # HELP oddly_named No suffix.
        # TYPE oddly_named unknown
        oddly_named 1
        # HELP sent_bytes Bytes.
        # TYPE sent_bytes counter
        sent_bytes_total 7
        # EOF
    "#]]
    .assert_eq(&registry.open_metrics());
}

#[test]
fn a_histogram_is_cumulative_and_ends_with_infinity() {
    let histogram = Histogram::new(&[0.1, 1.0]);
    for seconds in [0.05, 0.5, 0.7, 30.0] {
        histogram.observe(seconds);
    }
    let registry = Registry::default();
    let _r = registry.register(&[("c", "x")], move |page| {
        page.histogram("took_seconds", "Time.", &[], &histogram.snapshot());
    });
    expect_test::expect![[r#"
        # HELP took_seconds Time.
        # TYPE took_seconds histogram
        took_seconds_bucket{c="x",le="0.1"} 1
        took_seconds_bucket{c="x",le="1"} 3
        took_seconds_bucket{c="x",le="+Inf"} 4
        took_seconds_sum{c="x"} 31.25
        took_seconds_count{c="x"} 4
    "#]]
    .assert_eq(&registry.text());
}

#[test]
fn a_collector_may_drop_another_while_the_page_is_written() {
    let registry = Registry::default();
    let other = Mutex::new(Some(registry.register(&[], |page| page.gauge("b", "", &[], 1.0))));
    let _r = registry.register(&[], move |page| {
        other.lock().expect("not poisoned").take();
        page.gauge("a", "", &[], 1.0);
    });
    assert!(registry.text().contains("\nb 1\n"));
    assert!(!registry.text().contains("\nb 1\n"));
}

#[test]
fn a_collector_may_own_what_registered_another() {
    let registry = Registry::default();
    let inner = registry.register(&[], |page| page.gauge("b", "", &[], 1.0));
    let outer = registry.register(&[], move |page| {
        let _kept = &inner;
        page.gauge("a", "", &[], 1.0);
    });
    drop(outer);
    assert_eq!(registry.text(), "");
}

#[test]
fn samples_are_read_back_as_they_were_written() {
    let registry = Registry::default();
    let _r = registry.register(&[("component_id", "a")], |page| {
        page.gauge("pending", "", &[("url", "http://x/?a=\"b\\c\n,}")], 2.5);
        page.gauge("pending", "", &[], f64::INFINITY);
        page.gauge("pending_more", "", &[], 7.0);
    });
    let id = ("component_id".to_owned(), "a".to_owned());
    let url = ("url".to_owned(), "http://x/?a=\"b\\c\n,}".to_owned());
    assert_eq!(
        registry.exposition().samples("pending"),
        [(vec![id.clone(), url], 2.5), (vec![id], f64::INFINITY)]
    );
    assert_eq!(registry.exposition().samples("absent"), []);
}
