//! Requests of 2.0 against the published definition of the protocol: random batches through a
//! library's decoder, and one request that was written by hand.

use proptest::collection::vec;
use proptest::sample::select;
use prost::Message;

use super::*;
use messages::{Count, MetricType, Request, Reset, ZeroCount};

mod messages;

/// A series of a request with its references followed and its doubles as bits, so that a NaN is equal
/// to itself.
#[derive(Debug, Clone, PartialEq, Default)]
struct Told {
    labels: Pairs,
    samples: Vec<(u64, i64, i64)>,
    histograms: Vec<Vec<u8>>,
    exemplars: Vec<(Pairs, u64, i64)>,
    metadata: Option<(MetricType, String, String)>,
}

/// The series of a request, as far as the definition knows them.
fn received(frame: &NewFrame) -> Vec<Told> {
    let body = snap::raw::Decoder::new().decompress_vec(&frame.bytes[HEADER..]).expect("snappy");
    let request = Request::decode(&body[..]).expect("the message of the definition");
    // A decoder steps over fields that it does not know; they would be missing here.
    assert_eq!(request.encode_to_vec(), body);
    assert_eq!(request.symbols[0], "");
    let symbol = |reference: u32| request.symbols[reference as usize].clone();
    let labels = |references: &[u32]| -> Pairs {
        assert!(references.len().is_multiple_of(2), "{references:?}");
        references.chunks_exact(2).map(|pair| (symbol(pair[0]), symbol(pair[1]))).collect()
    };
    let told = |series: &messages::TimeSeries| Told {
        labels: labels(&series.labels_refs),
        samples: series
            .samples
            .iter()
            .map(|sample| (sample.value.to_bits(), sample.timestamp, sample.start_timestamp))
            .collect(),
        histograms: series.histograms.iter().map(Message::encode_to_vec).collect(),
        exemplars: series
            .exemplars
            .iter()
            .map(|e| (labels(&e.labels_refs), e.value.to_bits(), e.timestamp))
            .collect(),
        metadata: series
            .metadata
            .as_ref()
            .map(|told| (told.kind(), symbol(told.help_ref), symbol(told.unit_ref))),
    };
    request.timeseries.iter().map(told).collect()
}

/// What is measured of a series.
#[derive(Debug, Clone)]
enum Measured {
    Sample(f64),
    Histogram(Arc<Histogram>),
    Exemplar(Labels, f64),
}

#[derive(Debug, Clone)]
struct Item {
    series: Labels,
    /// Of the families of the batch; past the last is none.
    family: u32,
    timestamp: i64,
    start_timestamp: i64,
    measured: Measured,
}

/// Any number but negative zero, which the other encoder takes for zero.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![Just(STALE_NAN), Just(0.0), Just(f64::NEG_INFINITY), any::<f64>()]
        .prop_map(|number| if number == 0.0 { 0.0 } else { number })
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 1_700_000_000_000..1_700_000_100_000_i64, any::<i64>()]
}

/// Labels of which many come again, in the same place and in others.
fn pairs_of(most: usize) -> impl Strategy<Value = Pairs> {
    let name = prop_oneof!["[a-c]{1,2}", Just("instance".to_owned())];
    vec((name, prop_oneof!["[a-cé]{0,2}", "x{120,140}"]), 0..most)
}

fn series() -> impl Strategy<Value = Labels> {
    (pairs_of(6), "[a-c]{1,2}").prop_map(|(mut pairs, name)| {
        pairs.push(("__name__".to_owned(), name));
        Labels::from_pairs(pairs)
    })
}

fn native_histogram() -> impl Strategy<Value = Arc<Histogram>> {
    let spans = || {
        vec((any::<i32>(), any::<u32>()), 0..4).prop_map(|spans| {
            let span = |(offset, length)| BucketSpan { offset, length };
            spans.into_iter().map(span).collect::<Vec<_>>()
        })
    };
    let deltas = || vec(prop_oneof![-100..100_i64, any::<i64>()], 0..6);
    let integer = (any::<u64>(), any::<u64>(), deltas(), deltas()).prop_map(
        |(count, zero_count, positive_deltas, negative_deltas)| Buckets::Integer {
            count,
            zero_count,
            positive_deltas,
            negative_deltas,
        },
    );
    let float = (number(), number(), vec(number(), 0..6), vec(number(), 0..6)).prop_map(
        |(count, zero_count, positive_counts, negative_counts)| Buckets::Float {
            count,
            zero_count,
            positive_counts,
            negative_counts,
        },
    );
    let resets = [ResetHint::Unknown, ResetHint::Yes, ResetHint::No, ResetHint::Gauge];
    let schema = prop_oneof![Just(-53), -4..=8];
    let buckets = prop_oneof![integer, float];
    let rest = (schema, number(), number(), select(resets.to_vec()), vec(number(), 0..4));
    (rest, spans(), spans(), buckets).prop_map(
        |(
            (schema, zero_threshold, sum, reset, custom_bounds),
            positive_spans,
            negative_spans,
            buckets,
        )| {
            Arc::new(Histogram {
                schema,
                zero_threshold,
                sum,
                reset,
                positive_spans,
                negative_spans,
                buckets,
                custom_bounds,
            })
        },
    )
}

