use model::relabel::{Action, RuleConfig, Rules};
use model::{
    BucketSpan, Buckets, Exemplar, Family, Histogram, HistogramSample, Labels, MetricKind,
    ResetHint, STALE_NAN, Sample,
};
use proptest::prelude::*;
use url::Url;

use super::*;
use crate::log::HEADER;
use crate::wire::{self, v1, v2};

mod overlap;
mod published;
mod switches;

fn config(protocol: Protocol) -> EndpointConfig {
    let url = Url::parse("http://127.0.0.1/write").unwrap();
    EndpointConfig {
        protocol,
        overlap_protocol: protocol,
        send_native_histograms: true,
        ..EndpointConfig::new("t", url)
    }
}

fn writer_of(config: &EndpointConfig, rules: Vec<RuleConfig>) -> Writer {
    let write_relabel = Rules::compile(rules).unwrap();
    Writer::new(&EndpointConfig { write_relabel, ..config.clone() }, Arc::default())
}

fn write(writer: &mut Writer, batch: &Batch) -> Vec<NewFrame> {
    let mut sealed = Vec::new();
    writer.write(batch, 1_000_000, &mut sealed);
    writer.seal(&mut sealed);
    sealed
}

fn decoded_v1(frame: &NewFrame) -> v1::WriteRequest {
    wire::decode_v1(&frame.bytes[HEADER..]).unwrap()
}

fn decoded_v2(frame: &NewFrame) -> v2::Request {
    wire::decode_v2(&frame.bytes[HEADER..]).unwrap()
}

type Pairs = Vec<(String, String)>;

fn pairs(labels: &[v1::Label]) -> Pairs {
    labels.iter().map(|label| (label.name.clone(), label.value.clone())).collect()
}

fn batch_of(series: &[Labels]) -> Batch {
    let mut batch = Batch::default();
    for (index, labels) in series.iter().enumerate() {
        batch.push(labels.borrowed(), 1_000 + index as i64, index as f64);
    }
    batch
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied())
}

fn sent_labels(config: &EndpointConfig, rules: Vec<RuleConfig>, series: &[Labels]) -> Vec<Pairs> {
    let frames = write(&mut writer_of(config, rules), &batch_of(series));
    let sent = frames.iter().flat_map(|frame| decoded_v1(frame).timeseries);
    sent.map(|series| pairs(&series.labels)).collect()
}

fn histogram(buckets: Buckets) -> Arc<Histogram> {
    Arc::new(Histogram {
        schema: -4,
        zero_threshold: 0.5,
        sum: -1.5,
        reset: ResetHint::Gauge,
        positive_spans: vec![
            BucketSpan { offset: -3, length: 2 },
            BucketSpan { offset: 4, length: 0 },
        ],
        negative_spans: vec![BucketSpan { offset: 0, length: 1 }],
        buckets,
        custom_bounds: vec![0.5, 2.0],
    })
}

/// One of everything, with the awkward values.
fn everything() -> Batch {
    let mut batch = Batch::default();
    let family = |name: &str, kind, help: &str, unit: &str| {
        Arc::new(Family { name: name.into(), kind, help: help.into(), unit: unit.into() })
    };
    batch.families.push(family("x", MetricKind::Counter, "Help with \"quotes\".", "seconds"));
    batch.families.push(family("y", MetricKind::Unknown, "", ""));
    let series = labels(&[("__name__", "x"), ("empty", ""), ("long", &"v".repeat(300))]);
    let values = [0.0, -0.0, 1.5, f64::INFINITY, STALE_NAN, f64::MIN_POSITIVE];
    for (index, value) in values.into_iter().enumerate() {
        batch.push(series.borrowed(), index as i64 * 7 - 14, value);
    }
    batch.samples[2].family = 0;
    batch.samples[2].start_timestamp = 900;
    batch.samples[3].family = 1;
    let span = batch.push_labels(series.borrowed());
    let integer = Buckets::Integer {
        count: 0,
        zero_count: u64::MAX,
        positive_deltas: vec![1, -2, i64::MIN],
        negative_deltas: vec![],
    };
    let float = Buckets::Float {
        count: 0.0,
        zero_count: 2.5,
        positive_counts: vec![0.0, 1.5],
        negative_counts: vec![3.0],
    };
    for (start_timestamp, buckets) in [(0, integer), (5, float)] {
        batch.histograms.push(HistogramSample {
            labels: span,
            family: 0,
            timestamp: 1_000,
            start_timestamp,
            histogram: histogram(buckets),
        });
    }
    let own = batch.push_labels(labels(&[("trace_id", "abc")]).borrowed());
    let none = batch.push_labels(labels(&[]).borrowed());
    for (labels, value) in [(own, 0.25), (none, 0.0)] {
        batch.exemplars.push(Exemplar { series: span, labels, timestamp: 999, value });
    }
    batch
}

