use std::io::Write;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use proptest::prelude::*;

use super::*;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// Decompresses in pieces of the given size.
fn decode(packed: &[u8], piece: usize, limit: usize) -> Result<Vec<u8>, Error> {
    decode_with(&Arc::default(), packed, piece, limit)
}

fn decode_with(
    inflaters: &Arc<Inflaters>,
    packed: &[u8],
    piece: usize,
    limit: usize,
) -> Result<Vec<u8>, Error> {
    let mut gunzip = Gunzip::new(inflaters);
    let mut buffer = Vec::new();
    for piece in packed.chunks(piece) {
        gunzip.append(piece, limit, limit, &mut buffer)?;
    }
    gunzip.finish(packed.len() as u64)?;
    Ok(buffer)
}

proptest! {
    #[test]
    fn what_was_compressed_comes_back_whatever_the_pieces(
        parts in prop::collection::vec(prop::collection::vec(0_u8..4, 0..5000), 1..4),
        piece in 1_usize..3000,
    ) {
        let whole = parts.concat();
        let packed: Vec<u8> = parts.iter().flat_map(|part| gzip(part)).collect();
        prop_assert_eq!(decode(&packed, piece, whole.len()).unwrap(), whole);
    }

    #[test]
    fn whatever_the_head_names_is_skipped(
        extra in prop::option::of(prop::collection::vec(any::<u8>(), 0..700)),
        name in prop::option::of("[a-z]{0,30}"),
        comment in prop::option::of("[a-z]{0,30}"),
        piece in 1_usize..50,
    ) {
        let mut head = GzBuilder::new().mtime(7);
        if let Some(extra) = extra {
            head = head.extra(extra);
        }
        if let Some(name) = name {
            head = head.filename(name);
        }
        if let Some(comment) = comment {
            head = head.comment(comment);
        }
        let mut encoder = head.write(Vec::new(), Compression::fast());
        encoder.write_all(b"text").unwrap();
        let packed = encoder.finish().unwrap();
        prop_assert_eq!(decode(&packed, piece, 10).unwrap(), b"text");
    }

    #[test]
    fn every_flipped_bit_of_data_or_tail_is_seen(at in 10_usize..60, bit in 0_u8..8) {
        let mut packed = gzip(b"no two of these words are the same, and each of them counts");
        let at = at.min(packed.len() - 1);
        packed[at] ^= 1 << bit;
        let error = decode(&packed, 1000, 1000).unwrap_err();
        let seen = matches!(error, Error::Gzip(_) | Error::TooLarge { .. });
        prop_assert!(seen, "{:?}", error);
    }

    #[test]
    fn one_byte_over_the_limit_is_too_large(size in 1_usize..200_000, piece in 1_usize..3000) {
        let packed = gzip(&vec![7; size]);
        prop_assert!(decode(&packed, piece, size).is_ok());
        let error = decode(&packed, piece, size - 1).unwrap_err();
        let too_large = matches!(error, Error::TooLarge { .. });
        prop_assert!(too_large);
    }

    #[test]
    fn noise_is_an_error_or_a_body_and_never_a_panic(noise: Vec<u8>, cut in 0_usize..40) {
        let mut packed = gzip(b"some text to begin with");
        packed.truncate(cut);
        packed.extend_from_slice(&noise);
        drop(decode(&packed, 7, 1000));
    }
}

#[test]
fn rubbish_behind_the_last_member_is_an_error() {
    let mut packed = gzip(b"text");
    packed.extend_from_slice(b"rubbish");
    assert!(matches!(decode(&packed, 1000, 1000), Err(Error::Gzip(_))));
}

#[test]
fn a_sum_of_the_head_is_skipped() {
    let mut packed = gzip(b"text");
    packed[3] |= 1 << 1;
    packed.splice(10..10, [1, 2]);
    assert_eq!(decode(&packed, 1, 10).unwrap(), b"text");
}

#[test]
fn a_decompressor_serves_one_body_after_another_whatever_became_of_the_last() {
    let inflaters = Arc::default();
    let mut broken = gzip(&[7; 5000]);
    broken.truncate(20);
    for size in [0, 1, 70_000, 3] {
        assert!(decode_with(&inflaters, &broken, 7, 10_000).is_err());
        assert_eq!(decode_with(&inflaters, &gzip(&vec![7; size]), 7, size).unwrap().len(), size);
        assert_eq!(inflaters.0.lock().unwrap().len(), 1);
    }
}

#[test]
fn decompressors_that_wait_are_bounded() {
    let inflaters = Arc::default();
    let gunzips: Vec<_> = (0..MAX_WAITING + 3).map(|_| Gunzip::new(&inflaters)).collect();
    for mut gunzip in gunzips {
        gunzip.append(&gzip(b"text"), 10, 10, &mut Vec::new()).unwrap();
        gunzip.finish(1).unwrap();
    }
    assert_eq!(inflaters.0.lock().unwrap().len(), MAX_WAITING);
}
