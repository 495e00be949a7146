//! Other lives of this node's name: earlier ones of its own, and other nodes that are called the
//! same.
//!
//! Hearing of a namesake says little: mostly it is this node before its restart. So whoever hears
//! of one that is alive at another address asks there. If nobody answers, it was an earlier life,
//! and this node takes its place by a higher generation. If somebody does, the two agree on who
//! was part of the cluster first, and the other one stays out.
//!
//! The way between the two alone may be broken, while all others reach both. So a newcomer also asks the
//! one that told it of the namesake, and stays out if that one has heard from it since.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use foca::{Member, State as Liveness};

use foca::Message;

use super::live::Known;
use super::sync::{Answer, Ask};
use super::{Cause, Event, Farewell, Swim};
use crate::{Peer, State};

/// How long the namesake has to answer: one lost handshake packet is sent again after a second.
/// Should it answer later, it is heard all the same.
const DEADLINE: Duration = Duration::from_secs(2);

/// How often nobody has to answer. Giving up on a connection takes the driver as long as it takes
/// TCP to send a lost packet of its handshake again: one loss is not the death of anybody.
const FAILURES: u8 = 2;

/// How often a witness is asked, each time after its ping to the namesake had time to be answered; a
/// datagram may be lost.
const TESTIMONIES: u8 = 3;

/// The pause between these questions.
const TESTIMONY_PAUSE: Duration = Duration::from_millis(150);

/// A namesake that is being asked whether it lives.
#[derive(Debug)]
pub(super) struct Check {
    namesake: Peer,
    since: Instant,
    /// How often nobody answered.
    failures: u8,
    /// Whether it is given up that the namesake answers.
    missed: bool,
    /// Who says that it is alive, if this node has not joined.
    witness: Option<Witness>,
}

/// Somebody who is asked when it last heard from the namesake.
#[derive(Debug)]
struct Witness {
    address: SocketAddr,
    /// How often it was asked, and when it is asked next.
    asked: u8,
    next: Option<Instant>,
    /// Whether it owes an answer.
    owes: bool,
    /// Whether it has heard from the namesake since this node looks for it.
    vouches: bool,
}

/// The namesake that keeps this node out.
#[derive(Debug, Clone)]
pub(super) struct Clash {
    pub(super) first: Peer,
    /// Who said so, besides itself. It is asked again before this node believes that the first is gone.
    pub(super) told_by: Option<SocketAddr>,
}

impl Check {
    pub(super) fn deadline(&self) -> Instant {
        // Whoever is silent itself is no witness.
        let patience = if self.missed { DEADLINE * 2 } else { DEADLINE };
        let witness = self.witness.as_ref().and_then(|witness| witness.next);
        witness.into_iter().fold(self.since + patience, Instant::min)
    }

    /// Whether more is to be learned from the witness.
    fn may_hear_more(&self, now: Instant) -> bool {
        let waits = |witness: &Witness| witness.owes || witness.next.is_some();
        self.witness.as_ref().is_some_and(waits) && now < self.since + DEADLINE * 2
    }
}

impl Swim {
    /// Considers `update`, which is about another life of this node's name; whether that one may be
    /// alive.
    pub(super) fn hear_of_namesake(
        &mut self,
        update: &Member<Peer>,
        witness: Option<SocketAddr>,
        now: Instant,
    ) -> bool {
        let namesake = update.id();
        self.highest = self.highest.max(namesake.generation);
        let dead = update.state() == Liveness::Down
            || namesake.address == self.me.address
            || namesake.generation <= self.buried;
        if !dead {
            self.check_namesake(namesake.clone(), witness, now);
        } else if self.joined.is_some() && namesake.outranks(&self.me) {
            self.raise_generation();
        }
        !dead
    }

    fn check_namesake(&mut self, namesake: Peer, witness: Option<SocketAddr>, now: Instant) {
        if self.check.is_some() {
            return;
        }
        if self.ask(namesake.address, Ask::Who, now) {
            let witness = witness.map(|address| Witness {
                address,
                asked: 0,
                next: Some(now),
                owes: false,
                vouches: false,
            });
            self.check = Some(Check { namesake, since: now, failures: 0, missed: false, witness });
            self.ask_witness(now);
        }
    }

    /// Asks the witness, if it is time to.
    fn ask_witness(&mut self, now: Instant) {
        let Some(Check { namesake, witness: Some(witness), .. }) = &mut self.check else { return };
        if witness.next.is_none_or(|next| next > now) {
            return;
        }
        witness.asked += 1;
        witness.next = (witness.asked < TESTIMONIES).then_some(now + TESTIMONY_PAUSE);
        let (address, namesake) = (witness.address, namesake.clone());
        let asked = self.ask(address, Ask::Heard { namesake }, now);
        if let Some(Check { witness: Some(witness), .. }) = &mut self.check {
            witness.owes |= asked;
        }
    }

