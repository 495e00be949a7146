//! What the cluster says about itself: Alloy's names where they mean the same, Shoal's own else.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use membership::{Counters, Event, Refusal, State, Swim};
use ownership::Handover;
use ownership::audit::Figures;
use ownership::handover::HandoverCounters;
use tokio::sync::watch;

use self::lag::Lag;
use super::datagrams::Icmp;
use super::subscription::Reason;
use super::{ClusterState, PeerSeal, SeedStatus};
use crate::telemetry::{Exposition, Registration, Registry};

mod audit;
mod checkpoints;
mod lag;
mod telling;
#[cfg(test)]
mod tests;

/// Figures that the event loop keeps.
#[derive(Debug, Default)]
pub(super) struct Measures {
    received: Traffic,
    sent: Traffic,
    /// ICMP messages that nobody listens where a datagram went, and all others.
    icmp_unreachable: AtomicU64,
    icmp_ignored: AtomicU64,
    checks_refused: AtomicU64,
    starts: AtomicU64,
    stops_moved: AtomicU64,
    stops_gone: AtomicU64,
    backlog: AtomicUsize,
    /// How late timers were.
    late: Mutex<Lag>,
    joins: AtomicU64,
    leaves: AtomicU64,
    updates: AtomicU64,
    swim: Mutex<Counters>,
    handover: Mutex<HandoverCounters>,
    /// Keys that others should have and do not claim, by now.
    yielding: AtomicUsize,
    updates_waiting: AtomicUsize,
    local_health: AtomicU8,
    converged: AtomicBool,
    audit: Mutex<(Figures, Option<Duration>)>,
    checkpoints: checkpoints::Figures,
    telling: telling::Figures,
}

#[derive(Debug, Default)]
struct Traffic {
    packets: AtomicU64,
    bytes: AtomicU64,
    failed: AtomicU64,
}

impl Traffic {
    fn add(&self, bytes: usize) {
        add(&self.packets, 1);
        add(&self.bytes, bytes as u64);
    }
}

fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> f64 {
    counter.load(Ordering::Relaxed) as f64
}

impl Measures {
    pub(super) fn received(&self, bytes: usize) {
        self.received.add(bytes);
    }

    /// Notes a datagram of the self-test that nobody waits for.
    pub(super) fn refused_check(&self) {
        add(&self.checks_refused, 1);
    }

    pub(super) fn receive_failed(&self) {
        add(&self.received.failed, 1);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.sent.add(bytes);
    }

    pub(super) fn send_failed(&self) {
        add(&self.sent.failed, 1);
    }

    pub(super) fn icmp(&self, message: Icmp) {
        match message {
            Icmp::PortUnreachable(_) => add(&self.icmp_unreachable, 1),
            Icmp::Other => add(&self.icmp_ignored, 1),
        }
    }

    pub(super) fn started(&self) {
        add(&self.starts, 1);
    }

    pub(super) fn stopped(&self, reason: &Reason) {
        match reason {
            Reason::Moved { .. } => add(&self.stops_moved, 1),
            Reason::Gone => add(&self.stops_gone, 1),
        }
    }

    pub(super) fn late(&self, by: Duration, now: Instant) {
        self.late.lock().unwrap_or_else(PoisonError::into_inner).note(by, now);
    }

    pub(super) fn backlog(&self, deltas: usize) {
        self.backlog.store(deltas, Ordering::Relaxed);
    }

    pub(super) fn event(&self, event: &Event) {
        match event {
            Event::Up(_) => add(&self.joins, 1),
            Event::Down { .. } => add(&self.leaves, 1),
            Event::Changed { .. } => add(&self.updates, 1),
            Event::Me { .. }
            | Event::Joined { .. }
            | Event::Formed
            | Event::Isolated
            | Event::NameClash { .. } => {}
        }
    }

    pub(super) fn swim(&self, swim: &Swim) {
        *self.swim.lock().unwrap_or_else(PoisonError::into_inner) = swim.counters().clone();
        self.updates_waiting.store(swim.backlog(), Ordering::Relaxed);
        self.local_health.store(swim.local_health(), Ordering::Relaxed);
    }

    /// Takes over whether the cluster has converged, which costs a look at every peer.
    pub(super) fn converged(&self, converged: bool) {
        self.converged.store(converged, Ordering::Relaxed);
    }

    pub(super) fn handover(&self, handover: &Handover) {
        let mut counters = self.handover.lock().unwrap_or_else(PoisonError::into_inner);
        if *counters != *handover.counters() {
            *counters = *handover.counters();
        }
    }

