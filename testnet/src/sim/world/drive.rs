//! What a node wants done is done in the world.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use membership::Swim;
use node::cluster::seeds::{Failure, Resolved};
use node::core::Output;
use rand::RngExt as _;

use super::{Event, World};
use crate::sim::collector::{End, Takeover};
use crate::sim::exchange::{Delivery, Errand};
use crate::sim::host::{Dns, Pace, Role};
use crate::sim::oracle::{Fact, Oracle};

/// How long it takes to resolve the seeds, and at most until it turns out that it fails.
const RESOLVE: Duration = Duration::from_millis(2);
const RESOLVE_IN_VAIN: Duration = Duration::from_secs(9);

/// What a process that sends while it is blocked keeps, and then drops: a send buffer of 208 KiB
/// holds no more small datagrams than that.
const OUTBOX: usize = 270;

impl<O: Oracle> World<O> {
    /// Does what the node on `host` wants done.
    pub(in crate::sim) fn drive(&mut self, host: usize) {
        if self.population.hosts[host].held {
            return;
        }
        let Some(mut core) = self.population.hosts[host].core.take() else { return };
        let blocked = self.population.hosts[host].pace == Pace::Blocked;
        let (mut departed, mut looks) = (false, false);
        // What comes after a generation that has to be kept waits until it is.
        while !self.population.hosts[host].held {
            let Some(output) = core.poll_output() else {
                let Some(places) = self.places(host, std::mem::take(&mut looks)) else { break };
                core.handle_remembered(&places, self.origin + self.now);
                continue;
            };
            looks |= output == Output::Resolve;
            match output {
                Output::View => {
                    let swim = core.swim();
                    let out = swim.is_some_and(|swim| swim.name_clash().is_some());
                    let digest = swim.map(Swim::digest).filter(|_| !out);
                    self.tell(Fact::View { host, digest });
                }
                Output::Departed => departed = true,
                Output::Transmit { .. }
                | Output::Sync { .. }
                | Output::Knock { .. }
                | Output::Resolve
                | Output::Claim { .. }
                | Output::ClaimReply { .. }
                | Output::Audit { .. }
                | Output::Checkpoint { .. }
                    if blocked =>
                {
                    let outbox = &mut self.population.hosts[host].outbox;
                    if outbox.len() < OUTBOX {
                        outbox.push_back(output);
                    }
                }
                output => self.act(host, output),
            }
        }
        let wake = core.poll_timeout().map(|at| at.saturating_duration_since(self.origin));
        self.population.hosts[host].core = Some(core);
        self.remember(host);
        if departed {
            self.remember_for_good(host);
            return self.end(host, &End::Shutdown);
        }
        self.set_alarm(host, wake);
        let state = &self.population.hosts[host];
        if state.draining && state.core.as_ref().is_some_and(|core| core.remaining() == 0) {
            self.drained(host);
        }
    }

    pub(super) fn set_alarm(&mut self, host: usize, wake: Option<Duration>) {
        let state = &mut self.population.hosts[host];
        state.wake = wake.map(|at| at.max(self.now));
        // An alarm that goes off too early is set again; that is cheaper than one for each datagram.
        if let Some(at) = state.wake
            && state.alarm.is_none_or(|alarm| at < alarm)
        {
            state.alarm = Some(at);
            let life = state.life;
            self.queue.push(at, Event::Wake { host, life });
        }
    }

