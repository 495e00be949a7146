use proptest::prelude::*;

use super::*;

#[test]
fn the_layout_is_what_the_documentation_says() {
    let sealed = Envelope::new("prod").seal(Kind::Gossip, b"payload");
    assert_eq!(sealed[..], *b"\x01\x00\x00\x00\x00\x00\x00\x04prodpayload");
}

#[test]
fn there_is_room_for_a_nonce_and_a_tag() {
    let longest = Envelope::new(&"c".repeat(CLUSTER_MAX));
    assert_eq!(longest.room(), 1400 - (8 + 63) - (24 + 16));
}

#[test]
fn a_cluster_whose_name_begins_like_ours_is_another() {
    let sealed = Envelope::new("production").seal(Kind::Gossip, b"");
    for ours in ["", "prod", "production-eu"] {
        let refusal = Envelope::new(ours).open(Kind::Gossip, &sealed);
        assert_eq!(refusal, Err(Refusal::Cluster { theirs: "production".to_owned() }));
    }
}

proptest! {
    #[test]
    fn what_was_sealed_opens_and_nothing_else(
        cluster in "[a-z]{0,63}", payload in prop::collection::vec(any::<u8>(), 0..100), cut in 1usize..9
    ) {
        let envelope = Envelope::new(&cluster);
        let sealed = envelope.seal(Kind::Request, &payload);
        prop_assert_eq!(envelope.open(Kind::Request, &sealed), Ok(&payload[..]));
        prop_assert!(envelope.open(Kind::Reply, &sealed).is_err());
        let short = sealed.len() - payload.len() - cut.min(8);
        prop_assert!(envelope.open(Kind::Request, &sealed[..short]).is_err());
    }
}
