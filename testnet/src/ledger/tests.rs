use std::net::SocketAddr;

use delivery::wire::{self, v1, v2};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use model::{Labels, STALE_NAN};

use super::*;
use crate::process::{World, http};

const LIMITS: Limits =
    Limits { interval: 10, max_series: 3, ticks_per_series: 1_000, ticks_of_up: 1_000 };

/// A request of a node: pairs of timestamp and value of one series.
fn writing(node: &str, series: &str, samples: &[(i64, f64)], partial: bool) -> Writing {
    let labels = Labels::from_pairs([("__name__", "up"), ("instance", series)]);
    let sample = |(timestamp, value): &(i64, f64)| Sample {
        labels: labels.clone(),
        timestamp: *timestamp,
        value: *value,
    };
    Writing { node: node.to_owned(), samples: samples.iter().map(sample).collect(), partial }
}

/// The totals after ticks of one series, all of value 1.
fn after(ticks: &[i64]) -> Totals {
    let mut book = Book::new(LIMITS);
    for tick in ticks {
        book.accept(&writing("a", "x", &[(*tick, 1.0)], false)).unwrap();
    }
    book.totals().clone()
}

#[test]
fn gaps_are_counted_when_they_appear_and_forgiven_when_they_are_filled() {
    let cases: [(&[i64], u64, u64, u64); 8] = [
        (&[0, 10, 20], 0, 0, 0),
        (&[0, 10, 40], 2, 0, 0),
        (&[0, 40, 10], 2, 0, 1),
        (&[0, 40, 20, 10, 30], 0, 0, 3),
        (&[0, 10, 10, 20], 0, 1, 0),
        (&[0, 20, 0], 1, 1, 0),
        // A late scrape bears its true time.
        (&[0, 12, 20, 34], 0, 0, 0),
        (&[20, 0], 1, 0, 1),
    ];
    for (ticks, missing, doubles, late) in cases {
        let totals = after(ticks);
        let found = (totals.missing, totals.doubles, totals.late);
        assert_eq!(found, (missing, doubles, late), "{ticks:?}");
    }
}

#[test]
fn a_series_that_ended_misses_nothing() {
    let mut book = Book::new(LIMITS);
    let samples = [(0, 1.0), (10, STALE_NAN), (50, 1.0)];
    book.accept(&writing("a", "x", &samples, false)).unwrap();
    assert_eq!((book.totals().missing, book.totals().stale), (0, 1));
    let report = Report::of(&book, Some(90));
    assert_eq!(report.missing_at_end, 3, "60, 70 and 80 are missing before 90");
}

#[test]
fn a_double_is_told_by_node_and_by_value() {
    let mut book = Book::new(LIMITS);
    book.accept(&writing("a", "x", &[(0, 1.0)], false)).unwrap();
    book.accept(&writing("b", "x", &[(0, 1.0), (10, 1.0)], false)).unwrap();
    book.accept(&writing("b", "x", &[(0, 2.0)], false)).unwrap();
    let totals = book.totals();
    assert_eq!((totals.doubles, totals.conflicts), (2, 1));
    assert_eq!(totals.by_node, [("a".to_owned(), 1), ("b".to_owned(), 3)].into());

    let report = Report::of(&book, None);
    let [target] = report.targets.as_slice() else { panic!("{report:?}") };
    assert_eq!(target.label("instance"), Some("x"));
    assert_eq!((target.ticks[0].times, target.ticks[1].times), (3, 1));
    assert_eq!(target.ticks[0].by, ["a", "b"]);
    assert_eq!(target.ticks[1].by, ["b"]);
    assert_eq!(report.worst[0].doubles, 2);
}

#[test]
fn as_prometheus_one_bad_sample_refuses_a_request_of_1_0_and_itself_in_2_0() {
    let good = &[(10, 1.0), (20, 1.0)];
    let cases: [(&[(i64, f64)], &str); 3] = [
        (&[(30, 1.0), (15, 1.0)], "out of order sample"),
        (&[(30, 1.0), (30, 2.0)], "duplicate sample for timestamp"),
        (&[(20, 2.0), (30, 1.0)], "duplicate sample for timestamp"),
    ];
    for (bad, message) in cases {
        for partial in [false, true] {
            let mut book = Book::new(LIMITS);
            book.accept_as_prometheus(&writing("a", "x", good, partial)).unwrap();
            let refusal = book.accept_as_prometheus(&writing("b", "x", bad, partial)).unwrap_err();
            let written = u64::from(partial);
            let expected = Refusal { status: 400, message: message.to_owned(), written };
            assert_eq!(refusal, expected, "{bad:?}");
            assert_eq!(book.totals().samples, 2 + written);
        }
    }
    // The same value again is no offence.
    let mut book = Book::new(LIMITS);
    for _ in 0..2 {
        assert_eq!(book.accept_as_prometheus(&writing("a", "x", &[(10, 1.0)], false)), Ok(1));
    }
    assert_eq!(book.totals().doubles, 1);
}

