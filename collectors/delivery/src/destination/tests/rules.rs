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
    for protocol in [Protocol::V1, Protocol::V2] {
        let once = |config: &mut EndpointConfig| {
            config.protocol = protocol;
            config.queue.retry_on_http_429 = false;
        };
        let (backend, telemetry) = deliver(once, vec![batch(0..5, 1.0)], script).await;
        assert_eq!(statuses(&backend), [429]);
        assert_eq!(telemetry.failed.samples.get(), 5);
    }
}

/// A page to log in at, say, answers 200 to who asks for it without a body.
#[tokio::test]
async fn a_redirect_that_would_lose_the_body_is_a_failure_that_may_pass() {
    for (status, header) in
        [(301, "Location"), (302, "Location"), (303, "Location"), (308, "X-None")]
    {
        for protocol in [Protocol::V1, Protocol::V2] {
            let script = move |number, received: &Received| match number {
                0..3 => Reply::with(status, header, "/login"),
                _ if received.is_v2() => Reply::written(received.samples().len()),
                _ => Reply::ok(),
            };
            let change = |config: &mut EndpointConfig| config.protocol = protocol;
            let (backend, telemetry) = deliver(change, vec![batch(0..5, 1.0)], script).await;
            assert_eq!(statuses(&backend).len(), 4, "{status}");
            assert_eq!(backend.accepted(), of(0..5, 1.0), "{status}");
            assert_eq!(telemetry.sent.samples.get(), 5, "{status}");
            assert_eq!((telemetry.failed.samples.get(), telemetry.fallbacks.get()), (0, 0));
        }
    }
}

