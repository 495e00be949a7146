//! What each answer does, by the rules of the specifications.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::*;

/// Sends one batch to a backend with this script and waits until it is dealt with.
pub(super) async fn deliver(
    configure: impl FnOnce(&mut EndpointConfig),
    batches: Vec<Batch>,
    script: impl FnMut(usize, &Received) -> Reply + Send + 'static,
) -> (Backend, Arc<Telemetry>) {
    let (_keep, path) = directory();
    let backend = Backend::start(script).await;
    let mut config = config(&backend);
    configure(&mut config);
    let running = Running::start(&path, config);
    for batch in batches {
        running.send(batch).await;
    }
    let telemetry = Arc::clone(&running.telemetry);
    assert_eq!(running.stop().await, Left::default());
    (backend, telemetry)
}

fn statuses(backend: &Backend) -> Vec<u16> {
    backend.received().iter().map(|(_, status)| *status).collect()
}

#[tokio::test]
async fn a_failure_that_may_pass_is_tried_again_until_it_has_passed() {
    for reply in [
        Reply::status(500, "x"),
        Reply::status(503, "x"),
        Reply::status(599, "x"),
        Reply::status(429, "slow down"),
        Reply::Cut,
    ] {
        let script = move |number, _: &Received| {
            if number < 3 { reply.clone() } else { Reply::ok() }
        };
        let (backend, telemetry) = deliver(|_| {}, vec![batch(0..5, 1.0)], script).await;
        assert_eq!(backend.received().len(), 4);
        assert_eq!(backend.accepted(), of(0..5, 1.0));
        assert_eq!(telemetry.retried.samples.get(), 15);
        assert_eq!(telemetry.sent.samples.get(), 5);
        assert_eq!(telemetry.failed.samples.get(), 0);
    }
}

#[tokio::test]
async fn a_request_without_an_answer_is_given_up_at_the_timeout_and_tried_again() {
    let script = |number, _: &Received| if number == 0 { Reply::Stall } else { Reply::ok() };
    let short = |config: &mut EndpointConfig| config.remote_timeout = Duration::from_millis(50);
    let (backend, telemetry) = deliver(short, vec![batch(0..5, 1.0)], script).await;
    assert_eq!(backend.accepted(), of(0..5, 1.0));
    assert_eq!(telemetry.retried.samples.get(), 5);
}

#[tokio::test]
async fn another_refusal_drops_the_request_and_the_next_one_is_sent() {
    for status in [400, 401, 403, 404, 409, 413, 422] {
        let script = move |number, _: &Received| {
            if number == 0 { Reply::status(status, "no") } else { Reply::ok() }
        };
        let one_a_request = |config: &mut EndpointConfig| config.queue.max_samples_per_send = 5;
        let batches = vec![batch(0..5, 1.0), batch(0..5, 2.0)];
        let (backend, telemetry) = deliver(one_a_request, batches, script).await;
        assert_eq!(statuses(&backend), [status, 204]);
        assert_eq!(backend.accepted(), of(0..5, 2.0));
        assert_eq!(telemetry.failed.samples.get(), 5);
        assert_eq!(telemetry.retried.samples.get(), 0);
    }
}

#[tokio::test]
async fn a_429_is_a_refusal_where_it_is_not_to_be_repeated() {
    let script = |number, _: &Received| {
        if number == 0 { Reply::status(429, "slow down") } else { Reply::ok() }
    };
    let once = |config: &mut EndpointConfig| config.queue.retry_on_http_429 = false;
    let (backend, telemetry) = deliver(once, vec![batch(0..5, 1.0)], script).await;
    assert_eq!(statuses(&backend), [429]);
    assert_eq!(telemetry.failed.samples.get(), 5);
}

