//! How a process gets to what arrives: at once, later, or not at all.

use std::time::{Duration, Instant};

use bytes::Bytes;
use node::cluster::seeds;

use super::{Event, World};
use crate::sim::exchange::Delivery;
use crate::sim::host::{Input, Pace};
use crate::sim::oracle::{Fact, Oracle};

/// Inputs that a process handles before its timers have their turn, as the real event loop does.
const INPUTS_PER_TURN: usize = 256;

/// A node that is woken so often at one instant gets nowhere. Everything that it has to do at one takes a
/// few turns.
const SPINNING: u32 = 10_000;

impl<O: Oracle> World<O> {
    /// Which parts of the node on `host` want to be woken when.
    fn timers(&self, host: usize) -> String {
        let Some(core) = self.core(host) else { return String::new() };
        let ahead = |due: Instant| due.saturating_duration_since(self.origin + self.now);
        let swim = core.swim().and_then(membership::Swim::poll_timeout).map(ahead);
        let (moves, all) =
            (core.handover().poll_timeout().map(ahead), core.poll_timeout().map(ahead));
        format!("membership in {swim:?}, handover in {moves:?}, all of it in {all:?}")
    }

    /// A datagram is at the machine `to`.
    pub(in crate::sim) fn arrive(&mut self, to: usize, datagram: Bytes) {
        if self.population.runs(to) {
            self.receive(to, Input::Datagram(datagram));
        }
    }

    /// Something else is at the machine `host`.
    pub(super) fn deliver(&mut self, host: usize, delivery: Delivery) {
        match delivery {
            // Whoever takes a connection for a process that is not there is its machine.
            Delivery::Question { exchange, body } if !self.population.runs(host) => {
                self.question(host, exchange, &body);
            }
            delivery if self.population.runs(host) => {
                self.receive(host, Input::Delivery(delivery));
            }
            _ => {}
        }
    }

    pub(in crate::sim) fn receive(&mut self, host: usize, input: Input) {
        let state = &mut self.population.hosts[host];
        if state.pace == Pace::Prompt && !state.held {
            self.handle(host, input);
            return;
        }
        if !state.put_off(input) {
            self.cost.overflows += 1;
        }
        if let Pace::Slow(_) = state.pace {
            self.queue_up(host);
        }
    }

    fn handle(&mut self, host: usize, input: Input) {
        match input {
            Input::Datagram(datagram) => {
                // Refusals are counted by the core, and expected in a world of faults.
                let accepted =
                    self.with_core(host, |core, now| core.handle_datagram(&datagram, now).is_ok());
                if self.settings.keyed && accepted == Some(true) {
                    self.tell(Fact::Accepted { host, message: &datagram });
                }
            }
            Input::Delivery(Delivery::Question { exchange, body }) => {
                self.question(host, exchange, &body);
            }
            Input::Delivery(Delivery::Replayed { errand, body }) => {
                self.replayed(host, errand, &body);
            }
            Input::Delivery(Delivery::Keys) => self.read_keys(host),
            Input::Delivery(Delivery::Answer { exchange, outcome }) => {
                self.answered(exchange, outcome);
            }
            Input::Delivery(Delivery::Knocked { life, to, knock }) => {
                if self.population.hosts[host].life == life {
                    self.with_core(host, |core, now| core.handle_knock(to, knock, now));
                }
            }
            Input::Delivery(Delivery::Sealed { life, component, key, last_tick }) => {
                if self.population.hosts[host].life == life {
                    self.sealed(host, &component, key, last_tick);
                }
            }
            Input::Delivery(Delivery::Stopped { life, key }) => {
                if self.population.hosts[host].life == life {
                    self.stopped(host, key);
                }
            }
            Input::Delivery(Delivery::Found { life, catalog }) => {
                if self.population.hosts[host].life == life {
                    self.discovered(host, catalog);
                }
            }
            Input::Delivery(Delivery::Beat { life }) => {
                if self.population.hosts[host].life == life {
                    self.beat(host);
                }
            }
            Input::Delivery(Delivery::Drained { life }) => {
                if self.population.hosts[host].life == life {
                    self.drained(host);
                }
            }
            Input::Delivery(Delivery::Farewell { life }) => {
                if self.population.hosts[host].life == life {
                    self.with_core(host, node::core::Core::depart);
                }
            }
            Input::Delivery(Delivery::Seeds { life, resolved }) => {
                if self.population.hosts[host].life == life {
                    let failures: Vec<String> = resolved.failure().into_iter().collect();
                    self.population.hosts[host].lookups.end(failures.is_empty(), self.now);
                    self.with_core(host, |core, now| {
                        seeds::tell(core, &resolved.addresses, &failures, now);
                    });
                }
            }
        }
    }

