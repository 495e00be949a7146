//! Random pages: what the reader gives out is what a conversion gives that lets a library decode the
//! messages and knows nothing of the reader.

use model::{BucketSpan, Buckets, Histogram, MetricKind, ResetHint};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message;

use super::wire::{
    Bucket, Counter, Exemplar, Family, Gauge, Label, Metric, Quantile, Span, Summary, Timestamp,
};
use super::{ALL, CLASSIC, Event, HistogramForms, NATIVE, ProtoParser, page, wire};
use crate::parse::{LabelList, format_float, parse_series, unescape};

/// What a page says, as plain values.
#[derive(Debug, Clone, PartialEq)]
enum Said {
    Help(String, String),
    Unit(String, String),
    Type(String, MetricKind),
    Sample {
        series: Series,
        bits: u64,
        timestamp: Option<i64>,
        began: i64,
        exemplar: Option<Linked>,
    },
    Native {
        series: Series,
        histogram: String,
        timestamp: Option<i64>,
        began: i64,
        linked: Vec<Linked>,
    },
}

/// A name and labels, in their order.
type Series = (String, Vec<(String, String)>);
/// The labels of an exemplar, the bits of its value, its timestamp.
type Linked = (Vec<(String, String)>, u64, Option<i64>);

/// All not-a-numbers are one; the reader gives out the one that a page in text would give.
fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

fn read_series(text: &str) -> Series {
    let mut labels = LabelList::new();
    let name = parse_series(text, &mut labels).expect("a series as the reader writes it");
    let name = unescape(name).into_owned();
    (name, labels.iter().map(|l| (unescape(l.name).into(), unescape(l.value).into())).collect())
}

fn read_exemplar(exemplar: &crate::parse::Exemplar<'_>) -> Linked {
    // A series has a name; this is its labels alone.
    let (_, labels) = read_series(&format!("x{}", exemplar.labels));
    (labels, bits(exemplar.value), exemplar.timestamp)
}

/// What the reader says of a page.
fn read(page: &[u8], forms: HistogramForms) -> Vec<Said> {
    let mut parser = ProtoParser::new(page, forms);
    let mut said = Vec::new();
    while let Some(event) = parser.next_event().expect("the page is right") {
        said.push(match event {
            Event::Help { name, help } => Said::Help(name.into(), help.into()),
            Event::Unit { name, unit } => Said::Unit(name.into(), unit.into()),
            Event::Type { name, kind } => Said::Type(name.into(), kind),
            Event::Sample(sample) => Said::Sample {
                series: read_series(sample.series),
                bits: bits(sample.value),
                timestamp: sample.timestamp,
                began: sample.start_timestamp,
                exemplar: sample.exemplar.as_ref().map(read_exemplar),
            },
            Event::Histogram(sample) => Said::Native {
                series: read_series(sample.series),
                histogram: format!("{:?}", sample.histogram),
                timestamp: sample.timestamp,
                began: sample.start_timestamp,
                linked: sample.exemplars.iter().map(read_exemplar).collect(),
            },
        });
    }
    said
}

/// What a decoded page says.
fn convert(page: &[u8], forms: HistogramForms) -> Vec<Said> {
    let (mut rest, mut said) = (page, Vec::new());
    while !rest.is_empty() {
        let family = Family::decode_length_delimited(&mut rest).expect("a library wrote it");
        said.push(Said::Help(family.name.clone(), family.help.clone()));
        if !family.unit.is_empty() {
            said.push(Said::Unit(family.name.clone(), family.unit.clone()));
        }
        let kinds = [
            MetricKind::Counter,
            MetricKind::Gauge,
            MetricKind::Summary,
            MetricKind::Unknown,
            MetricKind::Histogram,
            MetricKind::GaugeHistogram,
        ];
        said.push(Said::Type(family.name.clone(), kinds[family.kind as usize]));
        for metric in &family.metric {
            convert_metric(&family, metric, forms, &mut said);
        }
    }
    said
}

