//! What the rules made of a series, remembered.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use model::{Labels, LabelsRef};
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_64_with_seed;

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

/// Places by the hash of a label set, which needs no further hashing.
type Places = HashMap<u64, usize, BuildHasherDefault<AlreadyHashed>>;

#[derive(Default)]
pub(super) struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A cache with second chances: a hand goes round the entries and takes the first that was not
/// used since it last came by. Two sets with one hash, which is next to never, share a place: the
/// later one has it.
#[derive(Debug)]
pub(super) struct Cache {
    bounds: Bounds,
    places: Places,
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

impl Cache {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, places: Places::default(), entries: Vec::new(), hand: 0, swept: None }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What is remembered of a series: none when nothing is, `Some(None)` when it was dropped.
    pub(super) fn get(&mut self, input: LabelsRef<'_>, now: Instant) -> Option<Option<&Labels>> {
        let entry = &mut self.entries[*self.places.get(&input.hash64())?];
        if entry.input.borrowed() != input {
            return None;
        }
        entry.used = true;
        entry.seen = now;
        Some(entry.output.as_ref())
    }

    /// Remembers a series that is not remembered yet.
    pub(super) fn insert(&mut self, input: Labels, output: Option<Labels>, now: Instant) {
        let hash = input.borrowed().hash64();
        let entry = Entry { input, output, used: false, seen: now };
        let most = match self.bounds {
            Bounds::Entries(most) => most.max(1),
            Bounds::Age(_) => MOST,
        };
        if let Some(&place) = self.places.get(&hash) {
            self.entries[place] = entry;
        } else if self.entries.len() < most {
            self.places.insert(hash, self.entries.len());
            self.entries.push(entry);
        } else {
            let place = self.victim();
            self.places.remove(&self.entries[place].hash());
            self.places.insert(hash, place);
            self.entries[place] = entry;
        }
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
    pub(super) fn remove(&mut self, input: LabelsRef<'_>) -> bool {
        let hash = input.hash64();
        let Some(&place) = self.places.get(&hash) else { return false };
        if self.entries[place].input.borrowed() != input {
            return false;
        }
        self.places.remove(&hash);
        self.entries.swap_remove(place);
        // The last one has taken its place.
        if let Some(moved) = self.entries.get(place) {
            self.places.insert(moved.hash(), place);
        }
        true
    }

    /// Forgets what is too old, and says how much; looks at most once in a quarter of the age.
    pub(super) fn sweep(&mut self, now: Instant) -> usize {
        let Bounds::Age(age) = self.bounds else { return 0 };
        if now.duration_since(*self.swept.get_or_insert(now)) < age / 4 {
            return 0;
        }
        self.swept = Some(now);
        let before = self.entries.len();
        self.entries.retain(|entry| now.duration_since(entry.seen) <= age);
        if self.entries.len() < before {
            self.places.clear();
            let places = self.entries.iter().enumerate();
            self.places.extend(places.map(|(place, entry)| (entry.hash(), place)));
        }
        before - self.entries.len()
    }
}

impl Entry {
    fn hash(&self) -> u64 {
        self.input.borrowed().hash64()
    }
}
