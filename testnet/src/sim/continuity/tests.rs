use std::time::Duration;

use super::*;

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

fn met(scenario: Scenario, nodes: usize, seeds: Range<u64>) {
    for seed in seeds {
        let played = play(&small(scenario, nodes, seed));
        assert!(played.table.met(), "{played}");
        assert!(played.table.count("ticks expected") > 1000, "{played}");
    }
}

#[test]
fn a_rolling_restart_costs_nothing() {
    met(Scenario::RollingRestart, 5, 0..3);
}

#[test]
fn a_killed_node_costs_its_detection_and_one_tick() {
    met(Scenario::Kill, 5, 0..3);
}
