//! After each input: what foca wants done becomes outputs, what it found out becomes events.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use foca::Foca;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

use super::live::Before;
use super::outbox::Notice;
use super::{Cause, Event, FAREWELL_INTERVAL, FAREWELLS, Farewell, Output, Swim};
use crate::codec::Codec;
use crate::{Peer, State};

#[cfg(test)]
mod tests;

/// Within this time of the last contradiction, the next one is about the same dead life: a round trip
/// over a continent.
const SAME_DEATH: Duration = Duration::from_millis(250);

/// The longest leap, about twelve days of seconds.
const LEAP_MAX: u64 = 1 << 20;

/// How far a node that is taken for dead raises its generation.
///
/// Whoever takes it for dead does not say which generation would be believed. A node that has lost its
/// files, and whose clock is a day behind, would try 86,400 of them, a message each; leaps that double
/// find one in seventeen.
#[derive(Debug, Default)]
pub(super) struct Leap {
    length: u64,
    last: Option<Instant>,
}

impl Leap {
    /// The length of the next leap, at least 1.
    fn next(&mut self, now: Instant) -> u64 {
        let again = self.last.is_some_and(|last| now < last + SAME_DEATH);
        self.length = if again { (2 * self.length).min(LEAP_MAX) } else { 1 };
        self.last = Some(now);
        self.length
    }
}

/// The generations of one process that are remembered: it takes another one only when it is taken for
/// dead, and who does not know of that yet does soon.
const GENERATIONS: usize = 64;

/// The generations that this process had, the present one last. Not all that lie between: a node that lost
/// its files, and whose clock is behind, begins below its earlier life and ends above it.
#[derive(Debug)]
pub(super) struct Generations(VecDeque<u64>);

impl From<u64> for Generations {
    fn from(booted: u64) -> Self {
        Self(VecDeque::from([booted]))
    }
}

impl Generations {
    fn take(&mut self, generation: u64) {
        if self.0.back() != Some(&generation) {
            self.0.push_back(generation);
        }
        if self.0.len() > GENERATIONS {
            self.0.pop_front();
        }
    }

    /// Whether this process had this one.
    pub(super) fn contain(&self, generation: u64) -> bool {
        self.0.contains(&generation)
    }
}

impl Swim {
    pub(super) fn settle(&mut self, now: Instant) {
        if self.willing && self.joined.is_some() && self.me.state == State::Joining {
            self.become_peer(Peer { state: State::Participant, ..self.me.clone() });
        }
        // Foca counts up its own incarnation exactly when it contradicts a suspicion.
        if self.outbox.incarnation > self.incarnation {
            self.outbox.health.refuted();
            self.dirty = true;
        }
        self.incarnation = self.outbox.incarnation;
        while !self.outbox.notices.is_empty() {
            for notice in std::mem::take(&mut self.outbox.notices) {
                self.notice(notice, now);
            }
        }
        self.tune();
        for (after, timer) in self.outbox.timers.drain(..) {
            self.timers.push(now + after, timer);
        }
        for (to, datagram) in self.outbox.datagrams.drain(..) {
            self.counters.sent += 1;
            self.counters.sent_bytes += datagram.len() as u64;
            self.outputs.push_back(Output::Transmit { to: to.address, datagram });
        }
        self.expect_answer(now);
        self.schedule_suspicions(now);
        self.schedule_gossip(now);
        if std::mem::take(&mut self.changed) {
            self.dirty = true;
            self.changed_at = now;
            self.view = None;
            self.outputs.push_back(Output::View);
        }
    }

    fn notice(&mut self, notice: Notice, now: Instant) {
        match notice {
            Notice::Up(peer) => {
                let before = self.live.insert(peer.clone(), now);
                self.reconcile_if_held(&peer.name, now);
                self.emit(match before {
                    None => Event::Up(peer),
                    Some(Before { peer: from, last_heard }) => {
                        Event::Changed { from, to: peer, last_heard }
                    }
                });
            }
            Notice::Down(peer) => {
                self.floors.bury(&peer.name, peer.generation);
                self.reconcile_if_held(&peer.name, now);
                if let Some(known) = self.live.remove(&peer.name) {
                    let last_heard = known.last_heard();
                    let peer = known.peer;
                    let cause = match peer.state {
                        State::Leaving => Cause::Left,
                        State::Joining | State::Participant => Cause::Failed,
                    };
                    self.emit(Event::Down { peer, cause, last_heard });
                }
            }
            // foca renames the dead too; only the living are in the view.
            Notice::Renamed(to) => {
                self.reconcile_if_held(&to.name, now);
                if self.live.contains(&to.name)
                    && let Some(Before { peer: from, last_heard }) =
                        self.live.insert(to.clone(), now)
                {
                    self.emit(Event::Changed { from, to, last_heard });
                }
            }
            Notice::Idle => {
                if self.farewell == Farewell::No {
                    self.seeds.hurry(&self.config, now);
                    self.emit(Event::Isolated);
                }
            }
            Notice::Defunct => {
                if self.farewell == Farewell::No && self.joined.is_some() {
                    self.counters.rejoins += 1;
                    let known = self.highest.max(self.me.generation);
                    self.highest = known.saturating_add(self.leap.next(now) - 1);
                    self.raise_generation();
                    self.begin_anew(now);
                }
            }
        }
    }

