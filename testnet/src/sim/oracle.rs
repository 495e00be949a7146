//! What watches a world from outside.

use std::time::Duration;

use membership::Event;
use ownership::Key;

use super::collector::Hold;
use super::host::Population;

/// Something that happened, as nobody in the world can see it.
#[derive(Debug, Clone, Copy)]
pub enum Fact<'a> {
    /// A node has started.
    Booted {
        /// Where.
        host: usize,
    },
    /// A node is no more.
    Ended {
        /// Where it was.
        host: usize,
    },
    /// A node found something out, or believes so.
    Swim {
        /// Where it runs.
        host: usize,
        /// What.
        event: &'a Event,
    },
    /// A node has another view.
    View {
        /// Where it runs.
        host: usize,
        /// The digest of the view; `None` when the node stays out, because another one has its name.
        digest: Option<u64>,
    },
    /// A node has sent a datagram.
    Sent {
        /// Where it runs.
        host: usize,
        /// Its bytes, without the headers of UDP and IP.
        length: usize,
    },
    /// A node has sent a question or an answer of a comparison of states.
    Compared {
        /// Where it runs.
        host: usize,
        /// Its bytes.
        length: usize,
    },
    /// A node has acted upon a sealed message.
    Accepted {
        /// Where it runs.
        host: usize,
        /// All of it.
        message: &'a [u8],
    },
    /// A node collects a key from now on.
    Started {
        /// Where it runs.
        host: usize,
        /// Which.
        key: Key,
    },
    /// A node has collected a key for a while, and does so no more.
    Held {
        /// Which.
        key: Key,
        /// Where, when, and what of it.
        hold: &'a Hold,
    },
    /// A node collects a key no more.
    Stopped {
        /// Where it runs.
        host: usize,
        /// Which.
        key: Key,
    },
}

/// What watches a world: it is told everything, in order, and changes nothing.
///
/// A pair of oracles is an oracle, so that a scenario combines the ones it needs.
pub trait Oracle {
    /// Notes `fact`, which is true from `at` on; `truth` is the world after it.
    fn see(&mut self, at: Duration, fact: Fact<'_>, truth: &Population);

    /// Virtual time has come to `now`.
    fn advance(&mut self, now: Duration) {
        let _ = now;
    }
}

impl<A: Oracle, B: Oracle> Oracle for (A, B) {
    fn see(&mut self, at: Duration, fact: Fact<'_>, truth: &Population) {
        self.0.see(at, fact, truth);
        self.1.see(at, fact, truth);
    }

    fn advance(&mut self, now: Duration) {
        self.0.advance(now);
        self.1.advance(now);
    }
}
