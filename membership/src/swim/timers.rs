//! foca's timers, in the order foca wants them back.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

use foca::Timer;

use crate::Peer;

#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    /// When to forget whom of the dead. All are remembered for the same time, so that they queue up;
    /// among the few others, those of half a large cluster would be in the way of every probe.
    burials: VecDeque<Entry>,
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
        let last = self.burials.back().is_none_or(|last| last.due <= due);
        let burial = last && matches!(timer, Timer::RemoveDown(_));
        let entry = Entry { due, timer, sequence: self.sequence };
        if burial {
            self.burials.push_back(entry);
        } else {
            self.heap.push(Reverse(entry));
        }
    }

    /// Takes the first timer that is due at `now`.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Timer<Peer>> {
        let (first, burial) = self.first()?;
        if first.due > now {
            return None;
        }
        let entry = if burial { self.burials.pop_front() } else { self.heap.pop().map(|e| e.0) };
        entry.map(|entry| entry.timer)
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.first().map(|(entry, _)| entry.due)
    }

    /// The first of all, and whether it is among the burials.
    fn first(&self) -> Option<(&Entry, bool)> {
        let burial = self.burials.front().map(|entry| (entry, true));
        let other = self.heap.peek().map(|entry| (&entry.0, false));
        burial.into_iter().chain(other).min()
    }

    pub(super) fn clear(&mut self) {
        self.heap.clear();
        self.burials.clear();
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