/// What the batch says, in the types of the wire and by the plainest way.
fn expected_v1(batch: &Batch) -> v1::WriteRequest {
    let of = |span| {
        let label =
            |(name, value): (&str, &str)| v1::Label { name: name.into(), value: value.into() };
        batch.labels(span).iter().map(label).collect::<Vec<_>>()
    };
    let mut timeseries = Vec::new();
    for Sample { labels, timestamp, value, .. } in batch.samples.iter().copied() {
        timeseries.push(v1::TimeSeries {
            labels: of(labels),
            samples: vec![v1::Sample { value, timestamp }],
            ..Default::default()
        });
    }
    for sample in &batch.histograms {
        timeseries.push(v1::TimeSeries {
            labels: of(sample.labels),
            histograms: vec![expected_histogram(sample, 0)],
            ..Default::default()
        });
    }
    for Exemplar { series, labels, timestamp, value } in batch.exemplars.iter().copied() {
        timeseries.push(v1::TimeSeries {
            labels: of(series),
            exemplars: vec![v1::Exemplar { labels: of(labels), value, timestamp }],
            ..Default::default()
        });
    }
    v1::WriteRequest { timeseries, metadata: vec![] }
}

fn expected_histogram(sample: &HistogramSample, start_timestamp: i64) -> v1::Histogram {
    let histogram = &sample.histogram;
    let spans = |spans: &[BucketSpan]| {
        spans.iter().map(|s| v1::BucketSpan { offset: s.offset, length: s.length }).collect()
    };
    let mut out = v1::Histogram {
        sum: histogram.sum,
        schema: histogram.schema,
        zero_threshold: histogram.zero_threshold,
        negative_spans: spans(&histogram.negative_spans),
        positive_spans: spans(&histogram.positive_spans),
        reset_hint: histogram.reset as i32,
        timestamp: sample.timestamp,
        custom_values: histogram.custom_bounds.clone(),
        start_timestamp,
        ..Default::default()
    };
    match histogram.buckets.clone() {
        Buckets::Integer { count, zero_count, positive_deltas, negative_deltas } => {
            out.count = Some(v1::Count::Int(count));
            out.zero_count = Some(v1::ZeroCount::Int(zero_count));
            (out.positive_deltas, out.negative_deltas) = (positive_deltas, negative_deltas);
        }
        Buckets::Float { count, zero_count, positive_counts, negative_counts } => {
            out.count = Some(v1::Count::Float(count));
            out.zero_count = Some(v1::ZeroCount::Float(zero_count));
            (out.positive_counts, out.negative_counts) = (positive_counts, negative_counts);
        }
    }
    out
}

#[test]
fn a_request_of_1_0_has_the_bytes_of_an_independent_encoder() {
    let mut batch = everything();
    // The other encoder takes negative zero for zero and leaves it out.
    batch.samples.remove(1);
    let frames = write(&mut writer_of(&config(Protocol::V1), vec![]), &batch);
    assert_eq!(frames.len(), 1);
    let ours = wire::decompress(&frames[0].bytes[HEADER..]).unwrap();
    assert_eq!(ours, prost::Message::encode_to_vec(&expected_v1(&batch)));
}

#[test]
fn negative_zero_stays_negative() {
    let mut batch = Batch::default();
    batch.push(labels(&[("a", "b")]).borrowed(), 1, -0.0);
    for protocol in [Protocol::V1, Protocol::V2] {
        let frame = &write(&mut writer_of(&config(protocol), vec![]), &batch)[0];
        let value = match protocol {
            Protocol::V1 => decoded_v1(frame).timeseries[0].samples[0].value,
            Protocol::V2 => decoded_v2(frame).timeseries[0].samples[0].value,
        };
        assert_eq!(value.to_bits(), (-0.0f64).to_bits());
    }
}