fn item() -> impl Strategy<Value = Item> {
    let measured = prop_oneof![
        3 => number().prop_map(Measured::Sample),
        1 => native_histogram().prop_map(Measured::Histogram),
        1 => (pairs_of(3), number())
            .prop_map(|(own, value)| Measured::Exemplar(Labels::from_pairs(own), value)),
    ];
    (series(), 0..6_u32, time(), time(), measured).prop_map(
        |(series, family, timestamp, start_timestamp, measured)| Item {
            series,
            family,
            timestamp,
            start_timestamp,
            measured,
        },
    )
}

/// Every type of a family, ours and the one of the definition.
const KINDS: [(MetricKind, MetricType); 8] = [
    (MetricKind::Unknown, MetricType::Unspecified),
    (MetricKind::Counter, MetricType::Counter),
    (MetricKind::Gauge, MetricType::Gauge),
    (MetricKind::Histogram, MetricType::Histogram),
    (MetricKind::GaugeHistogram, MetricType::GaugeHistogram),
    (MetricKind::Summary, MetricType::Summary),
    (MetricKind::Info, MetricType::Info),
    (MetricKind::StateSet, MetricType::StateSet),
];

type Families = Vec<((MetricKind, MetricType), String, String)>;

fn batch_of_items(items: &[Item], families: &Families) -> Batch {
    let mut batch = Batch::default();
    for ((kind, _), help, unit) in families {
        let (help, unit) = (help.as_str().into(), unit.as_str().into());
        batch.families.push(Arc::new(Family { name: "any".into(), kind: *kind, help, unit }));
    }
    for item in items.iter().cloned() {
        let Item { series, family, timestamp, start_timestamp, measured } = item;
        let labels = batch.push_labels(series.borrowed());
        match measured {
            Measured::Sample(value) => {
                let sample = Sample { labels, family, timestamp, start_timestamp, value };
                batch.samples.push(sample);
            }
            Measured::Histogram(histogram) => batch.histograms.push(HistogramSample {
                labels,
                family,
                timestamp,
                start_timestamp,
                histogram,
            }),
            Measured::Exemplar(own, value) => {
                let own = batch.push_labels(own.borrowed());
                batch.exemplars.push(Exemplar { series: labels, labels: own, timestamp, value });
            }
        }
    }
    batch
}

