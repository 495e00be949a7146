//! What the rules made of a series, remembered.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use model::Labels;
use tokio::time::Instant;
use xxhash_rust::xxh3::Xxh3Default;

/// How much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounds {
    /// So many series; those that were not seen for longest go first, about.
    Entries(usize),
    /// What was seen within so long, but no more than [`MOST`] series.
    Age(Duration),
}

/// A bound for caches that are bounded by age: some hundred megabytes. A guess.
const MOST: usize = 1_000_000;

type Map = HashMap<Labels, usize, BuildHasherDefault<FixedHasher>>;

/// The hash of label sets within this process. Sets are not chosen by an enemy who could watch it.
#[derive(Default)]
pub(super) struct FixedHasher(Xxh3Default);

impl Hasher for FixedHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.digest()
    }
}

/// A cache with second chances: a hand goes round the entries and takes the first that was not
/// used since it last came by.
#[derive(Debug)]
pub(super) struct Cache {
    bounds: Bounds,
    places: Map,
    entries: Vec<Entry>,
    hand: usize,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Entry {
    input: Labels,
    output: Option<Labels>,
    used: bool,
    seen: Instant,
}

/// How many entries went, and why.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Evicted {
    pub by_age: usize,
}

impl Cache {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, places: Map::default(), entries: Vec::new(), hand: 0, swept: None }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What is remembered of a series: none when nothing is, `Some(None)` when it was dropped.
    pub(super) fn get(&mut self, input: &[u8], now: Instant) -> Option<Option<&Labels>> {
        let entry = &mut self.entries[*self.places.get(input)?];
        entry.used = true;
        entry.seen = now;
        Some(entry.output.as_ref())
    }

    /// Remembers a series that is not remembered yet.
    pub(super) fn insert(&mut self, input: Labels, output: Option<Labels>, now: Instant) {
        let most = match self.bounds {
            Bounds::Entries(most) => most.max(1),
            Bounds::Age(_) => MOST,
        };
        let entry = Entry { input: input.clone(), output, used: false, seen: now };
        if self.entries.len() < most {
            self.places.insert(input, self.entries.len());
            self.entries.push(entry);
            return;
        }
        let place = self.victim();
        self.places.remove(&self.entries[place].input);
        self.places.insert(input, place);
        self.entries[place] = entry;
    }

    fn victim(&mut self) -> usize {
        loop {
            let place = self.hand % self.entries.len();
            self.hand = place + 1;
            if !std::mem::take(&mut self.entries[place].used) {
                return place;
            }
        }
    }

    /// Forgets a series that has ended; says whether it was remembered.
    pub(super) fn remove(&mut self, input: &[u8]) -> bool {
        let Some(place) = self.places.remove(input) else { return false };
        self.take_out(place);
        true
    }

    /// Takes an entry out that is no longer in the map; the last one takes its place.
    fn take_out(&mut self, place: usize) {
        self.entries.swap_remove(place);
        if let Some(moved) = self.entries.get(place) {
            self.places.insert(moved.input.clone(), place);
        }
    }

    /// Forgets what is too old; looks at most once in a quarter of the age.
    pub(super) fn sweep(&mut self, now: Instant) -> Evicted {
        let Bounds::Age(age) = self.bounds else { return Evicted::default() };
        if now.duration_since(*self.swept.get_or_insert(now)) < age / 4 {
            return Evicted::default();
        }
        self.swept = Some(now);
        let before = self.entries.len();
        self.entries.retain(|entry| now.duration_since(entry.seen) <= age);
        if self.entries.len() < before {
            self.places.clear();
            let places = self.entries.iter().enumerate();
            self.places.extend(places.map(|(place, entry)| (entry.input.clone(), place)));
        }
        Evicted { by_age: before - self.entries.len() }
    }
}
