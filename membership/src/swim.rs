//! The machine: inputs, outputs, and what a node is to itself.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use foca::{Foca, NoCustomBroadcast};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::codec::Codec;
use crate::envelope::Envelope;
use crate::{Config, Counters, Keyring, Name, Peer, Refusal, State, View};

mod clash;
mod evidence;
mod floors;
mod gossip;
mod health;
mod instead;
mod join;
mod knocks;
mod live;
mod outbox;
mod output;
mod packet;
mod rhythm;
mod rumours;
mod seeds;
mod settle;
mod status;
mod suspicion;
mod sync;
#[cfg(test)]
mod tests;
mod timers;
mod trailer;

pub use output::{Cause, Event, Output};
pub use seeds::{SeedResult, SeedStatus};
pub use status::{Knock, PeerStatus, Suspicion};

use clash::{Check, Clash};
use floors::Floors;
use health::Health;
use knocks::Knocked;
use live::Live;
use outbox::Outbox;
use rhythm::Rhythm;
use seeds::Seeds;
use suspicion::Suspicions;
use timers::Timers;

/// How often the news of leaving is repeated, and how far apart. Each goes to three random peers,
/// which pass it on; all of them being lost is as likely as fifteen losses in a row.
const FAREWELLS: u8 = 5;
const FAREWELL_INTERVAL: Duration = Duration::from_millis(40);

/// How old a peer's report about its view may be to count, and how many reports are enough. In a large
/// cluster a node hears from each other one only once in minutes, but from some fifty in this time.
const FRESH: Duration = Duration::from_secs(10);
const REPORTS: usize = 8;

/// Room that is kept for outputs: what one input brings about, unless it is a comparison of states.
const OUTPUTS_KEPT: usize = 32;

/// Why a state sync came to nothing, as far as the driver can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncFailure {
    /// Nobody is there: refused, reset, timed out.
    Unreachable(String),
    /// Somebody is there, but would not talk: TLS, authentication, an error status.
    Refused(String),
}

/// Membership of one node.
///
/// Call `handle_*` with what happened, then [`Swim::poll_output`] until it is `None`, and
/// [`Swim::handle_timeout`] no later than [`Swim::poll_timeout`] says. When the process was
/// stalled, hand in what the socket holds before the overdue timeout: a late answer is one still.
pub struct Swim {
    me: Peer,
    /// The generations that this process had.
    generations: settle::Generations,
    config: Config,
    foca: Foca<Peer, Codec, ChaCha12Rng, NoCustomBroadcast>,
    /// The parameters foca runs with, which follow the size of the cluster.
    tuned: foca::Config,
    /// The size they were last found for.
    tuned_for: usize,
    outbox: Outbox,
    timers: Timers,
    rng: ChaCha12Rng,
    /// Drawn at random: tells this process from any other of its name.
    instance: u64,
    live: Live,
    floors: Floors,
    suspicions: Suspicions,
    /// Whether anything about suspicions has changed that may change when they are due.
    dirty: bool,
    next_suspicion: Option<Instant>,
    /// When anybody was last heard from.
    last_heard: Option<Instant>,
    /// This node's own incarnation as of the last input.
    incarnation: foca::Incarnation,
    rhythm: Rhythm,
    /// Knocks that are not answered yet, or were a moment ago.
    knocks: BTreeMap<SocketAddr, Knocked>,
    /// When and where to knock, if the present probe goes unanswered until then.
    early_knock: Option<(Instant, SocketAddr)>,
    seeds: Seeds,
    /// Since when this node is part of a cluster, be it one of its own.
    joined: Option<Instant>,
    /// Whether the node is able to take part.
    willing: bool,
    farewell: Farewell,
    /// The node that has this node's name, while that keeps this one out.
    clash: Option<Clash>,
    check: Option<Check>,
    /// The highest generation of this name of which it is known that it is not alive elsewhere.
    buried: u64,
    /// The highest generation heard under this name.
    highest: u64,
    leap: settle::Leap,
    next_sync: Option<Instant>,
    /// The pause between state syncs while views differ, when it is shorter than configured.
    sync_eager: Option<Duration>,
    next_reminder: Option<Instant>,
    next_retort: Option<Instant>,
    contradictions: join::Contradictions,
    outputs: VecDeque<Output>,
    counters: Counters,
    view: Option<Arc<View>>,
    changed: bool,
    /// When the view last changed.
    changed_at: Instant,
}

