//! What the cluster looks like from this node, as one snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Instant, SystemTime};

use membership::{SeedResult, State};
use serde::{Deserialize, Serialize};

use super::advertise::Reach;
use super::seeds::{Lookup, OutOfReach};
use crate::core::Core;
use crate::telemetry::clock;

#[cfg(test)]
mod tests;

/// Missing nodes, or seeds, that a note names.
const MISSING_NAMED: usize = 5;

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
    /// Whether this node has no key and other hosts may reach it.
    pub unencrypted: bool,
    /// Whether this node is part of a cluster, be it one of its own.
    pub joined: bool,
    /// Whether new targets may be started: the cluster has reached its minimum size, or waited
    /// long enough for it.
    pub ready: bool,
    /// `--cluster.wait-for-size`; 0 when there is none.
    pub minimum_size: usize,
    /// Another live node with this node's name, which keeps this node out.
    pub name_clash: Option<NameClash>,
    /// The clustered components of this node, by id.
    pub components: BTreeMap<String, ComponentShare>,
    /// Where this node looks for others.
    pub seeds: Vec<SeedStatus>,
    /// Why the seeds could not be looked up the last time.
    pub seeds_error: Option<String>,
    /// The seeds as they were written, and what they lead to.
    pub lookups: Vec<SeedLookup>,
    /// Where they lead to in vain.
    pub out_of_reach: Vec<OutOfReach>,
    /// How many nodes there should be: those that live, those that are missing, one for each seed that
    /// leads nowhere while this node is alone, and no fewer than the minimum size.
    pub expected_size: usize,
    /// Nodes that should be there and are not.
    pub missing: Vec<Missing>,
    /// Whether this node has begun to collect all that it owns, since it takes part; or may not,
    /// because the cluster is too small.
    pub collecting: bool,
}

/// Two live nodes with one name, told by the one that stays out because of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameClash {
    /// The name of both.
    pub name: String,
    /// Where this node is.
    pub address: SocketAddr,
    /// Where the other one is.
    pub other_address: SocketAddr,
}

impl std::fmt::Display for NameClash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, address, other_address } = self;
        write!(f, "{name} at {other_address}, while this node is at {address}")
    }
}

/// A node that should be there and is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Its name, if it was ever seen.
    pub name: Option<String>,
    /// Where it was, or should be.
    pub address: SocketAddr,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} at {}", self.address),
            None => write!(f, "{}", self.address),
        }
    }
}

/// A seed as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedLookup {
    /// As it was written.
    pub seed: String,
    /// `found`, `unknown` or `failed`.
    pub outcome: String,
    /// The outcome in words.
    pub detail: String,
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
    /// The result as one word: `untried`, `joined`, `itself`, `unreachable` or `refused`.
    pub outcome: &'static str,
    /// When it was asked last, in milliseconds since the Unix epoch.
    pub at: Option<i64>,
    /// Whether it is no seed, but where a peer was before.
    pub remembered: bool,
}

#[cfg(test)]
impl PeerStatus {
    /// A node that takes part.
    pub(crate) fn participant(name: &str, address: SocketAddr, is_self: bool) -> Self {
        Self {
            name: name.to_owned(),
            address,
            state: "participant",
            generation: 1,
            is_self,
            suspected: false,
            since: 0,
            targets: 0,
        }
    }
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

    /// What an operator should know although this node does its work; empty when all is well.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.enabled {
            return notes;
        }
        let size = self.peers.len();
        if self.joined && size < self.expected_size {
            let absent = self.absent();
            let missing = match absent.is_empty() {
                true => String::new(),
                false => format!(" (missing: {})", first_of(&absent)),
            };
            notes.push(format!("cluster of {size}, expected {}{missing}", self.expected_size));
        }
        let dead_ends = self.dead_ends();
        if self.joined && !dead_ends.is_empty() {
            let seeds: Vec<String> =
                dead_ends.iter().map(|(seed, why)| format!("{seed} ({why})")).collect();
            let noun = if seeds.len() == 1 { "seed" } else { "seeds" };
            notes.push(format!(
                "no other node is found by the {noun} {}: nodes with the same seeds are clusters of their \
                 own, each of which collects everything",
                first_of(&seeds)
            ));
        }
        if !self.ready {
            let minimum = self.minimum_size;
            notes.push(format!("nothing new is started before the cluster has {minimum} nodes"));
        }
        notes
    }

    /// The seeds that lead nowhere while this node is alone, and why: a name that does not exist, or
    /// addresses out of reach. Whoever has the same ones is alone, too. A name that comes to exist, as in
    /// Kubernetes with the first pod that is ready, is none any more, and neither is any once another
    /// node is there.
    pub fn dead_ends(&self) -> BTreeMap<&str, &'static str> {
        if !self.enabled || self.peers.len() > 1 {
            return BTreeMap::new();
        }
        let unknown = self.lookups.iter().filter(|lookup| lookup.outcome == "unknown");
        let unknown = unknown.map(|lookup| (lookup.seed.as_str(), "it does not exist"));
        let hidden = self.out_of_reach.iter();
        let hidden = hidden.map(|lost| (lost.seed.as_str(), "nobody there could reach this node"));
        unknown.chain(hidden).collect()
    }

    /// Who should be there and is not, in words.
    pub fn absent(&self) -> Vec<String> {
        // Who is missing may be who is meant: its name goes with it, where names are those of pods.
        let dead_ends = self.dead_ends().into_keys().skip(self.missing.len());
        let unknown = dead_ends.map(|seed| format!("whoever is meant by {seed}"));
        self.missing.iter().map(ToString::to_string).chain(unknown).collect()
    }

    /// Why this node has not joined, as far as its seeds tell: a failed lookup, a refusal, nobody
    /// being there, or a name that leads nowhere.
    pub fn why_not_joined(&self) -> Option<String> {
        if let Some(error) = &self.seeds_error {
            return Some(error.clone());
        }
        let first = |outcome| self.seeds.iter().find(|seed| seed.outcome == outcome);
        let told = first("refused").or_else(|| first("unreachable"));
        let told = told.map(|seed| format!("{}: {}", seed.address, seed.result));
        let dead_end = || self.dead_ends().pop_first().map(|(seed, why)| format!("{seed}: {why}"));
        let untried = || {
            let count = self.seeds.iter().filter(|seed| seed.outcome == "untried").count();
            (count > 0).then(|| format!("{count} seeds have not been asked yet"))
        };
        told.or_else(dead_end).or_else(untried)
    }

    /// All targets of clustered components that this node knows of.
    pub fn targets(&self) -> usize {
        self.components.values().map(|share| share.announced).sum()
    }
}

