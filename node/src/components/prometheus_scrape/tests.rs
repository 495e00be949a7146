use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use metrics::{Clock, Fetch, FetchError, Fetched, ScrapeConfig, Scraper};
use model::{Batch, Labels, Seal, is_stale};
use ownership::Key;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::director::{self, Director, Ends, Told};
use super::inventory::Inventory;
use super::measure::Counts;
use crate::cluster::{Announced, Delta, Reason, Subscription};
use crate::components::{Fanout, HealthReport, MetricsReceiver};
use crate::graph::{Health, HealthState};

#[derive(Debug)]
struct Page;

impl Fetch for Page {
    fn fetch<'a>(
        &'a self,
        _: &'a http::Uri,
        _: &'a http::HeaderMap,
        _: u64,
        body: &'a mut Vec<u8>,
    ) -> Pin<Box<dyn Future<Output = Result<Fetched, FetchError>> + Send + 'a>> {
        Box::pin(async move {
            body.extend_from_slice(b"jobs 7\n");
            let content_type = Some("text/plain; version=0.0.4".to_owned());
            Ok(Fetched { content_type, began: tokio::time::Instant::now() })
        })
    }
}

fn target(address: &str) -> Labels {
    Labels::from_pairs([("__address__", address)])
}

fn told(addresses: &[&str], interval: Duration) -> Arc<Told> {
    let config = ScrapeConfig {
        job_name: "test".to_owned(),
        scrape_interval: interval,
        scrape_timeout: interval,
        ..ScrapeConfig::default()
    };
    Arc::new(Told {
        targets: addresses.iter().map(|address| target(address)).collect(),
        config: Arc::new(config),
        client: client::Config::default(),
        fetch: Arc::new(Page),
        clustered: true,
    })
}

/// A director whose cluster is the test.
struct Stage {
    told: watch::Sender<Arc<Told>>,
    announced: watch::Receiver<Arc<[Announced]>>,
    deltas: mpsc::Sender<Vec<Delta>>,
    batches: mpsc::Receiver<Arc<Batch>>,
    counts: Arc<Counts>,
    health: watch::Receiver<Health>,
    cancel: CancellationToken,
    removed: CancellationToken,
    tasks: JoinSet<Result<(), crate::components::Refusal>>,
}

impl Stage {
    fn start(first: Arc<Told>) -> Self {
        let (announce, announced) = watch::channel(Arc::from([]));
        let (deltas, changes) = mpsc::channel(4);
        let subscription = Subscription::clustered(announce, changes, Arc::new(Notify::new()));
        let counts = Arc::new(Counts::default());
        let (sink, scraped) = mpsc::channel(16);
        let telemetry = Arc::clone(&counts.scraper);
        let (config, fetch) = (Arc::clone(&first.config), Arc::clone(&first.fetch));
        let clock =
            Clock::Runtime { origin: 1_700_000_000_000, since: tokio::time::Instant::now() };
        let (scraper, commands) = Scraper::new(config, fetch, sink, telemetry, clock);
        let (told, changes) = watch::channel(first);
        let refused = watch::channel(Arc::default()).0;
        let director = Director::new(
            "prometheus.scrape.a".to_owned(),
            changes,
            subscription,
            commands,
            Arc::clone(&counts),
            refused,
        );
        let (receiver, batches) = MetricsReceiver::new();
        let fanout = Fanout::new(vec![receiver]);
        let (cancel, removed) = (CancellationToken::new(), CancellationToken::new());
        let ends = Ends { cancel: cancel.clone(), removed: removed.clone() };
        let mut tasks = JoinSet::new();
        let (report, health) = HealthReport::new(Arc::new(Notify::new()));
        let watch = director::Watch { counts: Arc::clone(&counts), health: report };
        tasks.spawn(director::run(director, scraper, (scraped, fanout), watch, ends));
        Self { told, announced, deltas, batches, counts, health, cancel, removed, tasks }
    }

    /// The keys of what is announced, once there are so many.
    async fn keys(&mut self, count: usize) -> Vec<Key> {
        let announced = self.announced.wait_for(|targets| targets.len() == count).await;
        announced.expect("it is announced").iter().map(|target| target.key).collect()
    }

    async fn tell(&self, delta: Delta) {
        self.deltas.send(vec![delta]).await.expect("it listens");
    }

    /// The values of `up` in the next batch that has some, by instance.
    async fn up(&mut self) -> Vec<(String, f64)> {
        loop {
            let batch = self.batches.recv().await.expect("it goes on");
            let up: Vec<(String, f64)> = batch
                .samples
                .iter()
                .filter(|sample| batch.labels(sample.labels).get("__name__") == Some("up"))
                .map(|sample| {
                    let instance = batch.labels(sample.labels).get("instance").unwrap_or_default();
                    (instance.to_owned(), sample.value)
                })
                .collect();
            if !up.is_empty() {
                return up;
            }
        }
    }

