//! Clocks that jump and disks that are slow.

use super::*;

/// Scrapes under way, so that it matters what the clock says.
fn collecting(seed: u64, hosts: usize) -> World {
    let interval = Duration::from_secs(5);
    let collecting = Some(Collecting { interval, discovery: Duration::ZERO, checkpoints: false });
    let mut world = form(World::new(Settings { seed, hosts, collecting, ..Settings::default() }));
    world.run_until(world.now() + Duration::from_secs(60));
    world
}

fn generation(world: &World, host: usize) -> u64 {
    world.core(host).expect("it runs").me().generation
}

#[test]
fn a_clock_that_jumps_changes_no_view_and_moves_nothing() {
    let mut world = collecting(31, 5);
    let moved = world.cost().starts + world.cost().stops;
    world.set_clock(1, 3_600_000);
    world.set_clock(2, -86_400_000);
    let changed =
        world.run_until_so(world.now() + Duration::from_secs(60), |world| !world.agreed());
    assert_eq!(changed, None);
    assert_eq!(world.cost().starts + world.cost().stops, moved);
    assert_eq!(world.checks().verdicts.wrong, 0);
    ok(&world);
}

#[test]
fn what_a_node_collects_whose_clock_jumped_is_handed_over_as_soon_as_ever() {
    for ahead in [3_600_000, -3_600_000] {
        let mut world = collecting(32, 4);
        world.set_clock(1, ahead);
        world.run_until(world.now() + Duration::from_secs(20));
        let from = world.now();
        world.drain(1);
        let gone = world.run_until_so(from + Duration::from_secs(60), |world| {
            !world.population().runs(1) && world.checks().unowned() + world.checks().doubled() == 0
        });
        // A scrape may be under way, or a tick at hand: two seconds of five.
        assert!(gone.is_some_and(|at| at - from < Duration::from_secs(3)), "{ahead}: {gone:?}");
        ok(&world);
    }
}

#[test]
fn a_node_takes_part_when_its_generation_is_on_the_disk_and_others_wait_for_it() {
    let mut world = formed(33, 5);
    world.crash(2);
    world.set_disk(2, Duration::from_secs(4));
    let from = world.now();
    world.boot(2);
    world.run_until(from + Duration::from_millis(3999));
    assert!(world.population().runs(2) && world.core(2).is_none());
    assert!(!world.agreed());
    agreed_within(&mut world, 10);
    ok(&world);
}

#[test]
fn a_crash_in_the_midst_of_a_write_leaves_what_was_there() {
    let mut world = formed(34, 3);
    let first = generation(&world, 1);
    world.crash(1);
    world.set_clock(1, -86_400_000);
    world.set_disk(1, Duration::from_secs(4));
    world.boot(1);
    world.run_until(world.now() + Duration::from_secs(2));
    world.crash(1);
    world.set_disk(1, Duration::ZERO);
    world.boot(1);
    // That of the crash nobody has ever seen.
    assert_eq!(generation(&world, 1), first + 1);
    world.crash(1);
    world.boot(1);
    assert_eq!(generation(&world, 1), first + 2);
    agreed_within(&mut world, 60);
    ok(&world);
}

#[test]
fn nobody_hears_of_a_generation_that_is_not_on_the_disk_yet() {
    let mut world = formed(35, 5);
    world.crash(2);
    agreed_within(&mut world, 60);
    world.wipe(2);
    world.set_clock(2, -3_600_000);
    world.boot(2);
    let booted = generation(&world, 2);
    world.set_disk(2, Duration::from_millis(300));
    let too_soon = |world: &mut World| {
        let kept = world.population.hosts[2].disk.generation;
        [0, 1, 3, 4].into_iter().any(|host| {
            let view = world.with_core(host, |core, _| core.view()).expect("it runs");
            view.peers.iter().any(|p| p.name.as_str() == "node-2" && p.generation > kept)
        })
    };
    let told = world.run_until_so(world.now() + Duration::from_secs(60), too_soon);
    assert_eq!(told, None);
    assert!(world.agreed() && generation(&world, 2) > booted, "the others made it take another");
    ok(&world);
}