/// The first of them, and how many there are beyond.
fn first_of(texts: &[String]) -> String {
    let named = texts.iter().take(MISSING_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match texts.len().saturating_sub(MISSING_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
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

/// What the snapshot needs beyond what the core knows.
pub(super) struct Beside<'a> {
    pub(super) cluster_name: &'a str,
    pub(super) components: BTreeMap<String, ComponentShare>,
    pub(super) started: Instant,
    pub(super) collecting: bool,
    pub(super) lookups: &'a [Lookup],
    pub(super) out_of_reach: &'a [OutOfReach],
    pub(super) reach: Reach,
    /// Who is gone without a farewell: names and where they were.
    pub(super) lost: Vec<(String, SocketAddr)>,
}

/// The whole snapshot.
pub(super) fn of(core: &mut Core, beside: Beside<'_>) -> ClusterState {
    let Beside {
        cluster_name,
        components,
        started,
        collecting,
        lookups,
        out_of_reach,
        reach,
        lost,
    } = beside;
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
    let peers: Vec<PeerStatus> = peers.collect();
    let swim = core.swim();
    let keys: Vec<String> = swim
        .map(|swim| swim.keyring().ids())
        .unwrap_or_default()
        .iter()
        .map(ToString::to_string)
        .collect();
    let seeds: Vec<SeedStatus> = swim.map(|swim| seeds(swim, now)).unwrap_or_default();
    let missing = missing(view.me.address, &peers, &seeds, lost);
    let mut state = ClusterState {
        expected_size: 0,
        missing,
        out_of_reach: out_of_reach.to_vec(),
        collecting: collecting || !core.gate().is_open(),
        lookups: lookups
            .iter()
            .map(|lookup| SeedLookup {
                seed: lookup.seed.clone(),
                outcome: lookup.outcome.as_str().to_owned(),
                detail: lookup.outcome.to_string(),
            })
            .collect(),
        unencrypted: swim.is_some() && keys.is_empty() && !reach.is_loopback(),
        keys,
        enabled: swim.is_some(),
        cluster_name: cluster_name.to_owned(),
        node_name: view.me.name.to_string(),
        peers,
        digest: view.digest,
        joined: swim.is_none_or(membership::Swim::is_joined),
        ready: core.gate().is_open(),
        minimum_size: core.gate().wait_for_size(),
        name_clash: swim.and_then(membership::Swim::name_clash).map(|other| NameClash {
            name: other.name.to_string(),
            address: view.me.address,
            other_address: other.address,
        }),
        components,
        seeds,
        seeds_error: swim.and_then(membership::Swim::resolution_error).map(str::to_owned),
    };
    let absent = state.missing.len().max(state.dead_ends().len());
    let expected = state.peers.len() + absent;
    state.expected_size = expected.max(state.minimum_size);
    state
}

fn seeds(swim: &membership::Swim, now: Instant) -> Vec<SeedStatus> {
    let status = |status: &membership::SeedStatus| {
        let (outcome, detail) = match &status.result {
            // A node does not ask itself.
            SeedResult::Untried if status.address == swim.me().address => ("itself", None),
            SeedResult::Untried => ("untried", None),
            SeedResult::Joined => ("joined", None),
            SeedResult::Itself => ("itself", None),
            SeedResult::Unreachable(error) => ("unreachable", Some(error)),
            SeedResult::Refused(error) => ("refused", Some(error)),
        };
        SeedStatus {
            address: status.address,
            result: detail.map_or(outcome.to_owned(), |error| format!("{outcome}: {error}")),
            outcome,
            at: status.at.map(|at| wall(at, now)),
            remembered: status.remembered,
        }
    };
    swim.seeds().iter().map(status).collect()
}

/// Who should be there and is not: peers that fell silent, and seeds where nobody answers. A seed of
/// the other address family counts for nothing: it is a second address of somebody.
fn missing(
    me: SocketAddr,
    peers: &[PeerStatus],
    seeds: &[SeedStatus],
    lost: Vec<(String, SocketAddr)>,
) -> Vec<Missing> {
    let mut taken: BTreeSet<SocketAddr> = peers.iter().map(|peer| peer.address).collect();
    let mut missing = Vec::new();
    for (name, address) in lost {
        if taken.insert(address) {
            missing.push(Missing { name: Some(name), address });
        }
    }
    for seed in seeds {
        let silent = matches!(seed.outcome, "unreachable" | "refused") && !seed.remembered;
        if silent && seed.address.is_ipv4() == me.is_ipv4() && taken.insert(seed.address) {
            missing.push(Missing { name: None, address: seed.address });
        }
    }
    missing
}

/// An instant of the monotonic clock in milliseconds since the Unix epoch.
pub(super) fn wall(at: Instant, now: Instant) -> i64 {
    clock::unix_millis(SystemTime::now() - now.saturating_duration_since(at))
}
