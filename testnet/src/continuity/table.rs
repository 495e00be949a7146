//! What a scenario came to, what it should have come to, and where it did not: pure.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::course::{Course, Held};
use super::excuse::{Excuse, excused};
use crate::ledger::{Account, ObjectionKind};

/// What a scenario may cost. Nothing, unless it says so.
#[derive(Debug, Clone, Default)]
pub struct Goal {
    /// A node was killed.
    pub crash: Option<Crash>,
    /// All moves are planned: who takes over has the target in time, so that no more than one in
    /// [`PUNCTUAL`] of their first samples bears the time at which it was late.
    pub planned: bool,
    /// What a flapping link did to membership, which is to suspect and to bury nobody.
    pub flapped: Option<Suspicions>,
    /// Until when two nodes may collect the same, each without knowing of the other, in milliseconds
    /// since the Unix epoch: doubles of one timestamp are kept once, and may be refused. A tick at two
    /// times may be there only where a scrape was late. `None` when nobody may.
    pub overlap: Option<i64>,
}

/// Of so many planned moves one may have a first sample that is late: some are of targets that are due
/// just then.
pub const PUNCTUAL: u64 = 10;

/// Of so many planned moves one may begin with a scrape that fails: a target may be slow just then.
pub const SOUND: u64 = 100;

/// What nodes thought of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Suspicions {
    /// How often one suspected another.
    pub raised: u64,
    /// How often one was taken for dead.
    pub confirmed: u64,
    /// How often a link was cut for so much longer than it was meant to be that this may well be: the
    /// machine was too busy to mend it in time.
    pub overlong: u64,
}

/// The row of ticks that are missing at other times than that of a crash, or that are too many for it, of any
/// one target; beside it, what all targets of the victim may miss together is no measure.
pub const UNEXCUSED: &str = "missing beyond what a crash costs";

/// The row of [`Suspicions::overlong`].
pub const OVERLONG: &str = "flaps that took too long";

impl Suspicions {
    /// That a link flapped, and nobody fell for it.
    pub(crate) fn rows(&self) -> [Row; 4] {
        let unnoticed = u64::from(self.raised == 0);
        [
            ("suspicions", self.raised, None),
            ("flaps that nobody noticed", unnoticed, Some(0)),
            ("nodes taken for dead", self.confirmed, Some(0)),
            (OVERLONG, self.overlong, None),
        ]
        .map(|(name, count, goal)| Row { name, count, goal })
    }
}

/// A node that was killed.
#[derive(Debug, Clone)]
pub struct Crash {
    /// Which.
    pub node: String,
    /// When, in milliseconds since the Unix epoch.
    pub at: i64,
    /// How long it took until every other node knew.
    pub detection: Duration,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What is counted.
    pub name: &'static str,
    /// How much of it there was.
    pub count: u64,
    /// How much there may be; `None` when it is for information.
    pub goal: Option<u64>,
}

impl Row {
    /// Whether the goal is met.
    pub fn met(&self) -> bool {
        self.goal.is_none_or(|goal| self.count <= goal)
    }
}

/// Something that should not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The target, by its `instance`; empty when it is about none.
    pub target: String,
    /// What, when and by whom.
    pub text: String,
}

/// The table of one run.
#[derive(Debug, Clone, Serialize)]
pub struct Table {
    /// A sentence about what was run.
    pub head: String,
    /// What was counted.
    pub rows: Vec<Row>,
    /// How long it took the others to know of a crash.
    pub detection: Option<Duration>,
    /// What stands against the goal, the first [`FINDINGS`] of it.
    pub findings: Vec<Finding>,
}

/// What no machine is too busy for. Where answers come too late, two collect the same for a while, or
/// nobody does: of that come ticks that are missing, doubles, samples out of order, and ends that one of two
/// tells of.
const SURE: [&str; 4] = [
    "rejected otherwise",
    "requests refused otherwise",
    "ends without staleness",
    "jumps of phase",
];

/// Findings that are told.
pub const FINDINGS: usize = 40;

impl Table {
    /// Judges what became of the targets. `interval` is in milliseconds.
    pub fn of(
        head: String,
        account: &Account,
        courses: &[Course],
        goal: &Goal,
        interval: i64,
    ) -> Self {
        let judge = Judge { account, courses, goal, interval };
        Self {
            head,
            rows: judge.rows(),
            detection: goal.crash.as_ref().map(|crash| crash.detection),
            findings: judge.findings(),
        }
    }

    /// Whether every goal is met.
    pub fn met(&self) -> bool {
        self.rows.iter().all(Row::met)
    }

