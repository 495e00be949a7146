//! Datagrams and timers: what goes into foca, and what does not.

use std::time::{Duration, Instant};

use foca::{Member, Message, State as Liveness, Timer};

use super::packet::Packet;
use super::{Farewell, Swim};
use crate::Peer;
use crate::refusal::Refusal;

/// How often a peer that addresses an earlier life of this node is told of the present one: any
/// message tells it, so this needs no hurry.
const REMINDER_INTERVAL: Duration = Duration::from_millis(100);

impl Swim {
    pub(super) fn receive(&mut self, datagram: &[u8], now: Instant) -> Result<(), Refusal> {
        let payload = self.outbox.envelope.open(datagram)?;
        // foca, given anything after leaving, would join again. Before joining, this node has
        // not yet found out whether its name is free.
        if self.farewell != Farewell::No || self.joined.is_none() {
            return Err(Refusal::Out);
        }
        let mut packet = Packet::parse(&payload)?;
        let source = packet.header.src.clone();
        if source.name == self.me.name {
            self.hear_of_namesake(&Member::alive(source.clone()), now);
            return Err(Refusal::NameClash(source.to_string()));
        }
        if packet.header.dst.name != self.me.name {
            return Err(Refusal::Misdirected(packet.header.dst.name.to_string()));
        }
        if self.outbox.envelope.is_sealed() && !self.is_this_life(&packet.header.dst) {
            // Who sealed it may have done so long ago: nothing of it is believed. But it may also
            // be somebody who has not heard of this life.
            self.remind(source, now);
            return Err(Refusal::Stale);
        }
        let outdated = packet.header.dst != self.me && packet.header.message != Message::Announce;
        let filtered = self.take_out_namesakes(&mut packet.updates, now);
        let result = if filtered {
            self.foca.handle_data(&packet.encode(), &mut self.outbox)
        } else {
            self.foca.handle_data(&payload, &mut self.outbox)
        };
        result.map_err(|error| Refusal::Malformed(error.to_string()))?;
        self.live.heard(&source.name, now);
        if outdated {
            self.remind(source, now);
        }
        Ok(())
    }

    /// Whether `me` is this node since it was started, under any generation it had to take.
    fn is_this_life(&self, me: &Peer) -> bool {
        (self.booted..=self.me.generation).contains(&me.generation)
    }

    /// Takes out what is said about other lives of this node's name, which foca would contradict
    /// for ever, and considers it. Whether there was any.
    pub(super) fn take_out_namesakes(
        &mut self,
        updates: &mut Vec<Member<Peer>>,
        now: Instant,
    ) -> bool {
        let before = updates.len();
        let mut heard = Vec::new();
        updates.retain(|update| {
            let other = update.id().name == self.me.name && *update.id() != self.me;
            if other {
                heard.push(update.clone());
            }
            !other
        });
        for update in &heard {
            self.hear_of_namesake(update, now);
        }
        updates.len() != before
    }

    /// Tells `peer`, which addresses an earlier life of this node, of the present one.
    fn remind(&mut self, peer: Peer, now: Instant) {
        if self.next_reminder.is_some_and(|next| next > now) {
            return;
        }
        self.next_reminder = Some(now + REMINDER_INTERVAL);
        if self.foca.announce(peer, &mut self.outbox).is_err() {
            self.counters.inconsistencies += 1;
        }
    }

    pub(super) fn handle_due(&mut self, now: Instant) {
        if self.farewell != Farewell::No {
            self.repeat_farewell(now);
            return;
        }
        while let Some(timer) = self.timers.pop(now) {
            if self.is_stale(&timer) {
                self.counters.stale_verdicts += 1;
            } else if self.foca.handle_timer(timer, &mut self.outbox).is_err() {
                self.counters.inconsistencies += 1;
            }
        }
        self.handle_join_due(now);
    }

    /// Whether `timer` would condemn a suspect that has refuted the suspicion. foca 2.0.0 spares
    /// it too, but tells it that it is dead all the same.
    fn is_stale(&self, timer: &Timer<Peer>) -> bool {
        let Timer::ChangeSuspectToDown { member_id, incarnation, .. } = timer else {
            return false;
        };
        !self.foca.iter_membership_state().any(|member| {
            member.state() == Liveness::Suspect
                && member.incarnation() == *incarnation
                && member.id() == member_id
        })
    }
}
