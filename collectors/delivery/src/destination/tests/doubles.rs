//! What a backend of 1.0 has already, and says only that it has some of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use model::Exemplar;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::rules::deliver;
use super::*;

/// Behaves as Prometheus on 1.0: one sample that `is_refused`, by the name of its series, its instant and its
/// value, spoils the whole request.
fn refuse(
    message: &'static str,
    is_refused: impl Fn(&str, i64, f64) -> bool + Send + 'static,
) -> impl FnMut(usize, &Received) -> Reply + Send {
    move |_, received| {
        let request = received.request();
        let spoils = request.timeseries.iter().any(|series| {
            let name = series.label("n").unwrap_or_default();
            series.samples.iter().any(|sample| is_refused(name, sample.timestamp, sample.value))
        });
        if spoils { Reply::status(400, message) } else { Reply::ok() }
    }
}

fn refuse_doubles(
    doubles: &'static [&'static str],
) -> impl FnMut(usize, &Received) -> Reply + Send {
    refuse("out of order sample\n", move |name, _, _| doubles.contains(&name))
}

#[tokio::test]
async fn a_double_costs_itself_and_nothing_else() {
    for doubles in [&["3"][..], &["0"], &["98", "99"], &["0", "17", "50", "99"]] {
        let script = refuse_doubles(doubles);
        let (backend, telemetry) = deliver(|_| {}, vec![batch(0..100, 1.0)], script).await;
        let rest = (0..100).map(|n| n.to_string()).filter(|n| !doubles.contains(&n.as_str()));
        // Samples of one instant come in any order.
        let (mut accepted, mut rest) = (backend.accepted(), of(rest, 1.0));
        accepted.sort_by(|a, b| a.0.cmp(&b.0));
        rest.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(accepted, rest);
        assert_eq!(telemetry.dropped(DropReason::OutOfOrder).samples.get(), doubles.len() as u64);
        assert_eq!(telemetry.sent.samples.get(), 100 - doubles.len() as u64);
        assert_eq!(telemetry.failed.samples.get(), 0);
        // Two requests a halving: a double is found in the logarithm of the request's size. On the
        // way some are tried alone.
        let requests = backend.received().len();
        assert!(requests <= 1 + doubles.len() * (2 * 7 + 12), "{requests}");
    }
}

/// The number of a series; 0 of what has none.
fn number(name: &str) -> usize {
    name.parse().unwrap_or_default()
}

/// Behaves as Prometheus without an out-of-order window, which has a range of each series already.
fn refuse_up_to(
    newest: impl Fn(usize) -> i64 + Send + 'static,
) -> impl FnMut(usize, &Received) -> Reply + Send {
    refuse("duplicate sample for timestamp", move |name, at, _| at <= newest(number(name)))
}

/// Behaves as Prometheus, which takes a sample again that it has with the same value. `has` tells which
/// value it has of a series at an instant.
fn refuse_other_values(
    has: impl Fn(usize, i64) -> Option<f64> + Send + 'static,
) -> impl FnMut(usize, &Received) -> Reply + Send {
    refuse("duplicate sample for timestamp", move |name, at, value| {
        has(number(name), at).is_some_and(|other| other != value)
    })
}

/// What a node says of each scrape itself.
const REPORTS: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// Scrapes of some targets whose pages have so many series each, and the reports behind them.
fn scrapes(targets: usize, page: usize, at: i64) -> Batch {
    let mut batch = Batch::default();
    for instance in 0..targets {
        for n in 0..page + REPORTS.len() {
            let name = n.checked_sub(page).map_or("m", |report| REPORTS[report]).to_owned();
            let instance = instance.to_string();
            let labels = [("__name__", name), ("instance", instance), ("n", n.to_string())];
            batch.push(Labels::from_pairs(labels).borrowed(), at, 1.0);
        }
    }
    batch
}

#[tokio::test]
async fn one_double_in_two_thousand_is_found_in_three_dozen_requests() {
    for double in [0, 777, 1_999] {
        let script = refuse_up_to(move |name| if name == double { i64::MAX } else { 0 });
        let (backend, telemetry) = deliver(|_| {}, vec![batch(0..2_000, 1.0)], script).await;
        assert_eq!(telemetry.sent.samples.get(), 1_999);
        assert_eq!(telemetry.dropped(DropReason::Double).samples.get(), 1);
        assert_eq!(telemetry.dropped(DropReason::OutOfOrder).samples.get(), 0);
        let requests = backend.received().len();
        assert!(requests <= 36, "{requests}");
    }
}

