use rand_chacha::rand_core::SeedableRng;

use super::*;

#[test]
fn no_two_messages_have_one_stamp() {
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let (mut a, mut b) = (Session::begin(&mut rng), Session::begin(&mut rng));
    let stamps = [a.stamp(), a.stamp(), b.stamp(), b.stamp()].map(Stamp::bytes);
    for (at, stamp) in stamps.iter().enumerate() {
        assert!(!stamps[..at].contains(stamp));
    }
}

#[test]
fn what_is_sealed_for_one_context_does_not_open_in_another() {
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let key = Key::new(&[1; Key::BYTES]);
    let keyring = Keyring::new(vec![key.clone()]).expect("one key");
    let mut session = Session::begin(&mut rng);
    let label = Label::new("c");
    let sealer = Sealer::new(&key, session.id);
    let sealed = sealer.close(&label, Kind::Question, session.stamp(), b"/here", &[b"a", b"b"]);
    let header = label.read(&sealed).expect("our cluster");
    let opened = open(&keyring, &header, &sealed, b"/here").expect("it is whole");
    assert_eq!(opened.payload, b"ab");
    let elsewhere = open(&keyring, &header, &sealed, b"/there");
    assert_eq!(elsewhere, Err(Refusal::Forged { key: key.id() }));
}

#[test]
fn the_bytes_of_a_sealed_message_never_change() {
    // What other versions of the program sealed must open.
    let key = Key::new(&[1; Key::BYTES]);
    let stamp = Stamp { session: SessionId([2; 16]), number: 3 };
    let sealer = Sealer::new(&key, stamp.session);
    let sealed = sealer.close(&Label::new("c"), Kind::Gossip, stamp, b"", &[b"payload"]);
    let hex: String = sealed[33..].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "e3d55e496233ef80ecdf4d8ba640493c572703e7fed64f");
}
