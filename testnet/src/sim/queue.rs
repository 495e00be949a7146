//! One heap of everything that is going to happen.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Events in the order of their time, and of equal times in the order of their scheduling, so
/// that equal runs are equal.
///
/// The heap holds times and places alone: moving whole events about in it was a tenth of the cost of
/// a simulation.
#[derive(Debug)]
pub(super) struct Queue<E> {
    /// Nanoseconds, sequence number, place of the event.
    heap: BinaryHeap<Reverse<(u64, u64, u32)>>,
    events: Vec<Option<E>>,
    free: Vec<u32>,
    sequence: u64,
}

impl<E> Queue<E> {
    pub(super) fn push(&mut self, at: Duration, event: E) {
        self.sequence += 1;
        let place = match self.free.pop() {
            Some(place) => {
                self.events[place as usize] = Some(event);
                place
            }
            None => {
                self.events.push(Some(event));
                u32::try_from(self.events.len() - 1).expect("fewer than 2^32 events are pending")
            }
        };
        self.heap.push(Reverse((nanoseconds(at), self.sequence, place)));
    }

    /// The next event and its time, if it is not after `limit`.
    pub(super) fn pop(&mut self, limit: Duration) -> Option<(Duration, E)> {
        let Reverse((at, _, place)) = *self.heap.peek()?;
        if at > nanoseconds(limit) {
            return None;
        }
        self.heap.pop();
        self.free.push(place);
        let event = self.events[place as usize].take().expect("a place in the heap is filled");
        Some((Duration::from_nanos(at), event))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("a world ends within five centuries")
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), events: Vec::new(), free: Vec::new(), sequence: 0 }
    }
}
