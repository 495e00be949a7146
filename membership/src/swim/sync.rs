//! What nodes tell each other over TCP: who they are and whom they know.
//!
//! A comparison costs one round trip of a few bytes while both sides agree. When they do not, the
//! one asked answers with all it knows, and the one who asked sends what the other lacks.

use foca::Member;
use serde::{Deserialize, Serialize};

use crate::Peer;

/// The most peers in one body; the live ones come first.
pub(super) const PEERS_MAX: usize = 20_000;

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
    State { digest: u64 },
    /// You do not know these.
    Push { members: Vec<Member<Peer>> },
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
    /// All that is known, the one who answers included, because the digests differ.
    Members(Vec<Member<Peer>>),
    /// We have the same name. Says which of us stays out.
    Clash { you_stay_out: bool },
    /// I take no part in the cluster, so do not count on me.
    Out,
}
