//! Gates and what is learned about them: when to ask the other nodes, and when to wait no longer.
//!
//! Nothing is asked while no gate is reached, so in the steady state this costs nothing; with a
//! backend that answers, a gate is opened by the first answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{info, warn};

use super::Destination;
use crate::log::{Gate, Log, MARGIN_MS, Oldest, Verdict};
use crate::peers::{Pending, Question};
use crate::sender::now_ms;

/// What the previous owner had on the way to its log when it stopped is there after this time.
const SETTLE: Duration = Duration::from_millis(200);
/// How often the same is asked while the answer is to wait.
const ASK_AGAIN: Duration = Duration::from_millis(400);
/// How long a gate holds while the backend takes what this node sends, or what the node sends that
/// is waited for. It is far longer than an owner that gets through needs, and it bounds what a
/// node costs that lives and never delivers. While the backend is away no time passes.
const HOLD_AT_MOST: Duration = Duration::from_secs(600);
/// How long a gate holds without an answer from a node that the cluster believes to live.
const SILENCE_AT_MOST: Duration = Duration::from_secs(60);
/// An origin that does not live may be handing its frames over in this moment; so it has to be
/// missing twice.
const GONE_TWICE: u32 = 2;

/// Missing nodes that are minded at a start. One of a few that were stopped together is what happens; of a
/// whole cluster that lost its power every node would ask every other about all.
const MINDED: usize = 16;

/// A gate, by the instance of its log and its sequence.
pub(super) type GateId = (u128, u64);

/// What is under way about gates.
#[derive(Debug, Default)]
pub(super) struct Holds {
    watches: BTreeMap<GateId, Watch>,
    asking: JoinSet<Answered>,
}

#[derive(Debug)]
pub(super) struct Answered {
    gate: GateId,
    epoch: u64,
    pending: Pending,
}

#[derive(Debug)]
struct Watch {
    due: Instant,
    asking: bool,
    /// Answers to questions of an earlier epoch do not count.
    epoch: u64,
    answered: Instant,
    /// How long it has held while the backend was there.
    held: Duration,
    holding: bool,
    passes: bool,
    gone: u32,
}

impl Watch {
    /// Asks once `settled` is over.
    fn new(now: Instant, settled: Duration) -> Self {
        Self {
            due: now + settled,
            asking: false,
            epoch: 0,
            answered: now,
            held: Duration::ZERO,
            holding: false,
            passes: false,
            gone: 0,
        }
    }
}

impl Holds {
    /// When something has to be asked; `None` when nothing has.
    pub(super) fn due(&self) -> Option<Instant> {
        self.watches.values().filter(|watch| !watch.asking).map(|watch| watch.due).min()
    }

    /// The next answer; never when nothing was asked.
    pub(super) async fn answered(&mut self) -> Option<Answered> {
        loop {
            match self.asking.join_next().await {
                Some(Ok(answered)) => return Some(answered),
                // Only a panic in there could: the question is asked again.
                Some(Err(_)) => {
                    self.watches.values_mut().for_each(|watch| watch.asking = false);
                    return None;
                }
                None => std::future::pending().await,
            }
        }
    }

    /// Whether something is asked about a gate, or has been.
    fn is_watched(&self, gate: GateId) -> bool {
        self.watches.contains_key(&gate)
    }

    /// Something more has come to stand behind a gate: answers from before do not count.
    fn renew(&mut self, gate: GateId, now: Instant) {
        if let Some(watch) = self.watches.get_mut(&gate) {
            watch.epoch += 1;
            watch.due = now + SETTLE;
        }
    }
}

/// How long what a gate waits for may still be on its way to the log of the previous owner. A gate
/// that was long behind other frames has had that time.
fn settles_in(gate: &Gate) -> Duration {
    let age = now_ms().saturating_sub(gate.until.saturating_sub(MARGIN_MS));
    SETTLE.saturating_sub(Duration::from_millis(age.max(0).unsigned_abs()))
}

impl Destination {
    /// Whether something waits for other nodes.
    pub(super) fn is_held_back(&self) -> bool {
        self.holds.watches.values().any(|watch| !watch.passes)
    }

