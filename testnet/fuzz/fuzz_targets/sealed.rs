//! Sealed datagrams and sealed bodies of the peer API from somebody without the key: raw bytes,
//! what real nodes sent with bytes of it changed, cut or at the wrong place, and the same again.
//! Nothing of it is ever opened, except what is genuine, and that once.

#![no_main]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use membership::{
    Admission, Channel, Config, DATAGRAM_MAX, Key, Keyring, Name, Output, Peer, Reply, State, Swim,
};
use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng};

/// The paths of the peer API, one more than there are.
const PATHS: [&str; 3] = ["/api/v1/peer/sync", "/api/v1/peer/targets", "/api/v1/peer/none"];

/// What arrives: a recording by its number with bytes changed, or raw bytes; and at which path.
type Arrival = (u8, u8, Vec<(u16, u8)>, Vec<u8>);

fn keyring(bytes: &[u8]) -> Keyring {
    let keys = bytes.iter().map(|byte| Key::new(&[*byte; Key::BYTES]));
    Keyring::new(keys.collect()).expect("a few keys, each once")
}

fn swim(name: &str, port: u16, seeded: bool, now: Instant) -> Swim {
    let me = Peer {
        name: Name::new(name).expect("a short name"),
        address: ([127, 0, 0, 1], port).into(),
        generation: 1_700_000_000,
        state: State::Joining,
    };
    let config = Config { seeded, keyring: keyring(&[1, 2]), ..Config::default() };
    Swim::new(me, config, ChaCha12Rng::seed_from_u64(port.into()), now)
}

fn drain(swim: &mut Swim, mut datagram: impl FnMut(Bytes)) {
    while let Some(output) = swim.poll_output() {
        if let Output::Transmit { datagram: sent, .. } = output {
            assert!(sent.len() <= DATAGRAM_MAX, "a datagram of {}", sent.len());
            datagram(sent);
        }
    }
}

/// A node that listens, and what its peer has sent it so far.
fn gossip(now: &mut Instant) -> (Swim, Vec<Bytes>) {
    let (mut victim, mut peer) = (swim("victim", 1, false, *now), swim("peer", 2, true, *now));
    drain(&mut victim, |_| {});
    victim.participate(*now);
    drain(&mut victim, |_| {});
    let mut body = None;
    while peer.poll_output().is_some() {}
    peer.handle_seeds(&[([127, 0, 0, 1], 1).into()], *now);
    while let Some(output) = peer.poll_output() {
        if let Output::Sync { body: asked, .. } = output {
            body = Some(asked);
        }
    }
    let answer = victim.handle_sync(&body.expect("it asks its seed"), *now);
    drain(&mut victim, |_| {});
    let seed: SocketAddr = ([127, 0, 0, 1], 1).into();
    peer.handle_sync_reply(seed, &answer.expect("it is genuine"), *now).expect("so is the answer");
    let mut tape = Vec::new();
    drain(&mut peer, |datagram| tape.push(datagram));
    peer.participate(*now);
    drain(&mut peer, |datagram| tape.push(datagram));
    for _ in 0..20 {
        *now += Duration::from_millis(250);
        peer.handle_timeout(*now);
        drain(&mut peer, |datagram| tape.push(datagram));
    }
    (victim, tape)
}

fn changed(genuine: Option<&Bytes>, edits: &[(u16, u8)], raw: &[u8]) -> Vec<u8> {
    let mut bytes = genuine.map_or_else(|| raw.to_vec(), |genuine| genuine.to_vec());
    for (at, change) in edits {
        match bytes.get_mut(usize::from(*at)) {
            Some(byte) => *byte ^= change,
            None => bytes.push(*change),
        }
    }
    bytes
}

fuzz_target!(|arrivals: Vec<Arrival>| {
    let mut now = Instant::now();
    let (mut victim, tape) = gossip(&mut now);
    let mut heard = vec![false; tape.len()];

    let channel = |keys: &[u8], seed| {
        Channel::new("", keyring(keys), &mut ChaCha12Rng::seed_from_u64(seed))
    };
    let (mut node, mut asker) = (channel(&[1, 2], 1), channel(&[2], 2));
    let to: SocketAddr = ([127, 0, 0, 1], 1).into();
    let first = asker.question(to);
    let hello = node.opener().hear(PATHS[0], first.seal(PATHS[0], Bytes::new())).expect("genuine");
    assert_eq!(node.admit(&hello), Ok(Admission::Introduce));
    let introduction = node.answer(&hello).introduce(PATHS[0]);
    match first.open(&asker.opener(), PATHS[0], introduction.to_vec()).expect("genuine") {
        Reply::Introduction(life) => asker.introduce(to, life),
        Reply::Answer(_) => panic!("nobody had introduced the node"),
    }
    let questions: Vec<_> = (0..8).map(|_| asker.question(to)).collect();
    let bodies: Vec<Bytes> =
        questions.iter().map(|question| question.seal(PATHS[1], Bytes::from_static(b"?"))).collect();
    let mut acted = vec![false; bodies.len()];

    for (which, path, edits, raw) in arrivals.into_iter().take(64) {
        let which = usize::from(which);
        let bytes = changed(tape.get(which), &edits, &raw);
        let genuine = tape.iter().position(|datagram| *datagram == bytes);
        if victim.handle_datagram(&bytes, now).is_ok() {
            let which = genuine.expect("only what the peer sealed is opened");
            assert!(!std::mem::replace(&mut heard[which], true), "it was heard twice");
        }
        drain(&mut victim, |_| {});

        let path = PATHS[usize::from(path) % PATHS.len()];
        let bytes = Bytes::from(changed(bodies.get(which), &edits, &raw));
        let genuine = bodies.iter().position(|body| *body == bytes).filter(|_| path == PATHS[1]);
        if let Ok(question) = node.opener().hear(path, bytes.clone())
            && node.admit(&question) == Ok(Admission::Act)
        {
            let which = genuine.expect("only what the asker sealed is acted upon");
            assert!(!std::mem::replace(&mut acted[which], true), "it was acted upon twice");
            let answer = node.answer(&question).answer(path, question.payload);
            for (other, question) in questions.iter().enumerate() {
                let opened = question.open(&asker.opener(), path, answer.to_vec());
                assert_eq!(opened.is_ok(), other == which, "an answer belongs to its question");
            }
        }
        for question in &questions {
            assert!(question.open(&asker.opener(), path, bytes.to_vec()).is_err());
        }
    }
});
