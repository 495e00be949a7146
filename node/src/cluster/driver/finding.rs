//! Where to look for other nodes: seeds are resolved, and earlier peers are remembered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use membership::Event;
use tokio::task;
use tracing::{debug, info, warn};

use super::{Driver, Errand};
use crate::cluster::ClusterState;
use crate::cluster::advertise::{Reach, Unreachable};
use crate::cluster::known::{Known, file};
use crate::cluster::seeds::{self, Dns, Lookup, OutOfReach, Outcome, Resolved};

/// The places where this node looks for others.
pub(in crate::cluster) struct Finding {
    /// The seeds as they were written.
    names: Vec<String>,
    dns: Arc<dyn Dns>,
    pub(super) reach: Reach,
    pub(super) known: Known,
    /// Where they are kept.
    file: file::File,
    /// What came of looking up each seed the last time.
    pub(super) lookups: Vec<Lookup>,
    /// Where they lead to in vain.
    pub(super) out_of_reach: Vec<OutOfReach>,
    /// The task that resolves seeds, if one does.
    resolving: Option<task::Id>,
    /// The task that writes the file of earlier peers, if one does.
    pub(super) writing: Option<task::Id>,
    /// What was complained about last.
    complaint: Option<String>,
    /// Whether it was said that earlier peers could not reach this node.
    hidden: bool,
    /// The size of the cluster and the expected one, when that was too little.
    shortfall: Option<(usize, usize)>,
}

impl Finding {
    pub(in crate::cluster) fn new(
        names: Vec<String>,
        dns: Arc<dyn Dns>,
        reach: Reach,
        (known, file): (Known, file::File),
    ) -> Self {
        Self {
            names,
            dns,
            reach,
            known,
            file,
            lookups: Vec::new(),
            out_of_reach: Vec::new(),
            resolving: None,
            writing: None,
            complaint: None,
            hidden: false,
            shortfall: None,
        }
    }

    /// Leaves out earlier peers who could never reach this node back, and says why.
    fn leave_out_of_reach(&self, addresses: &mut Vec<SocketAddr>) -> Option<Unreachable> {
        let mut unreachable = None;
        addresses.retain(|address| match self.reach.check(*address) {
            Ok(()) => true,
            Err(error) => {
                unreachable.get_or_insert(error);
                false
            }
        });
        unreachable
    }

    /// Remembers what an event says about a peer.
    pub(super) fn hear(&mut self, event: &Event) {
        self.known.hear(event, unix_seconds());
    }

    /// Who is gone without a farewell: names and where they were.
    pub(super) fn missing(&self) -> Vec<(String, SocketAddr)> {
        self.known.missing(unix_seconds())
    }

    /// Says once that nodes are missing, and once that none is any more.
    pub(super) fn compare(&mut self, state: &ClusterState) {
        let size = state.peers.len();
        let short = state.enabled && state.joined && size < state.expected_size;
        let shortfall = short.then_some((size, state.expected_size));
        if shortfall == self.shortfall {
            return;
        }
        if short {
            let missing = state.absent().join(", ");
            warn!(size, expected = state.expected_size, %missing, "nodes of the cluster are missing");
        } else if state.joined {
            info!(size, "no node of the cluster is missing any more");
        }
        self.shortfall = shortfall;
    }
}

impl Driver {
    /// Looks the seeds up, unless that is under way.
    pub(super) fn resolve(&mut self) {
        self.tell_remembered();
        if self.finding.resolving.is_some() {
            return;
        }
        let Finding { names, dns, reach, .. } = &self.finding;
        let own = SocketAddr::new(reach.advertise.ip(), reach.listen.port());
        let (names, dns) = (names.clone(), Arc::clone(dns));
        let lookup = async move { Errand::Resolved(seeds::resolve(&names, own, &dns).await) };
        self.finding.resolving = Some(self.errands.spawn(lookup).id());
    }