#[tokio::test]
async fn an_answer_before_the_body_was_read_counts() {
    let mut huge = Batch::default();
    // Larger than what the backend reads and sockets buffer, and nothing that compresses.
    let mut noise = 1u64;
    for index in 0..2_000 {
        let text: String = (0..1_500)
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
    let (backend, telemetry) =
        deliver(short, vec![huge, batch(["next"], 2.0)], |_, _| Reply::ok()).await;
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

/// What a log has from before it was opened may be an overlap of anything: once that is delivered, what has
/// nothing to do with an overlap passes it again.
#[tokio::test]
async fn after_a_start_everything_waits_for_the_overlaps_that_are_in_the_log() {
    let (_keep, path) = directory();
    let released = Arc::new(AtomicBool::new(false));
    let is_released = Arc::clone(&released);
    // The first one is refused until then, the second one always.
    let backend = Backend::start(move |_, received: &Received| {
        let samples = received.samples();
        let is_refused = |(name, value): &(String, f64)| {
            name == "moved" && (*value == 3.0 || (*value == 1.0 && !is_released.load(Relaxed)))
        };
        match samples.iter().any(is_refused) {
            true => Reply::status(503, "later"),
            false => Reply::ok(),
        }
    })
    .await;
    let refused = |value: f64| {
        move |received: &[(Received, u16)]| {
            let mut refused = received.iter().filter(|(_, status)| *status == 503);
            refused.any(|(request, _)| request.samples().contains(&("moved".to_owned(), value)))
        }
    };
    let running = Running::start(&path, config(&backend));
    running.send(Batch { overlap: true, ..batch(["moved"], 1.0) }).await;
    backend.until(refused(1.0)).await;
    running.kill().await;

    let running = Running::start(&path, config(&backend));
    running.send(batch(["moved"], 2.0)).await;
    until("what was sent", || running.telemetry.received.samples.get() == 1).await;
    let before = backend.received().len();
    // There is time for the second to pass the first.
    backend.until(|received| received.len() >= before + 10).await;
    released.store(true, Relaxed);
    backend.until_accepted(2).await;
    assert_eq!(backend.accepted(), [of(["moved"], 1.0), of(["moved"], 2.0)].concat());
    until("an empty queue", || running.telemetry.queue_frames.get() == 0).await;
    running.send(Batch { overlap: true, ..batch(["moved"], 3.0) }).await;
    backend.until(refused(3.0)).await;
    running.send(batch(["steady"], 4.0)).await;
    backend.until_accepted(3).await;
    running.kill().await;
}

#[tokio::test]
async fn requests_of_2_0_say_so() {
    let script = |_, received: &Received| Reply::written(received.samples().len());
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
    // Some say so, each in its way; others take the unknown message for an empty one, as parsers of
    // 1.0 do.
    let says = |status: u16| {
        move |_: usize, received: &Received| {
            if received.is_v2() { Reply::status(status, "what?") } else { Reply::ok() }
        }
    };
    let v2 = |config: &mut EndpointConfig| {
        config.protocol = Protocol::V2;
        config.queue.max_samples_per_send = 5;
    };
    for status in [415, 400, 406, 422, 501, 505, 204] {
        let batches = (1..4).map(|value| batch(0..5, f64::from(value))).collect();
        let (backend, telemetry) = deliver(v2, batches, says(status)).await;
        let received = backend.received();
        let old: Vec<_> = received.iter().filter(|(request, _)| !request.is_v2()).collect();
        let samples: Vec<_> = old.iter().flat_map(|(request, _)| request.samples()).collect();
        assert_eq!(samples, [of(0..5, 1.0), of(0..5, 2.0), of(0..5, 3.0)].concat());
        assert_eq!(received.len() - old.len(), 1, "2.0 is tried once");
        assert_eq!((telemetry.sent.samples.get(), telemetry.fallbacks.get()), (15, 1));
    }
}

/// Speaks what is spoken where nothing else is asked for.
fn as_usual(config: &mut EndpointConfig) {
    config.overlap_protocol = EndpointConfig::new("test", config.url.clone()).overlap_protocol;
}

fn overlap(names: impl IntoIterator<Item = impl ToString>, value: f64) -> Batch {
    Batch { overlap: true, ..batch(names, value) }
}

#[tokio::test]
async fn what_another_node_may_have_written_goes_in_2_0_where_that_is_understood() {
    for speaks_v2 in [true, false] {
        let script = move |_, received: &Received| {
            if speaks_v2 && received.is_v2() {
                Reply::written(received.samples().len())
            } else {
                Reply::ok()
            }
        };
        let batches = vec![batch(0..5, 1.0), overlap(["moved"], 1.0), overlap(["moved"], 2.0)];
        let (backend, telemetry) = deliver(as_usual, batches, script).await;
        let received = backend.received();
        let of_protocol = |v2| {
            let of_it = received.iter().filter(move |(request, _)| request.is_v2() == v2);
            of_it.flat_map(|(request, _)| request.samples()).collect::<Vec<_>>()
        };
        let moved = [of(["moved"], 1.0), of(["moved"], 2.0)].concat();
        let plain = of(0..5, 1.0);
        assert_eq!(of_protocol(true), moved);
        let expected = if speaks_v2 { plain } else { [plain, moved].concat() };
        assert_eq!(of_protocol(false), expected);
        assert_eq!(telemetry.sent.samples.get(), 7);
        assert_eq!(telemetry.fallbacks.get(), u64::from(!speaks_v2));
    }
}

/// Refuses each request of 2.0 that has these samples, and each of 1.0 if it is told to.
fn refuse_2_0(
    status: u16,
    these: Vec<(String, f64)>,
    and_1_0: bool,
) -> impl FnMut(usize, &Received) -> Reply + Send {
    move |_, received| {
        let samples = received.samples();
        match received.is_v2() {
            true if samples == these => Reply::status(status, "what?"),
            true => Reply::written(samples.len()),
            false if and_1_0 => Reply::status(status, "what?"),
            false => Reply::ok(),
        }
    }
}

/// Speaks 2.0 throughout, one request at a time.
fn one_by_one(config: &mut EndpointConfig) {
    config.protocol = Protocol::V2;
    config.overlap_protocol = Protocol::V2;
    config.queue.max_samples_per_send = 5;
    config.queue.max_shards = 1;
}

#[tokio::test]
async fn what_is_refused_in_2_0_without_a_word_of_what_was_written_is_sent_in_1_0() {
    // The first is refused by who has not been seen to speak 2.0, the second by who has. The former is
    // not taken for one that does not, where the refusal is about who asks, or when.
    for status in [401, 403, 404, 405, 408, 409, 413, 400] {
        for refused in [1.0, 2.0] {
            if (status, refused) == (400, 1.0) {
                continue;
            }
            for and_1_0 in [false, true] {
                let script = refuse_2_0(status, of(0..5, refused), and_1_0);
                let batches = vec![batch(0..5, 1.0), batch(0..5, 2.0)];
                let (backend, telemetry) = deliver(one_by_one, batches, script).await;
                let failed = if and_1_0 { 5 } else { 0 };
                assert_eq!(telemetry.failed.samples.get(), failed, "{status} {refused}");
                assert_eq!(telemetry.sent.samples.get(), 10 - failed, "{status} {refused}");
                assert_eq!(telemetry.fallbacks.get(), 0, "{status} {refused}");
                assert_eq!(backend.received().len(), 3, "{status} {refused}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_broken_on_its_way_in_2_0_alone_is_sent_in_1_0() {
    for (status, fallbacks) in [(500, 0), (502, 0), (501, 1), (505, 1)] {
        let script = move |_, received: &Received| {
            if received.is_v2() { Reply::status(status, "oops") } else { Reply::ok() }
        };
        let batches = vec![overlap(0..5, 1.0), overlap(0..5, 2.0)];
        let alone = |config: &mut EndpointConfig| {
            as_usual(config);
            config.queue.max_samples_per_send = 5;
        };
        let (backend, telemetry) = deliver(alone, batches, script).await;
        assert_eq!(backend.accepted(), [of(0..5, 1.0), of(0..5, 2.0)].concat(), "{status}");
        assert_eq!(telemetry.fallbacks.get(), fallbacks, "{status}");
    }
}

/// Somebody on the way does not know what to do with it, once, or one of several behind the endpoint.
#[tokio::test]
async fn who_has_spoken_2_0_is_not_given_up_for_what_others_say() {
    for (status, in_v1) in [(501, 0), (505, 0), (200, 1)] {
        let mut once = true;
        let script = move |_: usize, received: &Received| {
            let samples = received.samples();
            match received.is_v2() {
                true if samples == of(0..5, 2.0) && std::mem::take(&mut once) => {
                    Reply::status(status, "what?")
                }
                true => Reply::written(samples.len()),
                false => Reply::ok(),
            }
        };
        let batches = (1..4).map(|value| batch(0..5, f64::from(value))).collect();
        let (backend, telemetry) = deliver(one_by_one, batches, script).await;
        let received = backend.received();
        assert_eq!(received.iter().filter(|(request, _)| !request.is_v2()).count(), in_v1);
        let all = [of(0..5, 1.0), of(0..5, 2.0), of(0..5, 3.0)].concat();
        let written = received.iter().filter(|(_, status)| *status == 204);
        let written: Vec<_> = written.flat_map(|(request, _)| request.samples()).collect();
        assert_eq!(written, all, "{status}");
        assert_eq!((telemetry.sent.samples.get(), telemetry.fallbacks.get()), (15, 0), "{status}");
    }
}

/// Refusals that are about who asks, or about what is sent, say nothing about 2.0.
#[tokio::test]
async fn who_has_spoken_2_0_is_not_given_up_for_refusals_of_both() {
    let script = move |_, received: &Received| {
        let samples = received.samples();
        match samples[0].1 {
            1.0..=6.0 => Reply::status(401, "who are you?"),
            7.0 if received.is_v2() => Reply::status(422, "what?"),
            _ if received.is_v2() => Reply::written(samples.len()),
            _ => Reply::ok(),
        }
    };
    let batches: Vec<Batch> = (0..9).map(|value| batch(0..5, f64::from(value))).collect();
    let (backend, telemetry) = deliver(one_by_one, batches, script).await;
    assert_eq!((telemetry.failed.samples.get(), telemetry.fallbacks.get()), (30, 0));
    assert_eq!(telemetry.sent.samples.get(), 15);
    let (last, _) = backend.received().pop().unwrap();
    assert!(last.is_v2(), "it still does");
}

/// It was exchanged for one that is older, or somebody on the way takes its words away.
#[tokio::test]
async fn who_has_spoken_2_0_and_does_not_any_more_is_given_up() {
    for status in [200, 501] {
        let script = move |_, received: &Received| {
            let samples = received.samples();
            match received.is_v2() {
                true if samples == of(0..5, 0.0) => Reply::written(samples.len()),
                true => Reply::status(status, "what?"),
                false => Reply::ok(),
            }
        };
        let batches: Vec<Batch> = (0..12).map(|value| overlap(0..5, f64::from(value))).collect();
        let alone = |config: &mut EndpointConfig| {
            as_usual(config);
            config.queue.max_samples_per_send = 5;
        };
        let (backend, telemetry) = deliver(alone, batches, script).await;
        let received = backend.received();
        let in_v2 = received.iter().filter(|(request, _)| request.is_v2()).count();
        assert_eq!(
            in_v2, 5,
            "one that is understood, three that are not, and one that tells: {status}"
        );
        let written = received.iter().filter(|(_, status)| *status == 204);
        let written: Vec<_> = written.flat_map(|(request, _)| request.samples()).collect();
        let all: Vec<_> = (0..12).flat_map(|value| of(0..5, f64::from(value))).collect();
        assert_eq!(written, all, "{status}");
        assert_eq!((telemetry.sent.samples.get(), telemetry.fallbacks.get()), (60, 1), "{status}");
    }
}

/// It is away, and 1.0 may be what it does not speak.
#[tokio::test]
async fn who_has_spoken_2_0_or_is_to_speak_nothing_else_is_waited_for() {
    let change: [fn(&mut EndpointConfig); 2] = [as_usual, one_by_one];
    for (change, late) in change.into_iter().zip([2.0, 1.0]) {
        let mut away = 0;
        let backend = Backend::start(move |_, received: &Received| {
            let samples = received.samples();
            if samples == of(0..5, late) && away < 10 {
                away += 1;
                return Reply::status(503, "later");
            }
            Reply::written(samples.len())
        })
        .await;
        let mut config = config(&backend);
        change(&mut config);
        let (_keep, path) = directory();
        let running = Running::start(&path, config);
        for (value, accepted) in [(1.0, 5), (2.0, 10)] {
            running.send(overlap(0..5, value)).await;
            backend.until_accepted(accepted).await;
        }
        assert!(backend.received().iter().all(|(request, _)| request.is_v2()));
        assert_eq!(running.telemetry.failed.samples.get(), 0);
        assert_eq!(running.stop().await, Left::default());
    }
}

#[tokio::test]
async fn doubles_in_2_0_of_who_does_not_say_what_it_wrote_are_looked_for_in_1_0() {
    let script = |_, received: &Received| {
        let samples = received.samples();
        match samples.iter().any(|(name, value)| name == "3" && *value > 1.0) {
            true => Reply::status(400, "duplicate sample for timestamp"),
            false if received.is_v2() => Reply::written(samples.len()),
            false => Reply::ok(),
        }
    };
    // Whether it has been seen to speak 2.0 by then or not.
    for first in [vec![batch(0..5, 1.0)], vec![]] {
        let batches = [first.clone(), vec![batch(0..5, 2.0), batch(5..10, 3.0)]].concat();
        let (backend, telemetry) = deliver(one_by_one, batches, script).await;
        let sorted = |mut samples: Vec<(String, f64)>| {
            samples.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            samples
        };
        let before = if first.is_empty() { vec![] } else { of(0..5, 1.0) };
        let expected = [before, of([0, 1, 2, 4], 2.0), of(5..10, 3.0)].concat();
        assert_eq!(sorted(backend.accepted()), sorted(expected));
        assert_eq!(telemetry.dropped(DropReason::Double).samples.get(), 1);
        assert_eq!((telemetry.failed.samples.get(), telemetry.fallbacks.get()), (0, 0));
    }
}

#[tokio::test]
async fn nothing_is_lost_to_who_writes_all_of_a_request_of_2_0_or_nothing() {
    let script = |_, received: &Received| {
        let samples = received.samples();
        let is_double = samples.iter().any(|(name, _)| name == "3");
        match (is_double, received.is_v2()) {
            (true, true) => {
                let header = ("X-Prometheus-Remote-Write-Samples-Written", "0".to_owned());
                Reply::Status(400, vec![header], "duplicate sample for timestamp".to_owned())
            }
            (true, false) => Reply::status(400, "duplicate sample for timestamp"),
            (false, true) => Reply::written(samples.len()),
            (false, false) => Reply::ok(),
        }
    };
    let (_, telemetry) = deliver(one_by_one, vec![batch(0..5, 1.0)], script).await;
    assert_eq!(telemetry.sent.samples.get(), 4);
    assert_eq!(telemetry.dropped(DropReason::Double).samples.get(), 1);
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
        let header = ("X-Prometheus-Remote-Write-Samples-Written", "1".to_owned());
        Reply::Status(400, vec![header], "out of order sample".to_owned())
    };
    let v2 = |config: &mut EndpointConfig| config.protocol = Protocol::V2;
    let (backend, telemetry) = deliver(v2, vec![batch(0..5, 1.0)], script).await;
    assert_eq!(backend.received().len(), 1);
    assert_eq!(telemetry.dropped(DropReason::OutOfOrder).samples.get(), 4);
    assert_eq!(telemetry.failed.samples.get(), 0);
}