    pub(super) fn yielding(&self, keys: usize) {
        self.yielding.store(keys, Ordering::Relaxed);
    }

    /// Takes over what the audit found, and by how much clocks may differ.
    pub(super) fn audit(&self, figures: &Figures, skew_limit: Option<Duration>) {
        let mut audit = self.audit.lock().unwrap_or_else(PoisonError::into_inner);
        *audit = (figures.clone(), skew_limit);
    }

    /// Puts the figures on the page for as long as the registration lives.
    pub(super) fn register(
        self: &Arc<Self>,
        registry: &Registry,
        state: watch::Receiver<Arc<ClusterState>>,
        seal: PeerSeal,
    ) -> Registration {
        let measures = Arc::clone(self);
        registry.register(&[], move |page| {
            let state = Arc::clone(&state.borrow());
            measures.moves(page);
            cluster(page, &state);
            if state.enabled {
                measures.handovers(page);
                measures.gossip(page, &state.cluster_name, &seal.refused());
                seal.streams().page(page);
                security(page, &state);
                let found = measures.audit.lock().unwrap_or_else(PoisonError::into_inner).clone();
                audit::page(page, &found.0, found.1);
                measures.checkpoints.page(page);
            }
        })
    }

    fn moves(&self, page: &mut Exposition) {
        let help = "Targets that this node started to collect.";
        page.counter("shoal_targets_started_total", help, &[], get(&self.starts));
        let name = "shoal_targets_stopped_total";
        let help = "Targets that this node stopped to collect, by reason.";
        page.counter(name, help, &[("reason", "moved")], get(&self.stops_moved));
        page.counter(name, help, &[("reason", "gone")], get(&self.stops_gone));
        let backlog = self.backlog.load(Ordering::Relaxed) as f64;
        let help = "Starts and stops that wait for a component to take them.";
        page.gauge("shoal_cluster_deltas_waiting", help, &[], backlog);
    }

