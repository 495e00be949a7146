use model::{Labels, encode_label};
use proptest::prelude::*;

use super::*;

fn known(sets: &[(String, u32)]) -> Known {
    let mut encoder = snap::raw::Encoder::new();
    let chunks = sets.chunks(3).map(|sets| {
        let mut labels = Vec::new();
        let entries: Vec<Entry> = sets
            .iter()
            .map(|(name, flags)| {
                let start = labels.len();
                if flags & Entry::SILENT == 0 {
                    encode_label(&mut labels, "__name__", name);
                }
                Entry::new(
                    xxhash_rust::xxh3::xxh3_64(name.as_bytes()),
                    name.len(),
                    labels.len() - start,
                    *flags,
                )
            })
            .collect();
        Chunk::new(&entries, &labels, &mut encoder)
    });
    Known { chunks: chunks.collect(), shape: 7, ..Known::default() }
}

fn entries(known: &Known) -> Vec<Entry> {
    known.chunks.iter().flat_map(|chunk| chunk.entries.to_vec()).collect()
}

fn tracked(known: &Known) -> Vec<Labels> {
    let mut sets = Vec::new();
    known.for_each_tracked(|labels| sets.push(labels.to_labels()));
    sets
}

fn sets() -> impl Strategy<Value = Vec<(String, u32)>> {
    let flags = prop_oneof![
        Just(0),
        Just(Entry::SILENT),
        Just(Entry::EXPLICIT | Entry::UNTRACKED),
        Just(Entry::EXPLICIT)
    ];
    prop::collection::vec(("[a-z]{1,20}", flags), 0..12)
}

proptest! {
    #[test]
    fn what_is_known_survives_the_journey(sets in sets(), ended: bool) {
        let before = Known { ended, ..known(&sets) };
        let mut bytes = Vec::new();
        before.encode(&mut bytes);
        let after = Known::decode(&bytes).unwrap();
        prop_assert_eq!(after.shape, 7);
        prop_assert_eq!(after.ended, ended);
        prop_assert_eq!(entries(&after), entries(&before));
        prop_assert_eq!(tracked(&after), tracked(&before));
    }

    #[test]
    fn what_was_damaged_on_the_journey_is_refused_or_harmless(
        sets in sets(),
        at in any::<prop::sample::Index>(),
        byte: u8,
        cut: bool,
    ) {
        let mut bytes = Vec::new();
        known(&sets).encode(&mut bytes);
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] = byte;
        }
        if let Some(known) = Known::decode(&bytes) {
            prop_assert!(tracked(&known).iter().all(|labels| labels.borrowed().is_canonical()));
        }
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        if let Some(known) = Known::decode(&bytes) {
            tracked(&known);
        }
    }
}

#[test]
fn series_end_once() {
    let mut known = known(&[("a".into(), 0), ("b".into(), Entry::SILENT), ("c".into(), 0)]);
    let mut count = 0;
    known.end(|_| count += 1);
    known.end(|_| count += 1);
    assert_eq!(count, 2);
}
