//! Whether the members of a world have one view, known after each event at no cost.

use std::collections::{BTreeMap, BTreeSet};

use membership::Name;

/// The digests of the views of all members that run and have a say.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    /// Members and impostors that run.
    running: BTreeSet<usize>,
    /// How many of these have each name, by its hash.
    names: BTreeMap<u64, usize>,
    /// By host: the digest of its view, unless it stays out.
    digests: BTreeMap<usize, u64>,
    /// How many have each digest.
    tally: BTreeMap<u64, usize>,
    /// Those that stay out.
    out: BTreeSet<usize>,
}

impl Agreement {
    pub(super) fn booted(&mut self, host: usize, name: &Name) {
        if self.running.insert(host) {
            *self.names.entry(name.hash()).or_default() += 1;
        }
    }

    pub(super) fn ended(&mut self, host: usize, name: &Name) {
        if self.running.remove(&host) {
            uncount(&mut self.names, name.hash());
        }
        self.out.remove(&host);
        self.set(host, None);
    }

    pub(super) fn view(&mut self, host: usize, digest: Option<u64>) {
        if !self.running.contains(&host) {
            return;
        }
        match digest {
            Some(_) => self.out.remove(&host),
            None => self.out.insert(host),
        };
        self.set(host, digest);
    }

    fn set(&mut self, host: usize, digest: Option<u64>) {
        let before = match digest {
            Some(digest) => {
                *self.tally.entry(digest).or_default() += 1;
                self.digests.insert(host, digest)
            }
            None => self.digests.remove(&host),
        };
        if let Some(before) = before {
            uncount(&mut self.tally, before);
        }
    }

    /// A host whose view all share that have a say; `None` when they differ, or there is none.
    pub(super) fn unanimous(&self) -> Option<usize> {
        let same =
            self.tally.len() == 1 && self.digests.len() + self.out.len() == self.running.len();
        self.digests.keys().next().copied().filter(|_| same)
    }

    /// How many names those have that run.
    pub(super) fn names(&self) -> usize {
        self.names.len()
    }

    /// Whether one that runs is called `name`.
    pub(super) fn runs(&self, name: &Name) -> bool {
        self.names.contains_key(&name.hash())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}

fn uncount(counts: &mut BTreeMap<u64, usize>, of: u64) {
    if let Some(count) = counts.get_mut(&of) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&of);
        }
    }
}