    fn handovers(&self, page: &mut Exposition) {
        let now = *self.handover.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, help, count) in [
            ("claimed", "Targets that were claimed from another node.", now.claimed),
            ("sealed", "Claims that were answered with a seal.", now.sealed),
            ("unsealed", "Claims that were answered without one by who had it.", now.unsealed),
            ("idle", "Claims of targets that nobody collected.", now.idle),
            ("kept", "Claims that a node of higher rank refused.", now.kept),
            ("followed", "Claims that were sent on to another node.", now.followed),
            ("timed_out", "Claims without an answer: an overlap is possible.", now.timed_out),
            ("given", "Targets given away with a seal.", now.given),
            ("given_unsealed", "Targets given away without a seal.", now.given_unsealed),
            ("seal_bytes", "Bytes of seals that were received.", now.seal_bytes),
            ("seals_cut", "Seals that were too long.", now.seals_cut),
            ("offered", "Offers of targets that nobody claimed.", now.offered),
            ("doubled", "Targets that two nodes were found to collect.", now.doubled),
            ("unknown", "Offers of targets that their owner did not know.", now.unknown),
            ("covered", "Targets taken for an owner that does not know them.", now.covered),
            ("malformed", "Claims and answers that could not be read.", now.malformed),
            ("failed", "Claims and offers that could not be delivered.", now.failed),
        ] {
            page.counter(&format!("shoal_handover_{name}_total"), help, &[], count as f64);
        }
        let yielding = self.yielding.load(Ordering::Relaxed) as f64;
        let help = "Targets collected here that are another node's.";
        page.gauge("shoal_handover_yielding", help, &[], yielding);
    }

    fn gossip(
        &self,
        page: &mut Exposition,
        cluster_name: &str,
        bodies_refused: &[u64; Refusal::REASONS],
    ) {
        let counters = self.swim.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (direction, traffic) in [("rx", &self.received), ("tx", &self.sent)] {
            let name = |rest: &str| format!("cluster_transport_{direction}_{rest}_total");
            page.counter(&name("packets"), "Datagrams of gossip.", &[], get(&traffic.packets));
            page.counter(&name("bytes"), "Bytes of gossip.", &[], get(&traffic.bytes));
            let help = "Datagrams that the system would not take or give.";
            page.counter(&name("packets_failed"), help, &[], get(&traffic.failed));
        }
        let help = "ICMP messages that nobody listens where a datagram of gossip went.";
        let count = get(&self.icmp_unreachable);
        page.counter("shoal_cluster_icmp_unreachable_total", help, &[], count);
        let help = "ICMP messages about datagrams of gossip that say nothing about a process, such as \
                    those of a host or network that cannot be reached.";
        page.counter("shoal_cluster_icmp_ignored_total", help, &[], get(&self.icmp_ignored));
        let name = "cluster_node_gossip_received_events_total";
        for (event, count) in [
            ("node_join", get(&self.joins)),
            ("node_leave", get(&self.leaves)),
            ("node_update", get(&self.updates)),
            // Not the clash itself, which is one event: Alloy's alert asks whether it goes on.
            ("node_conflict", counters.namesakes as f64),
        ] {
            let labels = [("cluster_name", cluster_name), ("event", event)];
            page.counter(name, "What was heard of peers.", &labels, count);
        }
        let name = "shoal_cluster_refused_total";
        let help = "Datagrams and bodies of the peer API that were not acted upon, by reason.";
        let counts = counters.refused.iter().zip(bodies_refused).map(|(a, b)| (a + b) as f64);
        for (reason, count) in Refusal::NAMES.iter().zip(counts) {
            let of_checks =
                if *reason == Refusal::Stale.reason() { get(&self.checks_refused) } else { 0.0 };
            page.counter(name, help, &[("reason", reason)], count + of_checks);
        }
        for (name, help, count) in [
            ("probes_failed", "Probes that nobody answered.", counters.probes_failed),
            ("rejoins", "Times this node was taken for dead and came back.", counters.rejoins),
            (
                "suspicions",
                "Suspicions that a peer is dead, by this node's own probe or by hearing of them.",
                counters.suspicions_started,
            ),
            (
                "suspicions_refuted",
                "Suspicions that the peer refuted.",
                counters.suspicions_refuted,
            ),
            (
                "suspicions_confirmed",
                "Suspicions that became a verdict.",
                counters.suspicions_confirmed,
            ),
            (
                "evidence_of_death",
                "Signs that a process is gone, which shortened a suspicion.",
                counters.evidence_of_death,
            ),
            (
                "evidence_of_life",
                "Signs of life from a suspect, which put a verdict off.",
                counters.evidence_of_life,
            ),
            (
                "stale_verdicts",
                "Verdicts that were dropped because the suspect had refuted the suspicion.",
                counters.stale_verdicts,
            ),
            (
                "inconsistencies",
                "Errors of the gossip protocol's own; each is a bug worth reporting.",
                counters.inconsistencies,
            ),
            ("knocks", "TCP ports of silent peers that were tried.", counters.knocks),
            ("zombies", "Messages about ended lives, which were ignored.", counters.zombies),
            ("syncs", "State syncs that this node began.", counters.syncs),
            ("syncs_failed", "State syncs that got no answer.", counters.syncs_failed),
            ("syncs_answered", "State syncs that this node answered.", counters.syncs_answered),
        ] {
            page.counter(&format!("shoal_cluster_{name}_total"), help, &[], count as f64);
        }
        let cluster = [("cluster_name", cluster_name)];
        let health = f64::from(self.local_health.load(Ordering::Relaxed));
        let help = "How much this node doubts itself, from 0 to 8: 0 is healthy.";
        page.gauge("cluster_node_gossip_health_score", help, &cluster, health);
        let help = "The version of the datagrams that nodes send each other.";
        let version = f64::from(membership::VERSION);
        page.gauge("cluster_node_gossip_proto_version", help, &cluster, version);
        self.telling.page(page, cluster[0]);
        let converged = f64::from(self.converged.load(Ordering::Relaxed));
        let help = "Whether this node and those that it hears of see the same cluster.";
        page.gauge("shoal_cluster_converged", help, &cluster, converged);
        let waiting = self.updates_waiting.load(Ordering::Relaxed) as f64;
        let help = "Updates about peers that wait to be passed on.";
        page.gauge("shoal_cluster_updates_waiting", help, &[], waiting);
        let late = self.late.lock().unwrap_or_else(PoisonError::into_inner).longest(Instant::now());
        let late = late.as_secs_f64();
        let help = "The longest that the event loop was late within the last minute, in seconds.";
        page.gauge("shoal_cluster_loop_lag_seconds", help, &[], late);
    }
}

