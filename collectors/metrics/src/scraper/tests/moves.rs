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
