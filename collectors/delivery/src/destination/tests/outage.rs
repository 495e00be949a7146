//! Backends that are away, and processes that end meanwhile.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::*;
use crate::config::LogConfig;
use crate::orphans::orphans;

/// A destination whose backend refuses everything for now, with frames of some samples in its log.
async fn stranded(path: &Path, configure: impl Fn(&mut EndpointConfig)) -> Backend {
    let backend = Backend::start(|_, _| Reply::status(503, "away")).await;
    let mut config = config(&backend);
    configure(&mut config);
    let running = Running::start(path, config);
    for value in 0..10 {
        running.send(batch(0..5, f64::from(value))).await;
    }
    let telemetry = Arc::clone(&running.telemetry);
    // One request carries the first frame again and again; what is behind it waits in the log.
    backend.until(|received| received.len() > 3).await;
    running.until_sealed(50).await;
    assert_eq!(telemetry.sent.samples.get(), 0);
    running.kill().await;
    backend
}

impl Running {
    async fn until_sealed(&self, samples: i64) {
        while self.telemetry.pending_samples.get() < samples {
            tokio::task::yield_now().await;
        }
    }
}

fn all(values: std::ops::Range<i32>) -> Vec<(String, f64)> {
    values.flat_map(|value| of(0..5, f64::from(value))).collect()
}

#[tokio::test]
async fn an_unsent_queue_is_sent_after_a_kill_once_and_in_order() {
    let (_keep, path) = directory();
    stranded(&path, |config| config.queue.max_samples_per_send = 5).await;
    let backend = Backend::start(|_, _| Reply::ok()).await;
    let running = Running::start(&path, config(&backend));
    assert_eq!(running.telemetry.pending_samples.get(), 50);
    running.send(batch(0..5, 10.0)).await;
    backend.until_accepted(55).await;
    assert_eq!(running.stop().await, Left::default());
    assert_eq!(backend.accepted(), all(0..11));

    let running = Running::start(&path, config(&backend));
    running.stop().await;
    assert_eq!(backend.accepted().len(), 55, "nothing is sent twice");
}

#[tokio::test]
async fn a_queue_of_2_0_is_sent_by_an_endpoint_that_now_speaks_1_0() {
    let (_keep, path) = directory();
    stranded(&path, |config| config.protocol = Protocol::V2).await;
    let backend = Backend::start(|_, _| Reply::ok()).await;
    let running = Running::start(&path, config(&backend));
    backend.until_accepted(50).await;
    running.stop().await;
    assert_eq!(backend.accepted(), all(0..10));
    assert!(backend.received().iter().all(|(request, _)| !request.is_v2()));
}

