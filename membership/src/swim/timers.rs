//! foca's timers, in the order foca wants them back.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Instant;

use foca::Timer;

use crate::Peer;

#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
}

#[derive(Debug)]
struct Entry {
    due: Instant,
    timer: Timer<Peer>,
    sequence: u64,
}

impl Timers {
    pub(super) fn push(&mut self, due: Instant, timer: Timer<Peer>) {
        self.sequence += 1;
        self.heap.push(Reverse(Entry { due, timer, sequence: self.sequence }));
    }

    /// Takes the first timer that is due at `now`.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Timer<Peer>> {
        if self.heap.peek()?.0.due > now {
            return None;
        }
        self.heap.pop().map(|entry| entry.0.timer)
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|entry| entry.0.due)
    }

    pub(super) fn clear(&mut self) {
        self.heap.clear();
    }
}

impl Ord for Entry {
    /// By instant, then as foca's `Timer` orders itself, then by age, so that equal runs are equal.
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due, &self.timer, self.sequence).cmp(&(other.due, &other.timer, other.sequence))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}
