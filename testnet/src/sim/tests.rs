use membership::{Cause, Event};

use super::*;

mod keyed;
mod machines;
mod memory;
mod oracles;
mod paces;

fn world(seed: u64, hosts: usize) -> World {
    World::new(Settings { seed, hosts, ..Settings::default() })
}

/// A world in which everybody runs and agrees.
fn formed(seed: u64, hosts: usize) -> World {
    form(world(seed, hosts))
}

fn form(mut world: World) -> World {
    for host in 0..world.hosts() {
        world.boot(host);
    }
    assert!(world.run_until_agreed(Duration::from_secs(60)).is_some());
    world
}

fn ok(world: &World) {
    assert_eq!(world.checks().violations(), Vec::<String>::new());
}

fn agreed_within(world: &mut World, seconds: u64) -> Duration {
    let from = world.now();
    let at = world.run_until_agreed(from + Duration::from_secs(seconds));
    at.unwrap_or_else(|| {
        panic!("no agreement:\n{}", world.checks().journal.tell(world.population()))
    }) - from
}

fn output(scenario: &Scenario) -> (String, anyhow::Result<()>) {
    let mut out = Vec::new();
    let result = simulate(scenario, EVENTS, &mut out);
    (String::from_utf8(out).expect("it prints text"), result)
}

/// What is printed, without how long it took.
fn without_wall_time(text: &str) -> String {
    text.lines().filter(|line| !line.contains("of virtual time")).collect::<Vec<_>>().join("\n")
}

fn scenario(nodes: usize, seed: u64) -> Scenario {
    let swarm =
        Arguments { swarm: true, nodes: Some(nodes), minutes: Some(5), ..Arguments::default() };
    Scenario::new(&swarm, seed).expect("arguments that make sense")
}

#[test]
fn the_same_seed_is_the_same_world() {
    let run = |seed| {
        let mut world = formed(seed, 12);
        world.network.loss = 0.1;
        world.network.duplication = 0.1;
        world.crash(3);
        world.leave(4);
        world.set_pace(5, Pace::Stopped);
        world.set_pace(6, Pace::Slow(Duration::from_millis(20)));
        world.run_until(Duration::from_secs(40));
        world.set_pace(5, Pace::Prompt);
        world.run_until(Duration::from_secs(60));
        ok(&world);
        (world.trace(), world.cost().events, world.cost().datagram_bytes)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0);
}

#[test]
fn a_whole_run_prints_its_seed_first_and_is_repeatable_from_its_arguments() {
    let drawn = scenario(8, 5);
    let (first, result) = output(&drawn);
    assert!(result.is_ok(), "{first}\n{result:?}");
    assert!(first.starts_with("seed 5\n"), "{first}");
    // Convergence, the cost of messages, and moves.
    for line in ["formed 8 nodes, agreed", "idle: ", " starts, "] {
        assert!(first.contains(line), "no {line:?} in {first}");
    }
    let again = swarm::parse(&drawn.to_string()).expect("it prints arguments");
    assert_eq!(again, [drawn]);
    let (second, _) = output(&again[0]);
    assert_eq!(without_wall_time(&first), without_wall_time(&second));
}

#[test]
fn a_failing_run_prints_the_last_events_and_the_command_that_repeats_it() {
    let mut hopeless = scenario(3, 1);
    // Nothing ever arrives.
    hopeless.loss = 1.0;
    let (text, result) = output(&hopeless);
    assert!(result.is_err());
    assert!(text.contains("the last events:\n"), "{text}");
    assert!(text.contains("node-2 boots at 10.0.0.3:12345"), "{text}");
    assert!(text.contains(&format!("-p testnet -- sim {hopeless}\n")), "{text}");
}

#[test]
fn a_run_that_takes_longer_than_it_may_fails() {
    let run = |within| {
        let small = Arguments {
            nodes: Some(2),
            seed: Some(1),
            minutes: Some(1),
            calm: true,
            ..Arguments::default()
        };
        let mut out = Vec::new();
        let result = run(&Arguments { within: Some(within), ..small }, &mut out);
        (String::from_utf8(out).expect("it prints text"), result)
    };
    let (text, result) = run(Duration::from_millis(1));
    let error = result.expect_err("nobody is that fast").to_string();
    assert!(error.ends_with("which is not within 1ms"), "{error}");
    assert!(text.contains("s of virtual time in"), "it runs to its end: {text}");
    let (text, result) = run(Duration::from_secs(3600));
    assert!(result.is_ok(), "{text}\n{result:?}");

    let line = ["testnet", "sim", "--nodes=2", "--minutes=1", "--calm", "--within=1ms"];
    let code = crate::cli::main_from(line.map(Into::into));
    assert_eq!(code, std::process::ExitCode::FAILURE);
}

#[test]
fn whatever_goes_wrong_all_is_well_in_the_end() {
    for seed in 0..8 {
        let nodes = [2, 3, 5, 12][seed as usize % 4];
        let (text, result) = output(&scenario(nodes, seed));
        assert!(result.is_ok(), "{text}\n{:?}", result.err());
    }
}