/// Of a message, the milliseconds since the Unix epoch.
fn millis(timestamp: &Timestamp) -> i64 {
    timestamp.seconds * 1000 + i64::from(timestamp.nanos) / 1_000_000
}

fn linked(exemplar: &Exemplar) -> Linked {
    let labels = exemplar.labels.iter().map(|l| (l.name.clone(), l.value.clone())).collect();
    (labels, bits(exemplar.value), exemplar.timestamp.as_ref().map(millis))
}

fn convert_metric(family: &Family, metric: &Metric, forms: HistogramForms, said: &mut Vec<Said>) {
    let timestamp = (metric.timestamp_ms != 0).then_some(metric.timestamp_ms);
    let began = [
        metric.counter.as_ref().and_then(|c| c.created_timestamp.as_ref()),
        metric.summary.as_ref().and_then(|s| s.created_timestamp.as_ref()),
        metric.histogram.as_ref().and_then(|h| h.created_timestamp.as_ref()),
    ];
    let began = began.into_iter().flatten().next().map_or(0, millis);
    let labels: Vec<(String, String)> =
        metric.label.iter().map(|l| (l.name.clone(), l.value.clone())).collect();
    let series = |suffix: &str, more: Option<(&str, f64)>| {
        let more = more.map(|(name, bound)| (name.to_owned(), format_float(bound)));
        (format!("{}{suffix}", family.name), labels.iter().cloned().chain(more).collect())
    };
    let mut sample = |series: Series, value: f64, exemplar: Option<&Exemplar>| {
        let exemplar = exemplar.map(linked);
        said.push(Said::Sample { series, bits: bits(value), timestamp, began, exemplar });
    };
    match family.kind {
        0 => {
            let counter = metric.counter.clone().unwrap_or_default();
            sample(series("", None), counter.value, counter.exemplar.as_ref());
        }
        1 => sample(series("", None), metric.gauge.clone().unwrap_or_default().value, None),
        2 => {
            let summary = metric.summary.clone().unwrap_or_default();
            sample(series("_count", None), summary.sample_count as f64, None);
            sample(series("_sum", None), summary.sample_sum, None);
            for Quantile { quantile, value } in summary.quantile {
                sample(series("", Some(("quantile", quantile))), value, None);
            }
        }
        3 => sample(series("", None), metric.untyped.clone().unwrap_or_default().value, None),
        _ => {
            let histogram = metric.histogram.clone().unwrap_or_default();
            let native = forms.native && is_native(&histogram);
            if native {
                let model = model(&histogram, family.kind == 5);
                let own = histogram.exemplars.iter();
                let of_buckets = histogram.bucket.iter().filter_map(|b| b.exemplar.as_ref());
                let exemplars: Vec<&Exemplar> = match histogram.exemplars.is_empty() {
                    true => of_buckets.collect(),
                    false => own.collect(),
                };
                let dated = exemplars.into_iter().filter(|exemplar| exemplar.timestamp.is_some());
                said.push(Said::Native {
                    series: series("", None),
                    histogram: format!("{model:?}"),
                    timestamp,
                    began,
                    linked: dated.map(linked).collect(),
                });
            }
            if native && (!forms.classic_too || histogram.bucket.is_empty()) {
                return;
            }
            let mut sample = |series: Series, value: f64, exemplar: Option<&Exemplar>| {
                let exemplar = exemplar.map(linked);
                said.push(Said::Sample { series, bits: bits(value), timestamp, began, exemplar });
            };
            let total = either(histogram.sample_count_float, histogram.sample_count);
            sample(series("_count", None), total, None);
            sample(series("_sum", None), histogram.sample_sum, None);
            for bucket in &histogram.bucket {
                let count = either(bucket.cumulative_count_float, bucket.cumulative_count);
                let series = series("_bucket", Some(("le", bucket.upper_bound)));
                sample(series, count, bucket.exemplar.as_ref());
            }
            if histogram.bucket.last().is_none_or(|last| last.upper_bound != f64::INFINITY) {
                sample(series("_bucket", Some(("le", f64::INFINITY))), total, None);
            }
        }
    }
}

