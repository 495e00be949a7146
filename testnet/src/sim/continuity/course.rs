//! What became of one target, tick by tick, without looking at any tick: pure.

use model::tick;
use ownership::Key;

use crate::sim::world::since_dawn;
use crate::sim::{End, Hold};

#[cfg(test)]
mod tests;

/// Ticks that should have been collected. Milliseconds since the Unix epoch.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    /// Of which targets.
    pub keys: Vec<Key>,
    /// After this instant.
    pub from: i64,
    /// Until this one, and including it.
    pub until: i64,
    /// Whether the series of these targets end after that.
    pub ends: bool,
}

/// What became of a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Course {
    /// How many ticks were expected.
    pub expected: u64,
    /// The first and the last tick of each gap.
    pub missing: Vec<(i64, i64)>,
    /// The first and the last tick of each stretch that was collected more than once.
    pub twice: Vec<(i64, i64)>,
    /// Ticks in these gaps, and collections too many.
    pub gaps: u64,
    pub extra: u64,
    /// Ticks that were collected more than once, and once of these so late that they bear two times: no
    /// backend can tell that they are the same.
    pub torn: u64,
    /// Whether it was said that its series had ended, and they went on.
    pub false_stale: bool,
    /// Whether its series should have ended, and nobody said so.
    pub unended: bool,
    /// How often the one who stored it became another.
    pub moves: u64,
}

/// Follows a target through its holds. `interval` is in milliseconds.
pub(super) fn course(key: Key, holds: &[Hold], expected: &Expected, interval: u64) -> Course {
    let step = i64::try_from(interval).unwrap_or(i64::MAX);
    let number = key.as_u64();
    let first = tick::next(number, interval, expected.from);
    let last = tick::last(number, interval, expected.until);
    let mut ranges: Vec<(i64, i64, usize)> = holds
        .iter()
        .filter_map(|hold| hold.ticks.map(|(from, to)| (from.max(first), to.min(last), hold.host)))
        .filter(|(from, to, _)| from <= to)
        .collect();
    ranges.sort_unstable();
    let count = |from: i64, to: i64| u64::try_from((to - from) / step + 1).unwrap_or_default();
    let mut course = Course::default();
    if first <= last {
        course.expected = count(first, last);
    }
    // The first tick that nobody has collected so far.
    let mut next = first;
    let mut holder = None;
    for (from, to, host) in ranges {
        if from > next {
            course.missing.push((next, from - step));
            course.gaps += count(next, from - step);
        }
        if from < next {
            let twice = (from, to.min(next - step));
            course.twice.push(twice);
            course.extra += count(twice.0, twice.1);
        }
        next = next.max(to + step);
        course.moves += u64::from(holder.is_some_and(|holder| holder != host));
        holder = Some(host);
    }
    if next <= last {
        course.missing.push((next, last));
        course.gaps += count(next, last);
    }
    // Only the first tick of a hold can be late.
    let late = holds.iter().filter(|hold| hold.late).filter_map(|hold| hold.ticks);
    let twice = |at: i64| course.twice.iter().any(|(from, to)| (*from..=*to).contains(&at));
    course.torn = late.filter(|(first, _)| twice(*first)).count() as u64;
    course.judge_ends(holds, expected);
    course
}

impl Course {
    /// When each tick was due that is missing.
    pub(super) fn missing_ticks(&self, interval: u64) -> impl Iterator<Item = i64> {
        let step = usize::try_from(interval).unwrap_or(usize::MAX);
        self.missing.iter().flat_map(move |(from, to)| (*from..=*to).step_by(step))
    }

    fn judge_ends(&mut self, holds: &[Hold], expected: &Expected) {
        let newest = holds.iter().filter_map(|hold| Some(hold.ticks?.1)).max();
        let ends = holds.iter().filter(|hold| hold.end == End::Gone);
        let mut ends = ends.map(|hold| since_dawn(hold.until));
        if expected.ends {
            self.unended = newest.is_some_and(|newest| ends.clone().all(|end| end < newest));
            self.false_stale = newest.is_some_and(|newest| ends.any(|end| end < newest));
        } else {
            self.false_stale = ends.next().is_some();
        }
    }
}