#[test]
fn the_book_is_bounded_in_series_and_in_ticks() {
    let mut book = Book::new(Limits { ticks_per_series: 5, ticks_of_up: 10, ..LIMITS });
    for series in ["x", "y", "z"] {
        book.accept(&writing("a", series, &[(0, 1.0)], false)).unwrap();
    }
    assert_eq!(book.accept(&writing("a", "w", &[(0, 1.0)], false)).unwrap_err().status, 507);
    book.accept(&writing("a", "x", &[(10, 1.0)], false)).unwrap();
    for tick in 2..100 {
        book.accept(&writing("a", "x", &[(tick * 10, 1.0)], false)).unwrap();
    }
    // What is forgotten is counted still, and not taken for missing.
    let report = Report::of(&book, None);
    let told: Vec<_> =
        report.targets.iter().map(|told| (told.ticks.len(), told.forgotten_before)).collect();
    assert!(told[0].0 > 5 && told[0].0 <= 11, "{told:?}");
    assert_eq!(told[0].1, Some(report.targets[0].ticks[0].at));
    assert_eq!(told[1..], [(1, None), (1, None)]);
    assert_eq!((report.totals.samples, report.totals.missing), (102, 0));
    book.accept(&writing("a", "x", &[(10, 1.0)], false)).unwrap();
    assert_eq!((book.totals().late, book.totals().missing), (1, 0));
}

/// Posts a request of protocol 1.0, and returns the status and the body.
async fn post(url: &str, timestamp: i64, value: f64) -> (::http::StatusCode, String) {
    let label = |name: &str, value: &str| v1::Label { name: name.into(), value: value.into() };
    let request = v1::WriteRequest {
        timeseries: vec![v1::TimeSeries {
            labels: vec![label("__name__", "up"), label("instance", "x")],
            samples: vec![v1::Sample { value, timestamp }],
            ..v1::TimeSeries::default()
        }],
        ..v1::WriteRequest::default()
    };
    let (head, text) = ask(::http::Request::post(url), wire::encode_v1(&request)).await;
    (head.status, text)
}

/// The same in protocol 2.0; returns the status, and how many samples the answer says were written.
async fn post_v2(url: &str, timestamp: i64, value: f64) -> (u16, Option<u64>) {
    let request = v2::Request {
        symbols: ["", "__name__", "up", "instance", "x"].map(str::to_owned).to_vec(),
        timeseries: vec![v2::TimeSeries {
            labels_refs: vec![1, 2, 3, 4],
            samples: vec![v2::Sample { value, timestamp, ..v2::Sample::default() }],
            ..v2::TimeSeries::default()
        }],
    };
    let kind = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    let post = ::http::Request::post(url).header("content-type", kind);
    let (head, _) = ask(post, wire::encode_v2(&request)).await;
    let written = head.headers.get("x-prometheus-remote-write-samples-written");
    (head.status.as_u16(), written.map(|count| count.to_str().unwrap().parse().unwrap()))
}

