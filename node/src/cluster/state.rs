//! What the cluster looks like from this node, as one snapshot.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The cluster as this node sees it. Published on a `watch` as a whole whenever it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterState {
    /// Whether `--cluster.enabled` was given; a node without it is a cluster of one.
    pub enabled: bool,
    /// `--cluster.name`.
    pub cluster_name: String,
    /// Every live peer including this node, in order of their names.
    pub peers: Vec<PeerStatus>,
    /// Whether new targets may be started: the cluster has reached its minimum size, or waited
    /// long enough for it.
    pub ready: bool,
    /// `--cluster.wait-for-size`; 0 when there is none.
    pub minimum_size: usize,
    /// The clustered components of this node, by id.
    pub components: BTreeMap<String, ComponentShare>,
}

/// One peer as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// The unique name.
    pub name: String,
    /// Where its gossip and its HTTP listen.
    pub address: SocketAddr,
    /// `joining`, `participant` or `leaving`.
    pub state: String,
    /// Grows with every boot of that node.
    pub generation: u64,
    /// Whether this is the node that answers.
    pub is_self: bool,
    /// Targets that the ranking gives to it, over all components that this node knows.
    pub targets: usize,
}

/// How the targets of one component are shared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ComponentShare {
    /// Targets the component announced here.
    pub announced: usize,
    /// Targets that this node collects.
    pub local: usize,
}

impl ClusterState {
    /// This node's own entry.
    pub fn me(&self) -> Option<&PeerStatus> {
        self.peers.iter().find(|peer| peer.is_self)
    }
}
