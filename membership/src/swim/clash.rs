//! Other lives of this node's name: earlier ones of its own, and other nodes that are called the
//! same.
//!
//! Hearing of a namesake says little: mostly it is this node before its restart. So whoever hears
//! of one that is alive at another address asks there. If nobody answers, it was an earlier life,
//! and this node takes its place by a higher generation. If somebody does, the two agree on who
//! was part of the cluster first, and the other one stays out.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use foca::{Member, State as Liveness};

use super::sync::Ask;
use super::{Cause, Event, Swim};
use crate::{Peer, State};

/// How long the namesake has to answer: one lost handshake packet is sent again after a second.
/// Should it answer later, it is heard all the same.
const DEADLINE: Duration = Duration::from_secs(2);

/// How often nobody has to answer. Giving up on a connection takes the driver as long as it takes
/// TCP to send a lost packet of its handshake again: one loss is not the death of anybody.
const FAILURES: u8 = 2;

/// A namesake that is being asked whether it lives.
#[derive(Debug)]
pub(super) struct Check {
    namesake: Peer,
    since: Instant,
    /// How often nobody answered.
    failures: u8,
}

impl Check {
    pub(super) fn deadline(&self) -> Instant {
        self.since + DEADLINE
    }
}

impl Swim {
    /// Considers `update`, which is about another life of this node's name; whether that one may be
    /// alive.
    pub(super) fn hear_of_namesake(&mut self, update: &Member<Peer>, now: Instant) -> bool {
        let namesake = update.id();
        self.highest = self.highest.max(namesake.generation);
        let dead = update.state() == Liveness::Down
            || namesake.address == self.me.address
            || namesake.generation <= self.buried;
        if !dead {
            self.check_namesake(namesake.clone(), now);
        } else if self.joined.is_some() && namesake.outranks(&self.me) {
            self.raise_generation();
        }
        !dead
    }

    fn check_namesake(&mut self, namesake: Peer, now: Instant) {
        if self.check.is_some() {
            return;
        }
        if self.ask(namesake.address, Ask::Who, now) {
            self.check = Some(Check { namesake, since: now, failures: 0 });
        }
    }

    /// Whether a namesake is being asked at `address`.
    pub(super) fn checks(&self, address: SocketAddr) -> bool {
        self.check.as_ref().is_some_and(|check| check.namesake.address == address)
    }

    pub(super) fn is_checking(&self) -> bool {
        self.check.is_some()
    }

    /// Nobody answered where the namesake is said to be.
    pub(super) fn miss_namesake(&mut self, now: Instant) {
        let Some(check) = &mut self.check else { return };
        check.failures += 1;
        let address = check.namesake.address;
        if check.failures >= FAILURES || !self.ask(address, Ask::Who, now) {
            self.bury_namesake(now);
        }
    }

    /// Nobody of this name is where the namesake was: it was an earlier life.
    pub(super) fn bury_namesake(&mut self, now: Instant) {
        let Some(Check { namesake, .. }) = self.check.take() else {
            return;
        };
        self.buried = self.buried.max(namesake.generation);
        if self.joined.is_none() {
            self.seeds.hurry(&self.config, now);
        } else if namesake.outranks(&self.me) {
            self.raise_generation();
        }
    }

    pub(super) fn expire_check(&mut self, now: Instant) {
        if self.check.as_ref().is_some_and(|check| check.deadline() <= now) {
            self.bury_namesake(now);
        }
    }

    /// A namesake lives, and has less of a right to the name: this node contradicts it, if others
    /// have heard of it.
    pub(super) fn outlast(&mut self, namesake: &Peer, heard_of: bool) {
        self.check = None;
        self.highest = self.highest.max(namesake.generation);
        if heard_of && self.joined.is_some() && namesake.outranks(&self.me) {
            self.raise_generation();
        }
    }

    /// A namesake lives, and was there first: this node stays out until that one is gone.
    pub(super) fn stand_down(&mut self, namesake: &Peer) {
        self.check = None;
        self.highest = self.highest.max(namesake.generation);
        self.joined = None;
        self.next_sync = None;
        self.start_foca_over();
        self.outbox.datagrams.clear();
        for peer in self.live.clear() {
            self.emit(Event::Down { peer, cause: Cause::Withdrawn });
        }
        if self.me.state != State::Joining {
            self.become_peer(Peer { state: State::Joining, ..self.me.clone() });
        }
        let before = self.clash.replace(namesake.clone());
        if before.is_none_or(|before| before.address != namesake.address) {
            self.emit(Event::NameClash { mine: self.me.clone(), theirs: namesake.clone() });
        }
    }
}
