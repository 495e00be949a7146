//! Moves that lose nothing and store nothing twice, with real processes: `testnet continuity` as
//! tests. Against the ledger, which refuses what Prometheus refuses, a rolling restart and a kill are
//! always run; every scenario, against a real Prometheus and a real VictoriaMetrics behind the ledger,
//! with `--features real-programs`.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use tokio::sync::Mutex;

use testnet::continuity::{self, Arguments, BackendKind, OVERLONG, Played, Scenario};
use testnet::process::World;

/// One scenario is played after the other: each has up to twelve nodes that must keep their ticks.
static STAGE: Mutex<()> = Mutex::const_new(());

/// How often a scenario is played at most: a machine that is too busy to keep ticks proves little. The
/// last time counts, with three times the interval, unless it was far too busy even for that.
const ATTEMPTS: u32 = 3;

/// More than one late or failed scrape in so many means that the machine is too busy.
const TOO_BUSY: u64 = 50;

/// One in so many, the last time, means that nothing is proved.
const FAR_TOO_BUSY: u64 = 5;

async fn goal_is_met(scenario: Scenario, backend: BackendKind) -> anyhow::Result<()> {
    let _alone = STAGE.lock().await;
    let began = Instant::now();
    for attempt in 1.. {
        let world = World::new()?;
        // A machine that is too busy for one interval may have time enough for a longer one.
        let mut arguments = Arguments::small(scenario, backend);
        arguments.interval *= attempt;
        arguments.skew *= attempt;
        let program = Path::new(env!("CARGO_BIN_EXE_testnet"));
        let played = Box::pin(continuity::play(&arguments, program, &world)).await;
        world.end().await;
        let Played { table, explained, .. } = played?;
        let late = table.count("late by more than a tenth") + table.count("failed scrapes");
        let busy = late * TOO_BUSY > table.count("ticks expected") || table.count(OVERLONG) > 0;
        let interval = model::duration::format(arguments.interval);
        if busy && attempt < ATTEMPTS {
            let all = format!("{table}{explained:#?}");
            anyhow::ensure!(table.met_when_busy(), "{all}\nthat is not for being busy");
            say(&format!("{table}the machine was too busy for {interval}: once more"))?;
            continue;
        }
        anyhow::ensure!(table.met(), "{table}{explained:#?}");
        let proves = late * FAR_TOO_BUSY <= table.count("ticks expected");
        anyhow::ensure!(proves, "{table}one scrape in {FAR_TOO_BUSY} was late or failed");
        // Where something has to move and nothing did, nothing is proved; and the other way round.
        let reload = matches!(scenario, Scenario::ReloadUnrelated | Scenario::ReloadRelabel);
        let steady = reload || scenario == Scenario::Flapping;
        // A backend that refuses no double has what both sides of a partition wrote, all the time.
        let shown = if scenario == Scenario::Partition { "ticks written twice" } else { "" };
        let moves = table.count("moves") + table.count(shown);
        anyhow::ensure!((moves > 0) != steady, "{moves} moves\n{table}");
        let took = began.elapsed().as_secs();
        let last = if busy { ", though the machine was too busy for it to the last" } else { "" };
        say(&format!("{table}{interval} counts{last}, {took} s in all"))?;
        break;
    }
    Ok(())
}

/// Says something that is to be seen whether the test fails or not.
fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stderr(), "{text}")?)
}

macro_rules! scenarios {
    ($($name:ident: $scenario:ident into $backend:ident;)*) => {
        $(
            #[tokio::test]
            async fn $name() -> anyhow::Result<()> {
                goal_is_met(Scenario::$scenario, BackendKind::$backend).await
            }
        )*
    };
}

scenarios! {
    a_rolling_restart_of_five_nodes_shows_in_no_series: RollingRestart into Ledger;
    a_kill_costs_detection_and_one_tick_of_what_the_victim_held: Kill into Ledger;
}

#[cfg(feature = "real-programs")]
scenarios! {
    prometheus_misses_nothing_in_a_rolling_restart: RollingRestart into Prometheus;
    prometheus_misses_nothing_while_three_nodes_become_twelve_and_three_again: Scale into Prometheus;
    prometheus_misses_nothing_when_a_reload_changes_what_concerns_no_target: ReloadUnrelated into Prometheus;
    prometheus_has_ends_and_beginnings_when_half_of_the_targets_get_other_labels: ReloadRelabel into Prometheus;
    prometheus_misses_what_a_kill_costs_and_no_more: Kill into Prometheus;
    prometheus_misses_nothing_while_it_is_away_and_the_cluster_shrinks: BackendAway into Prometheus;
    prometheus_misses_nothing_when_the_network_parts_and_refuses_only_duplicates: Partition into Prometheus;
    prometheus_misses_nothing_when_clocks_differ_by_a_fifth_of_an_interval: Skew into Prometheus;
    prometheus_misses_nothing_when_a_link_flaps_and_nothing_moves: Flapping into Prometheus;
    victoria_metrics_misses_nothing_in_a_rolling_restart: RollingRestart into Victoria;
    victoria_metrics_misses_nothing_while_the_cluster_grows_and_shrinks: Scale into Victoria;
    victoria_metrics_misses_nothing_when_a_reload_changes_what_concerns_no_target: ReloadUnrelated into Victoria;
    victoria_metrics_has_ends_and_beginnings_when_half_of_the_targets_get_other_labels: ReloadRelabel into Victoria;
    victoria_metrics_misses_what_a_kill_costs_and_no_more: Kill into Victoria;
    victoria_metrics_misses_nothing_while_it_is_away_and_the_cluster_shrinks: BackendAway into Victoria;
    victoria_metrics_misses_nothing_when_the_network_parts: Partition into Victoria;
    victoria_metrics_misses_nothing_when_clocks_differ_by_a_fifth_of_an_interval: Skew into Victoria;
    victoria_metrics_misses_nothing_when_a_link_flaps_and_nothing_moves: Flapping into Victoria;
}
