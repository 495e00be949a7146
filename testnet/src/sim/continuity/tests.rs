//! Every scenario, small; and that the goals can be missed.

use std::ops::RangeInclusive;

use super::course::Expected;
use super::script::{Crash, Goal, Stage, perform};
use super::*;
use crate::sim::world::since_dawn;
use crate::sim::{Catalog, Collecting, End, Fact, Hold, Oracle, Settings, World};

fn small(scenario: Scenario, nodes: usize, seed: u64) -> Play {
    Play {
        scenario,
        seed,
        nodes,
        targets: 300,
        interval: Duration::from_secs(1),
        outage: Duration::from_secs(20),
        loss: 0.0,
    }
}

/// Plays a scenario with some seeds, and holds it to its goal.
fn met(scenario: Scenario, nodes: usize, seeds: Range<u64>) {
    for seed in seeds {
        let played = play(&small(scenario, nodes, seed));
        assert!(played.table.met(), "{played}");
        assert!(played.table.count("ticks expected") > 3000, "{played}");
    }
}

#[test]
fn a_rolling_restart_costs_nothing() {
    met(Scenario::RollingRestart, 5, 0..2);
}

#[test]
fn a_cluster_that_grows_fourfold_and_shrinks_again_loses_nothing() {
    met(Scenario::Scale, 3, 0..2);
}

#[test]
fn a_configuration_that_concerns_no_target_moves_none() {
    met(Scenario::ReloadUnrelated, 5, 0..2);
}

#[test]
fn a_new_label_ends_its_series_once_and_begins_others() {
    met(Scenario::ReloadRelabel, 5, 0..2);
}

#[test]
fn a_killed_node_costs_its_detection_and_one_tick() {
    met(Scenario::Kill, 5, 0..3);
}

#[test]
fn timea_backend_is_away_nodes_leave_and_come_back_at_the_cost_of_the_killed_one() {
    met(Scenario::BackendAway, 5, 0..2);
}

#[test]
fn a_partition_costs_doubles_of_one_timestamp_alone() {
    met(Scenario::Partition, 5, 0..2);
}

#[test]
fn clocks_that_differ_by_200_ms_make_no_difference() {
    met(Scenario::Skew, 5, 0..2);
}

#[test]
fn a_flapping_link_moves_nothing() {
    met(Scenario::Flapping, 5, 0..2);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let run = |seed| {
        let played = play(&small(Scenario::Scale, 2, seed));
        (played.trace, played.events, played.to_string())
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3).0, run(4).0);
}

/// What is judged of a killed node when that was not meant to happen.
fn unexcused(play: &Play) -> (Table, String) {
    let mut stage = Stage::set(play, play.world());
    let goal = perform(&mut stage, play);
    let (mut world, log) = stage.clear();
    judge::judge(play, &Goal { crashes: Vec::new(), ..goal }, world.oracle(), &log)
}

#[test]
fn what_is_lost_is_found_and_its_story_told() {
    let (table, story) = unexcused(&small(Scenario::Kill, 4, 3));
    assert!(!table.met() && table.count("ticks missing") > 50, "{table}");
    assert!(table.findings[0].text.contains("0 are excused: the tick"), "{table}");
    for part in ["is killed\n", "(Crashed) after", "takes node-", "starts it, from node-"] {
        assert!(story.contains(part), "no {part:?} in\n{story}");
    }
}

/// A target is collected by `host` for this time, which stores these ticks, and nobody told it of another.
fn held(host: usize, time: Range<Duration>, ticks: RangeInclusive<i64>, end: End) -> Hold {
    Hold {
        host,
        since: time.start,
        until: time.end,
        from: None,
        sealed: None,
        overlap: false,
        ticks: Some(ticks.into_inner()),
        late: false,
        end,
    }
}

