use std::time::Duration;

use super::experiment::on_all_cores;
use super::render::{Grid, quantile, seconds};
use super::*;

fn printed(only: Table) -> String {
    let mut out = Vec::new();
    let arguments =
        Arguments { scale: Scale::Quick, only: vec![only], seed: 1, apart: None, nodes: None };
    print(&arguments, &mut out).expect("it measures, and every goal is met");
    String::from_utf8(out).expect("it prints text")
}

#[test]
fn a_quick_table_of_healing_says_that_all_is_one_again_and_nobody_came_back_from_the_dead() {
    let text = printed(Table::Healing);
    let rows: Vec<&str> = text.lines().filter(|line| line.contains(" nodes | seed | ")).collect();
    assert_eq!(rows.len(), 1, "{text}");
    let measured = text.lines().filter(|line| line.contains(" s |"));
    assert_eq!(measured.filter(|line| line.ends_with(" s | 0 |")).count(), 4, "{text}");
}

#[test]
fn a_quick_table_of_deaths_says_that_all_were_heard_of_and_nobody_else_was_blamed() {
    let text = printed(Table::Detection);
    let rows = text.lines().filter(|line| line.contains(" s |"));
    assert_eq!(rows.filter(|line| line.ends_with(" | 0 | 0 |")).count(), 6, "{text}");
}

#[test]
fn a_quick_table_is_the_same_each_time() {
    assert_eq!(printed(Table::Traffic), printed(Table::Traffic));
}

#[test]
fn experiments_on_all_cores_keep_their_order() {
    let jobs = (0..20).map(|n| -> experiment::Job<'_, u32> { Box::new(move || n * n) });
    let squares: Vec<u32> = (0..20).map(|n| n * n).collect();
    assert_eq!(on_all_cores(jobs.collect()), squares);
}

#[test]
fn quantiles_are_values_that_occurred() {
    let mut values: Vec<Duration> = (1..=100).rev().map(Duration::from_secs).collect();
    assert_eq!(quantile(&mut values, 0.5), Some(Duration::from_secs(51)));
    assert_eq!(quantile(&mut values, 0.99), Some(Duration::from_secs(100)));
    assert_eq!(quantile(&mut values[..1], 0.99), Some(Duration::from_secs(1)));
    assert_eq!(quantile(&mut [], 0.5), None);
    assert_eq!(seconds(None), "never");
}

#[test]
fn a_table_is_markdown() {
    let mut grid = Grid::new("Title", ["a", "b"]).note("A note.");
    grid.row(["1", "2"]);
    assert_eq!(grid.to_string(), "### Title\n\nA note.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n");
}