    /// Whether the goals are met that no machine is too busy for.
    pub fn met_when_busy(&self) -> bool {
        self.rows.iter().filter(|row| SURE.contains(&row.name)).all(Row::met)
    }

    /// A count by the name of its row; 0 when there is no such row.
    pub fn count(&self, name: &str) -> u64 {
        self.rows.iter().find(|row| row.name == name).map_or(0, |row| row.count)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.head)?;
        for row in &self.rows {
            let Row { name, count, .. } = row;
            write!(formatter, "  {name:<34} {count:>8}")?;
            match row.goal {
                Some(goal) if row.met() => writeln!(formatter, "   at most {goal}: met")?,
                Some(goal) => writeln!(formatter, "   at most {goal}: NOT MET")?,
                None => writeln!(formatter)?,
            }
        }
        if let Some(detection) = self.detection {
            writeln!(
                formatter,
                "  {:<34} {:>8} ms",
                "crash known to all after",
                detection.as_millis()
            )?;
        }
        for finding in &self.findings {
            writeln!(formatter, "  ! {}", finding.text)?;
        }
        Ok(())
    }
}

struct Judge<'a> {
    account: &'a Account,
    courses: &'a [Course],
    goal: &'a Goal,
    interval: i64,
}

impl Judge<'_> {
    fn sum(&self, of: impl Fn(&Course) -> usize) -> u64 {
        self.courses.iter().map(|course| of(course) as u64).sum()
    }

    fn rows(&self) -> Vec<Row> {
        let rejected = |kind| self.account.rejected.get(&kind).copied().unwrap_or(0);
        let free = |name, count| Row { name, count, goal: None };
        let bound = |name, count, goal| Row { name, count, goal: Some(goal) };
        let none = |name, count| bound(name, count, 0);
        let when =
            |overlap, name, count| if overlap { free(name, count) } else { none(name, count) };
        let overlap = self.goal.overlap.is_some();
        let refused = |kind| self.account.refused.get(&kind).copied().unwrap_or(0);
        let of_doubles = refused(ObjectionKind::Duplicate) + refused(ObjectionKind::OutOfOrder);
        let expected = self.sum(|course| course.ticks.len());
        let moves = self.sum(|course| course.moves().count());
        let missing = self.sum(|course| course.missing().count());
        let torn = self.sum(|course| course.torn().count());
        let late = self.courses.iter().map(|course| course.late).sum();
        let failed = self.sum(|course| course.ticks.iter().filter(|tick| tick.failed).count());
        let allowed = self.courses.iter().filter_map(|course| self.excuse(course));
        let allowed = allowed.map(|excuse| excuse.most()).sum();
        let mut rows = vec![
            free("ticks expected", expected),
            bound("ticks missing", missing, allowed),
            when(overlap, "ticks written twice", self.sum(|course| course.doubles().count())),
            none("samples kept twice", self.account.kept_twice),
            // Where two collect the same, a scrape that was late on one side is stored beside the other.
            bound("ticks stored at two times", torn, if overlap { late } else { 0 }),
            when(overlap, "rejected as duplicates", rejected(ObjectionKind::Duplicate)),
            none("rejected as out of order", rejected(ObjectionKind::OutOfOrder)),
            none("rejected otherwise", rejected(ObjectionKind::Other)),
            // Each of these is sent again in parts until what is rejected stands alone.
            when(overlap, "requests refused for doubles", of_doubles),
            none("requests refused otherwise", refused(ObjectionKind::Other)),
            none("false staleness", self.sum(|course| course.false_stale.len())),
            none("ends without staleness", self.sum(|course| usize::from(course.unended))),
            none("jumps of phase", self.sum(|course| course.jumps.len())),
            free("late by more than a tenth", late),
            free("failed scrapes", failed),
            free(
                "scraped beyond once a tick",
                self.courses.iter().map(|course| course.extra_scrapes).sum(),
            ),
            free("targets that moved", self.sum(|c| usize::from(c.moves().next().is_some()))),
            free("moves", moves),
        ];
        // What is late or fails where nothing moved is the machine's fault, and no less a share of what moved
        // may be.
        let share = |all: u64, moved: u64| {
            let (elsewhere, others) = (all.saturating_sub(moved), expected.saturating_sub(moves));
            (moves * elsewhere).div_ceil(others.max(1))
        };
        let first_late = self.sum(|course| course.moves().filter(|tick| tick.late).count());
        let first_failed = self.sum(|course| course.moves().filter(|tick| tick.failed).count());
        for (name, count, goal) in [
            (
                "moves with a late first sample",
                first_late,
                moves / PUNCTUAL + share(late, first_late),
            ),
            (
                "moves with a failed first scrape",
                first_failed,
                moves / SOUND + share(failed, first_failed),
            ),
        ] {
            rows.push(if self.goal.planned { bound(name, count, goal) } else { free(name, count) });
        }
        rows.extend(self.goal.flapped.iter().flat_map(Suspicions::rows));
        if self.goal.crash.is_some() {
            rows.push(none(UNEXCUSED, self.sum(|course| self.unexcused(course))));
        }
        if overlap {
            let doubles =
                self.sum(|course| course.doubles().filter(|tick| self.ended(tick.at)).count());
            let rejected = self.account.objections.iter().filter(|objection| {
                objection.kind == ObjectionKind::Duplicate && self.ended(objection.sample.timestamp)
            });
            rows.push(none("written twice after the overlap", doubles));
            rows.push(none("rejected after the overlap", rejected.count() as u64));
        }
        rows
    }

    /// Whether nobody may collect what another collects any more, at an instant.
    fn ended(&self, at: i64) -> bool {
        self.goal.overlap.is_none_or(|until| at > until)
    }

    /// What the crash may cost a target, if the victim held it.
    fn excuse(&self, course: &Course) -> Option<Excuse> {
        let crash = self.goal.crash.as_ref()?;
        let held = course.holder_before(crash.at);
        let by_victim = self.account.names(held).contains(&crash.node.as_str());
        by_victim.then(|| Excuse::of(crash.at, crash.detection, self.interval))
    }

    /// How many of a target's ticks are missing beyond that.
    fn unexcused(&self, course: &Course) -> usize {
        let missing = course.missing().map(|tick| tick.at);
        course.missing().count() - excused(self.excuse(course).as_slice(), missing) as usize
    }

    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let moments = Moments::new(self.account);
        for course in self.courses {
            let mut say = |text: String| {
                let target = course.expected.instance.clone();
                let text = format!("{target}: {text}");
                findings.push(Finding { target, text });
            };
            let unexcused = self.unexcused(course);
            if unexcused > 0 {
                let missing: Vec<&Held> = course.missing().collect();
                for tick in &missing {
                    say(moments.missing(course, tick, missing.len(), missing.len() - unexcused));
                }
            }
            let doubles = course.doubles().filter(|tick| self.ended(tick.at));
            doubles.for_each(|tick| say(moments.double(tick)));
            for at in course.false_stale.iter().take(1) {
                say(format!("said to have ended at {}", Clock(*at)));
            }
            if course.unended {
                say("ended without saying so".to_owned());
            }
            for at in course.jumps.iter().take(1) {
                say(format!("a sample at {} is out of phase", Clock(*at)));
            }
        }
        for objection in &self.account.objections {
            let is_double = objection.kind == ObjectionKind::Duplicate;
            if is_double && !self.ended(objection.sample.timestamp) {
                continue;
            }
            let target = objection.sample.labels.get("instance").unwrap_or_default().to_owned();
            findings.push(Finding { target, text: objection.to_string() });
        }
        findings.truncate(FINDINGS);
        findings
    }
}