/// The float where there is one.
fn either(float: f64, whole: u64) -> f64 {
    if float == 0.0 { whole as f64 } else { float }
}

/// As `isNativeHistogram` of Prometheus' parser.
fn is_native(histogram: &wire::Histogram) -> bool {
    !histogram.positive_span.is_empty()
        || !histogram.negative_span.is_empty()
        || histogram.zero_threshold > 0.0
        || histogram.zero_count > 0
}

/// The buckets of a side by their index, which is what spans say in short.
fn indices(spans: &[Span]) -> Vec<i64> {
    let mut next = 0;
    let mut indices = Vec::new();
    for span in spans {
        next += i64::from(span.offset);
        for _ in 0..span.length {
            indices.push(next);
            next += 1;
        }
    }
    indices
}

/// Spans without empty ones that say the same, built from the indices alone: two that touch where
/// an empty one or none stood between stay two.
fn spans(original: &[Span]) -> Vec<BucketSpan> {
    let indices = indices(original);
    let (mut spans, mut at, mut end) = (Vec::new(), 0, 0);
    for length in original.iter().map(|span| span.length).filter(|length| *length > 0) {
        let first = indices[at];
        spans.push(BucketSpan { offset: i32::try_from(first - end).expect("small"), length });
        at += length as usize;
        end = first + i64::from(length);
    }
    spans
}

fn model(histogram: &wire::Histogram, gauge: bool) -> Histogram {
    let of = histogram.clone();
    let float = of.sample_count_float > 0.0 || of.zero_count_float > 0.0;
    let buckets = match float {
        true => Buckets::Float {
            count: of.sample_count_float,
            zero_count: of.zero_count_float,
            positive_counts: of.positive_count,
            negative_counts: of.negative_count,
        },
        false => Buckets::Integer {
            count: of.sample_count,
            zero_count: of.zero_count,
            positive_deltas: of.positive_delta,
            negative_deltas: of.negative_delta,
        },
    };
    Histogram {
        schema: of.schema,
        zero_threshold: of.zero_threshold,
        sum: of.sample_sum,
        reset: if gauge { ResetHint::Gauge } else { ResetHint::Unknown },
        positive_spans: spans(&of.positive_span),
        negative_spans: spans(&of.negative_span),
        buckets,
        custom_bounds: Vec::new(),
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z_]{1,6}", 1 => ".{1,5}", 1 => "[\\\\\"\n{}=,#]{1,4}"]
}

fn labels() -> impl Strategy<Value = Vec<Label>> {
    vec((text(), prop_oneof![text(), Just(String::new())]), 0..4)
        .prop_map(|pairs| pairs.into_iter().map(|(name, value)| Label { name, value }).collect())
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_i64, 0..1_000_000_000)
        .prop_map(|(seconds, nanos)| Timestamp { seconds, nanos })
}

fn exemplar() -> impl Strategy<Value = Exemplar> {
    (labels(), any::<f64>(), option::of(timestamp()))
        .prop_map(|(labels, value, timestamp)| Exemplar { labels, value, timestamp })
}

/// Spans with gaps, empty ones among them, and how many buckets they have.
fn side() -> impl Strategy<Value = Vec<Span>> {
    (vec((0..5_i32, 0..4_u32), 0..4), -9..9_i32).prop_map(|(pairs, first)| {
        let mut spans: Vec<Span> =
            pairs.into_iter().map(|(offset, length)| Span { offset, length }).collect();
        if let Some(span) = spans.first_mut() {
            span.offset = first;
        }
        spans
    })
}

fn buckets() -> impl Strategy<Value = Vec<Bucket>> {
    let float = prop_oneof![2 => Just(0.0), 1 => 0.0..1e6];
    let bound = prop_oneof![3 => any::<f64>(), 1 => Just(f64::INFINITY)];
    vec((any::<u64>(), bound, option::of(exemplar()), float), 0..4).prop_map(|buckets| {
        let bucket = |(cumulative_count, upper_bound, exemplar, cumulative_count_float)| Bucket {
            cumulative_count,
            upper_bound,
            exemplar,
            cumulative_count_float,
        };
        buckets.into_iter().map(bucket).collect()
    })
}

