use proptest::prelude::*;
use prost::Message;

use super::*;

mod random;
mod wire;

use wire::{Bucket, Counter, Exemplar, Family, Gauge, Label, Metric, Quantile, Span, Summary};

const ALL: HistogramForms = HistogramForms { native: true, classic_too: true };
const NATIVE: HistogramForms = HistogramForms { native: true, classic_too: false };
const CLASSIC: HistogramForms = HistogramForms { native: false, classic_too: false };

fn page(families: &[Family]) -> Vec<u8> {
    families.iter().flat_map(Message::encode_length_delimited_to_vec).collect()
}

fn shown(page: &[u8], forms: HistogramForms) -> Vec<String> {
    let mut parser = ProtoParser::new(page, forms);
    let mut out = Vec::new();
    loop {
        out.push(match parser.next_event() {
            Ok(None) => return out,
            Ok(Some(Event::Help { name, help })) => format!("help {name} {help}"),
            Ok(Some(Event::Type { name, kind })) => format!("type {name} {kind:?}"),
            Ok(Some(Event::Unit { name, unit })) => format!("unit {name} {unit}"),
            Ok(Some(Event::Sample(s))) => {
                let stamp = s.timestamp.map_or(String::new(), |t| format!(" @{t}"));
                let began = match s.start_timestamp {
                    0 => String::new(),
                    began => format!(" from {began}"),
                };
                let exemplar = s.exemplar.map_or(String::new(), |e| {
                    format!(" # {} {} {:?}", e.labels, e.value, e.timestamp)
                });
                format!("{} {}{stamp}{began}{exemplar}", s.series, s.value)
            }
            Ok(Some(Event::Histogram(s))) => {
                let exemplars: Vec<&str> = s.exemplars.iter().map(|e| e.labels).collect();
                format!("{} {:?} {exemplars:?}", s.series, s.histogram)
            }
            Err(error) => {
                out.push(format!("error: {error}"));
                return out;
            }
        });
    }
}

fn label(name: &str, value: &str) -> Label {
    Label { name: name.into(), value: value.into() }
}

fn exemplar(id: &str, seconds: Option<i64>) -> Exemplar {
    Exemplar {
        labels: vec![label("id", id)],
        value: 0.5,
        timestamp: seconds.map(|seconds| wire::Timestamp { seconds, nanos: 5_000_000 }),
    }
}

fn histogram() -> wire::Histogram {
    wire::Histogram {
        sample_count: 6,
        sample_sum: 18.4,
        bucket: vec![
            Bucket {
                cumulative_count: 2,
                upper_bound: 1.0,
                exemplar: None,
                cumulative_count_float: 0.0,
            },
            Bucket {
                cumulative_count: 4,
                upper_bound: 1e-6,
                exemplar: Some(exemplar("b", Some(7))),
                cumulative_count_float: 0.0,
            },
        ],
        schema: 3,
        zero_threshold: 0.001,
        zero_count: 2,
        positive_span: vec![
            Span { offset: -2, length: 0 },
            Span { offset: 3, length: 1 },
            Span { offset: 2, length: 2 },
        ],
        positive_delta: vec![1, 0, -1],
        ..wire::Histogram::default()
    }
}

fn family(name: &str, kind: i32, metric: Metric) -> Family {
    Family {
        name: name.into(),
        help: "Help.".into(),
        kind,
        metric: vec![metric],
        unit: String::new(),
    }
}

#[test]
fn simple_metrics_are_one_series_each() {
    let mut counter = family(
        "a_seconds_total",
        0,
        Metric {
            label: vec![label("x", "1\"\\\n"), label("q.q", "2")],
            counter: Some(Counter {
                value: 5.0,
                exemplar: Some(exemplar("e", None)),
                created_timestamp: Some(wire::Timestamp { seconds: 3, nanos: 0 }),
            }),
            timestamp_ms: 17,
            ..Metric::default()
        },
    );
    counter.unit = "seconds".into();
    let gauge =
        family("b.b", 1, Metric { gauge: Some(Gauge { value: -1.5 }), ..Metric::default() });
    let untyped =
        family("c", 3, Metric { untyped: Some(Gauge { value: f64::NAN }), ..Metric::default() });
    let empty = Family { name: "empty".into(), ..Family::default() };
    assert_eq!(
        shown(&page(&[counter, gauge, empty, untyped]), NATIVE),
        [
            "help a_seconds_total Help.",
            "unit a_seconds_total seconds",
            "type a_seconds_total Counter",
            r#"a_seconds_total{x="1\"\\\n","q.q"="2"} 5 @17 from 3000 # {id="e",} 0.5 None"#,
            "help b.b Help.",
            "type b.b Gauge",
            r#"{"b.b"} -1.5"#,
            "help empty ",
            "type empty Counter",
            "help c Help.",
            "type c Unknown",
            "c NaN",
        ]
    );
}