#[tokio::test]
async fn a_queue_of_one_division_is_sent_in_order_by_another() {
    let (_keep, path) = directory();
    stranded(&path, |config| config.queue.min_shards = 3).await;
    let backend = Backend::start(|_, _| Reply::ok()).await;
    let mut config = config(&backend);
    config.queue.min_shards = 2;
    let running = Running::start(&path, config);
    for value in 10..20 {
        running.send(batch(0..5, f64::from(value))).await;
    }
    backend.until_accepted(100).await;
    running.stop().await;
    for name in 0..5 {
        let accepted = backend.accepted();
        let values = accepted.iter().filter(|(other, _)| *other == name.to_string());
        let values: Vec<f64> = values.map(|(_, value)| *value).collect();
        assert_eq!(values, (0..20).map(f64::from).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_drain_past_its_deadline_leaves_the_rest_in_the_log() {
    let (_keep, path) = directory();
    let backend = Backend::start(|_, _| Reply::Stall).await;
    let mut config = config(&backend);
    config.queue.max_samples_per_send = 5;
    let running = Running::start_with_drain(&path, config.clone(), Duration::from_millis(50));
    for value in 0..4 {
        running.send(batch(0..5, f64::from(value))).await;
    }
    let left = running.stop().await;
    assert_eq!((left.frames, left.samples), (4, 20));
    assert!(left.bytes > 0);

    let healthy = Backend::start(|_, _| Reply::ok()).await;
    config.url.set_port(Some(healthy.port)).unwrap();
    let running = Running::start(&path, config);
    assert_eq!(running.stop().await, Left::default());
    assert_eq!(healthy.accepted(), all(0..4));
}

#[tokio::test]
async fn a_backend_that_stays_away_costs_the_oldest_and_says_how_many() {
    let (_keep, path) = directory();
    let away = Arc::new(AtomicBool::new(true));
    let is_away = Arc::clone(&away);
    let backend = Backend::start(move |_, _| {
        if is_away.load(Relaxed) { Reply::status(503, "away") } else { Reply::ok() }
    })
    .await;
    let mut config = config(&backend);
    config.queue.max_samples_per_send = 5;
    config.log = LogConfig { max_bytes: 20_000, segment_bytes: 2_000, ..LogConfig::default() };
    let running = Running::start(&path, config);
    let telemetry = Arc::clone(&running.telemetry);
    for value in 0..500 {
        running.send(batch(0..5, f64::from(value))).await;
    }
    while telemetry.received.samples.get() < 2_500 {
        tokio::task::yield_now().await;
    }
    let dropped = telemetry.dropped(DropReason::LogFull);
    assert!(telemetry.log_bytes.get() <= 20_000);
    assert!(dropped.samples.get() > 1_500);

    away.store(false, Relaxed);
    let dropped = dropped.samples.get() as usize;
    backend.until_accepted(2_500 - dropped).await;
    running.stop().await;
    let accepted = backend.accepted();
    assert_eq!(accepted.len(), 2_500 - dropped);
    assert_eq!(accepted[..5], all(0..1), "what was in flight stays in flight");
    assert_eq!(accepted[5..], all((dropped / 5 + 1) as i32..500));
}

#[tokio::test]
async fn endpoints_do_not_wait_for_each_other() {
    let stuck = Backend::start(|_, _| Reply::Stall).await;
    let healthy = Backend::start(|_, _| Reply::ok()).await;
    let (_keep, path) = directory();
    let short = Duration::from_millis(10);
    let first = Running::start_with_drain(&path.join("a"), config(&stuck), short);
    let second = Running::start_with_drain(&path.join("b"), config(&healthy), short);
    for value in 0..100 {
        let batch = Arc::new(batch(0..5, f64::from(value)));
        first.input.send(Arc::clone(&batch)).await.unwrap();
        second.input.send(batch).await.unwrap();
    }
    healthy.until_accepted(500).await;
    assert_eq!(first.telemetry.sent.samples.get(), 0);
    assert_eq!(second.stop().await, Left::default());
    assert_eq!(first.stop().await.samples, 500);
}

#[tokio::test]
async fn a_renamed_endpoint_goes_on_with_its_log() {
    let (_keep, path) = directory();
    let backend = stranded(&path.join("old"), |_| {}).await;
    let healthy = Backend::start(|_, _| Reply::ok()).await;
    let mut renamed = EndpointConfig { name: "new".to_owned(), ..config(&backend) };
    let client = Client::new(&client::Config::default()).unwrap();
    let found = orphans(&path, &["new".to_owned()]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].name.as_str(), found[0].left.samples), ("test", 50));
    assert!(found[0].is_for(&renamed));
    assert!(!found[0].is_for(&config(&healthy)));

    renamed.url = config(&healthy).url;
    let mut destination = Destination::open(&path.join("new"), renamed, client).unwrap();
    destination.take_over(&found[0].directory).unwrap();
    assert!(orphans(&path, &["new".to_owned()]).is_empty(), "it is in use");
    let (stop, input) = (CancellationToken::new(), destination.input());
    let mut task = JoinSet::new();
    task.spawn(destination.run(stop.clone(), Duration::from_secs(60)));
    healthy.until_accepted(50).await;
    stop.cancel();
    drop(input);
    assert_eq!(task.join_next().await.unwrap().unwrap(), Left::default());
    let empty = orphans(&path, &["new".to_owned()]);
    assert_eq!(empty[0].left, Left::default());
    empty[0].remove().unwrap();
    assert!(!path.join("old").exists());
}

#[tokio::test]
async fn what_is_in_flight_when_its_log_gives_it_up_is_waited_for_at_the_end() {
    let (_keep, path) = directory();
    let released = Arc::new(AtomicBool::new(false));
    let is_released = Arc::clone(&released);
    let backend = Backend::start(move |_, received: &Received| {
        // Before anything else it is asked whether it is there.
        match received.body.is_empty() || is_released.load(Relaxed) {
            true => Reply::ok(),
            false => Reply::status(503, "later"),
        }
    })
    .await;
    let mut config = config(&backend);
    config.log.max_age = Duration::from_secs(1);
    let mut running = Running::start(&path, config);
    running.send(batch(["late"], 1.0)).await;
    backend.until(|received| received.iter().any(|(_, status)| *status == 503)).await;
    // The next tick of its clock is when the log does.
    until("an empty queue", || running.telemetry.queue_frames.get() == 0).await;
    running.stop.cancel();
    running.input.closed().await;
    released.store(true, Relaxed);
    running.task.join_next().await.unwrap().unwrap();
    assert_eq!(backend.accepted(), of(["late"], 1.0));
}
