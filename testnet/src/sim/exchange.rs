//! Questions and answers over simulated TCP, whatever they are about.
//!
//! A question costs what it costs a real client: the handshake, the request and the answer each make
//! their way over the network, what is lost is sent again, and who waits gives up in the end. A new
//! kind of question is a new [`Errand`], with its two handlers in [`ask_core`] and [`tell_core`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use membership::{Admission, Answering, Knock, Question, Refusal, Reply, SyncFailure};
use node::cluster::seeds::Resolved;
use node::core::Core;
use ownership::audit::AUDIT_TIMEOUT;
use ownership::handover::{CLAIM_TIMEOUT, Failure};
use ownership::{ComponentId, Key};

use super::World;
use super::catalog::Shared;
use super::oracle::{Fact, Oracle};
use super::world::{DAWN, Event};

/// How long it takes a node to notice that nobody answers at an address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a node waits for the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a question is asked when it turns out to have been for another life of the one asked, as
/// real nodes do.
const ROUNDS: u32 = 3;

/// What a question is about, and who is to hear what comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// A state sync.
    Sync,
    /// A claim, or an offer, with the number that the asker knows it under.
    Claim(u64),
    /// A comparison, with the number that the asker knows it under.
    Audit(u64),
    /// What a deputy is to keep.
    Checkpoint,
}

impl Errand {
    /// What a question of this kind is bound to, so that it is none of another.
    fn path(self) -> &'static str {
        match self {
            Errand::Sync => "sync",
            Errand::Claim(_) => "claim",
            Errand::Audit(_) => "audit",
            Errand::Checkpoint => "checkpoint",
        }
    }
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
    /// A question that somebody has recorded, and sends again.
    Replayed { errand: Errand, body: Bytes },
    /// There are other keys in the file.
    Keys,
    /// What came of a knock.
    Knocked { life: u32, to: SocketAddr, knock: Knock },
    /// What a collector leaves that was told to stop.
    Sealed { life: u32, component: ComponentId, key: Key, last_tick: i64 },
    /// A collector has stopped a target.
    Stopped { life: u32, key: Key },
    /// What discovery has found.
    Found { life: u32, catalog: Shared },
    /// Collectors say how far they are.
    Beat { life: u32 },
    /// A node that leaves has waited for long enough.
    Drained { life: u32 },
    /// What a node that leaves collected has stopped.
    Farewell { life: u32 },
    /// What came of looking the seeds up.
    Seeds { life: u32, resolved: Resolved },
}

/// A question that is under way.
#[derive(Debug)]
struct Exchange {
    from: usize,
    to: SocketAddr,
    errand: Errand,
    /// What is asked, as it was before it was sealed.
    payload: Bytes,
    /// As it was asked the last time.
    question: Question,
    /// How often it was asked.
    rounds: u32,
    /// What seals the answer, when that comes later.
    answering: Option<Answering>,
}

/// A question that is to be acted upon, and what seals the answer.
struct Asked {
    payload: Bytes,
    answering: Answering,
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
        Errand::Checkpoint => {
            Some(core.handle_checkpoints(body, now).map(|()| Bytes::new()).map_err(refused))
        }
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
        (Errand::Claim(id), Err(failure)) => {
            let failure = match failure {
                SyncFailure::Refused(_) => Failure::Declined,
                SyncFailure::Unreachable(_) => Failure::Lost,
            };
            core.handle_claim_failure(id, failure, now);
        }
        (Errand::Audit(id), Ok(body)) => drop(core.handle_audit_reply(id, &body, clock, now)),
        (Errand::Audit(id), Err(_)) => core.handle_audit_failure(id, now),
        (Errand::Checkpoint, Ok(_)) => {}
        (Errand::Checkpoint, Err(_)) => core.handle_checkpoint_failure(to),
    }
}

impl<O: Oracle> World<O> {
    /// Sends a question from the node on `from` to whoever is at `to`.
    pub(super) fn ask(&mut self, from: usize, to: SocketAddr, errand: Errand, payload: Bytes) {
        let Some(channel) = &mut self.population.hosts[from].channel else { return };
        let question = channel.question(to);
        self.exchanges.last += 1;
        let id = self.exchanges.last;
        let exchange = Exchange { from, to, errand, payload, question, rounds: 0, answering: None };
        if self.pose(id, exchange) {
            let patience = match errand {
                Errand::Sync => ANSWER_TIMEOUT,
                Errand::Audit(_) => AUDIT_TIMEOUT,
                Errand::Claim(_) | Errand::Checkpoint => CLAIM_TIMEOUT,
            };
            self.schedule(patience, Event::GiveUp { exchange: id });
        }
    }

