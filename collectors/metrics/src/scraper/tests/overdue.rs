//! Ticks that are missed, and whose fault it is.

use super::*;
use crate::Counter;

/// Ticks missed, those of them or begun too late that are this node's fault, and those of these that
/// the sink took.
fn lost(telemetry: &Telemetry) -> [u64; 3] {
    [&telemetry.ticks_missed, &telemetry.ticks_overdue, &telemetry.ticks_held].map(Counter::value)
}

#[tokio::test(start_paused = true)]
async fn ticks_that_a_full_sink_takes_are_overdue() {
    let mut world = World::with(Script::new([Answer::Page("a 1\n")]), config(), 1);
    world.start(None).await;
    tokio::time::sleep(Duration::from_millis(5500)).await;
    // One is in the channel, one waits for room; nothing else was started.
    assert_eq!(world.next().await, ["a 1 @1000", "up 1 @1000"]);
    assert_eq!(world.next().await, ["a 1 @2000", "up 1 @2000"]);
    assert_eq!(world.next().await, ["a 1 @6000", "up 1 @6000"]);
    assert_eq!(lost(&world.telemetry), [3, 3, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_takes_nothing_at_all_is_noticed_meanwhile() {
    let world = World::with(Script::new([Answer::Page("a 1\n")]), config(), 1);
    world.start(None).await;
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    // That of the second second waits for eight.
    assert_eq!(lost(&world.telemetry), [0, 8, 8]);
}

#[tokio::test(start_paused = true)]
async fn ticks_that_a_slow_target_takes_are_not_overdue() {
    let slow = Answer::After(Duration::from_millis(2500), "a 1\n");
    let mut world = World::new(Script::new([slow, Answer::Page("a 2\n")]));
    let target = ScrapeTarget { timeout: Duration::from_secs(5), ..(*target("i")).clone() };
    let start =
        Command::Start { key: KEY, target: Arc::new(target), takeover: Takeover::default() };
    world.commands.send(start).await.unwrap();
    assert_eq!(world.next().await, ["a 1 @3500", "up 1 @3500"]);
    assert_eq!(world.next().await, ["a 2 @4000", "up 1 @4000"]);
    assert_eq!(lost(&world.telemetry), [2, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn ticks_that_a_scrape_waits_for_its_turn_are_overdue() {
    let (sink, mut batches) = mpsc::channel(8);
    let clock = Clock::Runtime { origin: ORIGIN + 1, since: Instant::now() };
    let telemetry = Arc::new(Telemetry::default());
    let script = Script::new([Answer::Page("a 1\n")]);
    let (scraper, commands) =
        Scraper::new(Arc::new(config()), script, sink, Arc::clone(&telemetry), clock);
    let shared = Arc::clone(&scraper.shared);
    let others = shared.slots.acquire_many(SLOTS as u32).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(scraper.run(CancellationToken::new()));
    let start = Command::Start { key: KEY, target: target("i"), takeover: Takeover::default() };
    commands.send(start).await.unwrap();
    tokio::time::sleep(Duration::from_millis(3500)).await;
    drop(others);
    let stored = |batch: Arc<Batch>| batch.samples[0].timestamp - ORIGIN;
    assert_eq!(stored(batches.recv().await.unwrap()), 3501);
    assert_eq!(stored(batches.recv().await.unwrap()), 4000);
    // That of the first second was begun late, those of the second and third not at all.
    assert_eq!(lost(&telemetry), [2, 3, 0]);
}

#[tokio::test(start_paused = true)]
async fn what_the_target_took_before_the_sink_is_not_held_against_the_sink() {
    let slow = Answer::After(Duration::from_millis(850), "a 1\n");
    let mut world = World::with(Script::new([slow, Answer::Page("a 2\n")]), config(), 1);
    world.start(None).await;
    tokio::time::sleep(Duration::from_millis(1800)).await;
    assert_eq!(lost(&world.telemetry), [0, 0, 0]);
    tokio::time::sleep(Duration::from_millis(2700)).await;
    world.next().await;
    world.next().await;
    assert_eq!(world.next().await, ["a 2 @5000", "up 1 @5000"]);
    assert_eq!(lost(&world.telemetry), [2, 2, 2]);
}
