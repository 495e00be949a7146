//! Clusters of one's own: only after a search for others that could have found them.

use std::time::Duration;

use membership::Event;

use super::Findings;
use crate::sim::host::Population;

/// Watches who gives up the search for others.
#[derive(Debug, Default, Clone, Copy)]
pub struct Forming {
    /// How many did, and had looked for them for long enough.
    pub formed: u64,
}

impl Forming {
    pub(super) fn event(
        &mut self,
        at: Duration,
        host: usize,
        event: &Event,
        truth: &Population,
        findings: &mut Findings,
    ) {
        if !matches!(event, Event::Formed) {
            return;
        }
        self.formed += 1;
        let name = truth.name(host);
        let wait = membership::Config::default().bootstrap_timeout;
        match truth.hosts[host].lookups.known_for(at) {
            None => findings.violate(format!(
                "{name} is a cluster of its own, and knows not all of what its seeds lead to"
            )),
            Some(known) if known < wait => findings.violate(format!(
                "{name} is a cluster of its own {known:?} after it learnt where its seeds are"
            )),
            Some(_) => {}
        }
    }
}