async fn ask(
    request: ::http::request::Builder,
    body: Vec<u8>,
) -> (::http::response::Parts, String) {
    let request = request.body(Full::new(bytes::Bytes::from(body))).unwrap();
    let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    (head, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn what_is_posted_is_in_the_report() {
    let world = World::new().unwrap();
    let ledger = Ledger::start(Limits::default(), &world.tasks, &world.cancel).await.unwrap();
    let url = ledger.write_url("node-1");
    assert_eq!(post(&url, 15_000, 1.0).await.0, 204);
    ledger.behave(Behaviour::Prometheus);
    let (status, message) = post(&url, 14_000, 1.0).await;
    assert_eq!((status.as_u16(), message.as_str()), (400, "out of order sample\n"));
    ledger.behave(Behaviour::Refuse(503));
    assert_eq!(post(&url, 30_000, 1.0).await.0, 503);
    ledger.behave(Behaviour::Accept);
    assert_eq!(post(&ledger.write_url("node-2"), 45_000, 0.0).await.0, 204);

    let report = ledger.report(None).await.unwrap();
    assert_eq!((report.totals.samples, report.totals.missing), (2, 1));
    assert_eq!(report.targets[0].ticks[1].by, ["node-2"]);
    assert_eq!(report.targets[0].ticks[1].up, Some(false));

    let page = http::json(&format!("http://{}/report", ledger.address())).await.unwrap();
    assert_eq!(page["totals"]["by_node"]["node-1"], 1);
    let page = http::json(&format!("http://{}/", ledger.address())).await.unwrap();
    assert_eq!(page["samples"], 2);
    world.end().await;
}

#[tokio::test]
async fn requests_are_taken_in_turn_or_without_a_word() {
    let world = World::new().unwrap();
    let ledger = Ledger::start(LIMITS, &world.tasks, &world.cancel).await.unwrap();
    let url = ledger.write_url("a");
    ledger.behave(Behaviour::Alternate(429));
    for (timestamp, status) in [(10, 204), (20, 429), (20, 204), (30, 429)] {
        assert_eq!(post(&url, timestamp, 1.0).await.0, status, "{timestamp}");
    }
    ledger.behave(Behaviour::Swallow);
    let mut totals = ledger.totals();
    tokio::select! {
        answer = post(&url, 30, 1.0) => panic!("{answer:?}"),
        taken = totals.wait_for(|totals| totals.samples == 3) => drop(taken.unwrap()),
    }
    let report = ledger.report(None).await.unwrap();
    assert_eq!((report.totals.missing, report.totals.doubles), (0, 0));
    world.end().await;
}

#[tokio::test]
async fn a_body_that_is_no_request_is_refused() {
    let world = World::new().unwrap();
    let ledger = Ledger::start(Limits::default(), &world.tasks, &world.cancel).await.unwrap();
    let (status, _) = http::ask(::http::Method::POST, &ledger.write_url("a")).await.unwrap();
    assert_eq!(status, 400);
    let refused = ledger.account().await.unwrap().refused;
    assert_eq!(refused, [(ObjectionKind::Other, 1)].into());
    let nowhere = format!("http://{}/write/", ledger.address());
    let (status, _) = http::ask(::http::Method::POST, &nowhere).await.unwrap();
    assert_eq!(status, 404);
    world.end().await;
}

#[test]
fn what_is_refused_is_a_duplicate_if_it_is_there_and_out_of_order_if_it_is_not() {
    let mut book = Book::new(LIMITS);
    book.accept_as_prometheus(&writing("a", "x", &[(0, 1.0), (20, 1.0)], false)).unwrap();
    for (at, value) in [(20, 2.0), (0, 2.0), (10, 1.0)] {
        book.accept_as_prometheus(&writing("b", "x", &[(at, value)], false)).unwrap_err();
    }
    // Of several that are refused together nobody knows which it was.
    book.accept_as_prometheus(&writing("b", "x", &[(10, 1.0), (30, 1.0)], false)).unwrap_err();
    book.note_refusal(&writing("b", "x", &[(10, 1.0)], false), 400, "out of order sample");
    let account = book.account();
    let rejected = [(ObjectionKind::Duplicate, 2), (ObjectionKind::OutOfOrder, 2)];
    assert_eq!(account.rejected, rejected.into());
    assert_eq!((account.objections.len(), book.totals().refused), (4, 5));
    let refused = [(ObjectionKind::Duplicate, 1), (ObjectionKind::OutOfOrder, 4)];
    assert_eq!(account.refused, refused.into(), "in the receiver's words");
    assert_eq!(account.objections[2].newest, Some(20));
    assert_eq!(account.series[0].ticks.len(), 2);
}

#[test]
fn a_request_that_is_refused_for_no_double_is_counted_whatever_it_has() {
    let mut book = Book::new(LIMITS);
    let two = writing("a", "x", &[(0, 1.0), (10, 1.0)], false);
    book.note_refusal(&two, 400, "invalid labels");
    book.note_refusal(&two, 404, "out of order is the whole receiver");
    book.note_refusal(&two, 400, "out of order sample");
    let account = book.account();
    let refused = [(ObjectionKind::OutOfOrder, 1), (ObjectionKind::Other, 2)];
    assert_eq!(account.refused, refused.into());
    assert_eq!(account.rejected, [].into(), "nobody knows which sample it was");
    book.forget_refusals();
    assert_eq!((book.account().refused, book.totals().refused), ([].into(), 3));
}

#[test]
fn the_newest_refusals_are_remembered_and_the_others_counted_as_what_they_are() {
    let mut book = Book::new(LIMITS);
    book.accept(&writing("a", "x", &[(0, 1.0), (20, 1.0)], false)).unwrap();
    for at in [0, 10] {
        book.note_refusal(&writing("b", "x", &[(at, 2.0)], false), 400, "out of order sample");
    }
    let last = writing("b", "x", &[(20, 2.0)], false);
    for _ in 0..MAX_OBJECTIONS {
        book.note_refusal(&last, 400, "duplicate sample for timestamp");
    }
    let account = book.account();
    assert_eq!(account.objections.len(), MAX_OBJECTIONS);
    assert!(account.objections.iter().all(|objection| objection.sample.timestamp == 20));
    let duplicates = MAX_OBJECTIONS as u64 + 1;
    let rejected = [(ObjectionKind::Duplicate, duplicates), (ObjectionKind::OutOfOrder, 1)];
    assert_eq!(account.rejected, rejected.into());
}

#[tokio::test]
async fn a_relay_hands_on_answers_as_the_backend_and_remembers_what_was_taken() {
    let world = World::new().unwrap();
    let start = || Ledger::start(LIMITS, &world.tasks, &world.cancel);
    let (backend, relay) = (start().await.unwrap(), start().await.unwrap());
    backend.behave(Behaviour::Prometheus);
    relay.behave(Behaviour::Relay { to: backend.address(), path: "/write/relay" });
    let url = relay.write_url("a");
    assert_eq!(post(&url, 20, 1.0).await.0, 204);
    let (status, text) = post(&url, 10, 1.0).await;
    assert_eq!((status.as_u16(), text.as_str()), (400, "out of order sample\n"));
    let (seen, stored) = (relay.account().await.unwrap(), backend.account().await.unwrap());
    assert_eq!(seen.names(seen.series[0].ticks[0].by), ["a"]);
    assert_eq!(stored.names(stored.series[0].ticks[0].by), ["relay"]);
    assert_eq!(seen.rejected, [(ObjectionKind::OutOfOrder, 1)].into());

    backend.behave(Behaviour::Refuse(403));
    assert_eq!(post(&url, 30, 1.0).await.0, 403);
    let seen = relay.account().await.unwrap();
    assert_eq!(seen.refused, [(ObjectionKind::OutOfOrder, 1), (ObjectionKind::Other, 1)].into());
    backend.behave(Behaviour::Refuse(503));
    assert_eq!(post(&url, 30, 1.0).await.0, 503);
    assert_eq!(relay.account().await.unwrap().refused, seen.refused, "it is sent again");

    relay.behave(Behaviour::Relay { to: ([127, 0, 0, 1], 1).into(), path: "/" });
    assert_eq!(post(&url, 30, 1.0).await.0, 502);
    assert_eq!(relay.account().await.unwrap().series[0].ticks.len(), 1);
    world.end().await;
}

/// Answers what it is sent in the way of one that speaks 1.0 alone, and does not look at it.
async fn older(world: &World) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    world.tasks.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = hyper::service::service_fn(|request: ::http::Request<_>| async {
            let body: hyper::body::Incoming = request.into_body();
            http_body_util::BodyExt::collect(body).await?;
            let answer =
                ::http::Response::builder().status(204).body(Full::<bytes::Bytes>::default());
            Ok::<_, hyper::Error>(answer.unwrap())
        });
        let stream = hyper_util::rt::TokioIo::new(stream);
        // Whoever asked may hang up.
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await;
    });
    address
}