#[test]
fn summaries_and_classic_histograms_become_their_series() {
    let summary = family(
        "s",
        2,
        Metric {
            label: vec![label("x", "1")],
            summary: Some(Summary {
                sample_count: 3,
                sample_sum: 4.5,
                quantile: vec![Quantile { quantile: 0.5, value: 2.0 }],
                created_timestamp: None,
            }),
            ..Metric::default()
        },
    );
    let classic = family("h", 4, Metric { histogram: Some(histogram()), ..Metric::default() });
    assert_eq!(
        shown(&page(&[summary, classic]), CLASSIC),
        [
            "help s Help.",
            "type s Summary",
            r#"s_count{x="1"} 3"#,
            r#"s_sum{x="1"} 4.5"#,
            r#"s{x="1",quantile="0.5"} 2"#,
            "help h Help.",
            "type h Histogram",
            "h_count 6",
            "h_sum 18.4",
            r#"h_bucket{le="1.0"} 2"#,
            r#"h_bucket{le="1e-06"} 4 # {id="b",} 0.5 Some(7005)"#,
            r#"h_bucket{le="+Inf"} 6"#,
        ]
    );
}

#[test]
fn native_histograms_keep_their_buckets() {
    let native = family("h", 4, Metric { histogram: Some(histogram()), ..Metric::default() });
    let events = shown(&page(std::slice::from_ref(&native)), NATIVE);
    assert_eq!(events.len(), 3);
    assert_eq!(
        events[2],
        "h Histogram { schema: 3, zero_threshold: 0.001, sum: 18.4, reset: Unknown, \
         positive_spans: [BucketSpan { offset: 1, length: 1 }, BucketSpan { offset: 2, length: 2 }], \
         negative_spans: [], buckets: Integer { count: 6, zero_count: 2, \
         positive_deltas: [1, 0, -1], negative_deltas: [] }, custom_bounds: [] } [\"{id=\\\"b\\\",}\"]"
    );
    assert_eq!(shown(&page(&[native]), ALL).len(), 3 + 5);
}

#[test]
fn a_histogram_of_floats_is_one() {
    let float = wire::Histogram {
        sample_count_float: 2.5,
        schema: 0,
        negative_span: vec![Span { offset: 0, length: 1 }],
        negative_count: vec![2.5],
        ..wire::Histogram::default()
    };
    let gauge = family("h", 5, Metric { histogram: Some(float), ..Metric::default() });
    let events = shown(&page(&[gauge]), NATIVE);
    assert!(events[1].ends_with("GaugeHistogram"));
    assert!(events[2].contains("reset: Gauge"), "{}", events[2]);
    assert!(events[2].contains("Float { count: 2.5, zero_count: 0.0"), "{}", events[2]);
}

#[test]
fn what_is_malformed_says_where() {
    let mut misfit = histogram();
    misfit.positive_delta.pop();
    let misfit = family("h", 4, Metric { histogram: Some(misfit), ..Metric::default() });
    let last = |page: &[u8]| shown(page, NATIVE).pop().unwrap();
    assert_eq!(
        last(&page(&[misfit])),
        "error: byte 15: the spans of a native histogram do not fit its buckets"
    );
    assert_eq!(last(&[5, 1]), "error: byte 0: a message is longer than the page");
    assert_eq!(last(&[1, 0x0A]), "error: byte 1: a field is cut off or malformed");
    assert_eq!(last(&[0]), "error: byte 0: a metric family has no name");
    assert_eq!(last(&[3, 0x0A, 1, 0xFF]), "error: byte 3: a text is not UTF-8");
    assert_eq!(
        last(&[5, 0x0A, 1, b'a', 0x18, 9]),
        "error: byte 4: unknown type of a metric family"
    );
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        shown(&bytes, ALL);
    }

    #[test]
    fn no_change_to_a_page_is_too_strange(at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let native = family("h", 4, Metric { histogram: Some(histogram()), ..Metric::default() });
        let mut page = page(&[native]);
        let at = at.index(page.len());
        if cut {
            page.truncate(at);
        } else {
            page[at] = byte;
        }
        shown(&page, ALL);
    }

    #[test]
    fn every_series_can_be_taken_apart_again(
        name in ".{1,6}",
        labels in prop::collection::vec((".{1,5}", ".{0,5}"), 0..4),
    ) {
        let metric = Metric {
            label: labels.iter().map(|(n, v)| label(n, v)).collect(),
            gauge: Some(Gauge { value: 1.0 }),
            ..Metric::default()
        };
        let page = page(&[family(&name, 1, metric)]);
        let mut parser = ProtoParser::new(&page, NATIVE);
        loop {
            if let Some(Event::Sample(sample)) = parser.next_event().unwrap() {
                let mut parsed = crate::parse::LabelList::new();
                let read = super::super::parse_series(sample.series, &mut parsed).unwrap();
                prop_assert_eq!(super::super::unescape(read), name);
                let read: Vec<(String, String)> = parsed
                    .iter()
                    .map(|l| (super::super::unescape(l.name).into(), super::super::unescape(l.value).into()))
                    .collect();
                prop_assert_eq!(read, labels);
                break;
            }
        }
    }
}
