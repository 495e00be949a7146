//! Whether the members of a world have one view, known after each event at no cost.

use std::collections::{BTreeMap, BTreeSet};

/// The digests of the views of all members that run and have a say.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    /// Members and impostors that run.
    running: BTreeSet<usize>,
    /// By host: the digest of its view, unless it stays out.
    digests: BTreeMap<usize, u64>,
    /// How many have each digest.
    tally: BTreeMap<u64, usize>,
    /// Those that stay out.
    out: BTreeSet<usize>,
}

impl Agreement {
    pub(super) fn booted(&mut self, host: usize, counts: bool) {
        if counts {
            self.running.insert(host);
        }
    }

    pub(super) fn ended(&mut self, host: usize) {
        self.running.remove(&host);
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
        if let Some(before) = before
            && let Some(count) = self.tally.get_mut(&before)
        {
            *count -= 1;
            if *count == 0 {
                self.tally.remove(&before);
            }
        }
    }

    /// A host whose view all share that have a say; `None` when they differ, or there is none.
    pub(super) fn unanimous(&self) -> Option<usize> {
        let same =
            self.tally.len() == 1 && self.digests.len() + self.out.len() == self.running.len();
        self.digests.keys().next().copied().filter(|_| same)
    }

    pub(super) fn running(&self) -> impl Iterator<Item = usize> {
        self.running.iter().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}
