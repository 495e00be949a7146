//! Questions and answers over simulated TCP, whatever they are about.
//!
//! A question costs what it costs a real client: the handshake, the request and the answer each make
//! their way over the network, what is lost is sent again, and who waits gives up in the end. A new
//! kind of question is a new [`Errand`], with its two handlers in [`ask_core`] and [`tell_core`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use membership::{Knock, SyncFailure};
use node::core::Core;
use ownership::audit::AUDIT_TIMEOUT;
use ownership::handover::CLAIM_TIMEOUT;
use ownership::{ComponentId, Key};

use super::World;
use super::catalog::Shared;
use super::oracle::Oracle;
use super::world::{DAWN, Event};

/// How long it takes a node to notice that nobody answers at an address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a node waits for the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What a question is about, and who is to hear what comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// A state sync.
    Sync,
    /// A claim, or an offer, with the number that the asker knows it under.
    Claim(u64),
    /// A comparison, with the number that the asker knows it under.
    Audit(u64),
}

/// What comes of a question: the body of the answer, or why there is none.
pub type Outcome = Result<Bytes, SyncFailure>;

/// What reaches a process by other ways than gossip.
#[derive(Debug)]
pub(super) enum Delivery {
    /// A question.
    Question { exchange: u64, body: Bytes },
    /// What came of one.
    Answer { exchange: u64, outcome: Outcome },
    /// What came of a knock.
    Knocked { life: u32, to: SocketAddr, knock: Knock },
    /// What a collector leaves that was told to stop.
    Sealed { life: u32, component: ComponentId, key: Key, last_tick: i64 },
    /// A collector has stopped a target.
    Stopped { life: u32, key: Key },
    /// What discovery has found.
    Found { life: u32, catalog: Shared },
    /// A node that leaves has waited for long enough.
    Drained { life: u32 },
    /// What a node that leaves collected has stopped.
    Farewell { life: u32 },
    /// What the name server says.
    Seeds { life: u32, addresses: Result<Vec<SocketAddr>, String> },
}

/// A question that is under way.
#[derive(Debug, Clone, Copy)]
struct Exchange {
    from: usize,
    to: SocketAddr,
    errand: Errand,
}

/// All questions that are under way.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    open: BTreeMap<u64, Exchange>,
    last: u64,
}

impl Exchanges {
    /// The node on `from` is no more: nobody waits for what it asked.
    pub(super) fn forget(&mut self, from: usize) {
        self.open.retain(|_, exchange| exchange.from != from);
    }
}

/// Lets `core` answer a question; nothing when the answer comes later.
fn ask_core(
    core: &mut Core,
    exchange: u64,
    errand: Errand,
    body: &[u8],
    (clock, now): (i64, Instant),
) -> Option<Outcome> {
    fn refused(refusal: impl ToString) -> SyncFailure {
        SyncFailure::Refused(refusal.to_string())
    }
    match errand {
        Errand::Sync => Some(core.handle_sync(body, now).map_err(refused)),
        Errand::Claim(_) => core.handle_claim(exchange, body, now).err().map(|e| Err(refused(e))),
        Errand::Audit(_) => Some(core.handle_audit(body, clock).map_err(refused)),
    }
}

/// Tells `core` what came of its question.
fn tell_core(
    core: &mut Core,
    errand: Errand,
    to: SocketAddr,
    outcome: Outcome,
    (clock, now): (i64, Instant),
) {
    match (errand, outcome) {
        // Refusals are counted by the core, and expected in a world of faults.
        (Errand::Sync, Ok(body)) => drop(core.handle_sync_reply(to, &body, now)),
        (Errand::Sync, Err(failure)) => core.handle_sync_failure(to, failure, now),
        (Errand::Claim(id), Ok(body)) => drop(core.handle_claim_reply(id, &body, now)),
        (Errand::Claim(id), Err(_)) => core.handle_claim_failure(id, now),
        (Errand::Audit(id), Ok(body)) => drop(core.handle_audit_reply(id, &body, clock, now)),
        (Errand::Audit(id), Err(_)) => core.handle_audit_failure(id, now),
    }
}

impl<O: Oracle> World<O> {
    /// Sends a question from the node on `from` to whoever is at `to`.
    pub(super) fn ask(&mut self, from: usize, to: SocketAddr, errand: Errand, body: Bytes) {
        self.cost.questions += 1;
        self.cost.stream_bytes += body.len() as u64;
        self.exchanges.last += 1;
        let exchange = self.exchanges.last;
        self.exchanges.open.insert(exchange, Exchange { from, to, errand });
        let there = self.destination(from, to).filter(|host| self.population.hosts[*host].powered);
        let path = there.and_then(|host| Some((host, self.handshake(from, host)?)));
        match path {
            Some((host, after)) => {
                let question =
                    Event::Deliver { host, delivery: Delivery::Question { exchange, body } };
                self.schedule(after, question);
                let patience = match errand {
                    Errand::Sync => ANSWER_TIMEOUT,
                    Errand::Audit(_) => AUDIT_TIMEOUT,
                    Errand::Claim(_) => CLAIM_TIMEOUT,
                };
                self.schedule(patience, Event::GiveUp { exchange });
            }
            None => self.schedule(CONNECT_TIMEOUT, Event::GiveUp { exchange }),
        }
    }