    /// Has everything from now on wait for what `origin` has not delivered. Where that one was not asked
    /// because it has failed (`overlap`), and does not live, nothing waits until it is found to live
    /// after all: it hands nothing over, and what this node has collected all along must not be late.
    /// On the other side of a broken network the failed may be alive, and store newer samples of that.
    pub(super) fn depend(&mut self, origin: &str, until: i64, overlap: bool) {
        let Some(neighbours) = &self.neighbours else { return };
        if *neighbours.node == *origin {
            return;
        }
        let failed = overlap && !neighbours.peers.lives(origin);
        // No frame may hold something from before the gate and something from behind it.
        self.seal();
        let Some(sequence) = self.own.depend(origin, until, failed, now_ms()) else { return };
        let gate = (self.own.instance(), sequence);
        if !failed {
            self.holds.renew(gate, Instant::now());
        } else if !self.holds.is_watched(gate) {
            self.judge(gate, Verdict::Pass);
        }
    }

    /// Has what is collected from the start on wait for what the nodes have not delivered that are missing
    /// then, should they be found to live before it is sent. There was nobody to ask who collected it
    /// last, and it may have been one of these; with what this node itself gave it when it left.
    pub(super) fn mind_missing(&mut self) {
        if self.minds_missing {
            return;
        }
        let missing = self.neighbours.as_ref().map(|neighbours| neighbours.peers.missing());
        let Some(Some(missing)) = missing else { return };
        self.minds_missing = true;
        for origin in missing.iter().take(MINDED) {
            self.depend(origin, now_ms(), true);
        }
    }

    /// Closes the gates that pass unasked whose origin is found to live: what it has not delivered
    /// goes first after all. This has to be done before anything is sent, since nobody asks about
    /// such a gate while something older is in the way.
    pub(super) fn close_to_the_living(&mut self) {
        let Some(neighbours) = &self.neighbours else { return };
        let instance = self.own.instance();
        let living: Vec<u64> = self
            .own
            .passing_gates()
            .filter(|gate| !self.holds.is_watched((instance, gate.sequence)))
            .filter(|gate| neighbours.peers.lives(&gate.origin))
            .map(|gate| gate.sequence)
            .collect();
        for sequence in living {
            self.judge((instance, sequence), Verdict::Hold);
        }
    }

    /// Asks about the gates that have been reached.
    pub(super) fn look_at_gates(&mut self) {
        let has_gates = self.own.has_gates() || self.adopted.iter().any(|a| a.log.has_gates());
        if !has_gates && self.holds.watches.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut reached: BTreeMap<GateId, Gate> = BTreeMap::new();
        for log in self.logs() {
            let gates = log.reached_gates().into_iter();
            reached.extend(gates.map(|gate| ((log.instance(), gate.sequence), gate)));
        }
        self.holds.watches.retain(|id, _| reached.contains_key(id));
        for (id, gate) in reached {
            let watch =
                self.holds.watches.entry(id).or_insert_with(|| Watch::new(now, settles_in(&gate)));
            if watch.asking || watch.due > now {
                continue;
            }
            watch.asking = true;
            let epoch = watch.epoch;
            let local = self.pending_here(&gate, id.0);
            let Some(neighbours) = self.neighbours.clone() else {
                self.take_answer(Answered { gate: id, epoch, pending: Pending::None });
                continue;
            };
            if let Some(pending) = local {
                self.take_answer(Answered { gate: id, epoch, pending });
                continue;
            }
            self.holds.asking.spawn(async move {
                let destination = Arc::clone(&neighbours.destination);
                let question = Question { destination, origin: gate.origin };
                let pending = neighbours.peers.pending(question).await;
                Answered { gate: id, epoch, pending }
            });
        }
        let held = self.holds.watches.values().filter(|watch| watch.holding).count();
        self.telemetry.held_back.set(i64::try_from(held).unwrap_or(i64::MAX));
    }

