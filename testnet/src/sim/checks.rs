//! What must hold, watched from outside: each oracle minds one law.
//!
//! Safety is checked after every event. Liveness, that all is well some time after everything has
//! been healed, is for the one who runs the world to ask: [`super::World::run_until_agreed`], then
//! [`Checks::unowned`] and [`Checks::doubled`].

use std::time::Duration;

use ownership::Key;

use super::host::Population;
use super::oracle::{Fact, Oracle};

mod bounds;
mod burials;
mod findings;
mod forming;
mod journal;
mod names;
mod owners;
mod replays;
mod verdicts;

pub use bounds::Bounds;
pub use burials::Burials;
pub use findings::Findings;
pub use forming::Forming;
pub use journal::Journal;
pub use names::Names;
pub use owners::Ownership;
pub use replays::Replays;
pub use verdicts::Verdicts;

/// All oracles together.
pub struct Checks {
    /// Who collects what.
    pub ownership: Ownership,
    /// The dead stay dead.
    pub burials: Burials,
    /// Who has which name, and which cluster.
    pub names: Names,
    /// Who is a cluster of its own.
    pub forming: Forming,
    /// What was acted upon.
    pub replays: Replays,
    /// What a datagram, and a second, may cost.
    pub bounds: Bounds,
    /// Who was taken for dead.
    pub verdicts: Verdicts,
    /// What happened last.
    pub journal: Journal,
    findings: Findings,
}

impl Checks {
    pub(super) fn new(keys: Vec<Key>) -> Self {
        Self {
            ownership: Ownership::new(keys),
            burials: Burials::default(),
            names: Names::default(),
            forming: Forming::default(),
            replays: Replays::default(),
            bounds: Bounds::default(),
            verdicts: Verdicts::default(),
            journal: Journal::default(),
            findings: Findings::default(),
        }
    }

    /// Checks of a world in which nothing is collected.
    pub fn of_members() -> Self {
        Self::new(Vec::new())
    }

    /// What must never happen but did.
    pub fn violations(&self) -> &[String] {
        self.findings.told()
    }

    /// How many keys nobody collects now.
    pub fn unowned(&self) -> usize {
        self.ownership.unowned()
    }

    /// How many nodes too many collect keys now, over all keys.
    pub fn doubled(&self) -> usize {
        self.ownership.doubled()
    }
}

impl Oracle for Checks {
    fn see(&mut self, at: Duration, fact: Fact<'_>, truth: &Population) {
        let findings = &mut self.findings;
        findings.now = at;
        match fact {
            Fact::Sent { host, length } => {
                self.bounds.sent(at, host, length, truth.len(), findings);
                return;
            }
            Fact::Compared { host, length } => {
                self.bounds.compared(at, host, length, truth.len(), findings);
                return;
            }
            Fact::Accepted { host, message } => {
                self.replays.accepted(host, message, truth, findings);
                return;
            }
            Fact::Booted { host } => {
                self.ownership.booted(host);
                self.burials.booted(host);
                self.bounds.booted(host);
            }
            Fact::Ended { host } => {
                self.ownership.ended(host);
                self.burials.ended(at, host, truth);
            }
            Fact::Swim { host, event } => {
                self.verdicts.event(host, event, truth, findings);
                self.burials.event(at, host, event, truth, findings);
                self.names.event(host, event, truth, findings);
                self.forming.event(at, host, event, truth, findings);
            }
            Fact::Started { host, key } => self.ownership.started(host, key, findings),
            Fact::Stopped { host, key } => self.ownership.stopped(host, key, findings),
            Fact::View { .. } | Fact::Held { .. } => {}
        }
        self.journal.note(at, fact);
    }

    fn advance(&mut self, now: Duration) {
        self.ownership.advance(now);
    }
}
