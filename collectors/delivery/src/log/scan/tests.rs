use proptest::prelude::*;

use super::frames as walk;
use super::*;
use crate::log::frame::Content;
use crate::log::lane::{Lane, Overlap};
use crate::telemetry::Counts;

fn meta(sequence: u64, payload: &[u8]) -> FrameMeta {
    let overlap = [Overlap::Nowhere, Overlap::Before, Overlap::Here][(sequence % 3) as usize];
    FrameMeta {
        sequence,
        sealed_ms: -1,
        oldest_ms: i64::MIN,
        newest_ms: i64::MAX,
        counts: Counts { samples: 1, histograms: 2, exemplars: 3, metadata: 4 },
        lane: Lane { shard: 3, shards: 7, overlap },
        content: Content::WriteV2,
        payload_len: payload.len() as u32,
        payload_crc: crc32fast::hash(payload),
    }
}

fn segment(payloads: &[Vec<u8>]) -> (Vec<u8>, Vec<Frame>) {
    let mut bytes = Vec::new();
    let mut frames = Vec::new();
    for (sequence, payload) in (1..).zip(payloads) {
        let meta = meta(sequence, payload);
        bytes.extend(meta.encode());
        bytes.extend(payload);
        frames.push((meta, payload.clone()));
    }
    (bytes, frames)
}

/// Payloads that make it hard: empty, full of magic, and with whole frames inside.
fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let plain = prop::collection::vec(any::<u8>(), 0..200);
    let magic = (1usize..30).prop_map(|times| MAGIC.repeat(times));
    prop::collection::vec(prop_oneof![4 => plain, 1 => magic], 1..12)
}

#[test]
fn a_header_reads_as_it_was_written() {
    let meta = meta(u64::MAX - 1, b"abc");
    assert_eq!(FrameMeta::decode(&meta.encode()), Some(meta));
}

#[test]
fn a_frame_inside_a_label_value_is_not_taken_for_one() {
    let (inner, _) = segment(&[b"evil".to_vec()]);
    let (mut bytes, frames) = segment(&[inner, b"next".to_vec()]);
    bytes[20] ^= 1;
    let (found, skipped) = walk(&bytes);
    // The inner frame is whole, and its sequence is the one that is missing: this is the one case
    // that only the bounds of the log can tell, and with the sequence in use it does.
    assert!(found.contains(&frames[1]));
    assert!(skipped >= HEADER as u64);
}

proptest! {
    #[test]
    fn whole_segments_are_read_whole(payloads in payloads()) {
        let (bytes, frames) = segment(&payloads);
        prop_assert_eq!(walk(&bytes), (frames, 0));
    }

    #[test]
    fn a_torn_tail_costs_only_the_frame_that_is_torn(
        payloads in payloads(),
        cut in any::<prop::sample::Index>(),
    ) {
        let (bytes, frames) = segment(&payloads);
        let cut = cut.index(bytes.len());
        let mut end = 0;
        let whole = frames.iter().take_while(|(meta, _)| {
            end += meta.frame_len() as usize;
            end <= cut
        });
        let whole: Vec<Frame> = whole.cloned().collect();
        let (found, skipped) = walk(&bytes[..cut]);
        let kept: u64 = whole.iter().map(|(meta, _)| meta.frame_len()).sum();
        prop_assert_eq!(&found, &whole);
        prop_assert_eq!(skipped, cut as u64 - kept);
    }

    #[test]
    fn a_flipped_bit_costs_only_the_frame_it_is_in(
        payloads in payloads(),
        at in any::<prop::sample::Index>(),
        bit in 0..8,
    ) {
        let (mut bytes, frames) = segment(&payloads);
        let at = at.index(bytes.len());
        bytes[at] ^= 1u8 << bit;
        let mut end = 0;
        let others: Vec<Frame> = frames.into_iter().filter(|(meta, _)| {
            let start = end;
            end += meta.frame_len() as usize;
            !(start..end).contains(&at)
        }).collect();
        let (found, skipped) = walk(&bytes);
        prop_assert_eq!(found, others);
        prop_assert!(skipped >= HEADER as u64);
    }

    #[test]
    fn garbage_between_frames_is_stepped_over(
        before in payloads(),
        garbage in prop::collection::vec(any::<u8>(), 1..400),
        after in payloads(),
    ) {
        let (mut bytes, mut frames) = segment(&before);
        bytes.extend(&garbage);
        for (sequence, payload) in (100..).zip(&after) {
            let meta = meta(sequence, payload);
            bytes.extend(meta.encode());
            bytes.extend(payload);
            frames.push((meta, payload.clone()));
        }
        prop_assert_eq!(walk(&bytes), (frames, garbage.len() as u64));
    }

    #[test]
    fn arbitrary_bytes_are_never_fatal(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let (found, skipped) = walk(&bytes);
        prop_assert!(found.is_empty());
        prop_assert_eq!(skipped, bytes.len() as u64);
    }
}

#[test]
fn the_next_frame_is_found_far_behind_a_damaged_place() {
    let (mut bytes, frames) = segment(&[vec![7; 3 * CHUNK], b"next".to_vec()]);
    bytes[8] ^= 0x10;
    let (found, skipped) = walk(&bytes);
    assert_eq!(found, frames[1..]);
    assert_eq!(skipped, frames[0].0.frame_len());
    for distance in CHUNK - 5..CHUNK + 5 {
        let mut bytes = vec![0; distance];
        let (tail, frames) = segment(&[b"x".to_vec()]);
        bytes.extend(tail);
        assert_eq!(walk(&bytes), (frames, distance as u64), "{distance}");
    }
}
