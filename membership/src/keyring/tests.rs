use super::*;

fn key(byte: u8) -> Key {
    Key::new(&[byte; Key::BYTES])
}

#[test]
fn the_id_of_a_secret_never_changes() {
    // A change would keep a cluster that is upgraded node by node apart.
    assert_eq!(key(0).id().to_string(), "075c7df7");
    assert_eq!(key(1).id().to_string(), "da98209f");
}

#[test]
fn nothing_shows_a_secret() {
    let shown = format!("{:?}", Keyring::new(vec![key(7)]).expect("one key"));
    assert_eq!(shown, format!("Keyring {{ keys: [Key({})] }}", key(7).id()));
}

#[test]
fn a_ring_has_a_few_keys_each_once() {
    let ring = Keyring::new(vec![key(1), key(2)]).expect("two keys");
    assert_eq!(ring.ids(), [key(1).id(), key(2).id()]);
    assert_eq!(Keyring::new(vec![key(1), key(2), key(1)]), Err(KeyringError::Twice(key(1).id())));
    let many: Vec<Key> = (0..9).map(key).collect();
    assert_eq!(Keyring::new(many), Err(KeyringError::TooMany { count: 9 }));
    assert_ne!(ring, Keyring::new(vec![key(2), key(1)]).expect("two keys"));
}
