//! What speaks for the death of a peer, and what for its life.
//!
//! A suspicion begins when a probe of this node fails, or when it hears of another's. Everybody who
//! hears of it holds it, and condemns the suspect by its own clock: the one who suspected first may
//! die too. A few look for themselves, and their findings make it go faster. What speaks for life is
//! any message of the suspect, and its own contradiction.

use std::time::{Duration, Instant};

use foca::{Member, Message, State as Liveness};
use rand::RngExt;

use super::outbox::Probe;
use super::packet::Packet;
use super::suspicion::{Grounds, Patience, Suspect, Verification};
use super::trailer::Rumour;
use super::{Suspicion, Swim};
use crate::{Name, Peer, State};

/// How many of those who hear of a suspicion look for themselves, on average: twice as many as are
/// needed, since chance decides.
const VERIFIERS: f64 = 6.0;

/// How often each of them asks before it concludes. A lost datagram is no death.
const VERIFY_TRIES: u8 = 3;

/// How many times the longest suspicion one may be begun anew by a node that is deaf over and over.
const RENEWED_FOR: u32 = 4;

/// How often a suspect that still talks is told that it is suspected.
const TELL_INTERVAL: Duration = Duration::from_millis(200);

impl Swim {
    /// How long suspicions last now.
    fn patience(&self) -> Patience {
        Patience::new(self.config.suspicion(self.size()), self.size())
    }

    /// Whether this node is in touch with the world: it heard from anybody within three probe rounds.
    pub(super) fn hears(&self, now: Instant) -> bool {
        let lately = self.config.probe_period * 3;
        self.last_heard.is_some_and(|heard| now.saturating_duration_since(heard) <= lately)
    }

    /// Something arrives: if this node was deaf until now, what it holds against others begins anew.
    pub(super) fn hear_again(&mut self, now: Instant) {
        if self.hears(now) {
            return;
        }
        self.dirty = true;
        if self.config.evidence {
            let limit = self.patience().max() * RENEWED_FOR;
            self.suspicions.renew(now, Some(limit), self.config.probe_period);
        }
    }

    /// Others took this node for dead, and nobody listened to it: what it holds against others begins
    /// anew. It asks them again, as those it is from now on, whom they answer.
    pub(super) fn begin_anew(&mut self, now: Instant) {
        if self.config.evidence {
            self.suspicions.renew(now, None, self.config.probe_period);
            self.dirty = true;
        }
    }

    /// What verdicts follow from now.
    fn grounds(&self, now: Instant) -> Grounds {
        Grounds::new(self.patience(), &self.outbox.health, self.hears(now))
    }

    /// Compares what is held about the peer called `name` with what foca says of it.
    pub(super) fn reconcile(&mut self, name: &Name, now: Instant) {
        let member = self.foca.iter_membership_state().find(|member| member.id().name == *name);
        let member =
            member.map(|member| (member.id().clone(), member.incarnation(), member.state()));
        let hash = name.hash_bytes();
        if let Some((peer, incarnation, Liveness::Suspect)) = member {
            self.live.has_incarnation(&peer, incarnation);
            let (min, evidence) = (self.patience().min, self.config.evidence);
            let (suspect, new) = self.suspicions.hold(&peer, incarnation, now);
            if !new {
                return;
            }
            if evidence {
                suspect.ask_later(min);
            }
            self.counters.suspicions_started += 1;
            self.rhythm.news();
            self.dirty = true;
            if self.config.buddy {
                let rumour = self.rumour(&peer, incarnation, false);
                self.outbox.buddies.insert(hash, rumour);
            }
            return;
        }
        if self.suspicions.release(name).is_some() {
            self.dirty = true;
            match member {
                Some((.., Liveness::Alive)) => self.counters.suspicions_refuted += 1,
                _ => self.counters.suspicions_confirmed += 1,
            }
            self.outbox.buddies.remove(&hash);
            self.outbox.rumours.drop_suspect(hash);
        }
    }

    pub(super) fn reconcile_if_held(&mut self, name: &Name, now: Instant) {
        if self.suspicions.get(name).is_some() {
            self.reconcile(name, now);
        }
    }

