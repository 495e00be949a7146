//! The live peers, this node excepted.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use foca::Incarnation;
use rustc_hash::FxHashMap;

use super::PeerStatus;
use super::sync::{BUCKETS, bucket};
use crate::{Name, Peer};

#[cfg(test)]
mod tests;

/// A live peer, and what this node knows about it.
#[derive(Debug)]
pub(super) struct Known {
    pub peer: Peer,
    since: Instant,
    /// At most what foca knows its incarnation to be: news that is not above it is no news.
    pub incarnation: Incarnation,
    /// What it told itself. In a large cluster most peers are known by hearsay alone for long.
    heard: Option<Box<Heard>>,
}

/// What a peer told itself.
#[derive(Debug, Default)]
struct Heard {
    last: Option<Instant>,
    /// The digest of its view.
    digest: Option<u64>,
    /// How long it takes to answer.
    round_trip: Option<Duration>,
}

impl Known {
    /// When it was last heard from.
    pub(super) fn last_heard(&self) -> Option<Instant> {
        self.heard.as_ref().and_then(|heard| heard.last)
    }

    /// The digest of its view, as it last said.
    pub(super) fn view_digest(&self) -> Option<u64> {
        self.heard.as_ref().and_then(|heard| heard.digest)
    }

    /// How long it takes to answer a probe.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.heard.as_ref().and_then(|heard| heard.round_trip)
    }

    /// All of it, but for suspicions.
    pub(super) fn status(&self) -> PeerStatus {
        PeerStatus {
            peer: self.peer.clone(),
            since: self.since,
            last_heard: self.last_heard(),
            round_trip: self.round_trip(),
            suspicion: None,
            view_digest: self.view_digest(),
        }
    }
}

/// What was known of a peer that was replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Before {
    pub peer: Peer,
    /// When it was last heard from, where another process has replaced it.
    pub last_heard: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Live {
    /// By [`Name::hash`]: several lookups for each datagram, of which none has to follow a pointer to
    /// a text. In boxes, since up to half of a map's places is empty.
    peers: FxHashMap<u64, Box<Known>>,
    /// The sum of the digests of all, so that it follows changes at no cost.
    digest: u64,
    /// The same for each bucket.
    buckets: [u64; BUCKETS],
}

impl Default for Live {
    fn default() -> Self {
        Self { peers: FxHashMap::default(), digest: 0, buckets: [0; BUCKETS] }
    }
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
    pub(super) fn insert(&mut self, peer: Peer, now: Instant) -> Option<Before> {
        self.count(None, Some(&peer));
        if let Some(known) = self.peers.get_mut(&peer.name.hash()) {
            known.incarnation = 0;
            let before = std::mem::replace(&mut known.peer, peer);
            let life = |peer: &Peer| (peer.generation, peer.address);
            let mut last_heard = None;
            if life(&known.peer) != life(&before) {
                // Nothing was heard of this one yet.
                last_heard = known.last_heard();
                known.since = now;
                known.heard = None;
            }
            self.count(Some(&before), None);
            return Some(Before { peer: before, last_heard });
        }
        let known = Known { peer, since: now, incarnation: 0, heard: None };
        self.peers.insert(known.peer.name.hash(), Box::new(known));
        None
    }

    /// Removes the peer called `name`.
    pub(super) fn remove(&mut self, name: &Name) -> Option<Box<Known>> {
        let known = self.peers.remove(&name.hash())?;
        self.count(Some(&known.peer), None);
        Some(known)
    }

    /// Notes a message of `peer`, whose view has this digest; whether it is one of them.
    pub(super) fn heard(&mut self, peer: &Peer, digest: u64, now: Instant) -> bool {
        let Some(known) = self.get_mut(peer) else { return false };
        let heard = known.heard.get_or_insert_default();
        heard.last = Some(now);
        heard.digest = Some(digest);
        true
    }

    /// Notes how long `peer` took to answer. As TCP does, an eighth of each new figure counts.
    pub(super) fn answered(&mut self, peer: &Peer, after: Duration) {
        if let Some(known) = self.get_mut(peer) {
            let heard = known.heard.get_or_insert_default();
            let smoothed = match heard.round_trip {
                Some(before) => (before * 7 + after) / 8,
                None => after,
            };
            heard.round_trip = Some(smoothed);
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
        self.peers.get(&peer.name.hash()).map(Box::as_ref).filter(|known| known.peer.is(peer))
    }

    fn get_mut(&mut self, peer: &Peer) -> Option<&mut Known> {
        self.peers.get_mut(&peer.name.hash()).map(Box::as_mut).filter(|known| known.peer.is(peer))
    }

    pub(super) fn find(&self, name: &Name) -> Option<&Peer> {
        self.called(name).map(|known| &known.peer)
    }

    /// The one of this name, in whatever life and state.
    pub(super) fn called(&self, name: &Name) -> Option<&Known> {
        self.peers.get(&name.hash()).map(Box::as_ref)
    }

    /// The one whose name has this hash, as it travels.
    pub(super) fn find_hash(&self, hash: [u8; 8]) -> Option<&Known> {
        self.peers.get(&u64::from_le_bytes(hash)).map(Box::as_ref)
    }

    /// The one at `address`; should there be more, always the same.
    pub(super) fn find_address(&self, address: SocketAddr) -> Option<&Peer> {
        let there = self.peers().filter(|peer| peer.address == address);
        there.min_by_key(|peer| peer.name.hash())
    }

    /// One of them for each number below their count.
    pub(super) fn nth(&self, number: usize) -> Option<&Peer> {
        let mut hashes: Vec<u64> = self.peers.keys().copied().collect();
        if number >= hashes.len() {
            return None;
        }
        let (_, hash, _) = hashes.select_nth_unstable(number);
        self.peers.get(hash).map(|known| &known.peer)
    }

    pub(super) fn contains(&self, name: &Name) -> bool {
        self.peers.contains_key(&name.hash())
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
    pub(super) fn iter(&self) -> impl Iterator<Item = &Known> + Clone {
        self.peers.values().map(Box::as_ref)
    }

    /// The same, without what is known about them.
    pub(super) fn peers(&self) -> impl Iterator<Item = &Peer> + Clone {
        self.iter().map(|known| &known.peer)
    }

    pub(super) fn clear(&mut self) -> impl Iterator<Item = Box<Known>> + use<> {
        self.digest = 0;
        self.buckets = [0; BUCKETS];
        let mut peers: Vec<_> = std::mem::take(&mut self.peers).into_values().collect();
        peers.sort_unstable_by_key(|known| known.peer.name.hash());
        peers.into_iter()
    }
}
