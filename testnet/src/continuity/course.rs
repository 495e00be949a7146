//! What became of a target, tick by tick: pure, from what a backend has.

use std::collections::BTreeMap;

use model::is_stale;

use crate::exporter::SCRAPES;
use crate::ledger::{Account, SeriesAccount, Stored};

/// The label that a relabelling scenario changes.
pub const RELEASE: &str = "release";

/// What a node says of a scrape itself: there for every tick, also when the scrape failed.
pub const REPORTS: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// From when until when a backend should have every tick of a target. Milliseconds since the Unix
/// epoch, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The target's `instance`.
    pub instance: String,
    /// Its label [`RELEASE`].
    pub release: String,
    /// How many series it has: those on its page, and the [`REPORTS`].
    pub series: usize,
    /// The first instant.
    pub from: i64,
    /// The last instant.
    pub until: i64,
    /// Whether its series end after that, and have to say so.
    pub ends: bool,
}

/// One tick of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// When it was due, in milliseconds since the Unix epoch.
    pub at: i64,
    /// Who stored it, one bit for each node.
    pub by: u64,
    /// How many of the target's series lack it.
    pub lacking: usize,
    /// Whether one of the series has it more than once.
    pub double: bool,
    /// Whether one of the series has it at two times, one of them that of a scrape that was late: no
    /// backend can tell that those are the same.
    pub torn: bool,
    /// Whether the scrape failed, as the node itself says: then only that is to be stored.
    pub failed: bool,
    /// Whether its sample bears the time at which it was late.
    pub late: bool,
}

/// A target and its ticks.
#[derive(Debug, Clone)]
pub struct Course {
    /// What was expected of it.
    pub expected: Expected,
    /// Each tick that was expected, oldest first.
    pub ticks: Vec<Held>,
    /// Samples that say that a series ended, though it went on or should have.
    pub false_stale: Vec<i64>,
    /// Whether a series that should have ended does not say so.
    pub unended: bool,
    /// Samples that are neither at a tick nor so late that they bear their own time.
    pub jumps: Vec<i64>,
    /// Samples that bear the time at which they were late.
    pub late: u64,
    /// How often the target was asked beyond once for each tick.
    pub extra_scrapes: u64,
}

impl Course {
    /// Ticks that are missing, in at least one series.
    pub fn missing(&self) -> impl Iterator<Item = &Held> {
        self.ticks.iter().filter(|tick| tick.lacking > 0)
    }

    /// Ticks that are stored more than once, in at least one series.
    pub fn doubles(&self) -> impl Iterator<Item = &Held> {
        self.ticks.iter().filter(|tick| tick.double)
    }

    /// Ticks that are stored at two times, in at least one series.
    pub fn torn(&self) -> impl Iterator<Item = &Held> {
        self.ticks.iter().filter(|tick| tick.torn)
    }

    /// The first tick of each move: of those that one alone stored, each after one of another's.
    pub fn moves(&self) -> impl Iterator<Item = &Held> {
        let held = self.ticks.iter().filter(|tick| tick.by.count_ones() == 1);
        let pairs = held.clone().zip(held.skip(1));
        pairs.filter(|(before, after)| before.by != after.by).map(|(_, after)| after)
    }

    /// Who stored the last tick before an instant.
    pub fn holder_before(&self, at: i64) -> u64 {
        let before = self.ticks.iter().rev().filter(|tick| tick.at < at && tick.by != 0);
        before.map(|tick| tick.by).next().unwrap_or(0)
    }

    /// Who stored the first tick after an instant.
    pub fn holder_after(&self, at: i64) -> u64 {
        let after = self.ticks.iter().filter(|tick| tick.at > at && tick.by != 0);
        after.map(|tick| tick.by).next().unwrap_or(0)
    }
}

/// Series by target.
type Groups<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a SeriesAccount>>;

fn groups(account: &Account) -> Groups<'_> {
    let mut groups = Groups::new();
    for series in &account.series {
        let label = |name| series.labels.get(name).unwrap_or_default();
        groups.entry((label("instance"), label(RELEASE))).or_default().push(series);
    }
    groups
}

/// The targets of which something is still on its way: that go on after the last instant that is
/// expected, and have a series without a sample from then on, or not all series.
pub fn on_the_way<'a>(account: &Account, expected: &'a [Expected]) -> Vec<&'a Expected> {
    let groups = groups(account);
    let on_the_way = |expected: &&Expected| {
        let key = (expected.instance.as_str(), expected.release.as_str());
        let behind = |series: &&SeriesAccount| {
            series.ticks.last().is_none_or(|newest| newest.at < expected.until)
        };
        let late = |group: &Vec<_>| group.len() < expected.series || group.iter().any(behind);
        !expected.ends && groups.get(&key).is_none_or(late)
    };
    expected.iter().filter(on_the_way).collect()
}

/// The course of every expected target. `interval` is in milliseconds.
pub fn courses(account: &Account, expected: &[Expected], interval: i64) -> Vec<Course> {
    let groups = groups(account);
    let course = |expected: &Expected| {
        let group = groups.get(&(expected.instance.as_str(), expected.release.as_str()));
        course(expected, group.map_or(&[][..], Vec::as_slice), interval)
    };
    expected.iter().map(course).collect()
}