    /// Contradicts whatever is said about earlier lives of this node.
    pub(super) fn raise_generation(&mut self) {
        self.highest = self.highest.max(self.me.generation).saturating_add(1);
        self.become_peer(Peer { generation: self.highest, ..self.me.clone() });
    }

    /// Presents this node as `me` from now on, and says so to a few peers.
    pub(super) fn become_peer(&mut self, me: Peer) {
        let from = std::mem::replace(&mut self.me, me.clone());
        self.generations.take(me.generation);
        self.outbox.incarnation = 0;
        self.incarnation = 0;
        if self.joined.is_some() {
            // foca pauses until somebody talks to its new identity. The empty update wakes it.
            let woken = self
                .foca
                .change_identity(me.clone(), &mut self.outbox)
                .and_then(|()| self.foca.apply_many(std::iter::empty(), false, &mut self.outbox));
            if woken.is_err() {
                self.counters.inconsistencies += 1;
            }
        } else {
            self.start_foca_over();
        }
        self.emit(Event::Me { from, to: me });
    }

    /// Forgets everybody.
    pub(super) fn start_foca_over(&mut self) {
        let rng = ChaCha12Rng::from_rng(&mut self.rng);
        self.foca = Foca::new(self.me.clone(), self.tuned.clone(), rng, Codec);
        self.timers.clear();
        self.outbox.timers.clear();
        self.outbox.notices.clear();
        self.outbox.incarnation = 0;
        self.outbox.probe = None;
        self.forget_suspicions();
    }

    pub(super) fn emit(&mut self, event: Event) {
        if matches!(
            event,
            Event::Up(_) | Event::Down { .. } | Event::Changed { .. } | Event::Me { .. }
        ) {
            self.changed = true;
            self.rhythm.news();
        }
        self.outputs.push_back(Output::Event(event));
    }

    /// Lets foca's parameters follow the size of the cluster.
    fn tune(&mut self) {
        if self.tuned_for == self.size() {
            return;
        }
        self.tuned_for = self.size();
        let wanted = self.config.foca(self.size(), self.outbox.packet_room());
        let follows =
            |config: &foca::Config| (config.max_transmissions, config.suspect_to_down_after);
        if follows(&wanted) != follows(&self.tuned) {
            match self.foca.set_config(wanted.clone()) {
                Ok(()) => self.tuned = wanted,
                Err(_) => self.counters.inconsistencies += 1,
            }
        }
    }

    pub(super) fn say_farewell(&mut self, now: Instant) {
        self.willing = false;
        if self.joined.is_none() || self.live.len() == 0 {
            self.finish_farewell();
            return;
        }
        // Told to be leaving, peers take the end for what it is even if they missed the news.
        if self.me.state != State::Leaving {
            self.become_peer(Peer { state: State::Leaving, ..self.me.clone() });
        }
        if self.foca.leave_cluster(&mut self.outbox).is_err() {
            self.counters.inconsistencies += 1;
        }
        self.farewell = Farewell::Saying { left: FAREWELLS - 1, next: now + FAREWELL_INTERVAL };
    }

    pub(super) fn repeat_farewell(&mut self, now: Instant) {
        let Farewell::Saying { left, next } = self.farewell else {
            return;
        };
        if next > now {
            return;
        }
        if left == 0 {
            self.finish_farewell();
            return;
        }
        if self.foca.gossip(&mut self.outbox).is_err() {
            self.counters.inconsistencies += 1;
        }
        self.farewell = Farewell::Saying { left: left - 1, next: now + FAREWELL_INTERVAL };
    }

    fn finish_farewell(&mut self) {
        self.farewell = Farewell::Said;
        self.outputs.push_back(Output::Departed);
    }
}
