//! Datagrams and timers: what goes into foca, and what does not.

use std::time::{Duration, Instant};

use foca::{Member, Message, State as Liveness, Timer};

use super::packet::Packet;
use super::{Farewell, Swim};
use crate::Peer;
use crate::refusal::Refusal;

/// How often a peer that addresses an earlier life of this node is told of the present one, and one to whom this
/// node is dead of who has its name: any other message tells it, so this needs no hurry.
const REMINDER_INTERVAL: Duration = Duration::from_millis(100);

impl Swim {
    /// Receives the payload of a datagram.
    pub(super) fn receive(&mut self, payload: &[u8], now: Instant) -> Result<(), Refusal> {
        // foca, given anything after leaving, would join again. Before joining, this node has
        // not yet found out whether its name is free.
        if self.farewell != Farewell::No || self.joined.is_none() {
            return Err(Refusal::Out);
        }
        let mut packet = Packet::parse(payload)?;
        let source = packet.header.src.clone();
        if source.name == self.me.name {
            self.hear_of_namesake(&Member::alive(source.clone()), None, now);
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
        if let Some(holder) = self.live.find(&source.name)
            && holder.address != source.address
            && holder.outranks(&source)
        {
            // Told only that it is dead, it would take the name back, and the other would in turn. What it
            // says to that, if this node is dead to it, is an answer already: told of at once, the two would
            // answer each other ever faster.
            if packet.header.message == Message::TurnUndead {
                self.counters.zombies += 1;
                if self.next_retort.is_some_and(|next| next > now) {
                    return Ok(());
                }
                self.next_retort = Some(now + REMINDER_INTERVAL);
            }
            self.outbox.tell(&self.me, &source, holder);
            return Ok(());
        }
        if self.is_over(&source) {
            self.answer_the_dead(&packet);
            return Ok(());
        }
        self.hear_again(now);
        self.last_heard = Some(now);
        self.hear_suspicion_of_me(&packet.trailer.rumours);
        self.take_out_namesakes(&mut packet.updates, now);
        self.take_out_the_known(&source, &mut packet.updates);
        self.hand_over(&packet, now)?;
        let digest = packet.trailer.digest;
        if self.live.heard(&source, digest, now) {
            self.live.has_incarnation(&source, packet.header.src_incarnation);
            for update in &packet.updates {
                self.live.has_incarnation(update.id(), update.incarnation());
            }
            self.hear_updates(&source, &packet.updates, now);
            self.hear_rumours(&packet.trailer.rumours, now);
        }
        if packet.header.dst != self.me && packet.header.message != Message::Announce {
            self.remind(source, now);
        }
        Ok(())
    }

    /// Whether `me` is this node since it was started, under any generation it had to take.
    fn is_this_life(&self, me: &Peer) -> bool {
        self.generations.contain(me.generation)
    }

    /// Lets foca handle `packet`, unless that would do no more than this node can do by itself: foca
    /// looks through all its members for each one that is mentioned.
    fn hand_over(&mut self, packet: &Packet<'_>, now: Instant) -> Result<(), Refusal> {
        let header = &packet.header;
        if let Message::Ack(_) = header.message
            && let Some(probe) = &self.outbox.probe
            && probe.peer == header.src
        {
            let after = now.saturating_duration_since(probe.sent);
            self.live.answered(&header.src, after);
            self.early_knock = None;
        }
        let known = self.live.get(&header.src);
        let no_news = packet.updates.is_empty()
            && header.dst == self.me
            && known.is_some_and(|known| header.src_incarnation <= known.incarnation);
        match header.message {
            Message::Gossip | Message::Feed | Message::Broadcast if no_news => return Ok(()),
            Message::Ping(number) if no_news && self.foca.updates_backlog() == 0 => {
                self.outbox.send(&self.me, &header.src, Message::Ack(number));
                return Ok(());
            }
            _ => {}
        }
        let handled = self.foca.handle_data(&packet.encode(), &mut self.outbox);
        handled.map_err(|error| Refusal::Malformed(error.to_string()))
    }

    /// Takes out what is said about other lives of this node's name, which foca would contradict
    /// for ever, and considers it.
    pub(super) fn take_out_namesakes(&mut self, updates: &mut Vec<Member<Peer>>, now: Instant) {
        let mut heard = Vec::new();
        updates.retain(|update| {
            let other = update.id().name == self.me.name && *update.id() != self.me;
            if other {
                heard.push(update.clone());
            }
            !other
        });
        for update in &heard {
            self.hear_of_namesake(update, None, now);
        }
    }

    /// Takes out what changes nothing: most news comes in a dozen times.
    fn take_out_the_known(&mut self, source: &Peer, updates: &mut Vec<Member<Peer>>) {
        let mut doubted = Vec::new();
        updates.retain_mut(|update| {
            let id = update.id();
            if *id == self.me {
                return true;
            }
            // Whoever changes its state says that what it was is gone.
            if id.name == source.name && source.outranks(id) {
                return false;
            }
            if self.floors.has_ended(&id.name, id.generation) {
                return false;
            }
            let other = self.live.called(&id.name);
            match (other.filter(|known| known.peer.is(id)), update.state()) {
                (None, Liveness::Down) => other.is_none_or(|other| !other.peer.outranks(id)),
                (None, _) => other.is_none_or(|other| id.outranks(&other.peer)),
                (Some(known), Liveness::Alive) => update.incarnation() > known.incarnation,
                (Some(known), Liveness::Suspect) => {
                    let held = self.suspicions.get(&id.name);
                    update.incarnation() >= known.incarnation
                        && held.is_none_or(|held| held.incarnation < update.incarnation())
                }
                (Some(_), Liveness::Down) => {
                    if self.config.evidence && !self.may_be_dead(id) {
                        doubted.push(id.clone());
                        *update = Member::new(id.clone(), update.incarnation(), Liveness::Suspect);
                    }
                    true
                }
            }
        });
        for peer in doubted {
            self.doubt(&peer);
        }
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
                continue;
            }
            let round = matches!(timer, Timer::ProbeRandomMember(_));
            let probe = if round { self.outbox.probe.take() } else { None };
            if self.foca.handle_timer(timer, &mut self.outbox).is_err() {
                self.counters.inconsistencies += 1;
            }
            if let Some(probe) = probe {
                self.conclude(&probe, now);
            }
        }
        self.handle_suspicions_due(now);
        if self.rhythm.next().is_some_and(|next| next <= now) {
            self.rhythm.gossiped(now);
            if self.foca.gossip(&mut self.outbox).is_err() {
                self.counters.inconsistencies += 1;
            }
        }
        self.handle_join_due(now);
    }

    /// Arranges for news to be passed on.
    pub(super) fn schedule_gossip(&mut self, now: Instant) {
        if self.live.len() == 0 || self.joined.is_none() || self.farewell != Farewell::No {
            self.rhythm.stop();
            return;
        }
        if self.foca.updates_backlog() == 0 && self.outbox.rumours.is_empty() {
            self.rhythm.stop();
        } else {
            self.rhythm.wait(now);
        }
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
