//! Where samples go: receivers as values of the language, and sending to several of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use model::Batch;
use syntax::Capsule;
use tokio::sync::{mpsc, watch};

use crate::telemetry::{Exposition, Histogram};

#[cfg(test)]
mod tests;

/// Batches that wait at a receiver; whoever sends then waits too. Batches hold up to a few
/// thousand samples, so this bounds a queue to some ten thousand samples.
pub(super) const BATCHES_IN_FLIGHT: usize = 16;

/// Something that takes samples, exported by a component.
#[derive(Debug)]
pub struct MetricsReceiver(mpsc::Sender<Arc<Batch>>);

impl MetricsReceiver {
    /// A receiver, and where its batches arrive. Receivers are also held by values, so whoever ends
    /// closes his side and takes what is there; those that send to him have been stopped by then.
    pub fn new() -> (Arc<Self>, mpsc::Receiver<Arc<Batch>>) {
        let (sender, batches) = mpsc::channel(BATCHES_IN_FLIGHT);
        (Arc::new(Self(sender)), batches)
    }
}

impl Capsule for MetricsReceiver {
    fn type_name() -> &'static str {
        "MetricsReceiver"
    }
}

/// The receivers of a component. They can be exchanged while it sends.
#[derive(Debug)]
pub struct Fanout {
    receivers: watch::Sender<Arc<[Arc<MetricsReceiver>]>>,
    latency: Histogram,
    samples: AtomicU64,
    lost: AtomicU64,
}

/// Upper bounds of `prometheus_fanout_latency`, in seconds.
const LATENCY: [f64; 10] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

impl Fanout {
    /// Sends to these receivers.
    pub fn new(receivers: Vec<Arc<MetricsReceiver>>) -> Arc<Self> {
        Arc::new(Self {
            receivers: watch::channel(receivers.into()).0,
            latency: Histogram::new(&LATENCY),
            samples: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        })
    }

    /// Sends to these receivers from the next batch on.
    pub fn set(&self, receivers: Vec<Arc<MetricsReceiver>>) {
        self.receivers.send_replace(receivers.into());
    }

    /// Hands a batch to every receiver, waiting for those that are full. What a receiver does not
    /// take because it has ended goes to those that took its place, or is counted as lost.
    pub async fn send(&self, batch: &Arc<Batch>) {
        let began = Instant::now();
        let receivers = self.list();
        if !deliver(batch, &receivers).await {
            let successors: Vec<_> = self
                .list()
                .iter()
                .filter(|new| !receivers.iter().any(|old| Arc::ptr_eq(old, new)))
                .cloned()
                .collect();
            if successors.is_empty() || !deliver(batch, &successors).await {
                self.lost.fetch_add(batch.sample_count() as u64, Ordering::Relaxed);
            }
        }
        self.samples.fetch_add(batch.sample_count() as u64, Ordering::Relaxed);
        self.latency.observe(began.elapsed().as_secs_f64());
    }

    fn list(&self) -> Arc<[Arc<MetricsReceiver>]> {
        Arc::clone(&self.receivers.borrow())
    }

    /// Writes down how much was forwarded.
    pub fn collect(&self, page: &mut Exposition) {
        page.histogram(
            "prometheus_fanout_latency",
            "Time it took to hand samples to all receivers.",
            &[],
            &self.latency.snapshot(),
        );
        page.counter(
            "prometheus_forwarded_samples_total",
            "Samples handed to the receivers.",
            &[],
            self.samples.load(Ordering::Relaxed) as f64,
        );
        page.counter(
            "shoal_unforwarded_samples_total",
            "Samples that a receiver did not take because it had ended.",
            &[],
            self.lost.load(Ordering::Relaxed) as f64,
        );
    }
}

/// Whether every receiver took the batch.
async fn deliver(batch: &Arc<Batch>, receivers: &[Arc<MetricsReceiver>]) -> bool {
    let mut taken = true;
    for receiver in receivers {
        taken &= receiver.0.send(Arc::clone(batch)).await.is_ok();
    }
    taken
}