    /// Compares all that is held with what foca says, after it was told many things at once.
    pub(super) fn reconcile_all(&mut self, now: Instant) {
        let mut names = self.suspicions.names(|_| true);
        let suspects =
            self.foca.iter_members().filter(|member| member.state() == Liveness::Suspect);
        names.extend(suspects.map(|member| member.id().name.clone()));
        names.sort_unstable();
        names.dedup();
        for name in names {
            self.reconcile(&name, now);
        }
    }

    fn rumour(&self, peer: &Peer, incarnation: u16, refused: bool) -> Rumour {
        Rumour {
            suspect: peer.name.hash_bytes(),
            generation: peer.generation,
            incarnation,
            by: self.me.name.hash_bytes(),
            refused,
        }
    }

    /// A round of probing is over: draws conclusions about this node and the one probed.
    pub(super) fn conclude(&mut self, probe: &Probe, now: Instant) {
        self.early_knock = None;
        let failed = std::mem::take(&mut self.outbox.failed);
        if !failed.contains(&probe.peer) {
            self.outbox.health.probe_answered();
            self.dirty = true;
            return;
        }
        self.counters.probes_failed += 1;
        // That a suspect does not answer says nothing new about this node.
        if self.suspicions.get(&probe.peer.name).is_none() {
            let deaf = self.last_heard.is_none_or(|heard| heard < probe.sent);
            self.outbox.health.probe_failed(deaf && self.live.len() > 1);
            self.dirty = true;
        }
        self.reconcile(&probe.peer.name, now);
        self.testify(&probe.peer.name, false);
        self.knock(probe.peer.address, now);
    }

    /// This node found out by itself that the suspect called `name` is silent, or even gone.
    pub(super) fn testify(&mut self, name: &Name, refused: bool) {
        let me = self.me.name.hash_bytes();
        let Some(suspect) = self.suspicions.get_mut(name) else { return };
        let news = suspect.witness(me, refused);
        let (peer, incarnation) = (suspect.peer.clone(), suspect.incarnation);
        self.dirty = true;
        if news && self.config.dynamic_suspicion {
            let rumour = self.rumour(&peer, incarnation, refused);
            self.pass_on(rumour);
        }
    }

    fn pass_on(&mut self, rumour: Rumour) {
        self.rhythm.news();
        self.outbox.rumours.push(rumour, self.tuned.max_transmissions.get());
    }

    /// Others suspect this node: it contradicts at once, before it says anything else.
    pub(super) fn hear_suspicion_of_me(&mut self, rumours: &[Rumour]) {
        let me = self.me.name.hash_bytes();
        for rumour in rumours {
            if rumour.suspect == me
                && rumour.generation == self.me.generation
                && rumour.incarnation >= self.outbox.incarnation
            {
                let update = Member::new(self.me.clone(), rumour.incarnation, Liveness::Suspect);
                self.apply(update);
            }
        }
    }

    pub(super) fn apply(&mut self, update: Member<Peer>) {
        if self.foca.apply_many(std::iter::once(update), true, &mut self.outbox).is_err() {
            self.counters.inconsistencies += 1;
        }
    }

    /// Looks what a packet of `source` said about suspects, itself one maybe.
    pub(super) fn hear_updates(&mut self, source: &Peer, updates: &[Member<Peer>], now: Instant) {
        for update in updates {
            let name = &update.id().name;
            if update.state() == Liveness::Down && !self.live.contains(name) {
                self.floors.bury(name, update.id().generation);
            }
            if update.state() == Liveness::Suspect || self.suspicions.get(name).is_some() {
                self.reconcile(name, now);
                self.look(name, update.state() == Liveness::Suspect, now);
            }
        }
        self.hear_from(source, now);
    }

    /// `peer` was heard from. If it is a suspect, it lives, whatever it knows of the suspicion.
    pub(super) fn hear_from(&mut self, peer: &Peer, now: Instant) {
        if self.suspicions.get(&peer.name).is_some_and(|suspect| suspect.peer == *peer) {
            self.reconcile(&peer.name, now);
            self.hear_suspect(&peer.name, now);
        }
    }

