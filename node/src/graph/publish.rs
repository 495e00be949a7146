//! What the graph shows: one snapshot after every change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use syntax::json::Body;
use syntax::{Evaluated, Value};
use tokio::sync::{mpsc, watch};

use super::handle::{Command, Graph};
use super::health::{Health, HealthState};
use super::id::ComponentId;
use super::live::{Live, LoadStatus};
use super::plan::{Node, Plan, Role};
use crate::components::{Descriptor, Running};
use crate::config::Config;
use crate::server::components::{self as api, Component};
use crate::server::config::HttpConfig;
use crate::telemetry::clock;
use crate::telemetry::logging::Logging;

/// The graph at one instant.
#[derive(Default)]
pub struct Published {
    pub(super) load: LoadStatus,
    /// How those fare that are not shown as components: imports, blocks of the process.
    pub(super) config_nodes: Vec<(ComponentId, Health)>,
    entries: Vec<Arc<Entry>>,
    by_id: BTreeMap<String, usize>,
}

impl std::fmt::Debug for Published {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Published").field("components", &self.by_id.keys()).finish_non_exhaustive()
    }
}

impl Published {
    pub(super) fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter()
    }

    /// Every pair of components of which the first reads the second, by their ids.
    pub(super) fn connections(&self) -> impl Iterator<Item = (String, String)> {
        self.entries.iter().flat_map(|entry| {
            let inside = |local: &String| {
                ComponentId::new(entry.shown.module_id.as_str(), local.as_str()).to_string()
            };
            let from = inside(&entry.shown.local_id);
            let reads = entry.shown.references_to.iter().map(inside);
            reads.map(|to| (from.clone(), to)).collect::<Vec<_>>()
        })
    }

    /// How each component fares, and each node that is not shown as one.
    pub(super) fn states(&self) -> impl Iterator<Item = HealthState> {
        let components = self.entries.iter().map(|entry| entry.health().state);
        components.chain(self.config_nodes.iter().map(|(_, health)| health.state))
    }

    pub(super) fn entry(&self, id: &str) -> Option<Arc<Entry>> {
        self.by_id.get(id).map(|&index| Arc::clone(&self.entries[index]))
    }
}

/// One component.
pub(super) struct Entry {
    /// Everything but health, arguments, exports and debug information.
    shown: Component,
    evaluation: Health,
    live: Option<Speaking>,
    evaluated: Option<Arc<Evaluated>>,
    exports: Option<Value>,
    kind: Option<Arc<dyn Descriptor>>,
}

/// What a running component can be asked.
struct Speaking {
    handle: Arc<dyn Running>,
    reported: watch::Receiver<Health>,
    exited: watch::Receiver<Option<Health>>,
}

impl Entry {
    /// What the list says of it.
    pub(super) fn summary(&self) -> Component {
        let mut shown = self.shown.clone();
        shown.health = api_health(&self.health());
        shown
    }

    /// What there is to say of it, and of each long list the first `most` elements.
    pub(super) async fn detail(&self, most: usize) -> Component {
        let mut shown = self.summary();
        if let Some(evaluated) = &self.evaluated {
            let reference = self.kind.as_ref().map(|kind| kind.arguments()).unwrap_or_default();
            shown.arguments = json(&Body::at_most(most).with(evaluated, &reference));
        }
        if let Some(exports) = &self.exports {
            shown.exports = json(&Body::at_most(most).with_object(exports));
        }
        if let Some(live) = &self.live {
            shown.debug_info = json(&live.handle.debug_info(most).await);
        }
        shown
    }

    pub(super) fn running(&self) -> Option<Arc<dyn Running>> {
        self.live.as_ref().map(|live| Arc::clone(&live.handle))
    }

    fn health(&self) -> Health {
        let Some(live) = &self.live else { return self.evaluation.clone() };
        let exited = live.exited.borrow().clone();
        let own = exited.unwrap_or_else(|| live.reported.borrow().clone());
        match self.evaluation.state {
            // That its arguments are fine says less than what the component says of itself.
            HealthState::Healthy => own,
            _ => own.worse(self.evaluation.clone()),
        }
    }
}

/// The writing end.
pub(super) struct Publisher {
    published: watch::Sender<Arc<Published>>,
    http: watch::Sender<Arc<HttpConfig>>,
    logging: watch::Sender<Logging>,
}

impl Publisher {
    pub(super) fn new(commands: mpsc::Sender<Command>) -> (Self, Graph) {
        let (published, seen) = watch::channel(Arc::default());
        let (http, http_seen) = watch::channel(Arc::default());
        let (logging, logging_seen) = watch::channel(Logging::default());
        let graph = Graph { commands, published: seen, http: http_seen, logging: logging_seen };
        (Self { published, http, logging }, graph)
    }

    /// Tells of the `http` block before the rest is known, also if it is what everybody assumes.
    pub(super) fn tell_http(&self, http: HttpConfig) {
        self.http.send_replace(Arc::new(http));
    }

