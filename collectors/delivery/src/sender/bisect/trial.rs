//! Which samples of a scrape are tried alone, and what is told by them.

use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::atom::{Atom, Origin};

/// The size of parts of which some samples are tried alone, whatever came before: so small that
/// most are doubles if a target was collected twice, and so large that a part is worth the tries.
pub(super) const WORTH_TRYING: std::ops::Range<usize> = 32..64;
/// One in so many samples of a part is tried alone: a target has more series than that, so a
/// target that is no double is not missed.
const STRIDE: usize = 32;
/// Samples that are tried alone at least and at most, of a part that is worth it.
const TRIES: std::ops::RangeInclusive<usize> = MANY_TRIES..=32;
/// So many that are all there tell of a scrape even if another sample of it was not.
pub(super) const MANY_TRIES: usize = 8;
/// Samples that are tried alone of a smaller part, of which nothing is remembered.
const FEW_TRIES: usize = 4;

/// Samples of one scrape, of which a few are tried alone.
#[derive(Debug, Default)]
pub(super) struct Trial {
    /// The scrape.
    pub(super) origin: Option<Origin>,
    /// Those that are tried, in this order.
    pub(super) picks: Vec<Atom>,
    /// Those that the backend has, too, if it has all that are tried.
    pub(super) doubtful: Vec<Atom>,
    /// Those that are sent whatever comes of it.
    pub(super) others: Vec<Atom>,
    /// How many requests that took.
    pub(super) requests: usize,
    /// How many were tried.
    pub(super) tried: usize,
    /// How many of those the backend has.
    pub(super) doubles: usize,
}

impl Trial {
    /// Whether the backend has all that was tried.
    pub(super) fn is_double(&self) -> bool {
        self.tried > 0 && self.doubles == self.tried
    }

    /// All of it, of which nothing was tried.
    pub(super) fn cancelled(self) -> Vec<Atom> {
        let Self { picks, doubtful, others, .. } = self;
        [picks, doubtful, others].concat()
    }

    fn pick(&mut self, picks: &BTreeSet<usize>) {
        for (index, atom) in std::mem::take(&mut self.doubtful).into_iter().enumerate() {
            let is_picked = picks.contains(&index);
            if is_picked { &mut self.picks } else { &mut self.doubtful }.push(atom);
        }
        // Who has a scrape has this of it: where it is taken nothing else has to be tried.
        self.picks.sort_by_key(|atom| !atom.tells());
        self.origin = self.picks.first().map(Atom::origin);
    }
}

/// Trials of every scrape in a part.
pub(super) fn of_all(atoms: Vec<Atom>) -> Vec<Trial> {
    let mut scrapes: BTreeMap<Origin, Trial> = BTreeMap::new();
    for atom in atoms {
        let scrape = scrapes.entry(atom.origin()).or_default();
        if atom.is_exemplar() { &mut scrape.others } else { &mut scrape.doubtful }.push(atom);
    }
    let alone = scrapes.values().filter(|scrape| !scrape.doubtful.is_empty()).count() == 1;
    let mut trials: Vec<Trial> = scrapes.into_values().collect();
    for trial in trials.iter_mut().filter(|trial| !trial.doubtful.is_empty()) {
        trial.pick(&picks(&trial.doubtful, alone));
    }
    trials
}

/// Takes the scrapes of which some series are remembered, to try a few of those: `since` tells since
/// when each of the samples' series has been refused, if it has.
pub(super) fn of_known(atoms: &mut Vec<Atom>, since: &[Option<i64>]) -> Vec<Trial> {
    let mut known: BTreeMap<Origin, Vec<i64>> = BTreeMap::new();
    for (atom, since) in atoms.iter().zip(since) {
        if let Some(since) = since {
            known.entry(atom.origin()).or_default().push(*since);
        }
    }
    if known.is_empty() {
        return Vec::new();
    }
    let mut scrapes: BTreeMap<Origin, Trial> = BTreeMap::new();
    for (atom, since) in std::mem::take(atoms).into_iter().zip(since) {
        if known.contains_key(&atom.origin()) {
            let scrape = scrapes.entry(atom.origin()).or_default();
            if since.is_some() { &mut scrape.doubtful } else { &mut scrape.others }.push(atom);
        } else {
            atoms.push(atom);
        }
    }
    for (origin, trial) in &mut scrapes {
        let is_whole = trial.others.iter().all(Atom::is_exemplar);
        trial.pick(&match is_whole {
            true => picks(&trial.doubtful, false),
            false => picks_of_known(&trial.doubtful, &known[origin]),
        });
    }
    scrapes.into_values().collect()
}

