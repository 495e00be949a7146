//! What the walk puts into its batches beside labels and samples.

use std::sync::Arc;

use model::{Batch, Sample as BatchSample, Span};

use super::beginning;
use super::exemplar;
use super::walk::{Refusal, Walk};
use super::{Escapes, Page};
use crate::parse::{Exemplar, Sample};

impl Walk<'_> {
    /// The place of a series' family in the batch.
    #[inline]
    pub(super) fn family_index(&mut self, series: &str) -> u32 {
        let Some(family) =
            self.family.of(series, &self.known.families, self.families, self.options.escapes)
        else {
            return BatchSample::NO_FAMILY;
        };
        let families = &mut self.batch.families;
        if families.last().is_none_or(|last| !Arc::ptr_eq(last, family)) {
            families.push(family.clone());
        }
        u32::try_from(families.len() - 1).expect("a batch has a few thousand samples")
    }

    /// Takes an exemplar, unless the page before had it for the same series: a page shows one until there
    /// is another, and one without a timestamp would be another at each scrape.
    pub(super) fn exemplar(&mut self, series: Span, exemplar: &Exemplar<'_>, timestamp: i64) {
        let start = self.extra.len();
        if !exemplar::write_labels(exemplar.labels, &mut self.extra) {
            return;
        }
        let series_labels = self.batch.labels(series).as_encoded();
        let hash = exemplar::hash(series_labels, &self.extra[start..], exemplar);
        self.exemplars.push(hash);
        if self.known.exemplars.binary_search(&hash).is_ok() {
            self.extra.truncate(start);
            return;
        }
        self.page.exemplars += 1;
        self.batch.exemplars.push(model::Exemplar {
            series,
            // Moved behind the labels of the series when the batch is finished.
            labels: Span::new(start, self.extra.len()),
            timestamp: exemplar.timestamp.unwrap_or(timestamp),
            value: exemplar.value,
        });
    }

    /// A counter that began since the last scrape was zero then.
    #[inline]
    pub(super) fn push_zero(&mut self, labels: Span, family: u32, began: i64, timestamp: i64) {
        let Some(after) = self.options.zeros_after else { return };
        if began > after && began < timestamp {
            self.batch.samples.push(BatchSample {
                labels,
                family,
                timestamp: began,
                start_timestamp: began,
                value: 0.0,
            });
        }
    }

    /// Whether a line only says when the series of its family began.
    pub(super) fn is_beginning(&self, series: &str) -> bool {
        self.options.escapes == Escapes::OpenMetrics
            && beginning::is_beginning(series, self.family.name(), self.family.kind())
    }

    /// Gives the samples of a metric the instant at which they began, which stands behind them.
    pub(super) fn beginning(&mut self, sample: &Sample<'_>) -> Result<(), Refusal> {
        let began = (sample.value * 1000.0).round();
        if began.is_finite() {
            let batches = [self.page.batches.last_mut(), Some(&mut self.batch)];
            let zeros_after = self.options.zeros_after.unwrap_or(i64::MAX);
            beginning::set(batches, sample.series, self.family.name(), began as i64, zeros_after)
                .map_err(Refusal::Labels)?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) {
        Self::flush_into(&mut self.page, &mut self.batch, &mut self.extra);
    }

    pub(super) fn flush_into(page: &mut Page, batch: &mut Batch, extra: &mut Vec<u8>) {
        let base = batch.arena.len();
        batch.arena.append(extra);
        for exemplar in &mut batch.exemplars {
            let Span { start, end } = exemplar.labels;
            exemplar.labels = Span::new(base + start as usize, base + end as usize);
        }
        let batch = std::mem::take(batch);
        if !batch.is_empty() {
            page.batches.push(batch);
        }
    }
}
