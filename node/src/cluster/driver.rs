//! The event loop: sockets, timers and questions into the core, and out of it what it wants done.
//!
//! One task does it all, on a thread of its own, so that no amount of other work makes the node
//! late. When it was late all the same, it reads what arrived meanwhile before it lets a timer
//! conclude that nothing did.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use membership::{Knock, SyncFailure};
use ownership::handover::Standing;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::check::{Awaited, Check};
use super::datagrams::{Datagrams, Icmp};
use super::exchange::{PeerAccess, PeerError};
use super::generation::Generation;
use super::measure::Measures;
use super::question::{ClaimAnswer, Question};
use super::refusals::Refusals;
use super::seeds::Resolved;
use super::state::{self, ClusterState, ComponentShare};
use super::subscribers::Subscribers;
use super::{SYNC_PATH, log};
use crate::core::{Core, Output};

mod answer;
mod audit;
mod checkpoints;
mod finding;
mod moves;
#[cfg(test)]
mod tests;

pub(super) use audit::Audits;
pub use checkpoints::EVERY as CHECKPOINTS_EVERY;
pub(super) use checkpoints::Rhythm;
pub(super) use finding::Finding;
pub(super) use moves::{Sealed, Stops};

/// Datagrams that are read before timers and questions have their turn.
const DATAGRAMS_PER_TURN: usize = 256;

/// ICMP messages that are read before timers and questions have their turn: a node that dies causes
/// one for each datagram that was on its way to it, and a forger as many as he likes.
const ICMP_PER_TURN: usize = 64;

/// Questions that are answered before the socket has its turn.
const QUESTIONS_PER_TURN: usize = 64;

/// How long a state sync may take in all.
const SYNC_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a knock may take: within it, a lost handshake packet is not sent again.
const KNOCK_TIMEOUT: Duration = Duration::from_millis(900);

/// How often shares are counted at most: it costs a look at every key.
const SHARES_INTERVAL: Duration = Duration::from_secs(1);

/// The same while a node that just joined takes over what it owns, and others wait for that.
const SHARES_INTERVAL_AT_FIRST: Duration = Duration::from_millis(50);

/// How often this node's view is compared with those of its peers: it costs a look at every peer.
const CONVERGED_INTERVAL: Duration = Duration::from_millis(500);

/// Everything the loop holds.
pub(super) struct Driver {
    pub(super) core: Core,
    /// None when clustering is disabled.
    pub(super) socket: Option<Datagrams>,
    pub(super) questions: mpsc::Receiver<Question>,
    pub(super) wake: Arc<Notify>,
    pub(super) subscribers: Subscribers,
    pub(super) published: watch::Sender<Arc<ClusterState>>,
    pub(super) measures: Arc<Measures>,
    pub(super) finding: Finding,
    pub(super) peers: Arc<PeerAccess>,
    pub(super) generation: Generation,
    pub(super) cluster_name: String,
    pub(super) started: Instant,
    /// Syncs and resolutions under way; each is bounded in time, and the core bounds their number.
    pub(super) errands: JoinSet<Errand>,
    /// Seals that collectors were asked for.
    pub(super) seals: JoinSet<Sealed>,
    /// Which of them count.
    pub(super) stops: Stops,
    /// Who waits for the answer to a claim, by the number that the core knows it under. The core
    /// bounds their number.
    pub(super) claims: BTreeMap<u64, oneshot::Sender<ClaimAnswer>>,
    pub(super) claim_id: u64,
    pub(super) rhythm: Rhythm,
    pub(super) shares: Shares,
    pub(super) refusals: Refusals,
    /// Whoever waits for others to take what this node collects.
    pub(super) draining: Vec<oneshot::Sender<()>>,
    /// Whoever waits for the farewell.
    pub(super) departing: Vec<oneshot::Sender<()>>,
    /// Whether the farewell is said.
    pub(super) departed: bool,
    /// Datagrams of checks that somebody waits for.
    pub(super) awaited: Awaited,
    /// When this node's view was last compared with those of its peers.
    pub(super) compared: Option<Instant>,
    /// What the audit found, as far as it is published.
    pub(super) audited: Audits,
    /// Whether the state may differ from what is published.
    pub(super) unpublished: bool,
}