#[tokio::test]
async fn a_frame_that_is_all_doubles_costs_a_bounded_number_of_requests() {
    let script = refuse_up_to(|_| i64::MAX);
    let (backend, telemetry) = deliver(|_| {}, vec![batch(0..2_000, 1.0)], script).await;
    assert_eq!(telemetry.dropped(DropReason::Double).samples.get(), 2_000);
    assert!(backend.received().len() <= 120, "{}", backend.received().len());
}

#[tokio::test]
async fn of_a_scrape_that_is_there_in_part_the_rest_is_delivered() {
    for offset in [0, 1] {
        let script = refuse_up_to(move |name| if name % 2 == offset { i64::MAX } else { 0 });
        let (_, telemetry) = deliver(|_| {}, vec![batch(0..200, 1.0)], script).await;
        assert_eq!(telemetry.sent.samples.get(), 100);
        assert_eq!(telemetry.dropped(DropReason::Double).samples.get(), 100);
    }
}

#[tokio::test]
async fn every_other_sample_of_a_frame_may_be_a_double() {
    let script = refuse_up_to(|name| if name % 2 == 0 { i64::MAX } else { 0 });
    let (_, telemetry) = deliver(|_| {}, vec![batch(0..2_000, 1.0)], script).await;
    assert_eq!(telemetry.sent.samples.get(), 1_000);
    assert_eq!(telemetry.dropped(DropReason::Double).samples.get(), 1_000);
}

#[tokio::test]
async fn frames_that_are_doubles_for_ever_are_given_up_and_what_was_not_tried_is_no_double() {
    const FRAMES: u64 = 12;
    let script = refuse_up_to(|name| if name % 2 == 0 { i64::MAX } else { 0 });
    let frames = (0..FRAMES).map(|frame| batch(0..600, frame as f64)).collect();
    let small = |config: &mut EndpointConfig| {
        config.queue.max_samples_per_send = 600;
    };
    let (backend, telemetry) = deliver(small, frames, script).await;
    let (sent, doubles) =
        (telemetry.sent.samples.get(), telemetry.dropped(DropReason::Double).samples.get());
    let untried = telemetry.dropped(DropReason::Untried).samples.get();
    assert_eq!(sent + doubles + untried, FRAMES * 600);
    assert!(sent >= 8 * 300 && doubles <= FRAMES * 300, "{sent} {doubles} {untried}");
    assert!((200..4 * 600).contains(&untried), "{sent} {doubles} {untried}");
    assert!(backend.received().len() <= 8 * 1_200 + 4 * 450, "{}", backend.received().len());
}

