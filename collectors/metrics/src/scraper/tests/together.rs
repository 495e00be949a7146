//! Scrapes that start together.

use super::*;

/// A scraper with a target for each of these phases, in milliseconds past a whole second.
async fn world(phases: &[u64]) -> World {
    let world = World::new(Script::new([Answer::Page("a 1\n")]));
    for phase in phases {
        world.start_as(KEY + phase, &phase.to_string(), None).await;
    }
    world
}

/// When the next batch came and what its tick is, in milliseconds since the start.
async fn arrival(world: &mut World) -> (i64, i64) {
    let batch = world.batches.recv().await.unwrap();
    (world.clock.now() - ORIGIN, batch.samples[0].timestamp - ORIGIN)
}

#[tokio::test(start_paused = true)]
async fn ticks_within_a_hundredth_of_the_interval_are_scraped_at_once_and_stay_what_they_are() {
    let mut world = world(&[11, 15, 20, 21]).await;
    let mut arrivals = Vec::new();
    for _ in 0..8 {
        arrivals.push(arrival(&mut world).await);
    }
    arrivals.sort_unstable();
    let expected = [(20, 11), (20, 15), (20, 20), (30, 21)];
    let later = expected.map(|(at, tick)| (at + SECOND, tick + SECOND));
    assert_eq!(arrivals, [expected, later].concat());
    assert_eq!(world.telemetry.ticks_overdue.value() + world.telemetry.ticks_late.value(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_long_interval_is_kept_to_fifty_milliseconds() {
    let mut world = World::new(Script::new([Answer::Page("a 1\n")]));
    for phase in [1, 49, 51] {
        let mut target = (*target("slow")).clone();
        target.interval = Duration::from_secs(60);
        let start =
            Command::Start { key: phase, target: Arc::new(target), takeover: Takeover::default() };
        world.commands.send(start).await.unwrap();
    }
    let mut arrivals = Vec::new();
    for _ in 0..3 {
        let (at, tick) = arrival(&mut world).await;
        arrivals.push((at - tick, (tick + ORIGIN) % 60_000));
    }
    arrivals.sort_unstable();
    assert_eq!(arrivals, [(1, 49), (49, 1), (49, 51)]);
}

#[tokio::test(start_paused = true)]
async fn a_short_interval_is_kept_to_the_millisecond() {
    let mut target = (*target("fast")).clone();
    target.interval = Duration::from_millis(60);
    target.timeout = Duration::from_millis(60);
    let mut world = World::new(Script::new([Answer::Page("a 1\n")]));
    let start =
        Command::Start { key: KEY + 1, target: Arc::new(target), takeover: Takeover::default() };
    world.commands.send(start).await.unwrap();
    for _ in 0..100 {
        let (at, tick) = arrival(&mut world).await;
        assert_eq!(at, tick);
    }
    assert_eq!(world.telemetry.ticks_missed.value(), 0);
}

/// A target whose second tick has come when it is told to stop: its ticks are three milliseconds past each
/// second, and its scrapes start at ten.
async fn stopped_between_tick_and_scrape(reason: StopReason) -> World {
    let mut world = World::new(Script::new([Answer::Page("a 1\n")]));
    let key = KEY + 3;
    world.start_as(key, "i", None).await;
    assert_eq!(world.next().await, ["a 1 @3", "up 1 @3"]);
    let until = ORIGIN + SECOND + 5 - world.clock.now();
    tokio::time::sleep(Duration::from_millis(until.unsigned_abs())).await;
    world.commands.send(Command::Stop { key, reason, seal: None }).await.unwrap();
    world
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_waits_for_others_is_collected_though_the_target_ends() {
    for reason in [StopReason::Gone, StopReason::Shutdown] {
        let mut world = stopped_between_tick_and_scrape(reason).await;
        assert_eq!(world.next().await, ["a 1 @1003", "up 1 @1003"], "{reason:?}");
        if reason == StopReason::Gone {
            assert_eq!(world.next().await, ["a stale @1010", "up stale @1010"]);
        }
        assert_eq!(world.statuses().await, []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_has_come_is_left_to_who_has_taken_the_target_already() {
    let world = stopped_between_tick_and_scrape(StopReason::Moved).await;
    assert_eq!(world.statuses().await, []);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(world.batches.is_empty());
}