    fn hear_suspect(&mut self, name: &Name, now: Instant) {
        let patience = self.patience();
        let evidence = self.config.evidence;
        let Some(suspect) = self.suspicions.get_mut(name) else { return };
        if suspect.told.is_some_and(|told| now.saturating_duration_since(told) < TELL_INTERVAL) {
            return;
        }
        suspect.told = Some(now);
        // One that talks, but was told for long enough and does not contradict, is deaf.
        let deaf = suspect.started + patience.max() + patience.min;
        if evidence && now < deaf {
            suspect.heard(now);
            self.counters.evidence_of_life += 1;
            self.dirty = true;
        }
        let peer = suspect.peer.clone();
        if self.config.buddy {
            self.outbox.send(&self.me, &peer, Message::Ping(0));
        }
    }

    pub(super) fn hear_rumours(&mut self, rumours: &[Rumour], now: Instant) {
        for rumour in rumours {
            self.hear_rumour(*rumour, now);
        }
    }

    fn hear_rumour(&mut self, rumour: Rumour, now: Instant) {
        let Some(known) = self.live.find_hash(rumour.suspect) else { return };
        if known.peer.generation != rumour.generation
            || rumour.incarnation < known.incarnation
            || !self.config.dynamic_suspicion
        {
            return;
        }
        let peer = known.peer.clone();
        let held = self.suspicions.get(&peer.name);
        if held.is_none_or(|held| held.incarnation < rumour.incarnation) {
            self.apply(Member::new(peer.clone(), rumour.incarnation, Liveness::Suspect));
            self.reconcile(&peer.name, now);
        }
        let Some(suspect) = self.suspicions.get_mut(&peer.name) else { return };
        if suspect.incarnation != rumour.incarnation {
            return;
        }
        if suspect.witness(rumour.by, rumour.refused) {
            self.dirty = true;
            self.pass_on(rumour);
            self.look(&peer.name, true, now);
            if rumour.refused {
                self.counters.evidence_of_death += 1;
                if self.is_chosen() {
                    self.knock(peer.address, now);
                }
            }
        }
    }

    /// Whether chance wants this node to be among those who verify something.
    fn is_chosen(&mut self) -> bool {
        let others = self.size().saturating_sub(2).max(1);
        self.rng.random::<f64>() * others as f64 <= VERIFIERS
    }

    /// Begins to look after the suspect called `name`, if chance wants it, and does so only once.
    fn look(&mut self, name: &Name, suspected: bool, now: Instant) {
        if !suspected || !self.config.dynamic_suspicion {
            return;
        }
        let me = self.me.name.hash_bytes();
        let seen = self
            .suspicions
            .get(name)
            .is_none_or(|suspect| suspect.check.is_some() || suspect.is_witness(me));
        if seen {
            return;
        }
        let tries = if self.is_chosen() { 0 } else { Verification::NOT_CHOSEN };
        if let Some(suspect) = self.suspicions.get_mut(name) {
            suspect.check = Some(Verification { next: now, tries });
            self.dirty = true;
        }
    }

    /// Whether a death that another node tells of is credible: a suspicion came before it, or the
    /// peer was about to leave, or this node never heard from it.
    pub(super) fn may_be_dead(&self, peer: &Peer) -> bool {
        peer.state == State::Leaving
            || self.suspicions.get(&peer.name).is_some()
            || self.live.get(peer).is_none_or(|known| known.last_heard().is_none())
    }

    /// Another node says that `peer` is dead, of which this one knows nothing: it may have been the one
    /// that was cut off. The peer is told, so that it can contradict.
    pub(super) fn doubt(&mut self, peer: &Peer) {
        self.outbox.send(&self.me, peer, Message::TurnUndead);
    }

    /// Whether the life that `peer` is has ended.
    pub(super) fn is_over(&self, peer: &Peer) -> bool {
        self.floors.has_ended(&peer.name, peer.generation)
    }

    /// A message of somebody who is dead as far as this node knows. Two that take each other for dead
    /// have to be able to tell each other so.
    pub(super) fn answer_the_dead(&mut self, packet: &Packet<'_>) {
        self.counters.zombies += 1;
        let header = &packet.header;
        if header.message != Message::TurnUndead {
            self.outbox.send(&self.me, &header.src, Message::TurnUndead);
        } else if header.dst == self.me {
            let update = Member::new(self.me.clone(), self.outbox.incarnation, Liveness::Down);
            self.apply(update);
        }
    }