    pub(super) fn publish(&self, plan: &Plan, lives: &[Live], load: &LoadStatus) {
        let edges = Edges::of(plan);
        let mut insides = insides(plan, lives);
        let mut published = Published { load: load.clone(), ..Published::default() };
        let mut config = Config::default();
        for (index, (node, live)) in plan.nodes.iter().zip(lives).enumerate() {
            if let (Role::Config(block), Some(evaluated)) = (&node.role, &live.evaluated) {
                // Only what could be applied is in force.
                let applied = config.apply(*block, evaluated);
                debug_assert!(applied.is_ok(), "{applied:?}");
            }
            if matches!(node.role, Role::Import(_) | Role::Config(_)) {
                published.config_nodes.push((node.id.clone(), live.evaluation.clone()));
            }
            if !node.is_component() {
                continue;
            }
            let exports = match node.role {
                Role::Instance { outputs } => lives[outputs].exports.clone(),
                _ => live.exports.clone(),
            };
            let entry = Entry {
                shown: edges.shown(node, index),
                evaluation: match insides.remove(&index) {
                    Some(inside) => live.evaluation.clone().worse(inside),
                    None => live.evaluation.clone(),
                },
                live: live.component.as_ref().map(|component| Speaking {
                    handle: Arc::clone(&component.handle),
                    reported: component.reported.clone(),
                    exited: component.exited.clone(),
                }),
                evaluated: live.evaluated.clone(),
                exports,
                kind: match &node.role {
                    Role::Component(kind) => Some(Arc::clone(kind)),
                    _ => None,
                },
            };
            published.by_id.insert(node.id.to_string(), published.entries.len());
            published.entries.push(Arc::new(entry));
        }
        self.published.send_replace(Arc::new(published));
        set(&self.logging, config.logging);
        set(&self.http, Arc::new(config.http));
    }
}

/// What is wrong with the arguments and exports inside custom components, by the index of the
/// instance: those are nothing that a user knows by a name of its own.
fn insides(plan: &Plan, lives: &[Live]) -> BTreeMap<usize, Health> {
    let mut insides: BTreeMap<usize, Health> = BTreeMap::new();
    for (index, node) in plan.nodes.iter().enumerate() {
        let (instance, inside) = match node.role {
            Role::Argument { instance, .. } => (instance, index),
            Role::Instance { outputs } => (index, outputs),
            _ => continue,
        };
        let health = &lives[inside].evaluation;
        if health.state != HealthState::Unhealthy {
            continue;
        }
        // Of several, the one that the configuration has first.
        insides.entry(instance).or_insert_with(|| health.clone());
    }
    insides
}

/// Replaces a value; watchers wake only if it differs.
fn set<T: PartialEq>(sender: &watch::Sender<T>, value: T) {
    sender.send_if_modified(|current| {
        let differs = *current != value;
        if differs {
            *current = value;
        }
        differs
    });
}

/// Who reads whom, among what is shown as a component.
struct Edges {
    reads: Vec<BTreeSet<String>>,
    read_by: Vec<BTreeSet<String>>,
    sends_to: Vec<BTreeSet<String>>,
}

impl Edges {
    fn of(plan: &Plan) -> Self {
        let none = vec![BTreeSet::new(); plan.nodes.len()];
        let mut edges = Self { reads: none.clone(), read_by: none.clone(), sends_to: none };
        // What a custom component exports is shown as exported by its instance.
        let mut shown_as: Vec<usize> = (0..plan.nodes.len()).collect();
        for (index, node) in plan.nodes.iter().enumerate() {
            if let Role::Instance { outputs } = node.role {
                shown_as[outputs] = index;
            }
        }
        for (reader, node) in plan.nodes.iter().enumerate() {
            if !node.is_component() {
                continue;
            }
            for binding in &node.bindings {
                let read = shown_as[binding.node];
                if plan.nodes[read].is_component() {
                    edges.add(plan, reader, read, binding.field.as_deref());
                }
            }
        }
        edges
    }

    fn add(&mut self, plan: &Plan, reader: usize, read: usize, field: Option<&str>) {
        let local = |index: usize| plan.nodes[index].id.local.clone();
        self.reads[reader].insert(local(read));
        self.read_by[read].insert(local(reader));
        match field {
            // Whoever holds a receiver sends to it; targets go the other way.
            Some("receiver") => self.sends_to[reader].insert(local(read)),
            Some("targets" | "output") => self.sends_to[read].insert(local(reader)),
            _ => false,
        };
    }

    fn shown(&self, node: &Node, index: usize) -> Component {
        let list = |ids: &BTreeSet<String>| ids.iter().cloned().collect();
        let created = match node.role {
            Role::Instance { .. } => vec![node.id.as_module()],
            _ => Vec::new(),
        };
        Component {
            name: node.block.name.to_string(),
            r#type: "block".to_owned(),
            local_id: node.id.local.clone(),
            module_id: node.id.module.clone(),
            label: node
                .block
                .label
                .as_ref()
                .map(|label| label.value.to_string())
                .unwrap_or_default(),
            references_to: list(&self.reads[index]),
            referenced_by: list(&self.read_by[index]),
            data_flow_edges_to: list(&self.sends_to[index]),
            health: api_health(&Health::unknown()),
            original: String::new(),
            arguments: serde_json::json!([]),
            exports: serde_json::json!([]),
            debug_info: serde_json::json!([]),
            created_module_ids: created,
            live_debugging_enabled: false,
        }
    }
}

fn json(body: &Body) -> serde_json::Value {
    // Bodies are made of JSON already.
    serde_json::to_value(body).unwrap_or_default()
}

/// Health as the API says it.
pub(super) fn api_health(health: &Health) -> api::Health {
    api::Health {
        state: match health.state {
            HealthState::Healthy => api::HealthState::Healthy,
            HealthState::Unknown => api::HealthState::Unknown,
            HealthState::Unhealthy => api::HealthState::Unhealthy,
            HealthState::Exited => api::HealthState::Exited,
        },
        message: health.message.clone(),
        updated_time: clock::rfc3339(clock::unix_millis(health.updated)),
    }
}
