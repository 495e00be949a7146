use proptest::prelude::*;

use super::*;

fn rumour() -> impl Strategy<Value = Rumour> {
    let parts = (any::<[u8; 8]>(), any::<u64>(), any::<u16>(), any::<[u8; 8]>(), any::<bool>());
    parts.prop_map(|(suspect, generation, incarnation, by, refused)| Rumour {
        suspect,
        generation,
        incarnation,
        by,
        refused,
    })
}

proptest! {
    #[test]
    fn what_fits_is_read_as_it_was_written(
        digest: u64,
        rumours in proptest::collection::vec(rumour(), 0..20),
        used in 0usize..1000,
    ) {
        let mut packet = vec![7; used];
        let limit = 1000 + ROOM;
        let told = Trailer::write(digest, rumours.iter(), &mut packet, limit);
        prop_assert!(packet.len() <= limit);
        prop_assert!(told >= rumours.len().min(4), "there is always room for four");
        let read = Trailer::read(&packet[used..]).expect("it was just written");
        prop_assert_eq!(read.digest, digest);
        prop_assert_eq!(&read.rumours[..], &rumours[..told]);
    }

    #[test]
    fn nothing_else_is_believed(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(read) = Trailer::read(&bytes) {
            prop_assert!(read.rumours.len() <= RUMOURS);
        }
    }
}

#[test]
fn what_is_cut_or_too_long_is_malformed() {
    let mut packet = Vec::new();
    Trailer::write(1, std::iter::empty(), &mut packet, 1000);
    assert!(Trailer::read(&packet).is_ok());
    assert!(Trailer::read(&packet[..8]).is_err());
    assert!(Trailer::read(&packet[..3]).is_err());
    packet.push(0);
    assert!(Trailer::read(&packet).is_err());
}
