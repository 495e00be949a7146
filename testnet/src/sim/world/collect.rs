//! What nodes find, what they collect, and how they stop.

use std::sync::Arc;
use std::time::Duration;

use model::Seal;
use node::cluster::CHECKPOINTS_EVERY;
use node::core::{Core, StopReason};
use ownership::{ComponentId, Key};
use rand::RngExt;

use super::{Event, World};
use crate::sim::catalog::{Catalog, Shared};
use crate::sim::collector::{End, Moment, Stopped, Takeover};
use crate::sim::exchange::Delivery;
use crate::sim::oracle::{Fact, Oracle};

/// The way of a command to the collector, or of a seal from it.
const HOP: Duration = Duration::from_millis(1);

/// How long a node that leaves waits for others to take over: the default of
/// `--cluster.drain-timeout`.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// How nodes collect, in a world in which they do.
#[derive(Debug, Clone, Copy)]
pub struct Collecting {
    /// How often a target is collected.
    pub interval: Duration,
    /// The most that the discovery of a node takes to find what there is: after a start, and after
    /// the configuration was loaded.
    pub discovery: Duration,
    /// Whether deputies keep how far collectors are, as those of logs want it.
    pub checkpoints: bool,
}

impl<O: Oracle> World<O> {
    /// What whoever looks finds from now on.
    pub fn publish(&mut self, catalog: Catalog) {
        self.catalog = Arc::new(catalog);
    }

    /// Makes the node on `host` load its configuration again, if one runs.
    pub fn reload(&mut self, host: usize) {
        let config = self.catalog.config;
        if self.with_core(host, |core, now| core.set_config(config, now)).is_some() {
            self.discover(host);
        }
    }

    /// How long the discovery of a node takes at most.
    pub fn slowest_discovery(&self) -> Duration {
        self.settings.collecting.map_or(Duration::ZERO, |how| how.discovery)
    }

    /// Whether deputies keep how far collectors are.
    pub fn keeps_checkpoints(&self) -> bool {
        self.settings.collecting.is_some_and(|how| how.checkpoints)
    }

    /// The discovery of a node begins to look.
    pub(super) fn discover(&mut self, host: usize) {
        let catalog = Arc::clone(&self.catalog);
        let slowest = self.slowest_discovery();
        if slowest.is_zero() {
            return self.discovered(host, catalog);
        }
        let after = slowest.mul_f64(self.rng.random::<f64>());
        let life = self.population.hosts[host].life;
        self.schedule(after, Event::Deliver { host, delivery: Delivery::Found { life, catalog } });
    }

    /// The discovery of a node has found what there is.
    pub(super) fn discovered(&mut self, host: usize, catalog: Shared) {
        let before = self.population.hosts[host].catalog.replace(Arc::clone(&catalog));
        for (component, keys) in catalog.changes(before.as_deref()) {
            self.with_core(host, |core, now| core.set_keys(&component, keys, now));
        }
    }

    /// The rhythm of checkpoints begins on `host`, at another moment on each.
    pub(super) fn begin_to_beat(&mut self, host: usize) {
        if self.settings.collecting.is_some_and(|how| how.checkpoints) {
            let life = self.population.hosts[host].life;
            let share = (host * 7 + life as usize * 3) % 10;
            let after = CHECKPOINTS_EVERY.mul_f64(share as f64 / 10.0);
            self.schedule(after, Event::Deliver { host, delivery: Delivery::Beat { life } });
        }
    }

    /// The collectors on `host` say how far they are, and what is kept for others is written down.
    pub(super) fn beat(&mut self, host: usize) {
        let at = self.moment(host);
        let positions = self.population.hosts[host].collector.positions(at);
        let saved = self.with_core(host, |core, now| {
            for (component, ticks) in positions {
                let seal = |last_tick| Seal { version: 1, last_tick, payload: bytes::Bytes::new() };
                let seals = ticks.into_iter().map(|(key, tick)| (key, seal(tick))).collect();
                core.checkpoint(&component, seals);
            }
            core.send_checkpoints(now);
            core.checkpoints().save()
        });
        self.population.hosts[host].disk.checkpoints = saved;
        let life = self.population.hosts[host].life;
        let delivery = Delivery::Beat { life };
        self.schedule(CHECKPOINTS_EVERY, Event::Deliver { host, delivery });
    }

