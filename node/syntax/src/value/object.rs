//! Maps that keep the order they were written in.

use std::sync::Arc;

use super::Value;

/// A map from strings to values that keeps its order. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Object(Arc<Entries>);

#[derive(Debug, Default)]
struct Entries {
    entries: Vec<(Arc<str>, Value)>,
    /// Positions in `entries` sorted by key; empty for small objects, which are searched.
    sorted: Vec<u32>,
}

/// Objects up to this size are searched from front to back, which is faster than a binary search.
const SMALL: usize = 8;

impl Object {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let entries = &self.0.entries;
        if self.0.sorted.is_empty() {
            return entries.iter().find(|(known, _)| **known == *key).map(|(_, value)| value);
        }
        let at = |&at: &u32| &entries[at as usize];
        let found = self.0.sorted.binary_search_by(|index| (*at(index).0).cmp(key));
        found.ok().map(|found| &at(&self.0.sorted[found]).1)
    }

    /// Its entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Value)> {
        self.0.entries.iter().map(|(key, value)| (key, value))
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }
}

impl FromIterator<(Arc<str>, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Value)>>(given: I) -> Self {
        let mut entries: Vec<(Arc<str>, Value)> = given.into_iter().collect();
        let mut sorted: Vec<u32> = (0..u32::try_from(entries.len()).unwrap_or(u32::MAX)).collect();
        // Stable, so that of equal keys the later stands behind.
        sorted.sort_by(|&a, &b| entries[a as usize].0.cmp(&entries[b as usize].0));
        let doubles: Vec<(u32, u32)> = sorted
            .windows(2)
            .filter(|pair| entries[pair[0] as usize].0 == entries[pair[1] as usize].0)
            .map(|pair| (pair[0], pair[1]))
            .collect();
        if !doubles.is_empty() {
            return last_of_each(entries);
        }
        if entries.len() <= SMALL {
            sorted.clear();
        }
        entries.shrink_to_fit();
        Self(Arc::new(Entries { entries, sorted }))
    }
}

/// Keeps the first place and the last value of every key.
fn last_of_each(entries: Vec<(Arc<str>, Value)>) -> Object {
    let mut places = std::collections::BTreeMap::new();
    let mut kept: Vec<(Arc<str>, Value)> = Vec::new();
    for (key, value) in entries {
        let place = *places.entry(key.clone()).or_insert(kept.len());
        match kept.get_mut(place) {
            Some(entry) => entry.1 = value,
            None => kept.push((key, value)),
        }
    }
    kept.into_iter().collect()
}

/// Objects are equal when they have the same keys with equal values, in whatever order.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || self.len() == other.len()
                && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}
