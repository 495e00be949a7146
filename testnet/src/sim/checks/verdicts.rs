//! Who was taken for dead, rightly or not.

use membership::{Cause, Event};

use super::Findings;
use crate::sim::host::Population;

/// Counts verdicts, each observer's. Wrong ones are a price of faults, and of nothing else.
#[derive(Debug, Default, Clone, Copy)]
pub struct Verdicts {
    /// About nodes that were alive, in that very life.
    pub wrong: u64,
    /// About nodes that were dead.
    pub right: u64,
    /// Whether nothing happens that would excuse a wrong one.
    resting: bool,
}

impl Verdicts {
    /// Whether nothing happens from now on.
    pub fn rest(&mut self, resting: bool) {
        self.resting = resting;
    }

    pub(super) fn event(
        &mut self,
        host: usize,
        event: &Event,
        truth: &Population,
        findings: &mut Findings,
    ) {
        let Event::Down { peer, cause: Cause::Failed, .. } = event else { return };
        if !truth.alive(peer) {
            self.right += 1;
            return;
        }
        self.wrong += 1;
        if self.resting {
            let observer = truth.name(host);
            findings.violate(format!("{observer} takes {peer} for dead, and nothing has happened"));
        }
    }
}