/// What a receiver has to be told of an item.
fn expected(item: &Item, families: &Families) -> Told {
    let owned = |labels: &Labels| -> Pairs {
        labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let family = families.get(item.family as usize);
    let metadata = family.map(|((_, kind), help, unit)| (*kind, help.clone(), unit.clone()));
    let mut told = Told { labels: owned(&item.series), metadata, ..Told::default() };
    match &item.measured {
        Measured::Sample(value) => {
            told.samples.push((value.to_bits(), item.timestamp, item.start_timestamp));
        }
        Measured::Histogram(histogram) => {
            told.histograms.push(message_of(histogram, item).encode_to_vec());
        }
        // What is said of the family, its sample says.
        Measured::Exemplar(own, value) => {
            told.metadata = None;
            told.exemplars.push((owned(own), value.to_bits(), item.timestamp));
        }
    }
    told
}

/// In 2.0 exemplars travel with the first sample of their series, and not without one.
fn along(told: Vec<Told>) -> Vec<Told> {
    let has_sample = |told: &Told| !told.samples.is_empty() || !told.histograms.is_empty();
    let (mut told, exemplars): (Vec<_>, Vec<_>) = told.into_iter().partition(has_sample);
    for exemplar in exemplars {
        if let Some(series) = told.iter_mut().find(|series| series.labels == exemplar.labels) {
            series.exemplars.extend(exemplar.exemplars);
        }
    }
    told
}

fn message_of(histogram: &Histogram, item: &Item) -> messages::Histogram {
    let spans = |spans: &[BucketSpan]| {
        let span = |s: &BucketSpan| messages::BucketSpan { offset: s.offset, length: s.length };
        spans.iter().map(span).collect()
    };
    let reset = match histogram.reset {
        ResetHint::Unknown => Reset::Unspecified,
        ResetHint::Yes => Reset::Yes,
        ResetHint::No => Reset::No,
        ResetHint::Gauge => Reset::Gauge,
    };
    let mut message = messages::Histogram {
        sum: histogram.sum,
        schema: histogram.schema,
        zero_threshold: histogram.zero_threshold,
        negative_spans: spans(&histogram.negative_spans),
        positive_spans: spans(&histogram.positive_spans),
        reset_hint: reset.into(),
        timestamp: item.timestamp,
        custom_values: histogram.custom_bounds.clone(),
        start_timestamp: item.start_timestamp,
        ..messages::Histogram::default()
    };
    match histogram.buckets.clone() {
        Buckets::Integer { count, zero_count, positive_deltas, negative_deltas } => {
            message.count = Some(Count::Int(count));
            message.zero_count = Some(ZeroCount::Int(zero_count));
            (message.positive_deltas, message.negative_deltas) = (positive_deltas, negative_deltas);
        }
        Buckets::Float { count, zero_count, positive_counts, negative_counts } => {
            message.count = Some(Count::Float(count));
            message.zero_count = Some(ZeroCount::Float(zero_count));
            (message.positive_counts, message.negative_counts) = (positive_counts, negative_counts);
        }
    }
    message
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_receiver_is_told_by_the_definition_what_the_batch_says(
        mut items in vec(item(), 1..30),
        families in vec((select(KINDS.to_vec()), "[a-cé]{0,3}", "[a-c]{0,3}"), 0..5),
        most in 1..40_usize,
    ) {
        let mut config = config(Protocol::V2);
        // One request, or several that each have symbols of their own.
        config.queue.max_samples_per_send = most;
        let frames = write(&mut writer_of(&config, vec![]), &batch_of_items(&items, &families));
        let told: Vec<Told> = frames.iter().flat_map(received).collect();
        items.sort_by_key(|item| match item.measured {
            Measured::Sample(_) => 0,
            Measured::Histogram(_) => 1,
            Measured::Exemplar(..) => 2,
        });
        let expected: Vec<Told> = items.iter().map(|item| expected(item, &families)).collect();
        prop_assert_eq!(told, along(expected));
    }
}

#[test]
fn a_request_of_2_0_has_the_bytes_that_were_written_by_hand() {
    const AT: i64 = 1_700_000_000_000;
    let families =
        vec![((MetricKind::Counter, MetricType::Counter), "Help.".to_owned(), "s".to_owned())];
    let counter = labels(&[("__name__", "c_total"), ("a", "b")]);
    let item = |series: &Labels, family, timestamp, start_timestamp, measured| Item {
        series: series.clone(),
        family,
        timestamp,
        start_timestamp,
        measured,
    };
    let native = |schema, zero_threshold, reset, offset, custom_bounds, buckets| {
        Measured::Histogram(Arc::new(Histogram {
            schema,
            zero_threshold,
            sum: 2.5,
            reset,
            positive_spans: vec![BucketSpan { offset, length: 2 }],
            negative_spans: vec![],
            buckets,
            custom_bounds,
        }))
    };
    let integer = Buckets::Integer {
        count: 3,
        zero_count: 1,
        positive_deltas: vec![1, -1],
        negative_deltas: vec![],
    };
    let float = Buckets::Float {
        count: 3.5,
        zero_count: 0.0,
        positive_counts: vec![1.5, 2.0],
        negative_counts: vec![],
    };
    let h = labels(&[("__name__", "h")]);
    let items = [
        item(&counter, 0, AT, AT - 1_000, Measured::Sample(1.5)),
        item(&counter, 9, AT + 1, 0, Measured::Sample(STALE_NAN)),
        item(&h, 9, AT, AT - 1_000, native(3, 0.5, ResetHint::Yes, -1, vec![], integer)),
        item(&h, 9, AT, 0, native(-53, 0.0, ResetHint::Gauge, 0, vec![0.25], float)),
        item(&counter, 9, AT, 0, Measured::Exemplar(labels(&[("trace_id", "t")]), 0.5)),
    ];
    let golden: Vec<u8> = include_str!("published/golden.hex")
        .lines()
        .flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace())
        .map(|byte| u8::from_str_radix(byte, 16).expect("two digits"))
        .collect();
    let config = config(Protocol::V2);
    let frames = write(&mut writer_of(&config, vec![]), &batch_of_items(&items, &families));
    assert_eq!(frames.len(), 1);
    assert_eq!(wire::decompress(&frames[0].bytes[HEADER..]).expect("snappy"), golden);
    let expected: Vec<Told> = items.iter().map(|item| expected(item, &families)).collect();
    assert_eq!(received(&frames[0]), along(expected));
}
