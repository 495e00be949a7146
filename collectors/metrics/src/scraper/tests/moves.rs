//! Targets that another node collected before.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_another_node_may_store_too_is_marked_for_half_a_minute() {
    let mut world = World::new(Script::new([Answer::Page("a 1\n")]));
    let takeover = Takeover { overlap: true, ..Takeover::default() };
    let start = Command::Start { key: KEY, target: target("i"), takeover };
    world.commands.send(start).await.unwrap();
    for second in 1..40 {
        let batch = world.batches.recv().await.unwrap();
        assert_eq!(batch.overlap, second <= 30, "after {second} seconds");
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_node_may_store_too_is_marked_for_two_intervals_where_those_are_longer() {
    let mut world = World::new(Script::new([Answer::Page("a 1\n")]));
    let takeover = Takeover { overlap: true, ..Takeover::default() };
    let minutely = ScrapeTarget { interval: Duration::from_secs(60), ..(*target("i")).clone() };
    let start = Command::Start { key: KEY, target: Arc::new(minutely), takeover };
    world.commands.send(start).await.unwrap();
    let mut marked = Vec::new();
    for _ in 0..3 {
        marked.push(world.batches.recv().await.unwrap().overlap);
    }
    assert_eq!(marked, [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn the_first_scrape_after_a_move_names_who_collected_before() {
    let mut world = World::new(Script::new([Answer::Page("a 1\n")]));
    let takeover = Takeover { from: Some("node-1".into()), ..Takeover::default() };
    let start = Command::Start { key: KEY, target: target("i"), takeover };
    world.commands.send(start).await.unwrap();
    let first = world.batches.recv().await.unwrap();
    assert_eq!(first.predecessor.as_ref().map(|before| &*before.node), Some("node-1"));
    let second = world.batches.recv().await.unwrap();
    assert_eq!(second.predecessor, None);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_moves_on_before_its_first_scrape_names_who_collected_before_all_the_same() {
    let mut world = World::new(Script::new([Answer::Page("a 1\n")]));
    let last_tick = tick::next(KEY, 1000, world.clock.now()) - 1000;
    let seal = Seal { version: 1, last_tick, payload: Bytes::new() };
    let takeover =
        Takeover { seal: Some(seal), from: Some("node-1".into()), ..Takeover::default() };
    let start = Command::Start { key: KEY, target: target("i"), takeover };
    world.commands.send(start).await.unwrap();
    let seal = world.stop(StopReason::Moved).await.unwrap();
    assert_eq!(seal.last_tick, last_tick);
    let only = world.batches.try_recv().unwrap();
    assert_eq!(only.predecessor.as_ref().map(|before| &*before.node), Some("node-1"));
    assert_eq!(only.samples, []);
    assert!(world.batches.try_recv().is_err());
}

/// When the first sample of a target is stored whose last owner left the ticks out after the last one,
/// and which arrives here `late` after the first of those: counted from that one, in milliseconds.
async fn first_after(late: i64, overlap: bool) -> i64 {
    let mut world = World::new(Script::new([Answer::Page("a 1\n")]));
    let now = world.clock.now();
    let left_out = tick::next(KEY, 1000, now);
    tokio::time::sleep(Duration::from_millis((left_out + late - now) as u64)).await;
    let seal = Seal { version: 1, last_tick: left_out - 1000, payload: Bytes::new() };
    let takeover = Takeover { seal: Some(seal), overlap, from: Some("node-1".into()) };
    let start = Command::Start { key: KEY, target: target("i"), takeover };
    world.commands.send(start).await.unwrap();
    world.batches.recv().await.unwrap().samples[0].timestamp - left_out
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_was_left_out_in_a_move_is_made_up_for_within_half_an_interval() {
    // Up to a tenth of the interval it bears the time of the tick, then the truth.
    for (late, first) in [(90, 0), (110, 110), (490, 490), (510, 1000)] {
        assert_eq!(first_after(late, false).await, first, "{late} ms late");
    }
    // Where the last owner may have collected it after all, it is not collected again.
    for (late, first) in [(90, 1000), (110, 1000)] {
        assert_eq!(first_after(late, true).await, first, "{late} ms late, perhaps collected");
    }
}

/// A page with more series than a seal has room for: their labels can hardly be compressed.
fn long_page() -> &'static str {
    let mut state = 1_u64;
    let mut page = String::new();
    for _ in 0..17_000 {
        page.push_str("a{x=\"");
        for _ in 0..16 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            page.push_str(&format!("{state:016x}"));
        }
        page.push_str("\"} 1\n");
    }
    page.leak()
}

/// Receives a page to its end; how many series it ended.
async fn finish_page(world: &mut World) -> usize {
    let mut ended = 0;
    loop {
        let lines = world.next().await;
        ended += lines.iter().filter(|line| line.starts_with("a stale ")).count();
        if lines.iter().any(|line| line.starts_with("up ")) {
            return ended;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_seal_that_has_no_room_for_the_series_has_the_tick_alone_and_is_counted() {
    for (page, room) in [("a 1\n", true), (long_page(), false)] {
        let mut one = World::new(Script::new([Answer::Page(page)]));
        one.start(None).await;
        finish_page(&mut one).await;
        let seal = one.stop(StopReason::Moved).await.unwrap();
        assert_eq!((seal.last_tick, seal.payload.is_empty()), (ORIGIN + SECOND, !room));
        assert_eq!(one.telemetry.seals_without_series.value(), u64::from(!room));

        // The next owner is in phase, and ends no series that it does not know.
        let mut two = World::new(Script::new([Answer::Page("b 1\n")]));
        two.start(Some(seal)).await;
        assert_eq!(two.batches.recv().await.unwrap().samples[0].timestamp, ORIGIN + 2 * SECOND);
        assert_eq!(finish_page(&mut two).await, usize::from(room));
    }
}