/// What comes back from the world.
pub(super) enum Errand {
    Synced { to: SocketAddr, result: Result<Vec<u8>, PeerError> },
    Resolved(Resolved),
    Remembered(std::io::Result<()>),
    Claimed { to: SocketAddr, id: u64, result: Result<Vec<u8>, PeerError> },
    Checkpointed { to: SocketAddr, result: Result<(), PeerError> },
    Saved(std::io::Result<()>),
    Knocked { to: SocketAddr, knock: Knock },
    Audited(audit::Audited),
}

/// Counts that are allowed to lag behind.
pub(super) struct Shares {
    pub(super) counted: BTreeMap<String, ComponentShare>,
    pub(super) at: Option<Instant>,
    pub(super) stale: bool,
    /// Whether this node collected all that it owned at some time since it takes part. Once is
    /// enough: what changes hands later is in somebody's hands all the time.
    pub(super) settled: bool,
}

impl Default for Shares {
    fn default() -> Self {
        Self { counted: BTreeMap::new(), at: None, stale: true, settled: false }
    }
}

impl Shares {
    /// When they are to be counted again.
    fn due(&self) -> Option<Instant> {
        let interval = if self.settled { SHARES_INTERVAL } else { SHARES_INTERVAL_AT_FIRST };
        self.stale.then(|| self.at.map_or_else(Instant::now, |at| at + interval))
    }

    /// Compares what this node owns with what it collects.
    fn settle(&mut self, core: &Core) {
        let takes_part = core.me().state == membership::State::Participant;
        self.settled = takes_part && (self.settled || core.collects_its_own());
        // What is not settled yet is looked at again, also if nothing says that it changed.
        self.stale |= takes_part && !self.settled;
    }
}

impl Driver {
    /// Runs until the farewell is said, or until nobody holds a handle any more.
    pub(super) async fn run(mut self) {
        loop {
            let more = self.turn();
            if self.departed {
                break;
            }
            if more {
                // The socket is always ready while a flood lasts, and a loop that never waits
                // would keep errands from running: they live on the same thread.
                tokio::task::yield_now().await;
            }
            let due = self.core.poll_timeout().into_iter().chain(self.shares.due());
            let due = due.chain([self.rhythm.due()]).min();
            tokio::select! {
                () = ready(self.socket.as_ref()) => {}
                () = sleep_until(due) => {}
                () = self.wake.notified() => {}
                Some(errand) = self.errands.join_next() => self.finish(errand),
                Some(sealed) = self.seals.join_next() => self.sealed(sealed),
                question = self.questions.recv() => match question {
                    Some(question) => self.answer(question),
                    None => break,
                },
            }
        }
        self.publish();
        self.remember_for_good();
        self.save_for_good();
        self.departing.drain(..).for_each(|done| {
            // Who asked may have given up waiting.
            let _ = done.send(());
        });
    }

    /// Handles what there is, without waiting. Whether there may be more at the socket.
    fn turn(&mut self) -> bool {
        let datagrams = self.receive();
        let messages = self.hear_of_the_unreachable();
        let more = datagrams || messages;
        let now = Instant::now();
        if let Some(due) = self.core.poll_timeout()
            && due <= now
        {
            self.measures.late(now - due, now);
            self.core.handle_timeout(now);
            self.act();
        }
        for (component, key, first) in self.subscribers.take_first_ticks() {
            self.core.note_first_tick(component, key, first.tick, first.at);
        }
        for _ in 0..QUESTIONS_PER_TURN {
            match self.questions.try_recv() {
                Ok(question) => self.answer(question),
                Err(_) => break,
            }
        }
        self.hear_components();
        self.act();
        self.remember();
        self.subscribers.flush();
        self.keep_rhythm();
        self.measures.backlog(self.subscribers.backlog());
        if self.subscribers.backlog() == 0 {
            self.measures.told(Instant::now());
        }
        self.measures.handover(self.core.handover());
        if let Some(swim) = self.core.swim() {
            self.measures.swim(swim);
            if self.compared.is_none_or(|at| now >= at + CONVERGED_INTERVAL) {
                self.compared = Some(now);
                self.measures.converged(swim.converged(now));
                self.publish_audit(now);
            }
        }
        if self.shares.due().is_some_and(|due| due <= Instant::now()) {
            self.count_shares();
        }
        // Once for all that happened in this turn: in a burst of joins that is a lot.
        if self.unpublished {
            self.publish();
        }
        // Whoever hears of it finds in the state who was there until then.
        self.tell_drained();
        more
    }

