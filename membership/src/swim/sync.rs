//! What nodes tell each other over TCP: who they are and whom they know.
//!
//! A comparison costs one round trip of a few bytes while both sides agree. When they do not, the
//! one asked answers with what it knows, and the one who asked sends what the other lacks. In a large
//! cluster that is not everything: names fall into [`BUCKETS`] buckets, each with a digest of its own,
//! and only those are told of that differ.

use std::net::SocketAddr;

use foca::Member;
use serde::{Deserialize, Serialize};

use super::Swim;
use crate::{Name, Peer};

/// The most peers in one body; the live ones come first.
pub(super) const PEERS_MAX: usize = 20_000;

/// How many others somebody names who takes no part itself: enough for one of them to be there still.
pub(super) const INSTEAD_MAX: usize = 3;

/// How many buckets there are. One peer that differs costs a 64th of everything then, and asking costs
/// some 600 bytes.
pub(super) const BUCKETS: usize = 64;

/// In a cluster of up to this many nodes everything is told: that is no more than asking would be.
const WHOLE_MAX: usize = BUCKETS;

/// All buckets.
pub(super) const ALL: u64 = u64::MAX;

/// The bucket of a name.
pub(super) fn bucket(name: &Name) -> usize {
    usize::from(name.hash_bytes()[7]) % BUCKETS
}

/// The buckets in which `theirs` differ from `mine`.
pub(super) fn differing(mine: &[u64; BUCKETS], theirs: &[u64]) -> u64 {
    if theirs.len() != BUCKETS {
        return ALL;
    }
    let pairs = mine.iter().zip(theirs).enumerate();
    pairs.filter(|(_, (mine, theirs))| mine != theirs).fold(0, |mask, (at, _)| mask | 1 << at)
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub from: Peer,
    /// Drawn at start: tells a node from another of the same name, even of the same second.
    pub instance: u64,
    /// Milliseconds since it joined, 0 while it has not: of two nodes of one name, the one that is
    /// part of the cluster for longer stays.
    pub joined_for: u64,
    pub ask: Ask,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// Who is there?
    Who,
    /// What do you know that I, whose view has this digest, do not?
    State {
        digest: u64,
        /// The digest of each bucket of my view. Empty: tell me everything.
        buckets: Vec<u64>,
    },
    /// You do not know these.
    Push { members: Vec<Member<Peer>> },
    /// When did you last hear from this namesake of mine, which I do not reach?
    Heard { namesake: Peer },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reply {
    pub from: Peer,
    pub instance: u64,
    pub answer: Answer,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// That is all.
    Done,
    /// My view has the same digest.
    Same,
    /// All that is known of some buckets, the one who answers included, because the digests differ.
    Members {
        /// Which: the lowest bit is the first.
        buckets: u64,
        members: Vec<Member<Peer>>,
    },
    /// We have the same name. Says which of us stays out.
    Clash { you_stay_out: bool },
    /// I take no part in the cluster, so do not count on me. Those may.
    Out {
        /// Where they are: at most [`INSTEAD_MAX`], and no more of them are read.
        instead: Vec<SocketAddr>,
    },
    /// I heard from it so many milliseconds ago, if ever.
    Heard { ago: Option<u64> },
}

impl Swim {
    /// The digest of each bucket of this node's view.
    pub(super) fn buckets(&self) -> [u64; BUCKETS] {
        let mut buckets = *self.live.buckets();
        let mine = &mut buckets[bucket(&self.me.name)];
        *mine = mine.wrapping_add(self.me.digest());
        buckets
    }

    /// Asks for whatever differs.
    pub(super) fn ask_for_state(&self) -> Ask {
        let whole = self.joined.is_none() || self.size() <= WHOLE_MAX;
        let buckets = if whole { Vec::new() } else { self.buckets().to_vec() };
        Ask::State { digest: self.digest(), buckets }
    }
}
