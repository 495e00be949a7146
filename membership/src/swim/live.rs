//! The live peers, this node excepted.

use std::collections::BTreeMap;
use std::time::Instant;

use super::PeerStatus;
use crate::{Name, Peer};

#[derive(Debug, Default)]
pub(super) struct Live {
    peers: BTreeMap<Name, PeerStatus>,
    /// The sum of the digests of all, so that it follows changes at no cost.
    digest: u64,
}

impl Live {
    /// Adds `peer` or replaces the one of its name, which is returned.
    pub(super) fn insert(&mut self, peer: Peer, now: Instant) -> Option<Peer> {
        self.digest = self.digest.wrapping_add(peer.digest());
        if let Some(known) = self.peers.get_mut(&peer.name) {
            self.digest = self.digest.wrapping_sub(known.peer.digest());
            return Some(std::mem::replace(&mut known.peer, peer));
        }
        let status = PeerStatus {
            peer: peer.clone(),
            since: now,
            last_heard: None,
            round_trip: None,
            suspicion: None,
            view_digest: None,
        };
        self.peers.insert(peer.name, status);
        None
    }

    /// Removes the peer called `name`.
    pub(super) fn remove(&mut self, name: &Name) -> Option<Peer> {
        let status = self.peers.remove(name)?;
        self.digest = self.digest.wrapping_sub(status.peer.digest());
        Some(status.peer)
    }

    pub(super) fn heard(&mut self, name: &Name, now: Instant) {
        if let Some(status) = self.peers.get_mut(name) {
            status.last_heard = Some(now);
        }
    }

    pub(super) fn contains(&self, name: &Name) -> bool {
        self.peers.contains_key(name)
    }

    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    /// Sorted by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = &PeerStatus> {
        self.peers.values()
    }

    pub(super) fn clear(&mut self) -> Vec<Peer> {
        self.digest = 0;
        std::mem::take(&mut self.peers).into_values().map(|status| status.peer).collect()
    }
}