#[test]
fn a_crash_excuses_nothing_that_its_victim_lost_at_another_time() {
    let key = Catalog::of(1).keys()[0];
    let start = since_dawn(Duration::ZERO);
    let tick = |number: i64| model::tick::next(key.as_u64(), 1000, start) + 1000 * number;
    let at = Duration::from_secs(20);
    let hold = |host, ticks: (i64, i64), end, until| {
        held(host, Duration::ZERO..until, tick(ticks.0)..=tick(ticks.1), end)
    };
    // Three ticks are lost in the crash, of four that it may cost; and one when the victim took over.
    for unexcused in [0, 1] {
        let held = [
            hold(0, (0, 9), End::Unowned, Duration::from_secs(10)),
            hold(1, (10 + unexcused, 19), End::Crashed, at),
            hold(2, (23, 30), End::Open, Duration::from_secs(31)),
        ];
        let mut ledger = Ledger::default();
        let play = small(Scenario::Kill, 3, 0);
        let world = play.world();
        for hold in &held {
            ledger.see(hold.until, Fact::Held { key, hold }, world.population());
        }
        let (from, until) = (start, tick(30));
        let goal = Goal {
            expected: vec![Expected { keys: vec![key], from, until, ends: false }],
            crashes: vec![Crash { host: 1, at, detection: Duration::from_secs(3) }],
            ..Goal::default()
        };
        let (table, _) = judge::judge(&play, &goal, &ledger, &[]);
        assert_eq!(table.count("missing beyond what a crash costs"), unexcused as u64, "{table}");
        assert_eq!(table.met(), unexcused == 0, "{table}");
        assert!(table.to_string().contains("at most 4: "), "{table}");
    }
}

#[test]
fn a_run_that_misses_its_goal_fails_the_command_and_says_how_to_repeat_it() {
    // With losses a claim now and then gets no answer, and the overlap is stored twice.
    let arguments = Arguments {
        scenario: vec![Scenario::Scale],
        nodes: Some(3),
        targets: 300,
        interval: Duration::from_secs(1),
        outage: None,
        loss: 0.4,
        seeds: Seeds(7..9),
    };
    let mut out = Vec::new();
    let result = run(&arguments, &mut out);
    let text = String::from_utf8(out).expect("it prints text");
    assert!(result.is_err(), "{text}");
    assert!(text.contains("sim continuity --scenario scale --nodes 3 --targets 300"), "{text}");
    assert!(text.contains("2 of 2 seeds missed the goal"), "{text}");
    assert!(text.contains("| scale | 3 | "), "{text}");
    assert!(text.contains(" | 0 of 2 |\n"), "{text}");
}

