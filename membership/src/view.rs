//! The live peers, as this node sees them.

use std::sync::Arc;

use crate::{Name, Peer, State};

/// A snapshot of the live peers, this node among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// This node.
    pub me: Peer,
    /// Every live peer including this node, sorted by name.
    pub peers: Vec<Peer>,
    /// A hash of `peers`: two nodes with the same digest see the same cluster.
    pub digest: u64,
}

impl View {
    /// The view of a node that is on its own.
    pub fn alone(me: Peer) -> Self {
        Self { peers: vec![me.clone()], digest: me.digest(), me }
    }

    /// The peers that own targets, sorted by name.
    pub fn participants(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter().filter(|peer| peer.state == State::Participant)
    }

    /// The live peer called `name`.
    pub fn find(&self, name: &Name) -> Option<&Peer> {
        let index = self.peers.binary_search_by(|peer| peer.name.cmp(name)).ok()?;
        self.peers.get(index)
    }

    pub(crate) fn new(me: Peer, peers: Vec<Peer>, digest: u64) -> Arc<Self> {
        debug_assert!(peers.is_sorted_by(|a, b| a.name < b.name));
        Arc::new(Self { me, peers, digest })
    }
}
