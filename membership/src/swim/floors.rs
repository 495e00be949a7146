//! The generations of the dead: what is not above them is not believed to live.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::Name;

/// How many are kept; the oldest are forgotten first. As many as there can be peers in one state sync,
/// for about 1 MB.
const KEPT: usize = 20_000;

/// Names are told apart by their hash: this is asked for every peer that a datagram mentions.
#[derive(Debug, Default)]
pub(super) struct Floors {
    floors: FxHashMap<u64, u64>,
    /// In the order in which they were buried last.
    order: VecDeque<(u64, u64)>,
}

impl Floors {
    /// Notes that no life of `name` up to `generation` is to come back.
    pub(super) fn bury(&mut self, name: &Name, generation: u64) {
        let floor = self.floors.entry(name.hash()).or_insert(0);
        if generation <= *floor && *floor != 0 {
            return;
        }
        *floor = generation;
        self.order.push_back((name.hash(), generation));
        while self.order.len() > KEPT {
            let Some((name, generation)) = self.order.pop_front() else { return };
            // A later burial of the same name is further back in the queue.
            if self.floors.get(&name) == Some(&generation) {
                self.floors.remove(&name);
            }
        }
    }

    /// Whether a life of `name` of this generation has ended.
    pub(super) fn has_ended(&self, name: &Name, generation: u64) -> bool {
        self.floors.get(&name.hash()).is_some_and(|floor| generation <= *floor)
    }
}
