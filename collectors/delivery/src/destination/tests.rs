use std::path::PathBuf;

use model::Labels;
use tempfile::TempDir;

use super::*;
use crate::config::Protocol;
use crate::telemetry::DropReason;

mod adoption;
mod backend;
mod crash;
mod doubles;
mod large;
mod moves;
mod outage;
mod rules;

use backend::{Backend, Received, Reply};

/// A destination that runs beside the test.
struct Running {
    input: mpsc::Sender<Arc<Batch>>,
    telemetry: Arc<Telemetry>,
    stop: CancellationToken,
    task: JoinSet<Left>,
}

impl Running {
    fn start(directory: &Path, config: EndpointConfig) -> Self {
        Self::start_with_drain(directory, config, Duration::from_secs(20))
    }

    fn start_with_drain(directory: &Path, config: EndpointConfig, drain: Duration) -> Self {
        let client = Client::new(&client::Config::default()).unwrap();
        let destination = Destination::open(directory, config, client).unwrap();
        let stop = CancellationToken::new();
        let (input, telemetry) = (destination.input(), destination.telemetry());
        let mut task = JoinSet::new();
        task.spawn(destination.run(stop.clone(), drain));
        Self { input, telemetry, stop, task }
    }

    async fn send(&self, batch: Batch) {
        self.input.send(Arc::new(batch)).await.unwrap();
    }

    /// Stops it, which sends everything or gives up at the deadline.
    async fn stop(mut self) -> Left {
        self.stop.cancel();
        self.task.join_next().await.unwrap().unwrap()
    }

    /// Ends it as a kill would: nothing is sealed, nothing is finished.
    async fn kill(mut self) {
        self.task.shutdown().await;
    }
}

/// Waits for what nobody is told of, such as a count: it is looked at again and again.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), waiting).await.is_ok(), "never: {what}");
}

fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    (directory, path)
}

/// An endpoint that seals and repeats quickly.
fn config(backend: &Backend) -> EndpointConfig {
    let url = format!("http://127.0.0.1:{}/write", backend.port).parse().unwrap();
    let mut config = EndpointConfig::new("test", url);
    config.overlap_protocol = Protocol::V1;
    config.queue.batch_send_deadline = Duration::from_millis(5);
    config.queue.min_backoff = Duration::from_millis(1);
    config.queue.max_backoff = Duration::from_millis(10);
    config
}

fn series(name: &str) -> Labels {
    Labels::from_pairs([("__name__", "up"), ("n", name)])
}

/// One sample of each series, with `value`.
fn batch(names: impl IntoIterator<Item = impl ToString>, value: f64) -> Batch {
    let mut batch = Batch::default();
    for name in names {
        batch.push(series(&name.to_string()).borrowed(), 1_000 + value as i64, value);
    }
    batch
}

fn of(names: impl IntoIterator<Item = impl ToString>, value: f64) -> Vec<(String, f64)> {
    names.into_iter().map(|name| (name.to_string(), value)).collect()
}