#[tokio::test]
async fn an_answer_before_the_body_was_read_counts() {
    let script = |number, received: &Received| {
        if number == 0 && received.body.is_empty() { Reply::Early(413) } else { Reply::ok() }
    };
    let mut huge = Batch::default();
    // Larger than what sockets buffer, and nothing that compresses.
    let mut noise = 1u64;
    for index in 0..2_000 {
        let text: String = (0..1_000)
            .map(|_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b'!' + (noise >> 33) as u8 % 90)
            })
            .collect();
        let labels = Labels::from_pairs([("n", index.to_string()), ("noise", text)]);
        huge.push(labels.borrowed(), 1, 1.0);
    }
    // A server that does not read on stalls whoever comes next on the same connection.
    let short = |config: &mut EndpointConfig| config.remote_timeout = Duration::from_secs(1);
    let (backend, telemetry) = deliver(short, vec![huge, batch(["next"], 2.0)], script).await;
    assert_eq!(telemetry.failed.samples.get(), 2_000);
    assert_eq!(backend.accepted(), of(["next"], 2.0));
}

#[tokio::test]
async fn retry_after_holds_every_shard() {
    let (_keep, path) = directory();
    let held_from = Arc::new(std::sync::Mutex::new(None));
    let begun = Arc::clone(&held_from);
    let early = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = Arc::clone(&early);
    let backend = Backend::start(move |_, received| {
        let mut begun = begun.lock().unwrap();
        match *begun {
            _ if received.body.is_empty() => Reply::ok(),
            None => {
                *begun = Some(Instant::now());
                Reply::with(503, "Retry-After", "1")
            }
            Some(then) if then.elapsed() < Duration::from_secs(1) => {
                counter.fetch_add(1, Relaxed);
                Reply::with(503, "Retry-After", "1")
            }
            Some(_) => Reply::ok(),
        }
    })
    .await;
    let mut config = config(&backend);
    config.queue.min_shards = 4;
    let running = Running::start(&path, config);
    running.send(batch(0..40, 1.0)).await;
    backend.until_accepted(40).await;
    running.stop().await;
    // The other shards may have been under way when the first was told.
    assert!(early.load(Relaxed) <= 3);
}