#[test]
fn all_scenarios_come_to_one_table_with_the_command_that_makes_it() {
    let arguments = Arguments {
        scenario: vec![Scenario::Kill, Scenario::ReloadUnrelated],
        nodes: None,
        targets: 100,
        interval: Duration::from_secs(1),
        outage: None,
        loss: 0.0,
        seeds: Seeds(3..5),
    };
    let mut out = Vec::new();
    run(&arguments, &mut out).expect("the goals are met");
    let text = String::from_utf8(out).expect("it prints text");
    let table = text.split_once("### ").expect("there is a table").1;
    let command = "`cargo run --release -p testnet -- sim continuity --scenario kill,reload-unrelated \
                   --targets 100 --interval 1s --loss 0 --seeds 3..5`";
    assert!(table.contains(command), "{table}");
    let cells = |scenario: &str| -> Vec<String> {
        let line = table.lines().find(|line| line.starts_with(&format!("| {scenario} | 5 |")));
        let line = line.unwrap_or_else(|| panic!("no {scenario}: {table}"));
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let unrelated = cells("reload-unrelated");
    assert_eq!((unrelated[4].as_str(), unrelated[9].as_str()), ("0", "2 of 2"), "{table}");
    let (missing, allowed) = {
        let cells = cells("kill");
        let (missing, allowed) = cells[4].split_once(' ').expect("both");
        let allowed = allowed.trim_matches(['(', ')']).to_owned();
        (missing.parse::<u64>(), allowed.parse::<u64>())
    };
    let (missing, allowed) = (missing.expect("a number"), allowed.expect("a number"));
    assert!(0 < missing && missing <= allowed, "{table}");
}

#[test]
fn a_cluster_that_is_too_small_for_a_scenario_is_refused_before_anything_is_played() {
    let arguments = Arguments {
        scenario: vec![Scenario::Kill, Scenario::Partition],
        nodes: Some(2),
        targets: 10,
        interval: Duration::from_secs(1),
        outage: None,
        loss: 0.0,
        seeds: Seeds(0..1),
    };
    let mut out = Vec::new();
    let problem = run(&arguments, &mut out).expect_err("two nodes cannot be parted as 2 of 5 are");
    assert_eq!(problem.to_string(), "--nodes must be at least 3 for partition");
    assert!(out.is_empty());
}

#[test]
fn seeds_are_a_range_or_one() {
    assert_eq!("3..5".parse(), Ok(Seeds(3..5)));
    assert_eq!("7".parse(), Ok(Seeds(7..8)));
    for wrong in ["", "5..5", "x", "1..y"] {
        assert!(wrong.parse::<Seeds>().is_err(), "{wrong}");
    }
}

#[test]
fn a_seal_of_long_ago_makes_nobody_repeat_a_tick_of_a_node_that_crashed() {
    // Killed soon after the start, within whose moves others have given it targets.
    let kill = Play { interval: Duration::from_secs(15), ..small(Scenario::Kill, 5, 2000) };
    let played = play(&kill);
    assert!(played.table.met(), "{played}");
}

#[test]
fn an_offer_of_the_time_of_forming_misleads_nobody_later() {
    met(Scenario::Scale, 3, 12..13);
}

#[test]
fn a_node_that_leaves_timea_seal_is_on_its_way_to_it_passes_it_on() {
    met(Scenario::Scale, 3, 2081..2082);
}

/// Its scrapes that are under way, and those at hand, end later than discovery finds that their targets are
/// gone; by then they are on their way to another node.
#[test]
fn targets_that_go_timea_node_leaves_are_ended_once() {
    for seed in 0..3 {
        let collecting = Collecting {
            interval: Duration::from_secs(15),
            discovery: Duration::ZERO,
            checkpoints: false,
        };
        let settings = Settings {
            seed,
            hosts: 3,
            targets: 3000,
            collecting: Some(collecting),
            ..Settings::default()
        };
        let mut world = World::watched_by(Ledger::default(), settings);
        (0..3).for_each(|host| world.boot(host));
        world.run_until(Duration::from_secs(60));
        world.drain(0);
        world.run_until(Duration::from_millis(60_300));
        let under_way: Vec<usize> = world.running();
        world.publish(Catalog::of(1500).version(1));
        under_way.into_iter().for_each(|host| world.reload(host));
        world.run_until(Duration::from_secs(120));
        world.close();
        let (all, left) = (Catalog::of(3000), Catalog::of(1500));
        for key in all.keys() {
            let holds = world.oracle().holds(*key);
            let ends = holds.iter().filter(|hold| hold.end == End::Gone).count();
            let gone = left.keys().binary_search(key).is_err();
            assert_eq!(ends, usize::from(gone), "seed {seed}: {key}: {holds:#?}");
        }
    }
}

#[test]
fn a_deputy_that_stands_in_does_not_take_what_it_keeps_for_the_last_word() {
    // Restarted at once: it does not know its targets yet, and what it did last nobody kept.
    let kill = Play { interval: Duration::from_secs(5), ..small(Scenario::Kill, 5, 149) };
    let played = play(&kill);
    assert!(played.table.met(), "{played}");
    assert_eq!(played.table.count("positions older than a rhythm after a crash"), 0);
}

#[test]
fn a_position_that_was_lost_is_found() {
    let key = Catalog::of(1).keys()[0];
    let start = since_dawn(Duration::ZERO);
    let tick = |number: i64| model::tick::next(key.as_u64(), 1000, start) + 1000 * number;
    let play = small(Scenario::Kill, 3, 0);
    let world = play.world();
    // It collects until it crashes after 20 ticks; what was said is at most a rhythm older than that.
    for (sealed, lost) in [(Some(18), 0), (Some(14), 0), (Some(3), 1), (None, 1)] {
        let hold = |host, since, until, ticks: (i64, i64), end| {
            let time = Duration::from_secs(since)..Duration::from_secs(until);
            held(host, time, tick(ticks.0)..=tick(ticks.1), end)
        };
        let held = [
            hold(1, 0, 20, (0, 18), End::Crashed),
            Hold { sealed: sealed.map(tick), ..hold(2, 21, 31, (19, 30), End::Open) },
        ];
        let mut ledger = Ledger::default();
        for hold in &held {
            ledger.see(hold.until, Fact::Held { key, hold }, world.population());
        }
        let (from, until) = (start, tick(30));
        let at = Duration::from_secs(20);
        let goal = Goal {
            expected: vec![Expected { keys: vec![key], from, until, ends: false }],
            crashes: vec![Crash { host: 1, at, detection: Duration::from_secs(3) }],
            checkpoints: true,
            ..Goal::default()
        };
        let (table, _) = judge::judge(&play, &goal, &ledger, &[]);
        let row = "positions older than a rhythm after a crash";
        assert_eq!(table.count(row), lost, "{table}");
        assert_eq!(table.met(), lost == 0, "{table}");
    }
}