/// Which samples of one scrape are tried: some from its page, since of a target that only this node
/// reaches another may have written what it says of the scrape itself; and what differs from scrape to
/// scrape of the same instant, which tells a double best: a receiver takes the same value again.
fn picks(scrape: &[Atom], alone: bool) -> BTreeSet<usize> {
    let among = page_of(scrape);
    let size = among.len();
    let tries = match size {
        _ if alone && size < WORTH_TRYING.start => FEW_TRIES.min(size),
        _ if alone => (size / STRIDE).clamp(*TRIES.start(), *TRIES.end()),
        _ => (size / STRIDE).clamp(1, *TRIES.end()),
    };
    let stride = size / tries;
    // Here and there, and not always the same one of each stretch: the doubles may be every other one.
    // A single one is another in each scrape: what is no double may have been missed in the one before.
    let turn = match scrape.first() {
        Some(first) if tries == 1 => first.timestamp.cast_unsigned(),
        _ => 0,
    };
    let somewhere = |pick: usize| xxh3_64_with_seed(&pick.to_le_bytes(), turn) as usize;
    let mut picks: BTreeSet<usize> =
        (0..tries).map(|pick| among[pick * stride + somewhere(pick + 1) % stride]).collect();
    picks.extend(scrape.iter().position(Atom::tells));
    picks
}

/// Which of the known doubles of one scrape are tried where the rest of it was taken the last time, as
/// that of a page that has hardly changed between two who collect it: those that have been refused for
/// longest, because they change all the time.
fn picks_of_known(known: &[Atom], since: &[i64]) -> BTreeSet<usize> {
    let mut among = page_of(known);
    let tries = (among.len() / STRIDE).clamp(1, *TRIES.end());
    among.sort_by_key(|index| since[*index]);
    among.truncate(tries);
    let mut picks = BTreeSet::from_iter(among);
    picks.extend(known.iter().position(Atom::tells));
    picks
}

/// The indices of what is not a report; of all if there is nothing else.
fn page_of(atoms: &[Atom]) -> Vec<usize> {
    let page: Vec<usize> = (0..atoms.len()).filter(|index| !atoms[*index].is_report()).collect();
    if page.is_empty() { (0..atoms.len()).collect() } else { page }
}

/// Whether no series is there twice, so that the order does not matter, and there are several samples
/// of each scrape, so that trying some of them is worth it.
pub(super) fn are_scrapes(atoms: &[Atom]) -> bool {
    let atoms = || atoms.iter().filter(|atom| !atom.is_exemplar());
    let series: BTreeSet<u64> = atoms().map(|atom| atom.name).collect();
    let scrapes: BTreeSet<Origin> = atoms().map(Atom::origin).collect();
    let count = atoms().count();
    series.len() == count && scrapes.len() * FEW_TRIES <= count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sender::bisect::atom::atoms;
    use crate::wire::v1;

    fn scrape(names: &[&str]) -> Vec<Atom> {
        let label = |name: &str, value: &str| v1::Label { name: name.into(), value: value.into() };
        let series = |name: &&str| v1::TimeSeries {
            labels: vec![label("__name__", name), label("instance", "a")],
            samples: vec![v1::Sample { value: 1.0, timestamp: 1_000 }],
            ..v1::TimeSeries::default()
        };
        names.iter().map(series).flat_map(atoms).collect()
    }

    fn names(atoms: &[Atom]) -> Vec<&str> {
        atoms.iter().filter_map(|atom| atom.series.label("__name__")).collect()
    }

    #[test]
    fn of_known_doubles_the_one_that_is_refused_for_longest_is_tried_and_the_others_go_with_it() {
        let tells = "scrape_duration_seconds";
        let mut atoms = scrape(&["a", "b", "c", "d", "up", tells]);
        let since = [Some(300), Some(200), Some(i64::MAX), None, None, Some(100)];
        let trials = of_known(&mut atoms, &since);
        assert_eq!(names(&atoms), [""; 0]);
        assert_eq!(trials.len(), 1);
        assert_eq!(names(&trials[0].picks), [tells, "b"]);
        assert_eq!(names(&trials[0].doubtful), ["a", "c"]);
        assert_eq!(names(&trials[0].others), ["d", "up"]);
    }

    #[test]
    fn a_scrape_of_which_nothing_is_known_stays_where_it_is() {
        let mut atoms = scrape(&["a", "b"]);
        assert!(of_known(&mut atoms, &[None, None]).is_empty());
        assert!(of_known(&mut atoms, &[]).is_empty());
        assert_eq!(names(&atoms), ["a", "b"]);
    }
}
