use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;

use bytes::Bytes;
use http::{HeaderMap, Uri};
use model::Labels;

use super::*;
use crate::{FetchError, Fetched, Health, Takeover, TargetStatus};

mod ending;
mod moves;
mod overdue;
mod together;

const ORIGIN: i64 = 1_700_000_000_000;
/// The interval of the targets, in milliseconds.
const SECOND: i64 = 1000;
/// A key whose phase is 0, so that ticks are whole seconds.
const KEY: u64 = 7000;

/// What a scripted target answers.
#[derive(Debug, Clone)]
enum Answer {
    Page(&'static str),
    After(Duration, &'static str),
    Status(u16),
    TooLong,
    Never,
}

/// Answers one after the other; the last one for ever.
#[derive(Debug)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    requests: Mutex<Vec<(Uri, HeaderMap)>>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Arc<Self> {
        let answers = Mutex::new(answers.into_iter().collect());
        Arc::new(Self { answers, requests: Mutex::default() })
    }

    fn next(&self) -> Answer {
        let mut answers = self.answers.lock().unwrap();
        if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
    }
}

impl Fetch for Script {
    fn fetch<'a>(
        &'a self,
        url: &'a Uri,
        headers: &'a HeaderMap,
        limit: u64,
        body: &'a mut Vec<u8>,
    ) -> Pin<Box<dyn Future<Output = Result<Fetched, FetchError>> + Send + 'a>> {
        self.requests.lock().unwrap().push((url.clone(), headers.clone()));
        let answer = self.next();
        Box::pin(async move {
            let page = match answer {
                Answer::Page(page) => page,
                Answer::After(delay, page) => {
                    tokio::time::sleep(delay).await;
                    page
                }
                Answer::Status(status) => {
                    let status = http::StatusCode::from_u16(status).unwrap();
                    return Err(FetchError::Status(status));
                }
                Answer::TooLong => return Err(FetchError::TooLong(limit)),
                Answer::Never => std::future::pending().await,
            };
            body.extend_from_slice(page.as_bytes());
            Ok(Fetched { content_type: Some("text/plain".into()), began: Instant::now() })
        })
    }
}

/// The first ticks that were heard of.
#[derive(Debug, Default)]
struct Firsts(Mutex<Vec<(u64, i64)>>);

impl FirstTick for Firsts {
    fn collected(&self, key: u64, tick: i64) {
        self.0.lock().unwrap().push((key, tick - ORIGIN));
    }
}

/// A scraper in virtual time, and everything that comes out of it.
struct World {
    commands: mpsc::Sender<Command>,
    batches: mpsc::Receiver<Arc<Batch>>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    firsts: Arc<Firsts>,
    _tasks: JoinSet<()>,
}

impl World {
    fn new(script: Arc<Script>) -> Self {
        Self::with(script, config(), 64)
    }