    /// What this node knows of a namesake of the one who asks. If that is nothing new, it asks the namesake.
    pub(super) fn vouch(&mut self, namesake: &Peer, now: Instant) -> Answer {
        let heard = self.live.get(namesake).map(Known::last_heard);
        if heard.is_some() {
            self.outbox.send(&self.me, namesake, Message::Ping(0));
        }
        let ago = heard.flatten().map(|heard| now.saturating_duration_since(heard).as_millis());
        Answer::Heard { ago: ago.and_then(|ago| u64::try_from(ago).ok()) }
    }

    /// The node at `to` answers.
    pub(super) fn hear_witness(&mut self, to: SocketAddr, answer: &Answer, now: Instant) {
        let Some(Check { since, witness: Some(witness), .. }) = &mut self.check else { return };
        if witness.address != to {
            return;
        }
        witness.owes = false;
        let looked_for = now.saturating_duration_since(*since).as_millis();
        if let Answer::Heard { ago: Some(ago) } = answer {
            witness.vouches |= u128::from(*ago) < looked_for;
        }
        self.decide(now);
    }

    /// The node at `to` does not answer.
    pub(super) fn miss_witness(&mut self, to: SocketAddr, now: Instant) {
        if let Some(Check { witness: Some(witness), .. }) = &mut self.check
            && witness.address == to
        {
            witness.owes = false;
            self.decide(now);
        }
    }

    /// The namesake does not answer: whether it lives is what the witness says.
    fn decide(&mut self, now: Instant) {
        let Some(check) = self.check.as_ref().filter(|check| check.missed) else { return };
        if check.witness.as_ref().is_some_and(|witness| witness.vouches) {
            let namesake = check.namesake.clone();
            self.stand_down(&namesake);
        } else if !check.may_hear_more(now) {
            self.bury_namesake(now);
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
            self.give_namesake_up(now);
        }
    }

    fn give_namesake_up(&mut self, now: Instant) {
        if let Some(check) = &mut self.check {
            check.missed = true;
        }
        self.decide(now);
    }

    /// Nobody of this name is where the namesake was: it was an earlier life.
    pub(super) fn bury_namesake(&mut self, now: Instant) {
        let Some(Check { namesake, .. }) = self.check.take() else {
            return;
        };
        self.buried = self.buried.max(namesake.generation);
        // What it is now may differ from what it was when it was heard.
        let gone = self.clash.take_if(|clash| clash.first.generation <= namesake.generation);
        if gone.is_some() {
            // It did not look for a cluster to join as long as it was kept out of one.
            self.seeds.wait_anew(&self.config, now);
        }
        if self.joined.is_none() {
            self.seeds.hurry(&self.config, now);
        } else if namesake.outranks(&self.me) {
            self.raise_generation();
        }
    }

    /// Somebody does not answer a node that is kept out. Nobody else may be left who would tell of the
    /// first, so it looks for the first itself: as long as that one keeps it out, it and all who come to it
    /// form no cluster.
    pub(super) fn doubt_the_first(&mut self, now: Instant) {
        if let Some(Clash { first, told_by }) = self.clash.clone()
            && self.farewell == Farewell::No
        {
            self.check_namesake(first, told_by, now);
        }
    }

    pub(super) fn expire_check(&mut self, now: Instant) {
        self.ask_witness(now);
        if self.check.as_ref().is_some_and(|check| check.since + DEADLINE <= now) {
            self.give_namesake_up(now);
        }
    }

    /// A namesake lives, and has less of a right to the name: this node contradicts it, if others
    /// have heard of it.
    pub(super) fn outlast(&mut self, namesake: &Peer, heard_of: bool) {
        self.check = None;
        self.counters.namesakes += 1;
        self.highest = self.highest.max(namesake.generation);
        if heard_of && self.joined.is_some() && namesake.outranks(&self.me) {
            self.raise_generation();
        }
    }

    /// A namesake lives, and was there first: this node stays out until that one is gone.
    pub(super) fn stand_down(&mut self, namesake: &Peer) {
        let witness = self.check.take().and_then(|check| check.witness);
        self.counters.namesakes += 1;
        self.highest = self.highest.max(namesake.generation);
        self.joined = None;
        self.next_sync = None;
        self.start_foca_over();
        self.outbox.datagrams.clear();
        for known in self.live.clear() {
            let last_heard = known.last_heard();
            self.emit(Event::Down { peer: known.peer, cause: Cause::Withdrawn, last_heard });
        }
        if self.me.state != State::Joining {
            self.become_peer(Peer { state: State::Joining, ..self.me.clone() });
        }
        let before = self.clash.take().filter(|before| before.first.address == namesake.address);
        let told_before = before.as_ref().and_then(|before| before.told_by);
        let told_by = witness.map(|witness| witness.address).or(told_before);
        self.clash = Some(Clash { first: namesake.clone(), told_by });
        if before.is_none() {
            self.emit(Event::NameClash { mine: self.me.clone(), theirs: namesake.clone() });
        }
    }
}