#[test]
fn a_request_of_2_0_says_what_the_batch_says() {
    let batch = everything();
    let frames = write(&mut writer_of(&config(Protocol::V2), vec![]), &batch);
    let request = decoded_v2(&frames[0]);
    let ours = wire::decompress(&frames[0].bytes[HEADER..]).unwrap();
    assert_eq!(request.symbols[0], "");
    let mut unique = request.symbols.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), request.symbols.len(), "a symbol comes twice");

    // Bit patterns, because NaN is not equal to itself.
    let bytes = |request: &v1::WriteRequest| prost::Message::encode_to_vec(request);
    let mut expected = expected_v1(&batch);
    // An exemplar travels with the first sample of its series.
    let exemplars = expected.timeseries.split_off(8);
    expected.timeseries[0].exemplars = exemplars.into_iter().flat_map(|s| s.exemplars).collect();
    assert_eq!(bytes(&request.to_v1().unwrap()), bytes(&expected));
    assert_eq!(request.timeseries[2].samples[0].start_timestamp, 900);
    assert_eq!(request.timeseries[7].histograms[0].start_timestamp, 5);
    let metadata = request.timeseries[2].metadata.unwrap();
    assert_eq!(metadata.kind, MetricKind::Counter as i32);
    assert_eq!(request.symbols[metadata.help_ref as usize], "Help with \"quotes\".");
    assert_eq!(request.symbols[metadata.unit_ref as usize], "seconds");
    assert_eq!(request.timeseries[3].metadata, Some(v2::Metadata::default()));
    assert_eq!(request.timeseries[0].metadata, None);

    let mut plain = batch.clone();
    plain.samples.remove(1);
    let frame = &write(&mut writer_of(&config(Protocol::V2), vec![]), &plain)[0];
    let ours_again = wire::decompress(&frame.bytes[HEADER..]).unwrap();
    assert_eq!(ours_again, prost::Message::encode_to_vec(&decoded_v2(frame)));
    assert_ne!(ours, ours_again);
}

#[test]
fn external_labels_stand_in_order_and_yield_to_the_series() {
    let config = EndpointConfig {
        external_labels: labels(&[("aa", "1"), ("cluster", "c"), ("zz", "2")]),
        ..config(Protocol::V1)
    };
    let series =
        [labels(&[("__name__", "up"), ("cluster", "own"), ("job", "j")]), labels(&[("b", "x")])];
    let sent = sent_labels(&config, vec![], &series);
    let own = |pairs: &[(&str, &str)]| -> Pairs {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    };
    assert_eq!(
        sent,
        [
            own(&[("__name__", "up"), ("aa", "1"), ("cluster", "own"), ("job", "j"), ("zz", "2")]),
            own(&[("aa", "1"), ("b", "x"), ("cluster", "c"), ("zz", "2")]),
        ]
    );
}

#[test]
fn rules_see_external_labels_and_internal_labels_go_last() {
    let config =
        EndpointConfig { external_labels: labels(&[("cluster", "c")]), ..config(Protocol::V1) };
    let copy = RuleConfig {
        source_labels: vec!["cluster".into(), "__tmp".into()],
        target_label: "both".into(),
        ..RuleConfig::default()
    };
    let drop = RuleConfig {
        source_labels: vec!["__name__".into()],
        regex: "noise".into(),
        action: Action::Drop,
        ..RuleConfig::default()
    };
    let series = [
        labels(&[("__name__", "up"), ("__tmp", "t")]),
        labels(&[("__name__", "noise")]),
        labels(&[("__name__", "up"), ("__tmp", "t")]),
    ];
    let sent = sent_labels(&config, vec![copy, drop], &series);
    let expected: Pairs = [("__name__", "up"), ("both", "c;t"), ("cluster", "c")]
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .to_vec();
    assert_eq!(sent, [expected.clone(), expected]);
}

#[test]
fn what_rules_drop_is_counted() {
    let telemetry = Arc::new(Telemetry::default());
    let rule = RuleConfig {
        source_labels: vec!["__name__".into()],
        regex: "noise".into(),
        action: Action::Drop,
        ..RuleConfig::default()
    };
    let write_relabel = Rules::compile(vec![rule]).unwrap();
    let config = EndpointConfig { write_relabel, ..config(Protocol::V1) };
    let mut writer = Writer::new(&config, Arc::clone(&telemetry));
    let batch = batch_of(&[labels(&[("__name__", "noise")]), labels(&[("__name__", "up")])]);
    assert_eq!(write(&mut writer, &batch)[0].counts.samples, 1);
    assert_eq!(telemetry.dropped(DropReason::Relabelled).samples.get(), 1);
    assert_eq!(telemetry.received.samples.get(), 2);
}

