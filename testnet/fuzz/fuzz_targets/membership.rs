//! Datagrams and bodies of state syncs from anybody: raw bytes, and what a real peer sent with
//! bytes of it changed, so that the fuzzer gets past the envelope. The node never panics, keeps
//! itself in its view, and never sends a datagram that is longer than allowed.

#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use membership::{Config, DATAGRAM_MAX, Name, Output, Peer, State, Swim};
use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng};

/// What arrives: something of the other node's by its number with bytes changed, or raw bytes.
type Arrival = (u8, Vec<(u16, u8)>, Vec<u8>);

fn node(name: &str, port: u16, seeded: bool, now: Instant) -> Swim {
    let me = Peer {
        name: Name::new(name).expect("a short name"),
        address: ([127, 0, 0, 1], port).into(),
        generation: Peer::generation_at_boot(1_700_000_000, 0),
        state: State::Joining,
    };
    let config = Config { seeded, ..Config::default() };
    Swim::new(me, config, ChaCha12Rng::seed_from_u64(port.into()), now)
}

/// Everything that a node wants to send, datagrams and bodies of syncs.
fn sent(swim: &mut Swim, found: &mut Vec<Vec<u8>>) {
    while let Some(output) = swim.poll_output() {
        match output {
            Output::Transmit { datagram, .. } => {
                assert!(datagram.len() <= DATAGRAM_MAX, "a datagram of {}", datagram.len());
                found.push(datagram.to_vec());
            }
            Output::Sync { body, .. } => found.push(body.to_vec()),
            _ => {}
        }
    }
}

fuzz_target!(|arrivals: Vec<Arrival>| {
    let mut now = Instant::now();
    let mut victim = node("victim", 1, false, now);
    let mut peer = node("peer", 2, true, now);
    let mut genuine = Vec::new();
    sent(&mut victim, &mut Vec::new());
    victim.participate(now);
    sent(&mut victim, &mut Vec::new());
    sent(&mut peer, &mut genuine);
    peer.handle_seeds(&[([127, 0, 0, 1], 1).into()], now);
    sent(&mut peer, &mut genuine);
    for (which, edits, raw) in arrivals.into_iter().take(64) {
        now += Duration::from_millis(50);
        let mut bytes = match genuine.get(usize::from(which)) {
            Some(genuine) => genuine.clone(),
            None => raw,
        };
        for (at, change) in edits {
            if let Some(byte) = bytes.get_mut(usize::from(at)) {
                *byte ^= change;
            }
        }
        let _ = victim.handle_datagram(&bytes, now);
        sent(&mut victim, &mut Vec::new());
        let reply = victim.handle_sync(&bytes, now);
        sent(&mut victim, &mut Vec::new());
        if let Ok(reply) = reply {
            let _ = peer.handle_sync_reply(([127, 0, 0, 1], 1).into(), &reply, now);
            sent(&mut peer, &mut genuine);
        }
        victim.handle_timeout(now);
        peer.handle_timeout(now);
        sent(&mut victim, &mut Vec::new());
        sent(&mut peer, &mut genuine);
        genuine.truncate(256);
    }
    assert_eq!(victim.view().me.name, Name::new("victim").expect("a short name"));
});
