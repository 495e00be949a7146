//! What the ledger says in the end.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::book::{Book, Totals};
use super::history::{History, Stored};

/// Everything that is known, as JSON.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The sums.
    pub totals: Totals,
    /// Ticks missing at the end of series that stopped without saying so, where that was asked.
    pub missing_at_end: u64,
    /// The series that have gaps or doubles, the worst first, at most 100.
    pub worst: Vec<SeriesReport>,
    /// What was stored of each target, told by its `up`.
    pub targets: Vec<TargetReport>,
}

/// One series.
#[derive(Debug, Clone, Serialize)]
pub struct SeriesReport {
    /// Its labels.
    pub series: String,
    /// Ticks stored more than once.
    pub doubles: u64,
    /// Ticks missing, those at the end included where that was asked.
    pub missing: u64,
}

/// One target.
#[derive(Debug, Clone, Serialize)]
pub struct TargetReport {
    /// The labels of its `up`, but for the name.
    pub labels: BTreeMap<String, String>,
    /// Its ticks, oldest first.
    pub ticks: Vec<Tick>,
    /// Ticks before this were too many to be told, in milliseconds since the Unix epoch; null when none
    /// were. The sums have them all the same.
    pub forgotten_before: Option<i64>,
}

/// One tick of one target.
#[derive(Debug, Clone, Serialize)]
pub struct Tick {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    /// How often it was stored.
    pub times: u16,
    /// By whom.
    pub by: Vec<String>,
    /// What `up` said; absent where the series ended.
    pub up: Option<bool>,
}

/// Series that are named in a report.
const MAX_WORST: usize = 100;

impl TargetReport {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }
}

impl Report {
    /// Who collects each target, told by its newest ticks: as many as `ticks`, none of them before
    /// `since` (milliseconds since the Unix epoch). Targets are named by their `instance`.
    ///
    /// # Errors
    ///
    /// When a target has fewer such ticks, or when they were not all stored by one node and once.
    pub fn owners(&self, ticks: usize, since: i64) -> anyhow::Result<BTreeMap<String, String>> {
        let owner = |target: &TargetReport| {
            let name = target.label("instance").unwrap_or_default().to_owned();
            let recent = target.ticks.iter().rev().take_while(|tick| tick.at >= since).take(ticks);
            let recent: Vec<&Tick> = recent.filter(|tick| tick.up.is_some()).collect();
            anyhow::ensure!(recent.len() == ticks, "{name} has {} ticks", recent.len());
            let by: BTreeSet<&String> = recent.iter().flat_map(|tick| &tick.by).collect();
            let once = recent.iter().all(|tick| tick.times == 1);
            match (by.first(), by.len(), once) {
                (Some(owner), 1, true) => Ok((name, (*owner).clone())),
                _ => anyhow::bail!("{name} was not stored by one node alone: {recent:?}"),
            }
        };
        self.targets.iter().map(owner).collect()
    }

    /// Reads the book. `until` as [`super::Ledger::report`] has it.
    pub fn of(book: &Book, until: Option<i64>) -> Self {
        let interval = book.interval();
        let at_end = |history: &History| {
            until.map_or(0, |until| history.missing_until(until, interval).unsigned_abs())
        };
        let mut worst = Vec::new();
        let mut targets = Vec::new();
        let mut missing_at_end = 0;
        for (labels, history) in book.series() {
            let series = SeriesReport {
                series: labels.to_string(),
                doubles: history.ticks().iter().map(|tick| u64::from(tick.times) - 1).sum(),
                missing: gaps(history.ticks(), interval) + at_end(history),
            };
            missing_at_end += at_end(history);
            if series.doubles + series.missing > 0 {
                worst.push(series);
            }
            if labels.get("__name__") == Some("up") {
                let ticks = history.ticks().iter().map(|tick| Tick {
                    at: tick.at,
                    times: tick.times,
                    by: book.names(tick.by),
                    up: (!model::is_stale(tick.value)).then_some(tick.value == 1.0),
                });
                let labels = labels.iter().filter(|(name, _)| *name != "__name__");
                let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
                targets.push(TargetReport {
                    labels: labels.collect(),
                    ticks: ticks.collect(),
                    forgotten_before: history.forgotten_before(),
                });
            }
        }
        worst.sort_by_key(|series| std::cmp::Reverse(series.doubles + series.missing));
        worst.truncate(MAX_WORST);
        Self { totals: book.totals().clone(), missing_at_end, worst, targets }
    }
}

fn gaps(ticks: &[Stored], interval: i64) -> u64 {
    ticks.windows(2).map(|pair| History::missing_between(&pair[0], &pair[1], interval)).sum()
}
