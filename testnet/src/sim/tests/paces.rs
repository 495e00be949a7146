//! Processes that are held up.

use super::*;

#[test]
fn a_process_that_is_stopped_for_a_blink_is_not_missed() {
    let mut world = formed(21, 10);
    for host in [2, 5] {
        world.set_pace(host, Pace::Stopped);
    }
    world.run_until(world.now() + Duration::from_millis(700));
    for host in [2, 5] {
        world.set_pace(host, Pace::Prompt);
    }
    world.run_until(world.now() + Duration::from_secs(60));
    assert!(world.agreed());
    assert_eq!(world.checks().verdicts.wrong, 0);
    ok(&world);
}

#[test]
fn a_process_that_is_stopped_for_long_is_taken_for_dead_and_comes_back() {
    let mut world = formed(22, 10);
    world.set_pace(3, Pace::Stopped);
    world.run_until(world.now() + Duration::from_secs(60));
    assert!(!world.agreed());
    assert!(world.checks().verdicts.wrong >= 9);
    world.set_pace(3, Pace::Prompt);
    agreed_within(&mut world, 60);
    ok(&world);
}

#[test]
fn the_socket_of_a_stopped_process_holds_so_much_and_no_more() {
    let fits = |length: usize| {
        let mut world = formed(23, 2);
        world.set_pace(1, Pace::Stopped);
        let before = world.cost().overflows;
        let datagram = bytes::Bytes::from(vec![0; length]);
        let sent = 400;
        for _ in 0..sent {
            world.arrive(1, datagram.clone());
        }
        sent - (world.cost().overflows - before)
    };
    // As Linux has it: 768 bytes are charged for the smallest, 2,304 for the largest.
    assert_eq!(fits(1), 212_992 / 768);
    assert_eq!(fits(1400), 212_992 / 2304);
}

#[test]
fn a_blocked_process_sends_in_the_end_what_it_sent_meanwhile() {
    let mut world = formed(24, 5);
    world.set_pace(2, Pace::Blocked);
    let before = world.cost().datagrams;
    let stuck = world.with_core(2, node::core::Core::leave);
    assert!(stuck.is_some());
    let others_see = |world: &mut World| {
        let view = world.with_core(0, |core, _| core.view()).expect("it runs");
        view.peers.iter().filter(|peer| peer.state == membership::State::Leaving).count()
    };
    world.run_until(world.now() + Duration::from_millis(500));
    assert_eq!(others_see(&mut world), 0);
    world.set_pace(2, Pace::Prompt);
    world.run_until(world.now() + Duration::from_millis(500));
    assert_eq!(others_see(&mut world), 1);
    assert!(world.cost().datagrams > before);
    ok(&world);
}

#[test]
fn a_slow_process_handles_one_thing_at_a_time() {
    // As slow as it can be and still keep up with what others send.
    for seed in 0..10 {
        let mut world = formed(seed, 5);
        world.set_pace(1, Pace::Slow(Duration::from_millis(15)));
        world.run_until(world.now() + Duration::from_secs(120));
        assert!(world.agreed());
        assert_eq!(world.checks().verdicts.wrong, 0, "seed {seed}");
        ok(&world);
    }
    let mut world = formed(26, 5);
    // So slow that it cannot keep up with anything.
    world.set_pace(1, Pace::Slow(Duration::from_secs(20)));
    let found = world.run_until_so(world.now() + Duration::from_secs(120), |world| {
        world.checks().verdicts.wrong > 0
    });
    assert!(found.is_some());
    world.set_pace(1, Pace::Prompt);
    agreed_within(&mut world, 120);
    ok(&world);
}

#[test]
fn the_wall_clock_decides_generations_and_nothing_else() {
    let mut world = formed(26, 4);
    let generation = |world: &World| world.core(2).expect("it runs").me().generation;
    let first = generation(&world);
    world.crash(2);
    world.set_clock(2, -86_400_000);
    world.boot(2);
    // Its files say that it had a later one.
    assert_eq!(generation(&world), first + 1);
    agreed_within(&mut world, 60);
    // Without them it finds out from the others.
    world.crash(2);
    world.wipe(2);
    world.boot(2);
    assert!(generation(&world) < first);
    agreed_within(&mut world, 60);
    assert!(generation(&world) > first);
    ok(&world);
}

#[test]
fn a_node_without_files_and_with_a_clock_of_last_week_is_believed_to_live_within_seconds() {
    let mut world = formed(27, 5);
    world.crash(0);
    // Long enough for everybody to take it for dead.
    agreed_within(&mut world, 60);
    world.wipe(0);
    world.set_clock(0, -7 * 86_400_000);
    let before = world.cost().datagrams;
    world.boot(0);
    agreed_within(&mut world, 60);
    ok(&world);
    assert!(world.cost().datagrams - before < 2000);
}
