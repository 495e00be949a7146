//! What has samples that another node may have written, too, in frames that are not delivered.
//!
//! Such frames may be overtaken by those that are not, so for as long as one of them waits the samples of
//! its targets go into more of them: a series must not overtake itself. A frame counts as delivered when
//! everything before it in the log is, too: a target stays somewhat longer than it must.

use std::collections::HashMap;

/// Where series come from, see [`super::origin_of`], and the frames that have some of them.
#[derive(Debug, Default)]
pub(super) struct Overlapping {
    origins: HashMap<u64, Frames>,
    /// Every frame before this sequence is delivered.
    unfinished: u64,
}

#[derive(Debug, Default)]
struct Frames {
    /// How many have no place in the log yet.
    open: u32,
    /// The sequence of the last that has one.
    last: u64,
}

impl Frames {
    fn wait(&self, unfinished: u64) -> bool {
        self.open > 0 || self.last >= unfinished
    }
}

impl Overlapping {
    pub(super) fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    /// Whether what comes from there has to stay behind frames that wait.
    pub(super) fn has(&self, origin: u64) -> bool {
        self.origins.get(&origin).is_some_and(|frames| frames.wait(self.unfinished))
    }

    /// A frame that is not sealed has got something from there.
    pub(super) fn open(&mut self, origin: u64) {
        self.origins.entry(origin).or_default().open += 1;
    }

    /// A frame with something from these has got its place.
    pub(super) fn close(&mut self, origins: &[u64], sequence: u64) {
        for origin in origins {
            if let Some(frames) = self.origins.get_mut(origin) {
                frames.open = frames.open.saturating_sub(1);
                frames.last = frames.last.max(sequence);
            }
        }
    }

    /// Every frame before this sequence is delivered.
    pub(super) fn delivered_before(&mut self, unfinished: u64) {
        self.unfinished = unfinished;
    }

    /// Forgets what waits for nothing any more.
    pub(super) fn prune(&mut self) {
        let unfinished = self.unfinished;
        self.origins.retain(|_, frames| frames.wait(unfinished));
    }
}