    /// Ends it; the values that came after.
    async fn end(mut self) -> Vec<f64> {
        self.cancel.cancel();
        let mut values = Vec::new();
        let batches = async {
            while let Some(batch) = self.batches.recv().await {
                values.extend(batch.samples.iter().map(|sample| sample.value));
            }
        };
        let ended = self.tasks.join_next();
        let (ended, ()) = tokio::join!(ended, batches);
        ended.expect("it ends").expect("it does not panic").expect("it does not fail");
        values
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_target_is_scraped_only_once_the_cluster_gives_it() {
    let mut stage = Stage::start(told(&["a:1", "b:2"], SECOND));
    let keys = stage.keys(2).await;
    stage.tell(Delta::start(keys[1])).await;
    for _ in 0..3 {
        assert_eq!(stage.up().await, [("b:2".to_owned(), 1.0)]);
    }
    assert_eq!(stage.counts.owned.value(), 1);
    assert!(!stage.end().await.into_iter().any(is_stale));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_moves_hands_its_seal_over_and_does_not_end() {
    let mut stage = Stage::start(told(&["a:1"], SECOND));
    let key = stage.keys(1).await[0];
    stage.tell(Delta::start(key)).await;
    stage.up().await;
    let (seal, sealed) = oneshot::channel();
    let reason = Reason::Moved { to: "other".into() };
    stage.tell(Delta::Stop { key, reason, seal: Some(seal) }).await;
    let seal = sealed.await.expect("there is a seal");
    assert!(seal.last_tick > 0);
    assert_eq!(stage.counts.moved.value(), 1);

    // Coming back with it, it goes on as if it had never been away.
    stage.tell(Delta::Start { key, seal: Some(seal), overlap: false, from: None }).await;
    assert_eq!(stage.up().await, [("a:1".to_owned(), 1.0)]);
    assert!(!stage.end().await.into_iter().any(is_stale));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_gone_and_a_component_that_is_removed_end_their_series() {
    let mut stage = Stage::start(told(&["a:1", "b:2"], SECOND));
    let keys = stage.keys(2).await;
    for key in keys {
        stage.tell(Delta::start(key)).await;
    }
    let mut scraped = std::collections::BTreeSet::new();
    while scraped.len() < 2 {
        scraped.extend(stage.up().await.into_iter().map(|(instance, _)| instance));
    }
    let old = stage.announced.borrow().clone();
    stage.told.send_replace(told(&["b:2"], SECOND));
    let kept = stage.keys(1).await[0];
    let gone = old.iter().map(|target| target.key).find(|key| *key != kept).expect("one is gone");
    stage.tell(Delta::Stop { key: gone, reason: Reason::Gone, seal: None }).await;
    let ended = loop {
        let up = stage.up().await;
        if let Some(ended) = up.iter().find(|(_, value)| is_stale(*value)) {
            break ended.0.clone();
        }
    };
    assert_eq!(ended, "a:1");
    stage.removed.cancel();
    assert!(stage.end().await.into_iter().any(is_stale));
}

/// Nobody else can: the one before this node stopped it for this one.
#[tokio::test(start_paused = true)]
async fn a_target_whose_seal_comes_when_it_is_gone_is_ended_without_a_scrape() {
    let mut stage = Stage::start(told(&["a:1", "b:2"], SECOND));
    let old = stage.keys(2).await;
    stage.told.send_replace(told(&["b:2"], SECOND));
    let kept = stage.keys(1).await[0];
    let key = old.into_iter().find(|key| *key != kept).expect("one is gone");
    let seal = Some(Seal { version: 1, last_tick: 1_699_999_999_000, payload: Bytes::new() });
    stage.tell(Delta::Start { key, seal, overlap: false, from: Some("other".into()) }).await;
    stage.tell(Delta::Stop { key, reason: Reason::Gone, seal: None }).await;
    let up = stage.up().await;
    assert!(matches!(&up[..], [(instance, up)] if instance == "a:1" && is_stale(*up)), "{up:?}");
    assert_eq!(stage.counts.owned.value(), 0);

    // A component that ends does first what it has been told.
    stage.tell(Delta::start(kept)).await;
    while stage.up().await != [("b:2".to_owned(), 1.0)] {}
    stage.tell(Delta::Stop { key: kept, reason: Reason::Gone, seal: None }).await;
    assert!(stage.end().await.into_iter().any(is_stale));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_comes_back_before_the_cluster_missed_it_is_scraped() {
    let mut stage = Stage::start(told(&["a:1", "b:2"], SECOND));
    let old = stage.keys(2).await;
    stage.told.send_replace(told(&["b:2"], SECOND));
    let kept = stage.keys(1).await[0];
    let gone = old.into_iter().find(|key| *key != kept).expect("one is gone");
    // The cluster looks only now and then: it saw the target before, and will see it after.
    stage.tell(Delta::start(gone)).await;
    stage.tell(Delta::start(kept)).await;
    assert_eq!(stage.up().await, [("b:2".to_owned(), 1.0)]);
    stage.told.send_replace(told(&["a:1", "b:2"], SECOND));
    stage.keys(2).await;
    while stage.up().await != [("a:1".to_owned(), 1.0)] {}
    assert_eq!(stage.counts.owned.value(), 2);
    stage.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_was_stopped_while_it_was_gone_stays_stopped() {
    let mut stage = Stage::start(told(&["b:2"], SECOND));
    let kept = stage.keys(1).await[0];
    stage.told.send_replace(told(&["a:1", "b:2"], SECOND));
    let gone = stage.keys(2).await.into_iter().find(|key| *key != kept).expect("one is new");
    stage.told.send_replace(told(&["b:2"], SECOND));
    stage.keys(1).await;
    stage.tell(Delta::start(gone)).await;
    stage.tell(Delta::Stop { key: gone, reason: Reason::Gone, seal: None }).await;
    stage.tell(Delta::start(kept)).await;
    stage.up().await;
    stage.told.send_replace(told(&["a:1", "b:2"], SECOND));
    stage.keys(2).await;
    for _ in 0..3 {
        assert_eq!(stage.up().await, [("b:2".to_owned(), 1.0)]);
    }
    stage.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_pace_reaches_a_target_whose_key_stays() {
    let mut stage = Stage::start(told(&["a:1"], 600 * SECOND));
    let key = stage.keys(1).await[0];
    stage.tell(Delta::start(key)).await;
    stage.up().await;
    stage.told.send_replace(told(&["a:1"], SECOND));
    let began = tokio::time::Instant::now();
    for _ in 0..5 {
        stage.up().await;
    }
    assert!(began.elapsed() < 60 * SECOND, "{:?}", began.elapsed());
    assert_eq!(stage.keys(1).await, [key]);
    stage.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_gets_too_little_time_says_that_it_is_overloaded_until_it_keeps_up() {
    let mut stage = Stage::start(told(&["a:1", "b:2", "c:3"], SECOND));
    for key in stage.keys(3).await {
        stage.tell(Delta::start(key)).await;
    }
    for _ in 0..100 {
        stage.up().await;
    }
    assert_eq!((stage.counts.overloaded.value(), stage.counts.pressure().overdue), (0, 0));
    // Now it gets time to run only every 700 ms: most ticks begin too late.
    for _ in 0..100 {
        tokio::time::advance(Duration::from_millis(700)).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        while stage.batches.try_recv().is_ok() {}
    }
    assert_eq!(stage.counts.overloaded.value(), 1);
    assert!(stage.counts.pressure().overdue > 50, "{:?}", stage.counts.pressure());
    let said = stage.health.borrow().message.clone();
    assert!(said.starts_with("overloaded: ") && said.contains("add nodes"), "{said}");
    // It is no reason for a liveness probe to restart it.
    assert_eq!(stage.health.borrow().state, HealthState::Healthy);

    for _ in 0..300 {
        stage.up().await;
    }
    assert_eq!(stage.counts.overloaded.value(), 0);
    assert_eq!(stage.health.borrow().message, "it keeps up again");
    stage.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_takes_too_little_is_named_as_what_a_node_waits_for() {
    let mut stage = Stage::start(told(&["a:1", "b:2", "c:3"], SECOND));
    for key in stage.keys(3).await {
        stage.tell(Delta::start(key)).await;
    }
    // One batch in two seconds is a sixth of what there is.
    for _ in 0..100 {
        stage.batches.recv().await.expect("it scrapes");
        tokio::time::sleep(2 * SECOND).await;
    }
    assert_eq!(stage.counts.overloaded.value(), 1);
    let said = stage.health.borrow().message.clone();
    assert!(said.contains("most waited for the destination"), "{said}");
    stage.end().await;
}

#[test]
fn targets_that_differ_in_what_is_neither_asked_nor_written_are_one() {
    let with =
        |name: &str, value: &str| Labels::from_pairs([("__address__", "a:1"), (name, value)]);
    let targets: Arc<[Labels]> = [
        with("__meta_pod", "x"),
        with("__meta_pod", "y"),
        with("__scrape_interval__", "30s"),
        with("zone", "x"),
        with("__param_module", "x"),
    ]
    .into();
    let (mut inventory, now) = (Inventory::default(), tokio::time::Instant::now());
    let config = ScrapeConfig { job_name: "test".to_owned(), ..ScrapeConfig::default() };
    let (announced, refused) = inventory.take("prometheus.scrape.a", &targets, &config, now);
    assert_eq!(announced.len(), 3);
    assert_eq!(refused.counts(), (0, 2));
    let other = Inventory::default().take("prometheus.scrape.b", &targets, &config, now).0;
    assert_ne!(announced[0].key, other[0].key, "components do not share targets");
}
