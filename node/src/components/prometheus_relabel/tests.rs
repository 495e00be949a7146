use std::sync::Arc;
use std::time::Duration;

use model::relabel::{Action, RuleConfig, Rules};
use model::{
    Batch, Buckets, Exemplar, Family, Histogram, HistogramSample, Labels, MetricKind, ResetHint,
    STALE_NAN,
};
use proptest::prelude::*;
use tokio::time::Instant;

use super::cache::{Bounds, Cache};
use super::rewrite::{Rewriter, Telemetry};

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("pod", "a")])
}

fn rules() -> Rules {
    let dropped = RuleConfig {
        source_labels: vec!["__name__".to_owned()],
        regex: "secret_.*".to_owned(),
        action: Action::Drop,
        ..RuleConfig::default()
    };
    let added = RuleConfig {
        target_label: "cluster".to_owned(),
        replacement: "one".to_owned(),
        ..RuleConfig::default()
    };
    Rules::compile(vec![dropped, added]).expect("the rules are right")
}

fn batch(names: &[&str], value: f64) -> Arc<Batch> {
    let mut batch = Batch::default();
    for name in names {
        batch.push(labels(name).borrowed(), 1, value);
    }
    Arc::new(batch)
}

fn shown(batch: Option<Arc<Batch>>) -> Vec<String> {
    let batch = batch.unwrap_or_default();
    batch.samples.iter().map(|sample| batch.labels(sample.labels).to_string()).collect()
}

#[tokio::test]
async fn series_are_rewritten_and_dropped_whether_they_are_remembered_or_not() {
    let mut rewriter = Rewriter::new(rules(), Bounds::Entries(10), Arc::new(Telemetry::default()));
    let batch = batch(&["up", "secret_a", "down"], 1.0);
    let expected = [
        r#"{__name__="up", cluster="one", pod="a"}"#,
        r#"{__name__="down", cluster="one", pod="a"}"#,
    ];
    for _ in 0..3 {
        assert_eq!(shown(rewriter.rewrite(&batch, Instant::now())), expected);
    }
}

#[tokio::test]
async fn a_batch_of_which_nothing_is_left_goes_nowhere() {
    let mut rewriter = Rewriter::new(rules(), Bounds::Entries(10), Arc::new(Telemetry::default()));
    assert!(rewriter.rewrite(&batch(&["secret_a"], 1.0), Instant::now()).is_none());
}

#[tokio::test]
async fn without_rules_the_very_batch_goes_on() {
    let telemetry = Arc::new(Telemetry::default());
    let mut rewriter = Rewriter::new(Rules::default(), Bounds::Entries(10), telemetry);
    let batch = batch(&["up"], 1.0);
    let out = rewriter.rewrite(&batch, Instant::now()).expect("it passes");
    assert!(Arc::ptr_eq(&batch, &out));
}

#[tokio::test]
async fn exemplars_follow_their_series() {
    let mut rewriter = Rewriter::new(rules(), Bounds::Entries(10), Arc::new(Telemetry::default()));
    let mut batch = Batch::default();
    for name in ["up", "secret_a"] {
        let series = batch.push_labels(labels(name).borrowed());
        let own = batch.push_labels(Labels::from_pairs([("trace_id", name)]).borrowed());
        batch.exemplars.push(Exemplar { series, labels: own, timestamp: 1, value: 1.0 });
    }
    let out = rewriter.rewrite(&Arc::new(batch), Instant::now()).expect("one is left");
    let [exemplar] = &out.exemplars[..] else { panic!("{:?}", out.exemplars) };
    assert_eq!(out.labels(exemplar.series).get("cluster"), Some("one"));
    assert_eq!(out.labels(exemplar.labels).get("trace_id"), Some("up"));
}

#[tokio::test]
async fn a_histogram_is_shared_with_what_came() {
    let mut rewriter = Rewriter::new(rules(), Bounds::Entries(10), Arc::new(Telemetry::default()));
    let mut batch = Batch::default();
    let histogram = Arc::new(Histogram {
        schema: 0,
        zero_threshold: 0.0,
        sum: 1.0,
        reset: ResetHint::Unknown,
        positive_spans: Vec::new(),
        negative_spans: Vec::new(),
        buckets: Buckets::Float {
            count: 1.0,
            zero_count: 1.0,
            positive_counts: Vec::new(),
            negative_counts: Vec::new(),
        },
        custom_bounds: Vec::new(),
    });
    for name in ["took", "secret_a"] {
        let labels = batch.push_labels(labels(name).borrowed());
        batch.histograms.push(HistogramSample {
            labels,
            family: 0,
            timestamp: 1,
            start_timestamp: 0,
            histogram: Arc::clone(&histogram),
        });
    }
    let out = rewriter.rewrite(&Arc::new(batch), Instant::now()).expect("one is left");
    let [took] = &out.histograms[..] else { panic!("{:?}", out.histograms) };
    assert_eq!(out.labels(took.labels).get("cluster"), Some("one"));
    assert!(Arc::ptr_eq(&took.histogram, &histogram));
}