#[tokio::test]
async fn a_relay_remembers_of_2_0_what_the_backend_says_that_it_wrote() {
    let world = World::new().unwrap();
    let start = || Ledger::start(LIMITS, &world.tasks, &world.cancel);
    let (backend, relay) = (start().await.unwrap(), start().await.unwrap());
    let relay_to = |to| relay.behave(Behaviour::Relay { to, path: "/write/relay" });
    let url = relay.write_url("a");
    relay_to(older(&world).await);
    assert_eq!(post_v2(&url, 10, 1.0).await, (204, None));
    relay_to(backend.address());
    backend.behave(Behaviour::Refuse(400));
    assert_eq!(post_v2(&url, 10, 1.0).await, (400, None));
    let seen = relay.account().await.unwrap();
    assert!(seen.series.is_empty() && seen.refused.is_empty(), "it comes again in 1.0: {seen:?}");

    backend.behave(Behaviour::Prometheus);
    assert_eq!(post_v2(&url, 20, 1.0).await, (204, Some(1)));
    assert_eq!(post_v2(&url, 10, 1.0).await, (400, Some(0)));
    let seen = relay.account().await.unwrap();
    assert_eq!(seen.series[0].ticks.len(), 1);
    assert_eq!(seen.rejected, [(ObjectionKind::OutOfOrder, 1)].into());
    world.end().await;
}
