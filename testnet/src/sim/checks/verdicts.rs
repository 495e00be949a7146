//! Who was taken for dead, rightly or not.

use membership::{Cause, Event};

use crate::sim::host::Population;

/// Counts verdicts, each observer's.
#[derive(Debug, Default, Clone, Copy)]
pub struct Verdicts {
    /// About nodes that were alive, in that very life.
    pub wrong: u64,
    /// About nodes that were dead.
    pub right: u64,
}

impl Verdicts {
    pub(super) fn event(&mut self, event: &Event, truth: &Population) {
        if let Event::Down { peer, cause: Cause::Failed, .. } = event {
            if truth.alive(peer) {
                self.wrong += 1;
            } else {
                self.right += 1;
            }
        }
    }
}
