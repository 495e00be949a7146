//! Segments of a log: whatever a disk makes of them, the walk ends, skips what is no frame, and
//! finds every frame that nothing has happened to.
//!
//! The input is edits, then payloads: checksums are beyond a fuzzer, so it damages whole segments.

#![no_main]

use delivery::log::{Content, FrameMeta, HEADER, Lane, Overlap, scan};
use delivery::telemetry::Counts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<(u16, u8)>, Vec<Vec<u8>>, Option<u16>)| {
    let (edits, payloads, cut) = input;
    let mut segment = Vec::new();
    let mut written = Vec::new();
    for (sequence, payload) in (1..).zip(&payloads) {
        let start = segment.len();
        segment.extend_from_slice(&meta(sequence, payload).encode());
        segment.extend_from_slice(payload);
        written.push((start..segment.len(), meta(sequence, payload), payload));
    }
    let whole = segment.clone();
    for (at, change) in edits {
        if let Some(byte) = segment.get_mut(usize::from(at)) {
            *byte ^= change;
        }
    }
    segment.truncate(cut.map_or(usize::MAX, usize::from));

    let (frames, skipped) = scan::frames(&segment);
    let kept: usize = frames.iter().map(|(_, payload)| HEADER + payload.len()).sum();
    assert_eq!(kept as u64 + skipped, segment.len() as u64, "every byte is accounted for");
    let sequences: Vec<u64> = frames.iter().map(|(meta, _)| meta.sequence).collect();
    assert!(sequences.is_sorted_by(|a, b| a < b), "sequences only grow");
    for (place, meta, payload) in written {
        if segment.get(place.clone()) == Some(&whole[place]) {
            assert!(frames.contains(&(meta, payload.clone())), "{} is lost", meta.sequence);
        }
    }
});

fn meta(sequence: u64, payload: &[u8]) -> FrameMeta {
    FrameMeta {
        sequence,
        sealed_ms: 0,
        oldest_ms: 0,
        newest_ms: 0,
        counts: Counts::default(),
        lane: Lane { shard: 0, shards: 1, overlap: Overlap::Nowhere },
        content: Content::WriteV1,
        payload_len: payload.len() as u32,
        payload_crc: crc32fast::hash(payload),
    }
}