/// Whether nodes are safe from whoever reaches them.
fn security(page: &mut Exposition, state: &ClusterState) {
    let help = "Whether other hosts may reach this node, which has no key; 1 is worth an alert.";
    page.gauge("shoal_cluster_unencrypted", help, &[], f64::from(state.unencrypted));
    let help = "The keys of the cluster that this node has; always 1.";
    for (at, key) in state.keys.iter().enumerate() {
        let labels = [("key_id", key.as_str()), ("seals", if at == 0 { "true" } else { "false" })];
        page.gauge("shoal_cluster_key_info", help, &labels, 1.0);
    }
}

/// Alloy's names for the state of the cluster. Its `cluster_node_info` lacks the cluster's name,
/// which keeps two of its alerts from ever matching.
fn cluster(page: &mut Exposition, state: &ClusterState) {
    if !state.enabled {
        return;
    }
    let name = ("cluster_name", state.cluster_name.as_str());
    let me = state.me().map_or("", |me| alloys(me.state));
    let help = "The state of this node; always 1.";
    page.gauge("cluster_node_info", help, &[name, ("state", me)], 1.0);
    for own in [State::Joining, State::Participant, State::Leaving] {
        let count = state.count(own.as_str()) as f64;
        let labels = [name, ("state", alloys(own.as_str()))];
        page.gauge("cluster_node_peers", "Live peers, this node included.", &labels, count);
    }
    let alive = state.peers.len() as f64;
    let help = "Live peers, this node included, whatever their state.";
    page.gauge("cluster_node_gossip_alive_peers", help, &[name], alive);
    let suspected = state.peers.iter().filter(|peer| peer.suspected).count() as f64;
    page.gauge("shoal_cluster_suspected_peers", "Peers taken for dead soon.", &[name], suspected);
    let help = "Nodes that there should be: the live, the missing, one for each seed that leads nowhere while a node is alone; at least the minimum size.";
    page.gauge("shoal_cluster_expected_size", help, &[name], state.expected_size as f64);
    let help = "Nodes that should be there and are not.";
    page.gauge("shoal_cluster_missing_peers", help, &[name], state.missing.len() as f64);
    let help = "Whether this node has joined a cluster, be it one of its own.";
    page.gauge("shoal_cluster_joined", help, &[name], f64::from(state.joined));
    let help = "Whether this node has begun to collect what it owns.";
    page.gauge("shoal_cluster_collecting", help, &[name], f64::from(state.collecting));
    for outcome in ["untried", "joined", "itself", "unreachable", "refused"] {
        let of = |seed: &&SeedStatus| seed.outcome == outcome && !seed.remembered;
        let count = state.seeds.iter().filter(of).count() as f64;
        let help = "Addresses of seeds, by what came of asking there last.";
        page.gauge("shoal_cluster_seeds", help, &[name, ("result", outcome)], count);
    }
    for outcome in ["found", "unknown", "failed"] {
        let count = state.lookups.iter().filter(|l| l.outcome == outcome).count() as f64;
        let help = "Seeds as configured, by what came of looking them up last.";
        page.gauge("shoal_cluster_seed_lookups", help, &[name, ("result", outcome)], count);
    }
    let help = "The least number of nodes before targets are started.";
    page.gauge("cluster_minimum_size", help, &[name], state.minimum_size as f64);
    let help = "Whether targets are started.";
    page.gauge("cluster_ready_for_traffic", help, &[name], f64::from(state.ready));
    let help = "Whether another live node has this node's name.";
    page.gauge("shoal_cluster_name_clash", help, &[name], f64::from(state.name_clash.is_some()));
    if let Some(clash) = &state.name_clash {
        let [address, other] = [clash.address, clash.other_address].map(|at| at.to_string());
        let labels =
            [name, ("name", &clash.name), ("address", &address), ("other_address", &other)];
        let help = "The live node that has this node's name, while there is one; always 1.";
        page.gauge("shoal_cluster_name_clash_info", help, &labels, 1.0);
    }
    for (component, share) in &state.components {
        let labels = [("component_id", component.as_str())];
        let help = "Targets that a clustered component knows of.";
        page.gauge("shoal_cluster_targets", help, &labels, share.announced as f64);
        let help = "Targets of a clustered component that this node collects.";
        page.gauge("shoal_cluster_targets_local", help, &labels, share.local as f64);
    }
}

/// Alloy's word for a state: dashboards ask for it.
pub(crate) fn alloys(state: &str) -> &str {
    match state {
        "joining" => "viewer",
        "leaving" => "terminating",
        state => state,
    }
}
