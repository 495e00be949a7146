//! Names: clusters never mix, and a newcomer with a taken name disturbs nobody.

use membership::{Event, State};

use super::Findings;
use crate::sim::host::{Population, Role};

/// Watches who is seen by whom, and the first of two nodes of one name while nothing else is wrong.
#[derive(Debug, Default)]
pub struct Names {
    guarded: Option<usize>,
    /// Times a newcomer stayed out because its name was taken.
    pub clashes: u64,
}

impl Names {
    /// From now on nothing may happen to the node on `host`, until [`Names::release`].
    pub fn guard(&mut self, host: usize) {
        self.guarded = Some(host);
    }

    /// From now on anything may happen to the one that was guarded, if any: something else is wrong too.
    pub fn release(&mut self) -> Option<usize> {
        self.guarded.take()
    }

    pub(super) fn event(
        &mut self,
        host: usize,
        event: &Event,
        truth: &Population,
        findings: &mut Findings,
    ) {
        match event {
            Event::NameClash { .. } => self.clashes += 1,
            Event::Up(peer) | Event::Changed { to: peer, .. } => {
                let ours = truth.role(host) == Role::Neighbour;
                let foreign = |other: &usize| (truth.role(*other) == Role::Neighbour) != ours;
                if truth.called(&peer.name).iter().any(foreign) {
                    let observer = truth.name(host);
                    findings
                        .violate(format!("{observer} sees {peer}, which is of another cluster"));
                }
            }
            _ => {}
        }
        let Some(guarded) = self.guarded else { return };
        let disturbed = match event {
            Event::NameClash { .. } => host == guarded,
            Event::Me { to, .. } => host == guarded && to.state != State::Participant,
            Event::Down { peer, .. } => {
                peer.name == *truth.name(guarded) && peer.address == truth.address(guarded)
            }
            Event::Changed { to, .. } => {
                to.name == *truth.name(guarded) && to.address != truth.address(guarded)
            }
            _ => false,
        };
        if disturbed {
            findings.violate(format!(
                "a newcomer of the same name disturbs {}: host {host} says {event:?}",
                truth.name(guarded)
            ));
        }
    }
}