fn histogram() -> impl Strategy<Value = wire::Histogram> {
    let numbers = (any::<u64>(), any::<f64>(), -4..9_i32, option::of(0.0..1.0), any::<u16>());
    let floats = option::of((0.0..1e9, 0.0..1e9));
    let rest = (vec(exemplar(), 0..3), option::of(timestamp()), any::<i32>(), any::<bool>());
    (numbers, floats, side(), side(), buckets(), rest).prop_map(
        |((count, sum, schema, threshold, zeros), floats, positive, negative, bucket, rest)| {
            let (exemplars, created_timestamp, delta, is_native) = rest;
            let mut histogram = wire::Histogram {
                sample_count: count,
                sample_sum: sum,
                bucket,
                created_timestamp,
                exemplars,
                ..wire::Histogram::default()
            };
            if !is_native {
                return histogram;
            }
            let length = |spans: &[Span]| indices(spans).len();
            histogram.schema = schema;
            histogram.zero_threshold = threshold.unwrap_or(0.0);
            histogram.zero_count = zeros.into();
            let deltas = |many: usize| (0..many as i64).map(|n| n * i64::from(delta)).collect();
            let counts = |many: usize| (0..many).map(|n| n as f64 + 0.5).collect();
            match floats {
                Some((count, zeros)) if count > 0.0 => {
                    histogram.sample_count_float = count;
                    histogram.zero_count_float = zeros;
                    histogram.positive_count = counts(length(&positive));
                    histogram.negative_count = counts(length(&negative));
                }
                _ => {
                    histogram.positive_delta = deltas(length(&positive));
                    histogram.negative_delta = deltas(length(&negative));
                }
            }
            histogram.positive_span = positive;
            histogram.negative_span = negative;
            histogram
        },
    )
}

/// A metric that has what its family's type says, or, now and then, nothing.
fn metric(kind: i32) -> impl Strategy<Value = Metric> {
    let summary = (any::<u64>(), any::<f64>(), vec(any::<(f64, f64)>(), 0..3));
    let stamp = prop_oneof![Just(0_i64), any::<i64>()];
    let parts = (any::<f64>(), option::of(exemplar()), option::of(timestamp()), summary);
    (labels(), stamp, option::weighted(0.9, (parts, histogram()))).prop_map(
        move |(label, timestamp_ms, parts)| {
            let mut metric = Metric { label, timestamp_ms, ..Metric::default() };
            let Some(((value, exemplar, created_timestamp, summary), histogram)) = parts else {
                return metric;
            };
            match kind {
                0 => metric.counter = Some(Counter { value, exemplar, created_timestamp }),
                1 => metric.gauge = Some(Gauge { value }),
                2 => {
                    let (sample_count, sample_sum, quantiles) = summary;
                    let quantile = |(quantile, value)| Quantile { quantile, value };
                    let quantile = quantiles.into_iter().map(quantile).collect();
                    let summary = Summary { sample_count, sample_sum, quantile, created_timestamp };
                    metric.summary = Some(summary);
                }
                3 => metric.untyped = Some(Gauge { value }),
                _ => metric.histogram = Some(histogram),
            }
            metric
        },
    )
}

fn family() -> impl Strategy<Value = Family> {
    (0..6_i32).prop_flat_map(|kind| {
        (text(), text(), option::of("[a-z]{1,4}"), vec(metric(kind), 0..4)).prop_map(
            move |(stem, help, unit, metric)| {
                let (name, unit) = match unit {
                    Some(unit) => (format!("{stem}_{unit}"), unit),
                    None => (stem, String::new()),
                };
                Family { name, help, kind, metric, unit }
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_page_says_what_a_library_decodes(families in vec(family(), 0..4)) {
        let page = page(&families);
        for forms in [ALL, NATIVE, CLASSIC] {
            prop_assert_eq!(read(&page, forms), convert(&page, forms));
        }
    }
}