/// How far leaving has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Farewell {
    No,
    Saying { left: u8, next: Instant },
    Said,
}

impl Swim {
    /// The membership of `me`, whose state is taken to be [`State::Joining`].
    ///
    /// A node without seeds forms a cluster of its own at once; one with seeds asks for them by
    /// [`Output::Resolve`]. All randomness comes from `rng`.
    pub fn new(me: Peer, config: Config, mut rng: ChaCha12Rng, now: Instant) -> Self {
        let me = Peer { state: State::Joining, ..me };
        let envelope = Envelope::new(&config.cluster, config.keyring.clone(), &mut rng);
        let health = Health::new(config.local_health);
        let outbox = Outbox::new(envelope, health, !config.dynamic_suspicion, now);
        let tuned = config.foca(1, outbox.packet_room());
        let mut swim = Self {
            foca: Foca::new(me.clone(), tuned.clone(), ChaCha12Rng::from_rng(&mut rng), Codec),
            tuned,
            tuned_for: 1,
            outbox,
            timers: Timers::default(),
            instance: rng.random(),
            rng,
            live: Live::default(),
            floors: Floors::default(),
            suspicions: Suspicions::default(),
            dirty: false,
            next_suspicion: None,
            last_heard: None,
            incarnation: 0,
            rhythm: Rhythm::new(now),
            knocks: BTreeMap::new(),
            early_knock: None,
            seeds: Seeds::new(&config, now),
            joined: None,
            willing: false,
            farewell: Farewell::No,
            clash: None,
            check: None,
            buried: 0,
            highest: me.generation,
            leap: settle::Leap::default(),
            generations: settle::Generations::from(me.generation),
            next_sync: None,
            sync_eager: None,
            next_reminder: None,
            next_retort: None,
            contradictions: join::Contradictions::default(),
            outputs: VecDeque::new(),
            counters: Counters::default(),
            view: None,
            changed: true,
            changed_at: now,
            me,
            config,
        };
        if !swim.config.seeded {
            swim.form(now);
        }
        swim.handle_due(now);
        swim.settle(now);
        swim
    }

    /// Changes the keys: what is sent from now on is sealed with the first of them.
    pub fn set_keyring(&mut self, keyring: Keyring) {
        self.outbox.envelope.set_keyring(keyring.clone());
        self.config.keyring = keyring;
    }

    /// The keys in use.
    pub fn keyring(&self) -> &Keyring {
        &self.config.keyring
    }

