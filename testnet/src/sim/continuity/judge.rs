//! What a run came to, what it should have come to, and what happened where it did not: pure.

use std::fmt::Write as _;
use std::time::Duration;

use model::tick;
use node::cluster::CHECKPOINTS_EVERY;
use ownership::Key;

use super::course::{Course, Expected, course};
use super::script::{Crash, Goal};
use super::{Ledger, Play};
use crate::continuity::Table;
use crate::continuity::excuse::{Excuse, excused};
use crate::continuity::table::{Finding, Row, Suspicions, UNEXCUSED};
use crate::sim::collector::{UNSEALED, duration};
use crate::sim::world::since_dawn;
use crate::sim::{End, Hold};

/// Findings that are told.
const FINDINGS: usize = 10;

/// How long before and after a gap it is told who was taken for dead.
const AROUND: Duration = Duration::from_secs(30);

/// How long a target is on its way to the one it was given to, who may have crashed meanwhile.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// How much a deputy may be behind what a collector that crashed had done, in milliseconds: the rhythm of
/// checkpoints, what it takes until what was done is safe and can be said, and what it takes to say it.
const BEHIND: i64 = CHECKPOINTS_EVERY.as_millis() as i64 + UNSEALED + 500;

/// Counts of all targets.
#[derive(Default)]
struct Counts {
    expected: u64,
    missing: u64,
    allowed: u64,
    unexcused: u64,
    twice: u64,
    twice_late: u64,
    torn: u64,
    false_stale: u64,
    unended: u64,
    moved: u64,
    moves: u64,
    overlaps: u64,
    late: u64,
    unsealed: u64,
    behind: u64,
}

/// The table of a run, and the story of the first target about which there is a finding.
pub(super) fn judge(
    play: &Play,
    goal: &Goal,
    ledger: &Ledger,
    log: &[(Duration, String)],
) -> (Table, String) {
    let interval = u64::try_from(play.interval.as_millis()).unwrap_or(u64::MAX).max(1);
    let mut counts = Counts::default();
    let mut findings: Vec<Finding> = Vec::new();
    let mut story = String::new();
    for text in &goal.failures {
        findings.push(Finding { target: String::new(), text: text.clone() });
    }
    for expected in &goal.expected {
        for key in &expected.keys {
            let holds = ledger.holds(*key);
            let course = course(*key, holds, expected, interval);
            let excuses = goal.excuses(holds, interval);
            counts.allowed += excuses.iter().map(Excuse::most).sum::<u64>();
            let excused = excused(&excuses, course.missing_ticks(interval));
            let unsealed = unsealed(holds, expected);
            counts.add(&course, holds, excused, expected);
            counts.unsealed += unsealed;
            let behind = if goal.checkpoints { behind(*key, holds, interval) } else { 0 };
            counts.behind += behind;
            let doubles = goal.doubles(&course, interval);
            counts.twice_late += doubles;
            let found = goal.find(&course, excused, (unsealed, behind), doubles);
            if !found.is_empty() && story.is_empty() {
                story = tell(*key, &course, holds, ledger, log);
            }
            let finding =
                |text| Finding { target: key.to_string(), text: format!("{key}: {text}") };
            findings.extend(found.into_iter().map(finding));
        }
    }
    findings.truncate(FINDINGS);
    let detection = goal.crashes.iter().map(|crash| crash.detection).max();
    let rows = counts.rows(goal);
    (Table { head: play.what(), rows, detection, findings }, story)
}

/// How often a target was taken over without a seal.
fn unsealed(holds: &[Hold], expected: &Expected) -> u64 {
    let since = |hold: &&Hold| since_dawn(hold.since) > expected.from;
    holds.iter().filter(since).filter(|hold| hold.sealed.is_none()).count() as u64
}

