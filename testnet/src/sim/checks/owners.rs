//! One owner for each key, once the views agree.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ownership::Key;

use super::Findings;

/// Who collects what, and for how long nobody or too many did.
#[derive(Debug)]
pub struct Ownership {
    keys: Vec<Key>,
    /// By key: how many nodes collect it.
    collectors: Vec<u16>,
    /// By host: what it collects, as indexes of keys. Nothing where no node runs.
    collected: BTreeMap<usize, BTreeSet<usize>>,
    unowned: usize,
    doubled: usize,
    now: Duration,
    /// Key-seconds during which nobody collected a key.
    pub unowned_seconds: f64,
    /// Key-seconds during which more than one node collected a key, each node too many counted.
    pub doubled_seconds: f64,
}

impl Ownership {
    pub(super) fn new(keys: Vec<Key>) -> Self {
        Self {
            collectors: vec![0; keys.len()],
            unowned: keys.len(),
            keys,
            collected: BTreeMap::new(),
            doubled: 0,
            now: Duration::ZERO,
            unowned_seconds: 0.0,
            doubled_seconds: 0.0,
        }
    }

    /// How many keys nobody collects now.
    pub fn unowned(&self) -> usize {
        self.unowned
    }

    /// How many nodes too many collect keys now, over all keys.
    pub fn doubled(&self) -> usize {
        self.doubled
    }

    pub(super) fn advance(&mut self, to: Duration) {
        let seconds = (to - self.now).as_secs_f64();
        self.unowned_seconds += self.unowned as f64 * seconds;
        self.doubled_seconds += self.doubled as f64 * seconds;
        self.now = to;
    }

    pub(super) fn booted(&mut self, host: usize) {
        self.collected.insert(host, BTreeSet::new());
    }

    pub(super) fn ended(&mut self, host: usize) {
        for index in self.collected.remove(&host).unwrap_or_default() {
            self.release(index);
        }
    }

    pub(super) fn started(&mut self, host: usize, key: Key, findings: &mut Findings) {
        let Ok(index) = self.keys.binary_search(&key) else {
            findings.violate(format!("host {host} started {key}, which nobody announced"));
            return;
        };
        if !self.collected.get_mut(&host).is_some_and(|keys| keys.insert(index)) {
            findings.violate(format!("host {host} started {key}, which it collects"));
            return;
        }
        let count = &mut self.collectors[index];
        *count += 1;
        match count {
            1 => self.unowned -= 1,
            _ => self.doubled += 1,
        }
    }

    pub(super) fn stopped(&mut self, host: usize, key: Key, findings: &mut Findings) {
        let collected = self.collected.get_mut(&host);
        match self.keys.binary_search(&key) {
            Ok(index) if collected.is_some_and(|keys| keys.remove(&index)) => self.release(index),
            _ => findings.violate(format!("host {host} stopped {key}, which it does not collect")),
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
}
