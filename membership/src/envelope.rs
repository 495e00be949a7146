//! What every message between nodes is wrapped in.
//!
//! ```text
//! version 1 | suite 1 | kind 1 | key id 4 | cluster name: length 1, text 0..=63 | nonce | payload | tag
//! ```
//!
//! Nonce and tag belong to the suite: in [`Suite::Plain`] there are none, and the key id is 0. All
//! in front of the payload is what an authenticating suite authenticates along with it.

use bytes::Bytes;

use crate::refusal::Refusal;

#[cfg(test)]
mod tests;

/// The version of everything nodes tell each other, the way targets are ranked included: nodes of
/// different versions would disagree on owners, so they do not form a cluster.
pub const VERSION: u8 = 1;

/// The longest datagram in bytes. 1,400 pass every Ethernet, with room for a tunnel.
pub const DATAGRAM_MAX: usize = 1400;

/// The longest body of a state sync in bytes: 20,000 peers with the longest names and addresses,
/// twice over.
pub const SYNC_MAX: usize = 4 << 20;

/// The longest cluster name in bytes.
pub const CLUSTER_MAX: usize = 63;

/// Room for the nonce and the tag of the suites to come, so that they need no smaller packets.
const SUITE_ROOM: usize = 24 + 16;

const FIXED: usize = 1 + 1 + 1 + 4 + 1;

/// How a payload is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suite {
    /// Not at all.
    Plain = 0,
}

/// What a payload is, so that one kind cannot be passed off as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A SWIM packet.
    Gossip = 0,
    /// The question of a state sync.
    Request = 1,
    /// Its answer.
    Reply = 2,
}

/// Wraps and unwraps the messages of one cluster.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    /// All in front of the payload, with the kind left at 0.
    header: Vec<u8>,
}

impl Envelope {
    /// The envelope of the cluster called `cluster`, which is cut after [`CLUSTER_MAX`] bytes.
    pub(crate) fn new(cluster: &str) -> Self {
        let label = &cluster.as_bytes()[..cluster.len().min(CLUSTER_MAX)];
        let mut header = vec![VERSION, Suite::Plain as u8, 0, 0, 0, 0, 0];
        header.push(u8::try_from(label.len()).expect("the label was cut to 63 bytes"));
        header.extend_from_slice(label);
        Self { header }
    }

    /// The largest payload of a datagram in bytes.
    pub(crate) fn room(&self) -> usize {
        DATAGRAM_MAX - self.header.len() - SUITE_ROOM
    }

    pub(crate) fn seal(&self, kind: Kind, payload: &[u8]) -> Bytes {
        let mut sealed = Vec::with_capacity(self.header.len() + payload.len());
        sealed.extend_from_slice(&self.header);
        sealed[2] = kind as u8;
        sealed.extend_from_slice(payload);
        sealed.into()
    }

    /// The payload of `sealed`, if it is of this cluster, version and kind.
    pub(crate) fn open<'a>(&self, kind: Kind, sealed: &'a [u8]) -> Result<&'a [u8], Refusal> {
        let limit = match kind {
            Kind::Gossip => DATAGRAM_MAX,
            Kind::Request | Kind::Reply => SYNC_MAX,
        };
        if sealed.len() > limit {
            return Err(Refusal::TooLong { length: sealed.len(), limit });
        }
        if sealed.len() >= self.header.len() && sealed[..2] == self.header[..2] {
            let (header, payload) = sealed.split_at(self.header.len());
            if header[2] == kind as u8 && header[3..] == self.header[3..] {
                return Ok(payload);
            }
        }
        Err(self.refuse(kind, sealed))
    }

    /// Why `sealed` was not opened.
    fn refuse(&self, kind: Kind, sealed: &[u8]) -> Refusal {
        let &[version, suite, theirs, k0, k1, k2, k3, length, ref rest @ ..] = sealed else {
            return Refusal::TooShort { length: sealed.len(), least: FIXED };
        };
        if version != VERSION {
            return Refusal::Version { theirs: version };
        }
        let key = u32::from_be_bytes([k0, k1, k2, k3]);
        if suite != Suite::Plain as u8 || key != 0 {
            return Refusal::Key { suite, key };
        }
        let Some(label) = rest.get(..usize::from(length)) else {
            return Refusal::TooShort { length: sealed.len(), least: FIXED + usize::from(length) };
        };
        if label != &self.header[FIXED..] {
            return Refusal::Cluster { theirs: String::from_utf8_lossy(label).into_owned() };
        }
        Refusal::Kind { expected: kind as u8, found: theirs }
    }
}
