//! What a datagram, and a second, may cost.

use std::time::Duration;

use membership::DATAGRAM_MAX;

use super::Findings;

/// The most datagrams that one node may send within a second of the simulation's clock.
///
/// Of its own accord a node sends 15 of gossip, a few probes with their helpers, and now and then a
/// burst: up to 128 contradictions after a comparison of states, five farewells to three peers. The
/// rest are answers, and those follow what others send: a process that was stopped for long answers in
/// one instant all that its socket holds, which is 277 of the smallest.
const DATAGRAMS_PER_SECOND: u32 = 600;

/// Counts what each node sends.
#[derive(Debug, Default)]
pub struct Bounds {
    /// By host: the second, and the datagrams in it.
    seconds: Vec<(u64, u32)>,
    /// The most datagrams that one node has sent within a second so far.
    pub busiest: u32,
}

impl Bounds {
    pub(super) fn booted(&mut self, at: Duration, host: usize) {
        if self.seconds.len() <= host {
            self.seconds.resize(host + 1, (0, 0));
        }
        self.seconds[host] = (at.as_secs(), 0);
    }

    pub(super) fn sent(
        &mut self,
        at: Duration,
        host: usize,
        length: usize,
        findings: &mut Findings,
    ) {
        if length > DATAGRAM_MAX {
            findings.now = at;
            findings.violate(format!("host {host} sent a datagram of {length} bytes"));
        }
        let (second, count) = &mut self.seconds[host];
        if *second != at.as_secs() {
            (*second, *count) = (at.as_secs(), 0);
        }
        *count += 1;
        self.busiest = self.busiest.max(*count);
        if *count == DATAGRAMS_PER_SECOND {
            findings.now = at;
            findings.violate(format!("host {host} sent {count} datagrams within a second"));
        }
    }
}
