use proptest::prelude::*;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::CLUSTER_MAX;
use crate::keyring::Key;

fn ring(bytes: &[u8]) -> Keyring {
    Keyring::new(bytes.iter().map(|byte| Key::new(&[*byte; Key::BYTES])).collect())
        .expect("a few keys, each once")
}

/// The envelope of a node with these keys; `seed` stands for its boot.
fn envelope(cluster: &str, keys: &[u8], seed: u64) -> Envelope {
    Envelope::new(cluster, ring(keys), &mut ChaCha12Rng::seed_from_u64(seed))
}

#[test]
fn the_layout_is_what_the_documentation_says() {
    let plain = envelope("prod", &[], 1).close(b"payload");
    assert_eq!(plain[..], *b"\x01\x00\x00\x00\x00\x00\x00\x04prodpayload");
    let mut sealed = envelope("prod", &[1], 1);
    let datagram = sealed.close(b"payload");
    let id = ring(&[1]).ids()[0].0.to_be_bytes();
    let head = [&[1, 1, 0], &id[..], b"\x04prod", &sealed.session.id.0, &[0, 0, 0, 0, 0, 0, 0, 1]];
    assert_eq!(datagram[..12 + 24], head.concat());
    assert_eq!(datagram.len(), 12 + 24 + 7 + 16);
    assert!(!datagram.windows(7).any(|bytes| bytes == b"payload"));
}

#[test]
fn a_full_datagram_has_the_longest_length_with_and_without_a_key() {
    for keys in [&[][..], &[1]] {
        let mut longest = envelope(&"c".repeat(CLUSTER_MAX), keys, 1);
        assert_eq!(longest.room(), 1400 - (8 + 63) - (24 + 16));
        let full = longest.close(&vec![0; longest.room()]);
        assert!(full.len() <= DATAGRAM_MAX);
        assert_eq!(full.len() == DATAGRAM_MAX, !keys.is_empty());
    }
}

#[test]
fn a_cluster_whose_name_begins_like_ours_is_another() {
    for keys in [&[][..], &[1]] {
        let datagram = envelope("production", keys, 1).close(b"");
        for ours in ["", "prod", "production-eu"] {
            let refusal = envelope(ours, keys, 2).open(&datagram).map(Cow::into_owned);
            let (theirs, mine) = ("production".to_owned(), ours.to_owned());
            assert_eq!(refusal, Err(Refusal::Cluster { theirs, mine }));
        }
    }
}

#[test]
fn what_arrives_a_second_time_is_refused() {
    let (mut a, mut b) = (envelope("c", &[1], 1), envelope("c", &[1], 2));
    let datagrams: Vec<Bytes> = (0..3000u16).map(|n| a.close(&n.to_be_bytes())).collect();
    for n in [2000, 1999, 0, 2999] {
        assert_eq!(b.open(&datagrams[n]).as_deref(), Ok(&(n as u16).to_be_bytes()[..]));
        assert_eq!(b.open(&datagrams[n]), Err(Refusal::Replayed));
    }
    assert_eq!(b.open(&datagrams[1]), Err(Refusal::Stale));
    assert!(b.open(&datagrams[1000]).is_ok());
}

#[test]
fn without_the_key_nothing_opens_and_the_refusal_names_both() {
    let (one, two) = (ring(&[1]).ids(), ring(&[2]).ids());
    let sealed = envelope("c", &[2], 1).close(b"x");
    let refusal = envelope("c", &[1], 2).open(&sealed).expect_err("another key");
    assert_eq!(refusal, Refusal::Key { theirs: two[0], mine: one.clone() });
    assert_eq!(
        refusal.to_string(),
        format!("sealed with key {}, which this node does not have; it has {}", two[0], one[0])
    );
    assert_eq!(
        envelope("c", &[], 2).open(&sealed),
        Err(Refusal::Key { theirs: two[0], mine: Vec::new() })
    );
    let plain = envelope("c", &[], 1).close(b"x");
    assert_eq!(envelope("c", &[1], 2).open(&plain), Err(Refusal::Unsealed));
    let mut strange = plain.to_vec();
    strange[1] = 7;
    assert_eq!(envelope("c", &[1], 2).open(&strange), Err(Refusal::Suite { suite: 7 }));
}

#[test]
fn a_change_of_keys_step_by_step_leaves_no_moment_without_understanding() {
    let steps: [&[u8]; 4] = [&[1], &[1, 2], &[2, 1], &[2]];
    let (mut a, mut b) = (envelope("c", &[1], 1), envelope("c", &[1], 2));
    for step in steps.windows(2) {
        for node in [0, 1] {
            a.set_keyring(ring(step[1 - node]));
            b.set_keyring(ring(step[0]));
            assert!(b.open(&a.close(b"x")).is_ok(), "{step:?}");
            assert!(a.open(&b.close(b"x")).is_ok(), "{step:?}");
        }
        a.set_keyring(ring(step[1]));
        b.set_keyring(ring(step[1]));
        assert!(b.open(&a.close(b"x")).is_ok(), "{step:?}");
    }
    let replayed = a.close(b"x");
    assert!(b.open(&replayed).is_ok());
    b.set_keyring(ring(&[2, 3]));
    assert_eq!(b.open(&replayed), Err(Refusal::Replayed));
}

#[test]
fn a_body_that_is_sealed_still_says_which_key_is_lacking() {
    let body = envelope("c", &[1], 1).close(b"x");
    let refusal = envelope("c", &[], 2).unwrap(Kind::SyncQuestion, &body);
    assert_eq!(refusal, Err(Refusal::Key { theirs: ring(&[1]).ids()[0], mine: Vec::new() }));
}

proptest! {
    #[test]
    fn what_was_wrapped_is_unwrapped_and_nothing_else(
        cluster in "[a-z]{0,63}", payload in prop::collection::vec(any::<u8>(), 0..100), cut in 1usize..9
    ) {
        let envelope = envelope(&cluster, &[], 1);
        let body = envelope.wrap(Kind::SyncQuestion, &payload);
        prop_assert_eq!(envelope.unwrap(Kind::SyncQuestion, &body), Ok(&payload[..]));
        prop_assert!(envelope.unwrap(Kind::SyncAnswer, &body).is_err());
        let short = body.len() - payload.len() - cut.min(8);
        prop_assert!(envelope.unwrap(Kind::SyncQuestion, &body[..short]).is_err());
    }

    #[test]
    fn no_bit_of_a_sealed_datagram_can_be_changed_and_no_byte_be_cut(
        payload in prop::collection::vec(any::<u8>(), 0..100), at in any::<prop::sample::Index>(), bit in 0u8..8
    ) {
        let datagram = envelope("c", &[1], 1).close(&payload);
        let mut b = envelope("c", &[1], 2);
        let mut changed = datagram.to_vec();
        let at = at.index(changed.len());
        changed[at] ^= 1 << bit;
        prop_assert!(b.open(&changed).is_err());
        prop_assert!(b.open(&datagram[..at]).is_err());
        // None of that keeps the real one out.
        let opened = b.open(&datagram).map(Cow::into_owned);
        prop_assert_eq!(opened, Ok(payload));
    }
}