    /// Reads datagrams until there is none, or others want their turn: whether that was the reason.
    fn receive(&mut self) -> bool {
        // One byte more than is allowed, so that what is too long is seen to be.
        let mut buffer = [0; membership::DATAGRAM_MAX + 1];
        for _ in 0..DATAGRAMS_PER_TURN {
            let Some(socket) = &self.socket else { return false };
            let (length, from) = match socket.receive(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
                Err(error) => {
                    self.measures.receive_failed();
                    debug!(%error, "cannot receive a datagram");
                    return false;
                }
            };
            self.measures.received(length);
            match self.awaited.take(&buffer[..length], from) {
                Check::Other => {}
                Check::Known => continue,
                Check::Strange => {
                    debug!(source = %from.ip(), "nobody waits for a datagram of the self-test");
                    self.measures.refused_check();
                    continue;
                }
            }
            if let Err(refusal) = self.core.handle_datagram(&buffer[..length], Instant::now()) {
                self.refusals.note(from.ip(), "a datagram", &refusal, Instant::now());
            }
            // Outputs are drained before the next input.
            self.act();
        }
        true
    }

    /// Hands to the core where nobody listens, by what ICMP says. It knocks there to find out. Whether
    /// there may be more messages.
    fn hear_of_the_unreachable(&mut self) -> bool {
        for _ in 0..ICMP_PER_TURN {
            let Some(message) = self.socket.as_ref().and_then(Datagrams::icmp) else {
                return false;
            };
            self.measures.icmp(message);
            if let Icmp::PortUnreachable(to) = message {
                self.core.handle_unreachable(to, Instant::now());
                self.act();
            }
        }
        true
    }

    /// Hands what components announce to the core.
    fn hear_components(&mut self) {
        for news in self.subscribers.news() {
            self.audited.note_pace(&news.component, news.pace);
            self.core.set_busy(&news.component, news.busy);
            self.core.set_keys(&news.component, news.keys, Instant::now());
            self.shares.stale = true;
            self.act();
        }
    }

