//! Exemplars that travel with a sample of their series, as remote write 2.0 demands.

use model::{Batch, Exemplar, Span};
use rustc_hash::FxHashMap;

/// Exemplars of one series, each with its own labels.
pub(super) type Along<'b> = Vec<(&'b Exemplar, &'b [u8])>;

/// The exemplars of a batch that no sample has taken along yet, by the labels of their series.
#[derive(Debug, Default)]
pub(super) struct Attached<'b> {
    waiting: FxHashMap<&'b [u8], Along<'b>>,
}

impl<'b> Attached<'b> {
    /// All that are not older than `oldest`.
    pub(super) fn of(batch: &'b Batch, oldest: i64) -> Self {
        let mut waiting: FxHashMap<&[u8], Along<'_>> = FxHashMap::default();
        for exemplar in batch.exemplars.iter().filter(|exemplar| exemplar.timestamp >= oldest) {
            let series = batch.labels(exemplar.series).as_encoded();
            let own = batch.labels(exemplar.labels).as_encoded();
            waiting.entry(series).or_default().push((exemplar, own));
        }
        Self { waiting }
    }

    /// Those of a series, for its sample. Another sample of the series gets none.
    #[inline]
    pub(super) fn take(&mut self, batch: &'b Batch, series: Span) -> Along<'b> {
        // Most pages have none.
        if self.waiting.is_empty() {
            return Along::new();
        }
        self.waiting.remove(batch.labels(series).as_encoded()).unwrap_or_default()
    }

    /// Whether some of a series are left.
    pub(super) fn has(&self, batch: &Batch, series: Span) -> bool {
        self.waiting.contains_key(batch.labels(series).as_encoded())
    }
}
