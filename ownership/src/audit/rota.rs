//! When each peer is asked next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use membership::Name;

/// The peers and their turns, the earliest first. A peer that is being asked has none until that is
/// done. It is looked at with every datagram, so it must not visit every peer.
#[derive(Debug, Default)]
pub(super) struct Rota {
    /// Those whose turn it may be.
    turns: BTreeSet<(Instant, Name)>,
    /// When each is due, whether or not it is being asked.
    due: BTreeMap<Name, Instant>,
}

impl Rota {
    /// Adds a peer that is asked at `due`.
    pub(super) fn add(&mut self, name: Name, due: Instant) {
        self.remove(&name);
        self.turns.insert((due, name.clone()));
        self.due.insert(name, due);
    }

    /// Forgets a peer.
    pub(super) fn remove(&mut self, name: &Name) {
        if let Some(due) = self.due.remove(name) {
            self.turns.remove(&(due, name.clone()));
        }
    }

    /// Whether a peer has turns.
    pub(super) fn contains(&self, name: &Name) -> bool {
        self.due.contains_key(name)
    }

    /// How many peers have.
    pub(super) fn len(&self) -> usize {
        self.due.len()
    }

    /// Their names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.due.keys()
    }

    /// The peer that has waited longest, and since when it is due.
    pub(super) fn first(&self) -> Option<(Instant, &Name)> {
        self.turns.first().map(|(due, name)| (*due, name))
    }

    /// A peer is being asked, and is due again at `due` unless that takes longer.
    pub(super) fn begin(&mut self, name: &Name, due: Option<Instant>) {
        let Some(known) = self.due.get_mut(name) else { return };
        self.turns.remove(&(*known, name.clone()));
        *known = due.unwrap_or(*known);
    }

    /// What a peer was asked is answered, or will never be.
    pub(super) fn end(&mut self, name: &Name) {
        if let Some(due) = self.due.get(name) {
            self.turns.insert((*due, name.clone()));
        }
    }

    /// Everybody is due at `limit` at the latest.
    pub(super) fn hasten(&mut self, limit: Instant) {
        for (name, due) in &mut self.due {
            if *due > limit {
                let waits = self.turns.remove(&(*due, name.clone()));
                *due = limit;
                if waits {
                    self.turns.insert((limit, name.clone()));
                }
            }
        }
    }
}