/// How often whoever went on with a target after a crash did not know how far it was, but for what was said
/// in the last rhythm of checkpoints.
fn behind(key: Key, holds: &[Hold], interval: u64) -> u64 {
    let crashed = holds.iter().filter(|hold| hold.end == End::Crashed);
    let lost = crashed.filter(|crashed| {
        let said = since_dawn(crashed.until) - BEHIND - duration(key, interval);
        let Some((first, last)) = crashed.ticks else { return false };
        let position = tick::last(key.as_u64(), interval, said).min(last);
        if position < first {
            // It had not said anything yet.
            return false;
        }
        let later = holds.iter().filter(|hold| hold.since >= crashed.until);
        let next = later.min_by_key(|hold| hold.since);
        next.is_some_and(|next| next.sealed.is_none_or(|sealed| sealed < position))
    });
    lost.count() as u64
}

impl Counts {
    fn add(&mut self, course: &Course, holds: &[Hold], excused: u64, expected: &Expected) {
        self.expected += course.expected;
        self.missing += course.gaps;
        self.unexcused += course.gaps - excused;
        self.twice += course.extra;
        self.torn += course.torn;
        self.false_stale += u64::from(course.false_stale);
        self.unended += u64::from(course.unended);
        self.moved += u64::from(course.moves > 0);
        self.moves += course.moves;
        let since = |hold: &&Hold| since_dawn(hold.since) > expected.from;
        let begun = holds.iter().filter(since);
        let late = |hold: &&Hold| hold.late && hold.ticks.is_some();
        self.late += begun.clone().filter(late).count() as u64;
        self.overlaps += begun.filter(|hold| hold.overlap).count() as u64;
    }

    fn rows(&self, goal: &Goal) -> Vec<Row> {
        let free = |name, count| Row { name, count, goal: None };
        let bound = |name, count, goal| Row { name, count, goal: Some(goal) };
        let none = |name, count| bound(name, count, 0);
        let unless = |may, name, count| if may { free(name, count) } else { none(name, count) };
        let mut rows = vec![
            free("ticks expected", self.expected),
            bound("ticks missing", self.missing, self.allowed),
            unless(goal.overlap.is_some(), "ticks collected twice", self.twice),
            none("of these after the overlap", self.twice_late),
            none("of these at two times", self.torn),
            none("false staleness", self.false_stale),
            none("ends without staleness", self.unended),
            free("late by more than a tenth", self.late),
            free("targets that moved", self.moved),
            unless(!goal.still, "moves", self.moves),
            unless(!goal.planned, "starts without a seal", self.unsealed),
            free("starts with a possible overlap", self.overlaps),
            none("what else went wrong", goal.failures.len() as u64),
        ];
        if goal.checkpoints && !goal.crashes.is_empty() {
            rows.push(none("positions older than a rhythm after a crash", self.behind));
        }
        if !goal.crashes.is_empty() {
            rows.push(none(UNEXCUSED, self.unexcused));
        }
        rows.extend(goal.flapped.iter().flat_map(Suspicions::rows));
        rows
    }
}

impl Goal {
    /// What may be missing of a target: for each crash of the one who held it, or to whom it was on its way,
    /// something about its time.
    fn excuses(&self, holds: &[Hold], interval: u64) -> Vec<Excuse> {
        let interval = i64::try_from(interval).unwrap_or(i64::MAX);
        let held = |crash: &&Crash| {
            let by = |hold: &Hold| match &hold.end {
                End::Crashed => (hold.host, hold.until) == (crash.host, crash.at),
                End::Moved(to) => {
                    let meanwhile =
                        crash.at.saturating_sub(ON_ITS_WAY)..=crash.at + crash.detection;
                    to.as_str() == format!("node-{}", crash.host) && meanwhile.contains(&hold.until)
                }
                _ => false,
            };
            holds.iter().any(by)
        };
        let excuse = |crash: &Crash| Excuse::of(since_dawn(crash.at), crash.detection, interval);
        self.crashes.iter().filter(held).map(excuse).collect()
    }

