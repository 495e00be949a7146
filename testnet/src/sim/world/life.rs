//! How nodes start and end, and what their machines are like meanwhile.

use std::time::Duration;

use membership::{Channel, Peer, State};
use node::core::{Config, Core};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

use super::{CLUSTER, DAWN, Event, NEIGHBOURS, World};
use crate::sim::collector::{Collector, End};
use crate::sim::host::{Disk, Dns, Pace, Role};
use crate::sim::oracle::{Fact, Oracle};

/// How often it is looked whether a process that was stopped while it waited for its disk goes on.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl<O: Oracle> World<O> {
    /// Starts a process on `host`, where none runs. Its node takes part as soon as the generation is
    /// on the disk; until then the sockets are open, and nobody reads them.
    ///
    /// # Panics
    /// When one runs.
    pub fn boot(&mut self, host: usize) {
        assert!(!self.population.runs(host), "no node runs on a host that boots");
        let state = &mut self.population.hosts[host];
        let seconds = (DAWN + self.now.as_secs()).saturating_add_signed(state.clock / 1000);
        state.generation = Peer::generation_at_boot(seconds, state.disk.generation);
        state.generations = vec![state.generation];
        state.life += 1;
        state.runs = true;
        state.powered = true;
        let collects = state.role != Role::Neighbour;
        if collects {
            self.agreement.booted(host, &state.name);
        }
        self.keep_generation(host);
        if !self.population.hosts[host].held {
            self.start(host);
        }
    }

    fn start(&mut self, host: usize) {
        let rng = ChaCha12Rng::from_rng(&mut self.rng);
        let now = self.origin + self.now;
        let state = &mut self.population.hosts[host];
        let me = Peer {
            name: state.name.clone(),
            address: state.address,
            generation: state.generation,
            state: State::Joining,
        };
        let cluster = if state.role == Role::Neighbour { NEIGHBOURS } else { CLUSTER }.to_owned();
        let collects = state.role != Role::Neighbour;
        // Not the world's own randomness, which is for what happens in it.
        let mut channel_rng = ChaCha12Rng::seed_from_u64(self.settings.seed);
        channel_rng.set_stream(((host as u64) << 32) | u64::from(state.life));
        let keyring = state.keyring.clone();
        state.channel = Some(Channel::new(&cluster, keyring.clone(), &mut channel_rng));
        let called = cluster.clone();
        let membership =
            membership::Config { cluster, keyring, ..self.settings.membership.clone() };
        let config = Config { membership: Some(membership), gate: self.settings.gate };
        state.core = Some(Box::new(Core::new(me, config, rng, now)));
        state.collector =
            Collector::new(self.settings.collecting.map_or(Duration::ZERO, |how| how.interval));
        self.recall(host, &called);
        self.recall_checkpoints(host);
        self.tell(Fact::Booted { host });
        self.drive(host);
        self.with_core(host, Core::participate);
        if collects {
            let config = self.catalog.config;
            self.with_core(host, |core, now| core.set_config(config, now));
            self.discover(host);
            self.begin_to_beat(host);
        }
    }

    /// Writes down the generation of the node on `host`, which does nothing else until that is done.
    pub(super) fn keep_generation(&mut self, host: usize) {
        let state = &mut self.population.hosts[host];
        let Disk { takes, .. } = state.disk;
        if takes.is_zero() {
            state.disk.generation = state.generation;
        } else {
            state.held = true;
            let life = state.life;
            self.schedule(takes, Event::Written { host, life });
        }
    }

    /// The generation is on the disk: the node that waited for that goes on.
    pub(super) fn written(&mut self, host: usize, life: u32) {
        let state = &mut self.population.hosts[host];
        if state.life != life {
            return;
        }
        state.disk.generation = state.generation;
        if state.pace == Pace::Stopped {
            return self.schedule(LOOK_AGAIN, Event::Written { host, life });
        }
        state.held = false;
        if state.core.is_none() {
            self.start(host);
        }
        self.go_on(host);
    }

    /// Ends the node on `host` without a word, if one runs. Its machine goes on, and says that nobody
    /// listens there.
    pub fn crash(&mut self, host: usize) {
        self.end(host, &End::Crashed);
    }

    pub(super) fn end(&mut self, host: usize, end: &End) {
        if self.population.runs(host) {
            self.end_collecting(host, end);
            self.population.hosts[host].end();
            self.exchanges.forget(host);
            self.agreement.ended(host, &self.population.hosts[host].name);
            self.tell(Fact::Ended { host });
        }
    }

    /// Takes the power from `host`: what is sent there vanishes.
    pub fn cut_power(&mut self, host: usize) {
        self.crash(host);
        self.population.hosts[host].powered = false;
    }

    /// Gives `host`, where no node runs, a new address. What is sent to the old one is lost.
    pub fn readdress(&mut self, host: usize) {
        self.population.readdress(host);
    }

    /// Gives each of two hosts, where no nodes run, the address of the other.
    pub fn swap_addresses(&mut self, one: usize, other: usize) {
        self.population.swap_addresses(one, other);
    }

    /// Makes the node on `host` leave: it announces that, and departs at once.
    pub fn leave(&mut self, host: usize) {
        self.with_core(host, Core::leave);
        self.with_core(host, Core::depart);
    }

    /// Takes `host`'s files: it no longer knows which generations it had.
    pub fn wipe(&mut self, host: usize) {
        let disk = &mut self.population.hosts[host].disk;
        *disk = Disk { takes: disk.takes, ..Disk::default() };
    }

    /// Sets how long a write takes on `host` from now on.
    pub fn set_disk(&mut self, host: usize, takes: Duration) {
        self.population.hosts[host].disk.takes = takes;
    }

    /// Sets the wall clock of `host` so many milliseconds ahead of the truth. A node that runs there
    /// goes on by its monotonic clock; its collector follows.
    pub fn set_clock(&mut self, host: usize, ahead: i64) {
        let before = self.moment(host);
        self.population.hosts[host].clock = ahead;
        let after = self.moment(host);
        self.population.hosts[host].collector.follow_clock(before, after);
    }

    /// Sets what the name server tells `host` from now on.
    pub fn set_dns(&mut self, host: usize, dns: Dns) {
        self.population.hosts[host].dns = dns;
    }
}
