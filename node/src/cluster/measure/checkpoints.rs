//! Checkpoints that this node keeps for others, and those of its own that it could not send.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use ownership::handover::Checkpoints;

use super::{Measures, add, get};
use crate::telemetry::Exposition;

/// The figures.
#[derive(Debug, Default)]
pub(super) struct Figures {
    kept: AtomicUsize,
    bytes: AtomicUsize,
    left_out: AtomicU64,
    evicted: AtomicU64,
}

impl Measures {
    /// Takes over what is kept.
    pub(in crate::cluster) fn checkpoints_kept(&self, kept: &Checkpoints) {
        self.checkpoints.kept.store(kept.len(), Ordering::Relaxed);
        self.checkpoints.bytes.store(kept.bytes(), Ordering::Relaxed);
        self.checkpoints.evicted.store(kept.evicted(), Ordering::Relaxed);
    }

    /// So many positions of this node's own go without a checkpoint.
    pub(in crate::cluster) fn checkpoints_left_out(&self, count: usize) {
        add(&self.checkpoints.left_out, count as u64);
    }
}

impl Figures {
    pub(super) fn page(&self, page: &mut Exposition) {
        let gauge = |number: &AtomicUsize| number.load(Ordering::Relaxed) as f64;
        let help = "Targets of other nodes whose checkpoints this one keeps as their deputy.";
        page.gauge("shoal_checkpoints", help, &[], gauge(&self.kept));
        let help = "Bytes of checkpoints that this node keeps as a deputy.";
        page.gauge("shoal_checkpoints_bytes", help, &[], gauge(&self.bytes));
        let help = "Checkpoints of other nodes that this one had no room for.";
        page.counter("shoal_checkpoints_evicted_total", help, &[], get(&self.evicted));
        let help = "Checkpoints of this node that were too long, or too many, to be sent.";
        page.counter("shoal_checkpoints_left_out_total", help, &[], get(&self.left_out));
    }
}
