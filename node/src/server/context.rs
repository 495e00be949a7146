//! What answers to requests are made of.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use tokio::sync::{Notify, Semaphore, watch};

use super::components::{Component, Components, HealthState};
use super::measure::Measures;
use crate::cluster::{Handle, PeerAccess};
use crate::telemetry::{Registration, Registry};

/// KiB of all larger bodies at a time, since a stranger's can be told by its seal only at its end;
/// more wait. A guess: sixteen of the largest.
pub(super) const BODIES_ROOM: usize = 64 << 10;

/// Questions of checks that are answered at one time; each waits for its datagram.
pub(super) const ANSWERED_AT_ONCE: usize = 32;

/// How far the process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The configuration is being loaded.
    Starting,
    /// The configuration runs.
    Running,
    /// The process is about to stop: it finishes what it has and takes nothing new.
    Draining,
}

/// Everything a request may need. Shared by all connections.
pub struct Context {
    /// The cluster as this node sees it.
    pub cluster: Handle,
    /// The way to other nodes.
    pub peers: PeerAccess,
    /// What `/metrics` shows.
    pub registry: Registry,
    /// The prefix of pages and of `/api/v0/web`; begins and ends with a slash.
    pub prefix: String,
    /// Whether `/debug/pprof` answers.
    pub enable_pprof: bool,
    /// How far the process is.
    pub phase: watch::Receiver<Phase>,
    pub(super) started: Instant,
    pub(super) started_at: SystemTime,
    pub(super) measures: Arc<Measures>,
    /// Held by whoever checks the paths to other nodes: one at a time.
    pub(super) checks: Semaphore,
    /// Held while another node's check is answered.
    pub(super) checks_answered: Semaphore,
    /// Bounds the memory of large bodies, in KiB.
    pub(super) bodies: Arc<Semaphore>,
    graph: OnceLock<Arc<dyn Components>>,
    /// Every discovery of the first configuration has found something or failed. It stays so: what a
    /// reload adds does not make a node unready that collects everything else.
    found: AtomicBool,
    /// Told when somebody asks over HTTP that this node drain and stop.
    drain: Arc<Notify>,
    _registration: Registration,
}

impl Context {
    /// A context without a graph: until there is one, the node is not ready.
    pub fn new(
        cluster: Handle,
        peers: PeerAccess,
        registry: Registry,
        prefix: String,
        enable_pprof: bool,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        let measures = Arc::new(Measures::default());
        let registration = measures.register(&registry);
        Self {
            cluster,
            peers,
            registry,
            prefix,
            enable_pprof,
            phase,
            started: Instant::now(),
            started_at: SystemTime::now(),
            measures,
            checks: Semaphore::new(1),
            checks_answered: Semaphore::new(ANSWERED_AT_ONCE),
            bodies: Arc::new(Semaphore::new(BODIES_ROOM)),
            graph: OnceLock::new(),
            found: AtomicBool::new(false),
            drain: Arc::new(Notify::new()),
            _registration: registration,
        }
    }

    /// Wakes who waits for it when this node is asked to drain and stop.
    pub fn drain(&self) -> Arc<Notify> {
        Arc::clone(&self.drain)
    }

    /// Takes the graph once it is loaded. A second one changes nothing: there is one a process.
    pub fn set_graph(&self, graph: Arc<dyn Components>) {
        let _ = self.graph.set(graph);
    }

    /// The graph, once it is loaded.
    pub(super) fn graph(&self) -> Option<&Arc<dyn Components>> {
        self.graph.get().filter(|graph| graph.is_loaded())
    }

    /// Whether the configuration runs and goes on running.
    pub(super) fn is_settled(&self) -> bool {
        self.graph().is_some() && *self.phase.borrow() == Phase::Running
    }

    /// Why the node is not ready; nothing when it is.
    pub(super) fn unready(&self) -> Option<String> {
        let state = self.cluster.state();
        let state = state.borrow();
        if *self.phase.borrow() == Phase::Draining {
            return Some("it is shutting down".to_owned());
        }
        if let Some(clash) = &state.name_clash {
            return Some(format!(
                "another live node has the name of this one: {clash}; give one of them another \
                 --cluster.node-name"
            ));
        }
        let Some(graph) = self.graph() else {
            return Some("its configuration is not loaded yet".to_owned());
        };
        if state.me().is_some_and(|me| me.state == "leaving") {
            return Some("it is leaving its cluster: others take over what it collects".to_owned());
        }
        if !state.is_participant() {
            let why = state.why_not_joined().map(|why| format!(" ({why})")).unwrap_or_default();
            return Some(format!("it has not joined its cluster yet{why}"));
        }
        if let Some(discovery) = self.still_looking(graph.as_ref()) {
            return Some(format!("it does not know its targets yet: {discovery} looks for them"));
        }
        if !state.collecting {
            return Some("it does not collect all that it owns yet".to_owned());
        }
        None
    }

    /// A discovery that has neither found targets nor failed since the start: others collect what
    /// it will find, and would go too early if this node said that it is ready.
    fn still_looking(&self, graph: &dyn Components) -> Option<String> {
        if self.found.load(Ordering::Relaxed) {
            return None;
        }
        let looking = |component: &Component| {
            component.name.starts_with("discovery.")
                && component.health.state == HealthState::Unknown
        };
        let looking = graph.list().into_iter().find(looking);
        self.found.store(looking.is_none(), Ordering::Relaxed);
        Some(looking?.id())
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
