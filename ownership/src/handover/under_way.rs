//! Questions that wait for an answer.

use std::collections::BTreeMap;

use membership::Name;

use super::Target;
use super::asking::Matter;

/// A question under way.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) to: Name,
    pub(super) matter: Matter,
    pub(super) targets: Vec<Target>,
}

/// The questions by their numbers. How many of them each peer has is known at no cost: it is asked after
/// every input.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    by_id: BTreeMap<u64, Asked>,
    /// Of those that have some.
    of_peers: BTreeMap<Name, usize>,
}

impl UnderWay {
    pub(super) fn get(&self, id: u64) -> Option<&Asked> {
        self.by_id.get(&id)
    }

    /// How many questions `peer` has.
    pub(super) fn of(&self, peer: &Name) -> usize {
        self.of_peers.get(peer).copied().unwrap_or_default()
    }

    pub(super) fn insert(&mut self, id: u64, asked: Asked) {
        *self.of_peers.entry(asked.to.clone()).or_default() += 1;
        self.by_id.insert(id, asked);
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Asked> {
        let asked = self.by_id.remove(&id)?;
        if let Some(count) = self.of_peers.get_mut(&asked.to) {
            *count -= 1;
            if *count == 0 {
                self.of_peers.remove(&asked.to);
            }
        }
        Some(asked)
    }

    pub(super) fn clear(&mut self) {
        self.by_id.clear();
        self.of_peers.clear();
    }
}
