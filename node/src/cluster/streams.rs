//! What goes over TCP between nodes: questions to the peer API and their answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::telemetry::Exposition;

#[cfg(test)]
pub(super) mod tests;

/// Counts of one node's exchanges with its peers, those that it begins and those that they begin.
///
/// Each body counts once where it is sent and once where it is received, whatever it says; each
/// question of this node has one outcome, an answer or none.
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
        for (direction, bodies, what, size) in [
            (
                "rx",
                &self.received,
                "Bodies received from peers over TCP: questions and answers, refusals and what \
                 cannot be opened included.",
                "Bytes of the bodies received from peers over TCP.",
            ),
            (
                "tx",
                &self.sent,
                "Bodies sent to peers over TCP: questions, whether they arrive or not, and \
                 answers, refusals included.",
                "Bytes of the bodies sent to peers over TCP.",
            ),
        ] {
            let name = |rest: &str| format!("cluster_transport_stream_{direction}_{rest}_total");
            let count = bodies.count.load(Ordering::Relaxed) as f64;
            page.counter(&name("packets"), what, &[], count);
            let bytes = bodies.bytes.load(Ordering::Relaxed) as f64;
            page.counter(&name("bytes"), size, &[], bytes);
        }
        let help = "Questions sent to peers over TCP without success: nobody answered in time, the \
                    peer refused, or its answer could not be opened.";
        let unanswered = self.unanswered.load(Ordering::Relaxed) as f64;
        page.counter("cluster_transport_stream_tx_packets_failed_total", help, &[], unanswered);
    }
}

impl Stream {
    /// Something has come back for the question, of so many bytes; it may be a refusal.
    pub(super) fn receive(&self, bytes: usize) {
        self.streams.received.add(bytes);
    }

    /// What has come back is an answer.
    pub(super) fn answered(mut self) {
        self.awaits = false;
    }

    /// This node answers with so many bytes, or refuses to.
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
