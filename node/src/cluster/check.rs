//! The self-test of paths: datagrams that carry a number and nothing else.
//!
//! Two nodes agree on a number over the peer API; whoever waits for it learns that the datagram
//! arrived. Nobody answers a datagram, and one with a number that nobody waits for is refused as gossip that
//! makes no sense, so there is nothing here to guess, to replay or to amplify.

use std::collections::BTreeMap;
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

/// Who waits for which datagram.
#[derive(Debug, Default)]
pub(super) struct Awaited(BTreeMap<Nonce, oneshot::Sender<SocketAddr>>);

impl Awaited {
    /// Tells `arrived` where the datagram with this number came from, once it comes. When too many
    /// are waited for, `arrived` is dropped.
    pub(super) fn add(&mut self, nonce: Nonce, arrived: oneshot::Sender<SocketAddr>) {
        self.0.retain(|_, arrived| !arrived.is_closed());
        if self.0.len() < AWAITED {
            self.0.insert(nonce, arrived);
        }
    }

    /// Takes a datagram, and says whether it was one that was waited for.
    pub(super) fn take(&mut self, datagram: &[u8], from: SocketAddr) -> bool {
        let arrived = nonce(datagram).and_then(|nonce| self.0.remove(&nonce));
        // Whoever waited may have given up.
        arrived.map(|arrived| arrived.send(from)).is_some()
    }
}
