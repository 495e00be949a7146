//! Moves that lose nothing and store nothing twice, with real processes: `testnet continuity` as
//! tests. Against the ledger, which refuses what Prometheus refuses, a rolling restart and a kill are
//! always run; the other scenarios, and real backends, with `--features real-programs`.

use std::path::Path;

use tokio::sync::Mutex;

use testnet::continuity::{self, Arguments, BackendKind, Played, Scenario};
use testnet::process::World;

/// One scenario is played after the other: each has up to twelve nodes that must keep their ticks.
static STAGE: Mutex<()> = Mutex::const_new(());

/// How often a scenario is played at most: a machine that is too busy to keep ticks proves nothing.
const ATTEMPTS: u32 = 3;

/// One late scrape in so many means that the machine is too busy.
const TOO_BUSY: u64 = 50;

async fn goal_is_met(scenario: Scenario, backend: BackendKind) -> anyhow::Result<()> {
    let _alone = STAGE.lock().await;
    for attempt in 1.. {
        let world = World::new()?;
        // A machine that is too busy for one interval may have time enough for a longer one.
        let mut arguments = Arguments::small(scenario, backend);
        arguments.interval *= attempt;
        let program = Path::new(env!("CARGO_BIN_EXE_testnet"));
        let played = Box::pin(continuity::play(&arguments, program, &world)).await;
        world.end().await;
        let Played { table, explained, .. } = played?;
        let late = table.count("late by more than a tenth") + table.count("failed scrapes");
        let busy = late * TOO_BUSY > table.count("ticks expected");
        if !table.met() && busy && attempt < ATTEMPTS {
            continue;
        }
        anyhow::ensure!(table.met(), "{table}{explained:#?}");
        // Where something has to move and nothing did, nothing is proved; and the other way round.
        let reload = matches!(scenario, Scenario::ReloadUnrelated | Scenario::ReloadRelabel);
        let steady = reload || scenario == Scenario::Flapping;
        let moves = table.count("moves");
        anyhow::ensure!((moves > 0) != steady, "{moves} moves\n{table}");
        break;
    }
    Ok(())
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
    three_nodes_become_twelve_and_three_again_and_no_series_shows_it: Scale into Ledger;
    a_reload_with_an_unrelated_change_shows_in_no_series: ReloadUnrelated into Ledger;
    a_reload_with_other_labels_for_half_of_the_targets_ends_and_begins_series: ReloadRelabel into Ledger;
    an_outage_of_the_backend_while_nodes_leave_and_one_is_killed_loses_nothing: BackendAway into Ledger;
    clocks_that_differ_by_a_fifth_of_an_interval_lose_nothing: Skew into Ledger;
    a_partition_loses_nothing_and_only_duplicates_are_refused: Partition into Ledger;
    a_flapping_link_moves_nothing: Flapping into Ledger;
    prometheus_misses_nothing_in_a_rolling_restart: RollingRestart into Prometheus;
    prometheus_misses_what_a_kill_costs_and_no_more: Kill into Prometheus;
    prometheus_misses_nothing_when_the_network_parts_and_refuses_only_duplicates: Partition into Prometheus;
    prometheus_misses_nothing_while_it_is_away_and_the_cluster_shrinks: BackendAway into Prometheus;
    victoria_metrics_misses_nothing_in_a_rolling_restart: RollingRestart into Victoria;
    victoria_metrics_misses_nothing_while_the_cluster_grows_and_shrinks: Scale into Victoria;
}
