//! What the nodes found when they compared what they know and collect.

use std::time::Duration;

use ownership::audit::Figures;

use crate::telemetry::Exposition;

#[cfg(test)]
mod tests;

pub(super) fn page(page: &mut Exposition, figures: &Figures, skew_limit: Option<Duration>) {
    for (name, help, count) in [
        (
            "shoal_targets_unowned",
            "Targets that nobody collects, as far as this node can tell: its own, and those of which \
             it is the first to know after an owner that does not collect them.",
            figures.unowned,
        ),
        (
            "shoal_targets_double_owned",
            "Targets that another node collects beside this one, which ranks higher.",
            figures.doubled,
        ),
        (
            "shoal_targets_covered",
            "Targets that this node collects because their owner does not know them.",
            figures.covered,
        ),
        ("shoal_config_drift", "Live peers that run another configuration.", figures.drifted),
        ("shoal_targets_divergent_peers", "Live peers that know other targets.", figures.divergent),
    ] {
        page.gauge(name, help, &[], count as f64);
    }
    let counters = &figures.counters;
    for (name, help, count) in [
        ("shoal_audits_total", "Questions of the audit to peers.", counters.asked),
        ("shoal_audits_failed_total", "Of these, those without an answer.", counters.failed),
        (
            "shoal_audits_answered_total",
            "Questions of peers that were answered.",
            counters.answered,
        ),
        (
            "shoal_audits_malformed_total",
            "Questions and answers of the audit that could not be read.",
            counters.malformed,
        ),
    ] {
        page.counter(name, help, &[], count as f64);
    }
    for (peer, skew) in &figures.skews {
        let help = "How far the clock of a peer is ahead of this node's, in seconds.";
        let labels = [("peer", peer.as_str())];
        page.gauge("shoal_peer_clock_skew_seconds", help, &labels, skew.micros as f64 / 1e6);
        let help = "1 if the clock of a peer differs for certain by more than clocks may, else 0.";
        let differs = skew_limit.is_some_and(|limit| skew.exceeds(limit));
        page.gauge("shoal_peer_clock_differs", help, &labels, f64::from(u8::from(differs)));
    }
    if let Some(limit) = skew_limit {
        let help = "By how much clocks may differ: a tenth of the shortest interval, in seconds.";
        page.gauge("shoal_peer_clock_skew_limit_seconds", help, &[], limit.as_secs_f64());
    }
}
