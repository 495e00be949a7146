use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// Decompresses in pieces of the given size.
fn decode(packed: &[u8], piece: usize, limit: usize) -> Result<Vec<u8>, Error> {
    let mut gunzip = Gunzip::new();
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
