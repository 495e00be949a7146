//! Sets of keys in short: what is compared before any list travels.

use std::collections::BTreeMap;

use membership::Name;
use serde::{Deserialize, Serialize};

use super::Facts;
use crate::handover::Standing;
use crate::{Assignment, ComponentId, Key};

/// Parts of the space of keys, each with a digest of its own, so that one key that differs costs the
/// list of a 256th. Keys are hashes, so that their first byte spreads them evenly.
pub(super) const BUCKETS: usize = 256;

/// A set of keys in short, whatever their order: how many, and their sum. Keys are hashes of 64 bits:
/// that two sets have the same digest by chance does not happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// How many keys.
    pub count: u32,
    /// Their sum.
    pub sum: u64,
}

impl Digest {
    /// Takes one more key in.
    pub fn add(&mut self, key: Key) {
        self.count = self.count.wrapping_add(1);
        self.sum = self.sum.wrapping_add(key.as_u64());
    }
}

impl FromIterator<Key> for Digest {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        let mut digest = Self::default();
        keys.into_iter().for_each(|key| digest.add(key));
        digest
    }
}

/// The bucket of a key.
pub(super) fn bucket(key: Key) -> u16 {
    u16::from((key.as_u64() >> 56) as u8)
}

/// Bounds of the keys of a bucket, both included.
pub(super) fn bounds(number: u16) -> (Key, Key) {
    let first = u64::from(number) << 56;
    (Key::from(first), Key::from(first | (u64::MAX >> 8)))
}

/// The sums of all buckets.
pub(super) fn sums(keys: impl Iterator<Item = Key>) -> Vec<u64> {
    let mut sums = vec![0u64; BUCKETS];
    for key in keys {
        let sum = &mut sums[usize::from(bucket(key))];
        // The key itself may be 0.
        *sum = sum.wrapping_add(key.as_u64()).wrapping_add(1);
    }
    sums
}

/// Whether a node that stands so takes care of the key: it collects it, or is about to.
pub(super) fn cares(standing: &Standing) -> bool {
    standing.collects() || matches!(standing, Standing::Claiming { .. })
}

/// The keys of a component that this node takes care of.
pub(super) fn cared<'a>(facts: &Facts<'a>, component: &'a str) -> impl Iterator<Item = Key> + 'a {
    let standings = facts.handover.standings_of(component);
    standings.filter(|(_, standing)| cares(standing)).map(|(key, _)| key)
}

/// What this node knows and collects, and what it expects others to collect, in short. Kept until
/// something changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Digests {
    /// The version of the assignment that is digested here.
    assignment: Option<u64>,
    pub known: BTreeMap<ComponentId, Digest>,
    /// By the hash of the owner's name.
    pub expected: BTreeMap<ComponentId, BTreeMap<u64, Digest>>,
    held: Option<Held>,
}

/// What is held here, in short.
#[derive(Debug, Clone, Default)]
pub(super) struct Held {
    /// The version of the handover that is digested here.
    handover: u64,
    pub collected: BTreeMap<ComponentId, Digest>,
    /// Keys of this node that it takes no care of.
    pub idle: usize,
    /// Keys that this node collects in the place of an owner that does not know them.
    pub covered: usize,
}

impl Digests {
    /// Lets what is known and expected follow the assignment: a look at every key if that has changed.
    pub(super) fn follow(&mut self, assignment: &Assignment) {
        if self.assignment == Some(assignment.version()) {
            return;
        }
        self.assignment = Some(assignment.version());
        self.held = None;
        self.known.clear();
        self.expected.clear();
        for (component, _) in assignment.components() {
            self.known.insert(component.clone(), assignment.keys(component).collect());
            let owned = assignment.gather(component, |digest: &mut Digest, key| digest.add(key));
            let owned = owned.filter(|(_, digest)| digest.count > 0);
            let owned = owned.map(|(name, digest)| (name.hash(), digest)).collect();
            self.expected.insert(component.clone(), owned);
        }
    }

    /// What is held now: a look at every key of this node if any of them stands otherwise than before.
    pub(super) fn held(&mut self, facts: &Facts<'_>, me: &Name) -> &Held {
        self.follow(facts.assignment);
        let held = self.held.take().filter(|held| held.handover == facts.handover.version());
        self.held.insert(held.unwrap_or_else(|| Held::of(facts, me)))
    }
}

impl Held {
    fn of(facts: &Facts<'_>, me: &Name) -> Self {
        let mut held = Self { handover: facts.handover.version(), ..Self::default() };
        for (component, key, standing) in facts.handover.standings() {
            if cares(&standing) {
                held.collected.entry(component.clone()).or_default().add(key);
            }
            let covers = matches!(standing, Standing::Yielding { unknown: true, .. });
            held.covered += usize::from(covers);
        }
        for (component, _) in facts.assignment.components() {
            let mut stand = facts.handover.standings_of(component).map(|(key, _)| key).peekable();
            let idle = facts.assignment.owned(component, me).filter(|key| {
                while stand.next_if(|other| other < key).is_some() {}
                stand.peek() != Some(key)
            });
            held.idle += idle.count();
        }
        held
    }
}
