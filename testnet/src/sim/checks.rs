//! What must hold, watched from outside: after every event what is cheap to see, the rest when
//! asked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use membership::{Cause, DATAGRAM_MAX, Event, Name, Peer};
use ownership::Key;

/// The most violations that are told; there is no end to what follows from one.
const TOLD: usize = 20;

/// What was found out about a world.
pub struct Checks {
    keys: Vec<Key>,
    /// By key: how many nodes collect it.
    collectors: Vec<u16>,
    /// By host: what it collects, as indexes of keys. `None` where no node runs.
    collected: BTreeMap<usize, BTreeSet<usize>>,
    /// By host: the digest of its view.
    digests: BTreeMap<usize, u64>,
    /// How many nodes have each digest.
    tally: BTreeMap<u64, usize>,
    /// By observer and name: the highest generation that really was dead when the observer said so.
    buried: BTreeMap<(usize, Name), u64>,
    unowned: usize,
    doubled: usize,
    now: Duration,
    /// Key-seconds during which nobody collected a key.
    pub unowned_seconds: f64,
    /// Key-seconds during which more than one node collected a key, each node too many counted.
    pub doubled_seconds: f64,
    /// Verdicts about nodes that were alive, each observer counted.
    pub false_deaths: u64,
    /// Verdicts about nodes that were dead.
    pub true_deaths: u64,
    violations: Vec<String>,
}

impl Checks {
    pub(super) fn new(keys: Vec<Key>) -> Self {
        Self {
            collectors: vec![0; keys.len()],
            unowned: keys.len(),
            keys,
            collected: BTreeMap::new(),
            digests: BTreeMap::new(),
            tally: BTreeMap::new(),
            buried: BTreeMap::new(),
            doubled: 0,
            now: Duration::ZERO,
            unowned_seconds: 0.0,
            doubled_seconds: 0.0,
            false_deaths: 0,
            true_deaths: 0,
            violations: Vec::new(),
        }
    }

    /// What must never happen but did.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// How many keys nobody collects now.
    pub fn unowned(&self) -> usize {
        self.unowned
    }

    /// How many nodes too many collect keys now, over all keys.
    pub fn doubled(&self) -> usize {
        self.doubled
    }

    /// A host whose view all nodes share; `None` when they differ, or none runs.
    pub(super) fn unanimous(&self) -> Option<usize> {
        let same = self.tally.len() == 1 && self.digests.len() == self.collected.len();
        self.digests.keys().next().copied().filter(|_| same)
    }

    pub(super) fn advance(&mut self, to: Duration) {
        let seconds = (to - self.now).as_secs_f64();
        self.unowned_seconds += self.unowned as f64 * seconds;
        self.doubled_seconds += self.doubled as f64 * seconds;
        self.now = to;
    }

    pub(super) fn booted(&mut self, host: usize) {
        self.collected.insert(host, BTreeSet::new());
        // The dead are forgotten with the process that knew of them.
        self.buried.retain(|(observer, _), _| *observer != host);
    }

    pub(super) fn ended(&mut self, host: usize) {
        for index in self.collected.remove(&host).unwrap_or_default() {
            self.release(index);
        }
        self.set_digest(host, None);
    }

    pub(super) fn view(&mut self, host: usize, digest: Option<u64>) {
        self.set_digest(host, digest);
    }

    fn set_digest(&mut self, host: usize, digest: Option<u64>) {
        let before = match digest {
            Some(digest) => {
                *self.tally.entry(digest).or_default() += 1;
                self.digests.insert(host, digest)
            }
            None => self.digests.remove(&host),
        };
        if let Some(before) = before
            && let Some(count) = self.tally.get_mut(&before)
        {
            *count -= 1;
            if *count == 0 {
                self.tally.remove(&before);
            }
        }
    }

    pub(super) fn sent(&mut self, host: usize, length: usize) {
        if length > DATAGRAM_MAX {
            self.violate(format!("node-{host} sent a datagram of {length} bytes"));
        }
    }

    pub(super) fn event(&mut self, host: usize, event: &Event, alive: impl Fn(&Peer) -> bool) {
        match event {
            Event::Down { peer, cause: Cause::Failed } => {
                if alive(peer) {
                    self.false_deaths += 1;
                } else {
                    self.true_deaths += 1;
                    let buried = self.buried.entry((host, peer.name.clone())).or_default();
                    *buried = (*buried).max(peer.generation);
                }
            }
            Event::Up(peer) | Event::Changed { to: peer, .. } => {
                let buried = self.buried.get(&(host, peer.name.clone()));
                if buried.is_some_and(|buried| peer.generation <= *buried) {
                    self.violate(format!("node-{host} sees a zombie: {peer}"));
                }
            }
            _ => {}
        }
    }

    pub(super) fn started(&mut self, host: usize, key: Key) {
        let Ok(index) = self.keys.binary_search(&key) else {
            self.violate(format!("node-{host} started {key}, which nobody announced"));
            return;
        };
        if !self.collected.get_mut(&host).is_some_and(|keys| keys.insert(index)) {
            self.violate(format!("node-{host} started {key}, which it collects"));
            return;
        }
        let count = &mut self.collectors[index];
        *count += 1;
        match count {
            1 => self.unowned -= 1,
            _ => self.doubled += 1,
        }
    }

    pub(super) fn stopped(&mut self, host: usize, key: Key) {
        let collected = self.collected.get_mut(&host);
        match self.keys.binary_search(&key) {
            Ok(index) if collected.is_some_and(|keys| keys.remove(&index)) => self.release(index),
            _ => self.violate(format!("node-{host} stopped {key}, which it does not collect")),
        }
    }

    fn release(&mut self, index: usize) {
        let count = &mut self.collectors[index];
        *count -= 1;
        match count {
            0 => self.unowned += 1,
            _ => self.doubled -= 1,
        }
    }

    fn violate(&mut self, what: String) {
        if self.violations.len() < TOLD {
            self.violations.push(format!("at {:.3} s: {what}", self.now.as_secs_f64()));
        }
    }
}