#[test]
fn samples_past_the_age_limit_are_not_written() {
    let telemetry = Arc::new(Telemetry::default());
    let mut config = config(Protocol::V1);
    config.queue.sample_age_limit = std::time::Duration::from_millis(500);
    let mut writer = Writer::new(&config, Arc::clone(&telemetry));
    let mut batch = Batch::default();
    for timestamp in [999_499, 999_500, 1_000_000] {
        batch.push(labels(&[("a", "b")]).borrowed(), timestamp, 1.0);
    }
    let frames = write(&mut writer, &batch);
    assert_eq!(
        (frames[0].counts.samples, frames[0].oldest_ms, frames[0].newest_ms),
        (2, 999_500, 1_000_000)
    );
    assert_eq!(telemetry.dropped(DropReason::TooOld).samples.get(), 1);
}

#[test]
fn a_request_is_sealed_when_it_is_full() {
    let mut config = config(Protocol::V1);
    config.queue.max_samples_per_send = 10;
    let series: Vec<Labels> = (0..25).map(|i| labels(&[("i", &i.to_string())])).collect();
    let frames = write(&mut writer_of(&config, vec![]), &batch_of(&series));
    let counts: Vec<u32> = frames.iter().map(|frame| frame.counts.samples).collect();
    assert_eq!(counts, [10, 10, 5]);
}

#[test]
fn a_series_stays_in_its_shard_and_shards_share_the_work() {
    let mut writer = writer_of(&config(Protocol::V1), vec![]);
    writer.set_shards(4, &mut Vec::new());
    let series: Vec<Labels> = (0..400).map(|i| labels(&[("i", &i.to_string())])).collect();
    let mut shards = std::collections::BTreeMap::new();
    for _ in 0..2 {
        for frame in write(&mut writer, &batch_of(&series)) {
            assert_eq!(frame.lane.shards, 4);
            assert!((60..140).contains(&frame.counts.samples), "{}", frame.counts.samples);
            for series in decoded_v1(&frame).timeseries {
                let shard = shards.entry(pairs(&series.labels)).or_insert(frame.lane.shard);
                assert_eq!(*shard, frame.lane.shard);
            }
        }
    }
    assert_eq!(shards.len(), 400);
}

#[test]
fn the_series_of_a_target_stay_together() {
    let mut writer = writer_of(&config(Protocol::V1), vec![]);
    writer.set_shards(4, &mut Vec::new());
    let series = |n: usize| {
        let (name, instance) = (format!("m{}", n % 10), format!("host-{}", n / 10));
        labels(&[("__name__", &name), ("instance", &instance), ("job", "shop"), ("z", &name)])
    };
    let series: Vec<Labels> = (0..400).map(series).collect();
    let mut shards = std::collections::BTreeMap::new();
    for frame in write(&mut writer, &batch_of(&series)) {
        for series in decoded_v1(&frame).timeseries {
            let instance = series.label("instance").expect("it has one").to_owned();
            assert_eq!(*shards.entry(instance).or_insert(frame.lane.shard), frame.lane.shard);
        }
    }
    let used: std::collections::BTreeSet<_> = shards.values().collect();
    assert_eq!((shards.len(), used.len()), (40, 4));
}

#[test]
fn another_protocol_or_division_seals_what_is_open() {
    let mut writer = writer_of(&config(Protocol::V2), vec![]);
    let mut sealed = Vec::new();
    writer.write(&batch_of(&[labels(&[("a", "b")])]), 0, &mut sealed);
    writer.speak_only_v1(&mut sealed);
    assert_eq!(sealed.len(), 1);
    writer.write(&batch_of(&[labels(&[("a", "b")])]), 0, &mut sealed);
    writer.set_shards(3, &mut sealed);
    assert_eq!(sealed.len(), 2);
    assert!(writer.is_empty());
    assert_eq!(decoded_v2(&sealed[0]).timeseries.len(), 1);
    assert_eq!(decoded_v1(&sealed[1]).timeseries.len(), 1);
}

