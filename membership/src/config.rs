//! The parameters of membership.

use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use foca::PeriodicParams;

use crate::Keyring;

#[cfg(test)]
mod tests;

/// The parameters of [`crate::Swim`]. [`Config::default`] is what a LAN wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Only nodes of the same cluster name talk to each other; at most 63 bytes, may be empty.
    pub cluster: String,
    /// The secrets of the cluster. Without any, datagrams are neither encrypted nor authenticated,
    /// and whoever can send some can pretend to be any node.
    pub keyring: Keyring,
    /// Whether seeds were asked for at all. A node without seeds is a cluster of its own at once;
    /// a node with seeds waits for them, even while they cannot be resolved.
    pub seeded: bool,
    /// Whether any of the seeds is a name. One that leads to this node alone is what a name server says
    /// at this moment, and a reason to wait; an address that is this node's own tells it to be alone.
    pub named_seeds: bool,
    /// How often seeds are resolved again, and those of them that are not known to be alive are
    /// tried. Zero: never after joining, and then partitions heal only by gossip.
    pub rejoin_interval: Duration,
    /// How many seeds are tried at a time: those that were never tried, then those tried longest ago,
    /// at random among equals; 0 means all of them.
    pub max_join_peers: usize,
    /// How long a node with seeds looks for a peer before it takes part on its own. It never does
    /// while its seeds cannot be resolved, or refuse it, nor before it has tried each of them.
    pub bootstrap_timeout: Duration,
    /// How often the state is compared with that of one random peer over TCP, in a cluster of up
    /// to 32 nodes; each doubling beyond adds one more interval.
    pub sync_interval: Duration,
    /// How often a random peer is probed. Detection of a crash takes about twice this plus the
    /// suspicion; cost is inversely proportional to it.
    pub probe_period: Duration,
    /// How long a probed peer has to answer before others are asked to probe it. Less than half of
    /// `probe_period`, so that they have the time to. An answer until the end of the period counts.
    pub probe_timeout: Duration,
    /// The least time between suspicion and the verdict, which grows with the cluster.
    pub suspicion: Duration,
    /// Whether a node whose own probes fail gives everybody more time: the local health multiplier.
    pub local_health: bool,
    /// Whether everybody who hears of a suspicion passes a verdict by its own clock, the sooner the
    /// more nodes confirm the suspicion. Otherwise only those whose probe failed do, all after
    /// the same time.
    pub dynamic_suspicion: bool,
    /// Whether a suspect is told so with whatever is sent to it, and at once when it is heard from.
    pub buddy: bool,
    /// Whether anything but probes counts: closed ports, messages of suspects, deaths that others
    /// tell of and this node has no reason to believe in.
    pub evidence: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cluster: String::new(),
            keyring: Keyring::default(),
            seeded: false,
            named_seeds: false,
            rejoin_interval: Duration::from_secs(60),
            max_join_peers: 5,
            bootstrap_timeout: Duration::from_secs(10),
            sync_interval: Duration::from_secs(30),
            probe_period: Duration::from_millis(300),
            probe_timeout: Duration::from_millis(120),
            suspicion: Duration::from_secs(1),
            local_health: true,
            dynamic_suspicion: true,
            buddy: true,
            evidence: true,
        }
    }
}

/// How long the dead are remembered. An hour is long enough for every rumour to fade, and short
/// enough that the pods of a busy day do not crowd out the few that may come back.
const REMEMBER_DEAD: Duration = Duration::from_secs(3600);

impl Config {
    /// foca's parameters in a cluster of `size` nodes.
    pub(crate) fn foca(&self, size: usize, packet: usize) -> foca::Config {
        foca::Config {
            probe_period: self.probe_period,
            probe_rtt: self.probe_timeout,
            num_indirect_probes: count(3),
            max_transmissions: transmissions(size),
            suspect_to_down_after: self.suspicion(size),
            remove_down_after: Some(REMEMBER_DEAD),
            max_packet_size: NonZeroUsize::new(packet).expect("a datagram has room for a packet"),
            notify_down_members: true,
            periodic_announce: Some(PeriodicParams {
                frequency: Duration::from_secs(30),
                num_members: count(1),
            }),
            periodic_announce_to_down_members: Some(PeriodicParams {
                frequency: Duration::from_secs(20),
                num_members: count(2),
            }),
            // Swim does that itself, when there is news and not otherwise.
            periodic_gossip: None,
        }
    }

    /// The least time between suspicion and the verdict in a cluster of `size` nodes: five probe
    /// periods for each tenfold, since a refutation has that many more hops to make. Without
    /// confirmations by others it is six times as long.
    pub fn suspicion(&self, size: usize) -> Duration {
        let tenfolds = (size.max(1) as f64).log10();
        self.suspicion.max(self.probe_period.mul_f64(5.0 * tenfolds))
    }

    /// How long until the next comparison of states in a cluster of `size` nodes.
    pub(crate) fn sync_after(&self, size: usize) -> Duration {
        let doublings = (size.max(32) as f64 / 32.0).log2().ceil();
        self.sync_interval.mul_f64(1.0 + doublings)
    }
}

/// How often one update is passed on. Each node misses it with a chance of about e^-n, so ln(size)
/// makes one node in the cluster miss it, and 14 more make that one in a million.
fn transmissions(size: usize) -> NonZeroU8 {
    let wanted = (size.max(1) as f64).ln().ceil() as u8;
    NonZeroU8::new(wanted.saturating_add(14)).expect("14 and more is not zero")
}

fn count(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("the constants here are not zero")
}
