//! Targets that are told to stop while their timer is wrong.

use super::*;

/// A scraper that nothing drives, with a target that has been told that it moves, and where its seal goes.
fn stopping() -> (Scraper, oneshot::Receiver<Seal>) {
    let (sink, _) = mpsc::channel(1);
    let clock = Clock::Runtime { origin: ORIGIN + 1, since: Instant::now() };
    let script = Script::new([Answer::Page("")]);
    let (mut scraper, _) = Scraper::new(Arc::new(config()), script, sink, Arc::default(), clock);
    scraper.start(KEY, target("i"), Takeover::default());
    let (sender, seal) = oneshot::channel();
    let target = scraper.targets.get_mut(&KEY).unwrap();
    let stop = Stop { reason: StopReason::Moved, ending: false, seals: vec![sender] };
    target.stop = Some(stop);
    (scraper, seal)
}

/// The timer fires when the clock has been set back an hour, or some ticks too late.
async fn fire(scraper: &mut Scraper, back: bool) {
    if back {
        scraper.seen += 3_600_000;
    } else {
        tokio::time::advance(Duration::from_secs(5)).await;
    }
    scraper.start_due();
}

#[tokio::test(start_paused = true)]
async fn a_target_that_waits_for_a_tick_is_stopped_when_the_clock_jumps() {
    for back in [true, false] {
        let (mut scraper, seal) = stopping();
        fire(&mut scraper, back).await;
        assert!(scraper.targets.is_empty(), "set back: {back}");
        assert!(seal.await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_scrape_under_way_though_the_clock_jumps() {
    for back in [true, false] {
        let (mut scraper, seal) = stopping();
        let known = scraper.targets.get_mut(&KEY).unwrap().known.take();
        fire(&mut scraper, back).await;
        assert!(scraper.targets[&KEY].stop.is_some(), "set back: {back}");

        scraper.targets.get_mut(&KEY).unwrap().known = known;
        scraper.finish_stop(KEY);
        assert!(scraper.targets.is_empty());
        assert!(seal.await.is_ok());
    }
}
