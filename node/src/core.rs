//! One node's mind: who is alive, and what this node collects. Pure.
//!
//! [`Core`] composes membership and ownership. The event loop of the process drives it over
//! sockets, the simulator drives the same over a simulated network. Both hand in what happened with
//! `handle_*` and the calls of their own accord, then drain [`Core::poll_output`], and call
//! [`Core::handle_timeout`] when [`Core::poll_timeout`] says so.
//!
//! Only participants own targets. A node that is alone, or not clustered at all, owns everything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use membership::{
    Cause, Event, Keyring, Knock, Name, Output as SwimOutput, Peer, Refusal, State, Swim,
    SyncFailure, View,
};
use ownership::audit::Fingerprint;
use ownership::handover::Checkpoints;
use ownership::{Assignment, Audit, Handover, Key, Placement};
use rand_chacha::ChaCha12Rng;

mod arrivals;
mod audit;
mod checkpoints;
mod gate;
mod history;
mod keys;
mod output;
#[cfg(test)]
mod tests;

pub use gate::{Gate, GateConfig};
pub use history::{Change, ChangeCause, Gone, History, KeyMove, Record};
pub use output::{Output, StopReason};

/// Room that is kept for outputs: what one input brings about, unless it moves many keys.
const OUTPUTS_KEPT: usize = 32;

/// What a node is told about clustering.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Membership; `None` when clustering is disabled, and the node owns everything.
    pub membership: Option<membership::Config>,
    /// How many nodes it takes before anybody starts anything.
    pub gate: GateConfig,
}

/// The pure machine of one node.
pub struct Core {
    mind: Mind,
    /// Whether there may be others that this node has not heard of yet.
    seeded: bool,
    /// Who became a participant since ownership last looked.
    joined: BTreeSet<Name>,
    /// Who no longer is one since, and why.
    left: BTreeMap<Name, Gone>,
    /// How many nodes take part or are leaving, this one included.
    present: usize,
    assignment: Assignment,
    /// When its keys came.
    arrivals: arrivals::Arrivals,
    gate: Gate,
    /// What this node collects, and how that becomes what it owns.
    handover: Handover,
    /// What this node keeps as a deputy.
    checkpoints: Checkpoints,
    /// What its own deputies keep.
    positions: checkpoints::Positions,
    /// What the nodes find when they compare what they know and collect.
    audit: Audit,
    /// The configuration that runs, and when it was loaded in the place of another.
    config: Option<Fingerprint>,
    reloaded: Option<Instant>,
    history: History,
    /// When the gate, the handover or the audit have something to do without being told anything; kept
    /// here so that a datagram without news, which most are, does not have to look at them.
    next_move: Option<Instant>,
    outputs: VecDeque<Output>,
}

/// Where the view comes from.
enum Mind {
    Clustered(Box<Swim>),
    Alone(Arc<View>),
}

impl Core {
    /// The mind of `me`, whose state is taken to be joining until [`Core::participate`].
    ///
    /// All randomness comes from `rng`; equal inputs give equal outputs.
    pub fn new(me: Peer, config: Config, rng: ChaCha12Rng, now: Instant) -> Self {
        let me = Peer { state: State::Joining, ..me };
        let (name, life) = (me.name.clone(), me.generation);
        let seeded = config.membership.as_ref().is_some_and(|membership| membership.seeded);
        let mind = match config.membership {
            Some(membership) => Mind::Clustered(Box::new(Swim::new(me, membership, rng, now))),
            None => Mind::Alone(Arc::new(View::alone(me))),
        };
        let mut core = Self {
            mind,
            seeded,
            joined: BTreeSet::new(),
            left: BTreeMap::new(),
            present: 0,
            assignment: Assignment::default(),
            arrivals: arrivals::Arrivals::default(),
            gate: Gate::new(config.gate, now),
            handover: Handover::new(&name).in_life(life),
            checkpoints: Checkpoints::default(),
            positions: checkpoints::Positions::default(),
            audit: Audit::new(&name),
            config: None,
            reloaded: None,
            history: History::default(),
            next_move: None,
            outputs: VecDeque::new(),
        };
        core.settle(now);
        core
    }