/// Words for what happened when.
struct Moments<'a> {
    account: &'a Account,
}

impl<'a> Moments<'a> {
    fn new(account: &'a Account) -> Self {
        Self { account }
    }

    fn who(&self, by: u64) -> String {
        let names = self.account.names(by);
        if names.is_empty() { "nobody".to_owned() } else { names.join(" and ") }
    }

    fn missing(&self, course: &Course, tick: &Held, missing: usize, excused: usize) -> String {
        let (before, after) = (course.holder_before(tick.at), course.holder_after(tick.at));
        format!(
            "no tick at {} in {} series; held by {} before and {} after ({missing} missing, {excused} excused)",
            Clock(tick.at),
            tick.lacking,
            self.who(before),
            self.who(after),
        )
    }

    fn double(&self, tick: &Held) -> String {
        format!("stored more than once at {} by {}", Clock(tick.at), self.who(tick.by))
    }
}

/// The time of day, in UTC, to the millisecond: as the nodes' logs have it.
pub(super) struct Clock(pub(super) i64);

impl fmt::Display for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.0.rem_euclid(86_400_000);
        let (seconds, millis) = (day / 1000, day % 1000);
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        write!(formatter, "{:02}:{:02}:{seconds:02}.{millis:03}", minutes / 60, minutes % 60)
    }
}
