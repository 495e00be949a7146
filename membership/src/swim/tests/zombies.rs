//! A generation that has ended never comes back, whatever is said, in whatever order.

use std::time::Duration;

use foca::{Member, State as Liveness};
use proptest::prelude::*;

use super::net::{Net, at, peer, seeded};
use crate::{Event, Peer, State};

#[derive(Debug, Clone)]
enum Said {
    /// By a state sync: generation, state, incarnation, liveness.
    Sync(u64, State, u16, u8),
    /// Time passes.
    Wait(u64),
    /// A node of this name boots with this generation, and dies soon after.
    Live(u64),
}

fn said() -> impl Strategy<Value = Said> {
    let state = prop_oneof![Just(State::Joining), Just(State::Participant), Just(State::Leaving)];
    prop_oneof![
        4 => (1000u64..1006, state, 0u16..4, 0u8..3)
            .prop_map(|(generation, state, incarnation, alive)| {
                Said::Sync(generation, state, incarnation, alive)
            }),
        1 => prop_oneof![4 => Just(1u64), 4 => Just(20), 1 => Just(3700)].prop_map(Said::Wait),
        1 => (1000u64..1006).prop_map(Said::Live),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_dead_generation_never_comes_back(script in proptest::collection::vec(said(), 1..14)) {
        let mut net = Net::cluster(2, &[1]);
        for step in script {
            match step {
                Said::Sync(generation, state, incarnation, alive) => {
                    let z = Peer { state, ..peer("z", 9, generation) };
                    let liveness = [Liveness::Alive, Liveness::Suspect, Liveness::Down];
                    let member = Member::new(z, incarnation, liveness[usize::from(alive)]);
                    net.act(at(1), |swim, now| {
                        swim.merge(vec![member], true, now);
                        swim.settle(now);
                    });
                    net.run_for(Duration::from_millis(50));
                }
                Said::Wait(seconds) => net.run_for(Duration::from_secs(seconds)),
                Said::Live(generation) => {
                    net.boot(peer("z", 9, generation), seeded());
                    net.run_for(Duration::from_secs(2));
                    net.crash(9);
                    net.run_for(Duration::from_secs(3));
                }
            }
        }
        for port in [1, 2] {
            let mut floor = 0;
            for event in net.events(port) {
                match event {
                    Event::Down { peer, .. } if peer.name.as_str() == "z" => {
                        floor = floor.max(peer.generation);
                    }
                    Event::Up(peer) | Event::Changed { to: peer, .. }
                        if peer.name.as_str() == "z" =>
                    {
                        prop_assert!(peer.generation > floor, "{:#?}", net.events);
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn the_floor_outlives_the_memory_of_the_death() {
    let mut net = Net::cluster(3, &[1]);
    let dead = net.node(3).me().clone();
    net.crash(3);
    net.run_until("it is found", |net| net.agree(2));
    net.forget();
    // Longer than foca remembers the dead.
    net.run_for(Duration::from_secs(3 * 3600));
    for incarnation in [0, 9, u16::MAX] {
        net.act(at(1), |swim, now| {
            swim.merge(vec![Member::new(dead.clone(), incarnation, Liveness::Alive)], true, now);
            swim.settle(now);
        });
        net.run_for(Duration::from_secs(1));
    }
    assert!(net.events.is_empty(), "{:?}", net.events);
    assert!(net.node(1).counters().zombies >= 3);
    net.boot(peer("c", 3, dead.generation + 1), seeded());
    net.run_until("its next life is welcome", |net| net.agree(3));
}