    /// Makes the node on `host` leave as a process does that is asked to end: others take over what it
    /// collects, then it stops what is left, says farewell, and ends.
    pub fn drain(&mut self, host: usize) {
        if !self.population.runs(host) {
            return;
        }
        self.population.hosts[host].draining = true;
        let life = self.population.hosts[host].life;
        let delivery = Delivery::Drained { life };
        self.schedule(DRAIN_TIMEOUT, Event::Deliver { host, delivery });
        self.with_core(host, Core::leave);
    }

    /// Nobody needs this node any more, or it has waited for long enough.
    pub(super) fn drained(&mut self, host: usize) {
        if !std::mem::take(&mut self.population.hosts[host].draining) {
            return;
        }
        let at = self.moment(host);
        let mut done = at.clock;
        for key in self.population.hosts[host].collector.running() {
            done = self.halt(host, key, End::Shutdown, false).unwrap_or(done).max(done);
        }
        let life = self.population.hosts[host].life;
        let after = self.until_clock(host, done) + 2 * HOP;
        self.schedule(after, Event::Deliver { host, delivery: Delivery::Farewell { life } });
    }

    /// Collects a target on `host` from now on.
    pub(super) fn take_up(&mut self, host: usize, takeover: Takeover) {
        let at = self.moment(host);
        if self.settings.collecting.is_some() {
            self.population.hosts[host].collector.start(takeover, at);
        }
    }

    /// Collects a target on `host` no more.
    pub(super) fn put_down(
        &mut self,
        host: usize,
        component: ComponentId,
        key: Key,
        reason: StopReason,
        seal: bool,
    ) {
        if self.settings.collecting.is_none() {
            if seal {
                let life = self.population.hosts[host].life;
                let delivery = Delivery::Sealed { life, component, key, last_tick: 1 };
                self.schedule(HOP, Event::Deliver { host, delivery });
            }
            return;
        }
        let end = match reason {
            StopReason::Moved { to } => End::Moved(to),
            StopReason::Unowned => End::Unowned,
            StopReason::Gone => End::Gone,
        };
        self.halt(host, key, end, seal);
    }

    /// Tells the collector on `host` to stop a target; when it has, by its own clock.
    fn halt(&mut self, host: usize, key: Key, end: End, seal: bool) -> Option<i64> {
        let at = self.moment(host);
        let done = self.population.hosts[host].collector.stop(key, end, seal, at)?;
        let life = self.population.hosts[host].life;
        let after = self.until_clock(host, done) + HOP;
        self.schedule(after, Event::Deliver { host, delivery: Delivery::Stopped { life, key } });
        Some(done)
    }

    /// A collector has stopped a target.
    pub(super) fn stopped(&mut self, host: usize, key: Key) {
        let now = self.now;
        let Some(stopped) = self.population.hosts[host].collector.finish(host, key, now) else {
            return;
        };
        let Stopped { component, hold, seal, restart } = stopped;
        self.tell(Fact::Held { key, hold: &hold });
        if let Some(takeover) = restart {
            self.take_up(host, takeover);
        }
        if let Some(last_tick) = seal {
            self.sealed(host, &component, key, last_tick);
        }
    }

    /// What a collector leaves of a target reaches the node.
    pub(super) fn sealed(&mut self, host: usize, component: &ComponentId, key: Key, last: i64) {
        let seal = Seal { version: 1, last_tick: last, payload: bytes::Bytes::new() };
        self.with_core(host, |core, now| core.handle_seal(component, key, Some(seal), now));
    }

    /// The process on `host` ends: whatever it has not stopped ends with it.
    pub(super) fn end_collecting(&mut self, host: usize, end: &End) {
        let at = self.moment(host);
        for (key, hold) in self.population.hosts[host].collector.end(host, end, at) {
            self.tell(Fact::Held { key, hold: &hold });
        }
    }

    /// Tells the oracle what is collected at this moment, as if it ended now; the world is of no use for
    /// anything else after that.
    pub fn close(&mut self) {
        for host in 0..self.hosts() {
            if self.population.runs(host) {
                self.end_collecting(host, &End::Open);
            }
        }
    }

    pub(super) fn moment(&self, host: usize) -> Moment {
        Moment { now: self.now, clock: self.clock_of(host).div_euclid(1000) }
    }

    /// How long until the clock of `host` shows so many milliseconds.
    fn until_clock(&self, host: usize, clock: i64) -> Duration {
        let micros = clock.saturating_mul(1000).saturating_sub(self.clock_of(host));
        Duration::from_micros(u64::try_from(micros).unwrap_or_default())
    }
}
