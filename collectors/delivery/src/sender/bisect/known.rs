//! The memory of what was refused: where two collect the same for long, the backend has the same series
//! of each scrape.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::atom::Atom;

/// For how long a series is remembered, by the timestamps of its samples, in milliseconds: then it has to be
/// refused alone once more, since who else wrote it may have ceased to. Where the interval is longer, every
/// scrape is looked at as the first one.
const REMEMBERED_MS: i64 = 600_000;
/// Series that are remembered at most: some 30 MB for each endpoint. The others are looked for again each
/// time.
const MOST_REMEMBERED: usize = 500_000;
/// How often what is past its time is forgotten, at most: that looks at everything.
const PRUNE_EVERY: Duration = Duration::from_secs(10);

/// The series whose last sample was a double.
#[derive(Debug, Default)]
pub(in crate::sender) struct KnownDoubles {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    series: HashMap<u64, Double>,
    pruned_at: Option<Instant>,
}

#[derive(Debug)]
struct Double {
    /// The timestamp of the last sample that was refused alone, or of the first that was given up.
    last: i64,
    /// The first of the samples since when all that were tried alone were refused; [`GUESSED`] if none
    /// was tried.
    since: i64,
}

/// Later than any timestamp.
const GUESSED: i64 = i64::MAX;

impl KnownDoubles {
    fn state(&self) -> MutexGuard<'_, State> {
        // What is remembered is a guess: half of a change does no harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when each of these has been a double, if it has; nothing at all if nothing is remembered.
    pub(super) fn since(&self, atoms: &[Atom]) -> Vec<Option<i64>> {
        let state = self.state();
        if state.series.is_empty() {
            return Vec::new();
        }
        let since = |atom: &Atom| {
            let double = state.series.get(&atom.name).filter(|_| !atom.is_exemplar())?;
            let age = atom.timestamp.saturating_sub(double.last);
            (age < REMEMBERED_MS).then_some(double.since)
        };
        atoms.iter().map(since).collect()
    }

    /// These were given up: because they were refused, each `alone`, or because others were.
    pub(super) fn note(&self, atoms: &[Atom], alone: bool, now: Instant) {
        let mut state = self.state();
        for atom in atoms {
            // What is of no target has nothing in common with others.
            if atom.target.is_some() && !atom.is_exemplar() {
                state.note(atom, alone, now);
            }
        }
    }

    /// These were taken.
    pub(super) fn forget(&self, atoms: &[Atom]) {
        let mut state = self.state();
        if !state.series.is_empty() {
            for atom in atoms.iter().filter(|atom| !atom.is_exemplar()) {
                state.series.remove(&atom.name);
            }
        }
    }
}

impl State {
    fn note(&mut self, atom: &Atom, alone: bool, now: Instant) {
        let last = atom.timestamp;
        let since = if alone { last } else { GUESSED };
        if let Some(double) = self.series.get_mut(&atom.name) {
            if alone {
                double.last = last;
                double.since = double.since.min(since);
            }
            return;
        }
        let is_due = |pruned: Instant| now.saturating_duration_since(pruned) >= PRUNE_EVERY;
        if self.pruned_at.is_none_or(is_due) {
            self.pruned_at = Some(now);
            self.series.retain(|_, double| last.saturating_sub(double.last) < REMEMBERED_MS);
        }
        if self.series.len() < MOST_REMEMBERED {
            self.series.insert(atom.name, Double { last, since });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::v1;

    fn atom(name: u64, timestamp: i64) -> Atom {
        Atom { timestamp, name, target: Some(1), series: v1::TimeSeries::default() }
    }

    fn is_known(doubles: &KnownDoubles, name: u64, timestamp: i64) -> bool {
        doubles.since(&[atom(name, timestamp)]).first().is_some_and(Option::is_some)
    }

    #[test]
    fn a_series_is_known_until_its_sample_is_taken_or_for_ten_minutes() {
        let (doubles, now) = (KnownDoubles::default(), Instant::now());
        assert_eq!(doubles.since(&[atom(1, 0)]), []);
        doubles.note(&[atom(1, 1_000), atom(2, 1_000)], false, now);
        assert_eq!(doubles.since(&[atom(1, 2_000), atom(3, 2_000)]), [Some(GUESSED), None]);
        for timestamp in [2_000, 3_000] {
            doubles.note(&[atom(1, timestamp)], true, now);
            assert_eq!(doubles.since(&[atom(1, 4_000)]), [Some(2_000)]);
        }
        assert!(is_known(&doubles, 2, 1_000 + REMEMBERED_MS - 1));
        assert!(!is_known(&doubles, 2, 1_000 + REMEMBERED_MS));
        doubles.note(&[atom(1, 400_000)], false, now);
        assert!(!is_known(&doubles, 1, 3_000 + REMEMBERED_MS), "because of others alone");
        doubles.forget(&[atom(1, 5_000)]);
        assert!(!is_known(&doubles, 1, 6_000), "it was taken");
        let homeless = Atom { target: None, ..atom(4, 1_000) };
        doubles.note(&[homeless], true, now);
        assert!(!is_known(&doubles, 4, 1_000));
    }

    #[test]
    fn what_is_known_stays_so_when_there_is_no_room_and_what_is_old_makes_room() {
        let (doubles, now) = (KnownDoubles::default(), Instant::now());
        let all: Vec<Atom> = (0..MOST_REMEMBERED as u64).map(|name| atom(name, 0)).collect();
        doubles.note(&all, true, now);
        let late = REMEMBERED_MS;
        doubles.note(&[atom(0, late), atom(MOST_REMEMBERED as u64, late)], true, now);
        assert!(is_known(&doubles, 0, late), "it had a place");
        assert!(!is_known(&doubles, MOST_REMEMBERED as u64, late), "it has none");
        doubles.note(&[atom(MOST_REMEMBERED as u64, late)], true, now + PRUNE_EVERY);
        assert!(is_known(&doubles, MOST_REMEMBERED as u64, late));
        assert_eq!(doubles.state().series.len(), 2);
    }
}