    /// What this node itself has of what a gate of one of its logs waits for.
    fn pending_here(&mut self, gate: &Gate, of: u128) -> Option<Pending> {
        let accepting = self.sender.accepting().unwrap_or(true);
        let node = self.neighbours.as_ref().map(|neighbours| Arc::clone(&neighbours.node));
        let open = self.open_since().filter(|_| node.as_ref() == Some(&gate.origin));
        let mut oldest = Oldest { stamp_ms: open, passes: false };
        let own = (node.as_ref() == Some(&gate.origin)).then_some(&mut self.own);
        let adopted = self.adopted.iter_mut().filter(|adopted| adopted.origin == gate.origin);
        for log in own.into_iter().chain(adopted.map(|adopted| &mut adopted.log)) {
            if log.instance() != of {
                // What cannot be read cannot be sent either: it is not waited for.
                oldest = oldest.and(log.oldest_pending().unwrap_or_default());
            }
        }
        match oldest.stamp_ms {
            Some(oldest_ms) if oldest_ms <= gate.until => {
                Some(Pending::Since { oldest_ms, accepting })
            }
            _ if oldest.passes => Some(Pending::Gone),
            _ => None,
        }
    }

    /// Acts on what the other nodes said about a gate.
    pub(super) fn take_answer(&mut self, answered: Answered) {
        let now = Instant::now();
        let Answered { gate: id, epoch, pending } = answered;
        let gate = self.logs().find(|log| log.instance() == id.0);
        let gate =
            gate.and_then(|log| log.reached_gates().into_iter().find(|g| g.sequence == id.1));
        let own_accepting = self.sender.accepting();
        let needless = self.is_needless(id, pending);
        let (Some(gate), Some(watch)) = (gate, self.holds.watches.get_mut(&id)) else { return };
        watch.asking = false;
        if watch.epoch != epoch {
            return;
        }
        watch.due = now + ASK_AGAIN.mul_f64(rand::random_range(0.75..1.25));
        let since = now.duration_since(watch.answered);
        watch.gone = if pending == Pending::Gone { watch.gone + 1 } else { 0 };
        let verdict = match pending {
            Pending::Unknown if since < SILENCE_AT_MOST => return,
            Pending::Unknown => Verdict::Pass,
            Pending::Gone if watch.gone < GONE_TWICE => return,
            Pending::Gone => Verdict::Pass,
            Pending::Since { oldest_ms, accepting } if oldest_ms <= gate.until => {
                if own_accepting.unwrap_or(accepting) {
                    watch.held += since.min(2 * ASK_AGAIN);
                }
                if watch.held < HOLD_AT_MOST { Verdict::Hold } else { Verdict::Clear }
            }
            // Done with once something from behind it is delivered, and not before: what a node that
            // left has given to another that failed since comes back with that one.
            Pending::None | Pending::Since { .. } => Verdict::Pass,
        };
        let needless = needless && verdict == Verdict::Pass;
        let verdict = if needless { Verdict::Clear } else { verdict };
        watch.passes = verdict != Verdict::Hold;
        watch.answered = now;
        let (held, began) = (watch.held, verdict == Verdict::Hold && !watch.holding);
        watch.holding = verdict == Verdict::Hold;
        let (endpoint, origin) = (self.config.name.as_str(), &*gate.origin);
        if began {
            self.telemetry.holds.add(1);
            info!(endpoint, origin, "waits until older samples of another node are delivered");
        }
        if verdict == Verdict::Clear && held >= HOLD_AT_MOST {
            self.telemetry.holds_expired.add(1);
            warn!(endpoint, origin, ?held, "waits no longer for the older samples of another node");
        }
        self.judge(id, verdict);
    }

    /// Whether a gate that would pass can go: there is nothing behind it, and no other series waits by
    /// way of it for a node that may come back before the backend does.
    fn is_needless(&self, (log, _): GateId, pending: Pending) -> bool {
        let mut logs = self.logs().filter(|held| held.instance() == log);
        let to_come = log == self.own.instance() && !self.writer.is_empty();
        let may_come_back = pending == Pending::Gone && self.sender.accepting() == Some(false);
        logs.all(Log::is_empty) && !to_come && !may_come_back
    }

    fn judge(&mut self, (log, sequence): GateId, verdict: Verdict) {
        let Some(judged) = self.log_mut(log) else { return };
        let recalled = judged.judge(sequence, verdict, now_ms());
        for flight in &self.flights {
            if flight.log == log && recalled.contains(&flight.sequence) {
                // It may have arrived; then it is there twice with the same value, which is once.
                flight.abort.abort();
            }
        }
    }
}
