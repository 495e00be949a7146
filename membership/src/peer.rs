//! One life of a node, as others see it.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::Name;

#[cfg(test)]
mod tests;

/// How far a node takes part.
///
/// The order is that of a life: within one generation a later state replaces an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// Alive, not yet owning anything.
    Joining,
    /// Owns its share of the targets.
    Participant,
    /// Alive, owns nothing any more, will be gone soon.
    Leaving,
}

impl State {
    /// The state in lower case, as logs and telemetry show it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Joining => "joining",
            State::Participant => "participant",
            State::Leaving => "leaving",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A node, in one of its lives, in one of its states. What SWIM calls an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// What is unique.
    pub name: Name,
    /// Where its gossip (UDP) and its peer API (TCP) are reached.
    pub address: SocketAddr,
    /// Grows with every boot, and whenever the node has to contradict a rumour of its death.
    /// Seconds since the Unix epoch at boot are a good start; see [`Peer::generation_at_boot`].
    pub generation: u64,
    /// How far it takes part.
    pub state: State,
}

impl Peer {
    /// The generation of a boot at `unix_seconds`, when `last` is the highest one this node is
    /// known to have had (0 when there was none): it grows even when the clock does not.
    pub fn generation_at_boot(unix_seconds: u64, last: u64) -> u64 {
        unix_seconds.max(last.saturating_add(1))
    }

    /// What decides between two peers of one name: the later life, in it the later state, and
    /// the address only so that every node decides alike.
    fn rank(&self) -> (u64, State, SocketAddr) {
        (self.generation, self.state, self.address)
    }

    /// Whether `self` replaces `other`, a peer of the same name.
    pub fn outranks(&self, other: &Self) -> bool {
        self.rank() > other.rank()
    }

    /// Whether both are one life in one state, of names that have one hash: what equality means, but
    /// for a coincidence, and without a look at the texts.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.name.hash() == other.name.hash() && self.rank() == other.rank()
    }

    /// A hash of all that a view shows of this peer. The same on every node.
    pub(crate) fn digest(&self) -> u64 {
        let mut bytes = [0u8; 1 + Name::MAX + 32];
        let name = self.name.as_str().as_bytes();
        let mut length = 0;
        let mut put = |part: &[u8]| {
            bytes[length..length + part.len()].copy_from_slice(part);
            length += part.len();
        };
        put(&[u8::try_from(name.len()).expect("a name has at most 63 bytes")]);
        put(name);
        put(&self.generation.to_le_bytes());
        put(&[self.state as u8]);
        match self.address {
            SocketAddr::V4(address) => put(&address.ip().octets()),
            SocketAddr::V6(address) => put(&address.ip().octets()),
        }
        put(&self.address.port().to_le_bytes());
        xxhash_rust::xxh3::xxh3_64(&bytes[..length])
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, address, generation, state } = self;
        write!(formatter, "{name} ({address}, generation {generation}, {state})")
    }
}

impl foca::Identity for Peer {
    type Addr = u64;

    /// Never by itself: [`crate::Swim`] decides what to do about a rumour of its own death, since
    /// it alone knows whether it is leaving, and which generations are taken.
    fn renew(&self) -> Option<Self> {
        None
    }

    fn addr(&self) -> u64 {
        self.name.hash()
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.outranks(adversary)
    }
}