    /// Tries to open a connection from `from` to `to`. The machine takes it, or refuses it, whatever
    /// its process does at that moment.
    pub(super) fn knock(&mut self, from: usize, to: SocketAddr) {
        let life = self.population.hosts[from].life;
        let there = self.destination(from, to).filter(|host| self.population.hosts[*host].powered);
        let round_trip = there.and_then(|host| {
            let there = self.network.message(from, host, true, &mut self.rng)?;
            Some(there + self.network.message(host, from, true, &mut self.rng)?)
        });
        let (knock, after) = match (there, round_trip) {
            (Some(host), Some(after)) if after <= CONNECT_TIMEOUT => {
                let runs = self.population.runs(host);
                (if runs { Knock::Accepted } else { Knock::Refused }, after)
            }
            _ => (Knock::Silence, CONNECT_TIMEOUT),
        };
        let delivery = Delivery::Knocked { life, to, knock };
        self.schedule(after, Event::Deliver { host: from, delivery });
    }

    /// How long until a request has arrived, the handshake included; `None` when nobody answers in
    /// time.
    fn handshake(&mut self, from: usize, host: usize) -> Option<Duration> {
        let there = self.network.message(from, host, true, &mut self.rng)?;
        let back = self.network.message(host, from, true, &mut self.rng)?;
        let connected = there + back;
        if connected > CONNECT_TIMEOUT {
            return None;
        }
        Some(connected + self.network.message(from, host, false, &mut self.rng)?)
    }

    /// A question is at the machine `host`; its process answers, if there is one.
    pub(super) fn question(&mut self, host: usize, exchange: u64, body: &[u8]) {
        let Some(&Exchange { from, errand, .. }) = self.exchanges.open.get(&exchange) else {
            return;
        };
        let clock = self.clock_of(host);
        let answer =
            self.with_core(host, |core, now| ask_core(core, exchange, errand, body, (clock, now)));
        let outcome = match answer {
            Some(Some(outcome)) => outcome,
            Some(None) => return,
            None if !self.population.hosts[host].powered => return,
            None => Err(SyncFailure::Unreachable("connection refused".to_owned())),
        };
        self.send_back(host, from, exchange, outcome);
    }

    /// The node on `host` has the answer to a claim.
    pub(super) fn claim_answered(&mut self, host: usize, exchange: u64, body: Bytes) {
        if let Some(&Exchange { from, .. }) = self.exchanges.open.get(&exchange) {
            self.send_back(host, from, exchange, Ok(body));
        }
    }

    fn send_back(&mut self, host: usize, from: usize, exchange: u64, outcome: Outcome) {
        if let Ok(body) = &outcome {
            self.cost.stream_bytes += body.len() as u64;
        }
        if let Some(after) = self.network.message(host, from, false, &mut self.rng) {
            self.reply(exchange, after, outcome);
        }
    }

    /// Whoever asked has waited long enough, unless there was an answer.
    pub(super) fn give_up(&mut self, exchange: u64) {
        let failure = SyncFailure::Unreachable("timed out".to_owned());
        self.reply(exchange, Duration::ZERO, Err(failure));
    }

    fn reply(&mut self, exchange: u64, after: Duration, outcome: Outcome) {
        if let Some(&Exchange { from, .. }) = self.exchanges.open.get(&exchange) {
            let delivery = Delivery::Answer { exchange, outcome };
            self.schedule(after, Event::Deliver { host: from, delivery });
        }
    }

    /// What came of a question is at the machine of the one who asked.
    pub(super) fn answered(&mut self, exchange: u64, outcome: Outcome) {
        // It is closed with the first that comes of it: the answer, or the end of patience.
        if let Some(Exchange { from, to, errand }) = self.exchanges.open.remove(&exchange) {
            let clock = self.clock_of(from);
            self.with_core(from, |core, now| tell_core(core, errand, to, outcome, (clock, now)));
        }
    }

    /// The wall clock of a host in microseconds since the Unix epoch.
    pub(super) fn clock_of(&self, host: usize) -> i64 {
        let now = Duration::from_secs(DAWN) + self.now();
        let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        now.saturating_add(self.population.hosts[host].clock.saturating_mul(1000))
    }
}
