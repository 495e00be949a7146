//! How often it asks for memory to encode what was collected and to append it to the log. A process
//! of its own, with an allocator that counts; one test, so that nothing else counts along.
#![expect(unsafe_code, reason = "an allocator that counts is one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use delivery::log::{Log, NewFrame, Wanted};
use delivery::write::Writer;
use delivery::{EndpointConfig, LogConfig, Protocol};
use model::{
    Batch, BucketSpan, Buckets, Exemplar, Family, Histogram, HistogramSample, Labels, MetricKind,
    ResetHint, Sample,
};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: Everything is the system allocator's; a number is counted beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: The caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: The caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: The caller's promises are handed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What came of something, and how often it asked for memory.
fn counted<T>(act: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let done = act();
    (done, ALLOCATIONS.load(Ordering::Relaxed) - before)
}

#[derive(Debug, Clone, Copy)]
enum What {
    Samples,
    Histograms,
    Exemplars,
}

/// So many of one kind, of series of their own.
fn batch(what: What, items: usize) -> Batch {
    let mut batch = Batch::default();
    batch.families.push(Arc::new(Family {
        name: "requests".into(),
        kind: MetricKind::Counter,
        help: "Requests.".into(),
        unit: "".into(),
    }));
    let histogram = Arc::new(Histogram {
        schema: 3,
        zero_threshold: 1e-9,
        sum: 12.5,
        reset: ResetHint::No,
        positive_spans: vec![BucketSpan { offset: -4, length: 40 }; 3],
        negative_spans: vec![BucketSpan { offset: 1, length: 1 }],
        buckets: Buckets::Integer {
            count: 1_000,
            zero_count: 2,
            positive_deltas: (0..120).map(|bucket| 1 << (bucket % 40)).collect(),
            negative_deltas: vec![-3],
        },
        custom_bounds: Vec::new(),
    });
    for item in 0..items {
        let (item, handler) = (item.to_string(), format!("/api/{}", item % 50));
        let series = Labels::from_pairs([
            ("__name__", "requests"),
            ("handler", &handler),
            ("instance", "db-1.example.org:9100"),
            ("item", &item),
        ]);
        let labels = batch.push_labels(series.borrowed());
        let (timestamp, start_timestamp) = (1_700_000_000_000, 1_600_000_000_000);
        match what {
            What::Samples => {
                let sample = Sample { labels, family: 0, timestamp, start_timestamp, value: 1.5 };
                batch.samples.push(sample);
            }
            What::Histograms => batch.histograms.push(HistogramSample {
                labels,
                family: 0,
                timestamp,
                start_timestamp,
                histogram: Arc::clone(&histogram),
            }),
            What::Exemplars => {
                let own = Labels::from_pairs([("trace_id", &item)]);
                let own = batch.push_labels(own.borrowed());
                batch.exemplars.push(Exemplar {
                    series: labels,
                    labels: own,
                    timestamp,
                    value: 0.5,
                });
            }
        }
    }
    batch
}

/// The frames of a batch.
fn sealed(writer: &mut Writer, batch: &Batch) -> Vec<NewFrame> {
    let mut sealed = Vec::new();
    writer.write(batch, 0, &mut sealed);
    writer.seal(&mut sealed);
    sealed
}

#[test]
fn only_a_request_costs_allocations_and_nothing_in_it_does() {
    // A frame has its bytes; the list of frames doubles while it grows.
    const PER_FRAME: usize = 3;
    // Its bytes are shared; the lists of frames grow, and a segment is begun, now and then.
    const PER_APPEND: usize = 3;
    const ITEMS: usize = 20_000;
    let directory = tempfile::tempdir().expect("a directory for the test");
    let log = Log::open(directory.path(), LogConfig::default(), Arc::default());
    let mut log = log.expect("the directory is new");
    log.hold_at_most(ITEMS);
    let mut appended = |frame: NewFrame| {
        let (_, allocations) = counted(|| log.append(frame, 0));
        let (meta, payload) =
            log.take(Wanted::ALL, 0).expect("it is in memory").expect("it was appended");
        drop(payload);
        log.finish(&meta, 0);
        allocations
    };
    for protocol in [Protocol::V1, Protocol::V2] {
        for what in [What::Samples, What::Histograms, What::Exemplars] {
            let url = "http://127.0.0.1/".parse().expect("a URL");
            let mut config = EndpointConfig { protocol, ..EndpointConfig::new("test", url) };
            config.send_native_histograms = true;
            let mut writer = Writer::new(&config, Arc::default());
            let batch = batch(what, ITEMS);
            let (_, first) = counted(|| sealed(&mut writer, &batch));
            let (frames, again) = counted(|| sealed(&mut writer, &batch));
            let count = frames.len();
            let append: usize = frames.into_iter().map(&mut appended).sum();
            let told = format!(
                "{protocol:?}, {what:?}: {count} frames, {first} allocations first, {again} again, \
                 {append} to append"
            );
            assert!(count <= ITEMS / 1_000, "{told}");
            // What is kept from request to request grows once.
            assert!(first <= 100 + count * PER_FRAME, "{told}");
            assert!(again <= count * PER_FRAME, "{told}");
            assert!(append <= count * PER_APPEND, "{told}");
        }
    }
}
