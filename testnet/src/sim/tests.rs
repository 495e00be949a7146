use clap::Parser as _;

use super::*;

fn world(seed: u64, hosts: usize) -> World {
    World::new(Settings { seed, hosts, ..Settings::default() })
}

/// A world in which everybody runs and agrees.
fn formed(seed: u64, hosts: usize) -> World {
    let mut world = world(seed, hosts);
    for host in 0..hosts {
        world.boot(host);
    }
    assert!(world.run_until_agreed(Duration::from_secs(60)).is_some(), "seed {seed}");
    world
}

fn ok(world: &World) {
    assert_eq!(world.checks().violations(), Vec::<String>::new());
}

fn arguments(nodes: usize, seed: u64) -> Arguments {
    Arguments {
        nodes,
        seed: Some(seed),
        minutes: 6,
        targets: 200,
        loss: 0.02,
        duplication: 0.02,
        jitter: 1.5,
        fault_interval: 10,
        calm: false,
    }
}

fn output(arguments: &Arguments) -> (String, anyhow::Result<()>) {
    let mut out = Vec::new();
    let result = simulate(arguments, &mut out);
    (String::from_utf8(out).expect("it prints text"), result)
}

/// What is printed, without how long it took.
fn without_wall_time(text: &str) -> String {
    text.lines().filter(|line| !line.contains("of virtual time")).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_same_seed_is_the_same_world() {
    let run = |seed| {
        let mut world = formed(seed, 12);
        world.network.loss = 0.1;
        world.network.duplication = 0.1;
        world.crash(3);
        world.leave(4);
        world.run_until(Duration::from_secs(60));
        ok(&world);
        (world.trace(), world.cost().events, world.cost().datagram_bytes)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0);
}

#[test]
fn a_whole_run_prints_its_seed_first_and_is_repeatable() {
    let (first, result) = output(&arguments(8, 5));
    assert!(result.is_ok(), "{first}\n{result:?}");
    assert!(first.starts_with("seed 5\n"), "{first}");
    let (second, _) = output(&arguments(8, 5));
    assert_eq!(without_wall_time(&first), without_wall_time(&second));
}

#[test]
fn whatever_goes_wrong_all_is_well_in_the_end() {
    for seed in 0..8 {
        let nodes = [2, 3, 5, 16][seed as usize % 4];
        let (text, result) = output(&arguments(nodes, seed));
        assert!(result.is_ok(), "{text}\n{:?}", result.err());
    }
}

#[test]
fn seeds_that_once_failed_do_not_fail_again() {
    let kept = include_str!("../../seeds.txt");
    for line in kept.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let command = SimCommand::try_parse_from([&["sim"], &words[..]].concat());
        let SimCommand { arguments } = command.expect("a line of arguments of `testnet sim`");
        let (text, result) = output(&arguments);
        assert!(result.is_ok(), "{line}\n{text}\n{:?}", result.err());
    }
}

#[derive(clap::Parser)]
struct SimCommand {
    #[command(flatten)]
    arguments: Arguments,
}

#[test]
fn in_steady_state_every_target_has_one_owner_and_a_crash_costs_the_detection() {
    let mut world = formed(3, 10);
    world.run_until(world.now() + Duration::from_secs(1));
    assert_eq!((world.checks().unowned(), world.checks().doubled()), (0, 0));
    let before = world.checks().unowned_seconds;
    world.crash(7);
    let crashed = world.now();
    let agreed = world.run_until_agreed(crashed + Duration::from_secs(30)).expect("it is found");
    world.run_until(agreed + Duration::from_secs(60));
    ok(&world);
    assert_eq!((world.checks().unowned(), world.checks().doubled()), (0, 0));
    // A tenth of 100 targets, for as long as the detection took.
    let unowned = world.checks().unowned_seconds - before;
    assert!(unowned < 30.0 * (agreed - crashed).as_secs_f64(), "{unowned}");
    assert_eq!(world.checks().false_deaths, 0);
}

#[test]
fn checks_notice_what_must_not_happen() {
    let world = formed(4, 3);
    let key = world.core(0).expect("it runs").running("prometheus.scrape.simulated").next();
    let key = key.expect("it has a share");
    let mut checks = Checks::new(vec![key]);
    checks.booted(0);
    checks.started(0, key);
    assert_eq!(checks.unowned(), 0);
    checks.booted(1);
    checks.started(1, key);
    assert_eq!(checks.doubled(), 1);
    assert_eq!(checks.violations().len(), 0);
    checks.started(1, key);
    checks.stopped(2, key);
    checks.sent(0, 1401);
    assert_eq!(checks.violations().len(), 3);
    checks.ended(0);
    checks.ended(1);
    assert_eq!((checks.unowned(), checks.doubled()), (1, 0));

    let peer = world.core(1).expect("it runs").me().clone();
    let down = membership::Event::Down { peer: peer.clone(), cause: membership::Cause::Failed };
    checks.event(0, &down, |_| false);
    checks.event(0, &membership::Event::Up(peer), |_| true);
    assert!(checks.violations().last().is_some_and(|text| text.contains("zombie")));
}
