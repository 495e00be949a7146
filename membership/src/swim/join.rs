//! Finding a cluster, and comparing notes with it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use foca::{Member, Message, State as Liveness};
use rand::RngExt;

use super::clash::Clash;
use super::seeds::SeedResult;
use super::sync::{Answer, Ask, PEERS_MAX, Reply, Request, bucket, differing};
use super::{Event, Farewell, Output, Swim, SyncFailure};
use crate::codec;
use crate::header::Kind;
use crate::refusal::Refusal;
use crate::{Peer, State};

#[cfg(test)]
mod tests;

/// How many peers that this node takes for dead, and another takes for alive, are told so within a
/// second. They raise their generation and tell the rest themselves, and when halves of a large cluster
/// meet again, several others compare their state with this node's in one second.
const CONTRADICTIONS: usize = 128;

/// The pause before the next comparison of states after joining, or when the views differed, which
/// doubles it each time up to the configured interval.
const SYNC_SOON: Duration = Duration::from_secs(1);

/// What is left to be contradicted in the present second.
#[derive(Debug, Default)]
pub(super) struct Contradictions {
    since: Option<Instant>,
    made: usize,
}

impl Contradictions {
    /// How many of `wanted` may be made now.
    fn take(&mut self, wanted: usize, now: Instant) -> usize {
        if self.since.is_none_or(|since| now >= since + Duration::from_secs(1)) {
            *self = Self { since: Some(now), made: 0 };
        }
        let granted = wanted.min(CONTRADICTIONS - self.made);
        self.made += granted;
        granted
    }
}

impl Swim {
    /// Handles the answer to an [`Output::Resolve`] that leads to some seeds, while others could not be
    /// resolved, and why. That is no reason to be a cluster of its own, whoever of the former answers.
    pub fn handle_some_seeds(&mut self, addresses: &[SocketAddr], error: String, now: Instant) {
        self.begin(now);
        self.seeds.partly_resolved(addresses, error, now);
        self.contact_seeds(now);
        self.settle(now);
    }

    pub(super) fn handle_join_due(&mut self, now: Instant) {
        // A node that has lost everybody else looks for them as hard as one that has found nobody yet.
        let settled = self.joined.is_some() && self.live.len() > 0;
        if self.seeds.due(&self.config, settled, &mut self.rng, now) {
            self.outputs.push_back(Output::Resolve);
        }
        if self.next_sync.is_some_and(|next| next <= now) {
            self.schedule_sync(now);
            let chosen = self.random_peer();
            if let Some(address) = chosen {
                let ask = self.ask_for_state();
                self.ask(address, ask, now);
            }
        }
        self.expire_check(now);
        self.form_if_alone(now);
    }

    fn random_peer(&mut self) -> Option<SocketAddr> {
        let count = self.live.len();
        if count == 0 {
            return None;
        }
        let number = self.rng.random_range(0..count);
        self.live.nth(number).map(|peer| peer.address)
    }

    fn schedule_sync(&mut self, now: Instant) {
        let interval = self.config.sync_after(self.size());
        let after = self.sync_eager.map_or(interval, |pause| pause.min(interval));
        let jitter = 0.8 + 0.4 * self.rng.random::<f64>();
        self.next_sync = Some(now + after.mul_f64(jitter));
    }

    /// The views differed, or may: compares again soon, and not so soon when they differ again. Who
    /// joins while others do learns of some of them only in this way.
    fn sync_soon(&mut self, now: Instant) {
        let pause = self.sync_eager.map_or(SYNC_SOON, |pause| pause.saturating_mul(2));
        self.sync_eager = Some(pause);
        self.schedule_sync(now);
    }

    /// Asks the seeds that are not known to be alive.
    pub(super) fn contact_seeds(&mut self, now: Instant) {
        if self.farewell != Farewell::No || self.is_checking() {
            return;
        }
        let joined = self.joined.is_some();
        let (live, me) = (&self.live, self.me.address);
        let known = |address: &SocketAddr| {
            *address == me || joined && live.peers().any(|peer| peer.address == *address)
        };
        let limit = self.config.max_join_peers;
        let chosen = self.seeds.choose(limit, known, &mut self.rng, now);
        for address in chosen {
            let ask = self.ask_for_state();
            self.ask(address, ask, now);
        }
        self.form_if_alone(now);
    }

