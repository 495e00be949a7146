//! What is known about a live peer beyond who it is.

use std::time::{Duration, Instant};

use crate::Peer;

/// A live peer as this node knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// Who it is.
    pub peer: Peer,
    /// Since when this node knows it to be alive.
    pub since: Instant,
    /// When this node last had a message from it; none yet when it is known by hearsay alone.
    pub last_heard: Option<Instant>,
    /// How long it takes to answer a probe, smoothed; none before the first answer.
    pub round_trip: Option<Duration>,
    /// The suspicion that it is dead, while there is one.
    pub suspicion: Option<Suspicion>,
    /// The digest of its own view, as it last said; none before its first message.
    pub view_digest: Option<u64>,
}

/// A suspicion that a peer is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspicion {
    /// Since when.
    pub since: Instant,
    /// How many nodes, beyond the first, found out the same by themselves.
    pub confirmations: u32,
    /// When it becomes a verdict, unless it is refuted or more nodes confirm it.
    pub deadline: Instant,
}

/// What came of knocking at a peer's TCP port; see [`crate::Output::Knock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knock {
    /// Somebody accepted the connection: a process listens there, be it the peer's or another's,
    /// and be it able to do anything else or not.
    Accepted,
    /// The host answered that nobody listens there: the process is gone.
    Refused,
    /// Nothing was heard in time, or the network said that it knows no way. That says nothing
    /// about the process.
    Silence,
}
