//! Closed ports: connections that are tried to find out whether anybody listens.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use foca::{Member, State as Liveness};

use super::live::Known;
use super::{Farewell, Knock, Output, Swim};

/// How long after a closed port this node knocks again, for as long as nobody else agrees. Nor does
/// what others say make it knock sooner: a stranger who forges reports must not make it flood a peer
/// with connections, or run out of ports to make its own from.
const KNOCK_AGAIN: Duration = Duration::from_millis(100);

/// How often it does so.
const REFUSALS_MAX: u8 = 10;

/// The least time a probe may go unanswered before this node knocks: four times what the peer takes
/// otherwise, but no less than a busy scheduler takes to wake a process.
const KNOCK_AFTER: Duration = Duration::from_millis(25);

/// The most knocks that are not answered yet, and when one is taken to be lost.
const KNOCKS_MAX: usize = 16;
const KNOCK_PATIENCE: Duration = Duration::from_secs(2);

/// A knock at an address.
#[derive(Debug)]
pub(super) struct Knocked {
    at: Instant,
    /// Which life of the peer it is meant for.
    generation: u64,
    answered: bool,
}

impl Knocked {
    fn awaits(&self) -> bool {
        !self.answered
    }

    /// Until when it matters.
    fn until(&self) -> Instant {
        self.at + if self.answered { KNOCK_AGAIN } else { KNOCK_PATIENCE }
    }
}

impl Swim {
    /// Nobody listens at `address`, somebody says: finds out.
    pub(super) fn find_out(&mut self, address: SocketAddr, now: Instant) {
        let before = self.knocks.get(&address);
        if before.is_none_or(|knocked| now >= knocked.at + KNOCK_AGAIN) {
            self.knock(address, now);
        }
    }

    pub(super) fn knock(&mut self, address: SocketAddr, now: Instant) {
        if !self.config.evidence || self.farewell != Farewell::No {
            return;
        }
        let Some(peer) = self.live.find_address(address) else { return };
        let generation = peer.generation;
        self.knocks.retain(|_, knocked| knocked.until() > now);
        if self.knocks.values().filter(|knocked| knocked.awaits()).count() >= KNOCKS_MAX
            || self.knocks.get(&address).is_some_and(Knocked::awaits)
        {
            return;
        }
        self.knocks.insert(address, Knocked { at: now, generation, answered: false });
        self.counters.knocks += 1;
        self.outputs.push_back(Output::Knock { to: address });
    }

    pub(super) fn hear_knock(&mut self, address: SocketAddr, knock: Knock, now: Instant) {
        let Some(knocked) = self.knocks.get_mut(&address).filter(|knocked| knocked.awaits()) else {
            return;
        };
        knocked.answered = true;
        let (since, generation) = (knocked.at, knocked.generation);
        let Some(peer) = self.live.find_address(address).cloned() else { return };
        let heard = self.live.get(&peer).and_then(Known::last_heard);
        // The port that an earlier life left closed says nothing of this one.
        let of_another = peer.generation != generation || heard.is_some_and(|heard| heard >= since);
        if knock != Knock::Refused || of_another {
            return;
        }
        self.counters.evidence_of_death += 1;
        if self.suspicions.get(&peer.name).is_none() {
            let incarnation = self.live.get(&peer).map_or(0, |known| known.incarnation);
            self.apply(Member::new(peer.clone(), incarnation, Liveness::Suspect));
            self.reconcile(&peer.name, now);
        }
        if let Some(suspect) = self.suspicions.get_mut(&peer.name) {
            suspect.refusals = suspect.refusals.saturating_add(1);
            let again = suspect.refusals < REFUSALS_MAX;
            suspect.next_knock = again.then_some(now + KNOCK_AGAIN);
        }
        self.testify(&peer.name, true);
    }

    /// After a probe was sent: when to knock, if it goes unanswered.
    pub(super) fn expect_answer(&mut self, now: Instant) {
        let Some(probe) = self.outbox.probe.as_ref().filter(|probe| probe.sent == now) else {
            return;
        };
        let known = self.live.get(&probe.peer).and_then(Known::round_trip);
        let after = known.map_or(self.config.probe_timeout, |usual| usual * 4);
        let after = after.clamp(KNOCK_AFTER, self.config.probe_timeout.max(KNOCK_AFTER));
        self.early_knock = Some((now + self.outbox.health.stretch(after), probe.peer.address));
    }
}