    /// Does one thing that the node on `host` wants done.
    pub(super) fn act(&mut self, host: usize, output: Output) {
        match output {
            Output::Transmit { to, datagram } => self.transmit(host, to, datagram),
            Output::Sync { to, body } => self.ask(host, to, Errand::Sync, body),
            Output::Knock { to } => self.knock(host, to),
            Output::Resolve => self.resolve(host),
            Output::Event(event) => {
                self.tell(Fact::Swim { host, event: &event });
                self.note(host, &event);
                if let membership::Event::Me { to, .. } = &event
                    && to.generation > self.population.hosts[host].generation
                {
                    let state = &mut self.population.hosts[host];
                    state.generation = to.generation;
                    state.generations.push(to.generation);
                    self.keep_generation(host);
                }
            }
            Output::Start { component, key, seal, overlap, from } => {
                self.cost.starts += 1;
                self.tell(Fact::Started { host, key });
                let sealed = seal.map(|seal| seal.last_tick);
                self.take_up(host, Takeover { component, key, sealed, overlap, from });
            }
            Output::Stop { component, key, reason, seal } => {
                self.cost.stops += 1;
                self.tell(Fact::Stopped { host, key });
                self.put_down(host, component, key, reason, seal);
            }
            Output::Claim { to, id, body } => self.ask(host, to, Errand::Claim(id), body),
            Output::ClaimReply { id, body } => self.answer(host, id, Ok(body)),
            Output::Checkpoint { to, body } => self.ask(host, to, Errand::Checkpoint, body),
            Output::Audit { to, id, body } => self.ask(host, to, Errand::Audit(id), body),
            Output::Gate { .. } | Output::View | Output::Departed => {}
        }
    }

    fn transmit(&mut self, from: usize, to: SocketAddr, datagram: Bytes) {
        self.cost.datagrams += 1;
        self.cost.datagram_bytes += datagram.len() as u64;
        self.tell(Fact::Sent { host: from, length: datagram.len() });
        let Some(to) = self.destination(from, to) else { return };
        self.record_datagram(to, &datagram);
        for arrival in self.network.arrivals(from, to, &mut self.rng).into_iter().flatten() {
            let datagram = datagram.clone();
            self.queue.push(self.now + arrival, Event::Datagram { to, datagram });
        }
    }

    /// The host at `to`, as `from` reaches it.
    pub(in crate::sim) fn destination(&self, _from: usize, to: SocketAddr) -> Option<usize> {
        self.population.at(to)
    }

    /// Lets the name server answer about each seed, which has a name of its own, unless it is being asked;
    /// what it says is that of the moment of the question. One that fails may be silent, or say so.
    fn resolve(&mut self, host: usize) {
        if !self.population.hosts[host].lookups.begin(self.now) {
            return;
        }
        let fails = matches!(self.population.hosts[host].dns, Dns::Failing | Dns::Partly);
        let after = match fails && self.pick(2) == 0 {
            true => RESOLVE_IN_VAIN.mul_f64(self.rng.random()),
            false => RESOLVE,
        };
        let state = &self.population.hosts[host];
        let life = state.life;
        let failed = || Err("the name server does not answer".to_owned().into());
        let honest = self.seeds_of(state.role);
        let answers: Vec<Result<Vec<SocketAddr>, Failure>> = match &state.dns {
            Dns::Honest => honest.into_iter().map(|address| Ok(vec![address])).collect(),
            Dns::Empty => honest.into_iter().map(|_| Ok(Vec::new())).collect(),
            Dns::Failing => honest.into_iter().map(|_| failed()).collect(),
            Dns::Partly => {
                let mut seeds = honest.into_iter();
                let first = seeds.next().map(|address| Ok(vec![address]));
                first.into_iter().chain(seeds.map(|_| failed())).collect()
            }
            Dns::Lying(addresses) => vec![Ok(addresses.clone())],
        };
        let names = (0..).map(|number| format!("seed-{number}"));
        let resolved = Resolved::of(names.zip(answers));
        let delivery = Delivery::Seeds { life, resolved };
        self.schedule(after, Event::Deliver { host, delivery });
    }

    /// Where the seeds of such hosts really are.
    pub(in crate::sim) fn seeds_of(&self, role: Role) -> Vec<SocketAddr> {
        let first = if role == Role::Neighbour { self.settings.hosts } else { 0 };
        let count = match role {
            Role::Neighbour => self.settings.seeds.min(self.settings.neighbours),
            Role::Member | Role::Impostor => self.settings.seeds.min(self.settings.hosts),
        };
        (first..first + count).map(|host| self.population.address(host)).collect()
    }
}
