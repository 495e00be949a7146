//! Bodies of the peer API that make no sense, from somebody who may speak.

use membership::{Channel, Keyring};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::super::peer::PREFIX;
use super::targets::pair_with;
use super::*;

/// Bodies for each path.
const BODIES: usize = 60;

/// What a body may begin with to get somewhere: the name of a component that there is, of a node, and what
/// consignments begin with.
const BEGINNINGS: [&[u8]; 4] = [b"", b"\x13prometheus.scrape.a", b"\x01a\x01b", b"ShCg\x01"];

#[tokio::test]
async fn bodies_of_all_kinds_are_answered_and_change_nothing() {
    let (a, b, _subscriptions) = pair_with(None).await;
    let before = a.json("/api/v1/targets").await;
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let mut stranger = Channel::new("", Keyring::default(), &mut rng);
    let mut refused = 0;
    for question in
        "sync checkpoint claim audit describe findings history pending adopt targets moves check"
            .split(' ')
    {
        let path = format!("{PREFIX}{question}");
        for number in 0..BODIES {
            let mut noise = vec![0; rng.next_u32() as usize % 400];
            rng.fill_bytes(&mut noise);
            // Small numbers are what lengths and choices look like.
            if number % 2 == 0 {
                noise.iter_mut().for_each(|byte| *byte %= 4);
            }
            let body = [BEGINNINGS[number % BEGINNINGS.len()], &noise].concat();
            let sealed = stranger.question(a.address).seal(&path, body.into());
            let (status, answer) = a.post_body(&path, sealed).await;
            let told = String::from_utf8_lossy(&answer);
            assert!(!status.is_server_error() || status == 503, "{path}: {status} {told}");
            refused += usize::from(status.is_client_error());
        }
    }
    assert!(refused > 300, "most of it makes no sense: {refused}");
    for world in [&a, &b] {
        assert_eq!(world.cluster.handle.state().borrow().count("participant"), 2);
        assert_eq!(world.get("/-/ready").await.0, StatusCode::OK);
    }
    let after = a.json("/api/v1/targets").await;
    let owners = |listed: &Value| -> Vec<(Value, Value)> {
        let rows = listed["targets"].as_array().expect("rows");
        rows.iter().map(|row| (row["url"].clone(), row["node"].clone())).collect()
    };
    assert_eq!(owners(&after), owners(&before), "nothing has moved");
}
