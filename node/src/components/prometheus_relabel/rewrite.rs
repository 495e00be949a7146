//! One batch to another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::relabel::{Outcome, Rules, Scratch};
use model::{Batch, Family, LabelsRef, Sample, Span, is_stale};
use tokio::time::Instant;

use super::cache::{Bounds, Cache};
use crate::telemetry::Exposition;

/// Applies rules, and remembers what came of it.
pub(super) struct Rewriter {
    rules: Rules,
    cache: Cache,
    scratch: Scratch,
    /// What was seen in the batch that is being rewritten.
    seen: Seen,
    telemetry: Arc<Telemetry>,
}

#[derive(Debug, Default)]
struct Seen {
    hits: usize,
    misses: usize,
    deletes: usize,
}

/// Counts of one component.
#[derive(Debug, Default)]
pub(super) struct Telemetry {
    processed: AtomicU64,
    written: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    deletes: AtomicU64,
    evictions: AtomicU64,
    size: AtomicU64,
}

impl Rewriter {
    pub(super) fn new(rules: Rules, bounds: Bounds, telemetry: Arc<Telemetry>) -> Self {
        let cache = Cache::new(bounds);
        Self { rules, cache, scratch: Scratch::default(), seen: Seen::default(), telemetry }
    }

    /// Goes on with other rules; what was remembered is forgotten.
    pub(super) fn change(&mut self, rules: Rules, bounds: Bounds) {
        self.rules = rules;
        self.cache = Cache::new(bounds);
    }

    /// The batch with the labels that the rules make, none when nothing is left of it.
    pub(super) fn rewrite(&mut self, batch: &Arc<Batch>, now: Instant) -> Option<Arc<Batch>> {
        let evicted = self.cache.sweep(now);
        let rewritten =
            if self.rules.is_empty() { Arc::clone(batch) } else { self.copy(batch, now).into() };
        let Seen { hits, misses, deletes } = std::mem::take(&mut self.seen);
        let telemetry = &self.telemetry;
        for (counter, count) in [
            (&telemetry.processed, batch.sample_count()),
            (&telemetry.written, rewritten.sample_count()),
            (&telemetry.hits, hits),
            (&telemetry.misses, misses),
            (&telemetry.deletes, deletes),
            (&telemetry.evictions, evicted),
        ] {
            counter.fetch_add(count as u64, Ordering::Relaxed);
        }
        telemetry.size.store(self.cache.len() as u64, Ordering::Relaxed);
        // That some series moved here matters even when this page has nothing left of them.
        (!rewritten.is_empty() || rewritten.predecessor.is_some()).then_some(rewritten)
    }

    fn copy(&mut self, batch: &Batch, now: Instant) -> Batch {
        let mut out = Batch {
            arena: Vec::with_capacity(batch.arena.len()),
            samples: Vec::with_capacity(batch.samples.len()),
            overlap: batch.overlap,
            predecessor: batch.predecessor.clone(),
            ..Batch::default()
        };
        for sample in &batch.samples {
            let ends = is_stale(sample.value);
            let labels = self.relabel(batch.labels(sample.labels), ends, now, &mut out);
            out.samples.extend(labels.map(|labels| Sample { labels, ..*sample }));
        }
        for histogram in &batch.histograms {
            let labels = self.relabel(batch.labels(histogram.labels), false, now, &mut out);
            let with = |labels| model::HistogramSample { labels, ..histogram.clone() };
            out.histograms.extend(labels.map(with));
        }
        for exemplar in &batch.exemplars {
            let series = self.relabel(batch.labels(exemplar.series), false, now, &mut out);
            if let Some(series) = series {
                let labels = out.push_labels(batch.labels(exemplar.labels));
                out.exemplars.push(model::Exemplar { series, labels, ..*exemplar });
            }
        }
        take_families(&batch.families, &mut out);
        out
    }

    /// Puts what the rules make of a label set into a batch; none when they drop it.
    fn relabel(
        &mut self,
        labels: LabelsRef<'_>,
        ends: bool,
        now: Instant,
        out: &mut Batch,
    ) -> Option<Span> {
        let span = match self.cache.get(labels, now) {
            Some(known) => {
                self.seen.hits += 1;
                known.map(|known| out.push_labels(known.borrowed()))
            }
            None => {
                self.seen.misses += 1;
                let input = labels.to_labels();
                let output = match self.rules.apply(labels, &mut self.scratch) {
                    // The same bytes, held once.
                    Outcome::Unchanged => Some(input.clone()),
                    outcome => outcome.or_unchanged(labels).map(LabelsRef::to_labels),
                };
                let span = output.as_ref().map(|output| out.push_labels(output.borrowed()));
                if !ends {
                    self.cache.insert(input, output, now);
                }
                return span;
            }
        };
        if ends && self.cache.remove(labels) {
            self.seen.deletes += 1;
        }
        span
    }
}

/// Takes over what is said of families, as far as a series of them is left: as in Alloy, nobody is
/// told of what a rule drops.
fn take_families(families: &[Arc<Family>], out: &mut Batch) {
    let mut places = vec![Sample::NO_FAMILY; families.len()];
    let samples = out.samples.iter_mut().map(|sample| &mut sample.family);
    for index in samples.chain(out.histograms.iter_mut().map(|sample| &mut sample.family)) {
        let at = *index as usize;
        let Some(place) = places.get_mut(at) else { continue };
        if *place == Sample::NO_FAMILY {
            *place = out.families.len() as u32;
            out.families.push(Arc::clone(&families[at]));
        }
        *index = *place;
    }
}

impl Telemetry {
    pub(super) fn collect(&self, page: &mut Exposition) {
        let counters = [
            ("metrics_processed", "Samples that came.", &self.processed),
            ("metrics_written", "Samples that were forwarded.", &self.written),
            ("cache_misses", "Series that were not remembered.", &self.misses),
            ("cache_hits", "Series that were remembered.", &self.hits),
            ("cache_deletes", "Series forgotten because they had ended.", &self.deletes),
            ("cache_ttl_evictions", "Series forgotten because of their age.", &self.evictions),
        ];
        for (name, help, counter) in counters {
            let name = format!("alloy_prometheus_relabel_{name}");
            page.counter(&name, help, &[], counter.load(Ordering::Relaxed) as f64);
        }
        let size = self.size.load(Ordering::Relaxed) as f64;
        page.gauge("alloy_prometheus_relabel_cache_size", "Series remembered.", &[], size);
    }
}
