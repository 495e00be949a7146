//! Peers that are remembered across restarts.

use super::*;

/// A world of five in which no name server answers any more.
fn without_seeds(remembering: bool) -> World {
    let mut world =
        form(World::new(Settings { seed: 51, hosts: 5, remembering, ..Settings::default() }));
    world.run_until(world.now() + Duration::from_secs(30));
    (0..5).for_each(|host| world.set_dns(host, Dns::Failing));
    world
}

#[test]
fn a_node_comes_back_through_the_peers_that_it_had_when_no_name_server_answers() {
    let comes_back = |remembering| {
        let mut world = without_seeds(remembering);
        world.crash(4);
        world.run_until(world.now() + Duration::from_secs(20));
        world.boot(4);
        let end = world.now() + Duration::from_secs(120);
        let found = world.run_until_agreed(end).is_some();
        let state = world.core(4).expect("it runs").me().state;
        assert_eq!(state == membership::State::Participant, found, "it is no cluster by itself");
        ok(&world);
        found
    };
    assert!(comes_back(true));
    assert!(!comes_back(false), "there would be another way, and the memory proved nothing");
}

#[test]
fn all_nodes_together_come_back_when_no_name_server_answers() {
    let mut world = without_seeds(true);
    for host in 0..5 {
        world.crash(host);
        world.boot(host);
    }
    agreed_within(&mut world, 60);
    ok(&world);
}

#[test]
fn a_node_that_lost_its_files_is_looked_for_by_those_who_remember_it() {
    let mut world = without_seeds(true);
    world.crash(4);
    world.run_until(world.now() + Duration::from_secs(20));
    world.wipe(4);
    world.boot(4);
    agreed_within(&mut world, 120);
    ok(&world);
}

#[test]
fn who_was_there_is_on_a_slow_disk_late_and_a_crash_leaves_what_was_there() {
    let mut world = without_seeds(true);
    let file = |world: &World| world.population.hosts[0].disk.peers.clone().expect("a file");
    let before = file(&world);
    world.set_disk(0, Duration::from_secs(8));
    world.leave(4);
    world.run_until(world.now() + Duration::from_secs(6));
    assert_eq!(file(&world), before, "the write is under way");
    // It announced that it leaves, and was gone: two writes.
    world.run_until(world.now() + Duration::from_secs(24));
    let after = file(&world);
    assert_ne!(after, before);
    world.boot(4);
    world.run_until(world.now() + Duration::from_secs(6));
    world.crash(0);
    world.run_until(world.now() + Duration::from_secs(60));
    assert_eq!(file(&world), after);
}
