//! In what a peer differs from this node, in one component.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use membership::Name;

use super::Facts;
use super::digest::{bounds, cares};
use super::limits::{DIFFERENCES, DROPPED_PATIENCE, IDLE_PATIENCE, PATIENCE};
use super::wire::Bucket;
use crate::handover::Target;
use crate::{ComponentId, Key};

/// Keys that the two do not agree upon.
#[derive(Debug, Clone, Default)]
pub(super) struct Difference {
    /// Known here and not there.
    pub lacking: BTreeMap<Key, Lack>,
    /// Known there and not here, and whether it is collected there.
    pub extra: BTreeMap<Key, bool>,
    /// The peer's, known there, and not collected there: since when.
    pub idle: BTreeMap<Key, Instant>,
    /// Known here, another's, and collected there.
    pub strays: BTreeSet<Key>,
    /// Collected there and here: since when.
    pub doubled: BTreeMap<Key, Instant>,
    /// There is more than is kept.
    pub truncated: bool,
}

/// A target that a peer does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lack {
    pub since: Instant,
    /// The peer knew it lately.
    pub dropped: bool,
}

/// Why a node does not collect what it owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It does not know the target: its discovery is behind, or its configuration differs.
    Unknown,
    /// Its discovery lost the target: most likely the target is gone, and this node's is behind.
    Dropped,
    /// It knows the target: the two do not agree about who takes part.
    Idle,
}

impl Why {
    /// How long it must last before another node acts on it.
    pub(super) fn patience(self) -> Duration {
        match self {
            Self::Unknown => PATIENCE,
            Self::Dropped => DROPPED_PATIENCE,
            Self::Idle => IDLE_PATIENCE,
        }
    }
}

impl Difference {
    pub(super) fn is_empty(&self) -> bool {
        self.lacking.is_empty()
            && self.extra.is_empty()
            && self.idle.is_empty()
            && self.strays.is_empty()
            && self.doubled.is_empty()
    }

    fn len(&self) -> usize {
        self.lacking.len()
            + self.extra.len()
            + self.idle.len()
            + self.strays.len()
            + self.doubled.len()
    }

    /// Why the peer does not collect a key, and since when; nothing if it does, as far as is known.
    pub(super) fn why(&self, key: Key) -> Option<(Why, Instant)> {
        let lack = self.lacking.get(&key).map(|lack| {
            let why = if lack.dropped { Why::Dropped } else { Why::Unknown };
            (why, lack.since)
        });
        lack.or_else(|| self.idle.get(&key).map(|since| (Why::Idle, *since)))
    }

    /// Forgets what was found in the buckets from `first` to before `next`; what is found again keeps
    /// its age.
    pub(super) fn take(&mut self, first: u16, next: u16) -> Self {
        let mut before = Self::default();
        if first >= next {
            return before;
        }
        let range = bounds(first).0..=bounds(next - 1).1;
        fn part<T>(
            map: &mut BTreeMap<Key, T>,
            range: &std::ops::RangeInclusive<Key>,
        ) -> BTreeMap<Key, T> {
            let keys: Vec<Key> = map.range(range.clone()).map(|(key, _)| *key).collect();
            keys.iter().filter_map(|key| map.remove_entry(key)).collect()
        }
        before.lacking = part(&mut self.lacking, &range);
        before.extra = part(&mut self.extra, &range);
        before.idle = part(&mut self.idle, &range);
        self.strays.retain(|key| !range.contains(key));
        before.doubled = part(&mut self.doubled, &range);
        before
    }

    /// Compares one bucket of `peer` with what this node knows and does.
    pub(super) fn compare(
        &mut self,
        before: &Self,
        (component, peer): (&ComponentId, &Name),
        bucket: &Bucket,
        facts: &Facts<'_>,
        now: Instant,
    ) {
        let theirs: BTreeMap<Key, bool> =
            bucket.keys.iter().map(|(key, collected)| (Key::from(*key), *collected)).collect();
        let (first, last) = bounds(bucket.number);
        for (key, owner) in facts.assignment.owners_between(component, first, last) {
            if self.len() >= DIFFERENCES {
                self.truncated = true;
                return;
            }
            match theirs.get(&key) {
                None => {
                    let since = before.lacking.get(&key).map_or(now, |lack| lack.since);
                    let dropped = bucket.dropped.binary_search(&key.as_u64()).is_ok();
                    self.lacking.insert(key, Lack { since, dropped });
                }
                Some(false) if owner == Some(peer) => {
                    let since = before.idle.get(&key).copied().unwrap_or(now);
                    self.idle.insert(key, since);
                }
                Some(true) if owner != Some(peer) => drop(self.strays.insert(key)),
                Some(_) => {}
            }
        }
        for (key, collected) in theirs {
            if self.len() >= DIFFERENCES {
                self.truncated = true;
                return;
            }
            if !facts.assignment.knows(component, key) {
                self.extra.insert(key, collected);
            }
            let target = Target::new(component, key);
            let here = facts.handover.standing(&target).is_some_and(|standing| cares(&standing));
            if collected && here {
                let since = before.doubled.get(&key).copied().unwrap_or(now);
                self.doubled.insert(key, since);
            }
        }
    }
}
