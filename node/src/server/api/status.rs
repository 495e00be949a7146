//! `GET /api/v1/status`: this node in one look.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::components::{Component, Health};
use super::super::context::Context;
use super::super::reply::{self, Reply};
use crate::telemetry::{clock, process};

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The unique name.
    pub name: String,
    /// The version of Shoal.
    pub version: String,
    /// `joining`, `participant` or `leaving`.
    pub state: String,
    /// Whether it does its work.
    pub ready: bool,
    /// Why not; empty when it does.
    pub unready: String,
    /// Where others reach it.
    pub address: String,
    /// Grows with every boot.
    pub generation: u64,
    /// When the process started, in RFC 3339.
    pub started: String,
    /// For how long it has run.
    pub uptime_seconds: u64,
    /// Its cluster.
    pub cluster: Cluster,
    /// Its components.
    pub components: Vec<ComponentStatus>,
    /// What is wrong with the configuration besides components that are not healthy.
    #[serde(default)]
    pub troubles: Vec<String>,
    /// What waits to be delivered, by destination.
    pub queues: Vec<Queue>,
}

/// The cluster as the node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Whether clustering is on.
    pub enabled: bool,
    /// The cluster's name.
    pub name: String,
    /// Whether new targets are started.
    pub ready: bool,
    /// The least number of nodes before they are; 0 when there is none.
    pub minimum_size: usize,
    /// A hash of the peers, in hexadecimal: nodes with the same one see the same cluster.
    pub digest: String,
    /// Every live peer, this node included.
    pub peers: Vec<Peer>,
}

/// A peer as the node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Where it is reached.
    pub address: String,
    /// `joining`, `participant` or `leaving`.
    pub state: String,
    /// Whether it is suspected to be dead.
    pub suspected: bool,
    /// Targets that the ranking gives to it.
    pub targets: usize,
}

/// A component in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentStatus {
    /// The global id.
    pub id: String,
    /// How it fares.
    pub health: Health,
    /// Targets it knows and targets this node collects; absent for components without targets.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub targets: Option<Targets>,
}

/// The targets of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// That it announced.
    pub known: usize,
    /// That this node collects.
    pub local: usize,
}

/// What waits for one destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// The component that sends.
    pub component: String,
    /// The destination's name.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// Samples that wait, those in memory included.
    pub samples: f64,
    /// Bytes that wait on disk.
    pub bytes: f64,
    /// How long the oldest of those has waited, in seconds; 0 when none waits.
    pub age_seconds: f64,
}

pub(in crate::server) fn answer(context: &Arc<Context>) -> Reply {
    reply::json(&of(context))
}

/// The status of this node.
pub(in crate::server) fn of(context: &Context) -> Status {
    let state = Arc::clone(&context.cluster.state().borrow());
    let me = state.me();
    let unready = context.unready();
    let peers = state.peers.iter().map(|peer| Peer {
        name: peer.name.clone(),
        address: peer.address.to_string(),
        state: peer.state.to_owned(),
        suspected: peer.suspected,
        targets: peer.targets,
    });
    let graph = context.graph();
    let troubles = graph.map(|graph| graph.troubles()).unwrap_or_default();
    let components = graph.map(|graph| graph.list()).unwrap_or_default();
    let mut targets: Vec<(String, Targets)> = context
        .cluster
        .listed()
        .iter()
        .map(|listed| {
            let id = listed.component.to_string();
            let known = listed.announced().len();
            let local = match state.components.get(&id) {
                Some(share) => share.local,
                None if listed.clustered => 0,
                None => known,
            };
            (id, Targets { known, local })
        })
        .collect();
    let component = |component: Component| {
        let id = component.id();
        let at = targets.iter().position(|(other, _)| *other == id);
        let targets = at.map(|at| targets.swap_remove(at).1);
        ComponentStatus { id, health: component.health, targets }
    };
    Status {
        name: state.node_name.clone(),
        version: process::VERSION.to_owned(),
        state: me.map(|me| me.state.to_owned()).unwrap_or_default(),
        ready: unready.is_none(),
        unready: unready.unwrap_or_default(),
        address: me.map(|me| me.address.to_string()).unwrap_or_default(),
        generation: me.map(|me| me.generation).unwrap_or_default(),
        started: clock::rfc3339(clock::unix_millis(context.started_at)),
        uptime_seconds: context.started.elapsed().as_secs(),
        cluster: Cluster {
            enabled: state.enabled,
            name: state.cluster_name.clone(),
            ready: state.ready,
            minimum_size: state.minimum_size,
            digest: format!("{:016x}", state.digest),
            peers: peers.collect(),
        },
        components: components.into_iter().map(component).collect(),
        troubles,
        queues: queues(context),
    }
}

/// What the senders say of their queues, read off the metrics that they publish anyway.
fn queues(context: &Context) -> Vec<Queue> {
    type Sample = (Vec<(String, String)>, f64);
    let page = context.registry.exposition();
    let bytes = page.samples("shoal_delivery_queue_bytes");
    let oldest = page.samples("shoal_delivery_queue_oldest_seconds");
    let beside = |others: &[Sample], labels: &[(String, String)]| {
        let same = others.iter().find(|(other, _)| other.as_slice() == labels);
        same.map_or(0.0, |(_, value)| *value)
    };
    let queue = |(labels, samples): Sample| {
        let label = |name: &str| {
            let found = labels.iter().find(|(found, _)| found == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let module = label("component_path");
        let id = label("component_id");
        Queue {
            component: match module.trim_matches('/') {
                "" => id,
                module => format!("{module}/{id}"),
            },
            name: label("remote_name"),
            url: label("url"),
            samples,
            bytes: beside(&bytes, &labels),
            age_seconds: beside(&oldest, &labels),
        }
    };
    page.samples("prometheus_remote_storage_samples_pending").into_iter().map(queue).collect()
}
