use proptest::prelude::*;

use super::*;
use crate::log::frame::Content;
use crate::telemetry::{Counts, DropReason};

fn meta(sequence: u64, shard: u16, shards: u16) -> FrameMeta {
    FrameMeta {
        sequence,
        sealed_ms: 0,
        oldest_ms: 0,
        newest_ms: 0,
        counts: Counts::default(),
        lane: Lane { shard, shards, overlap: Overlap::Nowhere },
        content: Content::WriteV1,
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
    window.take(Wanted::ALL).map(|meta| meta.sequence)
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
    let waited: Vec<u64> =
        window.give_up(2, DropReason::LogFull).waited.iter().map(|meta| meta.sequence).collect();
    assert_eq!(waited, [2]);
    assert_eq!(take(&mut window), None);
    assert!(!window.finish(1), "the queue has forgotten it already");
    assert_eq!(take(&mut window), Some(3));
}

#[test]
fn a_frame_given_up_in_flight_that_does_not_come_back_frees_its_lane() {
    let mut window = window(&[(0, 1), (0, 1)]);
    assert_eq!(take(&mut window), Some(1));
    window.give_up(1, DropReason::LogAge);
    assert_eq!(take(&mut window), None);
    let lost = window.put_back(1).map(|(meta, reason)| (meta.sequence, reason));
    assert_eq!(lost, Some((1, DropReason::LogAge)), "there is no place for it");
    assert_eq!(take(&mut window), Some(2));
    assert_eq!(window.put_back(2), None);
    assert_eq!(take(&mut window), Some(2));
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
    /// Whatever the order of acknowledgements, frames that share a series are taken in order, but for
    /// those that say that they have nothing of an overlap before them, and every frame is taken.
    #[test]
    fn every_series_keeps_its_order(
        lanes in prop::collection::vec(lane(), 1..40),
        picks in prop::collection::vec((any::<prop::sample::Index>(), any::<[bool; 2]>()), 200),
    ) {
        let mut window = Window::default();
        for (sequence, lane) in (1..).zip(&lanes) {
            window.push(FrameMeta { lane: *lane, ..meta(sequence, 0, 1) }, None);
        }
        let mut flying: Vec<FrameMeta> = Vec::new();
        let mut taken = 0;
        for (pick, [plain, overlap]) in picks {
            let wanted = if flying.is_empty() { Wanted::ALL } else { Wanted { plain, overlap } };
            while let Some(meta) = window.take(wanted) {
                prop_assert!(wanted.has(meta.lane));
                let older = window.iter().filter(|entry| entry.meta.sequence < meta.sequence);
                for entry in older.filter(|entry| entry.state != State::Finished) {
                    prop_assert!(!meta.lane.waits_for(entry.meta.lane));
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

fn lane() -> impl Strategy<Value = Lane> {
    let overlap = prop::sample::select(vec![Overlap::Nowhere, Overlap::Before, Overlap::Here]);
    let shard = (1u16..5).prop_flat_map(|shards| (0..shards, Just(shards)));
    (shard, overlap).prop_map(|((shard, shards), overlap)| Lane { shard, shards, overlap })
}

#[test]
fn what_has_nothing_to_do_with_an_overlap_is_sent_beside_it() {
    use Overlap::{Before, Here, Nowhere};
    let mut window = Window::default();
    for (sequence, overlap) in (1..).zip([Here, Here, Nowhere, Before, Nowhere]) {
        let lane = Lane { shard: 0, shards: 1, overlap };
        window.push(FrameMeta { lane, ..meta(sequence, 0, 1) }, None);
    }
    assert_eq!(take(&mut window), Some(1));
    let only = |window: &mut Window, plain, overlap| {
        window.take(Wanted { plain, overlap }).map(|meta| meta.sequence)
    };
    assert_eq!(only(&mut window, false, true), None, "one overlap after the other");
    assert_eq!(only(&mut window, true, false), Some(3));
    window.finish(3);
    assert_eq!(take(&mut window), None, "it was plain before, and waits for both overlaps");
    window.finish(1);
    assert_eq!(only(&mut window, true, false), None);
    assert_eq!(only(&mut window, false, true), Some(2));
    window.finish(2);
    assert_eq!(take(&mut window), Some(4));
    assert_eq!(take(&mut window), None, "plain frames of a lane are sent one after the other");
    window.finish(4);
    assert_eq!(take(&mut window), Some(5));
}

#[test]
fn a_gate_is_reached_past_overlaps_that_wait() {
    let mut window = Window::default();
    let of = |overlap| Lane { shard: 0, shards: 1, overlap };
    let gate = FrameMeta { lane: Lane::UNORDERED, content: Content::Gate, ..meta(4, 0, 1) };
    for overlap in [Overlap::Here, Overlap::Here, Overlap::Nowhere] {
        let sequence = window.iter().count() as u64 + 1;
        window.push(FrameMeta { lane: of(overlap), ..meta(sequence, 0, 1) }, None);
    }
    window.push(gate, None);
    window.push(FrameMeta { lane: of(Overlap::Nowhere), ..meta(5, 0, 1) }, None);
    assert_eq!(window.reached_gates().next(), None, "a plain frame is before it");
    assert_eq!((take(&mut window), take(&mut window)), (Some(1), Some(3)));
    assert_eq!(window.reached_gates().collect::<Vec<_>>(), [4]);
    window.finish(3);
    assert_eq!(take(&mut window), None, "it is closed");
    window.set_closed(4, false);
    assert_eq!(take(&mut window), Some(5));
}
