//! `GET /api/v1/cluster`: the cluster as this node sees it, with all it knows of each peer and
//! each seed, and what is wrong.

use std::sync::Arc;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::super::context::Context;
use super::super::reply::{self, Reply};
use crate::cluster::{
    Closed, ClusterState, Detail, Missing, OutOfReach, PeerDetail, PeerStatus, SeedLookup,
};
use crate::telemetry::clock;

/// The cluster as one node sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// The node that answers.
    pub node: String,
    /// Whether clustering is on.
    pub enabled: bool,
    /// The cluster's name.
    pub name: String,
    /// Whether the node does its work.
    pub ready: bool,
    /// Why not; empty when it does.
    pub unready: String,
    /// What an operator should know although it does.
    pub notes: Vec<String>,
    /// Whether it is part of a cluster, be it one of its own.
    pub joined: bool,
    /// Whether it and those that it hears of see the same cluster.
    pub converged: bool,
    /// A hash of its view, in hexadecimal.
    pub digest: String,
    /// How much it doubts itself, from 0 to 8.
    pub local_health: u8,
    /// Live nodes, itself included.
    pub size: usize,
    /// How many there should be.
    pub expected_size: usize,
    /// Which of them are not there.
    pub missing: Vec<Missing>,
    /// `--cluster.wait-for-size`; 0 when there is none.
    pub minimum_size: usize,
    /// Whether new targets are started.
    pub starts_targets: bool,
    /// The live node that has this node's name and thereby keeps it out: its name, its address, and
    /// that of this node.
    pub name_clash: Option<String>,
    /// The ids of the cluster's keys, the one that seals first.
    pub keys: Vec<String>,
    /// Every live peer, itself included, by name.
    pub peers: Vec<Peer>,
    /// The seeds as they were written, and what they lead to.
    pub lookups: Vec<SeedLookup>,
    /// Addresses that they lead to and that are left out, since nobody there could reach this node.
    #[serde(default)]
    pub out_of_reach: Vec<OutOfReach>,
    /// The addresses that they lead to, and those of earlier peers, and what came of asking there.
    pub seeds: Vec<Seed>,
}

/// A live peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Whether it is the node that answers.
    #[serde(rename = "self")]
    pub is_self: bool,
    /// Where it is reached.
    pub address: String,
    /// `joining`, `participant` or `leaving`.
    pub state: String,
    /// Grows with every life of it.
    pub generation: u64,
    /// Since when it is known to be alive, in RFC 3339.
    pub since: String,
    /// When it was heard last, in RFC 3339; null for the node itself, and for one that is known by
    /// hearsay alone.
    pub last_heard: Option<String>,
    /// How long it takes to answer a probe, in seconds.
    pub round_trip_seconds: Option<f64>,
    /// How far its clock is ahead of that of the node that answers, in seconds; null when nobody knows.
    #[serde(default)]
    pub clock_skew_seconds: Option<f64>,
    /// The error of that is at most this, in seconds.
    #[serde(default)]
    pub clock_error_seconds: Option<f64>,
    /// The suspicion that it is dead, while there is one.
    pub suspicion: Option<Suspicion>,
    /// The hash of its own view, in hexadecimal, as it last said.
    pub digest: Option<String>,
    /// Targets that the ranking gives to it.
    pub targets: usize,
}

/// A suspicion that a peer is dead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suspicion {
    /// Since when, in RFC 3339.
    pub since: String,
    /// How many nodes, beyond the first, found out the same by themselves.
    pub confirmations: u32,
    /// When it becomes a verdict, in seconds from now.
    pub verdict_in_seconds: f64,
}

/// A place where the node looks for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed {
    /// Where it is.
    pub address: String,
    /// `untried`, `joined`, `itself`, `unreachable` or `refused`.
    pub result: String,
    /// The result in words.
    pub detail: String,
    /// When it was asked last, in RFC 3339.
    pub at: Option<String>,
    /// Whether it is no seed, but where a peer was before.
    pub remembered: bool,
}

pub(in crate::server) async fn answer(context: &Arc<Context>) -> Reply {
    match of(context).await {
        Ok(cluster) => reply::json(&cluster),
        Err(closed) => reply::json_error(StatusCode::SERVICE_UNAVAILABLE, closed.to_string()),
    }
}

/// The cluster as this node sees it now.
pub(in crate::server) async fn of(context: &Context) -> Result<Cluster, Closed> {
    let detail = context.cluster.detail().await?;
    let state = Arc::clone(&context.cluster.state().borrow());
    Ok(describe(&state, &detail, context.unready()))
}

fn describe(state: &ClusterState, detail: &Detail, unready: Option<String>) -> Cluster {
    let seed = |seed: &crate::cluster::SeedStatus| Seed {
        address: seed.address.to_string(),
        result: seed.outcome.to_owned(),
        detail: seed.result.clone(),
        at: seed.at.map(clock::rfc3339),
        remembered: seed.remembered,
    };
    Cluster {
        node: state.node_name.clone(),
        enabled: state.enabled,
        name: state.cluster_name.clone(),
        ready: unready.is_none(),
        unready: unready.unwrap_or_default(),
        notes: state.notes(),
        joined: state.joined,
        converged: detail.converged,
        digest: hex(state.digest),
        local_health: detail.local_health,
        size: state.peers.len(),
        expected_size: state.expected_size,
        missing: state.missing.clone(),
        minimum_size: state.minimum_size,
        starts_targets: state.ready,
        name_clash: state.name_clash.as_ref().map(ToString::to_string),
        keys: state.keys.clone(),
        peers: state.peers.iter().map(|peer| describe_peer(peer, state, detail)).collect(),
        lookups: state.lookups.clone(),
        out_of_reach: state.out_of_reach.clone(),
        seeds: state.seeds.iter().map(seed).collect(),
    }
}

fn describe_peer(peer: &PeerStatus, state: &ClusterState, detail: &Detail) -> Peer {
    let unknown = PeerDetail::default();
    let known = detail.peers.get(&peer.name).unwrap_or(&unknown);
    Peer {
        name: peer.name.clone(),
        is_self: peer.is_self,
        address: peer.address.to_string(),
        state: peer.state.to_owned(),
        generation: peer.generation,
        since: clock::rfc3339(peer.since),
        last_heard: known.last_heard.map(clock::rfc3339),
        round_trip_seconds: known.round_trip_seconds,
        clock_skew_seconds: known.clock_skew_seconds.map(|(skew, _)| skew),
        clock_error_seconds: known.clock_skew_seconds.map(|(_, error)| error),
        suspicion: known.suspicion.map(|suspicion| Suspicion {
            since: clock::rfc3339(suspicion.since),
            confirmations: suspicion.confirmations,
            verdict_in_seconds: suspicion.left as f64 / 1000.0,
        }),
        digest: match peer.is_self {
            true => Some(hex(state.digest)),
            false => known.digest.map(hex),
        },
        targets: peer.targets,
    }
}

fn hex(digest: u64) -> String {
    format!("{digest:016x}")
}