    fn with(script: Arc<Script>, config: ScrapeConfig, room: usize) -> Self {
        let (sink, batches) = mpsc::channel(room);
        let telemetry = Arc::new(Telemetry::default());
        let clock = Clock::Runtime { origin: ORIGIN + 1, since: Instant::now() };
        let (scraper, commands) =
            Scraper::new(Arc::new(config), script, sink, telemetry.clone(), clock);
        let firsts = Arc::new(Firsts::default());
        let scraper = scraper.with_first_tick(firsts.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(scraper.run(CancellationToken::new()));
        Self { commands, batches, telemetry, clock, firsts, _tasks: tasks }
    }

    async fn start(&self, seal: Option<Seal>) {
        self.start_as(KEY, "i", seal).await;
    }

    async fn start_as(&self, key: u64, instance: &str, seal: Option<Seal>) {
        let target = target(instance);
        self.commands.send(Command::Start { key, target, takeover: seal.into() }).await.unwrap();
    }

    async fn stop(&self, reason: StopReason) -> Option<Seal> {
        let (sender, seal) = oneshot::channel();
        let stop = Command::Stop { key: KEY, reason, seal: Some(sender) };
        self.commands.send(stop).await.unwrap();
        seal.await.ok()
    }

    async fn statuses(&self) -> Vec<TargetStatus> {
        let (sender, statuses) = oneshot::channel();
        self.commands.send(Command::Targets(sender)).await.unwrap();
        statuses.await.unwrap()
    }

    /// The next batch, as `name value @milliseconds since the start`; what says how long
    /// something took is left out.
    async fn next(&mut self) -> Vec<String> {
        let batch = self.batches.recv().await.unwrap();
        let shown = batch.samples.iter().map(|sample| {
            let name = batch.labels(sample.labels).get("__name__").unwrap();
            let value = if model::is_stale(sample.value) {
                "stale".to_owned()
            } else {
                sample.value.to_string()
            };
            format!("{name} {value} @{}", sample.timestamp - ORIGIN)
        });
        shown.filter(|line| !line.starts_with("scrape_")).collect()
    }
}

fn config() -> ScrapeConfig {
    ScrapeConfig {
        job_name: "j".into(),
        scrape_interval: Duration::from_secs(1),
        scrape_timeout: Duration::from_millis(900),
        ..ScrapeConfig::default()
    }
}

fn target(instance: &str) -> Arc<ScrapeTarget> {
    let labels = Labels::from_pairs([("__address__", "x:1"), ("instance", instance)]);
    Arc::new(crate::prepare(&labels, &config()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn samples_carry_the_tick() {
    let delay = Duration::from_millis(50);
    let mut world = World::new(Script::new([Answer::After(delay, "a 1\n")]));
    world.start(None).await;
    for tick in 1..4 {
        assert_eq!(
            world.next().await,
            [format!("a 1 @{}", tick * SECOND), format!("up 1 @{}", tick * SECOND)]
        );
    }
    assert_eq!(world.telemetry.ticks_late.value(), 0);
    assert_eq!(world.telemetry.pages_unchanged.value(), 2);
    assert_eq!(world.telemetry.samples.value(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_response_past_a_tenth_of_the_interval_carries_the_truth() {
    let delay = Duration::from_millis(300);
    let mut world = World::new(Script::new([Answer::After(delay, "a 1\n")]));
    world.start(None).await;
    assert_eq!(world.next().await, ["a 1 @1300", "up 1 @1300"]);
    assert_eq!(world.next().await, ["a 1 @2300", "up 1 @2300"]);
    assert_eq!(world.telemetry.ticks_late.value(), 2);
    // It is the target that is slow, not this node.
    assert_eq!(world.telemetry.ticks_overdue.value(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failed_scrape_ends_the_series_once() {
    let script = Script::new([
        Answer::Page("a 1\n"),
        Answer::Status(503),
        Answer::Page("a 2\nb{"),
        Answer::Page("a 3\n"),
        Answer::Never,
    ]);
    let mut world = World::new(script);
    world.start(None).await;
    assert_eq!(world.next().await, ["a 1 @1000", "up 1 @1000"]);
    assert_eq!(world.next().await, ["a stale @2000", "up 0 @2000"]);
    let error = world.statuses().await.remove(0).last_error;
    assert_eq!(error.as_deref(), Some("the server answered HTTP status 503 Service Unavailable"));
    assert_eq!(world.next().await, ["up 0 @3000"]);
    assert_eq!(world.telemetry.targets.value(), 1);
    let status = world.statuses().await.remove(0);
    assert_eq!(
        status.last_error.as_deref(),
        Some("line 2, column 3: expected a label name or a closing brace")
    );
    assert_eq!(status.health, Health::Down);
    assert_eq!(world.next().await, ["a 3 @4000", "up 1 @4000"]);
    // A timeout is noticed late, but its samples stand where the attempt began.
    assert_eq!(world.next().await, ["a stale @5000", "up 0 @5000"]);
    let error = world.statuses().await.remove(0).last_error;
    assert_eq!(error.as_deref(), Some("no complete answer within the scrape timeout of 900ms"));
    assert_eq!(world.telemetry.malformed_pages.value(), 1);
    assert_eq!(world.telemetry.scrapes_failed.value(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_gone_ends_and_one_that_moved_does_not() {
    for reason in [StopReason::Gone, StopReason::Moved, StopReason::Shutdown] {
        let mut world = World::new(Script::new([Answer::Page("a 1\n")]));
        world.start(None).await;
        world.next().await;
        let seal = world.stop(reason).await.unwrap();
        assert_eq!(seal.last_tick, ORIGIN + SECOND);
        if reason == StopReason::Gone {
            assert_eq!(world.next().await, ["a stale @1001", "up stale @1001"]);
        }
        assert_eq!(world.statuses().await, []);
        assert!(world.batches.is_empty(), "{reason:?}");
        assert_eq!(world.telemetry.series_bytes.value(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_owner_goes_on_where_the_last_one_stopped() {
    let mut one = World::new(Script::new([Answer::Page("a 1\nb 1\n")]));
    one.start(None).await;
    one.next().await;
    let seal = one.stop(StopReason::Moved).await.unwrap();

    let mut two = World::new(Script::new([Answer::Page("b 2\nc 2\n")]));
    // The second world begins when the first one did: the tick of the seal lies ahead of it.
    two.start(Some(seal)).await;
    assert_eq!(two.next().await, ["b 2 @2000", "c 2 @2000"]);
    assert_eq!(two.next().await, ["a stale @2000", "up 1 @2000"]);
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_fell_into_the_move_is_made_up_for() {
    let mut world = World::new(Script::new([Answer::Page("a 1\n")]));
    tokio::time::advance(Duration::from_millis(2050)).await;
    let seal = Seal { version: 99, last_tick: ORIGIN + SECOND, payload: Bytes::new() };
    world.start(Some(seal)).await;
    assert_eq!(world.next().await, ["a 1 @2000", "up 1 @2000"]);
    assert_eq!(world.next().await, ["a 1 @3000", "up 1 @3000"]);
    assert_eq!(world.clock.now(), ORIGIN + 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_first_tick_of_each_start_is_told_be_it_good_or_not() {
    let delay = Duration::from_millis(400);
    let script = [Answer::Status(500), Answer::Page("a 1\n"), Answer::After(delay, "a 1\n")];
    let mut world = World::new(Script::new(script));
    world.start(None).await;
    assert_eq!(*world.firsts.0.lock().unwrap(), []);
    assert_eq!(world.next().await, ["up 0 @1000"]);
    assert_eq!(world.next().await, ["a 1 @2000", "up 1 @2000"]);
    world.stop(StopReason::Moved).await.unwrap();
    tokio::time::sleep(3 * Duration::from_millis(1000)).await;
    world.start(None).await;
    world.next().await;
    world.stop(StopReason::Gone).await;
    assert_eq!(*world.firsts.0.lock().unwrap(), [(KEY, 1000), (KEY, 6000)]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_comes_back_while_it_ends_starts_anew() {
    let delay = Duration::from_millis(500);
    let mut world = World::new(Script::new([Answer::After(delay, "a 1\n")]));
    world.start(None).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let gone = Command::Stop { key: KEY, reason: StopReason::Gone, seal: None };
    world.commands.send(gone).await.unwrap();
    world.start(None).await;
    assert_eq!(world.next().await, ["a 1 @1500", "up 1 @1500"]);
    assert_eq!(world.next().await, ["a stale @1501", "up stale @1501"]);
    assert_eq!(world.next().await, ["a 1 @2500", "up 1 @2500"]);
}

#[tokio::test(start_paused = true)]
async fn too_many_targets_fail_without_being_asked() {
    let script = Script::new([Answer::Page("a 1\n")]);
    let config = ScrapeConfig { target_limit: 1, ..config() };
    let mut world = World::with(script.clone(), config, 64);
    world.start(None).await;
    world.start_as(KEY + 1000, "k", None).await;
    assert_eq!(world.next().await, ["up 0 @1000"]);
    assert_eq!(world.next().await, ["up 0 @1000"]);
    let statuses = world.statuses().await;
    assert_eq!(
        statuses[0].last_error.as_deref(),
        Some("target_limit exceeded (number of targets: 2, limit: 1)")
    );
    assert!(script.requests.lock().unwrap().is_empty());
    world.stop(StopReason::Moved).await;
    assert_eq!(world.next().await, ["a 1 @2000", "up 1 @2000"]);
}

#[tokio::test(start_paused = true)]
async fn limits_fail_the_scrape_and_are_counted() {
    type Count = fn(&Telemetry) -> u64;
    let limits: [(ScrapeConfig, Count); 3] = [
        (ScrapeConfig { sample_limit: 1, ..config() }, |t| t.exceeded_sample_limit.value()),
        (ScrapeConfig { label_limit: 2, ..config() }, |t| t.exceeded_label_limits.value()),
        (ScrapeConfig { label_value_length_limit: 1, ..config() }, |t| {
            t.exceeded_label_limits.value()
        }),
    ];
    for (config, counter) in limits {
        let script = Script::new([Answer::Page("aa 1\nb 1\n")]);
        let mut world = World::with(script, config, 64);
        world.start(None).await;
        assert_eq!(world.next().await, ["up 0 @1000"]);
        assert_eq!(counter(&world.telemetry), 1);
    }
    let mut world = World::new(Script::new([Answer::TooLong]));
    world.start(None).await;
    assert_eq!(world.next().await, ["up 0 @1000"]);
    assert_eq!(world.telemetry.exceeded_body_size_limit.value(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_configuration_keeps_what_is_known() {
    let mut world = World::new(Script::new([Answer::Page("a 1\n")]));
    world.start(None).await;
    world.next().await;
    let config = ScrapeConfig { honor_labels: true, ..config() };
    let fetch = Script::new([Answer::Page("b{instance=\"own\"} 1\n")]);
    let reconfigure = Command::Reconfigure { config: Arc::new(config), fetch };
    world.commands.send(reconfigure).await.unwrap();
    let batch = world.batches.recv().await.unwrap();
    assert_eq!(batch.labels(batch.samples[0].labels).get("instance"), Some("own"));
    assert_eq!(world.next().await, ["a stale @2000", "up 1 @2000"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_pace_holds_from_the_next_tick_on() {
    let mut world = World::new(Script::new([Answer::Page("a 1\n")]));
    world.start(None).await;
    world.next().await;
    let mut paced = (*target("i")).clone();
    paced.interval = Duration::from_secs(4);
    let start = Command::Start { key: KEY, target: Arc::new(paced), takeover: Takeover::default() };
    world.commands.send(start).await.unwrap();
    // 7,000 is 3,000 past a multiple of 4,000, and the origin is a multiple of it.
    assert_eq!(world.next().await, ["a 1 @3000", "up 1 @3000"]);
    assert_eq!(world.next().await, ["a 1 @7000", "up 1 @7000"]);
    assert_eq!(world.telemetry.pages_unchanged.value(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_says_what_is_wanted() {
    let script = Script::new([Answer::Page("")]);
    let mut world = World::new(script.clone());
    world.start(None).await;
    world.next().await;
    let requests = script.requests.lock().unwrap();
    let (url, headers) = &requests[0];
    assert_eq!(*url, "http://x:1/metrics");
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("accept"), config().accept_header());
    assert_eq!(header("accept-encoding"), "gzip");
    assert_eq!(header("x-prometheus-scrape-timeout-seconds"), "0.9");
}

#[tokio::test(start_paused = true)]
async fn nothing_compressed_is_asked_for_where_compression_is_off() {
    let script = Script::new([Answer::Page("")]);
    let config = ScrapeConfig { enable_compression: false, ..config() };
    let mut world = World::with(script.clone(), config, 64);
    world.start(None).await;
    world.next().await;
    let (_, headers) = &script.requests.lock().unwrap()[0];
    assert_eq!(headers["accept-encoding"], "identity");
}

#[tokio::test(start_paused = true)]
async fn a_scrape_that_took_longer_than_the_interval_is_followed_by_the_tick_after_it() {
    let mut target = (*target("i")).clone();
    target.timeout = Duration::from_secs(5);
    let slow = Answer::After(Duration::from_millis(1030), "a 1\n");
    let mut world = World::new(Script::new([slow, Answer::Page("a 2\n")]));
    let start =
        Command::Start { key: KEY, target: Arc::new(target), takeover: Takeover::default() };
    world.commands.send(start).await.unwrap();
    assert_eq!(world.next().await, ["a 1 @2030", "up 1 @2030"]);
    assert_eq!(world.next().await, ["a 2 @3000", "up 1 @3000"]);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_goes_on_with_the_present() {
    let mut world = World::new(Script::new([Answer::Page("a 1\n")]));
    world.start(None).await;
    assert_eq!(world.next().await, ["a 1 @1000", "up 1 @1000"]);
    // The next batch is waited for, so the timer sees the whole hour at once.
    tokio::time::advance(Duration::from_secs(3600) + Duration::from_millis(500)).await;
    assert_eq!(world.next().await, ["a 1 @3602000", "up 1 @3602000"]);
    assert_eq!(world.telemetry.ticks_missed.value(), 3600);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_an_hour_is_followed_at_once() {
    let (sink, _batches) = mpsc::channel(1);
    let clock = Clock::Runtime { origin: ORIGIN + 1, since: Instant::now() };
    let script = Script::new([Answer::Page("")]);
    let (mut scraper, _commands) =
        Scraper::new(Arc::new(config()), script, sink, Arc::default(), clock);
    scraper.start(KEY, target("i"), Takeover::default());
    let hour = 3_600_000;
    scraper.seen += hour;
    scraper.targets.get_mut(&KEY).unwrap().last_timestamp = ORIGIN + hour;
    scraper.due.clear();
    scraper.schedule(KEY, ORIGIN + hour + SECOND);
    scraper.start_due();
    assert_eq!(*scraper.due.keys().next().unwrap(), ORIGIN + SECOND);
    assert!(scraper.running.is_empty());
}

#[tokio::test(start_paused = true)]
async fn thousands_of_targets_share_one_timer() {
    let mut world = World::with(Script::new([Answer::Page("a 1\n")]), config(), 16);
    for key in 0..2000 {
        world.start_as(key, "i", None).await;
    }
    for _ in 0..2 {
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < 1000 {
            let batch = world.batches.recv().await.unwrap();
            seen.insert(batch.samples[0].timestamp.rem_euclid(1000));
        }
    }
    assert_eq!(world.telemetry.ticks_late.value(), 0);
    assert_eq!(world.statuses().await.len(), 2000);
}

#[tokio::test(start_paused = true)]
async fn a_tick_at_hand_is_collected_before_the_target_is_given_away() {
    let mut world = World::new(Script::new([Answer::Page("a 1\n")]));
    world.start(None).await;
    assert_eq!(world.next().await, ["a 1 @1000", "up 1 @1000"]);
    tokio::time::sleep(Duration::from_millis(800)).await;
    // Less than a quarter of the interval is left: the next owner might come too late for it.
    let seal = world.stop(StopReason::Moved).await.unwrap();
    assert_eq!(seal.last_tick, ORIGIN + 2 * SECOND);
    assert_eq!(world.next().await, ["a 1 @2000", "up 1 @2000"]);
    assert_eq!(world.statuses().await, []);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_ends_does_not_wait_for_its_tick() {
    let mut world = World::new(Script::new([Answer::Page("a 1\n")]));
    world.start(None).await;
    world.next().await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    let (sender, seal) = oneshot::channel();
    let moved = Command::Stop { key: KEY, reason: StopReason::Moved, seal: Some(sender) };
    world.commands.send(moved).await.unwrap();
    assert_eq!(world.stop(StopReason::Gone).await.unwrap().last_tick, ORIGIN + SECOND);
    assert_eq!(seal.await.unwrap().last_tick, ORIGIN + SECOND);
    assert_eq!(world.next().await, ["a stale @1800", "up stale @1800"]);
}

#[tokio::test(start_paused = true)]
async fn ticks_that_neither_owner_collected_are_counted() {
    let world = World::new(Script::new([Answer::Page("a 1\n")]));
    tokio::time::advance(Duration::from_millis(3500)).await;
    let seal = Seal { version: 99, last_tick: ORIGIN + SECOND, payload: Bytes::new() };
    world.start(Some(seal)).await;
    world.statuses().await;
    assert_eq!(world.telemetry.ticks_missed_in_moves.value(), 2);
}
