//! What nodes remember of the peers that they had, as the driver of a real one does.

use std::net::SocketAddr;

use node::cluster::known::Known;
use ownership::handover::Checkpoints;

use super::{Event, World};
use crate::sim::oracle::Oracle;

impl<O: Oracle> World<O> {
    /// A node begins on `host`, with what is on the disk.
    pub(super) fn recall(&mut self, host: usize, cluster: &str) {
        let seconds = self.seconds_of(host);
        let state = &mut self.population.hosts[host];
        if self.settings.remembering {
            let file = state.disk.peers.as_deref();
            state.known = Some(Known::new(file, cluster, &state.name, seconds));
        }
    }

    /// And with what it kept for others.
    pub(super) fn recall_checkpoints(&mut self, host: usize) {
        let now = self.origin + self.now;
        let state = &mut self.population.hosts[host];
        if let (Some(core), Some(saved)) = (&mut state.core, &state.disk.checkpoints) {
            let saved = Checkpoints::restore(saved, now).expect("a node reads what it wrote");
            core.restore_checkpoints(saved);
        }
    }

    /// Takes note of what a node found out.
    pub(super) fn note(&mut self, host: usize, event: &membership::Event) {
        let seconds = self.seconds_of(host);
        if let Some(known) = &mut self.population.hosts[host].known {
            known.hear(event, seconds);
        }
    }

    /// Where the node on `host` is to look for earlier peers, if it is to be told: somebody came or went,
    /// or it `looks` for others.
    pub(super) fn places(&mut self, host: usize, looks: bool) -> Option<Vec<SocketAddr>> {
        let seconds = self.seconds_of(host);
        let known = self.population.hosts[host].known.as_mut()?;
        if known.take_news() || looks { known.places(seconds) } else { None }
    }

    /// Writes the peers of the node on `host` down, if it is time to. It does not wait for that.
    pub(super) fn remember(&mut self, host: usize) {
        let (seconds, now) = (self.seconds_of(host), self.origin + self.now);
        let state = &mut self.population.hosts[host];
        let Some(known) = state.known.as_mut().filter(|_| !state.writing) else { return };
        let Some(file) = known.writing(seconds, now) else { return };
        let (takes, life) = (state.disk.takes, state.life);
        if takes.is_zero() {
            state.disk.peers = Some(file);
        } else {
            state.writing = true;
            self.schedule(takes, Event::Remembered { host, life, file });
        }
    }

    pub(super) fn remembered(&mut self, host: usize, life: u32, file: Vec<u8>) {
        let state = &mut self.population.hosts[host];
        if state.life == life {
            state.writing = false;
            state.disk.peers = Some(file);
        }
    }

    /// A node that ends writes its peers down. Nobody waits for a disk that is slow.
    pub(super) fn remember_for_good(&mut self, host: usize) {
        let seconds = self.seconds_of(host);
        let state = &mut self.population.hosts[host];
        if let Some(known) = &state.known
            && state.disk.takes.is_zero()
        {
            state.disk.peers = Some(known.file(seconds));
        }
    }

    /// The wall clock of a host in seconds since the Unix epoch.
    fn seconds_of(&self, host: usize) -> u64 {
        u64::try_from(self.clock_of(host).div_euclid(1_000_000)).unwrap_or_default()
    }
}
