//! Markers of series that ended.

use model::{Batch, LabelsRef, STALE_NAN};

use super::BATCH_SAMPLES;

/// Appends the `count`th staleness marker; markers have batches of their own.
pub(crate) fn push_stale(
    batches: &mut Vec<Batch>,
    count: usize,
    labels: LabelsRef<'_>,
    timestamp: i64,
) {
    if count % BATCH_SAMPLES == 1 {
        batches.push(Batch::default());
    }
    let batch = batches.last_mut().expect("the first marker makes a batch");
    batch.push(labels, timestamp, STALE_NAN);
}
