use model::STALE_NAN;
use serde_json::json;

use super::*;

fn stored(at: i64, times: u16, by: u64) -> Stored {
    Stored { at, value: 1.0, times, by }
}

/// What the relay saw of the series that [`shown`] is.
fn relayed(ticks: Vec<Stored>) -> Account {
    let labels = Labels::from_pairs([("__name__", "up"), ("instance", "x")]);
    let nodes = vec!["a".to_owned(), "b".to_owned()];
    Account { nodes, series: vec![SeriesAccount { labels, ticks }], ..Account::default() }
}

/// An answer of VictoriaMetrics with samples of these instants.
fn shown(timestamps: &[i64]) -> SeriesAccount {
    let values: Vec<u32> = timestamps.iter().map(|_| 1).collect();
    let metric = json!({"__name__": "up", "instance": "x"});
    let line = json!({"metric": metric, "timestamps": timestamps, "values": values});
    victoria_series(&line).expect("it is a series")
}

#[test]
fn what_a_backend_shows_twice_is_kept_twice_and_what_it_was_only_given_twice_is_not() {
    let seen = || relayed(vec![stored(1000, 1, 1), stored(2000, 2, 3), stored(3000, 1, 2)]);
    let account = together(seen(), vec![shown(&[1000, 2000, 3000])]);
    assert_eq!(account.kept_twice, 0);
    assert_eq!(account.series[0].ticks, seen().series[0].ticks, "who wrote it, and how often");
    let account = together(seen(), vec![shown(&[1000, 2000, 2000, 3000, 3000, 3000])]);
    assert_eq!(account.kept_twice, 3);
    let times: Vec<u16> = account.series[0].ticks.iter().map(|stored| stored.times).collect();
    assert_eq!(times, [1, 2, 3]);
}

#[test]
fn what_the_relay_never_saw_counts_too_and_its_ends_are_no_doubles() {
    let end = Stored { value: STALE_NAN, ..stored(3000, 1, 1) };
    let seen = relayed(vec![stored(1000, 1, 1), end]);
    let account = together(seen, vec![shown(&[1000, 2000, 2000])]);
    assert_eq!(account.kept_twice, 1);
    let ticks: Vec<(i64, u64)> =
        account.series[0].ticks.iter().map(|stored| (stored.at, stored.by)).collect();
    assert_eq!(ticks, [(1000, 1), (2000, 0), (3000, 1)]);
}