#[tokio::test]
async fn what_is_said_of_a_family_follows_its_series() {
    let mut rewriter = Rewriter::new(rules(), Bounds::Entries(10), Arc::new(Telemetry::default()));
    let family = |name: &str, kind| {
        let (name, help, unit) = (name.into(), format!("Help of {name}.").into(), "seconds".into());
        Arc::new(Family { name, kind, help, unit })
    };
    let families = vec![family("up", MetricKind::Gauge), family("down", MetricKind::Counter)];
    let mut batch = Batch { families, ..Batch::default() };
    for (name, family) in [("secret_a", 0), ("down", 1), ("up", 0)] {
        batch.push(labels(name).borrowed(), 1, 1.0);
        batch.samples.last_mut().expect("it was pushed").family = family;
    }
    let out = rewriter.rewrite(&Arc::new(batch.clone()), Instant::now()).expect("two are left");
    let said: Vec<_> = out.samples.iter().map(|sample| out.family(sample.family)).collect();
    assert_eq!(said, [batch.family(1), batch.family(0)]);
    assert_eq!(said[0].map(|family| &*family.help), Some("Help of down."));
}

#[tokio::test]
async fn nothing_is_said_of_a_family_of_which_no_series_is_left() {
    let mut rewriter = Rewriter::new(rules(), Bounds::Entries(10), Arc::new(Telemetry::default()));
    let family = |name: &str| {
        let (name, kind, text) = (name.into(), MetricKind::Gauge, "Text.");
        Arc::new(Family { name, kind, help: text.into(), unit: "".into() })
    };
    let families = vec![family("secret_a"), family("up"), family("secret_b")];
    let mut batch = Batch { families, ..Batch::default() };
    for (name, family) in [("secret_a", 0), ("up", 1), ("secret_b", 2), ("of_none", u32::MAX)] {
        batch.push(labels(name).borrowed(), 1, 1.0);
        batch.samples.last_mut().expect("it was pushed").family = family;
    }
    let out = rewriter.rewrite(&Arc::new(batch.clone()), Instant::now()).expect("two are left");
    let told: Vec<&str> = out.families.iter().map(|family| &*family.name).collect();
    assert_eq!(told, ["up"]);
    let said: Vec<_> = out.samples.iter().map(|sample| out.family(sample.family)).collect();
    assert_eq!(said, [batch.family(1), None]);
    batch.samples.retain(|sample| sample.family % 2 == 0);
    assert!(rewriter.rewrite(&Arc::new(batch), Instant::now()).is_none());
}

#[tokio::test]
async fn a_series_that_ends_is_forgotten() {
    let telemetry = Arc::new(Telemetry::default());
    let mut rewriter = Rewriter::new(rules(), Bounds::Entries(10), Arc::clone(&telemetry));
    rewriter.rewrite(&batch(&["up"], 1.0), Instant::now());
    rewriter.rewrite(&batch(&["up", "never_seen"], STALE_NAN), Instant::now());
    let mut page = crate::telemetry::Exposition::default();
    telemetry.collect(&mut page);
    assert!(page.text().contains("alloy_prometheus_relabel_cache_deletes 1\n"), "{}", page.text());
    assert!(page.text().contains("alloy_prometheus_relabel_cache_size 0\n"), "{}", page.text());
}

#[test]
fn a_full_cache_keeps_what_is_used() {
    let (mut cache, now) = (Cache::new(Bounds::Entries(3)), Instant::now());
    for name in ["a", "b", "c"] {
        cache.insert(labels(name), None, now);
    }
    assert!(cache.get(labels("a").borrowed(), now).is_some());
    cache.insert(labels("d"), None, now);
    assert!(cache.get(labels("a").borrowed(), now).is_some());
    assert!(cache.get(labels("b").borrowed(), now).is_none());
}

#[test]
fn what_was_not_seen_for_the_time_to_live_is_forgotten() {
    let minute = Duration::from_secs(60);
    let (mut cache, start) = (Cache::new(Bounds::Age(minute)), Instant::now());
    assert_eq!(cache.sweep(start), 0);
    cache.insert(labels("a"), None, start);
    cache.insert(labels("b"), None, start);
    cache.get(labels("b").borrowed(), start + minute);
    assert_eq!(cache.sweep(start + minute + Duration::from_secs(1)), 1);
    assert_eq!(cache.len(), 1);
    assert!(cache.get(labels("b").borrowed(), start + minute).is_some());
}

proptest! {
    #[test]
    fn a_cache_never_lies_and_never_grows_past_its_bound(
        acts in proptest::collection::vec((0..3u8, 0..12u8), 0..200),
        most in 1..8usize,
    ) {
        let (mut cache, now) = (Cache::new(Bounds::Entries(most)), Instant::now());
        for (act, name) in acts {
            let (input, output) = (labels(&format!("in{name}")), labels(&format!("out{name}")));
            match cache.get(input.borrowed(), now) {
                Some(known) => prop_assert_eq!(known, Some(&output)),
                None if act > 0 => cache.insert(input.clone(), Some(output), now),
                None => {}
            }
            if act == 2 {
                cache.remove(input.borrowed());
                prop_assert!(cache.get(input.borrowed(), now).is_none());
            }
            prop_assert!(cache.len() <= most);
        }
    }
}