    /// How often a target was collected too often when nobody may any more.
    fn doubles(&self, course: &Course, interval: u64) -> u64 {
        let Some(until) = self.overlap else { return course.extra };
        let step = i64::try_from(interval).unwrap_or(i64::MAX);
        let late = |(from, to): &(i64, i64)| {
            // As many as there are steps to the last, from the first or from the end of the overlap.
            let all = (to - from) / step + 1;
            ((to - until - 1).div_euclid(step) + 1).clamp(0, all)
        };
        course.twice.iter().map(late).sum::<i64>().unsigned_abs()
    }

    /// What stands against the goal.
    fn find(
        &self,
        course: &Course,
        excused: u64,
        (unsealed, behind): (u64, u64),
        doubles: u64,
    ) -> Vec<String> {
        let mut found = Vec::new();
        if course.gaps > excused {
            found.push(format!(
                "{} ticks are missing, {excused} are excused: {}",
                course.gaps,
                ranges(&course.missing)
            ));
        }
        if doubles > 0 {
            found.push(format!("collected twice: {}", ranges(&course.twice)));
        }
        if course.torn > 0 {
            found.push(format!("{} ticks were collected at two times", course.torn));
        }
        if unsealed > 0 && self.planned {
            found.push("taken over without a seal".to_owned());
        }
        if behind > 0 {
            found.push("the position that a crash left is older than a rhythm".to_owned());
        }
        if course.false_stale {
            found.push("said to have ended, and went on".to_owned());
        }
        if course.unended {
            found.push("ended without saying so".to_owned());
        }
        if self.still && course.moves > 0 {
            found.push(format!("moved {} times", course.moves));
        }
        found
    }
}

/// Seconds since the beginning of the world, of an instant in milliseconds since the Unix epoch.
fn seconds(at: i64) -> f64 {
    (at - since_dawn(Duration::ZERO)) as f64 / 1000.0
}

fn ranges(ranges: &[(i64, i64)]) -> String {
    let word = |(from, to): &(i64, i64)| {
        if from == to {
            format!("the tick at {:.3} s", seconds(*from))
        } else {
            format!("the ticks from {:.3} s to {:.3} s", seconds(*from), seconds(*to))
        }
    };
    ranges.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// Who held a target when and why, among what was done to the world meanwhile.
fn tell(
    key: Key,
    course: &Course,
    holds: &[Hold],
    ledger: &Ledger,
    log: &[(Duration, String)],
) -> String {
    let mut lines: Vec<(Duration, String)> =
        log.iter().map(|(at, text)| (*at, format!("-- {text}"))).collect();
    for hold in holds {
        let from = hold.from.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
        let sealed = match hold.sealed {
            Some(0) => "a seal without a tick".to_owned(),
            Some(at) => format!("a seal at {:.3} s", seconds(at)),
            None => "no seal".to_owned(),
        };
        let overlap = if hold.overlap { ", maybe overlapping" } else { "" };
        let host = hold.host;
        lines.push((hold.since, format!("node-{host} starts it, from {from}, {sealed}{overlap}")));
        let ticks = hold.ticks.map_or_else(|| "no tick".to_owned(), |ticks| ranges(&[ticks]));
        let end = &hold.end;
        lines.push((hold.until, format!("node-{host} has stopped it ({end:?}) after {ticks}")));
    }
    let troubles = course.missing.iter().chain(&course.twice);
    let instant = |at: i64| Duration::from_secs_f64(seconds(at).max(0.0));
    if let Some((from, to)) = troubles.copied().min() {
        let (from, to) = (instant(from).saturating_sub(AROUND), instant(to) + AROUND);
        lines.extend(ledger.verdicts(from, to).cloned());
        // What was done to the world long before or after has nothing to do with it.
        lines.retain(|(at, text)| !text.starts_with("--") || (from..=to).contains(at));
    }
    lines.sort_by_key(|(at, _)| *at);
    let mut text = format!("  what happened to {key}:\n");
    for (at, line) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:12.3} s  {line}", at.as_secs_f64());
    }
    text
}