    /// Handles a datagram.
    ///
    /// # Errors
    /// When it is not for this node, of this cluster, and well-formed; it is counted, and the state
    /// is as before.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Instant) -> Result<(), Refusal> {
        self.begin(now);
        let payload = match self.outbox.envelope.open(datagram) {
            Ok(payload) => payload,
            Err(refusal) => {
                // Nothing has changed, so nothing is to be settled: a flood of it stays cheap.
                self.counters.refuse(&refusal);
                return Err(refusal);
            }
        };
        let result = self.receive(&payload, now);
        match &result {
            Ok(()) => self.counters.received += 1,
            Err(refusal) => self.counters.refuse(refusal),
        }
        self.settle(now);
        result
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.begin(now);
        self.handle_due(now);
        self.settle(now);
    }

    /// Answers another node's state sync: the body of the answer.
    ///
    /// # Errors
    /// When `body` is not a question of this cluster; the asker should be told the error's text
    /// and will take it for a refusal.
    pub fn handle_sync(&mut self, body: &[u8], now: Instant) -> Result<Bytes, Refusal> {
        self.begin(now);
        let result = self.answer(body, now);
        match &result {
            Ok(_) => self.counters.syncs_answered += 1,
            Err(refusal) => self.counters.refuse(refusal),
        }
        self.settle(now);
        result
    }

    /// Handles the answer to an [`Output::Sync`] to `to`.
    ///
    /// # Errors
    /// When it is not an answer of this cluster; that too is noted as the result of asking there.
    pub fn handle_sync_reply(
        &mut self,
        to: SocketAddr,
        body: &[u8],
        now: Instant,
    ) -> Result<(), Refusal> {
        self.begin(now);
        let result = self.learn(to, body, now);
        if let Err(refusal) = &result {
            self.counters.refuse(refusal);
            self.give_up_on(to, SyncFailure::Refused(refusal.to_string()), now);
        }
        self.settle(now);
        result
    }

    /// Notes that an [`Output::Sync`] to `to` got no answer.
    pub fn handle_sync_failure(&mut self, to: SocketAddr, failure: SyncFailure, now: Instant) {
        self.begin(now);
        self.give_up_on(to, failure, now);
        self.settle(now);
    }

    /// Handles the answer to an [`Output::Resolve`]: all addresses of all seeds, of which there may
    /// be none yet. An unrequested answer is as welcome.
    pub fn handle_seeds(&mut self, addresses: &[SocketAddr], now: Instant) {
        self.begin(now);
        self.seeds.resolved(&self.config, addresses, now);
        self.contact_seeds(now);
        self.settle(now);
    }

    /// Takes the addresses where peers were before, which are tried like seeds. They never decide
    /// anything by not answering, or by answering otherwise: an address may have changed hands.
    pub fn handle_remembered(&mut self, addresses: &[SocketAddr], now: Instant) {
        self.begin(now);
        self.seeds.remembered(&self.config, addresses, now);
        self.settle(now);
    }

    /// Notes that seeds could not be resolved for a reason that is no answer: a server that failed
    /// or timed out, as against a name that does not exist yet. Earlier seeds are tried instead.
    pub fn handle_seeds_failure(&mut self, error: String, now: Instant) {
        self.begin(now);
        self.seeds.unresolved(error, now);
        self.contact_seeds(now);
        self.settle(now);
    }

    /// Notes that nobody listens at `address`: a connection to it was refused or reset, or an ICMP
    /// message said so. Drivers should call this whenever a request to a peer fails in that way.
    ///
    /// It is a reason to look, no more: it makes this node knock there itself, since one message may
    /// be forged, late, or meant for an earlier life. However many come, it knocks at a peer no more
    /// than ten times a second because of them.
    pub fn handle_unreachable(&mut self, address: SocketAddr, now: Instant) {
        self.begin(now);
        self.find_out(address, now);
        self.settle(now);
    }

    /// Handles what came of an [`Output::Knock`] at `address`. An unrequested one is ignored.
    pub fn handle_knock(&mut self, address: SocketAddr, knock: Knock, now: Instant) {
        self.begin(now);
        self.hear_knock(address, knock, now);
        self.settle(now);
    }

    /// Takes part from now on, or as soon as a cluster has been joined: the configuration runs.
    pub fn participate(&mut self, now: Instant) {
        self.begin(now);
        self.willing = self.me.state != State::Leaving;
        self.settle(now);
    }

    /// Announces that this node is about to leave: it owns nothing from now on, and stays alive
    /// until [`Swim::depart`].
    pub fn leave(&mut self, now: Instant) {
        self.begin(now);
        self.willing = false;
        if self.me.state != State::Leaving {
            self.become_peer(Peer { state: State::Leaving, ..self.me.clone() });
        }
        self.settle(now);
    }

    /// Leaves. Nothing is received any more; [`Output::Departed`] says when the news has been
    /// spread and the process may end, about 200 ms from now.
    pub fn depart(&mut self, now: Instant) {
        self.begin(now);
        if self.farewell == Farewell::No {
            self.say_farewell(now);
        }
        self.settle(now);
    }

    /// What is to be done next, in order; `None` when nothing is.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() {
            // Who joins a large cluster hears of all of it at once, and never again of so many.
            self.outputs.shrink_to(OUTPUTS_KEPT);
        }
        output
    }

    /// When [`Swim::handle_timeout`] is due; `None` when there is nothing to wait for.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.farewell {
            Farewell::Saying { next, .. } => return Some(next),
            Farewell::Said => return None,
            Farewell::No => {}
        }
        // As long as a namesake is asked whether it lives, no cluster is formed.
        let settled = self.joined.is_some() || self.clash.is_some() || self.is_checking();
        [
            self.timers.next(),
            self.next_suspicion,
            self.rhythm.next(),
            self.early_knock.map(|(at, _)| at),
            self.seeds.next(self.me.address, settled),
            self.next_sync,
            self.check.as_ref().map(Check::deadline),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// This node, as it presents itself now.
    pub fn me(&self) -> &Peer {
        &self.me
    }

    /// The live peers. Cheap unless they have changed.
    pub fn view(&mut self) -> Arc<View> {
        let view = self.view.take().unwrap_or_else(|| {
            let mut peers = Vec::with_capacity(self.live.len() + 1);
            peers.extend(self.live.peers().cloned());
            peers.push(self.me.clone());
            peers.sort_unstable_by(|one, other| one.name.cmp(&other.name));
            View::new(self.me.clone(), peers, self.digest())
        });
        self.view = Some(view.clone());
        view
    }

    /// The live peer called `name`, this node among them, without making a view.
    pub fn find(&self, name: &Name) -> Option<&Peer> {
        if self.me.name == *name { Some(&self.me) } else { self.live.find(name) }
    }

    /// What [`View::digest`] is, without making a view.
    pub fn digest(&self) -> u64 {
        self.live.digest().wrapping_add(self.me.digest())
    }

    /// How many nodes are alive, this one included.
    pub fn size(&self) -> usize {
        self.live.len() + 1
    }

    /// Whether this node is part of a cluster, be it one of its own.
    pub fn is_joined(&self) -> bool {
        self.joined.is_some()
    }

    /// The node that has this node's name and thereby keeps this one out.
    pub fn name_clash(&self) -> Option<&Peer> {
        self.clash.as_ref().map(|clash| &clash.first)
    }

    /// The other live peers with what is known about them, sorted by name.
    pub fn peers(&self) -> Vec<PeerStatus> {
        let mut peers: Vec<PeerStatus> = self.live.iter().map(live::Known::status).collect();
        peers.sort_unstable_by(|one, other| one.peer.name.cmp(&other.peer.name));
        for suspect in self.suspicions.iter() {
            if let Ok(at) = peers.binary_search_by(|p| p.peer.name.cmp(&suspect.peer.name)) {
                peers[at].suspicion = Some(self.suspicion_of(suspect));
            }
        }
        peers
    }

    /// How much this node doubts itself, from 0 (not at all) to 8: its own probes fail, or it has to
    /// refute suspicions. Everything it waits for is given that many times more time.
    pub fn local_health(&self) -> u8 {
        self.outbox.health.score()
    }

    /// Whether the cluster has converged, as far as this node can tell: of the peers it heard from
    /// in the last ten seconds, and after its own view last changed, all see what it sees, and those
    /// are all the others, or at least eight.
    pub fn converged(&self, now: Instant) -> bool {
        let since = now.checked_sub(FRESH).map_or(self.changed_at, |at| at.max(self.changed_at));
        let lately = |known: &&live::Known| known.last_heard().is_some_and(|at| at >= since);
        let mine = Some(self.digest());
        let mut reports = self.live.iter().filter(lately);
        let enough = self.live.len().min(REPORTS);
        self.joined.is_some()
            && reports.clone().count() >= enough
            && reports.all(|known| known.view_digest() == mine)
    }

    /// The seeds, with what came of asking each.
    pub fn seeds(&self) -> &[SeedStatus] {
        self.seeds.statuses()
    }

    /// Why the seeds could not be resolved, if that failed the last time.
    pub fn resolution_error(&self) -> Option<&str> {
        self.seeds.resolution_error()
    }

    /// What happened since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many updates wait to be passed on.
    pub fn backlog(&self) -> usize {
        self.foca.updates_backlog()
    }

    fn begin(&mut self, now: Instant) {
        debug_assert!(self.outputs.is_empty(), "outputs are drained before the next input");
        self.outbox.now = now;
        self.outbox.digest = self.digest();
    }
}