/// Behaves as Prometheus on 1.0: one double spoils the whole request.
fn refuse_doubles(
    doubles: &'static [&'static str],
) -> impl FnMut(usize, &Received) -> Reply + Send {
    move |_, received| {
        if received.body.is_empty() {
            return Reply::ok();
        }
        let samples = received.samples();
        if samples.iter().any(|(name, _)| doubles.contains(&name.as_str())) {
            Reply::status(400, "out of order sample\n")
        } else {
            Reply::ok()
        }
    }
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

/// Behaves as Prometheus without an out-of-order window, which has a range of each series already.
fn refuse_up_to(
    newest: impl Fn(usize) -> i64 + Send + 'static,
) -> impl FnMut(usize, &Received) -> Reply + Send {
    move |_, received| {
        if received.body.is_empty() {
            return Reply::ok();
        }
        let request = received.request();
        let refused = request.timeseries.iter().any(|series| {
            let name = series.label("n").and_then(|name| name.parse().ok()).unwrap_or_default();
            series.samples.iter().any(|sample| sample.timestamp <= newest(name))
        });
        match refused {
            true => Reply::status(400, "duplicate sample for timestamp"),
            false => Reply::ok(),
        }
    }
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
    let (backend, telemetry) = deliver(|_| {}, vec![batch(0..2_000, 1.0)], script).await;
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
    let scrape = |tick: i64| {
        let mut batch = Batch::default();
        for n in 0..9_i64 {
            let name = if n == 8 { "scrape_duration_seconds" } else { "m" }.to_owned();
            let labels = [("__name__", name), ("instance", "a".into()), ("n", n.to_string())];
            batch.push(Labels::from_pairs(labels).borrowed(), 1_000 + tick, 39.0);
        }
        batch
    };
    let (backend, telemetry) = deliver(alone, (0..40).map(scrape).collect(), script).await;
    assert_eq!(telemetry.dropped(DropReason::Double).samples.get(), 39 * 9);
    assert_eq!(backend.accepted(), of(0..9, 39.0));
    let requests = backend.received().len();
    assert!(requests <= 39 * 3 + 20, "{requests}");
}

#[tokio::test]
async fn what_one_node_alone_reaches_is_stored_though_another_has_reported_of_it() {
    // The other one has only failed scrapes: what they say of themselves is there, for every tick.
    const NAMES: [&str; 9] = [
        "m",
        "m",
        "m",
        "m",
        "up",
        "scrape_duration_seconds",
        "scrape_samples_scraped",
        "scrape_samples_post_metric_relabeling",
        "scrape_series_added",
    ];
    let script = refuse_up_to(|name| if name < 4 { 0 } else { i64::MAX });
    let alone = |config: &mut EndpointConfig| config.queue.max_samples_per_send = NAMES.len();
    let scrape = |tick: i64| {
        let mut batch = Batch::default();
        for (n, name) in NAMES.iter().enumerate() {
            let labels = [("__name__", (*name).to_owned()), ("instance", "a".into())];
            let labels = labels.into_iter().chain([("n", n.to_string())]);
            batch.push(Labels::from_pairs(labels).borrowed(), 1_000 + tick, 1.0);
        }
        batch
    };
    let (_, telemetry) = deliver(alone, (0..20).map(scrape).collect(), script).await;
    assert_eq!(telemetry.sent.samples.get(), 20 * 4);
    assert_eq!(telemetry.dropped(DropReason::Double).samples.get(), 20 * 5);
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

/// A backend may refuse overlaps for as long as it likes: what has nothing to do with them is not late
/// for that, and what was among them comes behind them.
#[tokio::test]
async fn what_has_nothing_to_do_with_an_overlap_does_not_wait_for_it() {
    let (_keep, path) = directory();
    let released = Arc::new(AtomicBool::new(false));
    let is_released = Arc::clone(&released);
    let backend = Backend::start(move |_, received: &Received| {
        // Before anything else it is asked whether it is there.
        let is_moved =
            !received.body.is_empty() && received.samples().iter().any(|(name, _)| name == "moved");
        match is_moved && !is_released.load(Relaxed) {
            true => Reply::status(503, "later"),
            false => Reply::ok(),
        }
    })
    .await;
    let running = Running::start(&path, config(&backend));
    running.send(batch(["steady"], 0.0)).await;
    backend.until_accepted(1).await;
    running.send(Batch { overlap: true, ..batch(["moved"], 1.0) }).await;
    backend.until(|received| received.iter().any(|(_, status)| *status == 503)).await;
    for value in 1..4 {
        running.send(batch(["steady"], f64::from(value))).await;
        backend.until_accepted(1 + value as usize).await;
    }
    running.send(batch(["moved"], 2.0)).await;
    running.send(Batch { overlap: true, ..batch(["moved"], 3.0) }).await;
    released.store(true, Relaxed);
    running.stop().await;
    let steady = (0..4).map(|value| ("steady".to_owned(), f64::from(value)));
    let moved = (1..4).map(|value| ("moved".to_owned(), f64::from(value)));
    assert_eq!(backend.accepted(), steady.chain(moved).collect::<Vec<_>>());
}

#[tokio::test]
async fn requests_of_2_0_say_so() {
    let script = |_, received: &Received| {
        if received.body.is_empty() {
            Reply::ok()
        } else {
            Reply::written(received.samples().len())
        }
    };
    let v2 = |config: &mut EndpointConfig| config.protocol = Protocol::V2;
    let (backend, telemetry) = deliver(v2, vec![batch(0..5, 1.0)], script).await;
    let (request, _) = &backend.received()[0];
    let content_type = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    assert_eq!(request.header("content-type"), Some(content_type));
    assert_eq!(request.header("x-prometheus-remote-write-version"), Some("2.0.0"));
    assert_eq!(backend.accepted(), of(0..5, 1.0));
    assert_eq!((telemetry.sent.samples.get(), telemetry.fallbacks.get()), (5, 0));
}

#[tokio::test]
async fn an_endpoint_without_2_0_gets_1_0_and_nothing_is_lost() {
    // One says so; the other takes the unknown message for an empty one, as parsers of 1.0 do.
    let says_so = |_, received: &Received| {
        if received.is_v2() { Reply::status(415, "what?") } else { Reply::ok() }
    };
    let is_mistaken = |_: usize, _: &Received| Reply::ok();
    let v2 = |config: &mut EndpointConfig| {
        config.protocol = Protocol::V2;
        config.queue.max_samples_per_send = 5;
    };
    for silent in [false, true] {
        let batches = (1..4).map(|value| batch(0..5, f64::from(value))).collect();
        let (backend, telemetry) = if silent {
            deliver(v2, batches, is_mistaken).await
        } else {
            deliver(v2, batches, says_so).await
        };
        let received = backend.received();
        let old: Vec<_> = received.iter().filter(|(request, _)| !request.is_v2()).collect();
        let samples: Vec<_> = old.iter().flat_map(|(request, _)| request.samples()).collect();
        assert_eq!(samples, [of(0..5, 1.0), of(0..5, 2.0), of(0..5, 3.0)].concat());
        assert_eq!(received.len() - old.len(), 1, "2.0 is tried once");
        assert_eq!((telemetry.sent.samples.get(), telemetry.fallbacks.get()), (15, 1));
    }
}

#[tokio::test]
async fn a_partial_write_of_2_0_is_counted_and_not_repeated() {
    for status in [200, 400] {
        let script = move |_, _: &Received| {
            Reply::with(status, "X-Prometheus-Remote-Write-Samples-Written", "3")
        };
        let v2 = |config: &mut EndpointConfig| config.protocol = Protocol::V2;
        let (backend, telemetry) = deliver(v2, vec![batch(0..5, 1.0)], script).await;
        assert_eq!(backend.received().len(), 1);
        assert_eq!(telemetry.sent.samples.get(), 3);
        assert_eq!(telemetry.failed.samples.get(), 2);
    }
}

#[tokio::test]
async fn what_grows_too_old_while_it_waits_is_dropped() {
    let now = now_ms();
    let mut mixed = Batch::default();
    for (name, timestamp) in [("old", now - 2_000), ("young", now + 3_600_000)] {
        mixed.push(series(name).borrowed(), timestamp, 1.0);
    }
    let limit = |config: &mut EndpointConfig| {
        config.queue.sample_age_limit = Duration::from_millis(2_050);
    };
    let deadline = Instant::now() + Duration::from_millis(100);
    let script = move |_, received: &Received| {
        if received.body.is_empty() || Instant::now() > deadline {
            Reply::ok()
        } else {
            Reply::status(503, "later")
        }
    };
    let (backend, telemetry) = deliver(limit, vec![mixed], script).await;
    assert_eq!(backend.accepted(), of(["young"], 1.0));
    assert_eq!(telemetry.dropped(DropReason::TooOld).samples.get(), 1);
    assert_eq!(telemetry.sent.samples.get(), 1);
}

#[tokio::test]
async fn doubles_that_2_0_left_out_are_counted_as_such() {
    let script = |_, _: &Received| {
        let header = ("X-Prometheus-Remote-Write-Samples-Written", "0".to_owned());
        Reply::Status(400, vec![header], "out of order sample".to_owned())
    };
    let v2 = |config: &mut EndpointConfig| config.protocol = Protocol::V2;
    let (backend, telemetry) = deliver(v2, vec![batch(0..5, 1.0)], script).await;
    assert_eq!(backend.received().len(), 1);
    assert_eq!(telemetry.dropped(DropReason::OutOfOrder).samples.get(), 5);
    assert_eq!(telemetry.failed.samples.get(), 0);
}
