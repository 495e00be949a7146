//! Exemplars that travel with a sample of their series, as remote write 2.0 demands.

use std::ops::Range;

use model::{Batch, Exemplar, Span};
use xxhash_rust::xxh3::xxh3_64;

/// Which exemplars of a batch no sample has taken along yet. One for all batches: it keeps its memory.
#[derive(Debug, Default)]
pub(super) struct Attached {
    /// A hash of the labels of the series, and the place of the exemplar in the batch; sorted.
    places: Vec<(u64, u32)>,
    /// By position in `places`.
    taken: Vec<bool>,
}

/// Exemplars of one series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Along<'b> {
    batch: &'b Batch,
    places: &'b [(u64, u32)],
}

impl<'b> Along<'b> {
    /// Each, with its own labels.
    #[inline]
    pub(super) fn iter(self) -> impl Iterator<Item = (&'b Exemplar, &'b [u8])> {
        let exemplars = self.places.iter().map(|(_, place)| &self.batch.exemplars[*place as usize]);
        exemplars.map(|exemplar| (exemplar, self.batch.labels(exemplar.labels).as_encoded()))
    }
}

impl Attached {
    /// None at all.
    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.taken.clear();
    }

    /// All of a batch that are not older than `oldest`.
    pub(super) fn fill(&mut self, batch: &Batch, oldest: i64) {
        let young = |(_, exemplar): &(u32, &Exemplar)| exemplar.timestamp >= oldest;
        let exemplars = (0..).zip(&batch.exemplars).filter(young);
        self.places.extend(exemplars.map(|(place, e)| (hash(batch, e.series), place)));
        self.places.sort_unstable();
        self.taken.resize(self.places.len(), false);
    }

    /// Takes those of a series, for its sample. Another sample of the series gets none.
    #[inline]
    pub(super) fn take(&mut self, batch: &Batch, series: Span) -> Range<usize> {
        // Most pages have none.
        if self.places.is_empty() {
            return 0..0;
        }
        let all = self.of(batch, series);
        let taken = &mut self.taken[all.clone()];
        if taken.first().is_none_or(|taken| *taken) {
            return 0..0;
        }
        taken.fill(true);
        all
    }

    /// What was taken from the batch.
    #[inline]
    pub(super) fn along<'b>(&'b self, batch: &'b Batch, taken: Range<usize>) -> Along<'b> {
        Along { batch, places: &self.places[taken] }
    }

    /// Whether those of a series are still here.
    pub(super) fn has(&self, batch: &Batch, series: Span) -> bool {
        self.taken[self.of(batch, series)].first().is_some_and(|taken| !taken)
    }

    fn of(&self, batch: &Batch, series: Span) -> Range<usize> {
        let hash = hash(batch, series);
        let start = self.places.partition_point(|(other, _)| *other < hash);
        let count = self.places[start..].iter().take_while(|(other, _)| *other == hash).count();
        start..start + count
    }
}

fn hash(batch: &Batch, series: Span) -> u64 {
    xxh3_64(batch.labels(series).as_encoded())
}