    /// Asks, or asks again; whether anybody is there.
    fn pose(&mut self, id: u64, exchange: Exchange) -> bool {
        let Exchange { from, to, errand, .. } = exchange;
        let body = exchange.question.seal(errand.path(), exchange.payload.clone());
        self.cost.questions += 1;
        self.streamed(from, errand, body.len());
        let rounds = exchange.rounds + 1;
        self.exchanges.open.insert(id, Exchange { rounds, ..exchange });
        let there = self.destination(from, to);
        if let Some(host) = there {
            self.record_question(host, errand, &body);
        }
        let there = there.filter(|host| self.population.hosts[*host].powered);
        let path = there.and_then(|host| Some((host, self.handshake(from, host)?)));
        match path {
            Some((host, after)) => {
                let delivery = Delivery::Question { exchange: id, body };
                self.schedule(after, Event::Deliver { host, delivery });
            }
            None => self.schedule(CONNECT_TIMEOUT, Event::GiveUp { exchange: id }),
        }
        path.is_some()
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
    pub(super) fn question(&mut self, host: usize, exchange: u64, body: &Bytes) {
        let Some(&Exchange { from, errand, .. }) = self.exchanges.open.get(&exchange) else {
            return;
        };
        if !self.population.runs(host) {
            if self.population.hosts[host].powered {
                let refused = SyncFailure::Unreachable("connection refused".to_owned());
                self.send_back(host, from, exchange, Err(refused));
            }
            return;
        }
        match self.hear(host, errand, body) {
            Ok(Ok(Asked { payload, answering })) => {
                // Kept before it is asked: a claim may be answered at once, by an output.
                if let Some(exchange) = self.exchanges.open.get_mut(&exchange) {
                    exchange.answering = Some(answering);
                }
                if let Some(outcome) = self.put(host, exchange, errand, &payload) {
                    self.answer(host, exchange, outcome);
                }
            }
            Ok(Err(introduction)) => self.send_back(host, from, exchange, Ok(introduction)),
            Err(refusal) => {
                let refused = SyncFailure::Refused(refusal.to_string());
                self.send_back(host, from, exchange, Err(refused));
            }
        }
    }

    /// The node on `host` has the answer to a question.
    pub(super) fn answer(&mut self, host: usize, exchange: u64, outcome: Outcome) {
        if let Some(Exchange { from, errand, answering: Some(answering), .. }) =
            self.exchanges.open.get(&exchange)
        {
            let outcome = outcome.map(|answer| answering.answer(errand.path(), answer));
            self.send_back(host, *from, exchange, outcome);
        }
    }

    /// A question that was recorded is at the node on `host` again. Whoever sends it waits for no answer.
    pub(super) fn replayed(&mut self, host: usize, errand: Errand, body: &Bytes) {
        if let Ok(Ok(asked)) = self.hear(host, errand, body) {
            self.put(host, u64::MAX, errand, &asked.payload);
        }
    }

    /// Opens a question at the node on `host`; `Ok(Err(_))` holds what to answer when it is for another life.
    fn hear(
        &mut self,
        host: usize,
        errand: Errand,
        body: &Bytes,
    ) -> Result<Result<Asked, Bytes>, Refusal> {
        let Some(channel) = &mut self.population.hosts[host].channel else {
            return Err(Refusal::Out);
        };
        let heard = channel.opener().hear(errand.path(), body.clone())?;
        let admission = channel.admit(&heard)?;
        let answering = channel.answer(&heard);
        if admission == Admission::Introduce {
            return Ok(Err(answering.introduce(errand.path())));
        }
        if !channel.keyring().is_empty() {
            self.tell(Fact::Accepted { host, message: body });
        }
        Ok(Ok(Asked { payload: heard.payload, answering }))
    }

    /// Puts a question to the core on `host`; nothing when the answer comes later.
    fn put(&mut self, host: usize, exchange: u64, errand: Errand, body: &[u8]) -> Option<Outcome> {
        let clock = self.clock_of(host);
        self.with_core(host, |core, now| ask_core(core, exchange, errand, body, (clock, now)))?
    }

    fn send_back(&mut self, host: usize, from: usize, exchange: u64, outcome: Outcome) {
        if let Ok(body) = &outcome
            && let Some(&Exchange { errand, .. }) = self.exchanges.open.get(&exchange)
        {
            self.streamed(host, errand, body.len());
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

    fn streamed(&mut self, host: usize, errand: Errand, length: usize) {
        self.cost.stream_bytes += length as u64;
        if errand == Errand::Sync {
            self.tell(Fact::Compared { host, length });
        }
    }

    fn reply(&mut self, exchange: u64, after: Duration, outcome: Outcome) {
        if let Some(&Exchange { from, .. }) = self.exchanges.open.get(&exchange) {
            let delivery = Delivery::Answer { exchange, outcome };
            self.schedule(after, Event::Deliver { host: from, delivery });
        }
    }

    /// What came of a question is at the machine of the one who asked.
    pub(super) fn answered(&mut self, id: u64, outcome: Outcome) {
        // It is closed with the first that comes of it: the answer, or the end of patience.
        let Some(exchange) = self.exchanges.open.remove(&id) else { return };
        let Exchange { from, to, errand, .. } = exchange;
        let Some(channel) = &mut self.population.hosts[from].channel else { return };
        let outcome = match outcome {
            Err(failure) => Err(failure),
            Ok(body) => {
                match exchange.question.open(&channel.opener(), errand.path(), body.to_vec()) {
                    Ok(Reply::Answer(answer)) => Ok(answer.into()),
                    Ok(Reply::Introduction(introduction)) if exchange.rounds < ROUNDS => {
                        channel.introduce(to, introduction);
                        let question = channel.question(to);
                        self.pose(id, Exchange { question, ..exchange });
                        return;
                    }
                    Ok(Reply::Introduction(_)) => {
                        let reason = "it has another life each time it is asked";
                        Err(SyncFailure::Refused(reason.to_owned()))
                    }
                    // What was claimed may be given all the same.
                    Err(refusal) if matches!(errand, Errand::Claim(_)) => {
                        Err(SyncFailure::Unreachable(refusal.to_string()))
                    }
                    Err(refusal) => Err(SyncFailure::Refused(refusal.to_string())),
                }
            }
        };
        let clock = self.clock_of(from);
        self.with_core(from, |core, now| tell_core(core, errand, to, outcome, (clock, now)));
    }

    /// The wall clock of a host in microseconds since the Unix epoch.
    pub(super) fn clock_of(&self, host: usize) -> i64 {
        let now = Duration::from_secs(DAWN) + self.now();
        let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        now.saturating_add(self.population.hosts[host].clock.saturating_mul(1000))
    }
}
