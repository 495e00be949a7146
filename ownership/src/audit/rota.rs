//! When each peer is asked next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use membership::Name;

/// The peers and their turns, the earliest first. A peer that is being asked has none until that is
/// done. It is looked at with every datagram, so it must not visit every peer.
///
/// Names are told apart by their hash: comparing texts means to fetch one after the other.
#[derive(Debug, Default)]
pub(super) struct Rota {
    /// Those whose turn it may be.
    turns: BTreeSet<(Instant, u64)>,
    peers: BTreeMap<u64, Turn>,
}

#[derive(Debug)]
struct Turn {
    name: Name,
    /// When it is due, whether or not it is being asked.
    due: Instant,
}

impl Rota {
    /// Adds a peer that is asked at `due`.
    pub(super) fn add(&mut self, name: Name, due: Instant) {
        self.remove(&name);
        self.turns.insert((due, name.hash()));
        self.peers.insert(name.hash(), Turn { name, due });
    }

    /// Forgets a peer.
    pub(super) fn remove(&mut self, name: &Name) {
        if let Some(turn) = self.peers.remove(&name.hash()) {
            self.turns.remove(&(turn.due, name.hash()));
        }
    }

    /// Whether a peer has turns.
    pub(super) fn contains(&self, name: &Name) -> bool {
        self.peers.contains_key(&name.hash())
    }

    /// How many peers have.
    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    /// Their names, in no order that means anything.
    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.peers.values().map(|turn| &turn.name)
    }

    /// When the peer that has waited longest is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.turns.first().map(|(due, _)| *due)
    }

    /// The peer that has waited longest, if it is due at `now`.
    pub(super) fn due(&self, now: Instant) -> Option<&Name> {
        let (_, peer) = self.turns.first().filter(|(due, _)| *due <= now)?;
        self.peers.get(peer).map(|turn| &turn.name)
    }

    /// A peer is being asked, and is due again at `due` unless that takes longer.
    pub(super) fn begin(&mut self, name: &Name, due: Option<Instant>) {
        let Some(turn) = self.peers.get_mut(&name.hash()) else { return };
        self.turns.remove(&(turn.due, name.hash()));
        turn.due = due.unwrap_or(turn.due);
    }

    /// What a peer was asked is answered, or will never be.
    pub(super) fn end(&mut self, name: &Name) {
        if let Some(turn) = self.peers.get(&name.hash()) {
            self.turns.insert((turn.due, name.hash()));
        }
    }

    /// Everybody is due at `limit` at the latest.
    pub(super) fn hasten(&mut self, limit: Instant) {
        for (peer, turn) in &mut self.peers {
            if turn.due > limit {
                let waits = self.turns.remove(&(turn.due, *peer));
                turn.due = limit;
                if waits {
                    self.turns.insert((limit, *peer));
                }
            }
        }
    }
}
