//! The self-test of paths: datagrams that carry a number and nothing else.
//!
//! Two nodes agree on a number over the peer API; whoever waits for it learns that the datagram
//! arrived. Nobody answers a datagram, and one with a number that nobody waits for, or waited for lately, is
//! counted as out of date, so there is nothing here to guess, to replay or to amplify.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use tokio::sync::oneshot;

#[cfg(test)]
mod tests;

/// A number that is drawn for one datagram.
pub type Nonce = [u8; 16];

/// What such a datagram begins with; gossip begins with its version.
const MAGIC: [u8; 8] = *b"shoalchk";

/// The length of such a datagram, in bytes.
const LENGTH: usize = MAGIC.len() + size_of::<Nonce>();

/// Datagrams that are waited for at one time. A check of all that it may look at waits for fewer.
const AWAITED: usize = 256;

/// The datagram that carries a number.
pub(super) fn datagram(nonce: Nonce) -> [u8; LENGTH] {
    let mut datagram = [0; LENGTH];
    datagram[..MAGIC.len()].copy_from_slice(&MAGIC);
    datagram[MAGIC.len()..].copy_from_slice(&nonce);
    datagram
}

/// The number that a datagram carries, if it is of this kind.
fn nonce(datagram: &[u8]) -> Option<Nonce> {
    datagram.strip_prefix(&MAGIC)?.try_into().ok()
}

/// Numbers that have arrived which are remembered: each is sent several times.
const ARRIVED: usize = AWAITED;

/// What a datagram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Not of this kind.
    Other,
    /// One that is waited for, or has arrived lately.
    Known,
    /// Of this kind, and nobody waits for it; whoever did may have given up.
    Strange,
}

/// Who waits for which datagram.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    waiting: BTreeMap<Nonce, oneshot::Sender<SocketAddr>>,
    /// What came, the last of it at the end.
    arrived: VecDeque<Nonce>,
}

impl Awaited {
    /// Tells `arrived` where the datagram with this number came from, once it comes. When too many
    /// are waited for, `arrived` is dropped.
    pub(super) fn add(&mut self, nonce: Nonce, arrived: oneshot::Sender<SocketAddr>) {
        self.waiting.retain(|_, arrived| !arrived.is_closed());
        if self.waiting.len() < AWAITED {
            self.waiting.insert(nonce, arrived);
        }
    }

    /// Takes a datagram of this kind.
    pub(super) fn take(&mut self, datagram: &[u8], from: SocketAddr) -> Check {
        let Some(nonce) = nonce(datagram) else { return Check::Other };
        if let Some(arrived) = self.waiting.remove(&nonce) {
            // Whoever waited may have given up.
            let _ = arrived.send(from);
            if self.arrived.len() == ARRIVED {
                self.arrived.pop_front();
            }
            self.arrived.push_back(nonce);
            return Check::Known;
        }
        if self.arrived.contains(&nonce) { Check::Known } else { Check::Strange }
    }
}
