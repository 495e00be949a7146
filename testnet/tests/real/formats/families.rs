//! A page of `io.prometheus.client.MetricFamily` messages, as the Go client writes them: what of
//! its fields the suite needs, written down apart from the reader under test.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct MetricFamily {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    help: String,
    #[prost(int32, tag = "3")]
    kind: i32,
    #[prost(message, repeated, tag = "4")]
    metric: Vec<Metric>,
}

#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(message, repeated, tag = "1")]
    label: Vec<Label>,
    #[prost(message, optional, tag = "2")]
    gauge: Option<Gauge>,
    #[prost(message, optional, tag = "3")]
    counter: Option<Counter>,
    #[prost(message, optional, tag = "4")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Gauge {
    #[prost(double, tag = "1")]
    value: f64,
}

#[derive(Clone, PartialEq, Message)]
struct Counter {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(message, optional, tag = "2")]
    exemplar: Option<Exemplar>,
}

#[derive(Clone, PartialEq, Message)]
struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    label: Vec<Label>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(message, optional, tag = "3")]
    timestamp: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(uint64, tag = "1")]
    sample_count: u64,
    #[prost(double, tag = "2")]
    sample_sum: f64,
    #[prost(message, repeated, tag = "3")]
    quantile: Vec<Quantile>,
}

#[derive(Clone, PartialEq, Message)]
struct Quantile {
    #[prost(double, tag = "1")]
    quantile: f64,
    #[prost(double, tag = "2")]
    value: f64,
}

#[derive(Clone, PartialEq, Message)]
struct Histogram {
    #[prost(uint64, tag = "1")]
    sample_count: u64,
    #[prost(double, tag = "2")]
    sample_sum: f64,
    #[prost(message, repeated, tag = "3")]
    bucket: Vec<Bucket>,
    #[prost(sint32, optional, tag = "5")]
    schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    zero_threshold: Option<f64>,
    #[prost(uint64, optional, tag = "7")]
    zero_count: Option<u64>,
    #[prost(message, repeated, tag = "9")]
    negative_span: Vec<Span>,
    // The second version of the language writes repeated numbers one by one, and so does Go's client.
    #[prost(sint64, repeated, packed = "false", tag = "10")]
    negative_delta: Vec<i64>,
    #[prost(message, repeated, tag = "12")]
    positive_span: Vec<Span>,
    #[prost(sint64, repeated, packed = "false", tag = "13")]
    positive_delta: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Bucket {
    #[prost(uint64, tag = "1")]
    cumulative_count: u64,
    #[prost(double, tag = "2")]
    upper_bound: f64,
    #[prost(message, optional, tag = "3")]
    exemplar: Option<Exemplar>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Span {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}

const COUNTER: i32 = 0;
const GAUGE: i32 = 1;
const SUMMARY: i32 = 2;
const HISTOGRAM: i32 = 4;

fn label(name: &str, value: &str) -> Label {
    Label { name: name.to_owned(), value: value.to_owned() }
}

fn family(name: &str, kind: i32, metric: Vec<Metric>) -> MetricFamily {
    MetricFamily { name: name.to_owned(), help: format!("About {name}."), kind, metric }
}

/// An exemplar that says no time.
fn exemplar(trace: &str, value: f64) -> Option<Exemplar> {
    Some(Exemplar { label: vec![label("trace_id", trace)], value, timestamp: None })
}

/// When the exemplars that say a time were observed, in seconds since the Unix epoch.
pub(super) const OBSERVED: i64 = 1_700_000_000;

/// An exemplar with a time, without which Prometheus 3 and Shoal take none of a native histogram.
fn dated_exemplar(trace: &str, value: f64) -> Option<Exemplar> {
    let timestamp = Some(Timestamp { seconds: OBSERVED, nanos: 0 });
    exemplar(trace, value).map(|exemplar| Exemplar { timestamp, ..exemplar })
}

fn bucket(cumulative_count: u64, upper_bound: f64, exemplar: Option<Exemplar>) -> Bucket {
    Bucket { cumulative_count, upper_bound, exemplar }
}

/// The page.
pub(super) fn page() -> Vec<u8> {
    let counted = |code: &str, value, exemplar| Metric {
        label: vec![label("code", code)],
        counter: Some(Counter { value, exemplar }),
        ..Metric::default()
    };
    let gauge = Metric { gauge: Some(Gauge { value: -12.5 }), ..Metric::default() };
    let quantile = vec![Quantile { quantile: 0.5, value: 100.0 }];
    let summary = Summary { sample_count: 9, sample_sum: 1000.0, quantile };
    let classic = Histogram {
        sample_count: 6,
        sample_sum: 4.25,
        bucket: vec![
            bucket(2, 0.1, exemplar("fast", 0.07)),
            bucket(5, 1.0, None),
            bucket(6, f64::INFINITY, exemplar("slow", 2.5)),
        ],
        ..Histogram::default()
    };
    // Eight above zero in two spans, one at zero, one below; the classic buckets beside them carry
    // the exemplars.
    let native = Histogram {
        sample_count: 10,
        sample_sum: 18.5,
        bucket: vec![
            bucket(9, 10.0, dated_exemplar("native", 3.0)),
            bucket(10, f64::INFINITY, None),
        ],
        schema: Some(1),
        zero_threshold: Some(0.001),
        zero_count: Some(1),
        negative_span: vec![Span { offset: 2, length: 1 }],
        negative_delta: vec![1],
        positive_span: vec![Span { offset: 0, length: 2 }, Span { offset: 3, length: 2 }],
        positive_delta: vec![1, 1, 1, -1],
    };
    // Nothing was observed yet: a span of no length tells that the form is the native one.
    let empty = Histogram {
        schema: Some(3),
        zero_threshold: Some(0.001),
        positive_span: vec![Span { offset: 0, length: 0 }],
        ..Histogram::default()
    };
    let histogram = |name, histogram| {
        family(name, HISTOGRAM, vec![Metric { histogram: Some(histogram), ..Metric::default() }])
    };
    let families = [
        family(
            "requests_total",
            COUNTER,
            vec![counted("200", 1027.0, exemplar("abc", 0.5)), counted("500", 3.0, None)],
        ),
        family("temperature", GAUGE, vec![gauge]),
        family("size_bytes", SUMMARY, vec![Metric { summary: Some(summary), ..Metric::default() }]),
        histogram("latency_seconds", classic),
        histogram("native_seconds", native),
        histogram("empty_seconds", empty),
    ];
    families.iter().flat_map(Message::encode_length_delimited_to_vec).collect()
}
