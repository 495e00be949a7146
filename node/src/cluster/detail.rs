//! What changes with every datagram, and is therefore told to who asks instead of published.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::cluster::state::wall;
use crate::core::Core;

/// The cluster in motion.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Detail {
    /// Whether this node and those that it hears of see the same cluster.
    pub converged: bool,
    /// How much this node doubts itself, from 0 (not at all) to 8: everything that it waits for is
    /// given that many times more time.
    pub local_health: u8,
    /// The other live peers by name.
    pub peers: BTreeMap<String, PeerDetail>,
}

/// What is known of a live peer beyond who it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PeerDetail {
    /// When it was heard last, in milliseconds since the Unix epoch; none when it is known by
    /// hearsay alone.
    pub last_heard: Option<i64>,
    /// How long it takes to answer a probe, smoothed, in seconds.
    pub round_trip_seconds: Option<f64>,
    /// The suspicion that it is dead, while there is one.
    pub suspicion: Option<Suspicion>,
    /// The digest of its own view, as it last said.
    pub digest: Option<u64>,
    /// How far its clock is ahead of this node's, in seconds, and the error of that.
    pub clock_skew_seconds: Option<(f64, f64)>,
}

/// A suspicion that a peer is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspicion {
    /// Since when, in milliseconds since the Unix epoch.
    pub since: i64,
    /// How many nodes, beyond the first, found out the same by themselves.
    pub confirmations: u32,
    /// In how many milliseconds it becomes a verdict, unless the peer refutes it or others confirm
    /// it.
    pub left: u64,
}

pub(super) fn of(core: &Core, now: Instant) -> Detail {
    let Some(swim) = core.swim() else {
        return Detail { converged: true, ..Detail::default() };
    };
    let peer = |status: membership::PeerStatus| {
        let detail = PeerDetail {
            last_heard: status.last_heard.map(|at| wall(at, now)),
            round_trip_seconds: status.round_trip.map(|time| time.as_secs_f64()),
            suspicion: status.suspicion.map(|suspicion| Suspicion {
                since: wall(suspicion.since, now),
                confirmations: suspicion.confirmations,
                left: u64::try_from(suspicion.deadline.saturating_duration_since(now).as_millis())
                    .unwrap_or(u64::MAX),
            }),
            digest: status.view_digest,
            clock_skew_seconds: core
                .skew(&status.peer.name)
                .map(|skew| (skew.micros as f64 / 1e6, skew.error.as_secs_f64())),
        };
        (status.peer.name.to_string(), detail)
    };
    Detail {
        converged: swim.converged(now),
        local_health: swim.local_health(),
        peers: swim.peers().into_iter().map(peer).collect(),
    }
}
