use proptest::prelude::*;

use super::*;
use crate::log::frame::Content;
use crate::telemetry::Counts;

fn meta(sequence: u64, shard: u16, shards: u16) -> FrameMeta {
    FrameMeta {
        sequence,
        sealed_ms: 0,
        oldest_ms: 0,
        newest_ms: 0,
        counts: Counts::default(),
        lane: Lane { shard, shards },
        content: Content::WriteV1,
        overlap: false,
        payload_len: 0,
        payload_crc: 0,
    }
}

fn window(lanes: &[(u16, u16)]) -> Window {
    let mut window = Window::default();
    for (sequence, (shard, shards)) in (1..).zip(lanes) {
        window.push(meta(sequence, *shard, *shards), None);
    }
    window
}

fn take(window: &mut Window) -> Option<u64> {
    window.take().map(|meta| meta.sequence)
}

#[test]
fn a_lane_is_sent_one_frame_after_the_other_and_lanes_beside_each_other() {
    let mut window = window(&[(0, 2), (0, 2), (1, 2), (1, 2)]);
    assert_eq!((take(&mut window), take(&mut window)), (Some(1), Some(3)));
    assert_eq!(take(&mut window), None);
    assert!(window.finish(3));
    assert_eq!((take(&mut window), take(&mut window)), (Some(4), None));
    assert!(window.finish(1));
    assert_eq!(take(&mut window), Some(2));
}

#[test]
fn frames_of_another_division_wait_only_for_those_they_could_share_a_series_with() {
    let mut window = window(&[(0, 2), (1, 4), (2, 4), (0, 3)]);
    assert_eq!(take(&mut window), Some(1));
    assert_eq!(take(&mut window), Some(2), "odd remainders are not in the even lane");
    assert_eq!(take(&mut window), None, "2 of 4 is even; thirds cut across both");
    window.finish(1);
    assert_eq!(take(&mut window), Some(3));
}

#[test]
fn frames_without_series_wait_for_nobody() {
    let mut window = window(&[(0, 1), (0, 0), (0, 1)]);
    assert_eq!((take(&mut window), take(&mut window)), (Some(1), Some(2)));
    assert_eq!(take(&mut window), None);
}

#[test]
fn a_frame_given_up_in_flight_holds_its_lane_until_it_is_finished() {
    let mut window = window(&[(0, 1), (0, 1), (0, 1)]);
    assert_eq!(take(&mut window), Some(1));
    let waited: Vec<u64> = window.give_up(2).iter().map(|meta| meta.sequence).collect();
    assert_eq!(waited, [2]);
    assert_eq!(take(&mut window), None);
    assert!(!window.finish(1), "the queue has forgotten it already");
    assert_eq!(take(&mut window), Some(3));
}

#[test]
fn a_frame_is_finished_once() {
    let mut window = window(&[(0, 2), (1, 2)]);
    assert!(window.finish(2));
    assert!(!window.finish(2));
    assert_eq!(window.front().map(|entry| entry.meta.sequence), Some(1));
    window.finish(1);
    assert!(window.front().is_none());
}

proptest! {
    /// Two lanes share a series exactly when some hash falls into both.
    #[test]
    fn lanes_share_a_series_when_a_hash_falls_into_both(
        (n, i) in (1u16..12).prop_flat_map(|n| (Just(n), 0..n)),
        (m, j) in (1u16..12).prop_flat_map(|m| (Just(m), 0..m)),
    ) {
        let exists = (0..u32::from(n) * u32::from(m))
            .any(|hash| hash % u32::from(n) == u32::from(i) && hash % u32::from(m) == u32::from(j));
        let (a, b) = (Lane { shard: i, shards: n }, Lane { shard: j, shards: m });
        prop_assert_eq!(a.shares_series_with(b), exists);
        prop_assert_eq!(b.shares_series_with(a), exists);
    }

    /// Whatever the order of acknowledgements, frames that share a series are taken in order, and
    /// every frame is taken.
    #[test]
    fn every_series_keeps_its_order(
        lanes in prop::collection::vec((1u16..5).prop_flat_map(|n| (0..n, Just(n))), 1..40),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 200),
    ) {
        let mut window = window(&lanes);
        let mut flying: Vec<FrameMeta> = Vec::new();
        let mut taken = 0;
        for pick in picks {
            while let Some(meta) = window.take() {
                for other in &flying {
                    prop_assert!(!other.lane.shares_series_with(meta.lane));
                }
                let older = window.iter().filter(|entry| entry.meta.sequence < meta.sequence);
                for entry in older.filter(|entry| entry.state != State::Finished) {
                    prop_assert!(!entry.meta.lane.shares_series_with(meta.lane));
                }
                flying.push(meta);
                taken += 1;
            }
            if flying.is_empty() {
                break;
            }
            let done = flying.swap_remove(pick.index(flying.len()));
            window.finish(done.sequence);
        }
        prop_assert_eq!(taken, lanes.len());
    }
}