    /// Asks `address`, unless it still owes an answer.
    pub(super) fn ask(&mut self, address: SocketAddr, ask: Ask, now: Instant) -> bool {
        if !self.seeds.ask(address, now) {
            return false;
        }
        self.counters.syncs += 1;
        let request = Request {
            from: self.me.clone(),
            instance: self.instance,
            joined_for: self.joined_for(now),
            ask,
        };
        let body = self.outbox.envelope.wrap(Kind::SyncQuestion, &codec::body(&request));
        self.outputs.push_back(Output::Sync { to: address, body });
        true
    }

    fn joined_for(&self, now: Instant) -> u64 {
        let since = self.joined.map(|joined| now.saturating_duration_since(joined));
        // At least 1, so that having joined just now is more than not having joined.
        since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1))
    }

    /// Answers a question.
    pub(super) fn answer(&mut self, body: &[u8], now: Instant) -> Result<Bytes, Refusal> {
        let payload = self.outbox.envelope.unwrap(Kind::SyncQuestion, body)?;
        let request: Request =
            codec::parse_body(payload).map_err(|error| Refusal::Malformed(error.to_string()))?;
        self.hear_from(&request.from, now);
        // The answer says who this node was when it was asked.
        let (from, answer) = if request.from.name == self.me.name {
            (self.me.clone(), self.answer_namesake(&request, now))
        } else if self.farewell != Farewell::No || self.clash.is_some() {
            (self.me.clone(), self.out())
        } else {
            match request.ask {
                Ask::State { digest, buckets } if digest != self.digest() => {
                    let buckets = differing(&self.buckets(), &buckets);
                    let members = self.members(buckets);
                    (self.me.clone(), Answer::Members { buckets, members })
                }
                Ask::Push { members } => {
                    self.take_push(request.from, members, now);
                    (self.me.clone(), Answer::Done)
                }
                Ask::State { .. } => (self.me.clone(), Answer::Same),
                Ask::Who => (self.me.clone(), Answer::Done),
                Ask::Heard { namesake } => (self.me.clone(), self.vouch(&namesake, now)),
            }
        };
        let reply = Reply { from, instance: self.instance, answer };
        Ok(self.outbox.envelope.wrap(Kind::SyncAnswer, &codec::body(&reply)))
    }

    fn answer_namesake(&mut self, request: &Request, now: Instant) -> Answer {
        if request.instance == self.instance {
            return Answer::Done;
        }
        if self.farewell == Farewell::Said {
            return self.out();
        }
        let mine = (self.joined_for(now), std::cmp::Reverse(self.me.address));
        let theirs = (request.joined_for, std::cmp::Reverse(request.from.address));
        let you_stay_out = mine > theirs;
        if you_stay_out {
            self.outlast(&request.from, request.joined_for > 0);
        } else {
            self.stand_down(&request.from);
        }
        Answer::Clash { you_stay_out }
    }

    /// Everybody in some buckets this node knows of, and itself, the living first.
    pub(super) fn members(&self, buckets: u64) -> Vec<Member<Peer>> {
        let known = || {
            let members = self.foca.iter_membership_state();
            members.filter(move |member| buckets >> bucket(&member.id().name) & 1 == 1)
        };
        let me = Member::new(self.me.clone(), self.outbox.incarnation, Liveness::Alive);
        let living = known().filter(|member| member.state() != Liveness::Down);
        let dead = known().filter(|member| member.state() == Liveness::Down);
        std::iter::once(me).chain(living.chain(dead).cloned()).take(PEERS_MAX).collect()
    }

    /// Takes what another node found this one to lack. For a node that has not joined yet, that is
    /// as good as having asked.
    fn take_push(&mut self, from: Peer, mut members: Vec<Member<Peer>>, now: Instant) {
        if self.is_name_taken(&members, from.address, now) {
            return;
        }
        members.push(Member::alive(from.clone()));
        let was_joined = self.joined.is_some();
        self.merge(members, was_joined, now);
        if !was_joined {
            self.join(from, now);
        }
    }

    /// Handles an answer.
    pub(super) fn learn(
        &mut self,
        to: SocketAddr,
        body: &[u8],
        now: Instant,
    ) -> Result<(), Refusal> {
        let payload = self.outbox.envelope.unwrap(Kind::SyncAnswer, body)?;
        let reply: Reply =
            codec::parse_body(payload).map_err(|error| Refusal::Malformed(error.to_string()))?;
        self.hear_from(&reply.from, now);
        let instead = match &reply.answer {
            Answer::Out { instead } => instead.clone(),
            _ => Vec::new(),
        };
        let checked = self.checks(to);
        self.hear_witness(to, &reply.answer, now);
        let namesake = reply.from.name == self.me.name;
        if namesake && reply.instance == self.instance {
            self.seeds.answered(to, SeedResult::Itself, now);
            self.form_if_alone(now);
        } else if namesake {
            self.seeds.answered(to, SeedResult::Joined, now);
            if let Answer::Clash { you_stay_out } = reply.answer {
                if you_stay_out {
                    self.stand_down(&reply.from);
                } else {
                    self.outlast(&reply.from, true);
                }
            }
        } else {
            self.learn_from(to, reply, now);
        }
        if checked {
            // Somebody else lives there now, or this node itself does.
            self.bury_namesake(now);
        }
        self.ask_instead(to, &instead, now);
        Ok(())
    }

    fn learn_from(&mut self, to: SocketAddr, reply: Reply, now: Instant) {
        if self.farewell != Farewell::No {
            return;
        }
        match reply.answer {
            Answer::Done | Answer::Clash { .. } | Answer::Heard { .. } => {
                self.seeds.answered(to, SeedResult::Joined, now);
            }
            Answer::Same => {
                self.seeds.answered(to, SeedResult::Joined, now);
                self.sync_eager = None;
                self.schedule_sync(now);
            }
            // Somebody is there, who only cannot let others in. Once it has ended, it is silent.
            Answer::Out { .. } => {
                let reason = "it takes no part in the cluster".to_owned();
                self.seeds.answered(to, SeedResult::Refused(reason), now);
                self.ask_another(now);
            }
            Answer::Members { buckets, members } => {
                self.seeds.answered(to, SeedResult::Joined, now);
                if self.is_checking() || self.is_name_taken(&members, to, now) {
                    return;
                }
                let was_joined = self.joined.is_some();
                let mut lacking = self.lacking(buckets, &members);
                let generation = self.me.generation;
                self.merge(members, was_joined, now);
                if self.me.generation > generation {
                    // It takes this node for dead, and nobody else may be there to tell it more.
                    lacking.push(Member::alive(self.me.clone()));
                }
                if was_joined {
                    self.sync_soon(now);
                } else {
                    self.join(reply.from, now);
                }
                let members = if was_joined { lacking } else { self.myself() };
                if !members.is_empty() {
                    self.ask(to, Ask::Push { members }, now);
                }
            }
        }
    }

    fn myself(&self) -> Vec<Member<Peer>> {
        // The settling that follows makes it a participant; pushed as such, it is news only once.
        let mut me = self.me.clone();
        if self.willing && me.state == State::Joining {
            me.state = State::Participant;
        }
        vec![Member::alive(me)]
    }

    /// Whether, for a node that has not joined, its name is in use by somebody who may be alive. That
    /// one is asked then, and the node at `witness`, which says so.
    fn is_name_taken(
        &mut self,
        members: &[Member<Peer>],
        witness: SocketAddr,
        now: Instant,
    ) -> bool {
        if self.joined.is_some() {
            return false;
        }
        let mut alive = false;
        for member in members {
            if member.id().name == self.me.name && *member.id() != self.me {
                alive |= self.hear_of_namesake(member, Some(witness), now);
            }
        }
        // Whoever answers may have begun just now, and not know who keeps this node out.
        if let Some(Clash { first, told_by }) = self.clash.clone()
            && members.iter().all(|member| member.id().name != self.me.name)
        {
            alive = self.hear_of_namesake(&Member::alive(first), told_by, now);
        }
        // It cannot be asked while another question to its address is under way, a seed being there.
        if alive || self.is_checking() {
            return true;
        }
        // Those who were told of this life and take it for alive are told nothing new by another one.
        let of_another = |member: &Member<Peer>| {
            let Peer { name, address, generation, .. } = member.id();
            let this_life = (address, generation) == (&self.me.address, &self.me.generation);
            *name == self.me.name && (!this_life || member.state() == Liveness::Down)
        };
        if self.highest >= self.me.generation && members.iter().any(of_another) {
            self.raise_generation();
        }
        false
    }

    /// What this node knows to be alive and the sender of `members` does not.
    fn lacking(&self, buckets: u64, members: &[Member<Peer>]) -> Vec<Member<Peer>> {
        let theirs: BTreeMap<u64, &Member<Peer>> =
            members.iter().map(|member| (member.id().name.hash(), member)).collect();
        let news = |mine: &Peer| match theirs.get(&mine.name.hash()) {
            None => true,
            Some(member) => mine.outranks(member.id()),
        };
        self.members(buckets)
            .into_iter()
            .filter(|member| member.state() != Liveness::Down && news(member.id()))
            .collect()
    }

    /// Takes over what another node knows. Hearsay does not kill: whom the other takes for dead
    /// and this node for alive is suspected, and has the time to refute it.
    pub(super) fn merge(&mut self, mut members: Vec<Member<Peer>>, pass_on: bool, now: Instant) {
        self.take_out_namesakes(&mut members, now);
        let members_here = self.foca.iter_membership_state();
        let mine: BTreeMap<u64, &Member<Peer>> =
            members_here.map(|member| (member.id().name.hash(), member)).collect();
        let mut contradicted = Vec::new();
        let mut buried = Vec::new();
        let updates: Vec<Member<Peer>> = members
            .into_iter()
            .filter_map(|theirs| {
                let id = theirs.id();
                let dead = theirs.state() == Liveness::Down;
                if self.is_over(id) {
                    if !dead {
                        contradicted.push(id.clone());
                    }
                    return None;
                }
                let known = mine.get(&id.name.hash()).filter(|mine| mine.id() == id);
                match known {
                    Some(mine) if dead && !self.may_be_dead(id) => {
                        Some(Member::new(mine.id().clone(), mine.incarnation(), Liveness::Suspect))
                    }
                    None if dead => {
                        let outranked =
                            mine.get(&id.name.hash()).is_some_and(|m| m.id().outranks(id));
                        if !outranked {
                            buried.push(id.clone());
                        }
                        Some(theirs)
                    }
                    _ => Some(theirs),
                }
            })
            .collect();
        let applied = self.foca.apply_many(updates.into_iter(), pass_on, &mut self.outbox);
        if applied.is_err() {
            self.counters.inconsistencies += 1;
        }
        for peer in buried {
            self.floors.bury(&peer.name, peer.generation);
        }
        self.reconcile_all(now);
        self.tell_the_living(contradicted);
    }

    /// Tells some of those who live, but whom this node takes for dead, that it does. They raise their
    /// generation, and tell the rest themselves.
    fn tell_the_living(&mut self, mut peers: Vec<Peer>) {
        self.counters.zombies += peers.len() as u64;
        for _ in 0..self.contradictions.take(peers.len(), self.outbox.now) {
            let peer = peers.swap_remove(self.rng.random_range(0..peers.len()));
            self.outbox.send(&self.me, &peer, Message::TurnUndead);
        }
    }

    fn join(&mut self, seed: Peer, now: Instant) {
        self.begin_taking_part(now);
        if self.foca.gossip(&mut self.outbox).is_err() {
            self.counters.inconsistencies += 1;
        }
        self.emit(Event::Joined { seed });
    }

    /// Becomes a cluster of one.
    pub(super) fn form(&mut self, now: Instant) {
        self.begin_taking_part(now);
        self.emit(Event::Formed);
    }

    fn begin_taking_part(&mut self, now: Instant) {
        self.joined = Some(now);
        self.clash = None;
        self.sync_eager = None;
        self.sync_soon(now);
    }

    fn form_if_alone(&mut self, now: Instant) {
        let waiting = self.joined.is_none() && self.clash.is_none() && !self.is_checking();
        if waiting && self.farewell == Farewell::No && self.seeds.alone(self.me.address, now) {
            self.form(now);
        }
    }

    pub(super) fn give_up_on(&mut self, to: SocketAddr, failure: SyncFailure, now: Instant) {
        self.counters.syncs_failed += 1;
        if let SyncFailure::Unreachable(_) = &failure {
            self.find_out(to, now);
        }
        let result = match failure {
            SyncFailure::Unreachable(error) => SeedResult::Unreachable(error),
            SyncFailure::Refused(error) => SeedResult::Refused(error),
        };
        self.seeds.answered(to, result, now);
        if self.checks(to) {
            self.miss_namesake(now);
        }
        self.miss_witness(to, now);
        self.doubt_the_first(now);
        self.ask_another(now);
        self.form_if_alone(now);
    }
}