#[tokio::test]
async fn a_target_that_was_collected_twice_takes_no_other_target_along() {
    // Three targets of ten are there already, each with 200 series side by side.
    let script = refuse_up_to(|name| if [2, 3, 7].contains(&(name / 200)) { i64::MAX } else { 0 });
    let mut scrapes = Batch::default();
    for n in 0..2_000_usize {
        let labels =
            [("__name__", "m"), ("instance", &(n / 200).to_string()), ("n", &n.to_string())];
        scrapes.push(Labels::from_pairs(labels).borrowed(), 1_000, 1.0);
    }
    let (backend, telemetry) = deliver(|_| {}, vec![scrapes], script).await;
    assert_eq!(telemetry.sent.samples.get(), 1_400);
    assert_eq!(telemetry.dropped(DropReason::Double).samples.get(), 600);
    assert!(backend.received().len() <= 300, "{}", backend.received().len());
    let mut names: Vec<usize> =
        backend.accepted().iter().map(|(n, _)| n.parse().unwrap()).collect();
    names.sort_unstable();
    let expected: Vec<usize> = (0..2_000).filter(|n| ![2, 3, 7].contains(&(n / 200))).collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn many_small_targets_that_were_collected_twice_cost_a_request_or_two_each() {
    // Forty targets of nine series, each scraped at an instant of its own; every other is there.
    let script = refuse_up_to(|name| if name / 9 % 2 == 0 { i64::MAX } else { 0 });
    let mut scrapes = Batch::default();
    for name in 0..360_usize {
        let labels = Labels::from_pairs([
            ("__name__", if name % 9 == 0 { "scrape_duration_seconds" } else { "m" }.to_owned()),
            ("instance", (name / 9).to_string()),
            ("n", name.to_string()),
        ]);
        scrapes.push(labels.borrowed(), 1_000 + (name / 9) as i64, 1.0);
    }
    let (backend, telemetry) = deliver(|_| {}, vec![scrapes], script).await;
    assert_eq!(telemetry.sent.samples.get(), 180);
    assert_eq!(telemetry.dropped(DropReason::Double).samples.get(), 180);
    let requests = backend.received().len();
    assert!(requests <= 120, "{requests}");
}

#[tokio::test]
async fn a_target_that_is_collected_twice_for_long_costs_three_requests_a_scrape() {
    // Forty scrapes of nine series, each in a frame of its own, of which the backend has all but the last.
    let script = refuse_up_to(|_| 1_038);
    let alone = |config: &mut EndpointConfig| config.queue.max_samples_per_send = 9;
    let ticks = (0..40).map(|tick| scrapes(1, 4, 1_000 + tick)).collect();
    let (backend, telemetry) = deliver(alone, ticks, script).await;
    assert_eq!(telemetry.dropped(DropReason::Double).samples.get(), 39 * 9);
    assert_eq!(backend.accepted(), of(0..9, 1.0));
    let requests = backend.received().len();
    assert!(requests <= 39 * 3 + 20, "{requests}");
}

/// Two who scrape a page one after the other find most of it unchanged, and a backend takes that again.
#[tokio::test]
async fn a_page_of_which_little_changes_costs_four_requests_a_scrape_and_what_one_has_is_stored() {
    // Every tenth series of the page differs, and what took how long. The other does not have one.
    let differs = |n: usize| n.is_multiple_of(10) || n == 61;
    let script = refuse_other_values(move |n, at| match n {
        33 => None,
        _ if differs(n) => Some(0.5),
        // Now and then another one does.
        15 if at % 9 == 0 => Some(0.5),
        _ => Some(1.0),
    });
    let alone = |config: &mut EndpointConfig| config.queue.max_samples_per_send = 65;
    let ticks = (0..40).map(|tick| scrapes(1, 60, 1_000 + tick)).collect();
    let (backend, telemetry) = deliver(alone, ticks, script).await;
    let requests = backend.received().len();
    assert!(requests <= 40 * 4 + 100, "{requests}");
    let of_one = backend.accepted().iter().filter(|(name, _)| name == "33").count();
    assert_eq!(of_one, 40);
    let doubles = telemetry.dropped(DropReason::Double).samples.get();
    assert_eq!(telemetry.sent.samples.get() + doubles, 40 * 65);
}

/// Who had the whole of the last scrape may have half of this one: its node has died meanwhile, say.
#[tokio::test]
async fn of_a_target_that_was_collected_twice_what_the_backend_has_not_is_delivered() {
    for page in 4..40 {
        // From the second scrape on it has the first part of the page.
        let script = refuse_other_values(move |n, at| (at == 1_000 || n < 3).then_some(0.5));
        let size = page + REPORTS.len();
        let alone = move |config: &mut EndpointConfig| config.queue.max_samples_per_send = size;
        let ticks = (0..3).map(|tick| scrapes(1, page, 1_000 + tick)).collect();
        let (_, telemetry) = deliver(alone, ticks, script).await;
        assert_eq!(telemetry.sent.samples.get(), 2 * (size as u64 - 3), "{page}");
        let doubles = telemetry.dropped(DropReason::Double).samples.get();
        assert_eq!(doubles, size as u64 + 2 * 3, "{page}");
    }
}

/// As before, but the other has what the scrape says of itself, too: of the page a single sample tells, and
/// it is another one in each scrape.
#[tokio::test]
async fn what_the_backend_has_not_is_found_after_some_scrapes_though_it_has_all_reports() {
    const TICKS: u64 = 20;
    // Those that are given up because the sample that told was one that the backend has: half of a page
    // is, so it falls that way for a while now and then.
    const LOST: u64 = 8;
    for page in 4..40 {
        let has = move |n: usize| n < page / 2 || n >= page;
        let script = refuse_other_values(move |n, at| (at == 1_000 || has(n)).then_some(0.5));
        let size = page + REPORTS.len();
        let alone = move |config: &mut EndpointConfig| config.queue.max_samples_per_send = size;
        let ticks = (0..TICKS as i64).map(|tick| scrapes(1, page, 1_000 + tick)).collect();
        let (_, telemetry) = deliver(alone, ticks, script).await;
        let lacks = page.div_ceil(2) as u64;
        let sent = telemetry.sent.samples.get();
        assert!(sent >= (TICKS - LOST) * lacks, "{page}: {sent} of {}", TICKS * lacks);
        let doubles = telemetry.dropped(DropReason::Double).samples.get();
        assert_eq!(sent + doubles, TICKS * size as u64, "{page}");
    }
}

#[tokio::test]
async fn frames_of_many_small_targets_that_are_collected_twice_are_tried_to_their_end() {
    const FRAMES: u64 = 12;
    let script = refuse_up_to(|_| i64::MAX);
    // Two hundred targets of ten series fill a frame.
    let frames = (0..FRAMES).map(|frame| scrapes(200, 5, 1_000 + frame as i64)).collect();
    let (backend, telemetry) = deliver(|_| {}, frames, script).await;
    assert_eq!(telemetry.dropped(DropReason::Untried).samples.get(), 0);
    assert_eq!(telemetry.dropped(DropReason::Double).samples.get(), FRAMES * 2_000);
    let requests = backend.received().len() as u64;
    assert!(requests <= FRAMES * 450 + 400, "{requests}");
}

/// Backends do not refuse a request for an exemplar, and its timestamp is its own.
#[tokio::test]
async fn exemplars_do_not_hide_that_a_target_is_collected_twice() {
    let script = refuse_up_to(|_| i64::MAX);
    let alone = |config: &mut EndpointConfig| {
        config.queue.max_samples_per_send = 11;
        config.send_exemplars = true;
    };
    let ticks = (0..40).map(|tick| {
        let mut batch = scrapes(1, 4, 1_000 + 10 * tick);
        for (sample, before) in [(0, 0), (1, 3)] {
            let series = batch.samples[sample].labels;
            let timestamp = 1_000 + 10 * tick - before;
            let exemplar = Exemplar { series, labels: series, timestamp, value: 1.0 };
            batch.exemplars.push(exemplar);
        }
        batch
    });
    let (backend, telemetry) = deliver(alone, ticks.collect(), script).await;
    assert_eq!(telemetry.dropped(DropReason::Double).samples.get(), 40 * 9);
    assert_eq!(telemetry.sent.exemplars.get(), 40 * 2);
    let requests = backend.received().len();
    assert!(requests <= 40 * 4 + 20, "{requests}");
}

/// The other one has only failed scrapes, but for the first: what they say of themselves is there, for
/// every tick.
#[tokio::test]
async fn what_one_node_alone_reaches_is_stored_though_another_has_reported_of_it() {
    let script = refuse_up_to(|n| if n < 4 { 1_000 } else { i64::MAX });
    let alone = |config: &mut EndpointConfig| config.queue.max_samples_per_send = 9;
    let ticks = (0..20).map(|tick| scrapes(1, 4, 1_000 + tick)).collect();
    let (backend, telemetry) = deliver(alone, ticks, script).await;
    assert_eq!(telemetry.sent.samples.get(), 19 * 4);
    assert_eq!(telemetry.dropped(DropReason::Double).samples.get(), 9 + 19 * 5);
    let requests = backend.received().len();
    assert!(requests <= 18 * 3 + 50, "{requests}");
}

#[tokio::test]
async fn an_older_range_that_is_there_already_takes_no_newer_sample_along() {
    // Ten ticks of 200 series, of which the backend has the first seven.
    let script = refuse_up_to(|_| 1_006);
    let ticks = (0..10).map(|tick| batch(0..200, f64::from(tick))).collect();
    let (backend, telemetry) = deliver(|_| {}, ticks, script).await;
    assert_eq!(telemetry.sent.samples.get(), 600);
    assert_eq!(telemetry.dropped(DropReason::Double).samples.get(), 1_400);
    assert!(backend.received().len() <= 160, "{}", backend.received().len());
    let newest: Vec<(String, f64)> = backend.accepted();
    let of_first = newest.iter().filter(|(name, _)| name == "0").map(|(_, value)| *value);
    assert_eq!(of_first.collect::<Vec<_>>(), [7.0, 8.0, 9.0]);
}

#[tokio::test]
async fn halves_are_repeated_like_any_request() {
    let mut refuse = refuse_doubles(&["5"]);
    let script = move |number, received: &Received| {
        if number % 2 == 1 { Reply::status(503, "later") } else { refuse(number, received) }
    };
    let (backend, telemetry) = deliver(|_| {}, vec![batch(0..16, 1.0)], script).await;
    assert_eq!(backend.accepted().len(), 15);
    assert_eq!(telemetry.dropped(DropReason::OutOfOrder).samples.get(), 1);
}

#[tokio::test]
async fn an_overlap_is_refused_alone() {
    let overlap = Batch { overlap: true, ..batch(["double"], 1.0) };
    let script = refuse_doubles(&["double"]);
    let (backend, telemetry) = deliver(|_| {}, vec![batch(0..50, 1.0), overlap], script).await;
    assert_eq!(backend.accepted(), of(0..50, 1.0));
    assert_eq!(telemetry.bisections.get(), 0, "nothing had to be halved");
    assert_eq!(telemetry.dropped(DropReason::OutOfOrder).samples.get(), 1);
}

/// Behaves as Prometheus without an out-of-order window for all that is written to it, and keeps what it
/// stores: the series and the instants. `seed` tells when it is busy.
fn prometheus(
    seed: u64,
    stored: Arc<Mutex<BTreeSet<(String, i64)>>>,
) -> impl FnMut(usize, &Received) -> Reply + Send {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut newest: BTreeMap<String, (i64, f64)> = BTreeMap::new();
    move |_, received| {
        // So that neither keeps in step with the other.
        if rng.random_ratio(1, 4) {
            return Reply::status(503, "busy");
        }
        let request = received.request();
        let samples = request.timeseries.iter().flat_map(|series| {
            let name = format!("{:?}", series.labels);
            series.samples.iter().map(move |sample| (name.clone(), sample.timestamp, sample.value))
        });
        let samples: Vec<(String, i64, f64)> = samples.collect();
        for (name, at, value) in &samples {
            match newest.get(name) {
                Some((last, _)) if at < last => return Reply::status(400, "out of order sample"),
                Some((last, other)) if at == last && value != other => {
                    return Reply::status(400, "duplicate sample for timestamp");
                }
                _ => {}
            }
        }
        let mut stored = stored.lock().unwrap();
        for (name, at, value) in samples {
            newest.insert(name.clone(), (at, value));
            stored.insert((name, at));
        }
        Reply::ok()
    }
}

/// Both sides of a network that was broken send what they have collected, at the same time.
#[tokio::test]
async fn two_who_collect_the_same_lose_nothing_between_them() {
    const TARGETS: usize = 60;
    const PAGE: usize = 4;
    const TICKS: i64 = 12;
    let seed = rand::random();
    let stored = Arc::default();
    let backend = Backend::start(prometheus(seed, Arc::clone(&stored))).await;
    let (_keep, path) = directory();
    let both = [1.0, 2.0].map(|value| {
        let folder = path.join(value.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        (value, Running::start(&folder, config(&backend)))
    });
    for tick in 0..TICKS {
        for (value, side) in &both {
            let mut batch = Batch { overlap: true, ..scrapes(TARGETS, PAGE, 1_000 + tick) };
            for (place, sample) in batch.samples.iter_mut().enumerate() {
                // A page of which some does not change, and two who measure how long it took.
                sample.value = if place % 3 == 0 { 1.0 } else { *value };
            }
            side.send(batch).await;
        }
    }
    for (_, side) in both {
        assert_eq!(side.stop().await, Left::default(), "seed {seed}");
    }
    let stored = stored.lock().unwrap().len();
    assert_eq!(stored, TARGETS * (PAGE + REPORTS.len()) * TICKS as usize, "seed {seed}");
}
