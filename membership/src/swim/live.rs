//! The live peers, this node excepted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use foca::Incarnation;

use super::PeerStatus;
use super::sync::{BUCKETS, bucket};
use crate::{Name, Peer};

/// A live peer, and what only this machine needs to know about it.
#[derive(Debug)]
pub(super) struct Known {
    pub status: PeerStatus,
    /// At most what foca knows its incarnation to be: news that is not above it is no news.
    pub incarnation: Incarnation,
}

#[derive(Debug)]
pub(super) struct Live {
    /// By [`place`]: several lookups for each datagram, of which none has to follow a pointer to a text.
    peers: BTreeMap<u128, Known>,
    /// The sum of the digests of all, so that it follows changes at no cost.
    digest: u64,
    /// The same for each bucket.
    buckets: [u64; BUCKETS],
}

impl Default for Live {
    fn default() -> Self {
        Self { peers: BTreeMap::new(), digest: 0, buckets: [0; BUCKETS] }
    }
}

/// Where a name is in the table: those that share [`Name::hash64`] are next to each other.
fn place(name: &Name) -> u128 {
    name.hash128().rotate_left(64)
}

impl Live {
    /// Lets the digests follow a change from one peer to another of the same name.
    fn count(&mut self, before: Option<&Peer>, after: Option<&Peer>) {
        for (peer, sign) in [(before, u64::MAX), (after, 1)] {
            if let Some(peer) = peer {
                let change = peer.digest().wrapping_mul(sign);
                self.digest = self.digest.wrapping_add(change);
                let bucket = &mut self.buckets[bucket(&peer.name)];
                *bucket = bucket.wrapping_add(change);
            }
        }
    }

    /// Adds `peer` or replaces the one of its name, which is returned.
    pub(super) fn insert(&mut self, peer: Peer, now: Instant) -> Option<Peer> {
        self.count(None, Some(&peer));
        if let Some(known) = self.peers.get_mut(&place(&peer.name)) {
            known.incarnation = 0;
            let before = std::mem::replace(&mut known.status.peer, peer);
            self.count(Some(&before), None);
            return Some(before);
        }
        let status = PeerStatus {
            peer: peer.clone(),
            since: now,
            last_heard: None,
            round_trip: None,
            suspicion: None,
            view_digest: None,
        };
        self.peers.insert(place(&peer.name), Known { status, incarnation: 0 });
        None
    }

    /// Removes the peer called `name`.
    pub(super) fn remove(&mut self, name: &Name) -> Option<Peer> {
        let status = self.peers.remove(&place(name))?.status;
        self.count(Some(&status.peer), None);
        Some(status.peer)
    }

    /// Notes a message of `peer`, whose view has this digest.
    pub(super) fn heard(&mut self, peer: &Peer, digest: u64, now: Instant) {
        if let Some(known) = self.get_mut(peer) {
            known.status.last_heard = Some(now);
            known.status.view_digest = Some(digest);
        }
    }

    /// Notes how long `peer` took to answer. As TCP does, an eighth of each new figure counts.
    pub(super) fn answered(&mut self, peer: &Peer, after: Duration) {
        if let Some(known) = self.get_mut(peer) {
            let smoothed = match known.status.round_trip {
                Some(before) => (before * 7 + after) / 8,
                None => after,
            };
            known.status.round_trip = Some(smoothed);
        }
    }

    /// Notes that foca knows `peer` by this incarnation, or by a later one.
    pub(super) fn has_incarnation(&mut self, peer: &Peer, incarnation: Incarnation) {
        if let Some(known) = self.get_mut(peer) {
            known.incarnation = known.incarnation.max(incarnation);
        }
    }

    /// The one that is exactly `peer`.
    pub(super) fn get(&self, peer: &Peer) -> Option<&Known> {
        self.peers.get(&place(&peer.name)).filter(|known| known.status.peer == *peer)
    }

    fn get_mut(&mut self, peer: &Peer) -> Option<&mut Known> {
        self.peers.get_mut(&place(&peer.name)).filter(|known| known.status.peer == *peer)
    }

    pub(super) fn find(&self, name: &Name) -> Option<&Peer> {
        self.peers.get(&place(name)).map(|known| &known.status.peer)
    }

    pub(super) fn find_hash(&self, hash: [u8; 8]) -> Option<&Peer> {
        let first = u128::from(u64::from_le_bytes(hash)) << 64;
        let mut named = self.peers.range(first..=first | u128::from(u64::MAX));
        named.next().map(|(_, known)| &known.status.peer)
    }

    /// The one at `address`.
    pub(super) fn find_address(&self, address: std::net::SocketAddr) -> Option<&Peer> {
        self.iter().map(|status| &status.peer).find(|peer| peer.address == address)
    }

    pub(super) fn contains(&self, name: &Name) -> bool {
        self.peers.contains_key(&place(name))
    }

    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    pub(super) fn buckets(&self) -> &[u64; BUCKETS] {
        &self.buckets
    }

    /// In no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = &PeerStatus> + Clone {
        self.peers.values().map(|known| &known.status)
    }

    pub(super) fn clear(&mut self) -> Vec<Peer> {
        self.digest = 0;
        self.buckets = [0; BUCKETS];
        std::mem::take(&mut self.peers).into_values().map(|known| known.status.peer).collect()
    }
}