    /// Does what the core wants done.
    fn act(&mut self) {
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Transmit { to, datagram } => self.transmit(to, &datagram),
                Output::Sync { to, body } => self.sync(to, body),
                Output::Knock { to } => self.knock(to),
                Output::Resolve => self.resolve(),
                Output::Event(event) => {
                    log::event(&event);
                    self.measures.event(&event);
                    self.finding.hear(&event);
                    if let membership::Event::Me { to, .. } = &event
                        && let Err(error) = self.generation.raise(to.generation)
                    {
                        warn!(
                            error = &error as &dyn std::error::Error,
                            "cannot keep the generation"
                        );
                    }
                    self.unpublished = true;
                }
                Output::Gate { open } => {
                    log::gate(open, self.core.gate());
                    self.measures.changed(Instant::now());
                    self.shares.stale = true;
                    self.unpublished = true;
                }
                Output::View => {
                    self.measures.changed(Instant::now());
                    self.shares.stale = true;
                    self.unpublished = true;
                }
                Output::Start { component, key, seal, overlap, from } => {
                    self.start(&component, key, seal, overlap, from);
                }
                Output::Stop { component, key, reason, seal } => {
                    self.stop(component, key, reason, seal);
                }
                Output::Claim { to, id, body } => self.claim(to, id, body),
                Output::ClaimReply { id, body } => self.reply(id, body),
                Output::Checkpoint { to, body } => self.send_checkpoint(to, body),
                Output::Audit { to, id, body } => self.audit(to, id, body),
                Output::Departed => self.departed = true,
            }
        }
        self.measures.checkpoints_kept(self.core.checkpoints());
    }

    fn transmit(&self, to: SocketAddr, datagram: &[u8]) {
        let Some(socket) = &self.socket else { return };
        match socket.send(datagram, to) {
            Ok(length) => self.measures.sent(length),
            Err(error) => {
                self.measures.send_failed();
                debug!(%to, %error, "cannot send a datagram");
            }
        }
    }

    fn sync(&mut self, to: SocketAddr, body: Bytes) {
        let peers = Arc::clone(&self.peers);
        self.errands.spawn(async move {
            let limit = membership::SYNC_MAX;
            let result = peers.post(to, SYNC_PATH, body, limit, SYNC_TIMEOUT).await;
            Errand::Synced { to, result }
        });
    }

    fn knock(&mut self, to: SocketAddr) {
        self.errands.spawn(async move {
            let connection = tokio::time::timeout(KNOCK_TIMEOUT, TcpStream::connect(to)).await;
            let knock = match connection {
                Ok(Ok(_)) => Knock::Accepted,
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    Knock::Refused
                }
                Ok(Err(_)) | Err(_) => Knock::Silence,
            };
            Errand::Knocked { to, knock }
        });
    }

    fn finish(&mut self, errand: Result<Errand, tokio::task::JoinError>) {
        let now = Instant::now();
        match errand {
            Ok(Errand::Synced { to, result: Ok(body) }) => {
                if let Err(refusal) = self.core.handle_sync_reply(to, &body, now) {
                    warn!(peer = %to, reason = %refusal, "the answer to a state sync was refused");
                }
            }
            Ok(Errand::Synced { to, result: Err(error) }) => {
                debug!(peer = %to, %error, "state sync failed");
                let failure = match error {
                    PeerError::Unreachable(reason) => SyncFailure::Unreachable(reason),
                    PeerError::Refused(reason) | PeerError::Declined(reason) => {
                        // A seed is tried again and again, and mostly says the same.
                        if !self.refused_before(to, &reason) {
                            warn!(peer = %to, %reason, "a peer refused the state sync");
                        }
                        SyncFailure::Refused(reason)
                    }
                };
                self.core.handle_sync_failure(to, failure, now);
            }
            Ok(Errand::Knocked { to, knock }) => {
                debug!(peer = %to, ?knock, "knocked at a silent peer");
                self.core.handle_knock(to, knock, now);
            }
            Ok(Errand::Resolved(resolved)) => self.resolved(resolved, now),
            Ok(Errand::Remembered(written)) => self.remembered(written),
            Ok(Errand::Claimed { to, id, result }) => self.claimed(to, id, result),
            Ok(Errand::Checkpointed { result: Ok(()), .. }) => return,
            Ok(Errand::Checkpointed { to, result: Err(error) }) => {
                self.unanswered(to, &error, now);
                self.core.handle_checkpoint_failure(to);
            }
            Ok(Errand::Saved(written)) => self.saved(written),
            Ok(Errand::Audited(audited)) => self.audited(audited),
            Err(error) => self.lost(&error, now),
        }
        self.act();
        // What came of asking a seed is part of the state, and no output says that it changed.
        self.unpublished = true;
    }

    /// An errand panicked. What is done by one at a time is done again.
    fn lost(&mut self, error: &tokio::task::JoinError, now: Instant) {
        warn!(%error, "an errand of the cluster failed");
        self.lost_by_finding(error, now);
        self.lost_by_rhythm(error);
    }

    /// A connection to a peer was refused or reset, or nobody answered: a process that is gone is known
    /// to be sooner than a probe would find out. Whether it is gone a knock tells: one that lives may
    /// have closed a connection for reasons of its own.
    pub(super) fn unanswered(&mut self, to: SocketAddr, error: &PeerError, now: Instant) {
        if let PeerError::Unreachable(_) = error {
            self.core.handle_unreachable(to, now);
            self.act();
        }
    }

    fn count_shares(&mut self) {
        self.shares.counted = state::shares(&self.core);
        let standings = self.core.handover().standings();
        let yielding = |standing: &Standing| matches!(standing, Standing::Yielding { .. });
        self.measures.yielding(standings.filter(|(_, _, standing)| yielding(standing)).count());
        self.shares.at = Some(Instant::now());
        self.shares.stale = false;
        self.shares.settle(&self.core);
        self.unpublished = true;
    }

    pub(super) fn publish(&mut self) {
        self.unpublished = false;
        let beside = state::Beside {
            cluster_name: &self.cluster_name,
            components: self.shares.counted.clone(),
            started: self.started,
            collecting: self.shares.settled,
            lookups: &self.finding.lookups,
            out_of_reach: &self.finding.out_of_reach,
            reach: self.finding.reach,
            lost: self.finding.missing(),
        };
        let state = state::of(&mut self.core, beside);
        self.finding.compare(&state);
        self.published.send_if_modified(|published| {
            let differs = **published != state;
            if differs {
                *published = Arc::new(state);
            }
            differs
        });
    }
}

async fn ready(socket: Option<&Datagrams>) {
    match socket {
        Some(socket) => socket.ready().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