#[test]
fn families_are_told_in_requests_of_their_own_in_1_0_alone() {
    let batch = everything();
    for (protocol, expected) in [(Protocol::V1, 2), (Protocol::V2, 0)] {
        let mut writer = writer_of(&config(protocol), vec![]);
        write(&mut writer, &batch);
        write(&mut writer, &batch);
        let mut sealed = Vec::new();
        writer.seal_metadata(5, &mut sealed);
        let told: Vec<v1::MetricMetadata> =
            sealed.iter().flat_map(|frame| decoded_v1(frame).metadata).collect();
        assert_eq!(told.len(), expected);
        if protocol == Protocol::V1 {
            assert_eq!(told[0].metric_family_name, "x");
            assert_eq!((told[0].kind, told[0].unit.as_str()), (1, "seconds"));
            assert_eq!(told[0].help, "Help with \"quotes\".");
            assert_eq!(sealed[0].lane, Lane::UNORDERED);
        }
    }
}

/// Names and values that sort around the internal ones.
fn label_sets() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof![
        "[A-Za-z_]{1,3}",
        "__[a-z]{0,2}",
        Just("__name__".to_owned()),
        "same_long[ab]{0,2}"
    ];
    prop::collection::vec((name, "[a-zé]{0,150}"), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn dressing_is_the_union_without_internal_labels(own in label_sets(), external in label_sets()) {
        let series = Labels::from_pairs(own.clone());
        let config = EndpointConfig {
            external_labels: Labels::from_pairs(external.clone()),
            ..config(Protocol::V1)
        };
        let mut expected = std::collections::BTreeMap::new();
        for (name, value) in config.external_labels.iter().chain(series.iter()) {
            expected.insert(name.to_owned(), value.to_owned());
        }
        expected.retain(|name, _| !name.starts_with("__") || name == "__name__");
        let sent = sent_labels(&config, vec![], std::slice::from_ref(&series));
        match sent.first() {
            None => prop_assert!(expected.is_empty() || series.is_empty()),
            Some(sent) => prop_assert_eq!(sent, &expected.into_iter().collect::<Pairs>()),
        }
    }

    #[test]
    fn both_protocols_send_the_same_labels(sets in prop::collection::vec(label_sets(), 1..20)) {
        let mut batch = batch_of(&sets.into_iter().map(Labels::from_pairs).collect::<Vec<_>>());
        for (index, sample) in batch.samples.iter_mut().enumerate() {
            sample.family = (index % 3) as u32;
        }
        for help in ["one", "two"] {
            batch.families.push(Arc::new(Family {
                name: "x".into(),
                kind: MetricKind::Gauge,
                help: help.into(),
                unit: "".into(),
            }));
        }
        let old: Vec<_> = write(&mut writer_of(&config(Protocol::V1), vec![]), &batch)
            .iter()
            .flat_map(|frame| decoded_v1(frame).timeseries)
            .collect();
        let frames = write(&mut writer_of(&config(Protocol::V2), vec![]), &batch);
        let new: Vec<_> =
            frames.iter().flat_map(|frame| decoded_v2(frame).to_v1().unwrap().timeseries).collect();
        prop_assert_eq!(old, new);
        for request in frames.iter().map(decoded_v2) {
            for series in &request.timeseries {
                let help = series.metadata.map(|m| request.symbols[m.help_ref as usize].as_str());
                let expected = match series.samples[0].value as usize % 3 {
                    2 => None,
                    index => Some(["one", "two"][index]),
                };
                prop_assert_eq!(help, expected);
            }
        }
    }

    #[test]
    fn symbols_are_found_again(strings in prop::collection::vec("[ab]{0,9}", 0..700)) {
        let mut batch = Batch::default();
        for string in &strings {
            batch.push(labels(&[("n", string), ("x", "y")]).borrowed(), 1, 1.0);
        }
        let mut config = config(Protocol::V2);
        config.queue.max_samples_per_send = 100_000;
        let frames = write(&mut writer_of(&config, vec![]), &batch);
        let sent: Vec<String> = frames.iter().flat_map(|frame| {
            let request = decoded_v2(frame);
            let series = request.to_v1().unwrap().timeseries;
            series.into_iter().map(|s| s.label("n").unwrap_or_default().to_owned()).collect::<Vec<_>>()
        }).collect();
        prop_assert_eq!(sent, strings);
    }
}
