//! What is sealed is acted upon once, however often it arrives, and whatever restarts in between.

use std::collections::BTreeSet;

use ownership::Key;

use super::Findings;
use crate::sim::host::Population;

/// What each host has acted upon, in all the lives of its nodes.
#[derive(Debug, Default)]
pub struct Replays {
    seen: BTreeSet<(usize, Key)>,
}

impl Replays {
    pub(super) fn accepted(
        &mut self,
        host: usize,
        message: &[u8],
        truth: &Population,
        findings: &mut Findings,
    ) {
        if !self.seen.insert((host, Key::of("", [message]))) {
            let name = truth.name(host);
            let length = message.len();
            findings.violate(format!("{name} acts twice upon a sealed message of {length} bytes"));
        }
    }
}