fn course(expected: &Expected, group: &[&SeriesAccount], interval: i64) -> Course {
    let phase = phase(group, interval);
    let tick_of = |at: i64| (at - phase).div_euclid(interval);
    let lines: Vec<Line<'_>> = group.iter().map(|series| Line::new(series, tick_of)).collect();
    let up = lines.iter().find(|line| line.name == "up");
    let failed = |tick| up.is_some_and(|up| up.at(tick).iter().any(|(_, at)| at.value == 0.0));
    let first = -(phase - expected.from).div_euclid(interval);
    let ticks = first..=tick_of(expected.until);
    // A series that was never stored lacks every tick. Of a failed scrape there need be reports alone.
    let never = expected.series.saturating_sub(lines.len());
    let reports = lines.iter().filter(|line| REPORTS.contains(&line.name)).count();
    let never_reported = never.min(REPORTS.len().saturating_sub(reports));
    let held = ticks.map(|tick| {
        let failed = failed(tick);
        let mut held = held(&lines, tick, phase + tick * interval, failed);
        held.lacking += if failed { never_reported } else { never };
        held
    });
    let mut course = Course {
        ticks: held.collect(),
        false_stale: Vec::new(),
        unended: false,
        jumps: Vec::new(),
        late: 0,
        extra_scrapes: lines.iter().map(Line::extra_scrapes).sum(),
        expected: expected.clone(),
    };
    for line in &lines {
        line.judge_stale(&mut course, failed);
        line.judge_phase(&mut course, phase, interval);
    }
    course
}

/// What most samples have in common: the distance from a multiple of the interval.
fn phase(group: &[&SeriesAccount], interval: i64) -> i64 {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for series in group {
        for stored in series.ticks.iter().filter(|stored| !is_stale(stored.value)) {
            *counts.entry(stored.at.rem_euclid(interval)).or_default() += 1;
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map_or(0, |(phase, _)| phase)
}

fn held(lines: &[Line<'_>], tick: i64, at: i64, failed: bool) -> Held {
    let mut held = Held { at, by: 0, lacking: 0, double: false, torn: false, failed, late: false };
    for line in lines {
        let found = line.at(tick);
        held.by = found.iter().fold(held.by, |by, (_, stored)| by | stored.by);
        held.double |= found.iter().map(|(_, stored)| stored.times).sum::<u16>() > 1;
        held.torn |= found.len() > 1;
        let optional = failed && !REPORTS.contains(&line.name);
        held.lacking += usize::from(found.is_empty() && !optional);
    }
    held
}

/// One series of a target, with the number of each sample's tick.
struct Line<'a> {
    name: &'a str,
    samples: Vec<(i64, &'a Stored)>,
    stale: Vec<(i64, &'a Stored)>,
}

impl<'a> Line<'a> {
    fn new(series: &'a SeriesAccount, tick_of: impl Fn(i64) -> i64) -> Self {
        let numbered = series.ticks.iter().map(|stored| (tick_of(stored.at), stored));
        let (stale, samples) = numbered.partition(|(_, stored)| is_stale(stored.value));
        Self { name: series.labels.get("__name__").unwrap_or_default(), samples, stale }
    }

    fn at(&self, tick: i64) -> &[(i64, &'a Stored)] {
        let start = self.samples.partition_point(|(number, _)| *number < tick);
        let end = self.samples.partition_point(|(number, _)| *number <= tick);
        &self.samples[start..end]
    }

    fn judge_stale(&self, course: &mut Course, failed: impl Fn(i64) -> bool) {
        let Expected { from, until, ends, .. } = course.expected;
        let last = self.samples.last().map_or(i64::MIN, |(_, stored)| stored.at);
        for (tick, marker) in &self.stale {
            let of_failure = failed(*tick) && !REPORTS.contains(&self.name);
            let of_end = ends && marker.at > last;
            let inside = (from..=until).contains(&marker.at);
            if inside && !of_failure && !of_end {
                course.false_stale.push(marker.at);
            }
        }
        course.unended |= ends && self.stale.last().is_none_or(|(_, marker)| marker.at <= last);
    }

    fn judge_phase(&self, course: &mut Course, phase: i64, interval: i64) {
        let mut before = 0;
        let mut run = 0;
        let mut last = i64::MIN;
        for (tick, stored) in &self.samples {
            let off = (stored.at - phase).rem_euclid(interval);
            run = if off == before { run + 1 } else { 1 };
            before = off;
            // A scrape that was late by an interval and a little leaves its own tick empty.
            let overdue = last < tick - 1;
            last = *tick;
            if off == 0 {
                continue;
            }
            // The time of a sample that is late by more than a tenth is its own, and no two of a
            // row are late by the same.
            if (off > interval / 10 || overdue) && run < 3 {
                if self.name == "up" {
                    course.late += 1;
                    let held = course.ticks.iter_mut().find(|held| held.at == stored.at - off);
                    held.into_iter().for_each(|held| held.late = true);
                }
            } else {
                course.jumps.push(stored.at);
            }
        }
    }

    fn extra_scrapes(&self) -> u64 {
        if self.name != SCRAPES {
            return 0;
        }
        let extra = |pair: &[(i64, &Stored)]| {
            let asked = pair[1].1.value - pair[0].1.value;
            let ticks = (pair[1].0 - pair[0].0) as f64;
            // A target that begins anew has not been asked less than never.
            if asked > ticks { (asked - ticks) as u64 } else { 0 }
        };
        self.samples.windows(2).map(extra).sum()
    }
}