    /// Handles a datagram.
    ///
    /// # Errors
    /// When it was refused; it is counted, and the state is as before.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Instant) -> Result<(), Refusal> {
        let swim = self.clustered()?;
        let result = swim.handle_datagram(datagram, now);
        self.settle_swim(now);
        result
    }

    /// Changes the keys of the cluster, see [`Swim::set_keyring`].
    pub fn set_keyring(&mut self, keyring: Keyring) {
        if let Mind::Clustered(swim) = &mut self.mind {
            swim.set_keyring(keyring);
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Mind::Clustered(swim) = &mut self.mind {
            swim.handle_timeout(now);
        }
        self.settle_swim(now);
    }

    /// Answers the body of another node's state sync.
    ///
    /// # Errors
    /// When it was refused; the asker is to be told the error's text along with an error status.
    pub fn handle_sync(&mut self, body: &[u8], now: Instant) -> Result<Bytes, Refusal> {
        let swim = self.clustered()?;
        let result = swim.handle_sync(body, now);
        self.settle_swim(now);
        result
    }

    /// Handles the answer to an [`Output::Sync`] to `to`.
    ///
    /// # Errors
    /// When it was refused, which also is noted as the result of asking there.
    pub fn handle_sync_reply(
        &mut self,
        to: SocketAddr,
        body: &[u8],
        now: Instant,
    ) -> Result<(), Refusal> {
        let swim = self.clustered()?;
        let result = swim.handle_sync_reply(to, body, now);
        self.settle_swim(now);
        result
    }

    /// Notes that an [`Output::Sync`] to `to` got no answer.
    pub fn handle_sync_failure(&mut self, to: SocketAddr, failure: SyncFailure, now: Instant) {
        if let Mind::Clustered(swim) = &mut self.mind {
            swim.handle_sync_failure(to, failure, now);
        }
        self.settle_swim(now);
    }

    /// Handles the answer to an [`Output::Resolve`]: all addresses of all seeds, maybe none yet.
    pub fn handle_seeds(&mut self, addresses: &[SocketAddr], now: Instant) {
        if let Mind::Clustered(swim) = &mut self.mind {
            swim.handle_seeds(addresses, now);
        }
        self.settle_swim(now);
    }

    /// Handles the answer to an [`Output::Resolve`] that leads to some of the seeds, and why not to all.
    pub fn handle_some_seeds(&mut self, addresses: &[SocketAddr], error: String, now: Instant) {
        if let Mind::Clustered(swim) = &mut self.mind {
            swim.handle_some_seeds(addresses, error, now);
        }
        self.settle_swim(now);
    }

    /// Takes the addresses where peers were before, which are tried like seeds.
    pub fn handle_remembered(&mut self, addresses: &[SocketAddr], now: Instant) {
        if let Mind::Clustered(swim) = &mut self.mind {
            swim.handle_remembered(addresses, now);
        }
        self.settle_swim(now);
    }

    /// Notes that the seeds could not be resolved: a server failed, as against a name that does
    /// not exist yet.
    pub fn handle_seeds_failure(&mut self, error: String, now: Instant) {
        if let Mind::Clustered(swim) = &mut self.mind {
            swim.handle_seeds_failure(error, now);
        }
        self.settle_swim(now);
    }

    /// Notes that nobody listens at `address`: a connection to it was refused or reset.
    pub fn handle_unreachable(&mut self, address: SocketAddr, now: Instant) {
        if let Mind::Clustered(swim) = &mut self.mind {
            swim.handle_unreachable(address, now);
        }
        self.settle_swim(now);
    }

    /// Handles what came of an [`Output::Knock`] at `address`.
    pub fn handle_knock(&mut self, address: SocketAddr, knock: Knock, now: Instant) {
        if let Mind::Clustered(swim) = &mut self.mind {
            swim.handle_knock(address, knock, now);
        }
        self.settle_swim(now);
    }

    /// The configuration runs: this node takes part from now on, or as soon as it has joined.
    pub fn participate(&mut self, now: Instant) {
        match &mut self.mind {
            Mind::Clustered(swim) => swim.participate(now),
            Mind::Alone(view) if view.me.state == State::Joining => {
                self.become_alone(State::Participant, now);
            }
            Mind::Alone(_) => {}
        }
        self.settle(now);
    }

    /// This node is about to leave: it owns nothing from now on, but stays alive.
    pub fn leave(&mut self, now: Instant) {
        match &mut self.mind {
            Mind::Clustered(swim) => swim.leave(now),
            Mind::Alone(_) => self.become_alone(State::Leaving, now),
        }
        self.settle(now);
    }

    /// Leaves; [`Output::Departed`] follows within about 200 ms.
    pub fn depart(&mut self, now: Instant) {
        match &mut self.mind {
            Mind::Clustered(swim) => swim.depart(now),
            Mind::Alone(_) => self.outputs.push_back(Output::Departed),
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

    /// When [`Core::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let swim = match &self.mind {
            Mind::Clustered(swim) => swim.poll_timeout(),
            Mind::Alone(_) => None,
        };
        swim.into_iter().chain(self.next_move).min()
    }

    /// This node, as it presents itself now.
    pub fn me(&self) -> &Peer {
        match &self.mind {
            Mind::Clustered(swim) => swim.me(),
            Mind::Alone(view) => &view.me,
        }
    }

    /// The live peers, this node among them. Cheap unless they have changed.
    pub fn view(&mut self) -> Arc<View> {
        match &mut self.mind {
            Mind::Clustered(swim) => swim.view(),
            Mind::Alone(view) => view.clone(),
        }
    }

    /// Membership itself, for its counters, seeds and the status of peers; `None` when clustering is
    /// disabled.
    pub fn swim(&self) -> Option<&Swim> {
        match &self.mind {
            Mind::Clustered(swim) => Some(swim),
            Mind::Alone(_) => None,
        }
    }

    /// Whether new targets may be started.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Owner and deputy of `key`.
    pub fn placement(&self, key: Key) -> Placement {
        self.assignment.placement(key)
    }

    /// All participants in the order of their rank for `key`.
    pub fn ranking(&self, key: Key) -> Vec<Name> {
        self.assignment.ranking(key)
    }

    /// What the participants own: keys by component, owners, shares.
    pub fn assignment(&self) -> &Assignment {
        &self.assignment
    }

    /// The keys of `component` that this node collects now, in order.
    pub fn running(&self, component: &str) -> impl Iterator<Item = Key> {
        self.handover.running(component)
    }

    /// What moved, and why.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What moved a key of `component` since its target came to be known, that included, oldest first;
    /// nothing when it is not known.
    pub fn moves(&self, component: &str, key: Key) -> Vec<KeyMove> {
        let known = self.assignment.knows(component, key);
        match self.arrivals.of(component, key).filter(|_| known) {
            Some(arrival) => {
                let mut moves = self.history.moves(key, arrival, self.assignment.participants());
                // Others mostly know a target, and collect it, before a node that joins finds it.
                if let Some(first) = moves.first_mut().filter(|first| first.from.is_none())
                    && first.to.as_ref() == Some(&self.me().name)
                    && let Some((from, cause)) = self.history.came(component, key, arrival.at)
                {
                    first.from = Some(from.clone());
                    first.cause = cause;
                }
                moves
            }
            None => Vec::new(),
        }
    }

    /// Where the live peer called `name` is.
    fn address_of(&self, name: &Name) -> Option<SocketAddr> {
        let peer = match &self.mind {
            Mind::Clustered(swim) => swim.find(name),
            Mind::Alone(view) => view.find(name),
        };
        peer.map(|peer| peer.address)
    }

    fn clustered(&mut self) -> Result<&mut Swim, Refusal> {
        match &mut self.mind {
            Mind::Clustered(swim) => Ok(swim),
            Mind::Alone(_) => Err(Refusal::Out),
        }
    }

    fn become_alone(&mut self, state: State, now: Instant) {
        if let Mind::Alone(view) = &mut self.mind {
            let from = view.me.clone();
            let to = Peer { state, ..from.clone() };
            *view = Arc::new(View::alone(to.clone()));
            self.hear(Event::Me { from, to }, now);
            self.outputs.push_back(Output::View);
        }
    }

    /// After an input to membership: what it wants goes out, what it found out changes ownership.
    fn settle_swim(&mut self, now: Instant) {
        let mut news = false;
        while let Some(output) = self.poll_swim() {
            match output {
                SwimOutput::Transmit { to, datagram } => {
                    self.outputs.push_back(Output::Transmit { to, datagram });
                }
                SwimOutput::Sync { to, body } => self.outputs.push_back(Output::Sync { to, body }),
                SwimOutput::Knock { to } => self.outputs.push_back(Output::Knock { to }),
                SwimOutput::Resolve => self.outputs.push_back(Output::Resolve),
                SwimOutput::Event(event) => {
                    self.hear(event, now);
                    news = true;
                }
                SwimOutput::View => self.outputs.push_back(Output::View),
                SwimOutput::Departed => self.outputs.push_back(Output::Departed),
            }
        }
        if news || self.next_move.is_some_and(|next| next <= now) {
            self.move_keys(now);
        }
    }

    /// After any other input.
    fn settle(&mut self, now: Instant) {
        self.settle_swim(now);
        self.move_keys(now);
    }

    fn poll_swim(&mut self) -> Option<SwimOutput> {
        match &mut self.mind {
            Mind::Clustered(swim) => swim.poll_output(),
            Mind::Alone(_) => None,
        }
    }

    fn hear(&mut self, event: Event, now: Instant) {
        match &event {
            Event::Up(peer) => self.became(None, peer, None, now),
            Event::Changed { from, to, last_heard } => {
                self.became(Some(from), to, *last_heard, now);
            }
            Event::Me { from, to } => self.became(Some(from), to, None, now),
            Event::Down { peer, cause, last_heard } => {
                self.present -= usize::from(peer.state != State::Joining);
                let cause = match cause {
                    Cause::Left => ChangeCause::Left,
                    Cause::Failed => ChangeCause::Failed,
                    Cause::Withdrawn => ChangeCause::Withdrawn,
                };
                self.joined.remove(&peer.name);
                let gone = Gone { name: peer.name.clone(), cause, last_heard: *last_heard };
                self.left.insert(peer.name.clone(), gone);
                self.handover.peer_down(&peer.name, cause == ChangeCause::Failed);
                self.audit.peer_down(&peer.name);
                self.positions.forget_deputy(&peer.name);
            }
            Event::Joined { .. } | Event::Formed | Event::Isolated | Event::NameClash { .. } => {}
        }
        self.outputs.push_back(Output::Event(event));
    }

    /// Notes that a live peer is `to` now. If that is another process than `from`, it was that one that was
    /// `last_heard`.
    fn became(
        &mut self,
        from: Option<&Peer>,
        to: &Peer,
        last_heard: Option<Instant>,
        now: Instant,
    ) {
        let was_present = from.is_some_and(|peer| peer.state != State::Joining);
        self.present -= usize::from(was_present);
        self.present += usize::from(to.state != State::Joining);
        let name = to.name.clone();
        let moved =
            from.is_some_and(|from| (from.generation, from.address) != (to.generation, to.address));
        if moved && name != self.me().name {
            // It may be another process, without what the one before had not written to disk yet.
            self.positions.forget_deputy(&name);
            self.positions.press();
        }
        // Nobody begins anew but a process: that of the one who took part has ended, and said nothing.
        let crashed = from.is_some_and(|from| {
            from.state == State::Participant && to.generation > from.generation
        });
        match to.state {
            State::Participant | State::Leaving => {
                self.handover.peer_up(&name, now);
                self.audit.peer_up(&name, now);
            }
            State::Joining => {
                self.handover.peer_down(&name, crashed);
                self.audit.peer_down(&name);
            }
        }
        let cause = match to.state {
            State::Participant => {
                self.left.remove(&name);
                self.joined.insert(name);
                return;
            }
            State::Leaving => ChangeCause::Left,
            State::Joining if crashed => ChangeCause::Failed,
            State::Joining => ChangeCause::Withdrawn,
        };
        self.joined.remove(&name);
        let last_heard = last_heard.filter(|_| crashed);
        self.left.insert(name.clone(), Gone { name, cause, last_heard });
    }
}