    /// A timer of the node on `host` is due.
    ///
    /// # Panics
    /// When it has been due so often at this very instant that it will be for ever.
    pub(super) fn wake(&mut self, host: usize) {
        let state = &mut self.population.hosts[host];
        if state.woken.0 != self.now {
            state.woken = (self.now, 0);
        }
        if state.held {
            // It will see that it is late.
            return;
        }
        state.woken.1 += 1;
        assert!(state.woken.1 < SPINNING, "node-{host} spins: {}", self.timers(host));
        match self.population.hosts[host].pace {
            Pace::Prompt | Pace::Blocked => {
                self.with_core(host, node::core::Core::handle_timeout);
            }
            Pace::Slow(_) => self.queue_up(host),
            // It will see that it is late.
            Pace::Stopped => {}
        }
    }

    /// Sets how the process on `host` gets on from now on.
    pub fn set_pace(&mut self, host: usize, pace: Pace) {
        let state = &mut self.population.hosts[host];
        if !state.runs {
            return;
        }
        let before = std::mem::replace(&mut state.pace, pace);
        state.busy = None;
        if pace != Pace::Prompt || before == Pace::Prompt {
            return;
        }
        for output in std::mem::take(&mut state.outbox) {
            self.act(host, output);
        }
        self.catch_up(host);
    }

    /// A process that waited for its disk goes on, as its pace is.
    pub(super) fn go_on(&mut self, host: usize) {
        self.drive(host);
        match self.population.hosts[host].pace {
            Pace::Prompt => self.catch_up(host),
            Pace::Slow(_) => self.queue_up(host),
            Pace::Blocked | Pace::Stopped => {}
        }
    }

    /// A process that was held up handles what has piled up, timers in their turn.
    fn catch_up(&mut self, host: usize) {
        loop {
            for _ in 0..INPUTS_PER_TURN {
                if self.population.hosts[host].held {
                    return;
                }
                let Some(input) = self.population.hosts[host].next_input() else { break };
                self.handle(host, input);
            }
            if !self.population.runs(host) || self.population.hosts[host].held {
                return;
            }
            if self.is_due(host) {
                self.with_core(host, node::core::Core::handle_timeout);
            }
            if self.population.hosts[host].inbox.is_empty() {
                // Whatever it may be late with from now on, it wakes up for.
                self.drive(host);
                return;
            }
        }
    }

    fn is_due(&self, host: usize) -> bool {
        let due = self.core(host).and_then(node::core::Core::poll_timeout);
        due.is_some_and(|due| due <= self.origin + self.now)
    }

    /// A slow process gets to the next thing as soon as it is done with the present one.
    fn queue_up(&mut self, host: usize) {
        let state = &mut self.population.hosts[host];
        if state.busy.is_none() && !state.held {
            let life = state.life;
            state.busy = Some(self.now);
            self.schedule(Duration::ZERO, Event::Turn { host, life });
        }
    }

    /// A slow process has time for one thing.
    pub(super) fn turn(&mut self, host: usize, life: u32) {
        let state = &mut self.population.hosts[host];
        let (Pace::Slow(service), true) = (state.pace, state.life == life) else { return };
        if state.held {
            state.busy = None;
            return;
        }
        let input = state.next_input();
        match input {
            Some(input) => self.handle(host, input),
            None if self.is_due(host) => {
                self.with_core(host, node::core::Core::handle_timeout);
            }
            None => {
                self.population.hosts[host].busy = None;
                return;
            }
        }
        let state = &mut self.population.hosts[host];
        if state.life == life {
            state.busy = Some(self.now + service);
            self.schedule(service, Event::Turn { host, life });
        }
    }
}