    /// Does what is due about suspects.
    pub(super) fn handle_suspicions_due(&mut self, now: Instant) {
        if let Some((due, address)) = self.early_knock
            && due <= now
        {
            self.early_knock = None;
            self.knock(address, now);
        }
        if self.next_suspicion.is_none_or(|next| next > now) {
            return;
        }
        self.dirty = true;
        let grounds = self.grounds(now);
        let due = |suspect: &Suspect| self.due(suspect, &grounds).is_some_and(|due| due <= now);
        for name in self.suspicions.names(due) {
            if let Some(suspect) = self.suspicions.get_mut(&name)
                && suspect.last_words.is_some_and(|due| due <= now)
            {
                suspect.last_words = None;
                suspect.check = Some(Verification { next: now, tries: 0 });
            }
            self.verify(&name, now);
            let Some(suspect) = self.suspicions.get_mut(&name) else { continue };
            let address = suspect.peer.address;
            if suspect.next_knock.is_some_and(|next| next <= now) {
                suspect.next_knock = None;
                self.knock(address, now);
            }
            let verdict =
                self.suspicions.get(&name).and_then(|suspect| self.verdict_due(suspect, &grounds));
            if verdict.is_some_and(|due| due <= now) {
                self.condemn(&name, now);
            }
        }
    }

    /// When something is due about `suspect`.
    fn due(&self, suspect: &Suspect, grounds: &Grounds) -> Option<Instant> {
        let check = suspect.check.filter(|check| check.tries <= VERIFY_TRIES);
        let verdict = self.verdict_due(suspect, grounds);
        let all = [check.map(|check| check.next), suspect.last_words, suspect.next_knock, verdict];
        all.into_iter().flatten().min()
    }

    /// When this node's own verdict about `suspect` is due, if it passes one at all.
    fn verdict_due(&self, suspect: &Suspect, grounds: &Grounds) -> Option<Instant> {
        // This node itself can tell, and those who are not suspects.
        let able = 1 + self.live.len().saturating_sub(self.suspicions.len());
        if self.config.evidence && suspect.is_certain(able) {
            return Some(suspect.since);
        }
        self.config.dynamic_suspicion.then(|| grounds.deadline(suspect))
    }

    /// Asks the suspect called `name` once more, or concludes that it is silent.
    fn verify(&mut self, name: &Name, now: Instant) {
        let pause = self.config.probe_period / u32::from(VERIFY_TRIES);
        let pause = self.outbox.health.stretch(pause);
        let Some(suspect) = self.suspicions.get_mut(name) else { return };
        let Some(check) = &mut suspect.check else { return };
        if check.tries > VERIFY_TRIES || check.next > now {
            return;
        }
        check.tries += 1;
        check.next = now + pause;
        if check.tries > VERIFY_TRIES {
            self.testify(name, false);
            return;
        }
        let peer = suspect.peer.clone();
        self.outbox.send(&self.me, &peer, Message::Ping(0));
    }

    /// Passes the verdict.
    fn condemn(&mut self, name: &Name, now: Instant) {
        let Some(suspect) = self.suspicions.get(name) else { return };
        let (peer, incarnation) = (suspect.peer.clone(), suspect.incarnation);
        self.apply(Member::new(peer.clone(), incarnation, Liveness::Down));
        self.reconcile(name, now);
        // Should it live after all, it had better know.
        self.outbox.send(&self.me, &peer, Message::TurnUndead);
    }

    /// What is told about `suspect`, at the time of the last input.
    pub(super) fn suspicion_of(&self, suspect: &Suspect) -> Suspicion {
        Suspicion {
            since: suspect.started,
            confirmations: suspect.confirmations(),
            deadline: self.grounds(self.outbox.now).deadline(suspect),
        }
    }

    /// When something is due about suspects. Found anew only when anything about them has changed.
    pub(super) fn schedule_suspicions(&mut self, now: Instant) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let grounds = self.grounds(now);
        let due = |suspect| self.due(suspect, &grounds);
        self.next_suspicion = self.suspicions.iter().filter_map(due).min();
    }

    /// Forgets all of it.
    pub(super) fn forget_suspicions(&mut self) {
        self.suspicions.clear();
        self.outbox.buddies.clear();
        self.outbox.rumours.clear();
        self.early_knock = None;
        self.next_suspicion = None;
    }
}