#[test]
fn every_kind_of_fault_strikes_and_is_taken_back() {
    for (seed, kind) in Fault::ALL.into_iter().enumerate() {
        let settings = Settings {
            seed: seed as u64,
            hosts: 6,
            neighbours: 2,
            keyed: true,
            ..Settings::default()
        };
        let mut world = form(World::new(settings));
        let strike = kind.strike(&mut world).expect("six nodes are enough for anything");
        let struck = world.now();
        world.run_until(struck + Duration::from_secs(20));
        strike.undo.apply(&mut world);
        agreed_within(&mut world, 120);
        ok(&world);
    }
}

#[test]
fn seeds_that_once_failed_do_not_fail_again() {
    for scenario in swarm::parse(swarm::KEPT).expect("lines of arguments") {
        let (text, result) = output(&scenario);
        assert!(result.is_ok(), "{text}\n{:?}", result.err());
    }
}

#[test]
fn in_steady_state_every_target_has_one_owner_and_a_crash_costs_the_detection() {
    let mut world = formed(3, 10);
    world.run_until(world.now() + Duration::from_secs(1));
    assert_eq!((world.checks().unowned(), world.checks().doubled()), (0, 0));
    let before = world.checks().ownership.unowned_seconds;
    world.crash(7);
    let detection = agreed_within(&mut world, 30);
    world.run_until(world.now() + Duration::from_secs(60));
    ok(&world);
    assert_eq!((world.checks().unowned(), world.checks().doubled()), (0, 0));
    // A tenth of 100 targets, for as long as the detection took.
    let unowned = world.checks().ownership.unowned_seconds - before;
    assert!(unowned < 30.0 * detection.as_secs_f64(), "{unowned}");
    assert_eq!(world.checks().verdicts.wrong, 0);
}

#[test]
fn a_mass_restart_with_new_addresses_ends_in_one_view() {
    let mut world = formed(11, 40);
    let strike = Fault::MassRestart.strike(&mut world).expect("forty nodes can restart");
    agreed_within(&mut world, 30);
    assert!(strike.whom.ends_with("nodes"), "{}", strike.whom);
    ok(&world);
}

#[test]
fn a_cluster_that_was_parted_for_longer_than_the_dead_are_remembered_heals() {
    let mut world = formed(12, 6);
    let rules = world.network.part([0, 1, 2]);
    world.run_until(world.now() + Duration::from_secs(4000));
    assert!(!world.agreed());
    rules.into_iter().for_each(|rule| world.network.remove(rule));
    agreed_within(&mut world, 90);
    ok(&world);
}

#[test]
fn a_newcomer_whose_namesake_is_a_seed_stays_out_and_disturbs_nobody() {
    for seed in 0..10 {
        let mut world = formed(seed, 4);
        let strike = Fault::NameClash.strike(&mut world).expect("there is somebody to imitate");
        let impostor = world.hosts() - 1;
        let first = world.population().called_first(impostor);
        world.oracle().names.guard(first);
        world.run_until(world.now() + Duration::from_secs(30));
        ok(&world);
        assert!(world.checks().names.clashes >= 1, "seed {seed}");
        strike.undo.apply(&mut world);
        agreed_within(&mut world, 30);
    }
}

#[test]
fn one_seed_that_is_found_is_enough_and_none_but_failures_are_no_reason_to_be_alone() {
    let mut world = formed(13, 5);
    world.crash(4);
    world.set_dns(4, Dns::Partly);
    world.boot(4);
    agreed_within(&mut world, 30);
    // The one that can be found is gone, the others would be there, and take this one for dead: nobody
    // tells it anything of his own accord.
    world.crash(0);
    world.crash(4);
    agreed_within(&mut world, 60);
    world.boot(4);
    world.run_until(world.now() + Duration::from_secs(120));
    assert_eq!(world.core(4).expect("it runs").me().state, membership::State::Joining);
    world.set_dns(4, Dns::Honest);
    agreed_within(&mut world, 60);
    ok(&world);
}

#[test]
fn a_node_whose_name_server_recovers_late_joins_the_others_and_forms_no_cluster_before() {
    for seed in 0..20 {
        let mut world = World::new(Settings { seed, hosts: 4, ..Settings::default() });
        world.boot(3);
        // It finds its seeds closed, and is told no more when they are there, at other addresses.
        world.run_until(Duration::from_secs(4));
        world.set_dns(3, Dns::Failing);
        for host in 0..3 {
            world.boot(host);
            world.crash(host);
            world.readdress(host);
            world.boot(host);
        }
        // Later than its patience, while it waits for an answer or between two.
        world.run_until(Duration::from_millis(40_000 + 700 * seed));
        let before = world.checks().forming.formed;
        world.set_dns(3, Dns::Honest);
        agreed_within(&mut world, 30);
        ok(&world);
        assert_eq!(world.checks().forming.formed, before, "seed {seed}");
    }
}

#[test]
fn nodes_whose_seeds_are_not_there_form_clusters_which_become_one() {
    let mut world = World::new(Settings { seed: 6, hosts: 5, ..Settings::default() });
    world.boot(3);
    world.boot(4);
    world.run_until(world.now() + Duration::from_secs(30));
    assert_eq!(world.checks().forming.formed, 2);
    world.boot(0);
    agreed_within(&mut world, 120);
    ok(&world);
}
