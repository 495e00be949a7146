//! Segments of a log: whatever a disk makes of them, the walk ends, skips what is no frame, and
//! finds every frame that is whole.

#![no_main]

use delivery::log::{HEADER, scan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|segment: &[u8]| {
    let (frames, skipped) = scan::frames(segment);
    let mut kept = 0;
    let mut last = None;
    for (meta, payload) in &frames {
        assert_eq!(payload.len(), meta.payload_len as usize);
        assert!(last < Some(meta.sequence), "sequences only grow");
        last = Some(meta.sequence);
        kept += (HEADER + payload.len()) as u64;
    }
    assert_eq!(kept + skipped, segment.len() as u64, "every byte is accounted for");

    // What was found is found again, alone, and behind something torn.
    let mut again = Vec::new();
    for (meta, payload) in &frames {
        again.extend_from_slice(&meta.encode());
        again.extend_from_slice(payload);
    }
    assert_eq!(scan::frames(&again), (frames.clone(), 0));
    if let Some((meta, payload)) = frames.first() {
        let mut torn = segment[..segment.len().min(HEADER - 1)].to_vec();
        torn.extend_from_slice(&meta.encode());
        torn.extend_from_slice(payload);
        assert!(scan::frames(&torn).0.contains(&(*meta, payload.clone())));
    }
});