    /// A task panicked, maybe one of these: nobody would look or write again.
    pub(super) fn lost_by_finding(&mut self, error: &task::JoinError, now: Instant) {
        let id = Some(error.id());
        if self.finding.resolving == id {
            self.finding.resolving = None;
            let failure = format!("the lookup failed: {error}");
            self.complain(Some(failure.clone()));
            self.core.handle_seeds_failure(failure, now);
        }
        if self.finding.writing == id {
            self.remembered(Err(std::io::Error::other(error.to_string())));
        }
    }

    /// Takes what the seeds lead to. Seeds that could never reach this node back are a failure.
    pub(super) fn resolved(&mut self, mut resolved: Resolved, now: Instant) {
        self.finding.resolving = None;
        debug!(addresses = ?resolved.addresses, "discovered peers");
        let mut failures: Vec<String> = resolved.failure().into_iter().collect();
        self.finding.out_of_reach = resolved.leave_out_of_reach(self.finding.reach);
        failures.extend(self.finding.out_of_reach.first().map(|lost| lost.reason.clone()));
        let unknown = resolved.lookups.iter().filter(|l| l.outcome == Outcome::Unknown);
        let unknown: Vec<&str> = unknown.map(|lookup| lookup.seed.as_str()).collect();
        let complaint = match (failures.is_empty(), unknown.is_empty()) {
            (false, _) => Some(failures.join("; ")),
            (true, false) => Some(format!("{} does not exist", unknown.join(", "))),
            (true, true) => None,
        };
        self.complain(complaint);
        self.finding.lookups = resolved.lookups;
        seeds::tell(&mut self.core, &resolved.addresses, &failures, now);
    }

    /// Whether the seed at `to` gave this reason the last time as well.
    pub(super) fn refused_before(&self, to: SocketAddr, reason: &str) -> bool {
        let seeds = self.core.swim().map(membership::Swim::seeds).unwrap_or_default();
        let last = seeds.iter().find(|seed| seed.address == to).map(|seed| &seed.result);
        matches!(last, Some(membership::SeedResult::Refused(before)) if before == reason)
    }

    /// Logs once what keeps being wrong with the seeds.
    fn complain(&mut self, complaint: Option<String>) {
        if self.finding.complaint == complaint {
            return;
        }
        if let Some(error) = &complaint {
            warn!(%error, "failed to resolve provided join address");
        }
        self.finding.complaint = complaint;
    }

    /// Keeps the core and the disk informed about earlier peers.
    pub(super) fn remember(&mut self) {
        if self.socket.is_none() {
            return;
        }
        if self.finding.known.take_news() {
            self.tell_remembered();
        }
        if self.finding.writing.is_some() {
            return;
        }
        if let Some(text) = self.finding.known.writing(unix_seconds(), Instant::now()) {
            let file = self.finding.file.clone();
            let write = move || Errand::Remembered(file.write(&text));
            self.finding.writing = Some(self.errands.spawn_blocking(write).id());
        }
    }

    pub(super) fn remembered(&mut self, written: std::io::Result<()>) {
        self.finding.writing = None;
        if let Err(error) = written {
            debug!(%error, "cannot write down the peers of this node");
        }
    }

    /// Writes the peers down for the next start. Blocks, at the end only.
    pub(super) fn remember_for_good(&self) {
        if self.socket.is_none() {
            return;
        }
        let text = self.finding.known.file(unix_seconds());
        if let Err(error) = self.finding.file.write(&text) {
            warn!(%error, "cannot write down the peers of this node");
        }
    }

    fn tell_remembered(&mut self) {
        if let Some(mut addresses) = self.finding.known.places(unix_seconds()) {
            if let Some(error) = self.finding.leave_out_of_reach(&mut addresses)
                && !std::mem::replace(&mut self.finding.hidden, true)
            {
                warn!(%error, "does not look for earlier peers that could not reach this node");
            }
            self.core.handle_remembered(&addresses, Instant::now());
            self.act();
        }
    }
}

/// The time of day; 0 for a clock that stands before 1970.
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
