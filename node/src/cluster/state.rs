//! What the cluster looks like from this node, as one snapshot.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Instant, SystemTime};

use membership::{SeedResult, State};
use serde::Serialize;

use crate::core::Core;
use crate::telemetry::clock;

/// The cluster as this node sees it. Published on a `watch` as a whole whenever it changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ClusterState {
    /// Whether `--cluster.enabled` was given; a node without it is a cluster of one.
    pub enabled: bool,
    /// `--cluster.name`.
    pub cluster_name: String,
    /// This node's name.
    pub node_name: String,
    /// Every live peer including this node, in order of their names.
    pub peers: Vec<PeerStatus>,
    /// A hash of the peers: nodes with the same digest see the same cluster.
    pub digest: u64,
    /// The ids of the cluster's keys that this node has, that of the one which seals first.
    pub keys: Vec<String>,
    /// Whether this node talks to other hosts without a key.
    pub unencrypted: bool,
    /// Whether this node is part of a cluster, be it one of its own.
    pub joined: bool,
    /// Whether new targets may be started: the cluster has reached its minimum size, or waited
    /// long enough for it.
    pub ready: bool,
    /// `--cluster.wait-for-size`; 0 when there is none.
    pub minimum_size: usize,
    /// Another live node with this node's name, which keeps this node out: name and address.
    pub name_clash: Option<String>,
    /// The clustered components of this node, by id.
    pub components: BTreeMap<String, ComponentShare>,
    /// Where this node looks for others.
    pub seeds: Vec<SeedStatus>,
    /// Why the seeds could not be looked up the last time.
    pub seeds_error: Option<String>,
}

/// One peer as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeerStatus {
    /// The unique name.
    pub name: String,
    /// Where its gossip and its HTTP listen.
    pub address: SocketAddr,
    /// `joining`, `participant` or `leaving`.
    pub state: &'static str,
    /// Grows with every boot of that node.
    pub generation: u64,
    /// Whether this is the node that answers.
    pub is_self: bool,
    /// Whether it is suspected to be dead.
    pub suspected: bool,
    /// Since when this node knows it to be alive, in milliseconds since the Unix epoch.
    pub since: i64,
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
    /// Targets by owner; owners without any are left out.
    pub owners: BTreeMap<String, usize>,
}

/// A place where this node looks for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeedStatus {
    /// Where it is.
    pub address: SocketAddr,
    /// What came of asking it: `untried`, `joined`, `itself`, or what went wrong.
    pub result: String,
}

impl ClusterState {
    /// This node's own entry.
    pub fn me(&self) -> Option<&PeerStatus> {
        self.peers.iter().find(|peer| peer.is_self)
    }

    /// How many peers are in a state.
    pub fn count(&self, state: &str) -> usize {
        self.peers.iter().filter(|peer| peer.state == state).count()
    }

    /// Whether this node takes part in its cluster.
    pub fn is_participant(&self) -> bool {
        self.me().is_some_and(|me| me.state == State::Participant.as_str())
    }

    /// All targets of clustered components that this node knows of.
    pub fn targets(&self) -> usize {
        self.components.values().map(|share| share.announced).sum()
    }
}

/// How targets are shared by now: what costs a look at every key, so it is kept apart from what
/// must be published at once.
pub(super) fn shares(core: &Core) -> BTreeMap<String, ComponentShare> {
    let share = |component: &str, announced: usize| ComponentShare {
        announced,
        local: core.running(component).count(),
        owners: core
            .assignment()
            .shares(component)
            .into_iter()
            .filter(|(_, targets)| *targets > 0)
            .map(|(name, targets)| (name.to_string(), targets))
            .collect(),
    };
    let components = core.assignment().components();
    components.map(|(id, announced)| (id.to_string(), share(id, announced))).collect()
}

/// The whole snapshot.
pub(super) fn of(
    core: &mut Core,
    cluster_name: &str,
    components: BTreeMap<String, ComponentShare>,
    started: Instant,
) -> ClusterState {
    let now = Instant::now();
    let view = core.view();
    let mut targets: BTreeMap<&str, usize> = BTreeMap::new();
    for (owner, count) in components.values().flat_map(|share| &share.owners) {
        *targets.entry(owner).or_default() += count;
    }
    let known = core.swim().map(membership::Swim::peers).unwrap_or_default();
    let peers = view.peers.iter().map(|peer| {
        let at = known.binary_search_by(|status| status.peer.name.cmp(&peer.name));
        let status = at.ok().map(|at| &known[at]);
        PeerStatus {
            name: peer.name.to_string(),
            address: peer.address,
            state: peer.state.as_str(),
            generation: peer.generation,
            is_self: peer.name == view.me.name,
            suspected: status.is_some_and(|status| status.suspicion.is_some()),
            since: wall(status.map_or(started, |status| status.since), now),
            targets: targets.get(peer.name.as_str()).copied().unwrap_or(0),
        }
    });
    let peers = peers.collect();
    let swim = core.swim();
    let keys: Vec<String> = swim
        .map(|swim| swim.keyring().ids())
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect();
    ClusterState {
        unencrypted: swim.is_some() && keys.is_empty() && !view.me.address.ip().is_loopback(),
        keys,
        enabled: swim.is_some(),
        cluster_name: cluster_name.to_owned(),
        node_name: view.me.name.to_string(),
        peers,
        digest: view.digest,
        joined: swim.is_none_or(membership::Swim::is_joined),
        ready: core.gate().is_open(),
        minimum_size: core.gate().wait_for_size(),
        name_clash: swim
            .and_then(membership::Swim::name_clash)
            .map(|peer| format!("{} at {}", peer.name, peer.address)),
        components,
        seeds: swim.map(seeds).unwrap_or_default(),
        seeds_error: swim.and_then(membership::Swim::resolution_error).map(str::to_owned),
    }
}

fn seeds(swim: &membership::Swim) -> Vec<SeedStatus> {
    let status = |status: &membership::SeedStatus| SeedStatus {
        address: status.address,
        result: match &status.result {
            SeedResult::Untried => "untried".to_owned(),
            SeedResult::Joined => "joined".to_owned(),
            SeedResult::Itself => "itself".to_owned(),
            SeedResult::Unreachable(error) => format!("unreachable: {error}"),
            SeedResult::Refused(error) => format!("refused: {error}"),
        },
    };
    swim.seeds().iter().map(status).collect()
}

/// An instant of the monotonic clock in milliseconds since the Unix epoch.
pub(super) fn wall(at: Instant, now: Instant) -> i64 {
    clock::unix_millis(SystemTime::now() - now.saturating_duration_since(at))
}
