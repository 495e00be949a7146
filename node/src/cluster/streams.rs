//! What goes over TCP between nodes: questions to the peer API and their answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::telemetry::Exposition;

#[cfg(test)]
mod tests;

/// Counts of one node's exchanges with its peers, those that it begins and those that they begin.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    open: AtomicI64,
    received: Bodies,
    sent: Bodies,
    unanswered: AtomicU64,
}

#[derive(Debug, Default)]
struct Bodies {
    count: AtomicU64,
    bytes: AtomicU64,
}

impl Bodies {
    fn add(&self, bytes: usize) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// An exchange; it counts as open for as long as this lives.
#[derive(Debug)]
pub(crate) struct Stream {
    streams: Arc<Streams>,
    /// Whether there is an answer to come.
    awaits: bool,
}

impl Streams {
    /// This node sends a question of so many bytes.
    pub(super) fn ask(self: &Arc<Self>, bytes: usize) -> Stream {
        self.sent.add(bytes);
        self.begin(true)
    }

    /// A question of so many bytes has arrived.
    pub(crate) fn hear(self: &Arc<Self>, bytes: usize) -> Stream {
        self.received.add(bytes);
        self.begin(false)
    }

    fn begin(self: &Arc<Self>, awaits: bool) -> Stream {
        self.open.fetch_add(1, Ordering::Relaxed);
        Stream { streams: Arc::clone(self), awaits }
    }

    /// Alloy's names. What is a stream there is a request here, and its packets are bodies.
    pub(super) fn page(&self, page: &mut Exposition) {
        let open = self.open.load(Ordering::Relaxed) as f64;
        let help = "Exchanges with peers over TCP that are under way.";
        page.gauge("cluster_transport_streams", help, &[], open);
        for (direction, bodies) in [("rx", &self.received), ("tx", &self.sent)] {
            let name = |rest: &str| format!("cluster_transport_stream_{direction}_{rest}_total");
            let help = "Bodies of exchanges with peers over TCP.";
            let count = bodies.count.load(Ordering::Relaxed) as f64;
            page.counter(&name("packets"), help, &[], count);
            let help = "Bytes of those bodies.";
            let bytes = bodies.bytes.load(Ordering::Relaxed) as f64;
            page.counter(&name("bytes"), help, &[], bytes);
        }
        let help = "Questions to peers over TCP that got no answer, or a refusal.";
        let unanswered = self.unanswered.load(Ordering::Relaxed) as f64;
        page.counter("cluster_transport_stream_tx_packets_failed_total", help, &[], unanswered);
    }
}

impl Stream {
    /// The answer has arrived and has so many bytes.
    pub(super) fn answered(mut self, bytes: usize) {
        self.awaits = false;
        self.streams.received.add(bytes);
    }

    /// This node answers with so many bytes.
    pub(crate) fn answer(self, bytes: usize) {
        self.streams.sent.add(bytes);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.streams.open.fetch_sub(1, Ordering::Relaxed);
        // Also when whoever asked has lost patience.
        self.streams.unanswered.fetch_add(u64::from(self.awaits), Ordering::Relaxed);
    }
}
