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
async fn targets_with_ticks_in_the_same_ten_milliseconds_are_scraped_at_once_and_keep_their_ticks()
{
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
async fn a_short_interval_is_kept_to_a_twentieth() {
    let mut target = (*target("fast")).clone();
    target.interval = Duration::from_millis(60);
    target.timeout = Duration::from_millis(60);
    let mut world = World::new(Script::new([Answer::Page("a 1\n")]));
    let start =
        Command::Start { key: KEY + 1, target: Arc::new(target), takeover: Takeover::default() };
    world.commands.send(start).await.unwrap();
    for _ in 0..100 {
        let (at, tick) = arrival(&mut world).await;
        assert!((0..3).contains(&(at - tick)), "{at} for {tick}");
    }
    assert_eq!(world.telemetry.ticks_missed.value(), 0);
}
