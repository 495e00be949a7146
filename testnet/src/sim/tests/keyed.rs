//! Clusters with keys.

use super::*;

fn keyed(seed: u64, hosts: usize) -> World {
    form(World::new(Settings { seed, hosts, keyed: true, ..Settings::default() }))
}

fn refused(world: &World, host: usize, reason: &str) -> u64 {
    let place = membership::Refusal::NAMES.iter().position(|name| *name == reason);
    let swim = world.core(host).and_then(node::core::Core::swim).expect("it runs");
    swim.counters().refused[place.expect("a reason")]
}

#[test]
fn a_change_of_keys_disturbs_nobody_and_nobody_keeps_the_old_one() {
    let mut world = keyed(41, 6);
    let ids = |world: &World, host| {
        let swim = world.core(host).and_then(node::core::Core::swim).expect("it runs");
        swim.keyring().ids()
    };
    let old = ids(&world, 0);
    assert!(world.rotate());
    assert!(!world.rotate(), "one at a time");
    let disturbed =
        world.run_until_so(world.now() + Duration::from_secs(60), |world| !world.agreed());
    assert_eq!(disturbed, None);
    for host in 0..6 {
        assert_eq!(ids(&world, host).len(), 1);
        assert_ne!(ids(&world, host), old);
        assert_eq!(refused(&world, host, "key"), 0);
    }
    assert!(world.rotate(), "and again");
    ok(&world);
}

#[test]
fn a_node_that_sleeps_through_a_change_of_keys_finds_back() {
    let mut world = keyed(42, 5);
    world.set_pace(3, Pace::Stopped);
    world.rotate();
    world.run_until(world.now() + Duration::from_secs(60));
    world.set_pace(3, Pace::Prompt);
    agreed_within(&mut world, 60);
    ok(&world);
}

#[test]
fn what_was_recorded_is_refused_before_a_restart_and_after_it() {
    for restarts in [false, true] {
        let mut world = keyed(43, 5);
        world.run_until(world.now() + Duration::from_secs(60));
        let before = refused(&world, 2, "replayed");
        if restarts {
            world.crash(2);
            world.boot(2);
            agreed_within(&mut world, 60);
        }
        assert!(world.replay(Some(2)));
        let disturbed =
            world.run_until_so(world.now() + Duration::from_secs(20), |world| !world.agreed());
        assert_eq!(disturbed, None);
        let of = if restarts { "stale" } else { "replayed" };
        assert!(refused(&world, 2, of) > before + 300, "{}", refused(&world, 2, of));
        ok(&world);
    }
}

#[test]
fn what_is_sealed_costs_as_much_as_the_envelope_says() {
    let mut open = form(world(44, 5));
    let mut sealed = keyed(44, 5);
    let mean = |world: &mut World| {
        let before = world.cost();
        world.run_until(world.now() + Duration::from_secs(60));
        let after = world.cost();
        let bytes = after.datagram_bytes - before.datagram_bytes;
        bytes as f64 / (after.datagrams - before.datagrams) as f64
    };
    // Session, number and tag.
    let added = mean(&mut sealed) - mean(&mut open);
    assert!((38.0..42.0).contains(&added), "{added}");
}