#[tokio::test]
async fn what_goes_in_comes_out_with_the_headers_of_the_protocol() {
    let (_keep, path) = directory();
    let backend = Backend::start(|_, _| Reply::ok()).await;
    let mut config = config(&backend);
    config.headers.insert("x-scope-orgid", "tenant".parse().unwrap());
    config.headers.insert("content-encoding", "gzip".parse().unwrap());
    let running = Running::start(&path, config);
    let telemetry = Arc::clone(&running.telemetry);
    running.send(batch(0..10, 1.0)).await;
    backend.until_accepted(10).await;
    assert_eq!(running.stop().await, Left::default());

    assert_eq!(backend.accepted(), of(0..10, 1.0));
    let (request, _) = &backend.received()[0];
    assert!(request.head.starts_with("POST /write HTTP/1.1"), "{}", request.head);
    for (name, value) in [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "0.1.0"),
        ("user-agent", concat!("Shoal/", env!("CARGO_PKG_VERSION"))),
        ("x-scope-orgid", "tenant"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    assert_eq!(telemetry.sent.samples.get(), 10);
    assert_eq!(telemetry.received.samples.get(), 10);
    assert_eq!(telemetry.highest_timestamp.get(), 1_001);
    assert_eq!(telemetry.highest_sent_timestamp.get(), 1_001);
    assert!(telemetry.sent_bytes.get() > 0);
    assert_eq!(telemetry.pending_samples.get(), 0);
}

#[tokio::test]
async fn stopping_sends_what_was_handed_in() {
    let (_keep, path) = directory();
    let backend = Backend::start(|_, _| Reply::ok()).await;
    let mut config = config(&backend);
    config.queue.batch_send_deadline = Duration::from_secs(5);
    let running = Running::start(&path, config);
    for value in 0..10 {
        running.send(batch(0..3, f64::from(value))).await;
    }
    assert_eq!(running.stop().await, Left::default());
    assert_eq!(backend.accepted().len(), 30);
}

#[tokio::test]
async fn a_series_keeps_its_order_over_many_shards_and_failures() {
    let (_keep, path) = directory();
    let backend = Backend::start(|number, _| match number % 3 {
        0 => Reply::status(503, "not now"),
        1 => Reply::Cut,
        _ => Reply::ok(),
    })
    .await;
    let mut config = config(&backend);
    config.queue.min_shards = 8;
    config.queue.max_samples_per_send = 7;
    let running = Running::start(&path, config);
    for value in 0..20 {
        running.send(batch(0..40, f64::from(value))).await;
    }
    backend.until_accepted(800).await;
    running.stop().await;
    let accepted = backend.accepted();
    for name in 0..40 {
        let values = accepted.iter().filter(|(other, _)| *other == name.to_string());
        let values: Vec<f64> = values.map(|(_, value)| *value).collect();
        assert_eq!(values, (0..20).map(f64::from).collect::<Vec<_>>(), "series {name}");
    }
}

#[tokio::test]
async fn metadata_is_told_in_requests_of_its_own() {
    let (_keep, path) = directory();
    let backend = Backend::start(|_, _| Reply::ok()).await;
    let mut config = config(&backend);
    config.metadata.send_interval = Duration::from_secs(1);
    let running = Running::start(&path, config);
    let mut batch = batch(["a"], 1.0);
    batch.families.push(Arc::new(model::Family {
        name: "up".into(),
        kind: model::MetricKind::Gauge,
        help: "Whether it is up.".into(),
        unit: "".into(),
    }));
    running.send(batch).await;
    let told = |received: &[(Received, u16)]| {
        received.iter().find_map(|(request, _)| request.request().metadata.into_iter().next())
    };
    backend.until(|received| told(received).is_some()).await;
    let telemetry = Arc::clone(&running.telemetry);
    running.stop().await;
    let metadata = told(&backend.received()).unwrap();
    assert_eq!((metadata.metric_family_name.as_str(), metadata.kind), ("up", 2));
    assert_eq!(telemetry.sent.metadata.get(), 1);
    assert!(telemetry.sent_metadata_bytes.get() > 0);
}

#[test]
fn a_setting_that_cannot_be_honoured_is_named() {
    type Change = fn(&mut EndpointConfig);
    let (_keep, path) = directory();
    let client = || Client::new(&client::Config::default()).unwrap();
    let open = |change: Change| {
        let mut config = EndpointConfig::new("test", "http://127.0.0.1/".parse().unwrap());
        change(&mut config);
        Destination::open(&path, config, client()).unwrap_err().to_string()
    };
    let cases: [(Change, &str); 5] = [
        (
            |c| c.url = "ftp://host/".parse().unwrap(),
            "`url` must be http:// or https:// with a host: ftp://host/",
        ),
        (|c| c.queue.min_shards = 60, "`max_shards` must be at least min_shards, which is 60"),
        (|c| c.queue.max_shards = 5_000, "`max_shards` must be at most 1024"),
        (
            |c| c.queue.min_backoff = Duration::from_secs(60),
            "`min_backoff` must be no longer than max_backoff, which is 5s",
        ),
        (|c| c.queue.max_samples_per_send = 0, "`max_samples_per_send` must be at least 1"),
    ];
    for (change, message) in cases {
        assert_eq!(open(change), message);
    }
}

#[test]
fn the_directory_of_a_log_hangs_on_name_and_url_alone() {
    let of = |name: &str, url: &str| EndpointConfig::new(name, url.parse().unwrap());
    let mut one = of("mimir/eu", "http://host/push?tenant=a");
    let name = one.directory_name();
    assert_eq!(name, "mimir_eu-94ff9ae232a47509");
    one.queue.max_shards = 3;
    assert_eq!(one.directory_name(), name);
    assert_ne!(of("mimir/eu", "http://host/push?tenant=b").directory_name(), name);
    assert_ne!(of("mimir_eu", "http://host/push?tenant=a").directory_name(), name);
}
